"""Process: what was received is translated, partner by partner in order of arrival, and decided in one transaction."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from functools import partial

from sqlalchemy import Connection

from gateway.flow.apart import SettingApart, nothing_left, ranges_of, unfilled, without
from gateway.flow.certificates.exchange import Exchange
from gateway.flow.decide import Decision, OutOfTurn, decide, decide_empty, park, stage
from gateway.flow.holding import Holding
from gateway.flow.rounds import Rounds
from gateway.flow.terms import Terms, TermsFor, TermsMissing
from gateway.flow.webhooks.causes import tell_held
from gateway.model.backoff import delay_ms
from gateway.model.message import MessageState
from gateway.model.partner_events import WantsEvents, nobody
from gateway.settings import Limits
from gateway.store import messages
from gateway.store.database import Database, StoreUnavailable
from gateway.store.messages import ClaimLost, StoredMessage, holds
from gateway.telemetry import Metrics, places
from gateway.workers import PiecedBody, WorkerFailed, WorkerPool
from translators.catalog import TranslatedDocument, TranslationResult, translate

POLL_S = 0.5
RENEWALS_PER_LEASE = 4
CLAIM_MESSAGES_MAX = 128
# Staged in one transaction: few enough that an answer waits for it some milliseconds at most.
BATCH_DOCUMENTS = 25

log = logging.getLogger(__name__)


class PayloadMissing(Exception):  # noqa: N818  # said of a row
    """The payload of a message is not in the store: it was purged before it could be processed again."""


def _tell_nobody(_message_id: str) -> None:
    """Where nobody waits."""


class Processing:
    """Works through received messages until stopped.

    Args:
        database: the store.
        pool: worker processes for large bodies.
        terms_for: the terms of a message's partner, by the profile that it started with.
        owner: name of this process, for its claims.
        source: CloudEvents source of the events, such as ``/gateway/bigcorp``.
        now_ms: the clock, milliseconds since 1970.
        limits: how large a body may be translated on the loop, how often a message is tried.
        metrics: counts outcomes.
        decided: called after each decision; wakes the relay.
        exchange: decides on certificate exchange messages, which are never translated, and never held.
        holding: knows whose messages have to wait; none have to where it is absent.
        apart: takes what has to wait out of a connection's messages.
        wants_events: who may hear of what becomes of their messages.
        told: called with the id of each message that is decided, held or parked; tells whoever waits for it.
    """

    def __init__(  # noqa: PLR0913  # every part of the line that it meets
        self,
        database: Database,
        pool: WorkerPool,
        terms_for: TermsFor,
        *,
        owner: str,
        source: str,
        now_ms: Callable[[], int],
        limits: Limits,
        metrics: Metrics,
        decided: Callable[[], None],
        exchange: Exchange | None = None,
        holding: Holding | None = None,
        apart: SettingApart | None = None,
        wants_events: WantsEvents = nobody,
        told: Callable[[str], None] = _tell_nobody,
    ) -> None:
        self._database = database
        self._pool = pool
        self._terms_for = terms_for
        self._owner = owner
        self._source = source
        self._now_ms = now_ms
        self._limits = limits
        self._lease_ms = int(limits.claim_lease_s * 1_000)
        self._metrics = metrics
        self._decided = decided
        self._exchange = exchange
        self._holding = holding
        self._apart = apart
        self._wants_events = wants_events
        self._told = told
        self._rounds = Rounds(POLL_S, log, "received messages cannot be read now")
        self._lines: dict[str, asyncio.Task[None]] = {}
        self._working: set[str] = set()
        # Claims that the store could not take back when their work ended; otherwise they would last out their lease.
        self._has_leftovers = False

    def wake(self) -> None:
        """Something arrived."""
        self._rounds.wake()

    async def run(self) -> None:
        """Process until cancelled; `drain` then gives back what is under way."""
        renewing = asyncio.create_task(self._renew_leases(), name="renew leases")
        try:
            await self._rounds.run(self._round)
        finally:
            renewing.cancel()

    async def drain(self) -> None:
        """Stop after the messages under way; what was claimed and not begun is given back."""
        for line in self._lines.values():
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines.values())
        with suppress(StoreUnavailable):
            await self._database.write(
                lambda connection: messages.release_claims(connection, self._owner, self._now_ms())
            )

    async def _round(self) -> float:
        return POLL_S if await self._claim() < CLAIM_MESSAGES_MAX else 0.0

    async def _claim(self) -> int:
        now_ms = self._now_ms()
        busy_partners = tuple(self._lines)
        gives_back = self._has_leftovers and not busy_partners

        def unit(connection: Connection) -> list[StoredMessage]:
            if gives_back:
                messages.release_claims(connection, self._owner, now_ms)
            return messages.claim(
                connection,
                self._owner,
                now_ms,
                lease_ms=self._lease_ms,
                limit=CLAIM_MESSAGES_MAX,
                busy_partners=busy_partners,
            )

        # A claim that a loss of power takes back is only made again.
        claimed = await self._database.write(unit, durable=False)
        if gives_back:
            self._has_leftovers = False
        by_partner: dict[str, list[StoredMessage]] = {}
        for message in claimed:
            by_partner.setdefault(message.partner_id, []).append(message)
            self._working.add(message.id)
        for partner_id, line in by_partner.items():
            task = asyncio.create_task(self._work_through(line), name=f"process {partner_id}")
            self._lines[partner_id] = task
            task.add_done_callback(partial(self._line_ended, partner_id, line))
        return len(claimed)

    def _line_ended(self, partner_id: str, line: Sequence[StoredMessage], task: asyncio.Task[None]) -> None:
        self._lines.pop(partner_id, None)
        self._working.difference_update(message.id for message in line)
        self._rounds.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The leases run out and the messages are taken up again; nothing is lost, but somebody should know.
            log.error("a line ended unexpectedly", extra={"partner": partner_id}, exc_info=error)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._limits.claim_lease_s / RENEWALS_PER_LEASE)
            working = tuple(self._working)
            if working:
                now_ms = self._now_ms()
                until_ms = now_ms + self._lease_ms
                with suppress(StoreUnavailable):
                    await self._database.write(
                        partial(
                            messages.renew, owner=self._owner, message_ids=working, now_ms=now_ms, until_ms=until_ms
                        )
                    )

    async def _work_through(self, line: Sequence[StoredMessage]) -> None:
        """One partner's messages in their order: while one is being committed the next is translated."""
        committing: list[asyncio.Task[None]] = []
        try:
            bodies = await self._small_bodies(line)
            if self._holding is not None and await self._resumed_before(self._holding, line):
                return
            for message in line:
                committed = await self._process(message, bodies.get(message.id))
                committing.append(asyncio.create_task(committed))
                await asyncio.sleep(0)  # requests of partners go between two translations
        except StoreUnavailable as unavailable:
            log.warning("a line stopped for now", extra={"cause": str(unavailable)})
            self._has_leftovers = True
        except ClaimLost as lost:
            log.warning("another process took a line over", extra={"cause": str(lost)})
            self._has_leftovers = True
        finally:
            if committing:
                await asyncio.wait(committing)
            if not self._database.is_sqlite:
                with suppress(StoreUnavailable):
                    await self._database.write(
                        lambda connection: messages.release_partner(connection, self._owner, line[0].partner_id)
                    )
        for task in committing:
            task.result()

    async def _resumed_before(self, holding: Holding, line: Sequence[StoredMessage]) -> bool:
        """Whether earlier messages of the partner had to be resumed first; the line is given back then.

        Another process may not know yet that the partner is active again, and hold what it receives.
        """
        first = line[0]
        loaded = holding.active(first)
        if loaded is None or not await self._database.read(partial(holds.has_messages, partner_id=first.partner_id)):
            return False
        if not await holding.resume(loaded):
            return False
        now_ms = self._now_ms()

        def unit(connection: Connection) -> None:
            for message in line:
                messages.unclaim(connection, self._owner, message.id, now_ms)

        await self._database.write(unit)
        return True

    async def _small_bodies(self, line: Sequence[StoredMessage]) -> dict[str, bytes]:
        small = [message.id for message in line if message.payload_bytes <= self._limits.inline_body_bytes_max]
        return await self._database.read(partial(messages.payloads, message_ids=small)) if small else {}

    async def _process(self, message: StoredMessage, payload: bytes | None) -> Coroutine[None, None, None]:
        """Translate a message and submit its decision; returns what waits for the commit.

        Units are committed in the order in which they are submitted, so the order of arrival is kept although nobody
        waits here.
        """
        attempts = message.attempts + 1
        early = await self._without_translation(message, attempts)
        if early is not None:
            return early
        try:
            if self._apart is not None:
                message = await self._apart.take(message, payload)
            if nothing_left(message):
                empty = partial(decide_empty, owner=self._owner, message=message, now_ms=self._now_ms())
                return self._committed(message, attempts, self._database.submit(empty))
            body: bytes | PiecedBody = PiecedBody(message.payload_bytes, self._pieces(message))
            ranges = ranges_of(message)
            if payload is not None:
                body = without(payload, 0, ranges) if ranges else payload
            terms = await self._terms_for(message)
            last_batch, result = await self._translate(message, body, terms)
        except (StoreUnavailable, ClaimLost):
            raise
        except (WorkerFailed, TermsMissing, PayloadMissing) as known:
            return self._park(message, attempts, str(known), "")
        except Exception as error:
            log.exception("processing failed", extra={"message_id": message.id})
            return self._park(message, attempts, f"translation failed with {type(error).__name__}", places(error))
        read = unfilled(result, ranges)
        decision = Decision(message, self._source, last_batch, read, terms, self._now_ms(), self._wants_events)
        unit = partial(decide, owner=self._owner, decision=decision)
        return self._committed(message, attempts, self._database.submit(unit))

    async def _without_translation(self, message: StoredMessage, attempts: int) -> Coroutine[None, None, None] | None:
        """What waits for the commit of a message that is not translated now; None where it is to be."""
        is_exchange = self._exchange is not None and self._exchange.takes(message)
        why = self._holding.why(message) if self._holding is not None and not is_exchange else ""
        if why:
            hold = partial(self._hold, message=message, why=why, now_ms=self._now_ms())
            return self._committed(message, attempts, self._database.submit(hold))
        if attempts > self._limits.processing_attempts_max and message.state == MessageState.PROCESSING:
            # It was being worked on when the process died, again and again: most likely it is what killed it.
            return self._park(message, attempts, "the process died while working on it", "")
        if self._exchange is not None and is_exchange:
            return await self._take_exchange(self._exchange, message, attempts)
        return None

    def _hold(self, connection: Connection, message: StoredMessage, why: str, now_ms: int) -> MessageState:
        state = messages.hold(connection, self._owner, message, why, now_ms)
        tell_held(connection, message.partner_id, message.id, why, now_ms, self._wants_events)
        return state

    async def _take_exchange(
        self, exchange: Exchange, message: StoredMessage, attempts: int
    ) -> Coroutine[None, None, None]:
        payload = await self._database.read(partial(messages.body, message_id=message.id, part="payload"))
        if payload is None:
            return self._park(message, attempts, "the content is no longer in the store: it was purged", "")
        decision = self._database.submit(exchange.unit(message, payload, self._owner, self._now_ms()))

        async def committed() -> None:
            await self._committed(message, attempts, decision)
            with suppress(StoreUnavailable):
                await exchange.changed()

        return committed()

    async def _translate(
        self, message: StoredMessage, payload: bytes | PiecedBody, terms: Terms
    ) -> tuple[list[TranslatedDocument], TranslationResult]:
        """Translate; every batch but the last is staged on the way, invisible until the decision."""
        batch: list[TranslatedDocument] = []
        rules = terms.reading
        if isinstance(payload, bytes):
            for item in translate(payload, rules, content_type=message.content_type):
                if isinstance(item, TranslationResult):
                    return batch, item
                batch.append(item)
            raise WorkerFailed("the translation ended without a result")
        async with aclosing(self._pool.translate(payload, rules, message.content_type)) as translated:
            async for found in translated:
                if isinstance(found, TranslationResult):
                    return batch, found
                batch += found
                if len(batch) >= BATCH_DOCUMENTS:
                    staged, batch = batch, []
                    # The decision's commit waits for the disk, and for everything that was written before it.
                    await self._database.write(
                        partial(
                            stage,
                            message=message,
                            terms=terms,
                            source=self._source,
                            batch=staged,
                            now_ms=self._now_ms(),
                        ),
                        durable=False,
                    )
        raise WorkerFailed("the worker ended without a result")

    async def _pieces(self, message: StoredMessage) -> AsyncIterator[bytes]:
        """The content of a message from the store, never more of it than one piece."""
        left, number = message.payload_bytes, 0
        ranges = ranges_of(message)
        while left > 0 or number == 0:
            piece = await self._database.read(
                partial(messages.piece, message_id=message.id, part="payload", number=number)
            )
            if piece is None:
                raise PayloadMissing(
                    "the content is no longer in the store: it was purged; ask the partner to send it again"
                )
            yield without(piece, message.payload_bytes - left, ranges) if ranges else piece
            left -= len(piece)
            number += 1

    async def _committed(self, message: StoredMessage, attempts: int, future: "asyncio.Future[MessageState]") -> None:
        try:
            state = await future
        except ClaimLost:
            log.warning("another process took a message over", extra={"message_id": message.id})
        except (StoreUnavailable, OutOfTurn) as delayed:
            log.warning("a decision is tried again", extra={"message_id": message.id, "cause": str(delayed)})
            try:
                await self._database.write(
                    partial(messages.unclaim, owner=self._owner, message_id=message.id, now_ms=self._now_ms())
                )
            except StoreUnavailable:
                self._has_leftovers = True
        except Exception as error:
            log.exception("a decision failed", extra={"message_id": message.id})
            await self._park(message, attempts, f"the decision failed with {type(error).__name__}", places(error))
        else:
            self._metrics.decided.add(state.value)
            self._told(message.id)
            self._decided()

    async def _park(self, message: StoredMessage, attempts: int, reason: str, detail: str) -> None:
        """Our fault: no acknowledgment of any kind, another attempt later, a case in the exceptions list."""
        now_ms = self._now_ms()
        retry_at_ms = None
        if attempts < self._limits.processing_attempts_max:
            retry_at_ms = now_ms + delay_ms(attempts, random.random())  # noqa: S311  # spreads retries, guards nothing
        unit = partial(
            park,
            owner=self._owner,
            message=message,
            attempts=attempts,
            reason=reason,
            detail=detail,
            now_ms=now_ms,
            retry_at_ms=retry_at_ms,
        )
        with suppress(ClaimLost):
            try:
                await self._database.write(unit)
            except StoreUnavailable:
                self._has_leftovers = True
            else:
                self._told(message.id)
                self._metrics.decided.add(MessageState.PARKED.value)
