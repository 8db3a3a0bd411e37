"""Outbound: what the ERP or an operator wants sent becomes a delivery, or a case that says why it cannot.

It is recorded either way, once for each source and id, in one commit: the dispatch, the control numbers of its
interchange and its delivery, or the dispatch and its case. Everything that takes time is done before that commit, so
no number is given out to what was never sent, wherever the process dies.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import WeakValueDictionary

import orjson
from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.flow.operations import Actor
from gateway.flow.orders import note_sent
from gateway.flow.outward.composing import Composed, Composing, Unsendable, digest
from gateway.flow.outward.numbering import numbered
from gateway.flow.outward.ways import transport_id
from gateway.flow.rounds import Rounds
from gateway.model.delivery import DeliveryKind
from gateway.model.dispatch import DispatchEvent, DispatchState
from gateway.model.ids import IdSource
from gateway.model.machine import IllegalTransition
from gateway.model.partner_events import WantsEvents, nobody
from gateway.model.refusals import Reason
from gateway.store import deliveries
from gateway.store.database import Database, StoreUnavailable
from gateway.store.deliveries import NewDelivery, dispatches
from gateway.store.deliveries.dispatches import Found, NewDispatch, SourceIdReused, StoredDispatch
from gateway.store.engine.statements import storable
from gateway.store.messages import holds
from gateway.store.oversight import audit, cases, timeline
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.partners import profiles
from gateway.telemetry import Metrics

POLL_S = 0.5
RETRIED_AT_ONCE_MAX = 20
DETAIL_FINDINGS_MAX = 10
PARTNER_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 500
ERP = Actor("erp")
BEHIND = "it waits behind what was held for the same partner before it"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceKey:
    """Which message of which source it is (CloudEvents 1.0: together they are unique)."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of what was wanted.

    Attributes:
        id: under which it, and its delivery, is found.
        duplicate: it was there already; nothing was changed.
        reason: why it cannot be sent.
        findings: what was found in it, as JSON.
    """

    id: str
    state: DispatchState
    duplicate: bool = False
    reason: str = ""
    findings: Sequence[Mapping[str, object]] = field(default_factory=tuple)

    @property
    def is_accepted(self) -> bool:
        """Whether there is a delivery of it."""
        return self.state is DispatchState.ACCEPTED

    @property
    def is_kept(self) -> bool:
        """Whether it is sent, at once or, for a suspended partner, once they are back."""
        return self.state in {DispatchState.ACCEPTED, DispatchState.RECEIVED, DispatchState.HELD}


class Outbound:
    """Where everything comes that is to be sent.

    Args:
        database: the store.
        composing: makes it ready.
        ids: gives ids; deliveries and received messages share them.
        host: behind the @ of Message-IDs.
        now_ms: the clock, milliseconds since 1970.
        accepted: called after each commit of a new delivery; wakes the sending.
        metrics: counts outcomes.
        disk_is_low: whether to take nothing more for now.
        wants_events: who may hear of what becomes of orders.
    """

    def __init__(
        self,
        database: Database,
        composing: Composing,
        ids: IdSource,
        *,
        host: str,
        now_ms: Callable[[], int],
        accepted: Callable[[], None],
        metrics: Metrics,
        disk_is_low: Callable[[], bool] = lambda: False,
        wants_events: WantsEvents = nobody,
    ) -> None:
        self._wants_events = wants_events
        self._database = database
        self._composing = composing
        self._ids = ids
        self._host = host
        self._now_ms = now_ms
        self._accepted = accepted
        self._metrics = metrics
        self._disk_is_low = disk_is_low
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._profiles_kept: set[str] = set()
        self._rounds = Rounds(POLL_S, log, "what is to be sent cannot be read now")

    @property
    def host(self) -> str:
        """Behind the @ of Message-IDs."""
        return self._host

    def new_id(self) -> str:
        """An id for a delivery that is made elsewhere."""
        return self._ids.next()

    def wake(self) -> None:
        """A person may have had something translated again."""
        self._rounds.wake()

    async def accept_document(
        self,
        partner_id: str,
        body: bytes,
        *,
        source_key: SourceKey | None = None,
        correlation_id: str = "",
        actor: Actor = ERP,
        content_type: str = "",
        identity: str = "",
    ) -> Answer:
        """Record canonical documents (JSON or XML) and have them sent by the partner's agreement.

        Args:
            partner_id: to whom.
            body: one document, or several that go as one interchange.
            source_key: tells a repetition, which changes nothing.
            correlation_id: what the sender calls it; its own id by default.
            actor: who wants it; acts of people stand in the audit.
            content_type: as the sender says.
            identity: which of ours speaks, where several agreements could be meant.

        Raises:
            SourceIdReused: same source and id, other content (audited).
            StoreUnavailable: nothing was kept; try again later.
        """
        new = self._new(partner_id, DeliveryKind.DOCUMENT, body, source_key, correlation_id, actor)
        new = replace(new, content_type=_line(content_type), identity=identity[:PARTNER_CHARACTERS_MAX])
        return await self._accept(new, body, actor)

    async def accept_file(
        self,
        partner_id: str,
        payload: Buffer,
        filename: str = "",
        content_type: str = "",
        *,
        subject: str = "",
        source_key: SourceKey | None = None,
        correlation_id: str = "",
        actor: Actor = ERP,
        identity: str = "",
    ) -> Answer:
        """Record a file and have it sent byte for byte; X12 must be addressed to the partner.

        Raises:
            SourceIdReused: same source and id, other content (audited).
            StoreUnavailable: nothing was kept; try again later.
        """
        new = self._new(partner_id, DeliveryKind.FILE, payload, source_key, correlation_id, actor)
        new = replace(new, content_type=_line(content_type), identity=identity[:PARTNER_CHARACTERS_MAX])
        return await self._accept(replace(new, filename=_line(filename), subject=_line(subject)), payload, actor)

    async def run(self) -> None:
        """Translate again what people ask for, until cancelled."""
        await self._rounds.run(self._retry)

    async def _retry(self) -> float:
        for dispatch_id in await self._database.read(partial(dispatches.due, limit=RETRIED_AT_ONCE_MAX)):
            await self._again(dispatch_id)
        return POLL_S

    # --- how ---------------------------------------------------------------------------------------------------------

    def _new(
        self,
        partner_id: str,
        kind: DeliveryKind,
        body: Buffer,
        key: SourceKey | None,
        correlation_id: str,
        actor: Actor,
    ) -> NewDispatch:
        return NewDispatch(
            id=self._ids.next(),
            partner_id=partner_id[:PARTNER_CHARACTERS_MAX],
            kind=kind.value,
            actor=actor.name,
            received_at_ms=self._now_ms(),
            sha256=digest(body),
            body_bytes=len(body),
            source=None if key is None else key.source,
            source_id=None if key is None else key.id,
            correlation_id=correlation_id[:TEXT_CHARACTERS_MAX],
        )

    async def _accept(self, new: NewDispatch, body: Buffer, actor: Actor) -> Answer:
        if self._disk_is_low():
            raise StoreUnavailable("the disk is low")
        # Two documents of one order go in the order in which they came, though one takes longer to translate. Units are
        # committed as they are submitted, so nobody waits here for the disk.
        async with self._turns.setdefault(new.partner_id, asyncio.Lock()):
            made = await self._composing.compose(new, body, new.received_at_ms)
            unit = partial(self._record, new=new, body=body, made=made, actor=actor)
            future = self._database.submit(unit)
        try:
            answer = await future
        except SourceIdReused as reused:
            await self._record_reuse(new, reused, actor)
            raise
        self._note_done(made)
        if not answer.duplicate:
            self._metrics.outbound.add(new.kind, answer.state.value)
            self._tell_the_line(answer)
            if not answer.is_kept:
                log.warning("what was to be sent cannot be", extra={"dispatch": answer.id, "partner": new.partner_id})
        return answer

    def _tell_the_line(self, answer: Answer) -> None:
        if answer.is_accepted:
            self._accepted()
        elif answer.state is DispatchState.RECEIVED:
            self.wake()

    def _record(
        self, connection: Connection, *, new: NewDispatch, body: Buffer, made: Composed | Unsendable, actor: Actor
    ) -> Answer:
        known = dispatches.record(connection, new)
        if known is not None:
            # The same id: the commit was in doubt, yet had succeeded, and this is the second run of the unit.
            return _answer(known, duplicate=known.id != new.id)
        if isinstance(made, Composed):
            made = _behind(made, holds.waiting_dispatch(connection, new.partner_id, new.id))
        if new.kind == DeliveryKind.DOCUMENT or isinstance(made, Unsendable) or made.waits is not None:
            dispatches.keep_body(connection, new.id, body)
        step: dict[str, object] = {"actor": actor.name, "partner": new.partner_id, "bytes": new.body_bytes}
        if new.source is not None:
            step |= {"source": new.source, "source_id": new.source_id}
        timeline.note(connection, new.id, new.received_at_ms, "wanted", _storable(step))
        if actor is not ERP:
            detail = _storable({"partner": new.partner_id, "kind": new.kind, "sha256": new.sha256})
            act = audit.Act(new.received_at_ms, actor.name, "outbound.send", new.id, actor.remote, detail)
            audit.record(connection, act)
        return self._settle(connection, new, made, new.received_at_ms)

    async def _again(self, dispatch_id: str) -> None:
        stored = await self._database.read(partial(dispatches.get, dispatch_id=dispatch_id))
        body = await self._database.read(partial(dispatches.body, dispatch_id=dispatch_id))
        if stored is None:
            return
        new = NewDispatch(**{name: getattr(stored, name) for name in NewDispatch.__dataclass_fields__})
        made: Composed | Unsendable = Unsendable("its content was purged; have it sent again")
        if body is not None:
            made = await self._composing.compose(new, body, self._now_ms())

        def unit(connection: Connection) -> Answer:
            return self._settle(connection, new, made, self._now_ms())

        try:
            answer = await self._database.write(unit)
        except IllegalTransition:
            return  # another process was faster, or a person has given it up
        self._note_done(made)
        self._metrics.outbound.add(new.kind, answer.state.value)
        self._tell_the_line(answer)

    def _settle(self, connection: Connection, new: NewDispatch, made: Composed | Unsendable, now_ms: int) -> Answer:
        if isinstance(made, Unsendable):
            state = dispatches.settle(
                connection, new.id, DispatchEvent.REFUSE, reason=made.reason, found=_storable_found(made.found)
            )
            timeline.note(connection, new.id, now_ms, "not-sendable", _storable({"reason": made.reason}))
            cases.raise_case(
                connection,
                CaseKind.OUTBOUND_REFUSED,
                CaseState.STOPPED,
                now_ms,
                partner_id=new.partner_id,
                message_id=new.id,
                reason=storable(made.reason),
                detail=_detail(made.found),
                attempts=1,
            )
            return Answer(new.id, state, reason=made.reason, findings=made.found.findings)
        if made.waits is DispatchState.HELD:
            found = _storable_found(made.found)
            state = dispatches.settle(connection, new.id, DispatchEvent.HOLD, reason=made.held, found=found)
            holds.note(connection, new.partner_id, new.id, now_ms, made.held)
            return Answer(new.id, state, reason=made.held, findings=made.found.findings)
        if made.waits is DispatchState.RECEIVED:
            return Answer(new.id, made.waits, findings=made.found.findings)
        body, given = numbered(connection, made)
        found = replace(made.found, control_numbers=given)
        state = dispatches.settle(connection, new.id, DispatchEvent.ACCEPT, found=_storable_found(found))
        if found.documents:
            step: dict[str, object] = {"documents": found.documents, "accepted": found.documents}
            timeline.note(connection, new.id, now_ms, "translated", _storable(step | given))
        self._enqueue(connection, new, made, body, now_ms)
        note_sent(connection, new.id, made.way.partner.id, made.sent, now_ms, self._wants_events)
        cases.resolve(connection, now_ms, "it is sent", message_id=new.id)
        return Answer(new.id, state, findings=found.findings)

    def _enqueue(self, connection: Connection, new: NewDispatch, made: Composed, body: Buffer, now_ms: int) -> None:
        partner = made.way.partner
        for loaded in {partner.digest: partner, made.way.bearer.digest: made.way.bearer}.values():
            if loaded.digest not in self._profiles_kept:
                profiles.keep(connection, loaded.digest, loaded.id, loaded.pack(), now_ms)
        deliveries.enqueue(
            connection,
            NewDelivery(
                id=new.id,
                partner_id=partner.id,
                profile_digest=partner.digest,
                identity=made.identity,
                channel=made.way.channel,
                kind=new.kind,
                lane=f"{partner.id}/{made.order or new.id}",
                transport_id=transport_id(new.id, self._host),
                content_type=made.content_type,
                filename=made.filename,
                subject=made.subject,
                payload=body,
                created_at_ms=now_ms,
                due_at_ms=now_ms,
                correlation_id=new.correlation_id or new.id,
                source_key=None if new.source is None else f"{new.source} {new.source_id}",
                document_type=made.found.document_type,
                number=made.found.number,
                destination=made.way.destination,
            ),
        )
        if new.kind != DeliveryKind.DOCUMENT:
            dispatches.drop_body(connection, new.id)  # the payload is what it held

    async def _record_reuse(self, new: NewDispatch, reused: SourceIdReused, actor: Actor) -> None:
        """The same id for other content: somebody's fault that must not go unseen."""
        detail = _storable({"dispatch": reused.dispatch_id, "source": new.source, "partner": new.partner_id})
        subject = storable(new.source_id or "")
        action = f"refused.{Reason.IDEMPOTENCY_CONFLICT.value}"
        act = audit.Act(self._now_ms(), actor.name, action, subject, actor.remote, detail)
        await self._database.write(lambda connection: audit.record(connection, act))
        self._metrics.outbound.add(new.kind, "id-reused")

    def _note_done(self, made: Composed | Unsendable) -> None:
        if isinstance(made, Composed):
            self._profiles_kept |= {made.way.partner.digest, made.way.bearer.digest}


