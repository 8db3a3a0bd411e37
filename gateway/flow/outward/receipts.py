"""Receipts that partners send us by a request of their own: who, for which delivery, and what it proves.

Nothing is believed before the delivery is found among those of that very partner, the signature is verified against
its agreed certificates, and message, names and MIC are those that were sent. What does not prove anything changes
nothing: it is refused, and the audit knows why.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from certs.certificates import Certificate
from certs.trust import PINNED, Trust
from gateway.as2.cms.algorithms import Digest
from gateway.as2.envelope import read_envelope
from gateway.as2.mdn import Judgement, Mdn, MdnError, Verdict, judge_mdn, read_mdn
from gateway.as2.mic import parse_mic
from gateway.as2.mime import Headers
from gateway.carriers.parcels import Failed
from gateway.flow.outward.verdicts import verdict_of
from gateway.model.delivery import DeliveryEvent, DeliveryState
from gateway.model.refusals import Reason, Refused
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import KeptParcel, StoredDelivery
from partners.delivery_terms import DeliverySchedule
from partners.loader import LoadedProfile

# What the caller is told where our audit says more: whether we sent anything under an id is nobody else's affair.
UNKNOWN = "no message of ours to you waits for this receipt"
NO_PROOF = "the receipt does not prove that the message arrived"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A receipt as it came.

    Attributes:
        bearer: who says to have sent it, by its AS2-From.
        certificates: which the bearer may sign with now.
        trust: what such a certificate must show beside being one of them.
        raw: the receipt as evidence: its header fields, an empty line, its body.
    """

    bearer: LoadedProfile
    certificates: Sequence[Certificate]
    headers: Headers
    body: bytes
    raw: bytes
    trust: Trust = PINNED


@dataclass(frozen=True, slots=True)
class Taken:
    """What a receipt made of its delivery; `changed` is whether it was news."""

    delivery_id: str
    state: DeliveryState
    changed: bool


