"""The acknowledgments that messages earn, on their way: deliveries where the partner can be sent to, else kept.

Those of a partner who fetches by the API wait in the inbox like any document, until they are confirmed there. They are
also shown with the document that earned them, where reading them settles nothing. Those of a partner with a mailbox lie
in its acknowledgments/ until they are fetched, and are withdrawn with age where nobody comes for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.as2_agreements import identity_for
from gateway.flow.outward.ways import AS2, SANDBOX, SFTP, Way, bearer_of, carried_by, destination_of, own_way
from gateway.model.delivery import INBOX, MAILBOX, DeliveryKind
from gateway.settings import IdentitySettings
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery
from gateway.store.messages import StoredMessage
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.profile import Profile

CONTENT_TYPE = "application/edi-x12"  # RFC 1767 1


@dataclass(frozen=True, slots=True)
class WayOut:
    """How an acknowledgment reaches its partner.

    Attributes:
        profile_digest: of the partner's profile as it is now.
        identity: ours, by its name in the settings.
        host: behind the @ of its Message-ID.
        destination: which of the partner's addresses, where the channel has several.
    """

    profile_digest: str
    identity: str
    channel: str
    host: str
    destination: str = ""


# Of a message and the partner whom the acknowledgment is for; None where there is no way.
WayOutOf = Callable[[StoredMessage, str], WayOut | None]


def nowhere(_message: StoredMessage, _partner_id: str) -> WayOut | None:
    """Where nothing is sent: acknowledgments stay kept."""
    return None


class WaysOut:
    """Finds the way out for acknowledgments, in the directory as it is now.

    Args:
        directory: the partners now.
        identities: ours.
        host: behind the @ of Message-IDs.
    """

    def __init__(
        self, directory: Callable[[], Directory], identities: Sequence[IdentitySettings], *, host: str
    ) -> None:
        self._directory = directory
        self._identities = identities
        self._host = host

    def of(self, message: StoredMessage, partner_id: str) -> WayOut | None:
        """The way to a partner, or over the connection that its traffic comes by; None where neither can be sent to."""
        directory = self._directory()
        partner = directory.by_id(partner_id)
        if partner is None:
            return None
        own = own_way(partner.profile)
        bearer = bearer_of(directory, partner) if own in {None, AS2} else partner
        if bearer is None or "draft" in {partner.profile.status, bearer.profile.status}:
            return None
        if message.channel == SANDBOX:
            # What the sandbox said in their name is no affair of theirs.
            return WayOut(partner.digest, message.identity, SANDBOX, self._host) if partner.profile.sandbox else None
        way = own or carried_by(bearer.profile)
        if message.channel == SFTP and partner.profile.delivery.way is None:
            bearer, way = by_files(directory, partner) or (bearer, way)
        if way is None or way == AS2:
            return self._over_as2(message, partner, bearer)
        if way == INBOX and not _uses_inbox(partner.profile):
            return None
        return WayOut(partner.digest, self._addressed(message), way, self._host, destination_of(bearer.profile, way))

    def _over_as2(self, message: StoredMessage, partner: LoadedProfile, bearer: LoadedProfile) -> WayOut | None:
        as2 = bearer.profile.as2
        if as2 is None or as2.url is None:
            return None
        # Who was addressed answers; what came another way is answered as whom the partner knows.
        ours = [item for item in self._identities if item.as2_id is not None and item.name == message.identity]
        known = ours[0] if ours else identity_for(bearer.profile, self._identities)
        return WayOut(partner.digest, known.name, AS2, self._host) if known is not None else None

    def _addressed(self, message: StoredMessage) -> str:
        """Who was addressed, else the first of us: it is a name in our records, and nothing is signed with its key."""
        names = [item.name for item in self._identities]
        return message.identity if message.identity in names else next(iter(names), "")


def by_files(directory: Directory, partner: LoadedProfile) -> tuple[LoadedProfile, Way] | None:
    """Where what a file earned lies for who sent it, unless their profile says another way; None where nowhere."""
    for owner in (bearer_of(directory, partner), partner):
        if owner is None or owner.profile.status == "draft":
            continue
        if owner.profile.sftp_server is not None and owner.profile.sftp_server.push is not None:
            return owner, SFTP
        if owner.profile.sftp is not None:
            return owner, MAILBOX
    return None


def _uses_inbox(profile: Profile) -> bool:
    """Whether they have a reason to look into their inbox: they ask for it, or documents of ours come there.

    Who only posts to us, and never fetches, would find a person asking after each acknowledgment in vain. What they
    earned stands with their document, whether or not it waits in the inbox, too.
    """
    sends = any(item.direction == "outbound" and item.in_use for item in profile.agreements)
    return profile.delivery.way == INBOX or sends


def hand_over(connection: Connection, acknowledgment: StoredAcknowledgment, way: WayOut, now_ms: int) -> None:
    """Have a kept acknowledgment delivered; the delivery bears its id, and its state follows.

    Each is alone in its lane: acknowledgments are told apart by what they acknowledge, not by their order.
    """
    kinds = acknowledgment.kinds
    deliveries.enqueue(
        connection,
        NewDelivery(
            id=acknowledgment.id,
            partner_id=acknowledgment.partner_id,
            profile_digest=way.profile_digest,
            identity=way.identity,
            channel=way.channel,
            kind=DeliveryKind.ACKNOWLEDGMENT,
            lane=f"{acknowledgment.partner_id}/{acknowledgment.id}",
            transport_id=f"<{acknowledgment.id}@{way.host}>",
            content_type=CONTENT_TYPE,
            filename=f"{kinds.replace(' ', '-')}-{acknowledgment.control_number:09d}.edi",
            subject=f"Acknowledgment {kinds}, interchange {acknowledgment.control_number:09d}",
            payload=acknowledgment.body,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
            message_id=acknowledgment.message_id,
            correlation_id=acknowledgment.message_id,
            document_type=kinds,
            number=str(acknowledgment.control_number),
            destination=way.destination,
        ),
    )
