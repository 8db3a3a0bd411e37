"""Webhooks as a way out of the house: one POST each, signed anew by Standard Webhooks, to hosts of the profile alone.

The body is the same in every attempt, and so is `webhook-id`; timestamp and signatures are of the attempt. Where a call
may go is judged at each call by the profile that is in force then, whoever set the subscription up: its host must be
among `webhooks.hosts`, its address public or in `webhooks.private_networks` (`guard`), and nobody is redirected.
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from gateway.buffers import Buffer
from gateway.carriers.as2_answers import retry_after
from gateway.carriers.call_failures import CallFailed
from gateway.carriers.credentials import SecretMissing, read_secret
from gateway.carriers.destinations import read_url
from gateway.carriers.http import Answer, Call, Door, Way
from gateway.carriers.parcels import Carrier, Consignment, Delivered, Failed, Held, Outcome, Parcel
from gateway.carriers.tls import TlsUnusable
from gateway.carriers.webhook_keys import KeyUnusable, SigningKey, read_key, signatures
from gateway.model.delivery import DeliveryKind
from gateway.model.instants import moment
from gateway.model.webhook import BY_PROFILE, WebhookState
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.database import Database
from gateway.store.webhooks import subscriptions
from gateway.store.webhooks.subscriptions import SealedKey, Subscription
from partners.loader import LoadedProfile
from partners.webhook_terms import Webhooks

CONTENT_TYPE = "application/json"
WEBHOOK_ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
# What is kept of an answer, for people.
EXCERPT_CHARACTERS_MAX = 300
ANSWER_BYTES_MAX = 4_096
IN_LOOP_BYTES_MAX = 1_048_576
_OK, _MULTIPLE_CHOICES, _BAD_REQUEST, _GONE, _TOO_MANY = 200, 300, 400, 410, 429
_SERVER_ERROR = 500
_LOCATION_CHARACTERS_MAX = 200


class CannotCall(Exception):  # noqa: N818  # told to people
    """A subscription cannot be called as things are; nothing was sent. The words name no secret.

    Attributes:
        is_ours: whether it is for our people alone to mend, and to read.
    """

    def __init__(self, words: str, *, is_ours: bool = False) -> None:
        super().__init__(words)
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class Letter:
    """What is posted.

    Attributes:
        id: `webhook-id`; holds no full stop, which separates the parts of what is signed.
        headers: beside those of Standard Webhooks.
    """

    id: str
    body: Buffer = field(repr=False)
    content_type: str = CONTENT_TYPE
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """How a call went.

    Attributes:
        status: of their answer; None where none came.
        duration_ms: until it ended.
        excerpt: the beginning of their answer, printable.
    """

    outcome: Delivered | Failed
    status: int | None
    duration_ms: int
    excerpt: str = ""

    @property
    def error(self) -> str | None:
        """Why it failed; None where it did not."""
        return self.outcome.reason if isinstance(self.outcome, Failed) else None


class WebhookCarrier:
    """Calls webhooks.

    Args:
        database: holds the subscriptions.
        door: to their servers, guarded.
        sealing: opens the keys of subscriptions that were set up by the API.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, door: Door, sealing: Sealing, *, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._door = door
        self._sealing = sealing
        self._now_ms = now_ms

    @property
    def carrier(self) -> Carrier:
        """This way out, as the line knows it."""
        return Carrier(self.pack, self.carry)

    async def close(self) -> None:
        """Close connections."""
        await self._door.close()

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        """What every attempt posts; it is signed by each of them."""
        is_notice = consignment.kind is DeliveryKind.NOTICE
        webhook_id = consignment.transport_id if is_notice else consignment.id
        content_type = consignment.content_type or "application/octet-stream"
        headers = (("Content-Type", content_type), (WEBHOOK_ID, webhook_id))
        return Parcel(headers, consignment.payload, expects_receipt=False)

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        subscription = await self._database.read(partial(subscriptions.get, subscription_id=consignment.destination))
        if subscription is None or subscription.partner_id != consignment.partner.id:
            return Held("there is no such webhook (any more): see `webhooks.subscriptions` in the profile")
        if subscription.state is not WebhookState.ACTIVE:
            return Held(subscription.reason or f"the webhook is {subscription.state.value}")
        fields = dict(parcel.headers)
        letter = Letter(fields[WEBHOOK_ID], parcel.body, fields["Content-Type"])
        try:
            return (await self.call(subscription, consignment.partner, letter)).outcome
        except CannotCall as cannot:
            return Held(str(cannot))

    async def call(self, subscription: Subscription, partner: LoadedProfile, letter: Letter) -> Called:
        """Make one call, whatever state the subscription is in.

        Raises:
            CannotCall: nothing was sent: the profile does not allow it, or there is no key.
        """
        terms = terms_of(partner, subscription.url)
        keys = await self._keys(subscription, terms)
        now_ms = self._now_ms()
        seconds = now_ms // 1_000
        sign = partial(signatures, keys, letter.id, seconds, letter.body)
        # A document on this way may be large, and each key signs all of it.
        signed = sign() if len(letter.body) <= IN_LOOP_BYTES_MAX else await asyncio.to_thread(sign)
        own = ((WEBHOOK_ID, letter.id), (TIMESTAMP, str(seconds)), (SIGNATURE, signed))
        call = Call(
            subscription.url,
            (("Content-Type", letter.content_type), *own, *letter.headers),
            letter.body,
            float(terms.timeout_s),
            # Whoever had it knows it again by its id.
            repeatable=True,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )
        authorities = partner.file(terms.authorities) if terms.authorities is not None else None
        try:
            answer = await self._door.call(Way(terms.private_networks, authorities, terms="webhooks"), call)
        except TlsUnusable as unusable:
            raise CannotCall(str(unusable), is_ours=True) from None
        except CallFailed as failed:
            took_ms = max(0, self._now_ms() - now_ms)
            facts: dict[str, object] = {"step": failed.step.value, "duration_ms": took_ms}
            return Called(Failed(f"{failed.step}: {failed.reason}", facts=facts), None, took_ms)
        return self._read(answer)

    def _read(self, answer: Answer) -> Called:
        took_ms = round(answer.seconds * 1_000)
        excerpt = printable(answer.body)
        facts: dict[str, object] = {"status": answer.status, "duration_ms": took_ms}
        if excerpt:
            facts["response"] = excerpt
        if _OK <= answer.status < _MULTIPLE_CHOICES:
            return Called(Delivered(facts=facts), answer.status, took_ms, excerpt)
        waits = retry_after(answer.header("retry-after"), moment(self._now_ms()))
        failed = Failed(_words(answer), retry_after_s=waits, facts=facts | {"step": "status"})
        return Called(failed, answer.status, took_ms, excerpt)

    async def _keys(self, subscription: Subscription, terms: Webhooks) -> list[SigningKey]:
        """Every key that is in force: each signs, so that keys overlap while one takes the place of another."""
        if subscription.origin == BY_PROFILE:
            named = next((item for item in terms.subscriptions if item.name == subscription.name), None)
            references = named.secrets if named is not None else ()
            keys = await asyncio.to_thread(_read_references, references)
        else:
            now_ms = self._now_ms()
            keys = [self._open(subscription, key) for key in subscription.keys if key.signs(now_ms)]
        if not keys:
            words = f"webhook {subscription.name} has no key to sign with: make one first"
            raise CannotCall(words, is_ours=True)
        return keys

    def _open(self, subscription: Subscription, key: SealedKey) -> SigningKey:
        try:
            return read_key(self._sealing.open(b64decode(key.sealed), purpose_of(subscription.id)).decode())
        except (SealingUnavailable, SealError, KeyUnusable, ValueError) as error:
            raise CannotCall(f"a key of webhook {subscription.name} cannot be opened: {error}", is_ours=True) from None