class Receipts:
    """Takes receipts.

    Args:
        database: the store.
        now_ms: the clock, milliseconds since 1970.
        schedule_for: the delivery schedule of a partner.
        chance: 0 <= chance < 1, spreads retries.
    """

    def __init__(
        self,
        database: Database,
        now_ms: Callable[[], int],
        schedule_for: Callable[[str], DeliverySchedule],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._schedule_for = schedule_for
        self._chance = chance

    def read(self, incoming: Incoming) -> Mdn:
        """The receipt, its signature verified where it has one. Takes a while: for a thread.

        Raises:
            Refused: it is none, or its signature is not that of an agreed certificate.
        """
        as2 = incoming.bearer.profile.as2
        now = datetime.fromtimestamp(self._now_ms() / 1_000, UTC)
        try:
            return read_mdn(
                incoming.headers,
                incoming.body,
                partner_certificates=incoming.certificates,
                now=now,
                require_signed=False,  # whether it had to be is known with its delivery
                trust=incoming.trust,
                digests={Digest(name) for name in as2.sending.receipt_digests} if as2 is not None else (),
            )
        except MdnError as error:
            raise _refused(NO_PROOF, str(error)) from None

    async def take(self, incoming: Incoming, mdn: Mdn) -> Taken:
        """Do to its delivery what a receipt proves; durable before it returns.

        Raises:
            Refused: it proves nothing, and nothing was changed.
            StoreUnavailable: it could not be kept; they should send it again.
        """
        bearer_id = incoming.bearer.id
        delivery = await self._database.read(partial(_find, bearer_id=bearer_id, message_id=mdn.original_message_id))
        if delivery is None or delivery.parcel is None:
            raise _refused(UNKNOWN, f"no delivery to {bearer_id} bears the id {mdn.original_message_id[:200]!r}")
        judgement = _judge(mdn, delivery.parcel)
        if judgement.verdict is Verdict.WORTHLESS:
            raise _refused(NO_PROOF, f"delivery {delivery.id}: {judgement.reason}")
        unit = partial(
            _settle,
            delivery_id=delivery.id,
            transport_id=delivery.transport_id,
            judgement=judgement,
            receipt=incoming.raw,
            facts=_facts(mdn),
            schedule=self._schedule_for(delivery.partner_id),
            now_ms=self._now_ms(),
            chance=self._chance(),
        )
        taken = await self._database.write(unit)
        if taken is None:
            raise _refused(UNKNOWN, f"delivery {delivery.id} was purged, or packed anew, in between")
        return taken


def _refused(detail: str, audit: str) -> Refused:
    return Refused(Reason.RECEIPT_NOT_ACCEPTED, detail, audit=audit)


def _find(connection: Connection, bearer_id: str, message_id: str) -> StoredDelivery | None:
    """The delivery by its Message-ID; some products add its angle brackets, or take them away."""
    bare = message_id.strip("<>")
    for spelled in dict.fromkeys((message_id, f"<{bare}>", bare)):
        delivery = deliveries.by_transport_id(connection, bearer_id, spelled) if bare else None
        if delivery is not None:
            return delivery
    return None


def _judge(mdn: Mdn, parcel: KeptParcel) -> Judgement:
    """What a receipt proves by what was sent, not by what the profile says since."""
    sent = read_envelope(parcel.headers)
    if not parcel.expects_receipt or sent.mdn_request is None:
        return Judgement(Verdict.WORTHLESS, "no receipt was asked for")
    if sent.mdn_request.signed and mdn.signature is None:
        return Judgement(Verdict.WORTHLESS, "the receipt is not signed, though a signed one was asked for")
    mics = [mic for mic in map(parse_mic, parcel.mics) if mic is not None]
    return judge_mdn(
        mdn,
        message_id=sent.message_id,
        as2_from=sent.as2_from,
        as2_to=sent.as2_to,
        mics=mics,
        mic_wanted=sent.mdn_request.signed,
    )


def _facts(mdn: Mdn) -> dict[str, object]:
    facts: dict[str, object] = {"disposition": str(mdn.disposition), "by": "request"}
    if mdn.mic is not None:
        facts["mic"] = str(mdn.mic)
    if mdn.signature is not None:
        facts |= {"signer": mdn.signature.certificate.fingerprint, "signature_digest": mdn.signature.digest.value}
    return facts


def _settle(
    connection: Connection,
    *,
    delivery_id: str,
    transport_id: str,
    judgement: Judgement,
    receipt: bytes,
    facts: dict[str, object],
    schedule: DeliverySchedule,
    now_ms: int,
    chance: float,
) -> Taken | None:
    """Move the delivery by what was proved; None where it is no longer the one that was judged."""
    delivery = deliveries.locked(connection, delivery_id)
    if delivery is None or delivery.transport_id != transport_id:
        return None
    before = DeliveryState(delivery.state)
    if before is _SETTLED_BY.get(judgement.verdict):
        return Taken(delivery_id, before, changed=False)
    if judgement.verdict is Verdict.FAILED:
        return _failed(connection, delivery, judgement.reason, receipt, facts, schedule, now_ms, chance)
    is_good = judgement.verdict is Verdict.DELIVERED
    event = DeliveryEvent.CONFIRM if is_good else DeliveryEvent.REFUSE
    after = deliveries.apply(
        connection, delivery_id, event, now_ms, reason=judgement.reason, receipt=receipt, facts=facts
    )
    return Taken(delivery_id, after, changed=after is not before)


# The same receipt once more changes nothing.
_SETTLED_BY = {Verdict.DELIVERED: DeliveryState.DELIVERED, Verdict.REFUSED: DeliveryState.REFUSED}


def _failed(
    connection: Connection,
    delivery: StoredDelivery,
    reason: str,
    receipt: bytes,
    facts: dict[str, object],
    schedule: DeliverySchedule,
    now_ms: int,
    chance: float,
) -> Taken:
    """They could not take it this time: it goes again by the schedule, the same bytes; at its end a person decides."""
    state = DeliveryState(delivery.state)
    if state is not DeliveryState.AWAITING_RECEIPT:
        # Another attempt is due, under way or no longer wanted: nothing changes but what people can read.
        deliveries.note_late_receipt(connection, delivery.id, now_ms, says="failed", reason=reason, facts=facts)
        return Taken(delivery.id, state, changed=False)
    verdict = verdict_of(Failed(reason), delivery.attempts, schedule, now_ms=now_ms, chance=chance)
    event = DeliveryEvent.GIVE_UP if verdict.event is DeliveryEvent.GIVE_UP else DeliveryEvent.OVERDUE
    after = deliveries.apply(
        connection,
        delivery.id,
        event,
        now_ms,
        reason=verdict.reason,
        receipt=receipt,
        facts=facts,
        due_at_ms=verdict.due_at_ms,
    )
    return Taken(delivery.id, after, changed=True)
