"""A supplier's AS2 server, as small as one can be: it opens what comes, keeps it, and owes a signed receipt for it."""

import asyncio
import hashlib
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web

from certs.certificates import Certificate, KeyPair
from gateway.as2.disposition import PROCESSED
from gateway.as2.mdn import WrittenMdn, write_mdn
from gateway.as2.message import As2Refused, Opened, Policy, Signing, open_message, read_envelope
from gateway.demo.premises import LOOPBACK

PATH = "/as2"
RECEIPT_TIMEOUT_S = 10.0
PRODUCT = "supplier of the demo"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request that came whole, whatever became of it."""

    message_id: str
    sha256: str
    status: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was opened."""

    message_id: str
    opened: Opened

    @property
    def segments(self) -> list[str]:
        """Of the X12 in it."""
        text = bytes(self.opened.payload).decode("latin-1")
        return [segment.strip() for segment in text.split("~") if segment.strip()]


@dataclass(frozen=True, slots=True)
class OwedReceipt:
    """A receipt that goes by a request of its own."""

    url: str
    receipt: WrittenMdn


class SupplierServer:
    """Bound from the beginning, so that nobody else takes the port; who connects before `open` is refused.

    Args:
        pair: the supplier's key.
        customer: the gateway's certificate.
    """

    def __init__(self, pair: KeyPair, customer: Certificate, bound: socket.socket) -> None:
        self.arrived: list[Arrived] = []
        self.taken: list[Taken] = []
        self.busy_for = 0
        """So many requests are answered with 503 before one is taken."""
        self.holds_receipts = False
        """Whether receipts that go by a request of their own wait for `send_receipts`."""
        self._pair = pair
        self._customer = customer
        self._bound = bound
        self._owed: list[OwedReceipt] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._runner: web.ServerRunner | None = None
        self._client: ClientSession | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{LOOPBACK}:{self._bound.getsockname()[1]}{PATH}"

    async def open(self) -> None:
        """Let in who comes."""
        if self._runner is not None:
            return
        self._client = ClientSession(cookie_jar=DummyCookieJar(), trust_env=False)
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._bound).start()

    async def close(self) -> None:
        """Let in nobody any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()
        self._bound.close()

    def came(self, message_id: str) -> Taken | None:
        """The message with this id, once it was taken."""
        return next((taken for taken in self.taken if taken.message_id == message_id), None)

    async def send_receipts(self) -> list[int]:
        """Send the receipts that are owed; what the gateway answers to each."""
        owed, self._owed = self._owed, []
        return [await self._send(one) for one in owed]

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        body = await request.read()
        response = self._answer(list(request.headers.items()), body)
        message_id, digest = request.headers.get("Message-ID", ""), hashlib.sha256(body).hexdigest()
        self.arrived.append(Arrived(message_id, digest, response.status))
        if self._owed and not self.holds_receipts:
            task = asyncio.create_task(self._send_all())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return response

    def _answer(self, headers: list[tuple[str, str]], body: bytes) -> web.Response:
        if self.busy_for > 0:
            self.busy_for -= 1
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        envelope, now = read_envelope(headers), datetime.now(UTC)
        disposition, mic, text = PROCESSED, None, "The order desk has it."
        try:
            opened = open_message(
                envelope,
                headers,
                body,
                keys=[self._pair],
                partner_certificates=[self._customer],
                policy=Policy(),
                now=now,
            )
        except As2Refused as refused:
            disposition, text = refused.disposition, refused.explanation
        else:
            mic = opened.mic
            if self.came(envelope.message_id) is None:
                self.taken.append(Taken(envelope.message_id, opened))
        wanted = envelope.mdn_request
        if wanted is None:
            return web.Response()
        receipt = write_mdn(
            as2_from=envelope.as2_to,
            as2_to=envelope.as2_from,
            message_id=f"<{secrets.token_hex(16)}@supplier.example>",
            original_message_id=envelope.message_id,
            now=now,
            reporting_ua=PRODUCT,
            disposition=disposition,
            text=text,
            mic=mic,
            signing=Signing(self._pair),
        )
        if wanted.delivery_url is not None:
            self._owed.append(OwedReceipt(wanted.delivery_url, receipt))
            return web.Response()
        return web.Response(body=receipt.body, headers=dict(receipt.headers))

    async def _send_all(self) -> None:
        await self.send_receipts()

    async def _send(self, owed: OwedReceipt) -> int:
        """The status that answers it; 0 where nobody does: the gateway then sends its message again."""
        assert self._client is not None  # noqa: S101  # only an open server owes anything
        timeout = ClientTimeout(total=RECEIPT_TIMEOUT_S)
        headers = dict(owed.receipt.headers)
        try:
            async with self._client.post(owed.url, data=owed.receipt.body, headers=headers, timeout=timeout) as answer:
                return answer.status
        except (ClientError, TimeoutError, OSError):
            return 0


def reserve() -> socket.socket:
    """A port of this machine: bound, and nobody listens."""
    bound = socket.socket()
    bound.bind((LOOPBACK, 0))
    return bound
