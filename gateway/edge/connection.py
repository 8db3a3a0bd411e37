"""Connections with deadlines: how long a head may take, how long an answer may stay unread, how many there may be.

aiohttp's server reads heads and waits for readers without any deadline. Here one sweep looks at all connections a few
times within the shortest deadline; that costs the hot path one comparison for each piece of data.
"""

import asyncio
import ipaddress
import logging
import re
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import http_exceptions, web

from gateway.edge.refusals import bare_problem
from gateway.model.refusals import Reason, Refused
from gateway.settings import Limits

HEAD_BYTES_MAX = 65_536
HEADERS_MAX = 100
LINE_BYTES_MAX = 8_190
READ_BUFFER_BYTES = 65_536
# After an answer that did not want the body: how long the rest is read and thrown away, so that the answer arrives.
LINGER_S = 5.0
SWEEPS_PER_DEADLINE = 4
SWEEP_S_MAX = 1.0
IPV6_PREFIX_LENGTH = 64  # one customer's network, the unit in which IPv6 addresses are handed out

FOLDING_PATH = b"POST /as2"
_FOLDED_FIELD = re.compile(
    rb"(?i)\r\n(?:content-type|content-disposition|disposition-notification-to|disposition-notification-options"
    rb"|receipt-delivery-option|subject|message-id|as2-from|as2-to|ediint-features|user-agent|date)"
    rb":[^\r\n]*(?:\r\n[ \t][^\r\n]*)+"
)
_FOLD = re.compile(rb"\r\n[ \t]+")

log = logging.getLogger("gateway.edge")


