"""AS2 Restart (draft-harding-as2-restart): a large message whose transfer broke off is gone on with where it ended.

The sender names the transfer in `ETag`. After a broken attempt it asks with HEAD and the same ETag; Content-Length of
the answer is how many bytes are here. Then it posts the rest, with ETag and Content-Range. This is done for partners
whose profile says so (`as2.receive_restarts`), by the node that has the part: another one, or one that has lost it,
says 0, and the sender sends the whole. Whatever goes wrong with a part costs a sender no more than that.
"""

import asyncio
import hashlib
import logging
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import hdrs, web

from gateway.as2.disposition import As2Refused
from gateway.as2.envelope import Envelope
from gateway.buffers import Buffer, Sink
from gateway.edge.as2.parties import Relationship
from gateway.edge.as2.parts import PartFile, PartName, Parts, PartsFull
from gateway.edge.bodies import RETRY_AFTER_S, Request
from gateway.model.refusals import Reason, Refused
from gateway.settings import Limits
from gateway.spool import SpoolFolder, SpoolUnavailable
from gateway.store.database import StoreUnavailable

# How long the end of a broken attempt is waited for: the sender may see it, and be back, before we do.
ENDING_S = 5.0
# RFC 9110 8.8.3 as far as it is of use; some products leave out the quotes.
_ETAG = re.compile(r"[!-~]{1,200}")
# RFC 9110 14.4, and as the first draft has it, without the unit.
_RANGE = re.compile(r"(?i:bytes[ =])?[ ]*([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
# After these the sender sends the same again, and what is here spares it most of that.
_AGAIN = frozenset(
    {
        Reason.BODY_INCOMPLETE,
        Reason.BODY_TOO_SLOW,
        Reason.HOLDS_TOO_MUCH,
        Reason.OVERLOADED,
        Reason.SHUTTING_DOWN,
        Reason.STORE_UNAVAILABLE,
        Reason.TOO_MANY_REQUESTS,
    }
)

log = logging.getLogger("gateway.edge")


@dataclass(frozen=True, slots=True)
class Range:
    """What a body is of the whole: the bytes from `start` on, of `total`."""

    start: int
    total: int


def read_range(value: str) -> Range | None:
    """A Content-Range that goes to the last byte; None where it is none."""
    found = _RANGE.fullmatch(value.strip())
    if found is None:
        return None
    start, end, total = map(int, found.groups())
    return Range(start, total) if start <= end == total - 1 else None


class Transfer:
    """One attempt at a transfer: where its body goes, and what becomes of it when the attempt ends.

    Args:
        parts: of this node.
        spools: for a body that cannot be kept.
        name: of the part.
        start: how many bytes are here already.
        total: bytes of the whole; 0 where the sender does not say.
        reserved: bytes that it may have.
    """

    def __init__(
        self, parts: Parts, spools: SpoolFolder, name: PartName, start: int, total: int, reserved: int
    ) -> None:
        self.name = name
        self.start = start
        self.total = total
        self.ended = asyncio.Event()
        self._parts = parts
        self._spools = spools
        self._reserved = reserved
        self._lock = threading.Lock()
        self._file: PartFile | None = None
        self._is_over = False

    def sink(self) -> Sink:
        """Where the body goes; in a thread.

        Raises:
            Refused: what is here can be gone on with later, not now.
            SpoolUnavailable: the disk takes nothing.
        """
        with self._lock:
            if self._is_over:
                raise SpoolUnavailable("the transfer is over")
            try:
                self._file = self._parts.open(self.name, total=self.total, start=self.start, reserved=self._reserved)
            except PartsFull as full:
                if self.start:
                    raise busy(str(full)) from None
                return self._spools.new()  # it has to arrive in one go then, as messages do
            return self._file

    def check(self, body: Buffer) -> None:
        """Whether all of it is here.

        Raises:
            Refused: some is not.
        """
        if self.total and len(body) != self.total:
            raise Refused(Reason.BODY_INCOMPLETE, f"{len(body)} of {self.total} bytes are here")

    async def end(self, *, keep: bool) -> None:
        """The attempt is over; whatever happens to the caller meanwhile, the part is seen to."""
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._end, keep))

    def _end(self, keep: bool) -> None:
        with self._lock:
            self._is_over = True
            if self._file is None:
                if not keep:
                    self._parts.discard(self.name)
            elif keep:
                self._file.keep()
            else:
                self._file.remove()


