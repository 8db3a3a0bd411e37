"""A relay between gateway and broker that a test can tell to reset its connections, or to speak TLS."""

import asyncio


class Proxy:
    """Passes bytes both ways, on a loopback port of its own."""

    def __init__(self, host, port, *, ssl_context=None):
        self._target = (host, port)
        self._ssl_context = ssl_context
        self._writers = []
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._ssl_context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self):
        """RST to both sides, as a firewall sends it."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, upstream_writer]
        try:
            await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer), return_exceptions=True)
        finally:
            writer.transport.abort()
            upstream_writer.transport.abort()


async def _pump(reader, writer):
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()
