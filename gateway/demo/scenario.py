"""Suppliers and an ERP at work: what they send, what they are told, and whether all of it really happened.

Everything here goes over HTTP and SSH, as it would from another machine. Each act is a claim that is checked; what a
supplier is told is checked against its own bytes, what became of a document is read back from the running gateway.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession
from asyncssh import Error as SshError

from gateway.as2.mdn import Mdn, MdnError, objection, read_mdn
from gateway.as2.message import Encryption, MdnRequest, Signing, WrittenMessage, write_message
from gateway.demo.claims import Act, NotSo, expect
from gateway.demo.fetching import ACKNOWLEDGMENT, Fetching
from gateway.demo.mailbox import ACKNOWLEDGMENT as ACKNOWLEDGMENT_OF_DELTA
from gateway.demo.mailbox import Mailbox
from gateway.demo.orders import Orders
from gateway.demo.premises import ACME, ACME_AS2_ID, DELTA, NORTHWIND, OUR_AS2_ID, sample
from gateway.demo.stage import POLL_S, SETTLED_WITHIN_S, Caller, Stage, shortened

_FINAL = frozenset({"published", "rejected"})
_PRODUCT = "@partner-gateway"


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that a supplier sent and the gateway took.

    Attributes:
        message_id: the gateway's id, as its answer names it.
        final: how it is to end, ``published`` or ``rejected``.
    """

    label: str
    partner: str
    message_id: str
    final: str


