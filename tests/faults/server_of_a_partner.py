"""A partner's server that stops the world at chosen moments: when connected to, with everything, after its answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CONNECTED, RECEIVED, ANSWERED = "connected", "received", "answered"
_LENGTH = re.compile(rb"^content-length: *(\d+)\r?$", re.MULTILINE | re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"^message-id: *(.+?)\r?$", re.MULTILINE | re.IGNORECASE)


@dataclass
class PartnerServer:
    """Takes AS2 requests one after the other.

    Attributes:
        at: called at each moment; what it does happens before anything goes on.
        got: Message-ID and bytes of every request that came whole.
    """

    at: Callable[[str], Awaitable[None]]
    got: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self.at(CONNECTED)
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length, message_id = _LENGTH.search(head), _MESSAGE_ID.search(head)
                assert length is not None
                assert message_id is not None
                body = await reader.readexactly(int(length[1]))
                self.got.append((message_id[1].decode(), body))
                await self.at(RECEIVED)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                await self.at(ANSWERED)
        self.open.discard(writer)
        writer.close()

    @property
    def parcels(self) -> dict[str, set[bytes]]:
        """Message-ID -> the different bytes that came under it."""
        found: dict[str, set[bytes]] = {}
        for message_id, body in self.got:
            found.setdefault(message_id, set()).add(body)
        return found


@asynccontextmanager
async def listening(server: PartnerServer) -> AsyncIterator[PartnerServer]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in tuple(server.open):
            writer.close()
        async with asyncio.timeout(30):
            while server.open:
                await asyncio.sleep(0.01)


def profile(port: int) -> dict[str, object]:
    """How acme-supply is reached there; HTTP's answer is all that is agreed."""
    return {
        "as2": {
            "id": "ACME-AS2",
            "certificate": "acme.pem",
            "url": f"http://127.0.0.1:{port}/as2",
            "sending": {"receipt": "none"},
            "connection": {"private_networks": ["127.0.0.0/8"]},
        }
    }
