"""The one door to partners' servers, on aiohttp's client. Nothing else of the gateway opens a connection to them.

What goes through it goes to an address that was judged right before (`addresses`), over TLS that proves the other side
(`tls`), without redirects, cookies, proxies of the environment or decompression, within limits of bytes and time. What
can go wrong there comes back as one `CallFailed` that says the step and, in words, what to do.
"""

import asyncio
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from aiohttp.tracing import TraceConfig
from yarl import URL

from certs.certificates import Certificate, KeyPair
from gateway import __version__
from gateway.buffers import Buffer, windows
from gateway.carriers.addresses import Network
from gateway.carriers.call_failures import AddressRefused, CallFailed, Phase, Step, Unresolved, Where, failure_of
from gateway.carriers.destinations import Destination, read_url
from gateway.carriers.guard import Guard, Resolve, SystemNames
from gateway.carriers.tls import client_context
from gateway.settings import Limits

TlsTrust: TypeAlias = tuple[bytes | None, bytes | None, KeyPair | None, tuple[Certificate, ...]]
Origin: TypeAlias = tuple[str, str, int]

WRITE_STALL_S = 60  # for a window of 256 KiB; their server must take 4 KB a second
LINES_MAX = 256  # servers with kept-alive connections; beyond it the longest unused one is closed
CONNECTIONS_MAX = 80  # to one server, above what a profile may have under way at once
KEEPALIVE_S = 15
REPEATS_MAX = 2
HEADER_BYTES_MAX = 8_190
HEADERS_MAX = 100
USER_AGENT = f"partner-gateway/{__version__}"
PROXY_SCHEME = "http"
# Fields of the connection: no caller has a say in them.
_OURS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "expect",
        "host",
        "proxy-authorization",
        "transfer-encoding",
        "user-agent",
    }
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a partner's server is reached. Connections are shared by calls that go to one server the same way.

    Attributes:
        networks: private networks that may be connected to, such as ``10.20.0.0/16``.
        authorities: PEM, in place of the machine's own.
        pinned: the certificate of their server.
        client: what we show as TLS client, with the certificates between it and its authority.
        proxy: an HTTP proxy.
        terms: the part of the profile that says so, for words to people.
    """

    networks: tuple[str, ...] = ()
    authorities: bytes | None = field(default=None, repr=False)
    pinned: bytes | None = field(default=None, repr=False)
    client: KeyPair | None = None
    client_chain: tuple[Certificate, ...] = ()
    proxy: str | None = None
    terms: str = "as2.connection"

    @property
    def trust(self) -> "TlsTrust":
        """What TLS is spoken with."""
        return self.authorities, self.pinned, self.client, self.client_chain

    def allowed(self) -> tuple[Network, ...]:
        """The private networks, read."""
        return tuple(ip_network(text) for text in self.networks)


@dataclass(frozen=True, slots=True)
class Login:
    """A user and password; its repr shows neither."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        body: empty for HEAD.
        answer_within_s: from the last byte of the body to the last byte of the answer.
        login: for HTTP basic authentication; the caller sees to it that it belongs to this URL.
        proxy_login: for the proxy.
        repeatable: whether the same call may be made twice where a kept-alive connection turns out to be dead: the
            server may have read it. True where a repeated message is recognised, as in AS2.
        answer_bytes_max: how much of the answer is read where its beginning is enough: what is behind is left there.
            Without it an answer above the limit of the settings is a failure.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    body: Buffer
    answer_within_s: float
    login: Login | None = None
    proxy_login: Login | None = None
    repeatable: bool = False
    method: Literal["POST", "HEAD"] = "POST"
    answer_bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we spoke with.

    Attributes:
        address: the one that was connected to: the server's, or the proxy's.
        tls: such as TLSv1.3; empty without.
        certificate: DER of the server's; empty without TLS.
    """

    address: str = ""
    tls: str = ""
    certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header fields as they were sent, repeated ones too."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: Peer
    seconds: float

    def header(self, name: str) -> str | None:
        """The first field of a name."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


class _Progress:
    """How far a call is, and until when the next thing must have happened."""

    def __init__(self) -> None:
        self.deadline: asyncio.Timeout | None = None
        self.phase = Phase.CONNECTING
        self.reused = False
        self.windows = 0  # of the body that were taken
        self.answer_within_s: float | None = None  # of a request without body, which is written with its head

    def give(self, seconds: float) -> None:
        """From now on this long for the next thing to happen."""
        if self.deadline is not None and not self.deadline.expired():
            self.deadline.reschedule(asyncio.get_running_loop().time() + seconds)

    @property
    def found_dead(self) -> bool:
        """Whether a failure now can mean that a kept-alive connection was dead before we used it."""
        return self.reused and self.windows <= 1

    def connected(self) -> None:
        """The request goes out."""
        if self.answer_within_s is None:
            self.enter(Phase.WRITING, WRITE_STALL_S)
        else:
            self.enter(Phase.ANSWERING, self.answer_within_s)

    def enter(self, phase: Phase, seconds: float) -> None:
        """The next thing begins."""
        self.phase = phase
        self.give(seconds)