@dataclass(slots=True)
class Scenario:
    """The play.

    Args:
        stage: where it is played.
        client: speaks HTTP.
    """

    stage: Stage
    client: ClientSession
    sent: list[Sent] = field(default_factory=list)
    fates: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    orders: Orders = field(init=False)
    fetching: Fetching = field(init=False)
    mailbox: Mailbox = field(init=False)
    _caller: Caller = field(init=False)
    _order_response: WrittenMessage | None = None
    _first_receipt: bytes = b""

    def __post_init__(self) -> None:
        self._caller = Caller(self.stage, self.client)
        self.orders = Orders(self._caller)
        self.fetching = Fetching(self._caller, self.orders)
        self.mailbox = Mailbox(self._caller, self.orders)

    async def play(self) -> AsyncIterator[Act]:
        """Every act as it happens; one that fails does not keep the others from being tried."""
        orders, fetching, mailbox = self.orders, self.fetching, self.mailbox
        acts: tuple[tuple[str, Callable[[], Awaitable[str]]], ...] = (
            ("The gateway says that it is ready", self._is_ready),
            ("The ERP orders from ACME: canonical JSON in, X12 850 out over AS2, signed and encrypted", orders.to_acme),
            ("ACME sends an order response (X12 855) over AS2, signed and encrypted", self._order_response_over_as2),
            ("ACME sends a ship notice (X12 856) over AS2, signed and encrypted", self._ship_notice_over_as2),
            ("The ERP orders from Northwind, who has no server: the order waits in their inbox", fetching.ordered),
            ("Northwind's program fetches it, as JSON and as XML, and confirms it", fetching.fetched),
            ("Northwind takes the order by a small typed call, and waits for the result", self._typed_acknowledgment),
            ("Northwind posts a ship notice (JSON) over REST", self._ship_notice_over_rest),
            ("ACME sends an order response that lacks its BAK02, the kind of answer", self._broken_over_as2),
            ("ACME sends its first message again, as after a lost answer", self._again),
            ("Somebody changes a byte of a message on its way", self._tampered),
            ("Somebody posts with a key that nobody has", self._wrong_key),
            ("The ERP orders from Harbor, whose server is down", orders.to_harbor_while_it_is_down),
            (
                "Harbor's server is up again, and busy at first: the same message is sent again",
                orders.to_harbor_once_it_is_up,
            ),
            ("Harbor sends its receipt later, by a request of its own", orders.receipt_of_harbor),
            (
                "The ERP orders from Delta, who comes by SFTP: the order waits in its mailbox",
                mailbox.ordered,
            ),
            ("Delta's client logs in with its key and fetches it", mailbox.fetched),
            ("Delta drops its order response (X12 855) under a temporary name, and renames it", self._response_by_sftp),
            ("Delta drops one that lacks its BAK02", self._broken_by_sftp),
            ("Every message reaches its end", self._settled),
            ("The accepted documents are business events, each once and as it was sent", self._events),
            ("The rejected message is answered with a 997 that names the place", self._rejection),
            ("The 997s that ACME's documents earned are delivered to ACME over AS2", orders.acknowledgments_to_acme),
            ("The 997s that Delta's files earned lie in its mailbox", mailbox.acknowledged),
        )
        for claim, act in acts:
            try:
                yield Act(claim, held=True, seen=await act())
            except NotSo as not_so:
                yield Act(claim, held=False, seen=str(not_so))
            except (ClientError, SshError, TimeoutError, OSError, ValueError, KeyError, TypeError, IndexError) as error:
                yield Act(claim, held=False, seen=f"{type(error).__name__}: {error}")

    # --- what suppliers send -----------------------------------------------------------------------------------------

    async def _is_ready(self) -> str:
        status, _, _ = await self._ask("GET", f"{self.stage.edge_url}/health/ready")
        expect(status == 200, f"/health/ready answered {status}")  # noqa: PLR2004  # HTTP
        return f"{self.stage.edge_url}/health/ready answers 200"

    async def _order_response_over_as2(self) -> str:
        message = self._write("order-response.edi", "<order-response-1@acme.example>")
        self._order_response = message
        return await self._send_over_as2("order response 855", message, "published")

    async def _ship_notice_over_as2(self) -> str:
        message = self._write("ship-notice.edi", "<ship-notice-1@acme.example>")
        return await self._send_over_as2("ship notice 856", message, "published")

    async def _broken_over_as2(self) -> str:
        message = self._write("order-response-broken.edi", "<order-response-2@acme.example>")
        seen = await self._send_over_as2("order response 855 without BAK02", message, "rejected")
        return f"{seen}; what is in it is answered with a 997, not here"

    async def _ship_notice_over_rest(self) -> str:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "ship-notice-NW-2026-0117"}
        status, answered, _ = await self._post_rest(sample("ship-notice.json"), headers, self._key(NORTHWIND))
        expect(status == 202, f"the answer was {status}: {shortened(answered)}")  # noqa: PLR2004  # HTTP
        message_id = orjson.loads(answered)["id"]
        self.sent.append(Sent("ship notice as JSON", NORTHWIND, message_id, "published"))
        return f"202 Accepted, kept as {message_id}"

    async def _typed_acknowledgment(self) -> str:
        message_id, seen = await self.fetching.acknowledged()
        self.sent.append(Sent("order acknowledgment by a typed call", NORTHWIND, message_id, "published"))
        return seen

    async def _response_by_sftp(self) -> str:
        message_id, seen = await self.mailbox.answered()
        self.sent.append(Sent("order response 855 by SFTP", DELTA, message_id, "published"))
        return seen

    async def _broken_by_sftp(self) -> str:
        message_id, seen = await self.mailbox.broken()
        self.sent.append(Sent("order response 855 without BAK02 by SFTP", DELTA, message_id, "rejected"))
        return seen

    async def _again(self) -> str:
        expect(self._order_response is not None, "the first message was not sent")
        assert self._order_response is not None  # noqa: S101  # told above
        status, answered, _ = await self._post_as2(self._order_response, bytes(self._order_response.body))
        expect(status == 200, f"the answer was {status}")  # noqa: PLR2004  # HTTP
        expect(answered == self._first_receipt, "the receipt is not the one that was given the first time")
        return "the same receipt, byte for byte; the document is not processed twice"

    async def _tampered(self) -> str:
        message = self._write("order-response.edi", "<order-response-3@acme.example>")
        changed = bytearray(message.body)
        changed[len(changed) // 2] ^= 1
        status, answered, headers = await self._post_as2(message, bytes(changed))
        expect(status == 200, f"the answer was {status}, not a receipt")  # noqa: PLR2004  # HTTP
        receipt = self._read_receipt(headers, answered)
        expect(not receipt.disposition.successful, f"the receipt says {receipt.disposition}")
        return f"refused by a signed receipt: {receipt.disposition.type}/{receipt.disposition.severity}: " + str(
            receipt.disposition.text
        )

    async def _wrong_key(self) -> str:
        status, answered, _ = await self._post_rest(sample("ship-notice.json"), {}, "a key that nobody has")
        expect(status == 401, f"the answer was {status}: {shortened(answered)}")  # noqa: PLR2004  # HTTP
        return f"401: {orjson.loads(answered)['title']}"

    # --- what became of it -------------------------------------------------------------------------------------------

    async def _settled(self) -> str:
        expect(len(self.sent) == 7, f"only {len(self.sent)} of 7 messages were taken")  # noqa: PLR2004  # as played
        end = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        for sent in self.sent:
            self.fates[sent.message_id] = await self._fate(sent)
            while self._status(sent) not in _FINAL and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(POLL_S)
                self.fates[sent.message_id] = await self._fate(sent)
        wrong = [f"{sent.label} is {self._status(sent)}" for sent in self.sent if self._status(sent) != sent.final]
        expect(not wrong, "; ".join(wrong))
        counted = [self._status(sent) for sent in self.sent]
        return f"{counted.count('published')} published, {counted.count('rejected')} rejected, none lost"

    def _status(self, sent: Sent) -> str:
        return str(self.fates[sent.message_id]["status"])

    async def _fate(self, sent: Sent) -> Mapping[str, Any]:
        """The submission as its own partner sees it."""
        url = f"{self.stage.edge_url}/v1/documents/{sent.message_id}"
        status, answered, _ = await self._ask("GET", url, {"Authorization": f"Bearer {self._key(sent.partner)}"})
        expect(status == 200, f"{url} answered {status}: {shortened(answered)}")  # noqa: PLR2004  # HTTP
        fate: Mapping[str, Any] = orjson.loads(answered)
        return fate

    async def _events(self) -> str:
        told = await self._caller.on_operator_port("/events?after=0&limit=100")
        events: list[Mapping[str, Any]] = [entry["event"] for entry in told["events"]]
        found = sorted((event["type"], event["subject"], event["partner"]) for event in events)
        expected = [
            ("b2b.purchase_order_acknowledgment.received", ACKNOWLEDGMENT_OF_DELTA, DELTA),
            ("b2b.purchase_order_acknowledgment.received", ACKNOWLEDGMENT, NORTHWIND),
            ("b2b.purchase_order_acknowledgment.received", "SO-9001", ACME),
            ("b2b.ship_notice.received", "NW-2026-0117", NORTHWIND),
            ("b2b.ship_notice.received", "SHP-5001", ACME),
        ]
        expect(found == expected, f"the log holds {found}")
        by_subject = {event["subject"]: event["data"] for event in events}
        lines = by_subject["SO-9001"]["lines"]
        expect([line["quantity"] for line in lines] == ["24", "100", "8"], "the order response lost a line")
        expect(by_subject["SO-9001"]["purchase_order_number"] == "4500012345", "the order number is another")
        expect(by_subject["NW-2026-0117"]["lines"][0]["quantity"] == "500", "the JSON ship notice was changed")
        return "855, 856 and JSON in the embedded event log: " + ", ".join(event["id"] for event in events)

    async def _rejection(self) -> str:
        rejected = [sent for sent in self.sent if sent.final == "rejected"]
        expect(bool(rejected), "nothing was rejected")
        sent = rejected[0]
        fate = self.fates[sent.message_id]
        findings = [finding for document in fate["documents"] for finding in document["findings"]]
        places = [f"{finding['segment']}{finding['element']:02d}" for finding in findings if finding["element"]]
        expect(places == ["BAK02"], f"the findings are at {places}")
        segments = [one for held in fate["acknowledgments"] for one in held["x12"].split("~")]
        expect(any(segment.strip().startswith("AK5*R") for segment in segments), "no 997 rejects the set")
        expect(any(segment.strip().startswith("AK3*BAK*2") for segment in segments), "the 997 does not name the place")
        return f"BAK02 at byte {findings[0]['byte_offset']}: {findings[0]['message']}"

    # --- the wire ----------------------------------------------------------------------------------------------------

    def _write(self, name: str, message_id: str) -> WrittenMessage:
        premises = self.stage.premises
        return write_message(
            sample(name),
            as2_from=ACME_AS2_ID,
            as2_to=OUR_AS2_ID,
            message_id=message_id,
            content_type="application/edi-x12",
            filename=name,
            now=datetime.now(UTC),
            signing=Signing(premises.acme),
            encryption=Encryption([premises.ours]),
            mdn_request=MdnRequest("edi@acme.example", signed=True, micalgs=("sha-256",)),
        )

    async def _send_over_as2(self, label: str, message: WrittenMessage, final: str) -> str:
        status, answered, headers = await self._post_as2(message, bytes(message.body))
        expect(status == 200, f"the answer was {status}: {shortened(answered)}")  # noqa: PLR2004  # HTTP
        receipt = self._read_receipt(headers, answered)
        problem = objection(
            receipt, message_id=message.message_id, as2_from=ACME_AS2_ID, as2_to=OUR_AS2_ID, mics=message.mics
        )
        expect(problem is None, str(problem))
        self._first_receipt = self._first_receipt or answered
        message_id = headers["Message-ID"].strip("<>").removesuffix(_PRODUCT)
        self.sent.append(Sent(label, ACME, message_id, final))
        return f"signed receipt, its MIC is that of what was sent; kept as {message_id}"

    def _read_receipt(self, headers: Mapping[str, str], body: bytes) -> Mdn:
        try:
            return read_mdn(
                headers,
                body,
                partner_certificates=[self.stage.premises.ours],
                now=datetime.now(UTC),
                require_signed=True,
            )
        except MdnError as error:
            raise NotSo(f"what came back is no receipt that counts: {error}") from None

    async def _post_as2(self, message: WrittenMessage, body: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        return await self._ask("POST", f"{self.stage.edge_url}/as2", dict(message.headers), body)

    async def _post_rest(
        self, body: bytes, headers: Mapping[str, str], key: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        url = f"{self.stage.edge_url}/v1/documents"
        return await self._ask("POST", url, {**headers, "Authorization": f"Bearer {key}"}, body)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        return await self._caller.ask(method, url, headers, body)

    def _key(self, partner: str) -> str:
        return self.stage.premises.api_keys[partner]
