"""`check` of authorities and revocation lists."""

from datetime import timedelta
from pathlib import Path

import pytest

from certs.certificates import KeyPair
from gateway.as2_agreements import partner_certificates, partner_trust
from gateway.onboarding.checking.checker import check
from partners.loader import LoadedProfile, load_profile, unpack
from tests.certs.authorities import curve_key, family, issue, revoke, rsa_key
from tests.onboarding.test_agreements import BIGCORP, NOW

THEM = family(NOW)
LEAF = issue("partner", THEM.middle, NOW, key=rsa_key("partner"))
PROFILE = """\
id: acme
name: ACME
as2:
  id: ACME
  certificate: acme.pem
  authorities: root.pem
"""


def bundle(*pairs: KeyPair) -> bytes:
    return b"".join(pair.certificate.pem() for pair in pairs)


def put(folder: Path, more: str = "", **files: bytes) -> Path:
    acme = folder / "acme"
    acme.mkdir(parents=True)
    agreed = "agreements:\n- {document: purchase_order, direction: inbound, syntax: json}\n"
    (acme / "profile.yaml").write_text(PROFILE + more + agreed)
    fixed = {"acme": bundle(LEAF, THEM.middle), "root": bundle(THEM.root)}
    for name, content in (fixed | files).items():
        (acme / f"{name}.pem").write_bytes(content)
    return folder


def checked(folder: Path, now=NOW) -> list[str]:
    found = check(folder, identities=[BIGCORP], now=now)
    return [f"{problem.severity} {problem}".replace(f"{folder}/", "") for problem in found]


def loaded(folder: Path) -> LoadedProfile:
    found = load_profile(folder / "acme")
    assert isinstance(found, LoadedProfile), found
    return found


LISTED = "  revocation_lists: list.pem\n"


def test_a_chain_and_a_current_list_have_no_problems(tmp_path):
    assert checked(put(tmp_path, LISTED, list=revoke(THEM.middle, NOW))) == []


@pytest.mark.parametrize(
    ("more", "files", "line", "words"),
    [
        ("", {"acme": bundle(LEAF)}, "acme/profile.yaml:5", "is not trusted: CN=partner was issued by CN=middle"),
        ("", {"root": b"nonsense"}, "acme/profile.yaml:6", "no readable certificate"),
        (LISTED, {"list": b"nonsense"}, "acme/profile.yaml:7", "no readable revocation list"),
        (LISTED, {"list": revoke(THEM.middle, NOW, ends=timedelta(hours=-1))}, "acme/profile.yaml:7", "is overdue"),
        (
            LISTED,
            {"list": revoke(THEM.middle, NOW, signer=curve_key("attacker"))},
            "acme/profile.yaml:7",
            "is not signed by CN=middle",
        ),
        (
            LISTED,
            {"list": revoke(issue("elsewhere", None, NOW), NOW)},
            "acme/profile.yaml:7",
            "none of the authorities here",
        ),
        (LISTED, {"list": revoke(THEM.middle, NOW, [LEAF.certificate])}, "acme/profile.yaml:5", "was revoked"),
    ],
)
def test_what_leaves_no_trust_is_an_error_with_its_line(tmp_path, more, files, line, words):
    found = checked(put(tmp_path, more, **files))
    assert any(problem.startswith(f"error {line}") and words in problem for problem in found), found
    theirs = loaded(tmp_path)
    assert partner_trust(theirs).objection(LEAF.certificate, "signing", NOW) is not None
    assert partner_certificates(theirs, "encryption", NOW) == ()


def test_an_authority_that_ended_is_told_with_its_file(tmp_path):
    root = issue("short root", None, NOW, ca=True, ends=timedelta(days=3))
    leaf = issue("partner", root, NOW, key=rsa_key("partner"))
    folder = put(tmp_path, acme=bundle(leaf), root=bundle(root))
    soon, late = checked(folder), checked(folder, NOW + timedelta(days=4))
    assert any(problem.startswith("warning acme/profile.yaml:6") and "expires on" in problem for problem in soon)
    assert any(problem.startswith("error acme/profile.yaml:6") and "expired on" in problem for problem in late)
    assert any("is not trusted" in problem for problem in late)


def test_a_list_that_ends_tomorrow_is_a_warning(tmp_path):
    folder = put(tmp_path, LISTED, list=revoke(THEM.middle, NOW, ends=timedelta(hours=5)))
    (found,) = checked(folder)
    assert found.startswith("warning acme/profile.yaml:7")
    assert "a new one is due" in found


def test_we_encrypt_only_to_what_chains(tmp_path):
    theirs = loaded(put(tmp_path))
    assert partner_certificates(theirs, "encryption", NOW) == (LEAF.certificate,)
    # What signs is judged with its message, which may bring the certificates between.
    alone = loaded(put(tmp_path / "alone", acme=bundle(LEAF)))
    assert partner_certificates(alone, "encryption", NOW) == ()
    assert partner_certificates(alone, "signing", NOW) == (LEAF.certificate,)


def test_a_revocation_list_may_be_larger_than_other_files(tmp_path):
    crowd = [issue(f"one of many {number}", THEM.middle, NOW, key=curve_key("many")) for number in range(3)]
    many = [crowd[number % 3].certificate for number in range(1_900)]
    large = revoke(THEM.middle, NOW, many)
    assert len(large) > 65_536
    assert unpack(loaded(put(tmp_path, LISTED, list=large)).pack()) == loaded(tmp_path)
    assert checked(tmp_path) == []
