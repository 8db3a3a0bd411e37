"""A wire between the gateway and the broker that loses what the broker says from its first publisher confirm on."""

import asyncio
from typing import Self

# A method frame of 13 bytes on channel 1 with basic.ack: class 60, method 80 (AMQP 0-9-1, 2.3.5 and 1.8.3.13). The
# first channel of a connection is that of the events; on others the gateway tries out the limits of the broker.
BASIC_ACK = b"\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x50"
PIECE_BYTES = 65_536


class Wire:
    """A proxy on the loopback address.

    Attributes:
        confirm_lost: set once a confirm was held back.
        cuts: close the connection when a confirm is held back; else it stays open and silent.
    """

    def __init__(self, broker_port: int, *, cuts: bool) -> None:
        self._broker_port = broker_port
        self.cuts = cuts
        self.armed = True
        self.confirm_lost = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        onward = asyncio.create_task(self._pipe(reader, broker_writer))
        try:
            await self._pipe_back(broker_reader, writer)
        finally:
            onward.cancel()
            writer.close()
            broker_writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _pipe_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_silent = False
        while piece := await reader.read(PIECE_BYTES):
            if self.armed and BASIC_ACK in piece:
                is_silent = True
                self.confirm_lost.set()
                if self.cuts:
                    self.armed = False
                    return
            if not is_silent:
                writer.write(piece)
                await writer.drain()
