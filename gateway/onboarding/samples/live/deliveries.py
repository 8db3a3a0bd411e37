"""Follows what goes out: until it is delivered with its receipt, and until its functional acknowledgment came."""

from functools import partial

import orjson

from gateway.model.delivery import DeliveryState
from gateway.onboarding.samples.live.waiting import POLL_S, NotSo, until
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import StoredDelivery, dispatches
from gateway.store.partners import trials
from partners.as2_terms import As2
from partners.loader import LoadedProfile

_UNDER_WAY = frozenset({DeliveryState.SENDING, DeliveryState.AWAITING_RECEIPT})
_GOOD = frozenset({"accepted", "accepted_with_errors"})


async def delivered(
    database: Database, delivery_id: str, within_s: float, who: str, *, poll_s: float = POLL_S, retries: bool = False
) -> StoredDelivery:
    """A delivery once it is delivered.

    Args:
        database: of who sends.
        delivery_id: which.
        within_s: how long that may take.
        who: whose delivery it is, for messages, such as ``our house``.
        poll_s: between two looks.
        retries: whether a failed attempt may be followed by another.

    Raises:
        NotSo: it is not, or not in time.
    """
    last = ""

    async def look() -> StoredDelivery | None:
        nonlocal last
        delivery = await database.read(partial(deliveries.get, delivery_id=delivery_id))
        if delivery is None or delivery.state in _UNDER_WAY:
            return None
        last = delivery.reason
        if delivery.state == DeliveryState.QUEUED and (retries or not delivery.attempts):
            return None
        return delivery

    try:
        delivery = await until(look, within_s, f"{who}: it was not delivered", poll_s=poll_s)
    except NotSo as late:
        raise NotSo(f"{late}: {last}" if last else str(late)) from None
    if delivery.state != DeliveryState.DELIVERED:
        raise NotSo(f"{who}: it was not delivered ({delivery.state.replace('_', ' ')}): {delivery.reason}")
    return delivery


def receipt_words(as2: As2) -> str:
    """What a delivery that is delivered has proven, by what was agreed."""
    return "no receipt agreed" if as2.sending.receipt == "none" else f"{as2.sending.receipt} receipt"


def expects_acknowledgment(partner: LoadedProfile, document_type: str) -> bool:
    """Whether they are to answer a document of ours with a functional acknowledgment."""
    profile = partner.profile
    agreed = [item for item in profile.agreements if (item.document, item.direction) == (document_type, "outbound")]
    own = [item.acknowledgment for item in agreed if item.acknowledgment is not None]
    hours = next((item.expected_within_hours for item in own if item.expected_within_hours is not None), None)
    is_x12 = any(item.syntax == "x12" for item in agreed)
    return is_x12 and (hours or profile.acknowledgment.expected_within_hours) is not None


async def acknowledged(
    database: Database, partner_id: str, dispatch_id: str, within_s: float, *, poll_s: float = POLL_S
) -> str:
    """What they say of the groups of what we sent, in words, once it is good.

    Raises:
        NotSo: they reject it, or say nothing in time.
    """
    sent = await database.read(partial(dispatches.get, dispatch_id=dispatch_id))
    numbers = orjson.loads(sent.control_numbers) if sent is not None and sent.control_numbers else {}
    since_ms = sent.received_at_ms if sent is not None else 0
    for number in numbers.get("groups", ()):
        look = partial(_answer, database, partner_id, str(number), since_ms)
        body = await until(look, within_s, f"they did not acknowledge group {number} of ours", poll_s=poll_s)
        told = orjson.loads(body)
        if told.get("status") not in _GOOD:
            said = str(told.get("status") or told.get("status_code") or "nothing that can be read")
            raise NotSo(f"their acknowledgment of group {number} says {said.replace('_', ' ')}: {_places(told)}")
    return "acknowledged"


async def _answer(database: Database, partner_id: str, number: str, since_ms: int) -> bytes | None:
    unit = partial(trials.acknowledgments_since, partner_id=partner_id, group_control_number=number, since_ms=since_ms)
    found = await database.read(unit)
    return found[-1] if found else None


def _places(told: dict[str, object]) -> str:
    """Where they found what, in the words of the 997."""
    sets = told.get("transaction_sets")
    notes = [note for one in (sets if isinstance(sets, list) else []) for note in one.get("segments", ())]
    found = []
    for note in notes:
        elements = [f"{item.get('element')} code {item.get('code')}" for item in note.get("elements", ())]
        where = f"{note.get('segment')} at {note.get('position')}"
        found.append(f"{where}, element {', '.join(elements)}" if elements else f"{where}, code {note.get('code')}")
    return "; ".join(found[:5]) or "it names no place"
