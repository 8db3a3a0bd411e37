"""How something of ours reaches a partner: over whose connection, as which identity of ours, by which carrier."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from gateway.agreements import OurIdentity
from gateway.as2_agreements import identity_for
from gateway.flow.holding import why_held
from gateway.model.delivery import INBOX, MAILBOX
from gateway.model.webhook import WEBHOOK, profile_subscription_id
from gateway.settings import Settings
from partners.as2_terms import As2
from partners.delivery_terms import WayOut
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.profile import Profile

# The names of the channels, as deliveries and messages have them.
AS2: Final = "as2"
SFTP: Final = "sftp"
SANDBOX = "sandbox"
Way: TypeAlias = WayOut
# What goes to a partner itself, whatever connection carries their other traffic.
GOES_ALONE = frozenset({SANDBOX, INBOX, WEBHOOK})
# What speaks no AS2: nothing of our AS2 identities, certificates and receipts is needed for it.
WITHOUT_AS2 = frozenset({SFTP, INBOX, MAILBOX, WEBHOOK})
# How a connection carries what is for those who come by it, the first that it has; an inbox is one partner's.
CARRIED: tuple[Way, ...] = (AS2, SFTP, MAILBOX)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A partner who can be sent to.

    Attributes:
        bearer: whose connection carries it: the partner itself, or the VAN or 3PL that it comes `via`.
        as2: how the bearer is reached; only where the channel is AS2.
        destination: which address, where the channel has several: the id of a subscription, or of the bearer whose
            mailbox or server it is, as ``mailbox/ID`` and ``sftp/ID``.
    """

    partner: LoadedProfile
    bearer: LoadedProfile
    as2: As2 | None = None
    channel: str = AS2
    destination: str = ""

    @property
    def over_as2(self) -> As2:
        """How the bearer is reached over AS2.

        Raises:
            NoWay: it goes another way.
        """
        if self.as2 is None:
            raise NoWay(f"{self.partner.id} is not reached over AS2: {_IN_WORDS[self.channel]}")
        return self.as2

    @property
    def held(self) -> str:
        """Why nothing goes to them now: one of them is suspended; empty when it may go."""
        if self.bearer is not self.partner and why_held(self.bearer):
            return f"the connection of {self.partner.id} waits: {why_held(self.bearer)}"
        return why_held(self.partner)


class NoWay(Exception):  # noqa: N818  # told to a person
    """Something cannot be sent; the text says why, and what would make it possible."""


_IN_WORDS = {
    SANDBOX: "the sandbox plays them",
    INBOX: "what we have for them waits in their inbox until they fetch it by the API",
    MAILBOX: "what we have for them waits in their mailbox until they fetch it by SFTP",
    SFTP: "it is put on their SFTP server",
    WEBHOOK: "it is posted to their webhook",
}


def recipient(directory: Directory, partner_id: str) -> Recipient:
    """The partner and the way to it, which may be one that has to wait.

    Raises:
        NoWay: there is none.
    """
    partner = directory.by_id(partner_id)
    if partner is None:
        raise NoWay(f"there is no partner {partner_id[:64]!r}; `gateway partner list` shows those there are")
    if partner.profile.status == "draft":
        raise NoWay(
            f"{partner.id} is a draft: nothing is sent to them until their profile says `status: testing` or `live`"
        )
    if partner.profile.sandbox:
        return Recipient(partner, partner, channel=SANDBOX)
    own = own_way(partner.profile)
    bearer = partner
    if own in {None, AS2} and partner.profile.via is not None:
        connection = directory.by_id(partner.profile.via)
        if connection is None:
            raise NoWay(f"{partner.id} comes by the connection {partner.profile.via}, and there is no such profile")
        if connection.profile.status == "draft":
            raise NoWay(f"{connection.id}, the connection of {partner.id}, is a draft")
        bearer = connection
    way = own or carried_by(bearer.profile)
    as2 = bearer.profile.as2
    if way is None or (way == AS2 and (as2 is None or as2.url is None)):
        fetching = f", or `delivery: {{way: inbox}}` to that of {partner.id}, if they call the API themselves"
        raise NoWay(
            f"nothing says how {partner.id} is reached: add `as2: {{url: ..}}`, `sftp:` or `sftp_server: {{push: ..}}` "
            f"to the profile of {bearer.id}{fetching}"
        )
    if way == AS2:
        return Recipient(partner, bearer, as2)
    return Recipient(partner, bearer, channel=way, destination=destination_of(bearer.profile, way))