class Connection(web.RequestHandler):
    """One connection of a `ConnectionServer`."""

    __slots__ = (
        "_certificate",
        "_closing_since",
        "_folded",
        "_head_bytes",
        "_head_since",
        "_server",
        "_unread_since",
        "_wire",
        "address",
        "network",
    )

    def __init__(self, server: "ConnectionServer", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=server.limits.keepalive_timeout_s,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for "no access log"
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=min(LINGER_S, server.limits.header_timeout_s),
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,
            logger=log,
        )
        self._server = server
        self._wire: asyncio.Transport | None = None
        self._head_since: float | None = None
        self._head_bytes = 0
        self._folded = b""
        self._unread_since: float | None = None
        self._closing_since: float | None = None
        self.address = ""
        self.network = ""
        self._certificate: bytes | None = None

    @property
    def certificate(self) -> bytes | None:
        """The certificate (DER) that the other side showed in TLS, where it was asked for one."""
        if self._certificate is None and self._wire is not None:
            tls = self._wire.get_extra_info("ssl_object")
            # Empty: looked, and there is none.
            self._certificate = (tls.getpeercert(binary_form=True) if tls is not None else None) or b""
        return self._certificate or None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request of which nothing has come."""
        return self._waiter is not None and not self._head_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; one too many is told so and closed."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")  # noqa: S101  # for the type
        wire: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's transports have their own base
        self._wire = wire
        peer = wire.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) and peer else "local"
        self.network = network_of(self.address)
        if not self._server.admit(self):
            self._force_close = True
            told = bare_problem(Reason.TOO_MANY_CONNECTIONS, "too many connections are open", self._server.public_url)
            wire.write(told)
            wire.close()
            return
        self._head_since = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out."""
        self._wire = None
        self._server.dismiss(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and note when a head began."""
        if self._waiter is not None and data:
            if self._head_since is None:
                self._head_since = self._loop.time()
            if self._folded or (not self._head_bytes and data[: len(FOLDING_PATH)] == FOLDING_PATH[: len(data)]):
                data = self._unfold(data)
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_since = None
            self._head_bytes = 0
        elif self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._end(Reason.HEADERS_TOO_LARGE, f"more than {HEAD_BYTES_MAX} bytes before the body")

    def _unfold(self, data: bytes) -> bytes:
        """Hold the head of an AS2 message until it is whole, then put its folded fields on one line.

        Older AS2 products fold long MIME fields as mail does. RFC 9112 5.2 gave that up and lets a server replace the
        fold by a space; this is done for fields of MIME and AS2 alone, all others stay as they came and are refused.
        """
        self._folded += data
        end = self._folded.find(b"\r\n\r\n")
        if end < 0 and len(self._folded) <= HEAD_BYTES_MAX:
            self._head_bytes = len(self._folded)
            return b""
        whole, self._folded = self._folded, b""
        self._head_bytes = 0
        if whole.find(b"\r\n ", 0, end) < 0 and whole.find(b"\r\n\t", 0, end) < 0:
            return whole
        return _FOLDED_FIELD.sub(lambda found: _FOLD.sub(b" ", found[0]), whole[: end + 2]) + whole[end + 2 :]

    def pause_writing(self) -> None:
        """The other side reads slower than we write."""
        super().pause_writing()
        self._unread_since = self._loop.time()

    def resume_writing(self) -> None:
        """It caught up."""
        self._unread_since = None
        super().resume_writing()

    def enforce(self, now: float) -> None:
        """End the connection if it is past one of its deadlines."""
        wire, limits = self._wire, self._server.limits
        if wire is None:
            return
        if self._unread_since is not None and now - self._unread_since > limits.answer_timeout_s:
            self._server.count(Reason.OVERLOADED)
            wire.abort()
        elif wire.is_closing():
            # What was written and never read keeps a closed transport alive.
            self._closing_since = self._closing_since or now
            if now - self._closing_since > limits.answer_timeout_s:
                wire.abort()
        elif self._head_since is not None and now - self._head_since > limits.header_timeout_s:
            if self._head_bytes:
                self._end(Reason.HEADERS_TOO_SLOW, "the request did not arrive in time")
            else:
                self.force_close()

    def finish(self) -> None:
        """Close it now if nothing is under way; what is under way closes it with its answer."""
        if self.is_idle:
            self.force_close()

    def cut(self) -> None:
        """End it whatever is under way."""
        if self._task_handler is not None:
            self._task_handler.cancel()
        if self._wire is not None:
            self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002  # our table decides
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # aiohttp's words quote what was sent
    ) -> web.StreamResponse:
        """Answer what could not be parsed. aiohttp's own way would log and send back what it could not read."""
        reason = Reason.INVALID_REQUEST
        detail = "the request is not well-formed HTTP/1.1"
        if isinstance(exc, http_exceptions.LineTooLong):
            reason, detail = Reason.HEADERS_TOO_LARGE, f"a line of the head is longer than {LINE_BYTES_MAX} bytes"
        elif isinstance(exc, ConnectionError):
            reason, detail = Reason.BODY_INCOMPLETE, "the connection broke off"  # nobody reads it; it is counted
        elif not isinstance(exc, http_exceptions.HttpProcessingError):
            reason, detail = Reason.INTERNAL, "the request could not be handled"
            log_fault("a request failed outside of its handler", exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        return self._server.refuse(Refused(reason, detail))

    def _end(self, reason: Reason, detail: str) -> None:
        self._server.count(reason)
        if self.transport is not None:
            self.transport.write(bare_problem(reason, detail, self._server.public_url))
        self.force_close()


class ConnectionServer(web.Server):
    """aiohttp's low-level server with caps, deadlines and an end that waits for what is under way.

    Args:
        handler: answers every request; never raises.
        request_factory: makes requests.
        limits: the settings' limits.
        count: called with each reason that ends a connection.
        refuse: the answer to what could not be parsed.
        changed: called with the number of open connections when it changes.
        public_url: what partners reach us under, for links; None where that is not known.
        is_proxy: whether an address is that of a proxy of ours, which speaks for many.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        request_factory: Callable[..., web.BaseRequest],
        limits: Limits,
        count: Callable[[Reason], None],
        refuse: Callable[[Refused], web.StreamResponse],
        changed: Callable[[int], None],
        public_url: str | None = None,
        is_proxy: Callable[[str], bool] = lambda _: False,
    ) -> None:
        super().__init__(handler, request_factory=request_factory)
        self._is_proxy = is_proxy
        self.public_url = public_url
        self.limits = limits
        self.count = count
        self.refuse = refuse
        self._changed = changed
        self.draining = False
        self._open: set[Connection] = set()
        self._by_network: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self._sweep_s = min(
            SWEEP_S_MAX, limits.header_timeout_s / SWEEPS_PER_DEADLINE, limits.answer_timeout_s / SWEEPS_PER_DEADLINE
        )
        self._next_sweep: asyncio.TimerHandle | None = None

    @property
    def open_connections(self) -> int:
        """How many are open now."""
        return len(self._open)

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return Connection(self, self._loop)

    def admit(self, connection: Connection) -> bool:
        """Whether one more connection may be open, in all and from its address."""
        if (
            self.draining
            or len(self._open) >= self.limits.connections_max
            or (
                self._by_network[connection.network] >= self.limits.connections_per_address_max
                and not self._is_proxy(connection.address)
            )
        ):
            self.count(Reason.TOO_MANY_CONNECTIONS)
            if not self._by_network[connection.network]:
                del self._by_network[connection.network]
            return False
        self._open.add(connection)
        self._by_network[connection.network] += 1
        self._empty.clear()
        self._changed(len(self._open))
        return True

    def dismiss(self, connection: Connection) -> None:
        """A connection ended."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._by_network[connection.network] -= 1
        if self._by_network[connection.network] <= 0:
            del self._by_network[connection.network]
        self._changed(len(self._open))
        if not self._open:
            self._empty.set()

    def start_sweeping(self) -> None:
        """Begin to look after deadlines."""
        self._next_sweep = self._loop.call_later(self._sweep_s, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in list(self._open):
            connection.enforce(now)
        self._next_sweep = self._loop.call_later(self._sweep_s, self._sweep)

    async def drain(self, timeout_s: float) -> None:
        """Close what is idle, wait for what is under way, and cut what is left after the time."""
        self.draining = True
        for connection in list(self._open):
            connection.finish()
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            log.warning("requests cut at the end", extra={"connections": len(self._open)})
            for connection in list(self._open):
                connection.cut()
        if self._next_sweep is not None:
            self._next_sweep.cancel()


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX_LENGTH), strict=False).network_address)


def log_fault(text: str, error: BaseException | None, **extra: object) -> None:
    """Log a fault of ours by its type and place; the text of an exception may quote what a partner sent."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    where = " <- ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-6:]))
    log.error(text, extra={"error": type(error).__name__, "where": where, **extra})
