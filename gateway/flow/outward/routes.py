"""Which way a delivery goes: its partner, whose connection carries it, the carrier, and how much may be under way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.carriers.parcels import GOES_TO_THE_SUSPENDED, Carrier, Failed, Held, Outcome
from gateway.flow.holding import why_held
from gateway.flow.outward.ways import GOES_ALONE, SANDBOX, SFTP, bearer_of, owner_in
from gateway.model.delivery import DeliveryKind
from gateway.store.deliveries.claims import Share
from gateway.store.deliveries.rows import StoredDelivery
from partners.delivery_terms import DeliverySchedule
from partners.directory import Directory
from partners.loader import LoadedProfile

# Steps of a failure that say nothing of the other side.
OUR_OWN = frozenset({"internal", "spool"})
_BY_ITSELF = DeliverySchedule()


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one attempt.

    Attributes:
        partner: whose business it is.
        bearer: whose connection carries it; the partner itself unless it names one in `via`.
        schedule: of the partner.
    """

    partner: LoadedProfile
    bearer: LoadedProfile
    carrier: Carrier
    schedule: DeliverySchedule


class Routes:
    """Finds routes in the directory as it is now, and remembers which ways do not answer.

    Args:
        carriers: the ways out by the channel that they serve.
        directory: the partners now.
    """

    def __init__(self, carriers: Mapping[str, Carrier], directory: Callable[[], Directory]) -> None:
        self._carriers = carriers
        self._directory = directory
        self._doubtful: set[str] = set()

    def route_of(self, delivery: StoredDelivery) -> Route | Held:
        """The way of a delivery, or why it cannot go now."""
        directory = self._directory()
        partner = directory.by_id(delivery.partner_id)
        if partner is None:
            return Held(f"there is no profile of {delivery.partner_id} (any more): put it back into partners_dir")
        bearer = _carrying(directory, partner, delivery)
        if isinstance(bearer, Held):
            return bearer
        for loaded in (partner, bearer):
            if not loaded.profile.is_active and not (
                loaded.profile.status == "suspended" and delivery.kind in GOES_TO_THE_SUSPENDED
            ):
                return Held(why_held(loaded))
        carrier = self._carriers.get(delivery.channel)
        if carrier is None and delivery.channel == SANDBOX:
            return Held(f"the sandbox is to play {partner.id}: set `sandbox: true` in gateway.yaml, and restart")
        if carrier is None:
            return Held(f"this gateway has no carrier for {delivery.channel}: run a version that has it")
        return Route(partner, bearer, carrier, partner.profile.delivery)

    def share_of(self, partner_id: str, destination: str = "") -> Share:
        """What may be under way to a partner: what its connection may take, one at a time while it does not answer.

        An address of its own (a webhook) has a share of its own: whether it answers says nothing of their other ways.
        """
        directory = self._directory()
        partner = directory.by_id(partner_id)
        if destination:
            # A server is called as often as its owner wants, whoever it is for.
            owner = owner_in(SFTP, destination)
            called = directory.by_id(owner) if owner is not None else partner
            most = 1 if destination in self._doubtful else schedule_of(called).concurrent_max
            return Share(destination, most)
        bearer = (bearer_of(directory, partner) or partner) if partner is not None else None
        name = bearer.id if bearer is not None else partner_id
        return Share(name, 1 if name in self._doubtful else schedule_of(bearer).concurrent_max)

    @property
    def has_doubtful(self) -> bool:
        """Whether there is any way that does not answer."""
        return bool(self._doubtful)

    def is_doubtful(self, partner_id: str, destination: str = "") -> bool:
        """Whether the last attempt on this way failed."""
        return self.has_doubtful and self.share_of(partner_id, destination).name in self._doubtful

    def learn(self, partner_id: str, destination: str, outcome: Outcome) -> None:
        """An attempt ended: does the other side answer?"""
        name = self.share_of(partner_id, destination).name
        if isinstance(outcome, Failed):
            if outcome.facts.get("step") not in OUR_OWN:
                self._doubtful.add(name)
        elif not isinstance(outcome, Held):
            self._doubtful.discard(name)


def _carrying(directory: Directory, partner: LoadedProfile, delivery: StoredDelivery) -> LoadedProfile | Held:
    """Whose connection carries a delivery, or why there is none."""
    owner = owner_in(delivery.channel, delivery.destination)
    if owner is not None:
        gone = Held(f"it goes by {owner}, which has no profile any more: put it back into partners_dir")
        return directory.by_id(owner) or gone
    # A receipt goes to who asked for it, not to the connection that carries their documents.
    if delivery.kind == DeliveryKind.RECEIPT or delivery.channel in GOES_ALONE:
        return partner
    gone = Held(f"{partner.id} is reached via {partner.profile.via}, which has no profile: add it, or drop `via`")
    return bearer_of(directory, partner) or gone


def schedule_of(loaded: LoadedProfile | None) -> DeliverySchedule:
    """The schedule of a profile; where there is none, the one that profiles have by themselves."""
    return loaded.profile.delivery if loaded is not None else _BY_ITSELF