def _behind(made: Composed, waiting: DispatchState | None) -> Composed:
    """What was composed, behind what came for the same partner before it and waits: order is kept."""
    if made.held or waiting is None:
        return made
    return replace(made, held=BEHIND, waits=waiting)


def _answer(known: StoredDispatch, *, duplicate: bool) -> Answer:
    return Answer(known.id, DispatchState(known.state), duplicate, known.reason, orjson.loads(known.findings))


def _line(text: str) -> str:
    """A text that will stand in a header field: one line without control characters."""
    return "".join(character if character.isprintable() else "_" for character in text[:TEXT_CHARACTERS_MAX])


def _storable(step: Mapping[str, object]) -> dict[str, object]:
    return deliveries.storable_facts(step)


def _storable_found(found: Found) -> Found:
    """Findings quote what a document holds, also what no text of JSON can carry."""
    findings = [{name: storable(value) for name, value in finding.items()} for finding in found.findings]
    return replace(found, findings=findings)


def _detail(found: Found) -> str:
    """The worst findings, a line each."""
    lines = [
        f"{finding.get('pointer') or finding.get('segment') or finding.get('level')}: {finding.get('message')}"
        for finding in found.findings[:DETAIL_FINDINGS_MAX]
    ]
    return storable("\n".join(lines))[: dispatches.REASON_CHARACTERS_MAX]
