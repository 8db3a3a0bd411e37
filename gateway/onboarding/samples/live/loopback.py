"""Samples between two houses on loopback: what they send is really sent, and so is what we send.

Every step is asked of the stores on both sides: the receipt, the decision, the published events, the acknowledgment
that reached the other side, the bytes that it opened.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from gateway.flow.outward.ways import WITHOUT_AS2, own_way
from gateway.flow.terms import TermsOfProfiles
from gateway.model.delivery import DeliveryKind
from gateway.model.message import FINAL_STATES, MessageState
from gateway.onboarding.samples.judging import Judged, judge
from gateway.onboarding.samples.live.deliveries import acknowledged, delivered, expects_acknowledgment, receipt_words
from gateway.onboarding.samples.live.houses import House, Houses, NewHouse, NewPair, houses, new_pair
from gateway.onboarding.samples.live.loopback_profiles import LOOPBACK, THEM, US
from gateway.onboarding.samples.live.transports import BY_REST, transport_of
from gateway.onboarding.samples.live.waiting import NotSo, until
from gateway.onboarding.samples.outcomes import NOT_SENT, outcome_of, said, with_reason, written
from gateway.onboarding.samples.reading import ACKNOWLEDGMENT, FINDINGS, SENT, Sample
from gateway.onboarding.samples.rehearsal import Played, keep_orders
from gateway.onboarding.samples.staging import Cast, cast
from gateway.settings import Settings
from gateway.store import deliveries, messages
from gateway.store.deliveries import NewDelivery
from gateway.store.messages import StoredMessage, acknowledgments
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from gateway.store.partners import trials
from partners.directory import Directory
from partners.loader import LoadedProfile
from translators.catalog import sniff

WITHIN_S: Final = 30.0  # each step of a sample
ANSWER_TIMEOUT_S: Final = 30.0
_OK, _ACCEPTED, _UNSENDABLE = 200, 202, 422
_CONTENT_TYPES = {"x12": "application/edi-x12", "json": "application/json", "xml": "application/xml"}
_SETTLED = frozenset(state.value for state in FINAL_STATES) | {MessageState.PARKED, MessageState.HELD}


@dataclass(frozen=True, slots=True)
class PlayedLive:
    """A sample that went through the transports.

    Attributes:
        judged: what came out against what was expected; `fault` says which step failed.
        outcome: what was proven, in words; empty where a step failed.
    """

    judged: Judged
    outcome: str = ""

    @property
    def detail(self) -> str:
        """What it came to, for the record."""
        if self.judged.fault:
            return self.judged.fault
        first = next(iter(self.judged.differences), None)
        if first is not None:
            place = f"{first.file} {first.place}".rstrip()
            return f"{place}: expected {first.expected or 'nothing'}, came {first.came or 'nothing'}"
        unrecorded = ", ".join(self.judged.unrecorded)
        return f"came out and is not recorded: {unrecorded}" if unrecorded else self.outcome


@asynccontextmanager
async def loopback(
    folder: Path,
    partner: LoadedProfile,
    others: Directory,
    settings: Settings,
    new_house: NewHouse,
    cannot_start: type[Exception],
    *,
    pair: NewPair = new_pair,
) -> AsyncIterator["Loopback"]:
    """Both houses, open for the samples of one partner.

    Raises:
        NotPlayable: the partner cannot be played on loopback.
    """
    actors = cast(partner, others, settings.identities, reachable=False)
    async with (
        houses(folder, actors, new_house, cannot_start, pair) as both,
        # Cookies have no place here, and a proxy of the machine must not come between.
        ClientSession(cookie_jar=DummyCookieJar(), trust_env=False) as client,
    ):
        yield Loopback(both, actors, client)


class Loopback:
    """Plays samples between two houses.

    Args:
        both: the houses.
        actors: the partner and who carries it.
        client: speaks HTTP.
    """

    def __init__(self, both: Houses, actors: Cast, client: ClientSession) -> None:
        self.notes = both.notes
        self._both = both
        self._ours: House = both.ours
        self._actors = actors
        self._client = client
        self._knows_orders = False

    async def play(self, sample: Sample, beside: Sequence[Sample] = ()) -> PlayedLive:
        """Send a sample and wait for everything that it brings about; `beside` are the partner's others."""
        began = time.monotonic()
        try:
            if sample.direction == "inbound":
                files, proven = await self._inbound(sample)
            else:
                await self._keep_orders(beside)
                files, proven = await self._outbound(sample)
        except NotSo as not_so:
            return PlayedLive(Judged(sample, Played({}), fault=str(not_so)))
        except (ClientError, TimeoutError, OSError) as error:
            fault = f"the transport failed: {str(error) or type(error).__name__}"
            return PlayedLive(Judged(sample, Played({}), fault=fault))
        outcome = f"{', '.join(proven)} ({time.monotonic() - began:.1f} s)"
        return PlayedLive(judge(sample, Played(files)), outcome)

    # --- what they send ----------------------------------------------------------------------------------------------

    async def _inbound(self, sample: Sample) -> tuple[dict[str, bytes], list[str]]:
        # Each sample finds the store as though it were the first.
        await self._ours.database.write(trials.forget_their_numbers)
        syntax = sniff(sample.content) or "x12"
        by = transport_of(sample, self._actors.partner.profile, self._actors.bearer.profile)
        if self._both.theirs is None or by == BY_REST:
            return await self._by_rest(sample, syntax)
        return await self._by_as2(sample, syntax, self._both.theirs)

    async def _by_as2(self, sample: Sample, syntax: str, theirs: House) -> tuple[dict[str, bytes], list[str]]:
        new = _their_delivery(sample, syntax)
        await theirs.database.write(partial(_enqueue, new=new))
        theirs.sending.wake()
        await delivered(theirs.database, new.id, WITHIN_S, "their message to us")
        look = partial(self._ours.database.read, partial(trials.message_with, transport_id=new.transport_id))
        message = await self._decided(await until(look, WITHIN_S, "our house has no message of it"))
        files = await self._ours.database.read(partial(outcome_of, message_id=message.id))
        proven = ["signed receipt", message.state]
        received = await self._acknowledgments(message, theirs)
        if received:
            files[ACKNOWLEDGMENT] = received
            proven.append("acknowledgment delivered")
        elif ACKNOWLEDGMENT in files:
            proven.append("acknowledgment kept: nothing says where it is sent to")
        return files, proven

    async def _by_rest(self, sample: Sample, syntax: str) -> tuple[dict[str, bytes], list[str]]:
        if not self._both.api_key:
            raise NotSo("they have no way in that could be played: neither `as2` nor `api_keys`")
        address = f"http://{LOOPBACK}:{self._ours.edge_port}/v1/documents"
        fields = {"Authorization": f"Bearer {self._both.api_key}", "Content-Type": _CONTENT_TYPES[syntax]}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        status, told = await self._ask("POST", address, fields | key, sample.content)
        if status != _ACCEPTED:
            raise NotSo(f"our REST interface refused it with {status}: {_words(told)}")
        message = await self._decided(str(told["id"]))
        status, seen = await self._ask("GET", f"{address}/{message.id}", fields)
        if seen.get("status") != message.state:
            raise NotSo(f"they are told {seen.get('status')} ({status}), and it is {message.state}")
        files = await self._ours.database.read(partial(outcome_of, message_id=message.id))
        answers = "".join(item["x12"] for item in seen.get("acknowledgments", ()))
        if ACKNOWLEDGMENT in files:
            files[ACKNOWLEDGMENT] = answers.encode("latin-1", "replace")
        return files, ["202 by REST", message.state, "told under its address"]

    async def _decided(self, message_id: str) -> StoredMessage:
        """A message of theirs once it is published or rejected."""

        async def look() -> StoredMessage | None:
            message = await self._ours.database.read(partial(messages.get, message_id=message_id))
            return message if message is not None and message.state in _SETTLED else None

        message = await until(look, WITHIN_S, "our house did not decide on it")
        if message.state in {MessageState.PARKED, MessageState.HELD}:
            raise NotSo(f"our house could not process it ({message.state}): {message.reason}")
        return message

    async def _acknowledgments(self, message: StoredMessage, theirs: House) -> bytes:
        """What they got in answer, opened on their side, one interchange behind the other."""
        unit = partial(acknowledgments.of_message, message_id=message.id)
        return b"".join([await self._reached(one, theirs) for one in await self._ours.database.read(unit)])

    async def _reached(self, answer: StoredAcknowledgment, theirs: House) -> bytes:
        if await self._ours.database.read(partial(deliveries.get, delivery_id=answer.id)) is None:
            return b""  # kept: nothing says how they are reached
        delivery = await delivered(self._ours.database, answer.id, WITHIN_S, f"our {answer.kinds}")
        return await _opened(theirs, delivery.transport_id, f"our {answer.kinds}")

    # --- what we send ------------------------------------------------------------------------------------------------

    async def _keep_orders(self, beside: Sequence[Sample]) -> None:
        """Orders of theirs, which answers of ours repeat."""
        if self._knows_orders:
            return
        self._knows_orders = True
        actors, database = self._actors, self._ours.database
        terms = TermsOfProfiles(database, actors.identities, lambda: actors.directory)
        read = terms.read(actors.bearer, actors.directory)
        for number, other in enumerate(beside):
            if other.direction == "inbound":
                message_id = f"order-{number}"
                await asyncio.to_thread(keep_orders, database, actors, read, other, message_id)

    async def _outbound(self, sample: Sample) -> tuple[dict[str, bytes], list[str]]:
        address = f"http://{LOOPBACK}:{self._ours.operator_port}/outbound?partner={self._actors.partner.id}"
        fields = {
            "Authorization": f"Bearer {self._both.operator_token}",
            "Idempotency-Key": uuid.uuid4().hex,
            "Content-Type": "application/json",
        }
        status, told = await self._ask("POST", address, fields, sample.content)
        findings = [said(finding) for finding in told.get("findings", ())]
        if status == _UNSENDABLE:
            if set(SENT) & set(sample.expected):
                raise NotSo(f"it is refused at the door of the ERP: {_words(told)}")
            refused = with_reason(findings, NOT_SENT, str(told.get("detail", "")))
            return {FINDINGS: written(refused)}, ["refused at the door of the ERP"]
        if status != _ACCEPTED:
            raise NotSo(f"the door of the ERP answered {status}: {_words(told)}")
        if own_way(self._actors.partner.profile) in WITHOUT_AS2:
            body = await self._fetched(str(told["id"]))
            proven = ["fetched from the inbox", "confirmed"]
            return {_sent_name(body): body} | ({FINDINGS: written(findings)} if findings else {}), proven
        delivery = await delivered(self._ours.database, str(told["id"]), WITHIN_S, "our message to them")
        theirs, as2 = self._both.theirs, self._actors.bearer.profile.as2
        if theirs is None or as2 is None:
            raise NotSo("it was delivered, and nobody is there who could have it")
        body = await _opened(theirs, delivery.transport_id, "what we sent")
        proven = [receipt_words(as2)]
        if expects_acknowledgment(self._actors.partner, delivery.document_type):
            who = self._actors.partner.id
            proven.append(await acknowledged(self._ours.database, who, delivery.id, WITHIN_S))
        return {_sent_name(body): body} | ({FINDINGS: written(findings)} if findings else {}), proven

    async def _fetched(self, delivery_id: str) -> bytes:
        """What lies in their inbox, fetched and confirmed as their program would."""
        address = f"http://{LOOPBACK}:{self._ours.edge_port}/v1/inbox"
        fields = {"Authorization": f"Bearer {self._both.api_key}"}
        status, listed = await self._ask("GET", address, fields)
        if delivery_id not in {item["id"] for item in listed.get("documents", ())}:
            raise NotSo(f"it is not in their inbox ({status}): {_words(listed)}")
        timeout = ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with self._client.get(f"{address}/{delivery_id}/content", headers=fields, timeout=timeout) as answer:
            body = await answer.read()
        if answer.status != _OK:
            raise NotSo(f"it could not be fetched from their inbox ({answer.status})")
        status, told = await self._ask("POST", f"{address}/{delivery_id}/confirm", fields)
        if told.get("status") != "confirmed":
            raise NotSo(f"it could not be confirmed ({status}): {_words(told)}")
        await delivered(self._ours.database, delivery_id, WITHIN_S, "what they confirmed")
        return body

    async def _ask(
        self, method: str, url: str, fields: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, Any]]:
        timeout = ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with self._client.request(method, url, data=body, headers=fields, timeout=timeout) as answer:
            content = await answer.read()
        try:
            told = orjson.loads(content)
        except ValueError:
            told = {}
        return answer.status, told if isinstance(told, dict) else {}


