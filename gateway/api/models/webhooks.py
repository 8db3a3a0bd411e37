"""Subscriptions to events, the calls that were made, and the events (Standard Webhooks)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from gateway.api.models.parts import OPEN_WORDS, Address, Asked, AskedInstant, Free, Instant, PageLinks, Told
from partners.webhook_terms import WebhookEvent

KEY_OVERLAP_HOURS_MAX = 720
WebhookName: TypeAlias = Annotated[str, Field(pattern="^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$", examples=["orders"])]
WebhookAddress: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=2_000, pattern="^https?://[!-~]+$", examples=["https://hooks.acme.example/in"])
]
WebhookEvents: TypeAlias = Annotated[
    tuple[WebhookEvent, ...], Field(max_length=32, examples=[["document.accepted", "inbox.available"]])
]
KeyKind: TypeAlias = Literal["hmac-sha256", "ed25519"]


class NewWebhook(Asked):
    """An address that is to be told of events."""

    name: WebhookName
    """A name for it, yours to choose, once among your subscriptions."""
    url: WebhookAddress
    """Where events are posted to; its host must be agreed in your profile."""
    events: WebhookEvents = ()
    """What it is told of; everything when empty."""
    key: KeyKind = "hmac-sha256"
    """How calls are signed: by a shared secret, or by a key of ours of which you get the public part."""


class WebhookChange(Asked):
    """What is to be different; what is left out stays."""

    url: WebhookAddress | None = None
    """Where events are posted to."""
    events: WebhookEvents | None = None
    """What it is told of; everything when empty."""
    state: Annotated[Literal["active", "paused"] | None, Field(examples=["paused"])] = None
    """paused: events are kept until it is active again. active also ends a pause of ours."""


class NewWebhookKey(Asked):
    """A new key beside those that there are; everything in it may be left out, and the body itself."""

    key: KeyKind | None = None
    """The kind of key; that of the newest when absent."""
    overlap_hours: Annotated[int, Field(ge=0, le=KEY_OVERLAP_HOURS_MAX, examples=[24])] = 24
    """How long the old keys go on signing beside it."""


class WebhookReplay(Asked):
    """Which events are told again: those since a moment, or since an event."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}} for name in ("since", "since_event")
            ]
        }
    )

    since: Annotated[AskedInstant | None, Field(examples=["2026-03-01T12:00:00Z"])] = None
    """From when on."""
    since_event: Annotated[str | None, Field(min_length=1, max_length=64, pattern="^[0-9A-Za-z_]+$")] = None
    """From which event on, that one included."""
    until: AskedInstant | None = None
    """Before when; until now when absent."""
    events: WebhookEvents = ()
    """Types of events; those of the subscription when empty."""


class WebhookKey(Told):
    """A key that signs calls."""

    id: str
    """Its id."""
    kind: KeyKind
    """The shared secret is shown once, when it is made."""
    public_key: str | None = None
    """`whpk_...`, of an ed25519 key."""
    created_at: Instant | None
    """Since when it signs."""
    ends_at: Instant | None
    """When it stops, once a newer one took its place."""


class WebhookLinks(Told):
    """Where a subscription and what belongs to it stands."""

    self_: Annotated[Address, Field(alias="self")]
    """Its own address."""
    deliveries: Address
    """The calls that were made."""


class WebhookSubscription(Told):
    """An address that is told of events."""

    id: str
    """Its id."""
    name: str
    """Its name."""
    origin: Literal["profile", "api"]
    """profile: agreed with us, it cannot be changed here."""
    url: str
    """Where events are posted to."""
    events: list[Annotated[WebhookEvent, Field(json_schema_extra=OPEN_WORDS)]]
    """What it is told of; everything when empty."""
    state: Annotated[Literal["active", "paused", "disabled"], Field(json_schema_extra=OPEN_WORDS)]
    """paused: events wait. disabled: it answered 410 Gone; make it active again once it is back."""
    reason: str | None
    """Why it is paused or disabled."""
    failing_since: Instant | None
    """Since when every call failed."""
    last_success_at: Instant | None
    """When it took an event last."""
    keys: list[WebhookKey]
    """What signs calls to it."""
    created_at: Instant
    """Since when it is there."""
    changed_at: Instant
    """When it changed last."""
    links: WebhookLinks
    """What belongs to it."""


class WebhookWithSecret(WebhookSubscription):
    """A subscription with the new key's secret, which is shown this once."""

    secret: str | None
    """`whsec_...`: keep it. null for an ed25519 key, whose public part stands in `keys`."""


class WebhookPage(Told):
    """Your subscriptions."""

    webhooks: list[WebhookSubscription]
    """All of them."""
    links: PageLinks
    """Where the list goes on."""


class WebhookTest(Told):
    """What became of a test call."""

    delivered: bool
    """Whether it was answered with a 2xx status."""
    status: int | None
    """The HTTP status of the answer."""
    duration_ms: int
    """How long it took."""
    error: str | None
    """Why it failed."""
    event_id: str
    """`webhook-id` of the call."""


class WebhookReplayed(Told):
    """How many events are told again."""

    events: Annotated[int, Field(ge=0)]
    """How many of them; what still waits to be told there is not told twice."""
    next_event: str | None
    """Where to go on with `since_event`, when there were more than are told at once."""


class WebhookCall(Told):
    """One call, and what came back."""

    at: Instant
    """When it ended."""
    delivered: bool
    """Whether it was answered with a 2xx status."""
    status: int | None
    """The HTTP status of the answer."""
    duration_ms: int | None
    """How long it took."""
    error: str | None
    """Why it failed."""
    response: str | None
    """The beginning of the answer's body, as far as it can be printed."""


class WebhookDelivery(Told):
    """An event on its way to a subscription."""

    id: str
    """Its id."""
    event_id: str
    """The event, `webhook-id` of the call."""
    event_type: str
    """The type of the event."""
    subject: str | None
    """What it is about; events of one subject are told in order."""
    status: Annotated[str, Field(examples=["delivered"])]
    """queued, sending, delivered, held, refused, given_up or cancelled."""
    attempts: Annotated[int, Field(ge=0)]
    """How often it was tried."""
    reason: str | None
    """Why the last attempt failed."""
    created_at: Instant
    """When it was queued."""
    next_attempt_at: Instant | None
    """When it is tried next."""
    settled_at: Instant | None
    """When it was over."""
    calls: list[WebhookCall]
    """The last calls, the newest first."""


class WebhookDeliveryPage(Told):
    """Calls, the newest first."""

    deliveries: list[WebhookDelivery]
    """This page."""
    links: PageLinks
    """Where the list goes on."""


class Event(Told):
    """Something that happened, as it is posted to subscriptions."""

    id: str
    """Its id; `webhook-id` of every call that tells it."""
    type: Annotated[str, Field(examples=["document.accepted"])]
    """What happened."""
    timestamp: Instant
    """When."""
    data: Free
    """What it is about: ids, numbers and links; the content is had there."""


class EventPage(Told):
    """Events, the newest first."""

    events: list[Event]
    """This page."""
    links: PageLinks
    """Where the list goes on."""
