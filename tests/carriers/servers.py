"""Servers on loopback for the client: polite ones and rude ones, with real TLS where wanted."""

import asyncio
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.certificates import KeyPair, certificate_of
from gateway.carriers.http import Call, Door, Way
from gateway.settings import Limits

LOOPBACK_ALLOWED = ("127.0.0.0/8", "::1/128")


def pair(
    name: str,
    *,
    issuer: KeyPair | None = None,
    authority: bool = False,
    names: Sequence[str] = (),
    addresses: Sequence[str] = (),
    days: tuple[int, int] = (-1, 90),
) -> KeyPair:
    """A key with a certificate for TLS, by an authority or self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.parsed.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(item) for item in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(item)) for item in addresses]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if not authority:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    signer = issuer.private_key if issuer is not None else key
    return KeyPair(certificate_of(builder.sign(signer, hashes.SHA256())), key)


@cache
def authority() -> KeyPair:
    return pair("Test Authority", authority=True)


@cache
def localhost() -> KeyPair:
    """Issued by the authority for 127.0.0.1 and partner.test."""
    return pair("server", issuer=authority(), names=["partner.test"], addresses=["127.0.0.1"])


@cache
def self_signed() -> KeyPair:
    return pair("old appliance")


def server_context(server: KeyPair, *, clients: KeyPair | None = None) -> ssl.SSLContext:
    """TLS of a server; `clients` issued those whom it lets in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(
            server.private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.write(server.certificate.pem())
        file.flush()
        context.load_cert_chain(file.name)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.certificate.pem().decode())
    return context


@dataclass
class Seen:
    """What a server got."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    client_certificates: list[bytes | None] = field(default_factory=list)


Handler = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


async def fine(_: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=b"got %d" % len(body))


@asynccontextmanager
async def serving(handler: Handler = fine, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Seen]:
    """An HTTP server that remembers what it got."""
    seen = Seen("")

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        seen.requests.append((dict(request.headers), body))
        transport = request.transport
        assert transport is not None
        seen.connections.add(transport.get_extra_info("peername"))
        secured = transport.get_extra_info("ssl_object")
        seen.client_certificates.append(secured.getpeercert(binary_form=True) if secured is not None else None)
        return await handler(request, body)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    seen.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/as2"
    try:
        yield seen
    finally:
        await runner.cleanup()


Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(speak: Speak, *, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that does with each connection as it likes; gives its port."""
    open_: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await speak(reader, writer)
        finally:
            open_.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(run, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """A request with its whole body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def opened(resolve: Any = None, **limits: Any) -> AsyncIterator[Door]:
    door = Door(Limits(**({"connect_timeout_s": 5} | limits)), resolve=resolve)
    try:
        yield door
    finally:
        await door.close()


def post(url: str, body: bytes | memoryview = b"hello", **choices: Any) -> Call:
    fixed: dict[str, Any] = {"headers": (("Content-Type", "text/plain"),), "answer_within_s": 5}
    return Call(url, body=body, **(fixed | choices))


def way(**choices: Any) -> Way:
    return Way(**({"networks": LOOPBACK_ALLOWED} | choices))


def proxy(heads: list[bytes], *, status: bytes = b"200 Connection established"):
    """An HTTP proxy for CONNECT."""

    async def speak(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        await writer.drain()
        if not status.startswith(b"200"):
            return
        host, _, port = head.split()[1].decode().partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))

        async def pump(source, target):
            while piece := await source.read(65_536):
                target.write(piece)
                await target.drain()
            target.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    return speak