def terms_of(partner: LoadedProfile, url: str) -> Webhooks:
    """The terms by which an address may be called.

    Raises:
        CannotCall: the profile does not allow it.
    """
    terms = partner.profile.webhooks
    if terms is None:
        raise CannotCall(f"the profile of {partner.id} has no `webhooks` (any more)")
    destination = read_url(url)
    if isinstance(destination, str):
        raise CannotCall(f"the address of the webhook is {destination}")
    # Both readers of the URL must find the same host in it.
    hosts = {host.lower().rstrip(".") for host in terms.hosts}
    if destination.host not in hosts or not terms.allows(url):
        what = "is without TLS" if destination.host in hosts else "is not among them"
        raise CannotCall(
            f"webhooks may not be posted to {destination.scheme}://{destination.host}: the profile of {partner.id} "
            f"says in `webhooks.hosts` where they may go, and this address {what}"
        )
    return terms


def purpose_of(subscription_id: str) -> str:
    """What the keys of a subscription are sealed for."""
    return f"webhook {subscription_id}"


def printable(body: bytes) -> str:
    """The beginning of an answer, on one line."""
    text = body.decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:EXCERPT_CHARACTERS_MAX]


def _read_references(references: tuple[str, ...]) -> list[SigningKey]:
    keys = []
    for reference in references:
        try:
            keys.append(read_key(read_secret(reference)))
        except SecretMissing as missing:
            raise CannotCall(str(missing), is_ours=True) from None
        except KeyUnusable as unusable:
            raise CannotCall(f"{reference}: {unusable}", is_ours=True) from None
    return keys


def _words(answer: Answer) -> str:
    status = answer.status
    if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
        location = printable((answer.header("location") or "").partition("?")[0].encode("utf-8", "replace"))
        where = f" to {location[:_LOCATION_CHARACTERS_MAX]}" if location else ""
        return f"HTTP {status}: they redirect{where}, which is not followed; subscribe the right address"
    if status == _GONE:
        return "HTTP 410: their server wants no more events at this address"
    if status == _TOO_MANY:
        return "HTTP 429: too many calls for their server"
    usual = "their server failed" if status >= _SERVER_ERROR else "their server does not take it"
    return f"HTTP {status}: {usual}"
