"""Bodies: refused before they are read where that can be known, counted and timed while they are read otherwise."""

import asyncio

from aiohttp import hdrs, web

from gateway.model.refusals import Reason, Refused
from gateway.settings import Limits

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
RETRY_AFTER_S = 5
_FRAMED = "chunked"
_LENGTH_DIGITS_MAX = 15


class Request(web.BaseRequest):
    """A request, with what the edge learns about it on the way."""

    held_bytes: int = 0  # of the body budget
    actor: str = "unknown"  # as the audit names who sent it
    subject: str = ""  # what it was about
    allowed: str = ""  # methods, for a 405

    @property
    def address(self) -> str:
        """Where it came from."""
        return getattr(self.protocol, "address", "")

    def single(self, name: str) -> str | None:
        """The value of a header field that may come once.

        Raises:
            Refused: it came twice; which of the two counts is what request smuggling plays with.
        """
        values = self.headers.getall(name, ())
        if len(values) > 1:
            raise Refused(Reason.INVALID_REQUEST, f"the header field {name} came {len(values)} times; send it once")
        return values[0] if values else None


class Bodies:
    """Reads bodies within the limits of the gateway, all together within its memory.

    Args:
        limits: the settings' limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
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
            raise _too_large(bytes_max)
        return bytes_max

    async def read(self, request: Request, bytes_max: int) -> bytes:
        """The whole body. It counts as held in memory until `release`.

        Raises:
            Refused: too large, too slow, encoded, broken, or more than memory allows now.
        """
        bytes_max = self.check(request, bytes_max)
        await self._continue(request)
        content = request.content
        if content.is_eof():
            body = content.read_nowait(-1)
            self._hold(request, len(body))
            if len(body) > bytes_max:
                raise _too_large(bytes_max)
            return body
        return await self._receive(request, bytes_max)

    def release(self, request: Request) -> None:
        """The body of a request is no longer needed."""
        self.held_bytes -= request.held_bytes
        request.held_bytes = 0

    async def _receive(self, request: Request, bytes_max: int) -> bytes:
        pieces: list[bytes] = []
        loop = asyncio.get_running_loop()
        started = loop.time()
        rate = self._limits.body_rate_bytes_per_s_min
        end = started + self._limits.body_timeout_s
        # Until the first moments are over the rate says nothing.
        grace_end = started + self._limits.header_timeout_s
        total = 0
        try:
            async with asyncio.timeout_at(min(end, grace_end) if rate else end) as deadline:
                while piece := await request.content.readany():
                    self._hold(request, len(piece))
                    total += len(piece)
                    if total > bytes_max:
                        raise _too_large(bytes_max)
                    pieces.append(piece)
                    if rate:
                        deadline.reschedule(min(end, grace_end + total / rate))
        except TimeoutError:
            raise Refused(Reason.BODY_TOO_SLOW, f"{total} bytes of the body came, then the time was over") from None
        except web.RequestPayloadError:
            raise Refused(Reason.BODY_INCOMPLETE, "the body ended early or its chunks are broken") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

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


def _too_large(bytes_max: int) -> Refused:
    return Refused(
        Reason.BODY_TOO_LARGE,
        f"the body is larger than {bytes_max} bytes",
        extra={"body_bytes_max": bytes_max},
    )
