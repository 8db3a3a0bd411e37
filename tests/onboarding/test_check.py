"""`check`: everything that can be known to be wrong before the first message."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.creation import create_key_pair
from gateway.onboarding.checking.checker import check
from tests.onboarding.test_agreements import BIGCORP, NOW, PLANT, REST_ONLY
from tests.partners.profiles import ACME, KEY_DIGEST, NORTHWIND, write

PAIR = create_key_pair("ACME-AS2", now=NOW - timedelta(days=1), valid_days=730)
GOOD = PAIR.certificate.pem()
EXPIRED = create_key_pair("ACME-AS2", now=NOW - timedelta(days=900), valid_days=730).certificate.pem()
EXPIRING = create_key_pair("ACME-AS2", now=NOW - timedelta(days=720), valid_days=730).certificate.pem()
COMING = create_key_pair("ACME-AS2", now=NOW + timedelta(days=10), valid_days=730).certificate.pem()


def weak_certificate() -> bytes:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ACME")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2028, 1, 1))  # noqa: DTZ001  # the builder takes UTC
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def checked(partners_dir: Path, *identities: object) -> list[str]:
    found = check(partners_dir, identities=identities or (BIGCORP,), now=NOW)  # type: ignore[arg-type]
    return [str(problem).removeprefix(f"{partners_dir}/") for problem in found]


def test_good_profiles_have_no_problems(tmp_path: Path) -> None:
    write(tmp_path, "acme-supply", ACME, acme_pem=GOOD)
    write(tmp_path, "northwind-parts", NORTHWIND)
    assert checked(tmp_path) == []


def test_a_partners_dir_that_is_not_there(tmp_path: Path) -> None:
    assert "the folder of the partners cannot be read" in checked(tmp_path / "nowhere")[0]


def test_everything_is_told_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    write(tmp_path, "acme-supply", ACME, acme_pem=EXPIRED)
    write(tmp_path, "broken", "id: broken\nname: B\nstauts: x\n")
    write(tmp_path, "rival", ACME.replace("acme-supply", "rival").replace("ACMESUPPLY,", "BIGCORP,"), acme_pem=GOOD)
    found = checked(tmp_path)
    assert [line.split(": ")[0] for line in found] == [
        "acme-supply/profile.yaml:4:7",
        "acme-supply/profile.yaml:5:16",
        "broken/profile.yaml:3:1",
        "rival/profile.yaml:4:7",
        "rival/profile.yaml:7:26",
    ]
    assert "the AS2 id `ACME-AS2` is also claimed by" in found[0]
    assert "ZZ/BIGCORP is our own address, that of the identity `bigcorp`" in found[4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (EXPIRED, "acme-supply/profile.yaml:5:16: `acme.pem`: CN=ACME-AS2 expired on 2026-04-14; exchange a new"),
        (COMING, "profile.yaml:5:16: `acme.pem`: CN=ACME-AS2 is valid only from 2026-10-11; wait until then"),
        (EXPIRING, "profile.yaml:5:16: warning: `acme.pem`: CN=ACME-AS2 expires on 2026-10-11; start the exchange"),
        (weak_certificate(), "profile.yaml:5:16: `acme.pem`: The RSA key of CN=ACME has 1024 bits; ask for 2048 bits"),
        (b"no certificate", "profile.yaml:5:16: `acme.pem`: The file holds no readable certificate"),
        (b"", "profile.yaml:5:16: `acme.pem`: The file holds no readable certificate"),
        (b"-----BEGIN PRIVATE KEY-----\n", "profile.yaml:5:16: `acme.pem`: The file holds a private key"),
    ],
)
def test_a_certificate_that_cannot_do_its_work(tmp_path: Path, content: bytes, words: str) -> None:
    write(tmp_path, "acme-supply", ACME, acme_pem=content)
    (found,) = checked(tmp_path)
    assert words in found


def test_a_missing_certificate(tmp_path: Path) -> None:
    (write(tmp_path, "acme-supply", ACME) / "acme.pem").unlink()
    (found,) = checked(tmp_path)
    assert found.startswith("acme-supply/profile.yaml:5:16: the file `acme.pem` is missing; put it into ")


@pytest.mark.parametrize(
    ("certificates", "files", "expected"),
    [
        # the next one lies ready: nothing to do
        ("[acme.pem, next.pem]", {"acme_pem": GOOD, "next_pem": COMING}, []),
        ("[acme.pem, next.pem]", {"acme_pem": EXPIRING, "next_pem": COMING}, []),
        # the old one is still listed
        ("[acme.pem, old.pem]", {"acme_pem": GOOD, "old_pem": EXPIRED}, ["warning: `old.pem`: CN=ACME-AS2 expired"]),
        ("[acme.pem, {file: old.pem, not_after: 2026-04-01}]", {"acme_pem": GOOD, "old_pem": EXPIRED}, []),
        # nobody can verify anything today
        (
            "[{file: acme.pem, valid_from: 2026-12-01}, {file: old.pem, not_after: 2026-04-01}]",
            {"acme_pem": GOOD, "old_pem": EXPIRED},
            ["none of the certificates can verify a signature today; list one whose days include today"],
        ),
        ("[{file: acme.pem, valid_from: 2026-12-01}]", {"acme_pem": GOOD}, ["can verify a signature today"]),
        (
            "[acme.pem, {file: next.pem, valid_from: 2031-01-01}]",
            {"acme_pem": GOOD, "next_pem": GOOD},
            ["`next.pem` is to be used from 2031-01-01, but expires on 2028-09-29"],
        ),
    ],
)
def test_rolling_a_certificate_over(
    tmp_path: Path, certificates: str, files: dict[str, bytes], expected: list[str]
) -> None:
    text = ACME.replace("certificate: acme.pem", f"certificates: {certificates}")
    write(tmp_path, "acme-supply", text, **files)
    found = checked(tmp_path)
    assert len(found) == len(expected), found
    assert all(words in line for words, line in zip(expected, found, strict=True)), found


def test_weak_as2_is_warned_of(tmp_path: Path) -> None:
    weak = "  require_signed: false\n  digests: [sha-256, sha-1]\n  ciphers: [aes256-cbc, 3des-cbc]\nx12:"
    write(tmp_path, "acme-supply", ACME.replace("x12:", weak, 1), acme_pem=GOOD)
    found = check(tmp_path, identities=[BIGCORP], now=NOW)
    assert [(problem.line, problem.column, problem.severity) for problem in found] == [
        (7, 19, "warning"), (8, 22, "warning"), (9, 25, "warning"),
    ]  # fmt: skip


MISFITS = {
    "our AS2 id": (
        ("id: ACME-AS2", "id: BIGCORP-AS2"),
        (BIGCORP,),
        ":4:7: `BIGCORP-AS2` is our own AS2 id",
    ),
    "misspelt identity": (
        ("  url:", "  our_identity: bigcrop\n  url:"),
        (BIGCORP,),
        ":6:17: we have no identity named `bigcrop`; did you mean `bigcorp`?",
    ),
    "identity without AS2": (
        ("  url:", "  our_identity: rest-only\n  url:"),
        (BIGCORP, REST_ONLY),
        ":6:17: our identity `rest-only` has no AS2 id",
    ),
    "several identities": (
        ("", ""),
        (BIGCORP, PLANT),
        ":3:1: we have several AS2 ids, and none is named here; add `our_identity:` with one of: bigcorp, plant",
    ),
    "unknown identity of an agreement": (
        ("releases: [004010]", "our_identity: plnt"),
        (BIGCORP,),
        ":9:76: we have no identity named `plnt`; use one of: bigcorp",
    ),
    "no grammar": (
        ("[004010]", "[004010, 007010]"),
        (BIGCORP,),
        ":9:81: no grammar for 856 in release `007010`; use one of: 002040, 003010",
    ),
    "no writer": (
        ("ship_notice, direction: inbound", "receipt, direction: outbound"),
        (BIGCORP,),
        ":9:16: no receipt is written as X12; use one of: purchase_order, purchase_order_acknowledgment, ship_notice",
    ),
    "no tables to write by": (
        ("direction: inbound, syntax: x12, releases: [004010]", "direction: outbound, syntax: x12, releases: [004060]"),
        (BIGCORP,),
        ":9:74: release `004060` has no tables to write by; use one of: 002040, 003010",
    ),
    "nothing agreed": (
        ("agreements:\n  - ", "# "),
        (BIGCORP,),
        ":1:1: warning: nothing is agreed with this partner",
    ),
    "unknown connection": (
        ("x12: {", "via: ghost\nx12: {"),
        (BIGCORP,),
        ":7:6: no partner has the id `ghost`",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_with_who_we_are(tmp_path: Path, case: str) -> None:
    change, identities, words = MISFITS[case]
    write(tmp_path, "acme-supply", ACME.replace(*change, 1), acme_pem=GOOD)
    (found,) = checked(tmp_path, *identities)
    assert f"acme-supply/profile.yaml{words}" in found


def test_without_identities_neither_as2_nor_x12_can_work(tmp_path: Path) -> None:
    write(tmp_path, "acme-supply", ACME, acme_pem=GOOD)
    found = checked(tmp_path, REST_ONLY)
    assert (
        "acme-supply/profile.yaml:3:1: AS2 is agreed, but we have no AS2 id; add an identity with `as2_id:`" in found[0]
    )
    assert "acme-supply/profile.yaml:9:57: an X12 agreement, but our identity has no X12 address" in found[1]


def test_the_nearest_release_is_fine_where_it_is_tolerated(tmp_path: Path) -> None:
    text = ACME.replace("[004010]", "[007010], tolerances: [newer-release]")
    write(tmp_path, "acme-supply", text, acme_pem=GOOD)
    assert checked(tmp_path) == []


SECOND_KEY = f"  - {{label: next, sha256: {'0' * 64}}}\nagreements:"


@pytest.mark.parametrize(
    ("expires_on", "with_second", "words"),
    [
        (
            date(2026, 9, 30),
            False,
            ":4:111: the API key `production` expired on 2026-09-30; give the partner a new key",
        ),
        (date(2026, 9, 30), True, ":4:111: warning: the API key `production` expired"),
        (date(2026, 10, 1), False, ":4:111: warning: the API key `production` expires on 2026-10-01; add a new key"),
        (date(2026, 10, 31), True, ""),
        (date(2026, 11, 1), False, ""),
    ],
)
def test_api_keys_that_end(tmp_path: Path, expires_on: date, with_second: bool, words: str) -> None:
    text = NORTHWIND.replace("2027-06-30", str(expires_on))
    write(tmp_path, "northwind-parts", text.replace("agreements:", SECOND_KEY) if with_second else text)
    found = checked(tmp_path)
    assert len(found) == (1 if words else 0)
    assert all(f"northwind-parts/profile.yaml{words}" in line for line in found)
    assert all(KEY_DIGEST not in line for line in found)


def test_a_suspended_partner_may_be_unfinished(tmp_path: Path) -> None:
    write(tmp_path, "new-partner", "id: new-partner\nname: New Partner\nstatus: suspended\n")
    assert checked(tmp_path) == []
