"""A dry run: what would become of a message, by the judgement of the line, and nothing of it is kept.

reading     as `process` reads it: the partner's terms, small bodies on the loop, others in a worker
judging     as `decide` judges it, by the control numbers that were used before, which are looked up and not noted
answering   what `decide` would write, under numbers that are none
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from gateway.buffers import Buffer, windows
from gateway.flow.envelopes import envelope_fault
from gateway.flow.number_lookup import LookedUpNumbers, asked_for
from gateway.flow.repetitions import judge_all, refused_documents
from gateway.flow.terms import Terms, TermsFor
from gateway.model.instants import moment
from gateway.model.message import MessageState
from gateway.settings import Limits
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from gateway.workers import PiecedBody, WorkerFailed, WorkerPool
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.findings import Severity
from translators.x12.acknowledgment import Numbers, earned_by, write_acknowledgment
from translators.x12.reading import Status
from translators.x12.results import InterchangeResult

# In workers, which the line needs more.
AT_ONCE_MAX: Final = 2
DOCUMENTS_SHOWN_MAX: Final = 100
CONTENT_SHOWN_BYTES_MAX: Final = 4_194_304
ACKNOWLEDGMENTS_SHOWN_MAX: Final = 100
ERRORS_REMEMBERED_MAX: Final = 1_000
NOTHING_ACCEPTED: Final = "nothing in it was accepted"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What would be received."""

    partner_id: str
    profile_digest: str
    channel: str
    content_type: str
    payload: Buffer


@dataclass(frozen=True, slots=True)
class Judged:
    """What would become of it.

    Attributes:
        result: of the translation.
        interchanges: with what their control numbers earn.
        documents: the first of them, those refused with their group or interchange as rejected; the content of each as
            far as there is room.
        is_rejected: whether nothing of it would be accepted.
        reason: why, then.
        acknowledgments: the X12 that it would earn, all control numbers of ours 0.
    """

    result: TranslationResult
    interchanges: tuple[InterchangeResult, ...]
    documents: tuple[TranslatedDocument, ...]
    is_accepted: bool
    is_rejected: bool
    reason: str
    acknowledgments: tuple[bytes, ...]


class Validating:
    """Judges what is not sent.

    Args:
        database: the store, for control numbers that were used before.
        pool: worker processes for large bodies.
        terms_for: the terms of a partner.
        limits: how large a body may be translated on the loop.
    """

    def __init__(self, database: Database, pool: WorkerPool, terms_for: TermsFor, limits: Limits) -> None:
        self._database = database
        self._pool = pool
        self._terms_for = terms_for
        self._limits = limits
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)

    async def judge(self, submitted: Submitted, message_id: str, now_ms: int) -> Judged:
        """What would become of a message.

        Args:
            submitted: what would be received.
            message_id: one that nothing bears.
            now_ms: the clock.

        Raises:
            StoreUnavailable: the store cannot be asked now.
            TermsMissing: the partner's profile is not in the store.
            WorkerFailed: it took too long or too much; the line would park it.
        """
        message = _message(submitted, message_id, now_ms)
        terms = await self._terms_for(message)
        content = _Content()
        if len(submitted.payload) <= self._limits.inline_body_bytes_max:
            result = _translate(bytes(submitted.payload), terms, submitted.content_type, content)
            return await self._judge(message, result, content, terms)
        async with self._turns:
            result = await self._in_worker(submitted, terms, content)
            return await self._judge(message, result, content, terms)

    async def _judge(
        self, message: StoredMessage, result: TranslationResult, content: "_Content", terms: Terms
    ) -> Judged:
        numbers = LookedUpNumbers(asked_for(result.interchanges, terms))
        if result.interchanges:
            # Between two batches others get the reader.
            while await self._database.read(numbers.look_up):
                pass
        # A file of 20 MB may hold 100,000 interchanges.
        return await asyncio.to_thread(_judged, message, numbers, result, content, terms)

    async def _in_worker(self, submitted: Submitted, terms: Terms, content: "_Content") -> TranslationResult:
        body = PiecedBody(len(submitted.payload), _pieces(submitted.payload))
        async with aclosing(self._pool.translate(body, terms.reading, submitted.content_type)) as translated:
            async for found in translated:
                if isinstance(found, TranslationResult):
                    return found
                for item in found:
                    content.take(item)
        raise WorkerFailed("the worker ended without a result")


