from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from certs.certificates import CertificateError
from certs.chain import Chain
from certs.revocation import read_revocation_lists, revocation_objection
from certs.trust import Trust
from tests.certs.authorities import curve_key, family, issue, revoke, usage

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
THEM = family(NOW)
CHAIN = Chain((THEM.leaf.certificate, THEM.middle.certificate, THEM.root.certificate))


def objection(*files: bytes, now: datetime = NOW) -> str | None:
    return revocation_objection(CHAIN, [one for data in files for one in read_revocation_lists(data)], now)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_list_is_read_as_pem_and_as_der(encoding):
    (one,) = read_revocation_lists(revoke(THEM.middle, NOW, [THEM.leaf.certificate], encoding=encoding))
    assert one.issuer == "CN=middle"
    assert set(one.revoked) == {THEM.leaf.certificate.serial_number}


def test_several_lists_stand_in_one_file():
    lists = read_revocation_lists(revoke(THEM.middle, NOW) + revoke(THEM.root, NOW))
    assert [one.issuer for one in lists] == ["CN=middle", "CN=root"]


@pytest.mark.parametrize("data", [b"", b"no list", THEM.root.certificate.pem(), revoke(THEM.root, NOW)[:200]])
def test_what_is_no_list_is_refused_in_words(data):
    with pytest.raises(CertificateError, match="no readable revocation list"):
        read_revocation_lists(data)


@given(st.binary(max_size=400), st.integers(0, 500))
def test_no_bytes_make_it_fail_otherwise(noise, at):
    good = revoke(THEM.middle, NOW, encoding=serialization.Encoding.DER)
    for data in (noise, good[:at] + noise + good[at:]):
        try:
            read_revocation_lists(data)
        except CertificateError:
            continue


def test_without_lists_nothing_is_asked():
    assert revocation_objection(CHAIN, [], NOW) is None


def test_a_current_list_without_the_certificate_says_nothing_against_it():
    assert objection(revoke(THEM.middle, NOW)) is None
    assert objection(revoke(THEM.middle, NOW), revoke(THEM.root, NOW)) is None


def test_a_revoked_certificate_is_refused_with_the_day():
    found = objection(revoke(THEM.middle, NOW, [THEM.leaf.certificate]))
    assert found is not None
    assert "was revoked by CN=middle on 2026-03-01" in found


def test_a_revoked_authority_between_takes_what_it_issued_with_it():
    found = objection(revoke(THEM.middle, NOW), revoke(THEM.root, NOW, [THEM.middle.certificate]))
    assert found is not None
    assert "CN=middle" in found


def test_an_overdue_list_refuses_everything_and_says_since_when():
    found = objection(revoke(THEM.middle, NOW, ends=timedelta(days=2)), now=NOW + timedelta(days=3))
    assert found == "the revocation list of CN=middle is overdue: a new one was due on 2026-03-03 12:00 UTC"


def test_a_newer_list_beside_an_overdue_one_is_enough():
    later = NOW + timedelta(days=3)
    assert objection(revoke(THEM.middle, NOW, ends=timedelta(days=2)), revoke(THEM.middle, later), now=later) is None


def test_what_an_older_list_revoked_stays_revoked():
    later = NOW + timedelta(days=3)
    old = revoke(THEM.middle, NOW, [THEM.leaf.certificate], ends=timedelta(days=2))
    assert "was revoked" in (objection(old, revoke(THEM.middle, later), now=later) or "")


def test_a_list_signed_by_another_is_no_list():
    found = objection(revoke(THEM.middle, NOW, signer=curve_key("attacker")))
    assert found is not None
    assert "is not signed by CN=middle" in found


def test_a_list_of_another_authority_does_not_cover_the_partner():
    found = objection(revoke(THEM.root, NOW))
    assert found == "there is no revocation list of CN=middle that covers CN=partner"


def test_an_authority_that_may_not_sign_lists_is_not_believed():
    middle = issue("middle", THEM.root, NOW, ca=True, key_usage=usage(key_cert_sign=True))
    leaf = issue("partner", middle, NOW)
    chain = Chain((leaf.certificate, middle.certificate, THEM.root.certificate))
    lists = read_revocation_lists(revoke(middle, NOW))
    assert "is not signed by" in (revocation_objection(chain, lists, NOW) or "")


def test_a_list_from_the_future_does_not_count():
    assert "after today" in (objection(revoke(THEM.middle, NOW, starts=timedelta(days=1))) or "")


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(
            full_name=None,
            relative_name=None,
            only_contains_user_certs=False,
            only_contains_ca_certs=False,
            only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}),
            indirect_crl=False,
            only_contains_attribute_certs=False,
        ),
    ],
)
def test_a_partial_list_is_refused_and_not_taken_for_a_whole_one(extension):
    assert "not understood here" in (objection(revoke(THEM.middle, NOW, extensions=[(extension, True)])) or "")


def test_a_list_of_authorities_alone_does_not_cover_a_partner():
    scope = x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=True,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    assert "there is no revocation list" in (objection(revoke(THEM.middle, NOW, extensions=[(scope, True)])) or "")


def test_trust_asks_both_chain_and_lists():
    lists = read_revocation_lists(revoke(THEM.middle, NOW, [THEM.leaf.certificate]))
    trust = Trust((THEM.root.certificate,), (THEM.middle.certificate,), lists, from_messages=True)
    assert "was revoked" in (trust.objection(THEM.leaf.certificate, "signing", NOW) or "")
    assert trust.signers([THEM.leaf.certificate], [THEM.leaf.certificate], NOW) == ()
    assert "cannot be read" in (
        Trust(unusable="x cannot be read").objection(THEM.leaf.certificate, "signing", NOW) or ""
    )
