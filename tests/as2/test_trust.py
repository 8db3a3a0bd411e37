"""Trust beyond pinning in messages and receipts: what chains counts, what only looks like it does not."""

from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from certs.certificates import KeyPair
from certs.revocation import read_revocation_lists
from certs.trust import PINNED, Trust
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.mdn import MdnError, read_mdn, write_mdn
from gateway.as2.message import Opened, Policy, Signing, WrittenMessage, open_message, read_envelope
from tests.as2.parties import NOW, encryption, us, write
from tests.certs.authorities import Family, curve_key, family, issue, revoke, rsa_key


@cache
def them() -> Family:
    made = family(NOW)
    return Family(made.root, made.middle, issue("partner", made.middle, NOW, key=rsa_key("partner")))


@cache
def renewed() -> KeyPair:
    """Another key of theirs, under the same name, from the same authority."""
    return issue("partner", them().middle, NOW, key=rsa_key("renewed"))


@cache
def look_alike() -> KeyPair:
    return issue("partner", None, NOW, key=rsa_key("attacker"))


def trust(*, chain: bool = True, lists: bytes = b"") -> Trust:
    found = read_revocation_lists(lists) if lists else ()
    return Trust((them().root.certificate,), (them().middle.certificate,), found, from_messages=chain)


def opened(message: WrittenMessage, trusting: Trust, **changes: Any) -> Opened:
    return open_message(
        read_envelope(message.headers),
        message.headers,
        message.body,
        keys=[us()],
        partner_certificates=[them().leaf.certificate],
        policy=Policy(require_encrypted=False),
        trust=trusting,
        **({"now": NOW} | changes),
    )


def refusal(message: WrittenMessage, trusting: Trust, **changes: Any) -> tuple[Modifier, str]:
    with pytest.raises(As2Refused) as refused:
        opened(message, trusting, **changes)
    return refused.value.modifier, refused.value.audit_reason


def test_an_agreed_certificate_that_chains_counts():
    message = write(signing=Signing(them().leaf))
    assert opened(message, trust()).signer_fingerprint == them().leaf.certificate.fingerprint
    assert opened(message, trust(chain=False)).signed


def test_a_renewed_certificate_of_the_same_name_is_taken_from_the_message_under_chain():
    message = write(signing=Signing(renewed()))
    assert opened(message, trust()).signer_fingerprint == renewed().certificate.fingerprint


@pytest.mark.parametrize("trusting", [PINNED, trust(chain=False)], ids=["pinned", "pinned with authorities"])
def test_pinned_means_that_the_certificate_in_the_message_never_counts(trusting):
    for pair in (renewed(), look_alike()):
        modifier, reason = refusal(write(signing=Signing(pair)), trusting)
        assert modifier is Modifier.AUTHENTICATION_FAILED
        assert "none of those agreed" in reason


def test_a_self_signed_look_alike_is_refused_under_chain():
    assert refusal(write(signing=Signing(look_alike())), trust())[0] is Modifier.AUTHENTICATION_FAILED


def test_another_customer_of_the_same_authority_is_refused():
    rival = issue("rival", them().middle, NOW, key=rsa_key("rival"))
    assert refusal(write(signing=Signing(rival)), trust())[0] is Modifier.AUTHENTICATION_FAILED


def test_a_partner_who_issues_certificates_without_being_an_authority_is_refused():
    issued = issue("partner", renewed(), NOW, key=rsa_key("attacker"))
    assert refusal(write(signing=Signing(issued)), trust())[0] is Modifier.AUTHENTICATION_FAILED


def test_a_revoked_signer_is_refused_by_name():
    lists = revoke(them().middle, NOW, [them().leaf.certificate, renewed().certificate])
    modifier, reason = refusal(write(signing=Signing(them().leaf)), trust(lists=lists))
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "was revoked by CN=middle" in reason
    # In a message it does not even become a candidate.
    assert refusal(write(signing=Signing(renewed())), trust(lists=lists))[0] is Modifier.AUTHENTICATION_FAILED


def test_an_overdue_list_refuses_with_clear_words():
    lists = revoke(them().middle, NOW, ends=timedelta(hours=1))
    message = write(signing=Signing(them().leaf))
    assert opened(message, trust(lists=lists)).signed
    modifier, reason = refusal(message, trust(lists=lists), now=NOW + timedelta(hours=2))
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "is overdue" in reason


def test_a_list_of_somebody_else_does_not_help_a_revoked_one():
    lists = revoke(them().middle, NOW, signer=curve_key("attacker"))
    assert "is not signed by" in refusal(write(signing=Signing(them().leaf)), trust(lists=lists))[1]


def test_an_authority_that_cannot_be_read_trusts_nobody():
    unusable = Trust(unusable="the file root.pem beside the profile cannot be used")
    modifier, reason = refusal(write(signing=Signing(them().leaf)), unusable)
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "root.pem" in reason


def test_an_encrypted_message_tells_no_more_than_before():
    forged = write(signing=Signing(look_alike()), encryption=encryption())
    assert refusal(forged, trust())[0] is Modifier.DECRYPTION_FAILED
    lists = revoke(them().middle, NOW, [them().leaf.certificate])
    known = write(signing=Signing(them().leaf), encryption=encryption())
    # Whoever holds the key of a revoked certificate is authenticated, and is told.
    assert refusal(known, trust(lists=lists))[0] is Modifier.AUTHENTICATION_FAILED


def test_receipts_are_held_to_the_same():
    def receipt(pair: KeyPair) -> Any:
        written = write_mdn(
            as2_from="partner",
            as2_to="us",
            message_id="<m@partner>",
            original_message_id="<1@us>",
            now=NOW,
            reporting_ua="x",
            signing=Signing(pair),
        )
        return written.headers, written.body

    def read(pair: KeyPair, trusting: Trust) -> Any:
        headers, body = receipt(pair)
        agreed = [them().leaf.certificate]
        return read_mdn(headers, body, partner_certificates=agreed, now=NOW, require_signed=True, trust=trusting)

    assert read(renewed(), trust()).signature.certificate == renewed().certificate
    assert read(them().leaf, trust()).signature is not None
    for pair, trusting in ((look_alike(), trust()), (renewed(), trust(chain=False)), (renewed(), PINNED)):
        with pytest.raises(MdnError, match="none of those agreed"):
            read(pair, trusting)
    with pytest.raises(MdnError, match="was revoked"):
        read(them().leaf, trust(lists=revoke(them().middle, NOW, [them().leaf.certificate])))
