"""Under which X12 addresses is spoken: theirs to send and to be sent to, ours as the agreements name them."""

from collections.abc import Collection, Iterable
from typing import Protocol

from gateway.agreements.choosing import inbound_agreements
from partners.profile import Agreement, Profile, X12Address
from translators.guide import Identity


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


def sending_addresses(profile: Profile) -> tuple[X12Address, ...]:
    """The X12 addresses that a partner sends under."""
    return tuple(item for item in profile.x12 if item.use != "outbound")


def receiving_addresses(profile: Profile) -> tuple[X12Address, ...]:
    """The X12 addresses that a partner is sent to at; the first is the one that we write."""
    return tuple(item for item in profile.x12 if item.use != "inbound")


def receivers_of(profiles: Iterable[Profile], identities: Collection[OurIdentity]) -> frozenset[Identity]:
    """Our addresses that these partners may write to: those of the identities that their agreements name, else all."""
    inbound = [item for profile in profiles for item in inbound_agreements(profile) if item.syntax == "x12"]
    named = {item.our_identity for item in inbound}
    return frozenset(
        Identity(identity.x12.qualifier, identity.x12.id)
        for identity in identities
        if identity.x12 is not None and (None in named or not named or identity.name in named)
    )


def named_receivers(agreement: Agreement, identities: Collection[OurIdentity]) -> frozenset[Identity] | None:
    """Our addresses that an agreement holds for; None where it names no identity of ours that has one."""
    named = [item.x12 for item in identities if item.name == agreement.our_identity and item.x12 is not None]
    return frozenset(Identity(item.qualifier, item.id) for item in named) if named else None