class Restarts:
    """Knows the transfers that are under way and the parts of those that broke off.

    Args:
        parts: of this node.
        spools: for bodies that cannot be kept.
        limits: the settings' limits.
    """

    def __init__(self, parts: Parts, spools: SpoolFolder, limits: Limits) -> None:
        self._parts = parts
        self._spools = spools
        self._limits = limits
        self._under_way: dict[PartName, Transfer] = {}

    async def held(self, request: Request, envelope: Envelope, between: Relationship) -> web.Response:
        """The answer to HEAD: how many bytes of a transfer are here.

        Raises:
            Refused: its ETag is none, or it is still under way.
        """
        etag = request.single(hdrs.ETAG) or ""
        if not _ETAG.fullmatch(etag):
            raise Refused(Reason.INVALID_REQUEST, "the ETag is longer than 200 characters or has others than ASCII")
        # Not every product repeats the Message-ID when it asks.
        name = _name(envelope, between, etag)
        await self._let_end(name, is_exact=bool(envelope.message_id))
        part = self._parts.find(name.partner, name.transfer, name.message if envelope.message_id else None)
        return web.Response(headers={hdrs.CONTENT_LENGTH: str(part.held if part is not None else 0)})

    @asynccontextmanager
    async def transfer(
        self, request: Request, envelope: Envelope, between: Relationship, bytes_max: int
    ) -> AsyncIterator[Transfer | None]:
        """The transfer that a request is an attempt at, for the time of the attempt; None where nothing of it is kept.

        Args:
            request: its body untouched.
            envelope: of the message.
            between: both sides of it.
            bytes_max: what its body may have.

        Raises:
            Refused: it is a part that does not follow on what is here.
        """
        found = await self._begin(request, envelope, between, bytes_max)
        if found is None:
            yield None
            return
        self._under_way[found.name] = found
        keep = False
        try:
            yield found
        except Refused as refused:
            keep = refused.reason in _AGAIN
            raise
        except (StoreUnavailable, SpoolUnavailable, ConnectionError, asyncio.CancelledError):
            keep = True
            raise
        finally:
            try:
                await found.end(keep=keep)
            finally:
                del self._under_way[found.name]
                found.ended.set()

    async def _begin(
        self, request: Request, envelope: Envelope, between: Relationship, bytes_max: int
    ) -> Transfer | None:
        etag, part = request.single(hdrs.ETAG), request.single(hdrs.CONTENT_RANGE)
        if etag is None or not _ETAG.fullmatch(etag) or not envelope.message_id:
            if part is not None:
                raise Refused(Reason.INVALID_REQUEST, "a part of a message came without an ETag and a Message-ID")
            return None
        name = _name(envelope, between, etag)
        length = int(request.headers[hdrs.CONTENT_LENGTH]) if hdrs.CONTENT_LENGTH in request.headers else None
        if part is None:
            return self._begin_whole(name, length, bytes_max)
        extent = read_range(part)
        if extent is None:
            raise Refused(Reason.INVALID_REQUEST, "Content-Range has to be START-END/TOTAL, up to the last byte")
        if length is not None and length != extent.total - extent.start:
            raise Refused(Reason.INVALID_REQUEST, "Content-Range and Content-Length speak of different lengths")
        if extent.total > bytes_max:
            raise Refused(
                Reason.BODY_TOO_LARGE,
                f"the body is larger than {bytes_max} bytes",
                extra={"body_bytes_max": bytes_max},
            )
        if not extent.start:
            if length is None:
                raise Refused(
                    Reason.INVALID_REQUEST, "the whole message came as a part of itself; leave Content-Range out"
                )
            return self._begin_whole(name, extent.total, bytes_max)
        return await self._go_on(name, extent)

    def _begin_whole(self, name: PartName, total: int | None, bytes_max: int) -> Transfer | None:
        is_small = total is not None and total <= self._limits.spool_from_bytes
        if is_small or name in self._under_way:
            return None  # nothing stands in the way of a whole message
        return Transfer(self._parts, self._spools, name, 0, total or 0, total or bytes_max)

    async def _go_on(self, name: PartName, extent: Range) -> Transfer:
        await self._let_end(name, is_exact=True)
        part = self._parts.find(name.partner, name.transfer, name.message)
        held = part.held if part is not None else 0
        if part is None or held != extent.start or part.total not in (0, extent.total):
            raise Refused(
                Reason.RANGE_NOT_HELD,
                f"{held} bytes of {part.total if part is not None and part.total else 'the whole'} are held",
                extra={"bytes_held": held},
            )
        log.info("a transfer is gone on with", extra={"bytes_held": held, "bytes_total": extent.total})
        return Transfer(self._parts, self._spools, name, held, extent.total, extent.total)

    async def _let_end(self, name: PartName, *, is_exact: bool) -> None:
        """Wait a little for the attempt before, of which the sender knows that it is over.

        Raises:
            Refused: it goes on.
        """
        try:
            async with asyncio.timeout(ENDING_S):
                while (before := self._attempt(name, is_exact=is_exact)) is not None:
                    await before.ended.wait()
        except TimeoutError:
            raise busy("the transfer is still under way") from None

    def _attempt(self, name: PartName, *, is_exact: bool) -> Transfer | None:
        if is_exact:
            return self._under_way.get(name)
        same = (name.partner, name.transfer)
        return next((it for it in self._under_way.values() if (it.name.partner, it.name.transfer) == same), None)


def speaks_restart(between: Relationship) -> bool:
    """Whether parts are kept for this partner."""
    as2 = between.partner.profile.as2
    return as2 is not None and as2.receive_restarts


def refuse_parts(request: Request) -> None:
    """Refuse a part of a message.

    Raises:
        Refused: it is one. RFC 9110 14.5: whoever does not take parts must not take one for the whole.
    """
    if hdrs.CONTENT_RANGE in request.headers:
        raise Refused(Reason.INVALID_REQUEST, "a part of a message came (Content-Range); send the whole")


def restart_failed(failure: As2Refused) -> Refused:
    """The refusal of a message that was put together here and cannot be opened.

    It is no receipt: anybody who knows the names may have sent the part, and a sender takes receipts for the last word.
    """
    return Refused(
        Reason.RESTART_FAILED,
        "the part that was held and what followed make no message; send the whole",
        audit=f"{failure.modifier.value}: {failure.audit_reason}",
        retry_after_s=RETRY_AFTER_S,
    )


def busy(detail: str) -> Refused:
    """The refusal of a part that can be gone on with later."""
    return Refused(Reason.OVERLOADED, detail, retry_after_s=RETRY_AFTER_S)


def _name(envelope: Envelope, between: Relationship, etag: str) -> PartName:
    names = (envelope.as2_from, envelope.as2_to, etag)
    return PartName(_digest(between.partner.id)[:16], _digest(*names)[:32], _digest(*names, envelope.message_id)[:32])


def _digest(*values: str) -> str:
    seen = hashlib.sha256()
    for value in values:
        encoded = value.encode("utf-8", "surrogateescape")
        seen.update(len(encoded).to_bytes(8, "big") + encoded)
    return seen.hexdigest()
