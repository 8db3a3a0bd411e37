"""Profile texts, good and bad: where the problem stands, and in which words it is told."""

from datetime import date

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.as2_terms import SAFE_CIPHERS, SAFE_DIGESTS
from partners.loader import LoadedProfile, parse_profile
from partners.nodes import DEPTH_MAX, NODES_MAX, PROFILE_BYTES_MAX
from partners.problems import Problem
from partners.profile import X12Address
from partners.schema import profile_schema
from tests.partners.profiles import ACME, KEY_DIGEST, NORTHWIND, loaded

AS2 = "as2:\n  id: ACME-AS2\n  certificate: acme.pem\n"
KEY = f"api_keys: [{{label: a, sha256: {KEY_DIGEST}}}]\n"
HEAD = "id: acme-supply\nname: ACME\n"


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    data = text.encode() if isinstance(text, str) else text
    outcome = parse_profile({"profile.yaml": data, "acme.pem": b"", "b.pem": b""}, "acme-supply/profile.yaml")
    assert isinstance(outcome, tuple), outcome
    return outcome


BAD = {
    # the text of the file itself
    "empty": ("", (1, 1), "the file is empty"),
    "comment alone": ("# nothing\n", (1, 1), "the file is empty"),
    "a list": ("- id\n", (1, 1), "the file holds no keys"),
    "a word": ("acme\n", (1, 1), "the file holds no keys"),
    "not UTF-8": (b"id: acme\nname: \xfcber\n", (2, 7), "byte 0xfc is not UTF-8; save the file as UTF-8"),
    "control character": ("id: acme\nname: a\x07b\n", (2, 8), "control characters are not allowed"),
    "tab": ("id: acme\nas2:\n\tid: X\n", (3, 1), "indent with blanks, not with tabs"),
    "colon in a value": ("id: acme\nname: ACME: Supply\n", (2, 11), "put the value in quotes"),
    "open bracket": ("id: [a\n", (2, 1), "not YAML"),
    "two documents": (f"{HEAD}{KEY}---\nid: b\n", (4, 1), "a second YAML document"),
    "duplicate key": (f"{HEAD}{KEY}name: Other\n", (4, 1), "the key `name` stands twice here, first in line 2"),
    "duplicate key inside": (HEAD + AS2 + "  id: B\n", (6, 3), "the key `id` stands twice here, first in line 4"),
    "tag": (HEAD + "x12: !!python/object:os.system {}\n", (3, 6), "has no meaning here; remove the tag"),
    "unknown alias": (HEAD + "via: *x\n", (3, 6), "*x repeats nothing"),
    "alias in itself": (HEAD + "x12: &x [*x]\n", (3, 10), "*x stands inside what it repeats"),
    "list as key": (HEAD + "? [a]\n: b\n", (3, 3), "a list or mapping as a key"),
    "alias as key": ("id: &i [a]\n*i : b\n", (2, 1), "a list or mapping as a key"),
    "merge key": (HEAD + KEY + "<<: {status: suspended}\n", (4, 1), "there is no key `<<`"),
    "too large": ("#" * (PROFILE_BYTES_MAX + 1), (1, 1), f"more than {PROFILE_BYTES_MAX} bytes"),
    "too deep": (HEAD + "x12: " + "[" * 60_000, (3, 5 + DEPTH_MAX), f"nested deeper than {DEPTH_MAX} levels"),
    # keys
    "misspelt key": (HEAD + KEY + "stauts: active\n", (4, 1), "no key `stauts`; did you mean `status`?"),
    "two equal separators": (
        HEAD + KEY + "framing:\n  separators: {element: '|', terminator: '|'}\n",
        (5, 42),
        "the same character as framing.separators.element; write another character",
    ),
    "a letter as separator": (
        HEAD + KEY + "framing:\n  separators: {element: 'A'}\n",
        (5, 25),
        "write one character that is no letter, digit or blank",
    ),
    "a separator as replacement": (
        HEAD + KEY + "framing: {replacement: '*'}\n",
        (4, 24),
        "the replacement is a separator itself",
    ),
    "version": (HEAD + KEY + "framing: {version: 4010}\n", (4, 20), "write the five digits of ISA12"),
    "misspelt key inside": (HEAD + AS2 + "  uri: http://x/\n", (6, 3), "no key `as2.uri`; did you mean `url`?"),
    "unknown key": (
        HEAD + KEY + "duplicates:\n  zebra: 1\n",
        (5, 3),
        "use one of: action, group, transaction_set, out_of_sequence, window_days",
    ),
    "secret in a profile": (HEAD + KEY + "password: hunter2\n", (4, 1), "there is no key `password`"),
    "missing id": ("name: ACME\n" + KEY, (1, 1), "`id` is missing; add `id:` (Short name of the partner"),
    "missing AS2 id": (HEAD + "as2:\n  certificate: acme.pem\n", (3, 1), "`as2.id` is missing"),
    "missing in a list": (HEAD + "api_keys:\n  - label: a\n", (4, 5), "`api_keys[0].sha256` is missing"),
    "no value": (HEAD + "as2:\n" + KEY, (3, 5), "`as2` has no value; give it one or leave it out"),
    "null": (HEAD + KEY + "via: ~\n", (4, 6), "`via` has no value"),
    # values
    "id": (
        "id: ACME Supply\nname: A\n" + KEY,
        (1, 5),
        "`id` (`ACME Supply`) is not written as it must be; write 1 to 63",
    ),
    "name with blanks": ("id: a\nname: ' A'\n" + KEY, (2, 7), "without blanks at the ends"),
    "name that drives the terminal": ('id: a\nname: "A\\e[31m"\n' + KEY, (2, 7), "no control characters"),
    "name that reads backwards": ('id: a\nname: "A\\u202eB"\n' + KEY, (2, 7), "no control characters"),
    "status": (HEAD + KEY + "status: on\n", (4, 9), "`status` is `on`; use one of: draft, testing, live, suspended"),
    "close status": (HEAD + KEY + "status: testng\n", (4, 9), "did you mean `testing`?"),
    "yes": (HEAD + AS2 + "  require_signed: yes\n", (6, 19), "neither true nor false; write true or false"),
    "text for keys": (
        HEAD + "as2: ACME-AS2\n",
        (3, 6),
        "`as2` holds no keys; write its keys below it: id, our_identity",
    ),
    "keys for text": ("id: {a: b}\nname: ACME\n" + KEY, (1, 1), "`id` holds no text"),
    "keys for list": (HEAD + "api_keys: {label: a}\n", (3, 1), "`api_keys` is no list; begin each item with `- `"),
    "AS2 id": (HEAD + "as2: {id: 'A\"B', certificate: acme.pem}\n", (3, 11), "printable ASCII characters without"),
    "url": (HEAD + AS2 + "  url: ftp://x/\n", (6, 8), "`as2.url` is no URL; write it as https://host/path"),
    "url port": (HEAD + AS2 + "  url: https://x:99999/\n", (6, 8), "`as2.url` is no URL"),
    "url password": (HEAD + AS2 + "  url: https://u:hunter2@x/\n", (6, 8), "`as2.url` holds more than an address"),
    "url brackets": (HEAD + AS2 + "  url: 'https://[x/'\n", (6, 8), "`as2.url` is no URL"),
    "ISA id too long": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: ACMESUPPLY123456}\n",
        (4, 26),
        "`x12.id` (`ACMESUPPLY123456`) is not written as it must be; write ISA06 without its padding: 1 to 15",
    ),
    "ISA qualifier": (HEAD + KEY + "x12: {qualifier: zz, id: A}\n", (4, 18), "the two characters of ISA05"),
    "padded ISA id": (HEAD + KEY + "x12: {qualifier: ZZ, id: 'ACME  '}\n", (4, 26), "without its padding"),
    "GS id": (HEAD + KEY + "x12: {qualifier: ZZ, id: A, group_id: A}\n", (4, 39), "write GS02 as the partner sends it"),
    "second address": (
        HEAD + KEY + "x12:\n  - {qualifier: ZZ, id: A}\n  - {qualifier: Z, id: B}\n",
        (6, 17),
        "x12[1].qual",
    ),
    "release": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\n"
        "agreements: [{document: invoice, direction: inbound, syntax: x12, releases: 4010}]\n",
        (5, 77),
        "`agreements[0].releases` (`4010`) is not written as it must be; write it as in GS08",
    ),
    "document": (
        HEAD + KEY + "agreements:\n  - document: ship_notce\n    direction: inbound\n    syntax: json\n",
        (5, 15),
        "`agreements[0].document` is `ship_notce`; did you mean `ship_notice`?",
    ),
    "tolerance": (HEAD + KEY + "tolerances: [isa-paddin]\n", (4, 14), "did you mean `isa-padding`?"),
    "number": (HEAD + KEY + "duplicates: {window_days: a lot}\n", (4, 27), "is no whole number; write digits"),
    "number too small": (HEAD + KEY + "limits: {body_bytes_max: 12}\n", (4, 26), "is `12`; write at least 1024"),
    "number too large": (HEAD + KEY + "duplicates: {window_days: 9999}\n", (4, 27), "write at most 3650"),
    "date": (HEAD + f"api_keys: [{{label: a, sha256: {KEY_DIGEST}, expires_on: 1.2.27}}]\n", (3, 109), "is no date"),
    "no such day": (
        HEAD + f"api_keys: [{{label: a, sha256: {KEY_DIGEST}, expires_on: 2027-02-30}}]\n",
        (3, 109),
        "no date",
    ),
    "weak digest": (HEAD + AS2 + "  digests: [md5]\n", (6, 13), "use one of: sha-256"),
    "close digest": (HEAD + AS2 + "  digests: [sha256]\n", (6, 13), "did you mean `sha-256`?"),
    "no cipher": (HEAD + AS2 + "  ciphers: []\n", (6, 3), "`as2.ciphers` is empty"),
    "key instead of digest": (HEAD + "api_keys: [{label: a, sha256: hunter2}]\n", (3, 31), "never the key itself"),
    # files
    "parent folder": (HEAD + "as2: {id: A, certificate: ../x.pem}\n", (3, 27), "leaves the profile's folder"),
    "hidden parent": (HEAD + "as2: {id: A, certificate: a/../../x.pem}\n", (3, 27), "leaves the profile's folder"),
    "absolute": (HEAD + "as2: {id: A, certificate: /etc/passwd}\n", (3, 27), "is an absolute path"),
    "drive": (HEAD + "as2: {id: A, certificate: 'C:x.pem'}\n", (3, 27), "is an absolute path"),
    "folder": (HEAD + "as2: {id: A, certificate: certs/x.pem}\n", (3, 27), "is no file name"),
    "dot": (HEAD + "as2: {id: A, certificate: .}\n", (3, 27), "is no file name"),
    "itself": (HEAD + "as2: {id: A, certificate: profile.yaml}\n", (3, 27), "is no file name"),
    "file missing": (HEAD + "as2: {id: A, certificate: x.pem}\n", (3, 27), "the file `x.pem` is missing"),
    "second file missing": (
        HEAD + "as2:\n  id: A\n  certificates:\n    - acme.pem\n    - file: x.pem\n",
        (7, 13),
        "the file `x.pem` is missing",
    ),
    # contradictions
    "no way in": (
        HEAD,
        (1, 1),
        "an active partner without a way in; add `as2:`, `api_keys:`, `sftp:`, `sftp_server:` or `via:`",
    ),
    "own connection": (
        HEAD + "via: acme-supply\nx12: {qualifier: ZZ, id: A}\n",
        (3, 6),
        "cannot be its own connection",
    ),
    "via without address": (HEAD + "via: van\n", (3, 6), "no X12 address that would tell this partner apart"),
    "connection by connection": (
        HEAD + "via: van\nx12: {qualifier: ZZ, id: A}\nspeaks_for: {qualifier: ZZ, id: B}\n",
        (5, 1),
        "a connection that comes by another connection",
    ),
    "no certificate": (HEAD + "as2:\n  id: A\n", (3, 1), "signatures are required, but there is no certificate"),
    "certificate for encryption alone": (
        HEAD + "as2:\n  id: A\n  certificates: [{file: b.pem, use: encryption}]\n",
        (3, 1),
        "there is no certificate to verify them with",
    ),
    "both spellings": (HEAD + AS2 + "  certificates: [b.pem]\n", (5, 16), "`certificate` and `certificates` at once"),
    "same file twice": (
        HEAD + "as2:\n  id: A\n  certificates: [b.pem, b.pem]\n",
        (5, 25),
        "the same as as2.certificates[0]",
    ),
    "window": (
        HEAD + "as2:\n  id: A\n  certificates: [{file: b.pem, valid_from: 2027-02-01, not_after: 2027-01-01}]\n",
        (5, 67),
        "the window ends before it begins; not_after must not lie before 2027-02-01",
    ),
    "3DES first": (HEAD + AS2 + "  ciphers: 3des-cbc\n", (6, 12), "3DES is only read; name another first"),
    "same key twice": (
        HEAD + f"api_keys:\n  - {{label: a, sha256: {KEY_DIGEST}}}\n  - {{label: b, sha256: {KEY_DIGEST}}}\n",
        (5, 24),
        "the same as api_keys[0]; keep one of the two",
    ),
    "same address twice": (
        HEAD + KEY + "x12: [{qualifier: ZZ, id: A}, {qualifier: ZZ, id: A}]\n",
        (4, 31),
        "as x12[0]",
    ),
    "X12 without address": (
        HEAD + KEY + "agreements:\n  - {document: invoice, direction: inbound, syntax: x12}\n",
        (5, 53),
        "an X12 agreement without an X12 address",
    ),
    "X12 of a connection without an address of its own": (
        HEAD
        + KEY
        + "speaks_for: {qualifier: ZZ, id: A}\nagreements: [{document: invoice, direction: inbound, syntax: x12}]\n",
        (5, 62),
        "an X12 agreement without an X12 address",
    ),
    "JSON with releases": (
        HEAD + KEY + "agreements: [{document: invoice, direction: inbound, syntax: json, releases: 004010}]\n",
        (4, 78),
        "`releases` belongs to X12, but the syntax is json",
    ),
    "JSON with a group code": (
        HEAD + KEY + "agreements: [{document: invoice, direction: inbound, syntax: json, group_code: SC}]\n",
        (4, 80),
        "`group_code` belongs to X12, but the syntax is json",
    ),
    "groups of a 997's code": (
        HEAD + KEY + "agreements: [{document: invoice, direction: inbound, syntax: x12, group_code: FA}]\n",
        (4, 79),
        "write the two capital letters or digits of GS01",
    ),
    "outbound without release": (
        HEAD
        + KEY
        + "x12: {qualifier: ZZ, id: A}\nagreements:\n  - {document: invoice, direction: outbound, syntax: x12}\n",
        (6, 5),
        "an outbound X12 agreement names one release",
    ),
    "small range": (
        HEAD + KEY + "control_numbers:\n  group: {min: 1, max: 99}\n",
        (5, 3),
        "a range from 1 to 99; let it hold at least 1,000 numbers",
    ),
    "backward range": (
        HEAD + KEY + "control_numbers:\n  transaction_set: {min: 5000, max: 4000}\n",
        (5, 3),
        "a range from 5000 to 4000",
    ),
    "bad sets of what we send": (
        HEAD
        + KEY
        + "agreements:\n"
        + "  - {document: invoice, direction: outbound, syntax: json, on_bad_set: reject_group}\n",
        (5, 72),
        "it speaks of X12 that comes in, and this is none; remove `on_bad_set`",
    ),
    "validation of what goes out": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\nagreements:\n"
        "  - {document: invoice, direction: outbound, syntax: x12, releases: 004010, validation: {spaces: trim}}\n",
        (6, 77),
        "it speaks of X12 that comes in, and this is none; remove `validation`",
    ),
    "layout of what comes in": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\nagreements:\n"
        "  - {document: invoice, direction: inbound, syntax: x12, framing: {line_end: lf}}\n",
        (6, 58),
        "it speaks of X12 that goes out, and this is none; remove `framing`",
    ),
    "an answer to what goes out": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\nagreements:\n"
        "  - {document: invoice, direction: outbound, syntax: x12, releases: 004010, "
        "acknowledgment: {accepted_sets: false}}\n",
        (6, 109),
        "it speaks of what X12 that comes in earns, and this is none; remove `accepted_sets`",
    ),
    "an answer expected to what comes in": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\nagreements:\n"
        "  - {document: invoice, direction: inbound, syntax: x12, acknowledgment: {expected_within_hours: 4}}\n",
        (6, 98),
        "it speaks of what X12 that goes out earns, and this is none; remove `expected_within_hours`",
    ),
    "a separator of an agreement that another has": (
        HEAD + KEY + "x12: {qualifier: ZZ, id: A}\nagreements:\n"
        "  - {document: invoice, direction: outbound, syntax: x12, releases: 004010, "
        "framing: {separators: {element: '>'}}}\n",
        (6, 87),
        "the same character as framing.separators.element; write another character",
    ),
    "mode": (
        HEAD + KEY + "processing: {on_bad_set: reject}\n",
        (4, 26),
        "`processing.on_bad_set` is `reject`; did you mean `reject_set`?",
    ),
    "same agreement twice": (
        HEAD + KEY + "agreements:\n" + "  - {document: invoice, direction: inbound, syntax: json}\n" * 2,
        (6, 5),
        "a second agreement on the inbound invoice in json; write them as one; the first is agreements[0]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_profile_is_told_with_its_place(case: str) -> None:
    text, place, words = BAD[case]
    problem = problems_of(text)[0]
    assert (problem.line, problem.column) == place, str(problem)
    assert words in str(problem)
    assert str(problem).startswith(f"acme-supply/profile.yaml:{place[0]}:{place[1]}: ")


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    found = problems_of("id: A B\nstauts: x\nx12: {qualifier: ZZ, id: A, group: B}\nencoding: utf8\n")
    # what is missing stands on the first line, for want of one of its own
    assert [(item.line, item.field) for item in found] == [
        (1, "name"), (1, "id"), (2, "stauts"), (3, "x12.group"), (4, "encoding"),
    ]  # fmt: skip


@pytest.mark.parametrize("secret", ["hunter2", "0b7f" * 16 + "!"])
def test_a_secret_written_by_mistake_is_never_repeated(secret: str) -> None:
    texts = [
        HEAD + f"api_keys: [{{label: '{secret} ', sha256: '{secret}', expires_on: '{secret}'}}]\n",
        HEAD + AS2 + f"  url: https://user:{secret}@acme.example/\n",
        HEAD + AS2 + f"  connection: {{username: bigcorp, password: '{secret}'}}\n",
        HEAD + AS2 + f"  connection: {{proxy_username: bigcorp, proxy_password: '{secret}'}}\n",
        HEAD + AS2 + f"  connection: {{proxy: 'http://bigcorp:{secret}@proxy.example:3128'}}\n",
        HEAD + KEY + f"password: {secret}\n",
    ]
    for text in texts:
        assert all(secret not in str(problem) + repr(problem.as_json()) for problem in problems_of(text))


def test_aliases_cannot_explode() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    found = problems_of("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + levels)
    assert len(found) == 1
    assert f"more than {NODES_MAX} values" in found[0].what
    assert found[0].line == 5  # 10 + 100 + 1 000 + 10 000 values fit


def test_an_alias_repeats_a_value() -> None:
    text = ACME.replace("qualifier: ZZ", "qualifier: ZZ").replace("id: ACMESUPPLY", "id: &a ACMESUPPLY")
    text = text.replace("group_id: ACMESUPPLY", "group_id: *a")
    assert loaded(text).profile.x12 == (X12Address(qualifier="ZZ", id="ACMESUPPLY", group_id="ACMESUPPLY"),)


def test_the_smallest_profile_has_the_strict_defaults() -> None:
    profile = loaded(HEAD + AS2).profile
    assert profile.is_active
    assert profile.as2 is not None
    assert profile.as2.require_signed
    assert profile.as2.require_encrypted
    assert profile.as2.digests == SAFE_DIGESTS
    assert "sha-1" not in SAFE_DIGESTS
    assert profile.as2.ciphers == SAFE_CIPHERS
    assert "3des-cbc" not in SAFE_CIPHERS
    assert profile.tolerances == ()
    assert (profile.duplicates.action, profile.acknowledgment.functional) == ("reject", "997")
    assert (profile.duplicates.group, profile.duplicates.transaction_set) == ("process", "process")
    assert (profile.processing.on_bad_set, profile.processing.mask_passwords) == ("reject_set", True)
    assert profile.files() == ("acme.pem",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("001234567", "001234567"), ("0x1F", "0x1F"), ("NO", "NO"), ("1e3", "1e3"), ("12:30", "12:30"), ("'007'", "007")],
)
def test_an_id_is_taken_as_it_is_written(written: str, meant: str) -> None:
    profile = loaded(HEAD + KEY + f"x12: {{qualifier: 01, id: {written}}}\n").profile
    assert profile.x12[0] == X12Address(qualifier="01", id=meant)


def test_numbers_booleans_and_dates_get_their_type() -> None:
    text = f"{HEAD}{AS2}  require_encrypted: false\nlimits: {{body_bytes_max: 20_000}}\n"
    text += f"api_keys: [{{label: a, sha256: {KEY_DIGEST}, expires_on: 2027-01-31}}]\n"
    profile = loaded(text).profile
    assert profile.as2 is not None
    assert profile.as2.require_encrypted is False
    assert profile.limits.body_bytes_max == 20_000
    assert profile.api_keys[0].opens_on(date(2027, 1, 31))
    assert not profile.api_keys[0].opens_on(date(2027, 2, 1))


def test_a_certificate_is_used_within_its_window() -> None:
    text = (
        HEAD
        + "as2:\n  id: A\n  certificates: [acme.pem, {file: b.pem, valid_from: 2027-01-01, not_after: 2027-03-31}]\n"
    )
    profile = loaded(text, b_pem=b"").profile
    assert profile.as2 is not None
    old, new = profile.as2.certificate_files
    assert old.used_on(date(1999, 1, 1))
    assert [new.used_on(date(2027, *day)) for day in [(1, 1), (3, 31), (4, 1)]] == [True, True, False]
    assert not new.used_on(date(2026, 12, 31))


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert loaded("\ufeff" + NORTHWIND).profile == loaded(NORTHWIND).profile


class TestSchema:
    validator = jsonschema.Draft202012Validator(profile_schema())

    @pytest.mark.parametrize("text", [ACME, NORTHWIND, HEAD + KEY + "x12: [{qualifier: 01, id: 123456789}]\n"])
    def test_takes_what_the_loader_takes(self, text: str) -> None:
        # an editor sees YAML's own types: unquoted digits are numbers
        held = yaml.load(text, Loader=yaml.BaseLoader)
        assert list(self.validator.iter_errors(held)) == []
        numbers = {
            "id": "a",
            "name": "b",
            "x12": {"qualifier": 12, "id": 123456789},
            "acknowledgment": {"functional": 997},
        }
        assert list(self.validator.iter_errors(numbers)) == []

    @pytest.mark.parametrize(
        "wrong",
        [{"stauts": "x"}, {"status": "x"}, {"as2": None}, {"as2": {}}, {"x12": {"qualifier": "zzz", "id": "A"}}],
    )
    def test_refuses_what_the_loader_refuses(self, wrong: dict[str, object]) -> None:
        assert list(self.validator.iter_errors({"id": "a", "name": "b", **wrong})) != []

    def test_describes_every_field(self) -> None:
        schema = profile_schema()
        for part in (schema, *schema["$defs"].values()):
            assert all("description" in field for field in part["properties"].values()), part["title"]


PIECES = [
    *"abz:-[]{}&*!|>'\"%@`#?, \n\t\x00\x85\u2028\ufeff",
    *["id", "name", "as2", "x12", "api_keys", "certificate", "null", "true", "2026-01-01", "../", "0" * 20],
    *[": ", "\n  ", "\n- ", "- ", "&a ", "*a", "<<", "---\n", "...", "!!str ", "\U0001f600", "\ud7ff"],
]
YAML_LIKE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just("acme.pem"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(YAML_LIKE.map(str.encode) | st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_make_the_loader_raise(data: bytes) -> None:
    outcome = parse_profile({"profile.yaml": data})
    assert isinstance(outcome, LoadedProfile) or all(problem.line >= 1 and problem.column >= 1 for problem in outcome)


FIELDS = sorted(profile_schema()["properties"])
AS2_FIELDS = sorted(profile_schema()["$defs"]["As2"]["properties"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.dictionaries(st.sampled_from(AS2_FIELDS), VALUES))
def test_no_values_make_the_loader_raise(fields: dict[str, object], as2: dict[str, object]) -> None:
    text = yaml.safe_dump(fields | {"id": "acme-supply", "name": "ACME", "as2": {"id": "A"} | as2})
    outcome = parse_profile({"profile.yaml": text.encode(), "acme.pem": b""})
    lines = text.count("\n") + 1
    assert isinstance(outcome, LoadedProfile) or all(1 <= problem.line <= lines and problem.what for problem in outcome)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(ACME)), st.integers(0, 12), st.sampled_from(["", " ", "\n", "x", ":", "[", "é", "- "]))
def test_a_slip_in_a_good_profile_is_told_and_never_raises(at: int, removed: int, put: str) -> None:
    outcome = parse_profile({"profile.yaml": (ACME[:at] + put + ACME[at + removed :]).encode(), "acme.pem": b""})
    assert isinstance(outcome, LoadedProfile) or len(outcome) > 0