class _Content:
    """The documents that are shown, and what is to be known of the others."""

    def __init__(self) -> None:
        self.documents: list[TranslatedDocument] = []
        self.accepted: list[int] = []  # ordinals
        self.rejected: set[int] = set()
        self.errors: list[tuple[int, str]] = []  # the first of each that has any
        self._bytes = 0

    def take(self, item: TranslatedDocument) -> None:
        """One document."""
        if item.status is Status.REJECTED or item.document is None:
            self.rejected.add(item.ordinal)
        else:
            self.accepted.append(item.ordinal)
        error = next((finding.message for finding in item.findings if finding.severity is Severity.ERROR), None)
        if error is not None and len(self.errors) < ERRORS_REMEMBERED_MAX:
            self.errors.append((item.ordinal, error))
        if len(self.documents) < DOCUMENTS_SHOWN_MAX:
            self._bytes += len(item.document or b"")
            has_room = self._bytes <= CONTENT_SHOWN_BYTES_MAX
            self.documents.append(item if has_room else replace(item, document=None))


def _translate(payload: bytes, terms: Terms, content_type: str, content: _Content) -> TranslationResult:
    for item in translate(payload, terms.reading, content_type=content_type):
        if isinstance(item, TranslationResult):
            return item
        content.take(item)
    raise WorkerFailed("the translation ended without a result")


async def _pieces(payload: Buffer) -> AsyncIterator[bytes]:
    for piece in windows(payload):
        yield bytes(piece)


def _judged(
    message: StoredMessage, numbers: LookedUpNumbers, result: TranslationResult, content: _Content, terms: Terms
) -> Judged:
    now_ms = message.received_at_ms
    interchanges = tuple(judge_all(numbers, message, result.interchanges, terms, now_ms))
    refused = refused_documents(result.interchanges, interchanges)
    stay = [ordinal for ordinal in content.accepted if not _is_in(ordinal, refused)]
    # `decide` says the same of what it wrote.
    is_accepted = result.accepted and len(stay) == len(content.accepted)
    is_rejected = not stay and not is_accepted
    reason = ""
    if is_rejected:
        fault = envelope_fault(result, result.interchanges, interchanges)
        errors = (text for at, text in content.errors if at in content.rejected or _is_in(at, refused))
        reason = fault or next(errors, NOTHING_ACCEPTED)
    earned = (
        (speaking, item)
        for one in interchanges
        for speaking in (terms.of(one.header.sender),)
        for item in earned_by([one], speaking.acknowledgment)
    )
    return Judged(
        result=result,
        interchanges=interchanges,
        documents=tuple(
            replace(item, status=Status.REJECTED) if _is_in(item.ordinal, refused) else item
            for item in content.documents
        ),
        is_accepted=is_accepted,
        is_rejected=is_rejected,
        reason=reason,
        acknowledgments=tuple(
            write_acknowledgment(
                item, Numbers(0, [0] * item.groups, [0] * item.groups), now=moment(now_ms), framing=speaking.framing
            )
            for speaking, item in islice(earned, ACKNOWLEDGMENTS_SHOWN_MAX)
        ),
    )


def _is_in(ordinal: int, ranges: Sequence[tuple[int, int]]) -> bool:
    index = bisect_right(ranges, ordinal, key=lambda one: one[0]) - 1
    return index >= 0 and ordinal <= ranges[index][1]


def _message(submitted: Submitted, message_id: str, now_ms: int) -> StoredMessage:
    """The message that it would be."""
    return StoredMessage(
        id=message_id,
        partner_id=submitted.partner_id,
        profile_digest=submitted.profile_digest,
        identity="",
        channel=submitted.channel,
        transport_id=None,
        remote="",
        received_at_ms=now_ms,
        state=MessageState.PROCESSING.value,
        revision=1,
        attempts=0,
        next_attempt_at_ms=None,
        claim_owner=None,
        payload_bytes=len(submitted.payload),
        payload_sha256="",
        content_type=submitted.content_type,
        filename="",
        security="{}",
        syntax=None,
        reason="",
        report=None,
        acknowledged=False,
        by_hand=False,
        apart_from=None,
        set_apart="",
    )
