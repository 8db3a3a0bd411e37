"""Bodies: refused before they are read where that can be known, counted and timed while they are read otherwise.

A large one goes into a spool file piece by piece while it comes in, so that what it takes of the memory stays the same.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.buffers import Buffer, Sink
from gateway.edge.as2.parts import Parts
from gateway.model.refusals import Reason, Refused
from gateway.settings import Limits
from gateway.spool import SpoolFolder, SpoolUnavailable

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
RETRY_AFTER_S = 5
_FRAMED = "chunked"
# What comes in while so much is written to the disk goes next.
_SPOOLED_AT_ONCE_BYTES = 524_288
_LENGTH_DIGITS_MAX = 15
_NONE: Mapping[str, str] = MappingProxyType({})


class Request(web.BaseRequest):
    """A request, with what the edge learns about it on the way."""

    held_bytes: int = 0  # of the body budget
    actor: str = "unknown"  # as the audit names who sent it
    subject: str = ""  # what it was about
    allowed: str = ""  # methods, for a 405
    extra_headers: Mapping[str, str] = _NONE  # of whatever answer leaves
    brought: Buffer | None = None  # the body, where it was read before its handler asked for it
    # Keeps the answer in the transaction of what the handler changes; without an Idempotency-Key nothing is kept.
    remember: Callable[[Connection, web.Response], None] = staticmethod(lambda _connection, _response: None)

    # What a proxy of ours said of whoever it spoke for; see `rest.identity.proxies`.
    is_forwarded: bool = False
    forwarded_address: str | None = None
    forwarded_scheme: str | None = None
    forwarded_certificate: bytes | None = None

    @property
    def address(self) -> str:
        """Where it came from."""
        own: str = getattr(self.protocol, "address", "")
        return self.forwarded_address or own

    @property
    def scheme(self) -> str:
        """`https` where it came by TLS, to us or to our proxy; what its first line says does not count."""
        return self.forwarded_scheme or ("https" if self._transport_sslcontext else "http")

    @property
    def certificate(self) -> bytes | None:
        """The certificate (DER) that was shown in TLS, to us or to our proxy, whose own one does not count."""
        return self.forwarded_certificate if self.is_forwarded else getattr(self.protocol, "certificate", None)

    def single(self, name: str) -> str | None:
        """The value of a header field that may come once.

        Raises:
            Refused: it came twice; which of the two counts is what request smuggling plays with.
        """
        values = self.headers.getall(name, ())
        if len(values) > 1:
            raise Refused(Reason.INVALID_REQUEST, f"the header field {name} came {len(values)} times; send it once")
        return values[0] if values else None


class Kept(Protocol):
    """Where a body goes of which, when its transfer breaks off, what came is to stay."""

    @property
    def start(self) -> int:
        """How many bytes of it came before, by an earlier transfer."""

    def sink(self) -> Sink:
        """Takes what comes; asked for in a thread, once the body is large or where some of it is here already."""


class Bodies:
    """Reads bodies within the limits of the gateway, all together within its memory.

    Args:
        limits: the settings' limits.
        spools: where bodies of more than `spool_from_bytes` go.
        parts: what came of those whose transfer broke off.
    """

    def __init__(self, limits: Limits, spools: SpoolFolder, parts: Parts) -> None:
        self._limits = limits
        self._spools = spools
        self.parts = parts
        self.held_bytes = 0

    def check(self, request: Request, bytes_max: int) -> int:
        """Refuse what the head alone shows to be too much; returns the limit that holds.

        Args:
            request: its body untouched.
            bytes_max: the partner's own limit; the gateway's holds where it is lower.
        """
        bytes_max = min(bytes_max, self._limits.body_bytes_max)
        headers = request.headers
        if hdrs.TRANSFER_ENCODING in headers:
            coding = request.single(hdrs.TRANSFER_ENCODING) or ""
            if coding.strip().lower() != _FRAMED or hdrs.CONTENT_LENGTH in headers:
                raise Refused(Reason.INVALID_REQUEST, "the one Transfer-Encoding is chunked, without Content-Length")
        if hdrs.CONTENT_ENCODING in headers:
            codings = ",".join(headers.getall(hdrs.CONTENT_ENCODING)).split(",")
            if any(coding.strip().lower() not in ("", "identity") for coding in codings):
                raise Refused(Reason.CONTENT_ENCODING, "the body came with a Content-Encoding")
        length = headers.get(hdrs.CONTENT_LENGTH)
        if length is not None and (len(length) > _LENGTH_DIGITS_MAX or int(length) > bytes_max):
            raise too_large(bytes_max)
        return bytes_max

    async def read(self, request: Request, bytes_max: int, kept: Kept | None = None) -> Buffer:
        """The whole body: bytes, which count as held in memory until `release`, or the view of a spool.

        Args:
            request: its body untouched.
            bytes_max: the partner's own limit.
            kept: where a large body goes in place of a spool.

        Raises:
            Refused: too large, too slow, encoded, broken, or more than memory or disk allow now.
        """
        bytes_max = self.check(request, bytes_max)
        await self._continue(request)
        content = request.content
        if content.is_eof() and not (kept and kept.start):
            body = content.read_nowait(-1)
            self._hold(request, len(body))
            if len(body) > bytes_max:
                raise too_large(bytes_max)
            return body
        return await self._receive(request, bytes_max, kept)

    def release(self, request: Request) -> None:
        """The body of a request is no longer needed."""
        self.held_bytes -= request.held_bytes
        request.held_bytes = 0

    async def _receive(self, request: Request, bytes_max: int, kept: Kept | None) -> Buffer:
        if kept is None:
            intake = _Intake(self._spools.new, self._limits.spool_from_bytes)
        else:
            intake = _Intake(kept.sink, 0 if kept.start else self._limits.spool_from_bytes)
        try:
            await self._fill(intake, request, bytes_max, kept)
        except TimeoutError:
            raise Refused(
                Reason.BODY_TOO_SLOW, f"{intake.taken} bytes of the body came, then the time was over"
            ) from None
        except web.RequestPayloadError:
            raise Refused(Reason.BODY_INCOMPLETE, "the body ended early or its chunks are broken") from None
        except SpoolUnavailable as full:
            raise Refused(
                Reason.STORE_UNAVAILABLE,
                "there is no room for the body now, so it was not accepted; send it again later",
                audit=str(full),
                retry_after_s=RETRY_AFTER_S,
            ) from None
        return intake.body()

    async def _fill(self, intake: "_Intake", request: Request, bytes_max: int, kept: Kept | None) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        rate = self._limits.body_rate_bytes_per_s_min
        start = kept.start if kept is not None else 0
        end = started + self._limits.body_timeout_s
        # Until the first moments are over the rate says nothing.
        grace_end = started + self._limits.header_timeout_s
        try:
            async with asyncio.timeout_at(min(end, grace_end) if rate else end) as deadline:
                while piece := await request.content.readany():
                    self._hold(request, len(piece))
                    taken = intake.taken + len(piece)
                    if start + taken > bytes_max:
                        raise too_large(bytes_max)
                    latest = min(end, grace_end + taken / rate) if rate else end
                    if kept is not None:
                        # Nothing is lost when a line that went dead is given up early: the sender goes on where it was.
                        latest = min(latest, loop.time() + self._limits.restart_stall_s)
                    deadline.reschedule(latest)
                    self._let_go(request, await intake.take(piece))
                self._let_go(request, await intake.finish())
        except (TimeoutError, web.RequestPayloadError, ConnectionError, asyncio.CancelledError):
            if kept is not None:
                self._let_go(request, await intake.finish())
            raise

    def _let_go(self, request: Request, length: int) -> None:
        self.held_bytes -= length
        request.held_bytes -= length

    def _hold(self, request: Request, length: int) -> None:
        if self.held_bytes + length > self._limits.bodies_in_memory_bytes_max:
            raise Refused(
                Reason.OVERLOADED, "too many large bodies are being received now", retry_after_s=RETRY_AFTER_S
            )
        self.held_bytes += length
        request.held_bytes += length

    @staticmethod
    async def _continue(request: Request) -> None:
        """Tell a client that waits for it to send the body (RFC 9110 10.1.1); what is refused is never sent."""
        expect = request.headers.get(hdrs.EXPECT)
        if expect is None:
            return
        if expect.strip().lower() != "100-continue":
            raise Refused(Reason.INVALID_REQUEST, "the only expectation that is met is 100-continue")
        if request.version >= (1, 1) and not request.content.is_eof():
            await request.writer.write(CONTINUE)
            # The writer counts its output to tell whether an answer was begun.
            request.writer.output_size = 0


class _Intake:
    """A body on its way in: in memory up to a size, from there on in a file.

    The disk is written by a thread, one piece of work at a time, while more comes in.
    """

    def __init__(self, new_file: Callable[[], Sink], in_memory_bytes_max: int) -> None:
        self._new_file = new_file
        self._in_memory_bytes_max = in_memory_bytes_max
        self._pieces: list[bytes] = []
        self._length = 0
        self._file: Sink | None = None
        self._writing: asyncio.Future[int] | None = None
        self.taken = 0

    async def take(self, piece: bytes) -> int:
        """Take a piece; how many bytes left the memory meanwhile."""
        self._pieces.append(piece)
        self._length += len(piece)
        self.taken += len(piece)
        limit = self._in_memory_bytes_max if self._file is None else _SPOOLED_AT_ONCE_BYTES
        return await self._write() if self._length > limit else 0

    async def finish(self) -> int:
        """The last piece was taken; how many bytes left the memory."""
        if self._file is None:
            return 0
        return await self._write() + await self._written()

    def body(self) -> Buffer:
        """What came in."""
        if self._file is not None:
            return self._file.view()
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    async def _write(self) -> int:
        written = await self._written()
        loop = asyncio.get_running_loop()
        if self._file is None:
            self._file = await loop.run_in_executor(None, self._new_file)
        pieces, self._pieces, self._length = self._pieces, [], 0
        self._writing = loop.run_in_executor(None, _write_all, self._file, pieces)
        self._writing.add_done_callback(_look_at)
        return written

    async def _written(self) -> int:
        if self._writing is None:
            return 0
        # Whoever stops waiting for it must find it again: nothing may be written before it is.
        written = await asyncio.shield(self._writing)
        self._writing = None
        return written


def _look_at(writing: asyncio.Future[int]) -> None:
    """Who wrote may be gone: a failure that nobody waits for is nobody's any more."""
    if not writing.cancelled():
        writing.exception()


def _write_all(file: Sink, pieces: list[bytes]) -> int:
    for piece in pieces:
        file.write(piece)
    return sum(map(len, pieces))


def too_large(bytes_max: int) -> Refused:
    """The refusal of a body that is larger than so many bytes."""
    return Refused(
        Reason.BODY_TOO_LARGE,
        f"the body is larger than {bytes_max} bytes",
        extra={"body_bytes_max": bytes_max},
    )
