"""A partner begun: what is asked, what is refused, the profile that comes of it, the folder that is whole or not."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certs.lives import Life
from gateway.onboarding.founding.blueprints import about, blueprints, shipped
from gateway.onboarding.founding.house import House, Places, gather_house, settings_text
from gateway.onboarding.founding.profile_text import ApiKeyDigest, Draft, profile_text
from gateway.onboarding.founding.questions import Answers, Ours, Question, gather
from gateway.onboarding.founding.sheet import Sheet, sheet_text
from gateway.onboarding.founding.values import (
    Address,
    Contact,
    Objection,
    address,
    certificate_file,
    contact,
    field_of,
    public_key_file,
)
from gateway.onboarding.guide.facts import ServerKey
from gateway.onboarding.ssh_key_files import as_openssh
from gateway.onboarding.whole_files import FolderExists, place_file, place_folder
from gateway.settings import Settings
from partners.as2_terms import As2
from partners.directory import load_all
from partners.loader import LoadedProfile, load_profile
from partners.profile import X12Address
from partners.schema import profile_schema
from partners.templates import Templates
from tests.onboarding.test_agreements import BIGCORP, NOW, PLANT
from tests.onboarding.test_check import GOOD, PAIR
from tests.partners.profiles import KEY_DIGEST, write

T = TypeVar("T")

PLANS = {one.name: one for one in blueprints(Templates())}
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLm0nnFSbAbL1VW3MTHPKLkDkAbHC7aN7BiOq0yqQmJ edi@acme\n"
OURS = {
    "company": "BigCorp Inc.",
    "public_url": "https://b2b.bigcorp.example/",
    "contacts": [{"name": "EDI desk", "email": "edi@bigcorp.example"}],
    "identities": [
        {"name": "bigcorp", "as2_id": "BIGCORP-AS2", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}
    ],
}


SERVER_OF_THEIRS = {
    "sftp_server": "sftp.acme.example:2222",
    "sftp_server_host_key": "SHA256:" + "A" * 43,
    "sftp_server_user": "bigcorp",
    "sftp_server_fetch": "/outgoing",
    "sftp_server_folder": "/incoming/{document}",
}


class Told:
    """Answers by option; remembers what was asked."""

    def __init__(self, **answers: str) -> None:
        self.answers = {f"--{name.replace('_', '-')}": text for name, text in answers.items()}
        self.asked: list[str] = []

    def __call__(self, question: Question[T]) -> tuple[T, ...]:
        self.asked.append(question.flag)
        assert question.asks
        assert question.help
        text = self.answers.get(question.flag, question.default)
        return tuple(question.read(part) for part in text.split(",")) if text else ()


def asked_of(template: str, ours: Ours | None = None, **answers: str) -> tuple[list[str], Answers]:
    told = Told(**answers)
    return told.asked, gather(told, "new-partner", PLANS[template], ours or Ours([BIGCORP]))


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "asks"),
    [
        ("as2-x12", "--name --x12 --group-id --as2-id --as2-url --as2-certificate --documents --contact"),
        ("as2-json", "--name --as2-id --as2-url --as2-certificate --documents --contact"),
        ("rest-json", "--name --api-key --documents --contact"),
        ("sftp-x12", "--name --x12 --group-id --sftp-user --sftp-key --sftp-server --documents --contact"),
        (
            "sftp-server-x12",
            (
                "--name --x12 --group-id --sftp-server --sftp-server-host-key --sftp-server-user --sftp-server-key "
                "--sftp-server-fetch --sftp-server-folder --documents --contact"
            ),
        ),
        ("connection", "--name --as2-id --as2-url --as2-certificate --speaks-for --contact"),
        ("via-connection", "--name --x12 --via --group-id --documents --contact"),
    ],
)
def test_only_what_the_template_leaves_open_is_asked(template: str, asks: str) -> None:
    theirs = SERVER_OF_THEIRS if PLANS[template].sftp_server else {}
    asked, _ = asked_of(template, name="N", x12="ZZ/ACME", as2_id="A", via="van", speaks_for="ZZ/B", **theirs)
    assert sorted(asked) == sorted(asks.split())


def test_which_of_ours_is_asked_where_there_are_several() -> None:
    asked, said = asked_of("as2-json", Ours([BIGCORP, PLANT]), name="N", as2_id="A", our_identity="bigcorp")
    assert "--our-identity" in asked
    assert said.our_identity == "bigcorp"


def test_the_only_connection_is_the_default() -> None:
    _, said = asked_of("via-connection", Ours([BIGCORP], lambda: ("tradewind",)), name="N", x12="ZZ/ACME")
    assert said.via == "tradewind"


def test_documents_by_name_or_number() -> None:
    _, said = asked_of("as2-x12", name="N", x12="ZZ/A", group_id="AA", as2_id="A", documents="850,ship_notice")
    assert {item.document for item in said.declined} == {"purchase_order_acknowledgment", "invoice"}
    _, said = asked_of("as2-x12", name="N", x12="ZZ/AA", as2_id="A")
    assert said.declined == ()
    with pytest.raises(Objection, match="did you mean `invoice`"):
        asked_of("as2-x12", name="N", x12="ZZ/AA", as2_id="A", documents="invoise")


def test_every_template_says_what_it_is_for() -> None:
    assert [name for name, _ in shipped()] == list(PLANS)
    assert {one.name: one.about for one in PLANS.values()} == dict(shipped())
    assert (
        about(b"# yaml-language-server: $schema=x\n#\n# For one\n#   partner. And more.\nid: a\n") == "For one partner."
    )
    assert about(b"as2: {}\n") == ""


# --- single answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (address, "ACME", "no qualifier; write qualifier and id as ZZ/ACMESUPPLY"),
        (address, "zz/ACME", "the two characters of ISA05"),
        (address, "ZZ/" + "A" * 16, "ISA06 without its padding"),
        (field_of(As2, "url"), "ftp://acme", "is no URL; write it as https://host/path"),
        (field_of(As2, "id"), 'AC"ME', "1 to 128 printable ASCII characters"),
        (field_of(X12Address, "group_id"), "A", "GS02 as the partner sends it"),
        (contact, "Jane <nobody>", "write it as edi@acme.example"),
        (contact, "", "write 1 to 200 characters"),
        (certificate_file, "/nowhere.pem", "No such file or directory"),
        (certificate_file, "a\0b", "cannot be read"),
        (public_key_file, "/nowhere.pub", "No such file or directory"),
    ],
)
def test_what_is_refused_is_refused_in_the_words_of_the_model(read, text: str, words: str) -> None:
    with pytest.raises(Objection) as refused:
        read(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no readable certificate"),
        (b"-----BEGIN PRIVATE KEY-----\n", "private key"),
        (b"x" * 65_537, "more than 65536 bytes"),
    ],
)
def test_files_that_are_no_certificate(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.pem").write_bytes(content)
    with pytest.raises(Objection, match=words):
        certificate_file(str(tmp_path / "a.pem"))


def test_public_keys(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(PUBLIC_KEY)
    assert public_key_file(str(tmp_path / "id.pub")).name == "id.pub"
    for private in ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "PuTTY-User-Key-File-3: ssh-ed25519\n"):
        (tmp_path / "id").write_text(private)
        with pytest.raises(Objection, match="ask for the public one"):
            public_key_file(str(tmp_path / "id"))
    (tmp_path / "id.pub").write_text("hello")
    with pytest.raises(Objection, match="no public key"):
        public_key_file(str(tmp_path / "id.pub"))


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
def test_what_puttygen_saves_becomes_the_line_of_openssh(tmp_path: Path, newline: str) -> None:
    algorithm, encoded, _ = PUBLIC_KEY.split()
    saved = ["---- BEGIN SSH2 PUBLIC KEY ----", 'Comment: "edi@acme, made \\', 'in 2026"', encoded[:64], encoded[64:]]
    file = tmp_path / "id.pub"
    file.write_text(newline.join([*saved, "---- END SSH2 PUBLIC KEY ----", ""]), newline="")
    assert public_key_file(str(file)).content == f"{algorithm} {encoded}\n".encode()


@pytest.mark.parametrize(
    ("begins", "does"),
    [
        ("---- BEGIN SSH2 PUBLIC KEY ----", "`ssh-keygen -i -f FILE > FILE.pub` makes it"),
        ("-----BEGIN PUBLIC KEY-----", "`ssh-keygen -i -m PKCS8 -f FILE > FILE.pub` makes it"),
        ("-----BEGIN RSA PUBLIC KEY-----", "`ssh-keygen -i -m PEM -f FILE > FILE.pub` makes it"),
    ],
    ids=["rfc4716", "pkcs8", "pem"],
)
def test_public_keys_in_other_forms_are_refused_with_the_way_out(tmp_path: Path, begins: str, does: str) -> None:
    (tmp_path / "id.pub").write_text(f"{begins}\nAAAA\n{begins.replace('BEGIN', 'END')}\n")
    with pytest.raises(Objection, match=re.escape(does)):
        public_key_file(str(tmp_path / "id.pub"))


@given(st.binary(max_size=200) | st.text("AaBb=/+:\\\r\n- ", max_size=80).map(str.encode))
def test_no_block_of_rfc_4716_makes_anything_but_a_line_or_itself(inner: bytes) -> None:
    content = b"---- BEGIN SSH2 PUBLIC KEY ----\n" + inner + b"\n---- END SSH2 PUBLIC KEY ----\n"
    assert as_openssh(content) == content


def test_contacts() -> None:
    assert contact("Jane Doe <edi@acme.example>") == Contact("Jane Doe", "edi@acme.example")
    assert contact("<edi@acme.example>") == Contact("edi@acme.example", "edi@acme.example")
    assert contact("edi@acme.example") == Contact("edi@acme.example", "edi@acme.example")
    assert contact("EDI desk") == Contact("EDI desk")


@given(st.sampled_from([address, contact, field_of(As2, "url"), certificate_file]), st.text(max_size=60))
def test_no_answer_makes_anything_else_than_an_objection(read, text: str) -> None:
    try:
        read(text)
    except Objection:
        return


# --- the profile -----------------------------------------------------------------------------------------------------


def drafted(template: str, answers: Answers, **more: object) -> str:
    key = ApiKeyDigest("production", KEY_DIGEST) if answers.api_key_label else None
    names = tuple(one.name for one in answers.certificates)
    return profile_text(
        Draft("new-partner", template, "draft", answers, names, (), key, date(2026, 11, 21), **more)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("template", sorted(PLANS))
def test_the_profile_of_every_template_loads_and_fits_the_schema(tmp_path: Path, template: str) -> None:
    theirs = SERVER_OF_THEIRS if PLANS[template].sftp_server else {}
    own = {"as2_id": "A B", "via": "van", "speaks_for": "ZZ/B", **theirs}
    _, said = asked_of(template, name="N: yes # no", x12="12/5035550142", **own)
    text = drafted(template, said)
    held = yaml.safe_load(text)
    assert list(jsonschema.Draft202012Validator(profile_schema()).iter_errors(held)) == []
    loaded = load_profile(write(tmp_path, "new-partner", text))
    assert isinstance(loaded, LoadedProfile), loaded
    assert (loaded.profile.status, loaded.profile.name) == ("draft", "N: yes # no")
    assert loaded.template_names()[0] == template
    if PLANS[template].as2:
        assert ["new-partner-as2.pem" in problem.what for problem in loaded.open_points] == [True]


@pytest.mark.parametrize("template", ["as2-x12", "rest-json", "sftp-x12", "connection"])
def test_every_offer_becomes_a_part_of_the_profile_once_its_comment_is_removed(tmp_path: Path, template: str) -> None:
    _, said = asked_of(template, name="N", x12="ZZ/ACME", as2_id="A", speaks_for="ZZ/B")
    text, count = re.subn(r"^( *)# ([a-z0-9_]+: [^ ])", r"\1\2", drafted(template, said), flags=re.MULTILINE)
    text = text.replace("yaml-language-server", "# yaml-language-server", 1)
    assert count >= 3
    loaded = load_profile(write(tmp_path, "new-partner", text))
    assert isinstance(loaded, LoadedProfile), loaded


def test_what_was_declined_is_taken_away(tmp_path: Path) -> None:
    _, said = asked_of("as2-x12", name="N", x12="ZZ/ACME", as2_id="A", documents="850")
    loaded = load_profile(write(tmp_path, "new-partner", drafted("as2-x12", said)))
    assert isinstance(loaded, LoadedProfile), loaded
    assert [item.document for item in loaded.profile.agreements] == ["purchase_order"]


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_folder_is_there_as_a_whole(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    place_folder(tmp_path / "acme", {"profile.yaml": b"id: acme\n", "acme.pem": b"x"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "acme").iterdir()} == {
        "profile.yaml": b"id: acme\n",
        "acme.pem": b"x",
    }
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "acme", tmp_path / "acme" / "acme.pem")] == [
        0o755,
        0o644,
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]


@pytest.mark.parametrize("taken", ["folder", "file", "link"])
def test_what_is_there_stays(tmp_path: Path, taken: str) -> None:
    place = tmp_path / "acme"
    if taken == "folder":
        place.mkdir()
    elif taken == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    before = place.lstat()
    with pytest.raises(FolderExists):
        place_folder(place, {"profile.yaml": b""})
    assert place.lstat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]


def test_of_two_who_make_the_same_one_is_told(tmp_path: Path) -> None:
    class Overtaken(dict[str, bytes]):
        def items(self):  # type: ignore[no-untyped-def]
            place_folder(tmp_path / "acme", {"profile.yaml": b"first"})
            return {"profile.yaml": b"second"}.items()

    with pytest.raises(FolderExists):
        place_folder(tmp_path / "acme", Overtaken())
    assert (tmp_path / "acme" / "profile.yaml").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        place_folder(tmp_path / "acme", {"profile.yaml": b"", "no/such/folder": b""})
    assert list(tmp_path.iterdir()) == []


# Writes one file of two and waits there, as a slow disk would have it.
_STOPPED_HALFWAY = """
import sys
from pathlib import Path
from gateway.onboarding.whole_files import place_folder

