"""How what we send is written: the layout of X12, and the envelope around it."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from gateway.agreements.addresses import OurIdentity, receiving_addresses
from gateway.agreements.choosing import agreement_for
from gateway.agreements.rules import overrides
from partners import x12_terms
from partners.parts import laid_over
from partners.profile import Agreement, DocumentType, Profile
from translators.guide import Identity
from translators.x12.delimiters import Delimiters
from translators.x12.writing import Envelope, FramingRules
from translators.x12.writing.interchanges import Usage

_LINE_ENDS: Final = {"none": "", "crlf": "\r\n", "lf": "\n", "cr": "\r"}
_USAGES: Final[dict[str, Usage]] = {"production": "P", "test": "T", "information": "I"}


def framing_terms(profile: Profile, agreement: Agreement | None = None) -> x12_terms.Framing:
    """What profile and agreement say of how the X12 that we send is laid out."""
    return laid_over(profile.framing, None if agreement is None else agreement.framing)


def framing_for(profile: Profile, agreement: Agreement | None = None) -> FramingRules:
    """How the X12 that we send to a partner is laid out, by the agreement where it says something of its own."""
    framing = framing_terms(profile, agreement)
    separators = framing.separators
    return FramingRules(
        delimiters=Delimiters(separators.element, separators.terminator, separators.component, separators.repetition),
        line_end=_LINE_ENDS[framing.line_end],
        encoding=profile.encoding,
        separators_in_data=framing.separators_in_data,
        replacement=framing.replacement,
        trailing_separators=framing.trailing_separators == "all",
    )


def envelope_for(  # what an envelope says beside the profile is given by those who send
    profile: Profile,
    identities: Collection[OurIdentity],
    document: DocumentType | str,
    *,
    at: datetime,
    control_number: int,
    release: str | None = None,
) -> Envelope | str:
    """The envelope of a document that we send to a partner, or a sentence that says what the profile lacks.

    `release` takes the place of the agreement's own.
    """
    agreement = agreement_for(profile, document, "outbound", "x12", release=release)
    if agreement is None and release is None:
        return f"{profile.id} has no outbound agreement on {document} in x12; add one, or name the release"
    return envelope_of(profile, identities, agreement, at=at, control_number=control_number, release=release)


def envelope_of(  # what an envelope says beside the profile is given by those who send
    profile: Profile,
    identities: Collection[OurIdentity],
    agreement: Agreement | None,
    *,
    at: datetime,
    control_number: int,
    release: str | None = None,
    our_identity: str | None = None,
) -> Envelope | str:
    """The envelope of what we send by an agreement, or a sentence that says what profile or settings lack.

    `our_identity` is the one that speaks where the agreement names none; `release` takes the place of the agreement's.
    """
    theirs = next(iter(receiving_addresses(profile)), None)
    if theirs is None:
        only = " that is sent to (`use: both` or `outbound`)" if profile.x12 else ""
        return f"{profile.id} has no X12 address{only}; add `x12: {{qualifier: .., id: ..}}`"
    named = None if agreement is None else agreement.our_identity
    with_x12 = [identity for identity in identities if identity.x12 is not None]
    allowed = [identity for identity in with_x12 if named in (None, identity.name)]
    allowed.sort(key=lambda identity: identity.name != our_identity)
    ours = [identity.x12 for identity in allowed if identity.x12 is not None]
    if not ours:
        return "none of our identities has an X12 address that the agreement allows; add one to the settings"
    written = release or (agreement.releases[0] if agreement is not None else "")
    framing = framing_terms(profile, agreement)
    return Envelope(
        sender=Identity(ours[0].qualifier, ours[0].id),
        sender_code=ours[0].group_id,
        receiver=Identity(theirs.qualifier, theirs.id),
        receiver_code=theirs.group_id or theirs.id,
        release=written,
        at=at,
        interchange_control_number=control_number,
        group_control_number=control_number,
        usage="T" if profile.is_test else _USAGES[framing.usage],
        version=framing.version or "",
        acknowledgment_requested=framing.acknowledgment_requested,
        rules=() if agreement is None else overrides(agreement),
        group_code="" if agreement is None else agreement.group_code or "",
    )
