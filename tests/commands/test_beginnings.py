"""`gateway init`, `partner new` and `partner sheet`: from nothing, by flags and by a person at a terminal."""

import asyncio
import contextlib
import hashlib
import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
import yaml

from gateway.commands.partner import new
from gateway.commands.program import main
from gateway.settings import load_settings
from partners.loader import LoadedProfile, load_profile
from tests.commands.conftest import Run
from tests.onboarding.test_check import EXPIRED, GOOD
from tests.onboarding.test_founding import OURS, PUBLIC_KEY
from tests.services.processes import free_port

ACME = [
    *("--template", "as2-x12", "--name", "ACME Supply Inc.", "--as2-id", "ACME-AS2"),
    *("--as2-url", "https://as2.acme.example/as2", "--x12", "ZZ/ACMESUPPLY"),
]
DIALOGUE_S = 60


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with settings and a passphrase, where commands are called."""
    here = tmp_path / "here"
    (here / "pass").write_text("of the tests\n")
    settings = OURS | {"data_dir": "data", "partners_dir": "partners", "key_passphrase_file": "pass"}
    (here / "gateway.yaml").write_text(yaml.safe_dump(settings))
    (here / "acme.pem").write_bytes(GOOD)
    return here


def loaded(house: Path, partner: str) -> LoadedProfile:
    found = load_profile(house / "partners" / partner)
    assert isinstance(found, LoadedProfile), found
    return found


# --- by flags --------------------------------------------------------------------------------------------------------


def test_a_partner_by_flags(run: Run, house: Path) -> None:
    made = run("partner", "new", "acme-supply", *ACME, "--as2-certificate", "acme.pem", "--own-key")
    assert made.code == 0, made
    assert "nothing is open" in made.out
    assert "our own key" in made.out
    assert "gateway partner go-live acme-supply" in made.out
    assert "Our AS2 id     BIGCORP-AS2" in made.out
    assert "-----BEGIN CERTIFICATE-----" in made.out
    profile = loaded(house, "acme-supply").profile
    assert (profile.status, profile.extends, profile.name) == ("draft", "as2-x12", "ACME Supply Inc.")
    assert (house / "partners" / "acme-supply" / "acme.pem").read_bytes() == GOOD
    schema = json.loads((house / "partners" / "profile.schema.json").read_text())
    assert schema["title"] == "Profile"
    beside = ["acme-supply", "profile-layer.schema.json", "profile.schema.json"]
    assert sorted(path.name for path in (house / "partners").iterdir()) == beside
    assert run("partner", "check").code == 0
    again = run("partner", "sheet", "acme-supply")
    assert again.out in made.out


def test_without_their_certificate_the_draft_says_so(run: Run, house: Path) -> None:
    made = run("partner", "new", "acme-supply", *ACME)
    assert made.code == 0
    assert "what is open yet:" in made.out
    assert "the file `acme-supply-as2.pem` is missing" in made.out
    assert "make it with `gateway certs new bigcorp`" in made.err
    (house / "partners" / "acme-supply" / "acme-supply-as2.pem").write_bytes(GOOD)
    assert loaded(house, "acme-supply").open_points == ()


def test_for_programs(run: Run, house: Path) -> None:
    made = run("partner", "new", "northwind", "--template", "rest-json", "--name", "N", "--format", "json").json
    profile = loaded(house, "northwind").profile
    assert made["partner"] == "northwind"
    assert profile.api_keys[0].label == "production"
    assert profile.api_keys[0].sha256 == hashlib.sha256(made["api_key"].encode()).hexdigest()
    assert made["api_key"] not in (house / "partners" / "northwind" / "profile.yaml").read_text()
    assert made["sheet"].startswith("BigCorp Inc. and N")
    assert made["problems"] == []


def test_a_key_can_be_left_out_and_files_get_names(run: Run, house: Path) -> None:
    for name in ("a b.pem", "other.pem"):
        (house / name).write_bytes(GOOD)
    more = [*ACME, "--as2-certificate", "a b.pem", "--as2-certificate", "other.pem", "--no-own-key"]
    assert run("partner", "new", "acme-supply", *more).code == 0
    as2 = loaded(house, "acme-supply").profile.as2
    assert as2 is not None
    assert [item.file for item in as2.certificates] == ["acme-supply-1-as2.pem", "other.pem"]
    assert run("partner", "new", "n", "--template", "rest-json", "--name", "N", "--api-key", "none").code == 0
    assert loaded(house, "n").profile.api_keys == ()


def test_by_sftp_and_by_a_connection(run: Run, house: Path) -> None:
    (house / "id.pub").write_text(PUBLIC_KEY)
    sftp = ["--template", "sftp-xml", "--name", "S", "--sftp-key", "id.pub"]
    assert run("partner", "new", "by-sftp", *sftp).code == 0
    profile = loaded(house, "by-sftp").profile
    assert profile.sftp is not None
    assert (profile.sftp.user, profile.sftp.keys[0].file) == ("by-sftp", "id.pub")
    van = ["--template", "connection", "--name", "V", "--as2-id", "VAN", "--speaks-for", "ZZ/CASCADE,12/5035550142"]
    assert run("partner", "new", "van", *van, "--as2-certificate", "acme.pem", "--status", "live").code == 0
    via = ["--template", "via-connection", "--name", "C", "--x12", "ZZ/CASCADE"]
    assert run("partner", "new", "cascade", *via).code == 0
    assert loaded(house, "cascade").profile.via == "van"


def test_every_flag_that_is_missing_is_named(run: Run, house: Path) -> None:
    ended = run("partner", "new", "acme-supply", "--template", "as2-x12")
    assert ended.code == 2
    for flag in ("--name", "--as2-id", "--x12"):
        assert flag in ended.err
    ended = run("partner", "new", "acme-supply")
    assert (ended.code, "--template" in ended.err) == (2, True)
    assert not (house / "partners").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name the partner"),
        (("No Id",), "is no id; write 1 to 63 letters a-z"),
        (("acme-supply", "--template", "as2-x13"), "is no template; use one of: as2-automotive"),
        (("acme-supply", *ACME, "--x12", "ACME"), "--x12: `ACME` has no qualifier"),
        (("acme-supply", *ACME, "--as2-url", "acme"), "--as2-url: `acme` is no URL"),
        (("acme-supply", *ACME, "--as2-certificate", "pass"), "--as2-certificate: `pass`: The file holds no readable"),
        (("acme-supply", *ACME, "--documents", "851"), "is no document of as2-x12"),
        (("acme-supply", *ACME, "--sheet", "pass"), "pass exists"),
        (("acme-supply", *ACME, "--status", "live"), "the profile would not do"),
    ],
)
def test_a_call_that_cannot_be_used_writes_nothing(run: Run, house: Path, words: tuple[str, ...], told: str) -> None:
    ended = run("partner", "new", *words)
    assert ended.code == 2
    assert told in ended.err
    assert not (house / "partners").exists()


def test_a_folder_that_exists_is_never_overwritten(run: Run, house: Path) -> None:
    assert run("partner", "new", "acme-supply", *ACME).code == 0
    before = (house / "partners" / "acme-supply" / "profile.yaml").read_bytes()
    ended = run("partner", "new", "acme-supply", *ACME, "--name", "Other")
    assert ended.code == 2
    assert "nothing was changed" in ended.err
    assert (house / "partners" / "acme-supply" / "profile.yaml").read_bytes() == before


def test_a_schema_of_another_version_stays_and_is_told(run: Run, house: Path) -> None:
    (house / "partners").mkdir()
    (house / "partners" / "profile.schema.json").write_text("{}")
    ended = run("partner", "new", "acme-supply", *ACME)
    assert (ended.code, "renew it with `gateway schema profile >" in ended.err) == (0, True)
    assert (house / "partners" / "profile.schema.json").read_text() == "{}"


def test_what_the_check_finds_wrong_ends_with_1(run: Run, house: Path) -> None:
    (house / "old.pem").write_bytes(EXPIRED)
    ended = run("partner", "new", "acme-supply", *ACME, "--as2-certificate", "old.pem", "--status", "testing")
    assert ended.code == 1
    assert "expired on" in ended.out


def test_without_settings_it_says_where_to_begin(run: Run, tmp_path: Path) -> None:
    ended = run("partner", "new", "acme-supply", *ACME)
    assert (ended.code, "gateway init" in ended.err) == (2, True)
    (tmp_path / "here" / "gateway.yaml").write_text("company: BigCorp\n")
    ended = run("partner", "new", "acme-supply", *ACME)
    assert (ended.code, "no `identities:`" in ended.err) == (2, True)


def test_the_templates_are_listed_and_those_of_the_house_with_them(run: Run, house: Path) -> None:
    own = house / "partners" / "_templates" / "house-rules"
    own.mkdir(parents=True)
    (own / "profile.yaml").write_text("# What all of ours have. And more.\nextends: as2-x12\n")
    rows = {row["name"]: row for row in run("partner", "new", "--list-templates", "--format", "json").rows}
    assert rows["house-rules"]["about"] == "What all of ours have."
    assert {"document": "invoice", "direction": "inbound", "syntax": "x12"} in rows["house-rules"]["agreements"]
    assert "as2-retail-vics" in run("partner", "new", "--list-templates").out
    assert "via-connection" in run("partner", "new", "--help").out
    assert run("partner", "new", "acme-supply", *ACME, "--template", "house-rules").code == 0
    assert loaded(house, "acme-supply").template_names() == ("house-rules", "as2-x12")


def test_the_sheet_goes_into_a_file_of_its_own(run: Run, house: Path) -> None:
    assert run("partner", "new", "acme-supply", *ACME, "--sheet", "acme.txt").code == 0
    text = (house / "acme.txt").read_text()
    assert "BIGCORP-AS2" in text
    assert run("partner", "sheet", "acme-supply", "--file", "acme.txt").code == 2
    assert run("partner", "sheet", "acme-supply", "--format", "json").json["sheet"] == text
    assert run("partner", "sheet", "nobody").code == 2


def test_the_sheet_holds_our_keys_for_sftp(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY_PASSPHRASE", "passphrase of the tests")
    monkeypatch.setenv("GATEWAY_SFTP_PUBLIC_HOST", "sftp.bigcorp.example:22")
    (house / "id.pub").write_text(PUBLIC_KEY)
    assert run("partner", "new", "acme", "--template", "sftp-xml", "--name", "A", "--sftp-key", "id.pub").code == 0
    bare = run("partner", "sheet", "acme")
    assert "our host keys are not on the sheet" in bare.err
    fingerprint = run("sftp", "host-keys", "new", "--format", "json").json["fingerprint"]
    said = run("partner", "sheet", "acme")
    assert (said.err, fingerprint in said.out) == ("", True)
    assert "sftp.bigcorp.example, port 22" in said.out

    profile = house / "partners" / "acme" / "profile.yaml"
    server = "{host: h.example, user: us, host_keys: 'SHA256:" + "A" * 43 + "', key: acme, push: {folder: /in}}"
    profile.write_text(f"id: acme\nname: A\nstatus: draft\nsftp_server: {server}\n")
    assert "our SSH key acme is not on the sheet: `gateway sftp keys new acme`" in run("partner", "sheet", "acme").err
    line = run("sftp", "keys", "new", "acme").out.strip()
    assert line in run("partner", "sheet", "acme").out.splitlines()


# --- from nothing ----------------------------------------------------------------------------------------------------


def test_init_writes_settings_that_serve_starts_with(run: Run, tmp_path: Path) -> None:
    here = tmp_path / "here"
    ports = [free_port(), free_port()]
    began = run("init", "--company", "BigCorp Inc.", "--edge-port", ports[0], "--operator-port", ports[1])
    assert began.code == 0, began
    assert (here / "key-passphrase").stat().st_mode & 0o777 == 0o600
    assert run("init", "--company", "Other").code == 2
    assert run("certs", "export", "bigcorp", "--format", "json").json["subject"] == "CN=bigcorp,O=BigCorp Inc."
    made = run("partner", "new", "northwind", "--template", "rest-json", "--name", "N", "--format", "json")
    assert made.code == 0, made
    served = asyncio.run(_served(here, ports[0]))
    assert served == 200


async def _served(here: Path, port: int) -> int:
    """What the gateway answers that `gateway serve` starts there, called from another folder."""
    words = [sys.executable, "-m", "gateway", "serve", "--config", str(here / "gateway.yaml")]
    process = await asyncio.create_subprocess_exec(*words, cwd="/", env=_environment(), stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DIALOGUE_S), aiohttp.ClientSession() as client:
            while process.returncode is None:
                try:
                    async with client.get(f"http://127.0.0.1:{port}/health/live") as answer:
                        return answer.status
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
        return 0
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--company"),
        (("--company", "B", "--edge-port", "x"), "--edge-port: `x` is no port"),
        (("--company", "B", "--x12", "B"), "--x12: `B` has no qualifier"),
    ],
)
def test_a_call_of_init_that_cannot_be_used(run: Run, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    ended = run("init", *words)
    assert ended.code == 2
    assert told in ended.err
    assert list((tmp_path / "here").iterdir()) == []


def test_init_says_how_partners_reach_their_mailboxes(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "here" / "gateway.yaml"
    words = ("--sftp-host", "10.0.0.5", "--sftp-public-host", "sftp.bigcorp.example:22")
    assert run("init", "--company", "Big", "--as2-id", "none", "--no-own-key", *words).code == 0
    settings = load_settings(file, {}).settings
    assert (settings.sftp_host, settings.sftp_public_host) == ("10.0.0.5", "sftp.bigcorp.example:22")


def test_init_for_programs_beside_a_passphrase_that_is_there(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "else"
    folder.mkdir()
    (folder / "key-passphrase").write_text("kept\n")
    file = folder / "gateway.yaml"
    made = run("init", "--company", "Big", "--as2-id", "none", "--config", file, "--format", "json").json
    assert (made["config"], made["own_key"]) == (str(file), None)
    assert (folder / "key-passphrase").read_text() == "kept\n"
    assert run("serve", "--config", file, "--print-settings").code == 0


# --- a person at a terminal ------------------------------------------------------------------------------------------


def test_a_person_is_asked_helped_and_corrected(house: Path) -> None:
    said, code = converse(
        house,
        ["partner", "new", "acme-supply"],
        [
            ("Which template", "?"),
            ("A supplier of a retailer", ""),
            ("it has to be known", "as2-x12"),
            ("Their name", "ACME Supply Inc."),
            ("Their AS2 id", "ACME-AS2"),
            ("URL of their AS2 server [none]", "as2.acme.example"),
            ("is no URL", "https://as2.acme.example/as2"),
            ("their certificate (several: with commas) [none]", "nowhere.pem"),
            ("No such file", "acme.pem"),
            ("X12 qualifier and id", "ACMESUPPLY"),
            ("write qualifier and id as ZZ/ACMESUPPLY", "ZZ/ACMESUPPLY"),
            ("Their id in GS [ACMESUPPLY]", ""),
            ("Which documents do we exchange", "850, 855"),
            ("Whom does one ask there", "Jane Doe <edi@acme.example>"),
            ("bigcorp has no key yet", "maybe"),
            ("answer yes or no", "yes"),
            ("-----END CERTIFICATE-----", None),
        ],
    )
    assert code == 0, said
    profile = loaded(house, "acme-supply").profile
    assert [item.document for item in profile.agreements] == ["purchase_order", "purchase_order_acknowledgment"]
    assert profile.contacts[0].email == "edi@acme.example"
    assert (house / "partners" / "acme-supply" / "acme.pem").is_file()


def test_who_goes_away_leaves_nothing_behind(house: Path) -> None:
    _, code = converse(house, ["partner", "new", "acme-supply"], [("Which template", "\x03")])
    assert code == 130
    assert not (house / "partners").exists()


def test_answers_that_end_before_the_questions(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "can_ask", lambda *, no_questions: not no_questions)
    monkeypatch.setattr("sys.stdin", io.StringIO("as2-x12\nACME\n"))
    ended = run("partner", "new", "acme-supply")
    assert (ended.code, "nothing was written" in ended.err) == (2, True)
    assert not (house / "partners").exists()


# A new session takes the terminal that it opens first for its own, so that ctrl-C reaches the program.
_AT_TERMINAL = """
import os, sys
os.open(os.ttyname(0), os.O_RDWR)
os.execv(sys.executable, [sys.executable, "-m", "gateway", *sys.argv[1:]])
"""


def converse(here: Path, words: list[str], turns: list[tuple[str, str | None]]) -> tuple[str, int]:
    """A dialogue on a real pseudo-terminal: what is waited for, and what is typed then."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_TERMINAL, *words],
        cwd=here,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=_environment(),
        start_new_session=True,
    )
    os.close(theirs)
    said, seen, deadline = "", 0, time.monotonic() + DIALOGUE_S

    def heard() -> str:
        assert time.monotonic() < deadline, said
        if not select.select([ours], [], [], 1)[0]:
            return ""
        with contextlib.suppress(OSError):  # the other side is closed
            return os.read(ours, 65_536).decode()
        return _ENDED

    try:
        for waited_for, typed in turns:
            while waited_for not in said[seen:]:
                more = heard()
                assert more is not _ENDED, f"it ended before {waited_for!r} came: {said}"
                said += more
            seen = said.index(waited_for, seen) + len(waited_for)
            if typed is not None:
                os.write(ours, typed.encode() + (b"" if typed == "\x03" else b"\n"))
        while (more := heard()) is not _ENDED:
            said += more
        return said, process.wait(DIALOGUE_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


_ENDED = "\0ended"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])}


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["init"], ["partner", "new"], ["partner", "sheet"]):
        assert main([*words, "--help"]) == 0
        assert "example" in capsys.readouterr().out