class Slow(dict):
    def items(self):
        yield "profile.yaml", b"id: acme"
        print("half", flush=True)
        sys.stdin.read()
        yield "acme.pem", b"x"

place_folder(Path(sys.argv[1]), Slow())
"""


def test_a_kill_leaves_nothing_that_is_a_partner(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _STOPPED_HALFWAY, str(tmp_path / "acme")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.kill()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".new-acme-")
    profiles, problems = load_all(tmp_path)
    assert [*profiles, *problems] == []
    place_folder(tmp_path / "acme", {"profile.yaml": b"id: acme\n"})
    assert left.exists()  # another call may still be at work in it
    os.utime(left, (0, 0))
    with pytest.raises(FolderExists):
        place_folder(tmp_path / "acme", {})
    place_folder(tmp_path / "other", {})
    assert left.exists()
    shutil.rmtree(tmp_path / "acme")
    place_folder(tmp_path / "acme", {})
    assert not left.exists()


def test_what_everybody_may_write_to_makes_nothing_that_everybody_may(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    place_folder(tmp_path / "acme", {"profile.yaml": b""})
    place_file(tmp_path / "a", b"")
    made = (tmp_path / "acme", tmp_path / "acme" / "profile.yaml", tmp_path / "a")
    assert [path.stat().st_mode & 0o7777 for path in made] == [0o775, 0o664, 0o664]


def test_a_file_is_written_once_and_whole(tmp_path: Path) -> None:
    assert place_file(tmp_path / "a", b"first", mode=0o600)
    assert not place_file(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


# --- the sheet -------------------------------------------------------------------------------------------------------


def sheet(tmp_path: Path, text: str, lives: Sequence[Life] = (), **ours: object) -> str:
    return sheet_text(sheet_with(tmp_path, text, lives, **ours))


def sheet_with(tmp_path: Path, text: str, lives: Sequence[Life] = (), **ours: object) -> Sheet:
    loaded = load_profile(write(tmp_path, "new-partner", text, new_pem=GOOD))
    assert isinstance(loaded, LoadedProfile), loaded
    return Sheet(loaded, Settings.model_validate(OURS | ours), lives, NOW)


def test_the_sheet_says_who_we_are_and_what_is_agreed(tmp_path: Path) -> None:
    text = """\
