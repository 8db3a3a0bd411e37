"""Turns a partner's profile into what the other rooms understand: how documents are read, which agreement holds.

`reading` makes guides of the agreements on what they send, `writing` layouts and envelopes for what we send,
`acknowledgment_terms` says what X12 earns. `choosing` finds the agreement of a document, `addresses` says who may speak
to whom; `vocabulary` and `rules` put an agreement's words and rules as the translators take them. Where several
partners come over one connection, `strictest` says what holds for all of them.
"""

from gateway.agreements.acknowledgment_terms import acknowledgment_framing, acknowledgment_rules
from gateway.agreements.addresses import OurAddress, OurIdentity, receiving_addresses, sending_addresses
from gateway.agreements.choosing import agreement_for, outbound_agreement
from gateway.agreements.reading import reading_rules, repetition_rules
from gateway.agreements.rules import overrides
from gateway.agreements.vocabulary import vocabulary_of
from gateway.agreements.writing import envelope_for, envelope_of, framing_for, framing_terms

__all__ = [
    "OurAddress",
    "OurIdentity",
    "acknowledgment_framing",
    "acknowledgment_rules",
    "agreement_for",
    "envelope_for",
    "envelope_of",
    "framing_for",
    "framing_terms",
    "outbound_agreement",
    "overrides",
    "reading_rules",
    "receiving_addresses",
    "repetition_rules",
    "sending_addresses",
    "vocabulary_of",
]
