"""The way to a partner's server, step by step and without sending anything: for a person who looks why it fails."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.carriers.guard import Guard


@dataclass(frozen=True, slots=True)
class Dialled:
    """What became of the addresses: the connection of the first that took it, and why the others did not."""

    connection: socket.socket | None
    address: str
    refused: tuple[tuple[str, OSError], ...]


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """A TLS session as it was agreed on."""

    version: str
    cipher: str
    certificate: bytes = field(repr=False)  # DER


async def dial(guard: Guard, addresses: Sequence[str], port: int, timeout_s: float) -> Dialled:
    """Connect to the first address that takes it."""
    refused: list[tuple[str, OSError]] = []
    loop = asyncio.get_running_loop()
    for address in addresses:
        place: tuple[str, int] | tuple[str, int, int, int] = (address, port)
        family = socket.AF_INET
        if ":" in address:
            place, family = (address, port, 0, 0), socket.AF_INET6
        connection: socket.socket | None = None
        try:
            connection = guard.socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place))
            connection.setblocking(False)
            async with asyncio.timeout(timeout_s):
                await loop.sock_connect(connection, place)
        except OSError as error:
            refused.append((address, error))
            if connection is not None:
                connection.close()
            continue
        return Dialled(connection, address, tuple(refused))
    return Dialled(None, "", tuple(refused))


async def handshake(connection: socket.socket, context: ssl.SSLContext, host: str, timeout_s: float) -> TlsSeen:
    """Speak TLS on a connection, then close it.

    Raises:
        OSError: TLS failed (`ssl.SSLError`), or took too long (`TimeoutError`).
    """
    async with asyncio.timeout(timeout_s):
        _, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=host)
    secured = writer.get_extra_info("ssl_object")
    cipher = secured.cipher()
    seen = TlsSeen(
        secured.version() or "", cipher[0] if cipher is not None else "", secured.getpeercert(binary_form=True) or b""
    )
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
    return seen


def believing_context() -> ssl.SSLContext:
    """TLS that looks at any certificate, to show it to a person; nothing is ever sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
