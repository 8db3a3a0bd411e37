"""What a durable accept costs at the least: a bare aiohttp handler and SQLite with group commit, nothing else.

It reads the body, digests it, keeps it under its Idempotency-Key with `synchronous=FULL`, and answers after the commit.
"""

import asyncio
import hashlib
import queue
import sqlite3
import sys
import threading

import orjson
import uvloop
from aiohttp import web

GROUP_MAX = 256


class Writer:
    """One thread that commits whatever queued while the last commit ran."""

    def __init__(self, file: str) -> None:
        self._jobs: queue.Queue[tuple[tuple[object, ...], asyncio.Future[None]]] = queue.Queue()
        self._file = file
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def keep(self, row: tuple[object, ...]) -> asyncio.Future[None]:
        future = self._loop.create_future()
        self._jobs.put((row, future))
        return future

    def _run(self) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE message (key TEXT PRIMARY KEY, sha256 TEXT, body BLOB)")
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < GROUP_MAX:
                try:
                    jobs.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            connection.execute("BEGIN IMMEDIATE")
            for row, _ in jobs:
                connection.execute("INSERT OR IGNORE INTO message VALUES (?, ?, ?)", row)
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resolve, [future for _, future in jobs])


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


async def main(file: str) -> None:
    writer = Writer(file)

    async def submit(request: web.Request) -> web.Response:
        body = await request.read()
        orjson.loads(body)
        await writer.keep((request.headers["Idempotency-Key"], hashlib.sha256(body).hexdigest(), body))
        return web.Response(status=202, body=b'{"status":"received"}', content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/documents", submit)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