async def _opened(house: House, transport_id: str, what: str) -> bytes:
    """What a house got under a transport id, as it stood inside signature and encryption."""
    look = partial(house.database.read, partial(trials.message_with, transport_id=transport_id))
    message_id = await until(look, WITHIN_S, f"{what} did not reach them")
    body = await house.database.read(partial(messages.body, message_id=message_id, part="payload"))
    return body or b""


def _their_delivery(sample: Sample, syntax: str) -> NewDelivery:
    """A sample as it leaves their house, byte for byte, whatever it holds."""
    now_ms = time.time_ns() // 1_000_000
    key = f"{sample.name}-{uuid.uuid4().hex}"
    return NewDelivery(
        id=key,
        partner_id=US,
        profile_digest="",
        identity=THEM,
        channel="as2",
        kind=DeliveryKind.FILE,
        lane=f"{US}/{key}",
        transport_id=f"<{key}@loopback>",
        content_type=_CONTENT_TYPES[syntax],
        filename=sample.content_name,
        subject=f"Sample {sample.name}",
        payload=sample.content,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
    )


def _enqueue(connection: Any, new: NewDelivery) -> None:  # noqa: ANN401  # a unit of work
    deliveries.enqueue(connection, new)


def _sent_name(body: bytes) -> str:
    return dict(zip(("x12", "json", "xml"), SENT, strict=True))[sniff(body) or "x12"]


def _words(told: Mapping[str, Any]) -> str:
    return str(told.get("detail") or told.get("title") or "it does not say why")
