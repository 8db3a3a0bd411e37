"""What a connection brings for a suspended partner is set apart: it waits, and the others of the same message go on.

A VAN puts the interchanges of many partners into one message. Those of a suspended one become a message of that
partner, with the bytes of exactly these interchanges, which is held as anything of theirs is; the message of the
connection is processed without them. The VAN is told nothing of it: it has its receipt.
"""

import asyncio
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from gateway.buffers import Buffer, MemorySink, Scratch
from gateway.flow.holding import why_held
from gateway.flow.receive import Arrival, Reception
from gateway.model.refusals import Refused
from gateway.spool import SpoolUnavailable
from gateway.store import messages
from gateway.store.database import Database, StoreUnavailable
from gateway.store.events import outbox
from gateway.store.messages import Acceptance, StoredMessage, holds
from partners.directory import Directory
from partners.loader import LoadedProfile
from translators.catalog import TranslationResult
from translators.x12.delimiters import IsaFinder, read_isa
from translators.x12.interchange import header_of
from translators.x12.reading import InterchangeHeader

Range = tuple[int, int]
# Does not move what stands behind, so offsets in findings are those of what the connection sent.
FILLER = b"\n"
_BLANKS = b" \t\r\n"
_LOOKED_BACK_BYTES = 64
_LEADING = "leading-bytes"  # the code of a finding, a warning


@dataclass(slots=True)
class _Part:
    """What one partner has in a message."""

    owner: LoadedProfile
    ranges: list[Range] = field(default_factory=list)


class SettingApart:
    """Takes out of a connection's messages what has to wait.

    Args:
        database: the store.
        reception: keeps what is set apart as it keeps anything.
        directory: the partners now.
        owner: name of this process, which has the messages claimed.
        now_ms: the clock, milliseconds since 1970.
        scratch: where a large message is put together to be looked through; in memory by default.
    """

    def __init__(
        self,
        database: Database,
        reception: Reception,
        directory: Callable[[], Directory],
        *,
        owner: str,
        now_ms: Callable[[], int],
        scratch: Scratch = MemorySink,
    ) -> None:
        self._database = database
        self._reception = reception
        self._directory = directory
        self._owner = owner
        self._now_ms = now_ms
        self._scratch = scratch
        self._seen: Directory | None = None
        self._suspended: dict[str, frozenset[str]] = {}

    async def take(self, message: StoredMessage, payload: bytes | None) -> StoredMessage:
        """The message without what has to wait, which is durable as messages of their own when this returns.

        Args:
            message: claimed by this process.
            payload: its content, where it is at hand.

        Raises:
            StoreUnavailable: nothing can be kept now, or read.
            ClaimLost: another process has the message by now.
        """
        directory = self._directory()
        connection = directory.by_id(message.partner_id)
        # What a person asks for is processed as it is; control numbers of a decided message stand under it.
        if connection is None or not connection.profile.speaks_for or message.by_hand:
            return message
        waiting = self._suspended_of(connection, directory)
        # Behind what waits, so that a partner's documents are processed in their order also when it is resumed.
        waiting |= await self._database.read(holds.set_apart)
        if not waiting:
            return message
        try:
            content = payload if payload is not None else await self._gather(message)
            looking = partial(_parts, content, connection, directory, waiting, ranges_of(message))
            parts = looking() if payload is not None else await asyncio.to_thread(looking)
            for part in parts:
                message = await self._keep(message, part, content)
        except SpoolUnavailable as unavailable:
            raise StoreUnavailable(str(unavailable)) from unavailable
        return message

    def _suspended_of(self, connection: LoadedProfile, directory: Directory) -> frozenset[str]:
        if directory is not self._seen:
            self._seen, self._suspended = directory, {}
        if connection.id not in self._suspended:
            carried = directory.carried_by(connection)
            self._suspended[connection.id] = frozenset(
                loaded.id for loaded in carried if loaded.profile.status == "suspended"
            )
        return self._suspended[connection.id]

    async def _gather(self, message: StoredMessage) -> Buffer:
        sink, number = self._scratch(), 0
        while True:
            piece = await self._database.read(
                partial(messages.piece, message_id=message.id, part="payload", number=number)
            )
            if piece is None:
                return sink.view()
            sink.write(piece)
            number += 1

    async def _keep(self, message: StoredMessage, part: _Part, content: Buffer) -> StoredMessage:
        """Keep what one partner has in it, and note in the same commit that it is no part of the message any more."""
        sink = self._scratch()
        for start, end in part.ranges:
            sink.write(content[start:end])
        apart = _merged([*ranges_of(message), *part.ranges])
        # Documents that an earlier attempt staged have other places now.
        changed = replace(
            message, set_apart=json.dumps(apart), revision=message.revision + (1 if message.was_tried else 0)
        )
        owner, reason = part.owner, why_held(part.owner) or "behind what was held of them"
        arrival = Arrival(
            partner_id=owner.id,
            profile_digest=owner.digest,
            channel=message.channel,
            payload=sink.view(),
            identity=message.identity,
            content_type=message.content_type,
            filename=message.filename,
            remote=message.remote,
            security=json.loads(message.security) | {"brought_by": message.partner_id, "set_apart_from": message.id},
            held=why_held(owner),
            received_at_ms=message.received_at_ms,
            apart_from=message.id,
        )

        def also(connection: Connection, acceptance: Acceptance) -> None:
            step = {"partner": owner.id, "as": acceptance.message_id, "interchanges": len(part.ranges)}
            messages.shorten(connection, self._owner, message, changed, self._now_ms(), step | {"reason": reason})
            outbox.drop_staged(connection, message.id)

        try:
            await self._reception.keep(arrival, also=also)
        except Refused as refused:
            raise StoreUnavailable(refused.detail) from refused
        return changed


