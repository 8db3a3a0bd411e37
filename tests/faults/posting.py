"""Partners that send until they have an answer: the same id and the same bytes on every attempt."""

import asyncio
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import aiohttp

from tests.site import API_KEY, RunningGateway, Site, acknowledgment_855, ship_notice_json

RETRY_S = 0.02
ANSWERED_WITHIN_S = 40
PROCESSED = re.compile(rb"^Disposition: automatic-action/MDN-sent-automatically; processed\r?$", re.MULTILINE)
ORIGINAL_ID = re.compile(rb"^Original-Message-ID: (.+?)\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Parcel:
    """One delivery of a partner.

    Attributes:
        key: AS2 Message-ID or Idempotency-Key.
        order: the purchase order that it speaks of; its lane.
    """

    key: str
    channel: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    order: str


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    retry_after: str | None = None

    @property
    def is_positive(self) -> bool:
        """A 2xx; where it carries a receipt, one that says `processed` without a modifier."""
        if not 200 <= self.status < 300:
            return False
        return "multipart/" not in self.content_type or PROCESSED.search(self.body) is not None

    @property
    def is_invitation(self) -> bool:
        """Try again: nothing was kept, or the attempt before is under way still."""
        return self.status in {409, 429, 503}


@dataclass
class Ledger:
    """What the partners know: which parcels were answered and how, and which attempts ended without a word."""

    answers: dict[str, Answer] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    in_doubt: set[str] = field(default_factory=set)
    refusals: int = 0

    @property
    def acknowledged(self) -> int:
        return len(self.answers)


def rest_parcel(number: int, *, order: str | None = None) -> Parcel:
    key = f"northwind-{number}"
    headers = (("X-API-Key", API_KEY), ("Idempotency-Key", key), ("Content-Type", "application/json"))
    order = order or f"NPO-{number}"
    return Parcel(key, "rest", "/v1/documents", headers, ship_notice_json(number, order=order), order)


def as2_parcel(site: Site, number: int, *, order: str | None = None) -> Parcel:
    key = f"<{number}@acme.example>"
    order = order or f"PO-{number}"
    written = site.as2_message(acknowledgment_855(number, order=order), key)
    return Parcel(key, "as2", "/as2", tuple(written.headers), written.body, order)


async def attempt(http: aiohttp.ClientSession, gateway: RunningGateway, parcel: Parcel) -> Answer:
    """Post once.

    Raises:
        aiohttp.ClientError, OSError, TimeoutError: no answer; nobody knows.
    """
    url = gateway.edge_url + parcel.path
    timeout = aiohttp.ClientTimeout(total=ANSWERED_WITHIN_S)
    body = io.BytesIO(parcel.body)
    async with http.post(url, data=body, headers=list(parcel.headers), timeout=timeout) as response:
        content_type = response.headers.get("Content-Type", "")
        return Answer(response.status, content_type, await response.read(), response.headers.get("Retry-After"))


async def deliver(http: aiohttp.ClientSession, gateway: RunningGateway, parcel: Parcel, ledger: Ledger) -> Answer:
    """Post until there is a positive answer; a refusal that is no invitation to try again fails the test."""
    ledger.parcels[parcel.key] = parcel
    while True:
        try:
            answer = await attempt(http, gateway, parcel)
        except (aiohttp.ClientError, OSError, TimeoutError):
            ledger.in_doubt.add(parcel.key)
        else:
            if answer.is_positive:
                ledger.answers[parcel.key] = answer
                return answer
            assert answer.is_invitation, f"{parcel.key}: {answer}"
            ledger.refusals += 1
        await asyncio.sleep(RETRY_S)


async def post_at_full_speed(
    http: aiohttp.ClientSession,
    gateway: RunningGateway,
    ledger: Ledger,
    enough: asyncio.Event,
    *,
    rest_senders: int = 8,
    as2_senders: int = 4,
    first_number: int = 1,
    orders: int | None = None,
    pause_s: float = 0.0,
) -> None:
    """Send from many senders at once until it is enough; each then finishes the parcel it is at.

    Args:
        first_number: parcels are numbered from here.
        orders: how many purchase orders each sender speaks of, in turn; by default each parcel has its own.
        pause_s: what a sender waits between an answer and its next parcel.
    """
    numbers = count(first_number)
    senders = [
        *(rest_parcels(numbers, index, orders) for index in range(rest_senders)),
        *(as2_parcels(gateway.site, numbers, index, orders) for index in range(as2_senders)),
    ]
    async with asyncio.TaskGroup() as group:
        for parcels in senders:
            group.create_task(_send(http, gateway, ledger, enough, parcels, pause_s))


def rest_parcels(numbers: Iterator[int], sender: int, orders: int | None) -> Iterator[Parcel]:
    for number in numbers:
        yield rest_parcel(number, order=None if orders is None else f"NPO-{sender}-{number % orders}")


def as2_parcels(site: Site, numbers: Iterator[int], sender: int, orders: int | None) -> Iterator[Parcel]:
    for number in numbers:
        yield as2_parcel(site, number, order=None if orders is None else f"PO-{sender}-{number % orders}")


async def _send(
    http: aiohttp.ClientSession,
    gateway: RunningGateway,
    ledger: Ledger,
    enough: asyncio.Event,
    parcels: Iterator[Parcel],
    pause_s: float,
) -> None:
    for parcel in parcels:
        if enough.is_set():
            return
        await deliver(http, gateway, parcel, ledger)
        await asyncio.sleep(pause_s)
