"""What the other rooms are told about a partner."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from certs.creation import create_key_pair
from gateway.agreements import (
    acknowledgment_rules,
    agreement_for,
    envelope_for,
    framing_for,
    reading_rules,
    repetition_rules,
)
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.policy import Policy
from gateway.as2_agreements import as2_policy, identities_for, identity_for, partner_certificates
from gateway.settings import IdentitySettings, X12Address
from partners import as2_terms, x12_terms
from partners import profile as partner_profile
from tests.partners.profiles import ACME, NORTHWIND, loaded
from tests.partners.test_directory import SMALL, VAN
from translators import guide
from translators.documents import DOCUMENTS
from translators.guide import AcknowledgmentRules, Guide, Identity, RepetitionRules
from translators.x12.sets import DOCUMENT_TYPES

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
BIGCORP = IdentitySettings(
    name="bigcorp", as2_id="BIGCORP-AS2", x12=X12Address(qualifier="ZZ", id="BIGCORP", group_id="BIGCORP")
)
PLANT = IdentitySettings(
    name="plant", as2_id="PLANT-AS2", x12=X12Address(qualifier="01", id="123456789", group_id="PLANT")
)
REST_ONLY = IdentitySettings(name="rest-only")


def test_both_sides_know_the_same_names() -> None:
    assert set(get_args(partner_profile.Tolerance)) == set(get_args(guide.Tolerance))
    assert get_args(x12_terms.OnBadSet) == get_args(guide.OnBadSet)
    assert get_args(x12_terms.RepetitionAction) == get_args(guide.DuplicateAction)
    for field in fields(guide.Validation):
        said = x12_terms.Validation.model_fields[field.name]
        assert (get_args(said.annotation), said.default) == (get_args(field.type), field.default)
    assert get_args(x12_terms.Acknowledgment.model_fields["functional"].annotation) == get_args(guide.Functional)
    assert set(get_args(partner_profile.DocumentType)) == set(DOCUMENTS) - {"functional_acknowledgment"}
    assert set(get_args(partner_profile.DocumentType)) <= set(DOCUMENT_TYPES.values())
    assert {Cipher(name) for name in get_args(as2_terms.Cipher)} == set(Cipher)
    assert {Digest(name) for name in get_args(as2_terms.Digest)} <= set(Digest)
    assert {KeyTransport(name) for name in get_args(as2_terms.KeyTransport)} == set(KeyTransport)
    assert {SignatureScheme(name) for name in get_args(as2_terms.SignatureScheme)} == set(SignatureScheme)


def test_a_partner_is_read_by_its_own_agreements() -> None:
    text = ACME.replace("agreements:", "tolerances: [isa-padding]\nencoding: utf-8\nagreements:")
    text += "  - {document: purchase_order, direction: outbound, syntax: x12, releases: 004010}\n"
    text += "  - {document: invoice, direction: inbound, syntax: json}\n"
    rules = reading_rules(loaded(text), [BIGCORP, PLANT, REST_ONLY])
    assert rules.guides == (Guide("ship_notice", "x12", ("004010",)), Guide("invoice", "json"))
    assert rules.senders == {Identity("ZZ", "ACMESUPPLY")}
    assert rules.receivers == {Identity("ZZ", "BIGCORP"), Identity("01", "123456789")}
    assert rules.tolerances == {"isa-padding"}
    assert rules.encoding == "utf-8"
    assert rules.duplicate_action == "reject"


def test_a_partner_without_x12_may_speak_for_no_address() -> None:
    rules = reading_rules(loaded(NORTHWIND), [BIGCORP])
    assert rules.senders == frozenset()
    assert rules.guides == (Guide("ship_notice", "json"),)


def test_agreements_that_name_our_identity_narrow_the_receivers() -> None:
    text = ACME.replace("releases: [004010]", "our_identity: plant")
    assert reading_rules(loaded(text), [BIGCORP, PLANT]).receivers == {Identity("01", "123456789")}
    text += "  - {document: invoice, direction: inbound, syntax: x12}\n"
    assert len(reading_rules(loaded(text), [BIGCORP, PLANT]).receivers or ()) == 2


class TestConnection:
    van = loaded(VAN + "tolerances: [missing-trailer]\n")
    small = loaded(SMALL + "tolerances: [isa-padding, leading-bytes]\nduplicates: {action: process}\n")

    def test_brings_what_its_partners_agreed(self) -> None:
        rules = reading_rules(self.van, [BIGCORP], [self.small])
        # What a partner agreed holds for its own address, whoever else the connection speaks for.
        theirs = frozenset({Identity("ZZ", "SMALLPARTS")})
        assert rules.guides == (Guide("invoice", "x12", ("004010",), senders=theirs),)
        assert rules.senders == {Identity("ZZ", "SMALLPARTS")}
        assert rules.tolerances == {"isa-padding", "leading-bytes"}
        assert rules.duplicate_action == "process"

    def test_is_held_to_the_strictest_of_them(self) -> None:
        other = SMALL.replace("small-parts", "other").replace("SMALLPARTS", "GHOST") + "tolerances: [isa-padding]\n"
        rules = reading_rules(self.van, [BIGCORP], [self.small, loaded(other)])
        assert rules.senders == {Identity("ZZ", "SMALLPARTS"), Identity("ZZ", "GHOST")}
        assert rules.tolerances == {"isa-padding"}
        assert rules.duplicate_action == "reject"

    @pytest.mark.parametrize("change", [("via: trade-van", "via: other-van"), ("SMALLPARTS", "UNLISTED")])
    def test_brings_nothing_of_those_it_does_not_speak_for(self, change: tuple[str, str]) -> None:
        rules = reading_rules(self.van, [BIGCORP], [loaded(SMALL.replace(*change))])
        assert rules.senders == frozenset()

    def test_brings_nothing_of_drafts(self) -> None:
        rules = reading_rules(self.van, [BIGCORP], [loaded(SMALL + "status: draft\n")])
        assert (rules.senders, rules.guides) == (frozenset(), ())

    def test_reads_what_it_brings_for_the_suspended(self) -> None:
        """What waits is set apart before anything is read; what is read all the same must not be refused."""
        suspended = loaded(SMALL + "status: suspended\n")
        assert reading_rules(self.van, [BIGCORP], [suspended]) == reading_rules(self.van, [BIGCORP], [loaded(SMALL)])

    def test_a_bad_set_takes_with_it_what_the_agreement_it_stands_under_says(self) -> None:
        strict = loaded(SMALL + "processing: {on_bad_set: reject_interchange, mask_passwords: false}\n")
        lenient = SMALL.replace("small-parts", "other").replace("SMALLPARTS", "GHOST").replace("invoice", "ship_notice")
        van = loaded(VAN + "processing: {mask_passwords: false}\n")
        rules = reading_rules(van, [BIGCORP], [strict, loaded(lenient)])
        assert rules.on_bad_set == "reject_interchange"
        assert [(guide.document_type, guide.on_bad_set) for guide in rules.guides or ()] == [
            ("invoice", None),
            ("ship_notice", "reject_set"),
        ]
        assert rules.masks_passwords

    def test_the_strictest_word_on_repetitions_holds(self) -> None:
        other = loaded(
            SMALL.replace("small-parts", "other") + "duplicates: {group: accept_with_error, window_days: 120}\n"
        )
        assert repetition_rules(self.van, [self.small]) == RepetitionRules("process")
        assert repetition_rules(self.van, [self.small, other]) == RepetitionRules(
            "reject", "accept_with_error", window_days=120
        )


def test_acknowledgments_as_the_profile_says() -> None:
    text = ACME + "acknowledgment: {ta1: always, functional: 999, accepted_sets: false, envelope: per_group}\n"
    ours = Identity("ZZ", "BIGCORP")
    assert acknowledgment_rules(loaded(text).profile, [BIGCORP, REST_ONLY]) == AcknowledgmentRules(
        "always", "999", accepted_sets=False, envelope="per_group", ours=ours
    )
    assert acknowledgment_rules(loaded(ACME).profile, [BIGCORP, PLANT]) == AcknowledgmentRules()


def test_an_agreement_may_differ_on_bad_sets() -> None:
    text = ACME.replace("releases: [004010]", "on_bad_set: accept_with_errors")
    rules = reading_rules(loaded(text), [BIGCORP])
    assert (rules.on_bad_set, (rules.guides or ())[0].on_bad_set) == ("reject_set", "accept_with_errors")


class TestAgreementFor:
    profile = loaded(
        ACME.replace("[004010]", "[004010, 005010VICS]")
        + "  - {document: ship_notice, direction: inbound, syntax: x12, our_identity: plant}\n"
    ).profile

    @pytest.mark.parametrize(
        ("release", "identity", "found"),
        [
            ("004010", None, True),
            ("004010VICS", "bigcorp", True),
            ("005010VICS", "bigcorp", True),
            ("005010", "bigcorp", False),
            ("003040", "bigcorp", False),
            ("003040", "plant", True),
        ],
    )
    def test_by_release_and_identity(self, release: str, identity: str | None, found: bool) -> None:
        agreement = agreement_for(self.profile, "ship_notice", "inbound", "x12", release=release, our_identity=identity)
        assert (agreement is not None) is found

    def test_what_says_more_goes_first(self) -> None:
        agreement = agreement_for(self.profile, "ship_notice", "inbound", "x12", release="004010", our_identity="plant")
        assert agreement is not None
        assert agreement.our_identity == "plant"

    def test_nothing_else_is_agreed(self) -> None:
        assert agreement_for(self.profile, "ship_notice", "outbound", "x12") is None
        assert agreement_for(self.profile, "ship_notice", "inbound", "json") is None
        assert agreement_for(self.profile, "invoice", "inbound", "x12") is None


def test_our_identity_is_the_named_one_or_the_only_one() -> None:
    acme = loaded(ACME).profile
    assert identity_for(acme, [BIGCORP, REST_ONLY]) is BIGCORP
    assert identity_for(acme, [BIGCORP, PLANT]) is None
    assert identity_for(loaded(NORTHWIND).profile, [BIGCORP]) is None
    named = loaded(ACME.replace("  id: ACME-AS2", "  id: ACME-AS2\n  our_identity: plant")).profile
    assert identity_for(named, [BIGCORP, PLANT]) is PLANT
    assert identity_for(named, [BIGCORP]) is None


def test_a_partner_may_address_every_identity_that_its_profile_names() -> None:
    acme = loaded(ACME).profile
    assert identities_for(acme, [BIGCORP, REST_ONLY]) == (BIGCORP,)
    assert identities_for(acme, [BIGCORP, PLANT]) == ()  # of two nobody knows which
    assert identities_for(loaded(NORTHWIND).profile, [BIGCORP]) == ()
    for_plant = ACME + "  - {document: invoice, direction: inbound, syntax: x12, our_identity: plant}\n"
    assert identities_for(loaded(for_plant).profile, [BIGCORP, PLANT]) == (PLANT,)
    named = for_plant.replace("  id: ACME-AS2", "  id: ACME-AS2\n  our_identity: bigcorp")
    assert identities_for(loaded(named).profile, [PLANT, BIGCORP]) == (BIGCORP, PLANT)
    assert identities_for(loaded(named).profile, [PLANT]) == (PLANT,)


def test_a_connection_may_address_the_identities_of_those_it_carries() -> None:
    van = loaded(ACME).profile
    small = loaded(SMALL.replace("syntax: x12", "syntax: x12, our_identity: plant", 1)).profile
    assert identities_for(van, [BIGCORP, PLANT], [small]) == (PLANT,)


class TestAs2Policy:
    def test_is_strict_by_default(self) -> None:
        assert as2_policy(loaded(ACME).profile, decompressed_bytes_max=104_857_600) == Policy()
        assert as2_policy(loaded(NORTHWIND).profile, decompressed_bytes_max=104_857_600) == Policy()

    def test_allows_what_the_profile_names(self) -> None:
        extra = "  require_encrypted: false\n  digests: [sha-256, sha-1]\n  ciphers: [aes128-cbc, 3des-cbc]\nx12:"
        policy = as2_policy(loaded(ACME.replace("x12:", extra, 1)).profile, decompressed_bytes_max=5_000)
        assert policy.require_signed
        assert not policy.require_encrypted
        assert policy.digests == {Digest.SHA256, Digest.SHA1}
        assert policy.ciphers == {Cipher.AES128_CBC, Cipher.TRIPLE_DES}
        assert policy.decompressed_bytes_max == 5_000

    @pytest.mark.parametrize(("ours", "theirs", "limit"), [(5_000, 2_000, 2_000), (5_000, 9_000, 5_000)])
    def test_no_profile_lifts_the_gateways_limit(self, ours: int, theirs: int, limit: int) -> None:
        profile = loaded(ACME + f"limits: {{decompressed_bytes_max: {theirs}}}\n").profile
        assert as2_policy(profile, decompressed_bytes_max=ours).decompressed_bytes_max == limit


class TestPartnerCertificates:
    old = create_key_pair("ACME", now=NOW - timedelta(days=700), valid_days=730).certificate
    new = create_key_pair("ACME", now=NOW - timedelta(days=10), valid_days=730).certificate
    expired = create_key_pair("ACME", now=NOW - timedelta(days=700), valid_days=30).certificate
    text = ACME.replace(
        "certificate: acme.pem",
        "certificates: [acme.pem, {file: new.pem, valid_from: 2026-11-01, use: encryption}, expired.pem, junk.pem]",
    )
    partner = loaded(text, acme_pem=old.pem(), new_pem=new.pem(), expired_pem=expired.pem(), junk_pem=b"junk")

    def test_signers_are_all_that_may_sign_today(self) -> None:
        assert partner_certificates(self.partner, "signing", NOW) == (self.old,)

    def test_a_signer_out_of_date_can_be_recognised(self) -> None:
        found = partner_certificates(self.partner, "signing", NOW, whatever_their_dates=True)
        assert set(found) == {self.old, self.expired}

    def test_the_newest_in_its_window_is_encrypted_to(self) -> None:
        assert partner_certificates(self.partner, "encryption", NOW) == (self.old,)
        assert partner_certificates(self.partner, "encryption", NOW + timedelta(days=31))[0] == self.new

    def test_without_as2_there_are_none(self) -> None:
        assert partner_certificates(loaded(NORTHWIND), "signing", NOW) == ()


# --- what we send -----------------------------------------------------------------------------------------------------

SENDING = """
id: acme
name: Acme
status: suspended
encoding: utf-8
x12: {qualifier: "01", id: "123456789"}
framing:
  separators: {element: "|", terminator: "\\x1c", component: ":", repetition: "!"}
  line_end: crlf
  separators_in_data: choose
  usage: test
  version: "00501"
  acknowledgment_requested: true
