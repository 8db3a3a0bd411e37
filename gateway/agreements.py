"""Turns a partner's profile into what the other rooms understand: how documents are read, which agreement holds."""

from collections.abc import Collection, Iterable
from typing import Protocol

from partners.loader import LoadedProfile
from partners.profile import Agreement, Direction, DocumentType, Profile, Syntax
from translators.guide import DuplicateAction, Guide, Identity, ReadingRules, Tolerance


class OurAddress(Protocol):
    """An X12 address of ours."""

    @property
    def qualifier(self) -> str:
        """ISA05 and ISA07."""

    @property
    def id(self) -> str:
        """ISA06 and ISA08, without padding."""

    @property
    def group_id(self) -> str:
        """GS02 and GS03."""


class OurIdentity(Protocol):
    """One of our identities, as the settings hold it."""

    @property
    def name(self) -> str:
        """The name that profiles use."""

    @property
    def as2_id(self) -> str | None:
        """Our AS2 identifier."""

    @property
    def x12(self) -> OurAddress | None:
        """Our X12 address."""


# From the strictest: a connection is held to the strictest of those it speaks for.
_STRICTEST_FIRST: tuple[DuplicateAction, ...] = ("reject", "accept_with_error", "process")


def reading_rules(
    loaded: LoadedProfile, identities: Collection[OurIdentity], carried: Iterable[LoadedProfile] = ()
) -> ReadingRules:
    """How everything that a partner, or a connection for those it carries, sends us is read.

    Args:
        loaded: who authenticated on the transport.
        identities: ours.
        carried: for a connection, `Directory.carried_by(loaded)`.

    A connection brings files of several partners: their agreements and addresses are put together, departures are
    tolerated only where all of them tolerate them. Whose document it was, and whether that partner's own agreement
    covers it, is then asked with `Directory.speaker` and `agreement_for`.
    """
    listed = {(item.qualifier, item.id) for item in loaded.profile.speaks_for}
    speaking = [loaded.profile] if loaded.profile.agreements or not listed else []
    senders = {Identity(item.qualifier, item.id) for item in loaded.profile.x12}
    for partner in carried:
        if partner.profile.via == loaded.id and partner.profile.is_active:
            speaking.append(partner.profile)
            senders |= {Identity(x.qualifier, x.id) for x in partner.profile.x12 if (x.qualifier, x.id) in listed}
    speaking = speaking or [loaded.profile]
    actions = {profile.duplicates.action for profile in speaking}
    return ReadingRules(
        guides=tuple(dict.fromkeys(_guide(item) for profile in speaking for item in _inbound(profile))),
        senders=frozenset(senders),
        receivers=_receivers(speaking, identities),
        tolerances=frozenset[Tolerance].intersection(*(frozenset(profile.tolerances) for profile in speaking)),
        encoding=loaded.profile.encoding,
        duplicate_action=next(action for action in _STRICTEST_FIRST if action in actions),
    )


def agreement_for(  # an agreement is told apart by exactly these
    profile: Profile,
    document: DocumentType | str,
    direction: Direction,
    syntax: Syntax,
    *,
    release: str | None = None,
    our_identity: str | None = None,
) -> Agreement | None:
    """The agreement under which a document is exchanged; None where there is none.

    An agreement on release 004010 also covers 004010VICS, not the other way round. `our_identity` is the name of the
    identity that the document is addressed to or comes from; None where that is not known.
    """
    matching = [
        item
        for item in profile.agreements
        if (item.document, item.direction, item.syntax) == (document, direction, syntax)
        and (release is None or not item.releases or any(release.startswith(known) for known in item.releases))
        and (our_identity is None or item.our_identity in (None, our_identity))
    ]
    # The one that says more goes first.
    return max(matching, key=lambda item: (item.our_identity is not None, len(item.releases) > 0), default=None)


def identity_for(profile: Profile, identities: Collection[OurIdentity]) -> OurIdentity | None:
    """Which of our identities an AS2 partner knows: the one it names, or the only one that has an AS2 id."""
    if profile.as2 is None:
        return None
    with_as2 = [identity for identity in identities if identity.as2_id is not None]
    if profile.as2.our_identity is not None:
        return next((identity for identity in with_as2 if identity.name == profile.as2.our_identity), None)
    return with_as2[0] if len(with_as2) == 1 else None


def _inbound(profile: Profile) -> list[Agreement]:
    return [item for item in profile.agreements if item.direction == "inbound"]


def _guide(agreement: Agreement) -> Guide:
    return Guide(agreement.document, agreement.syntax, agreement.releases, frozenset(agreement.tolerances))


def _receivers(profiles: Iterable[Profile], identities: Collection[OurIdentity]) -> frozenset[Identity]:
    """Our addresses that these partners may write to: those of the identities that their agreements name, else all."""
    inbound = [item for profile in profiles for item in _inbound(profile) if item.syntax == "x12"]
    named = {item.our_identity for item in inbound}
    return frozenset(
        Identity(identity.x12.qualifier, identity.x12.id)
        for identity in identities
        if identity.x12 is not None and (None in named or not named or identity.name in named)
    )