def destination_of(profile: Profile, way: Way) -> str:
    """Which address of a bearer: of a webhook the subscription's id, of a mailbox or server whose it is; else empty."""
    if way in {MAILBOX, SFTP}:
        return f"{way}/{profile.id}"
    named = profile.delivery.webhook if way == WEBHOOK else None
    return profile_subscription_id(profile.id, named) if named is not None else ""


def owner_in(channel: str, destination: str) -> str | None:
    """Whose mailbox or server a destination is; None where it is something else."""
    way, _, owner = destination.partition("/")
    return owner if channel in {MAILBOX, SFTP} and way == channel and owner else None


def bearer_of(directory: Directory, partner: LoadedProfile) -> LoadedProfile | None:
    """Whose connection carries what goes to a partner; None where its `via` names nobody."""
    return partner if partner.profile.via is None else directory.by_id(partner.profile.via)


def carried_by(profile: Profile) -> Way | None:
    """How a connection carries what is for those who come by it; None where nothing says how.

    It is the way of its own documents where that can be shared, else the first that it has.
    """
    own = profile.delivery.way
    if own in CARRIED:
        return own
    has_push = profile.sftp_server is not None and profile.sftp_server.push is not None
    has_as2 = profile.as2 is not None and profile.as2.url is not None
    has = {AS2: has_as2, SFTP: has_push, MAILBOX: profile.sftp is not None}
    return next((way for way in CARRIED if has[way]), None)


def own_way(profile: Profile) -> Way | None:
    """How a partner is reached by itself; None where a connection carries it, or nothing says how.

    An inbox is one partner's, so who comes `via` a connection and calls the API as itself says so with
    `delivery: {way: inbox}`; so does who has a mailbox or a server of its own.
    """
    return profile.way_out if profile.via is None else profile.delivery.way


def speaking_as(way: Recipient, identities: Collection[OurIdentity], named: str | None) -> str:
    """The name of the identity of ours that speaks.

    Over AS2 the one that is named where it has an AS2 id, else the bearer's; on any other way the one that is named,
    else the only one there is.
    A plant without an AS2 id of its own speaks X12 as itself, and AS2 as the identity that the bearer knows.

    Raises:
        NoWay: nothing says which.
    """
    if named is not None:
        ours = next((identity for identity in identities if identity.name == named), None)
        if ours is None:
            raise NoWay(f"none of our identities is named {named[:64]!r}; the settings list them under `identities`")
        if ours.as2_id is not None or way.channel != AS2:
            return ours.name
    if way.channel == SANDBOX:
        return sandbox_identity(identities)
    if way.channel != AS2:
        return _only_identity(way, identities)
    known = identity_for(way.bearer.profile, identities)
    if known is None:
        raise NoWay(
            f"{way.bearer.id} has to be told which of our identities speaks: add `as2: {{our_identity: ..}}` to its "
            "profile, and an AS2 id to that identity"
        )
    return known.name


def _only_identity(way: Recipient, identities: Collection[OurIdentity]) -> str:
    names = [identity.name for identity in identities]
    if not names:
        raise NoWay("nobody speaks: add an identity to `identities` in gateway.yaml")
    if len(names) > 1:
        raise NoWay(
            f"{way.partner.id} has to be told which of our identities speaks ({', '.join(names)}): add "
            "`our_identity: ..` to the agreement, or name it with what is sent"
        )
    return names[0]


def sandbox_identity(identities: Collection[OurIdentity]) -> str:
    """The name of the identity that speaks with a partner whom the sandbox plays, where nobody names one.

    Raises:
        NoWay: there is none.
    """
    with_x12 = next((identity.name for identity in identities if identity.x12 is not None), None)
    if with_x12 is None:
        raise NoWay("the sandbox has to know us: add an identity with an X12 address to `identities` in gateway.yaml")
    return with_x12


def message_id_host(settings: Settings) -> str:
    """What stands behind the @ of our Message-IDs: the host that partners know us by."""
    host = urlsplit(settings.public_url).hostname if settings.public_url is not None else None
    return host or "partner-gateway"


def transport_id(delivery_id: str, host: str) -> str:
    """The Message-ID of a delivery (RFC 5322 3.6.4): the same in every attempt."""
    return f"<{delivery_id}@{host}>"