agreements:
  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010VICS], our_identity: plant}
"""


def test_framing_is_what_the_profile_says() -> None:
    rules = framing_for(loaded(SENDING).profile)
    assert rules.delimiters.all() == "|\x1c:!"
    assert (rules.line_end, rules.encoding, rules.separators_in_data) == ("\r\n", "utf-8", "choose")
    assert framing_for(loaded(SMALL).profile).delimiters.all() == "*~>^"


def test_the_envelope_is_that_of_the_agreement() -> None:
    profile = loaded(SENDING).profile
    made = envelope_for(profile, [BIGCORP, PLANT], "purchase_order", at=NOW, control_number=7)
    assert not isinstance(made, str)
    assert (made.sender, made.sender_code) == (Identity("01", "123456789"), "PLANT")
    assert (made.receiver, made.receiver_code) == (Identity("01", "123456789"), "123456789")
    assert (made.release, made.isa12, made.usage, made.acknowledgment_requested) == ("004010VICS", "00501", "T", True)
    assert (made.interchange_control_number, made.group_control_number) == (7, 7)


def test_the_group_code_that_is_agreed_holds_both_ways() -> None:
    text = SENDING.replace("document: purchase_order,", "document: purchase_order, group_code: SC,", 1)
    assert text != SENDING
    made = envelope_for(loaded(text).profile, [BIGCORP, PLANT], "purchase_order", at=NOW, control_number=7)
    assert not isinstance(made, str)
    assert made.group_code == "SC"
    rules = reading_rules(loaded(ACME.replace("releases: [004010]", "group_code: SC")), [BIGCORP])
    assert [guide.group_code for guide in rules.guides or ()] == ["SC"]


def test_an_envelope_that_lacks_something_says_what() -> None:
    profile = loaded(SENDING).profile
    assert "no outbound agreement on invoice" in str(
        envelope_for(profile, [PLANT], "invoice", at=NOW, control_number=7)
    )
    assert "none of our identities" in str(envelope_for(profile, [], "purchase_order", at=NOW, control_number=7))
    bare = profile.model_copy(update={"x12": ()})
    assert "no X12 address" in str(envelope_for(bare, [PLANT], "purchase_order", at=NOW, control_number=7))
    made = envelope_for(profile, [BIGCORP], "invoice", at=NOW, control_number=7, release="005010")
    assert not isinstance(made, str)
    assert made.release == "005010"
