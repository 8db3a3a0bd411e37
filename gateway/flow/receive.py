"""Receive: what a partner sent becomes durable, and only then may anybody say so."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

import orjson
from sqlalchemy import Connection

from gateway.buffers import Buffer, windows
from gateway.flow.ahead import InThread, StagingAhead, stager_of
from gateway.flow.held_room import HeldRoom
from gateway.flow.owed_receipts import TooManyFailures, owe_for_failure
from gateway.flow.webhooks.causes import tell_held
from gateway.model.ids import IdSource
from gateway.model.partner_events import WantsEvents, nobody
from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from gateway.store.database import Database, StoreUnavailable
from gateway.store.deliveries import NewDelivery
from gateway.store.messages import Acceptance, NewMessage, TransportIdReused, staging
from gateway.store.messages.staging import StagingLost
from gateway.store.oversight import audit

RETRY_AFTER_S = 5
FAILURES_RETRY_AFTER_S = 60
Also = Callable[[Connection, Acceptance], None]
_NOBODY = "nobody"
_STEPS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Arrival:
    """One authenticated delivery, as an edge hands it in.

    Attributes:
        partner_id: who sent it; authenticated.
        profile_digest: the profile that was in force, so that processing reads by the same one.
        identity: name of our identity it was sent to; empty when the transport names none.
        channel: ``as2``, ``rest`` or ``sftp``.
        transport_id: AS2 Message-ID or Idempotency-Key; None when the sender gave none.
        payload: the business content, opened.
        payload_sha256: its SHA-256 in hex, where the edge knows it already.
        wire: the bytes as they came, one buffer behind the other, when they differ from the payload (evidence).
        authenticated: the bytes that decide whether a second arrival is the same; the payload by default.
        security: how it was protected, for the timeline and as evidence.
        held: why it is kept and not processed yet, in words; empty when it is due at once.
        received_at_ms: when it came, where that was before now.
        apart_from: the message of a connection that it was a part of.
    """

    partner_id: str
    profile_digest: str
    channel: str
    payload: Buffer
    payload_sha256: str | None = None
    transport_id: str | None = None
    identity: str = ""
    wire: tuple[Buffer, ...] = ()
    authenticated: bytes | None = None
    content_type: str = ""
    filename: str = ""
    remote: str = ""
    security: Mapping[str, object] | None = None
    held: str = ""
    received_at_ms: int | None = None
    apart_from: str | None = None


class Reception:
    """Where every edge brings what it received.

    Args:
        database: the store.
        ids: gives message ids.
        now_ms: the clock, milliseconds since 1970.
        arrived: called after each durable commit of something new; wakes the processing.
        disk_is_low: whether to accept nothing more for now.
        held_room: how much may be held of a suspended partner; without a limit when absent.
        wants_events: who may hear of what is held.
    """

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        now_ms: Callable[[], int],
        arrived: Callable[[], None],
        disk_is_low: Callable[[], bool] = lambda: False,
        held_room: HeldRoom | None = None,
        wants_events: WantsEvents = nobody,
    ) -> None:
        self._database = database
        self._ids = ids
        self._now_ms = now_ms
        self._arrived = arrived
        self._disk_is_low = disk_is_low
        self._held_room = held_room
        self._wants_events = wants_events

    def new_id(self) -> str:
        """The id for a message, for edges whose answer names it before it is kept (an MDN, say)."""
        return self._ids.next()

    def ahead(self, in_thread: InThread) -> StagingAhead:
        """Puts a payload into the store while it still comes."""
        return StagingAhead(self._database, self._ids.next(), self._now_ms, in_thread)

    async def keep(
        self,
        arrival: Arrival,
        *,
        message_id: str | None = None,
        answer: bytes | None = None,
        also: Also | None = None,
        staged: bool = False,
    ) -> Acceptance:
        """Make an arrival durable, or recognise it as a duplicate of one that is.

        Args:
            arrival: what was received.
            message_id: from `new_id`; drawn here when absent.
            answer: what the sender will be told, byte for byte; a duplicate is told the same again.
            also: what else belongs in the same commit, such as the receipt that is delivered on its own; called within
                the unit, for a duplicate too.
            staged: its payload is in the store already, put there by `ahead` under this `message_id`.

        Returns:
            The message that stands for this arrival; `duplicate` tells whether it was there before, and `answer` is the
            stored one.

        Raises:
            Refused: IDEMPOTENCY_CONFLICT, same transport id with other bytes (audited); STORE_UNAVAILABLE and
                HOLDS_TOO_MUCH, nothing was kept and the sender should try again.
        """
        if self._disk_is_low():
            raise store_unavailable(StoreUnavailable("the disk is low"))
        payload_sha256 = arrival.payload_sha256 or await self._sha256(arrival.payload)
        digest = payload_sha256 if arrival.authenticated is None else hashlib.sha256(arrival.authenticated).hexdigest()
        new = NewMessage(
            id=message_id or self._ids.next(),
            partner_id=arrival.partner_id,
            profile_digest=arrival.profile_digest,
            identity=arrival.identity,
            channel=arrival.channel,
            transport_id=arrival.transport_id,
            remote=arrival.remote,
            received_at_ms=self._now_ms() if arrival.received_at_ms is None else arrival.received_at_ms,
            sha256=digest,
            payload=arrival.payload,
            payload_sha256=payload_sha256,
            wire=arrival.wire,
            answer=answer,
            content_type=arrival.content_type,
            filename=arrival.filename,
            security=orjson.dumps(arrival.security or {}).decode(),
            held=arrival.held,
            apart_from=arrival.apart_from,
            staged_by=stager_of(message_id) if staged and message_id else "",
        )
        try:
            # What is set apart was accepted with the message that it came in.
            if arrival.held and arrival.apart_from is None and self._held_room is not None:
                async with self._held_room.place(new) as place:
                    acceptance = await self._commit(new, also)
                    place.is_taken = not acceptance.duplicate
            else:
                acceptance = await self._commit(new, also)
        except TransportIdReused as reused:
            await self._discard(new)
            await self.record_refusal(
                Reason.IDEMPOTENCY_CONFLICT,
                actor=f"partner:{arrival.partner_id}",
                subject=arrival.transport_id or "",
                remote=arrival.remote,
                detail={"message_id": reused.message_id, "channel": arrival.channel},
            )
            raise Refused(
                Reason.IDEMPOTENCY_CONFLICT,
                "this id was used before for other content; send the same bytes again, or use a new id",
                audit=str(reused),
            ) from None
        except (StoreUnavailable, StagingLost) as unavailable:
            await self._discard(new)
            raise store_unavailable(unavailable) from unavailable
        if not acceptance.duplicate:
            self._arrived()
        return acceptance

    async def _commit(self, new: NewMessage, also: Also | None) -> Acceptance:
        if not new.staged_by and len(new.payload) + sum(map(len, new.wire)) > staging.STEP_BYTES:
            new = await self._stage(new)
        return await self._database.write(partial(_accept, new=new, also=also, wants=self._wants_events))

    async def _stage(self, new: NewMessage) -> NewMessage:
        """Put the pieces of a large message into the store, so that deciding about it is one small transaction.

        What is known already is not staged: most likely it is a retry, and will be recognised as one.

        Raises:
            StoreUnavailable: they cannot be kept now.
            StagingLost: it took longer than anybody waits.
        """
        transport_id = new.transport_id
        if transport_id is not None and await self._database.read(
            partial(messages.is_known, partner_id=new.partner_id, channel=new.channel, transport_id=transport_id)
        ):
            # Should it be purged before it is recognised, nothing is kept: nobody staged its pieces.
            return replace(new, staged_by=_NOBODY)
        new = replace(new, staged_by=stager_of(new.id))
        wire = staging.steps_of("wire", new.wire) if new.wire else ()
        steps = chain(staging.steps_of("payload", (new.payload,)), wire)
        loop = asyncio.get_running_loop()
        # The next pieces are made ready, two steps at a time, while these are committed.
        making = deque(loop.run_in_executor(None, step) for step in islice(steps, _STEPS_AT_ONCE))
        writing: asyncio.Future[None] | None = None
        while making:
            pieces = await making.popleft()
            making.extend(loop.run_in_executor(None, step) for step in islice(steps, 1))
            if writing is not None:
                await writing
            unit = partial(
                staging.stage,
                owner=new.staged_by,
                message_id=new.id,
                pieces=pieces,
                now_ms=self._now_ms(),
                begins=writing is None,
            )
            writing = self._database.submit(unit, durable=False)
        if writing is not None:
            await writing
        return new

    async def _discard(self, new: NewMessage) -> None:
        """Take back what was staged; what cannot be taken back now goes when its claim has run out."""
        owner = stager_of(new.id)
        if new.staged_by or len(new.payload) + sum(map(len, new.wire)) > staging.STEP_BYTES:
            with suppress(StoreUnavailable):
                await self._database.write(partial(staging.discard, owner=owner, message_id=new.id), durable=False)

    async def _sha256(self, payload: Buffer) -> str:
        if isinstance(payload, bytes):
            return hashlib.sha256(payload).hexdigest()
        return await asyncio.to_thread(_sha256, payload)

    async def keep_failure_receipt(self, receipt: NewDelivery) -> None:
        """Have an asynchronous receipt delivered that tells of a failure: its message was not kept.

        Raises:
            Refused: STORE_UNAVAILABLE, or TOO_MANY_REQUESTS: so many wait already that no more are told of failures.
        """
        if self._disk_is_low():
            raise store_unavailable(StoreUnavailable("the disk is low"))
        try:
            await self._database.write(partial(owe_for_failure, new=receipt))
        except TooManyFailures:
            detail = "too many receipts that tell of failures wait to be delivered to you"
            raise Refused(Reason.TOO_MANY_REQUESTS, detail, retry_after_s=FAILURES_RETRY_AFTER_S) from None
        except StoreUnavailable as unavailable:
            raise store_unavailable(unavailable) from unavailable

    async def record_refusal(
        self, reason: Reason, *, actor: str, subject: str, remote: str, detail: Mapping[str, object]
    ) -> None:
        """Put a refusal into the audit.

        A store that cannot write now must not turn a clear refusal into another error, so its failure is left to the
        metrics and the log of whoever reads the store's health.
        """
        act = audit.Act(self._now_ms(), actor, f"refused.{reason.value}", subject, remote, detail)
        try:
            await self._database.write(lambda connection: audit.record(connection, act))
        except StoreUnavailable:
            return


def _sha256(payload: Buffer) -> str:
    seen = hashlib.sha256()
    for piece in windows(payload):
        seen.update(piece)
    return seen.hexdigest()


def _accept(connection: Connection, new: NewMessage, also: Also | None, wants: WantsEvents) -> Acceptance:
    acceptance = messages.accept(connection, new)
    if new.held and not acceptance.duplicate:
        tell_held(connection, new.partner_id, new.id, new.held, new.received_at_ms, wants)
    if also is not None:
        also(connection, acceptance)
    return acceptance


def store_unavailable(cause: Exception) -> Refused:
    """The refusal for a store or a disk that cannot take anything now."""
    return Refused(
        Reason.STORE_UNAVAILABLE,
        "the message could not be kept, so it was not accepted; send it again later",
        audit=str(cause),
        retry_after_s=RETRY_AFTER_S,
    )