def ranges_of(message: StoredMessage) -> list[Range]:
    """Which bytes of a message are set apart: from the first to behind the last, in their order."""
    return [(start, end) for start, end in json.loads(message.set_apart)] if message.set_apart else []


def nothing_left(message: StoredMessage) -> bool:
    """Whether everything in a message was set apart."""
    return ranges_of(message) == [(0, message.payload_bytes)]


def without(piece: bytes, at: int, ranges: list[Range]) -> bytes:
    """A piece of a message that begins at an offset, with blanks in the place of what was set apart."""
    left = bytearray(piece)
    for start, end in ranges:
        first, last = max(start - at, 0), min(end - at, len(piece))
        if first < last:
            left[first:last] = FILLER * (last - first)
    return bytes(left)


def unfilled(result: TranslationResult, ranges: list[Range]) -> TranslationResult:
    """What was read, without a word on the blanks that stand for what was set apart."""
    if not ranges or ranges[0][0] != 0:
        return result
    return replace(result, findings=tuple(one for one in result.findings if one.code != _LEADING))


def _covers(ranges: list[Range], offset: int) -> bool:
    """Whether one of the ranges, which are in their order, holds a byte."""
    index = bisect_right(ranges, offset, key=lambda one: one[0]) - 1
    return index >= 0 and offset < ranges[index][1]


def _merged(ranges: list[Range]) -> list[Range]:
    """The same bytes in as few ranges as they take, in their order."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _parts(
    content: Buffer,
    connection: LoadedProfile,
    directory: Directory,
    waiting: frozenset[str],
    taken: list[Range],
) -> list[_Part]:
    """What has to wait, partner by partner."""
    parts: dict[str, _Part] = {}
    for header, start, end in interchanges_of(content):
        owner = directory.speaker(connection, header.sender_qualifier, header.sender_id)
        if owner is not None and owner.id != connection.id and owner.id in waiting and not _covers(taken, start):
            parts.setdefault(owner.id, _Part(owner)).ranges.append((start, end))
    return list(parts.values())


def interchanges_of(content: Buffer) -> Iterator[tuple[InterchangeHeader, int, int]]:
    """Each interchange with its first byte and the one behind its last; blanks around it belong to it.

    The word ISA begins one where a segment could: behind the terminator of the interchange before.
    """
    finder = IsaFinder(content)
    start = finder.next(0)
    first = 0 if start is not None and not bytes(content[:start]).strip(_BLANKS) else start
    while start is not None:
        isa = read_isa(content, start)
        following = finder.next(start + 1 if isa is None else isa.end)
        while (
            isa is not None
            and following is not None
            and not _ends_before(content, following, isa.delimiters.terminator)
        ):
            following = finder.next(following + 1)
        end = len(content) if following is None else following
        if isa is not None:
            yield header_of(isa), start if first is None else first, end
        start, first = following, None


def _ends_before(content: Buffer, offset: int, terminator: str) -> bool:
    ended = terminator.encode("latin-1", "replace")
    before = bytes(content[max(0, offset - _LOOKED_BACK_BYTES) : offset])
    return before.rstrip(bytes(set(_BLANKS) - set(ended))).endswith(ended)
