"""A receiver of AS2 that keeps nothing: it opens each message and answers with a signed receipt.

``python -m tests.bench.as2_receiver FOLDER`` reads own.key, own.pem and sender.pem there and prints its port.
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs.certificates import KeyPair, read_certificate
from gateway.as2.mdn import WrittenMdn, signing_digest, write_mdn
from gateway.as2.message import Policy, Signing, open_message, read_envelope
from gateway.as2.mime import Headers

BODY_BYTES_MAX = 256 * 1_048_576
_numbers = count(1)


class Receiver:
    """Who receives, and from whom."""

    def __init__(self, folder: Path) -> None:
        key = load_pem_private_key((folder / "own.key").read_bytes(), None)
        own = read_certificate((folder / "own.pem").read_bytes())
        self._own = KeyPair(certificate=own, private_key=key)  # type: ignore[arg-type]
        self._sender = read_certificate((folder / "sender.pem").read_bytes())
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = Headers.of(request.headers)
        loop = asyncio.get_running_loop()
        receipt = await loop.run_in_executor(self._threads, self._open_and_answer, headers, body)
        response = web.Response(body=receipt.body)
        for name, value in receipt.headers:
            response.headers[name] = value
        return response

    def _open_and_answer(self, headers: Headers, body: bytes) -> WrittenMdn:
        now = datetime.now(UTC)
        envelope = read_envelope(headers)
        opened = open_message(
            envelope, headers, body, keys=[self._own], partner_certificates=[self._sender], policy=Policy(), now=now
        )
        return write_mdn(
            as2_from=envelope.as2_to,
            as2_to=envelope.as2_from,
            message_id=f"<{next(_numbers)}@receiver.example>",
            original_message_id=envelope.message_id,
            now=now,
            reporting_ua="receiver",
            mic=opened.mic,
            signing=Signing(self._own, signing_digest(opened.mic.algorithm)),
        )


async def main(folder: Path) -> None:
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/{path:.*}", Receiver(folder).receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