id: new-partner
name: ACME Supply Inc.
extends: as2-x12
status: draft
as2: {id: ACME-AS2, url: 'https://as2.acme.example/as2', certificate: new.pem}
x12: {qualifier: ZZ, id: ACMESUPPLY}
"""
    said = sheet(tmp_path, text, [Life("bigcorp", PAIR.certificate, (), datetime(2026, 1, 1, tzinfo=UTC))])
    for line in (
        "BigCorp Inc. and ACME Supply Inc.: how we exchange documents",
        "Ours, edi  EDI desk, edi@bigcorp.example",
        "Our AS2 id     BIGCORP-AS2",
        "Our URL        https://b2b.bigcorp.example/as2",
        "Your URL       https://as2.acme.example/as2",
        "We send        signed with sha-256, encrypted with aes256-cbc, not compressed",
        "Ours   ZZ/BIGCORP (ISA), BIGCORP (GS)",
        "Yours  ZZ/ACMESUPPLY (ISA), ACMESUPPLY (GS)",
        "We send   850 purchase order (004010)",
        "You send  856 ship notice (004010)",
        "Ours expect  your acknowledgment within 24 hours",
        "-----BEGIN CERTIFICATE-----",
    ):
        assert line in said.splitlines()
    fingerprint = PAIR.certificate.fingerprint.upper()
    assert ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)) in said
    assert "PRIVATE" not in said


def test_the_sheet_of_a_rest_partner_holds_no_key(tmp_path: Path) -> None:
    text = f"id: new-partner\nname: N\nextends: rest-json\napi_keys: [{{label: first, sha256: {KEY_DIGEST}}}]\n"
    said = sheet(tmp_path, text, public_url=None)
    assert "Our URL      we will tell you" in said
    assert KEY_DIGEST not in said
    assert "CERTIFICATE" not in said
    assert "ship notice (canonical JSON)" in said
    assert "You answer   POST /v1/purchase-orders/NUMBER/acknowledgment, ship-notices, invoices" in said


def test_the_sheet_of_a_rest_partner_without_keys_says_how_it_is_known(tmp_path: Path) -> None:
    api = f"api: {{oauth_clients: [{{client_id: new-erp, secret_sha256: {KEY_DIGEST}}}]}}\n"
    said = sheet(tmp_path, f"id: new-partner\nname: N\nextends: rest-json\n{api}")
    for line in (
        "Our URL      https://b2b.bigcorp.example/v1/documents",
        "Every call   https://b2b.bigcorp.example/v1/reference",
        "Your tokens  new-erp",
        "You fetch    https://b2b.bigcorp.example/v1/inbox",
    ):
        assert line in said.splitlines()
    assert "Bearer" not in said
    assert KEY_DIGEST not in said


FINGERPRINTS = [f"SHA256:{letter * 43}" for letter in "ABC"]


def test_the_sheet_of_who_has_a_mailbox_says_where_it_is_and_how_our_server_is_known(tmp_path: Path) -> None:
    text = "id: new-partner\nname: N\nextends: sftp-x12\nsftp: {user: acme}\nx12: {qualifier: ZZ, id: ACME}\n"
    keys = (
        ServerKey(FINGERPRINTS[0], "ssh-ed25519", "ssh-ed25519 AAAA", signs=True),
        ServerKey(FINGERPRINTS[1], "ssh-rsa", "ssh-rsa AAAA", signs=True),
        ServerKey(FINGERPRINTS[2], "ssh-ed25519", "ssh-ed25519 BBBB", signs=False, signs_from=NOW),
    )
    one = sheet_with(tmp_path, text, sftp_public_host="sftp.bigcorp.example")
    said = sheet_text(replace(one, host_keys=keys)).splitlines()
    for line in (
        "Our server     sftp.bigcorp.example, port 2222",
        f"Our host key   ssh-ed25519 {FINGERPRINTS[0]}",
        f"Our host key   ssh-rsa {FINGERPRINTS[1]}",
        "Your user      acme",
    ):
        assert line in said
    assert any(line.startswith(f"Our next one   ssh-ed25519 {FINGERPRINTS[2]}, from ") for line in said)
    unknown = sheet(tmp_path, text).splitlines()
    assert {"Our server     we will tell you", "Our host key   we will tell you"} <= set(unknown)


def test_the_sheet_of_who_has_a_server_holds_the_line_for_authorized_keys(tmp_path: Path) -> None:
    server = (
        f"{{host: sftp.acme.example, user: bigcorp, host_keys: '{FINGERPRINTS[0]}', key: acme, push: {{folder: /in}}}}"
    )
    one = sheet_with(tmp_path, f"id: new-partner\nname: N\nstatus: draft\nsftp_server: {server}\n")
    line = f"ssh-rsa {'A' * 600} partner-gateway-acme"
    said = sheet_text(replace(one, ssh_key=line)).splitlines()
    assert line in said
    assert "One line for the authorized_keys of bigcorp; compare the fingerprint on the telephone:" in said
    assert "Our key            we will tell you" in sheet_text(one).splitlines()


# --- our own house ---------------------------------------------------------------------------------------------------


def test_settings_of_few_answers(tmp_path: Path) -> None:
    house = gather_house(Told(company="Big: Corp # 1"))
    assert house == House(
        "Big: Corp # 1",
        "big",
        "BIG",
        Address("ZZ", "BIG"),
        "BIG",
        None,
        "127.0.0.1",
        8080,
        "127.0.0.1",
        None,
        8081,
        None,
    )
    text = settings_text(house, Places(tmp_path / "data", tmp_path / "partners", tmp_path / "pass"), date(2026, 11, 21))
    settings = Settings.model_validate(yaml.safe_load(text))
    assert (settings.company, settings.partners_dir) == ("Big: Corp # 1", tmp_path / "partners")
    assert settings.identities[0].x12 is not None
    # each offer can be taken as it stands
    offered = re.sub(r"^# (?=[a-z_]+: [^#]|  - )", "", text.replace("# contacts: #", "contacts: #"), flags=re.MULTILINE)
    assert (settings.sftp_host, settings.sftp_public_host) == ("127.0.0.1", None)
    taken = Settings.model_validate(yaml.safe_load(offered))
    assert (taken.sftp_host, taken.sftp_public_host) == ("0.0.0.0", "sftp.bigcorp.example:2222")
    assert (taken.environment, taken.sandbox, taken.contacts[0].name) == ("staging", True, "EDI desk")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"company": "B", "edge_port": "0"}, "is no port"),
        ({"company": "B", "public_url": "b2b.bigcorp.example"}, "is no URL"),
        ({"company": "B", "identity": "Big Corp"}, "is no short name"),
        ({"company": "B", "edge_host": "a b"}, "is no address"),
        ({"company": "B", "sftp_host": "a b"}, "is no address"),
        ({"company": "B", "sftp_public_host": "sftp://bigcorp.example"}, "is no host"),
    ],
)
def test_settings_that_would_not_do_are_refused_where_they_are_answered(answers: dict[str, str], words: str) -> None:
    with pytest.raises(Objection, match=words):
        gather_house(Told(**answers))