class _Slices(aiohttp.payload.Payload):
    """A body that is sent slice by slice out of its buffer, copied nowhere, each within its time."""

    _autoclose = True

    def __init__(self, body: Buffer, progress: _Progress, answer_within_s: float) -> None:
        super().__init__(body, content_type="application/octet-stream")
        self._view = memoryview(body).cast("B")
        self._size = self._view.nbytes
        self._progress = progress
        self._answer_within_s = answer_within_s

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - aiohttp's face
        raise TypeError("bytes that are sent, and no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        for piece in windows(self._view):
            await writer.write(piece)
            await writer.drain()
            self._progress.windows += 1
            self._progress.give(WRITE_STALL_S)
        self._progress.enter(Phase.ANSWERING, self._answer_within_s)


class _Response(aiohttp.ClientResponse):
    """Remembers whom it came from: the connection is gone once the answer is read."""

    peer = Peer()

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        if transport is not None:
            secured = transport.get_extra_info("ssl_object")
            name = transport.get_extra_info("peername") or ("",)
            if secured is None:
                self.peer = Peer(str(name[0]))
            else:
                certificate = secured.getpeercert(binary_form=True) or b""
                self.peer = Peer(str(name[0]), secured.version() or "", certificate)
        return await super().start(connection)


class _Line:
    """The connections to one partner."""

    def __init__(self, way: Way, guard: Guard, context: ssl.SSLContext | None, limits: Limits) -> None:
        self.guard = guard
        self.context = context
        self.calls = 0
        self.retired = False
        connector = aiohttp.TCPConnector(
            resolver=guard,
            socket_factory=guard.socket,
            use_dns_cache=False,  # each connection is made to addresses that were judged for it
            limit=CONNECTIONS_MAX,
            keepalive_timeout=KEEPALIVE_S,
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            response_class=_Response,
            trace_configs=[_traces()],
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=aiohttp.ClientTimeout(
                # For names and connection together; each has its own, so that the words say which it was.
                total=None,
                connect=limits.connect_timeout_s * 2,
                sock_connect=limits.connect_timeout_s,
            ),
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            max_headers=HEADERS_MAX,
        )
        self.proxy = URL(way.proxy) if way.proxy is not None else None
        self.terms = way.terms


def _traces() -> TraceConfig:
    config = TraceConfig()

    async def connected(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connected()

    async def reused(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.reused = True
        context.trace_request_ctx.connected()

    config.on_connection_create_end.append(connected)
    config.on_connection_reuseconn.append(reused)
    return config


class Door:
    """Makes calls, and keeps connections for the next.

    Args:
        limits: `connect_timeout_s` and `response_bytes_max` of the settings.
        resolve: (host, port) -> addresses; the system's own by default.
    """

    def __init__(self, limits: Limits, *, resolve: Resolve | None = None) -> None:
        self._limits = limits
        self._names = SystemNames()
        self._resolve: Resolve = resolve if resolve is not None else self._names
        self._lines: dict[tuple[Way, Origin], _Line] = {}
        # The machine's authorities take long to read and much room: one context for all who trust alike.
        self._contexts: dict[TlsTrust, ssl.SSLContext] = {}
        self._making = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections; calls that are under way fail."""
        lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            await line.session.close()
        self._names.close()

    def guard(self, way: Way) -> Guard:
        """What resolves and judges addresses for a way."""
        return Guard(way.allowed(), self._resolve, self._limits.connect_timeout_s)

    async def call(self, way: Way, call: Call) -> Answer:
        """Make a call.

        Raises:
            CallFailed: no whole answer came.
            TlsUnusable: what the way names for TLS cannot be used.
        """
        destination = read_url(call.url)
        if isinstance(destination, str):
            raise CallFailed(Step.DNS, f"the address is {destination}")
        key = (way, destination.origin)
        repeats_left = REPEATS_MAX
        while True:
            line = await self._line(*key)
            try:
                was_dead, outcome = await self._attempt(line, destination, call)
            finally:
                line.calls -= 1
                if line.retired and not line.calls:
                    await line.session.close()
            if isinstance(outcome, Answer):
                return outcome
            # Their server closed a connection that we took to be alive: it is no fault of anybody, and all other
            # connections of the line are likely to be as dead.
            if not (was_dead and outcome.hung_up and call.repeatable and repeats_left):
                raise outcome
            repeats_left -= 1
            if self._lines.get(key) is line:
                await self._retire(key)

    async def _attempt(self, line: "_Line", destination: Destination, call: Call) -> tuple[bool, Answer | CallFailed]:
        """One attempt, with whether its connection may have been dead before it."""
        progress = _Progress()
        began = time.monotonic()
        try:
            # Names, connection and TLS have limits of their own, below this one.
            async with asyncio.timeout(self._limits.connect_timeout_s * 3 + 1) as progress.deadline:
                if line.proxy is not None:
                    await self._judge_behind_proxy(line, destination)
                status, reason, headers, body, peer = await self._exchange(line, destination, call, progress)
            return False, Answer(status, reason, headers, body, peer, time.monotonic() - began)
        except (CallFailed, aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            proxy = line.proxy.host if line.proxy is not None else None
            where = Where(destination.host, proxy, self._limits, secure=line.context is not None, terms=line.terms)
            return progress.found_dead, failure_of(error, progress.phase, where)
        finally:
            progress.deadline = None

    async def _exchange(
        self, line: "_Line", destination: Destination, call: Call, progress: _Progress
    ) -> tuple[int, str, tuple[tuple[str, str], ...], bytes, Peer]:
        headers = [(name, value) for name, value in call.headers if name.lower() not in _OURS]
        headers += [("Accept-Encoding", "identity"), ("User-Agent", USER_AGENT)]
        if call.login is not None:
            headers.append(("Authorization", basic(call.login)))
        has_body = call.method == "POST"
        if not has_body:
            progress.answer_within_s = call.answer_within_s
        request = line.session.request(
            call.method,
            URL(destination.url, encoded=True),
            data=_Slices(call.body, progress, call.answer_within_s) if has_body else None,
            headers=headers,
            allow_redirects=False,
            proxy=line.proxy,
            proxy_headers={"Proxy-Authorization": basic(call.proxy_login)} if call.proxy_login is not None else None,
            ssl=line.context if line.context is not None else True,
            trace_request_ctx=progress,
        )
        async with request as response:
            received = await self._read(response, destination, call.answer_bytes_max)
            fields = tuple((_text(name), _text(value)) for name, value in response.raw_headers)
            peer = response.peer if isinstance(response, _Response) else Peer()
            return response.status, response.reason or "", fields, received, peer

    async def _read(self, response: aiohttp.ClientResponse, destination: Destination, enough: int | None) -> bytes:
        """The body of an answer. What is larger than any receipt is not read on: the connection is closed."""
        limit = self._limits.response_bytes_max
        received = bytearray()
        async for piece in response.content.iter_any():
            received += piece
            if enough is not None and len(received) > enough:
                response.close()
                return bytes(received[:enough])
            if len(received) > limit:
                response.close()
                raise CallFailed(
                    Step.HTTP, f"the answer of {destination.host} is larger than {limit} bytes; this is no receipt"
                )
        return bytes(received)

    async def _judge_behind_proxy(self, line: "_Line", destination: Destination) -> None:
        """Where the proxy will go, as far as that can be known here: it resolves names itself."""
        try:
            judged = await line.guard.judged(destination.host, destination.port)
        except Unresolved:
            return
        if all(reason is not None for _, reason in judged):
            raise AddressRefused(destination.host, judged)

    async def _line(self, way: Way, origin: Origin) -> "_Line":
        """The connections for a call, which the caller gives back by taking one off `calls`."""
        key = (way, origin)
        async with self._making:
            line = self._lines.pop(key, None)
            if line is None:
                if way.proxy is not None and urlsplit(way.proxy).scheme != PROXY_SCHEME:
                    words = "name the proxy as http://HOST:PORT; what goes through it has its own TLS"
                    raise CallFailed(Step.PROXY, words)
                context = await self._context(way.trust) if origin[0] == "https" else None
                line = _Line(way, self.guard(way), context, self._limits)
            self._lines[key] = line  # the last one is the one used last
            line.calls += 1  # from here on nobody closes it
        while len(self._lines) > LINES_MAX:
            await self._retire(next(iter(self._lines)))
        return line

    async def _context(self, trust: TlsTrust) -> ssl.SSLContext:
        context = self._contexts.pop(trust, None)
        if context is None:
            authorities, pinned, client, chain = trust
            context = await asyncio.to_thread(
                client_context, authorities=authorities, pinned=pinned, client=client, client_chain=chain
            )
        self._contexts[trust] = context
        if len(self._contexts) > LINES_MAX:
            del self._contexts[next(iter(self._contexts))]
        return context

    async def _retire(self, key: tuple[Way, Origin]) -> None:
        """No further calls on this line; its connections are closed once the last call is done."""
        line = self._lines.pop(key)
        line.retired = True
        if not line.calls:
            await line.session.close()


def basic(login: Login) -> str:
    """The value of a field for basic authentication, in UTF-8 (RFC 7617 2)."""
    return "Basic " + b64encode(f"{login.user}:{login.password}".encode("utf-8", "surrogateescape")).decode("ascii")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
