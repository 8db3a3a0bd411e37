"""What a profile says of webhooks: where we may call them, what they want to hear of, and how they know it is us."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from partners.fields import Boolean, FileName, HostName, Network, OneOrMany, SecretReference, Slug, Url, number
from partners.parts import Contradiction, Part, repeated

# What can be subscribed to; the first word is what it is about.
WebhookEvent = Literal[
    "document.accepted",
    "document.rejected",
    "document.held",
    "document.posted",
    "document.refused",
    "inbox.available",
    "purchase_order.changed",
]


class Webhook(Part):
    """One address of theirs that is told of events."""

    name: Slug
    """A name for it, as it appears in lists and logs."""
    url: Url
    """Where the events go; its host must be one of `hosts`."""
    events: Annotated[tuple[WebhookEvent, ...], OneOrMany()] = Field(default=(), max_length=32)
    """What it is told of; everything when empty."""
    secrets: Annotated[tuple[SecretReference, ...], OneOrMany()] = Field(default=(), max_length=4)
    """Where its keys are found: `whsec_...` (HMAC) or `whsk_...` (ed25519), by reference: env:VARIABLE or
    file:/absolute/path. Each signs every event, so that keys overlap while one takes the place of another."""


class Webhooks(Part):
    """Webhooks to the partner (Standard Webhooks)."""

    hosts: Annotated[tuple[HostName, ...], OneOrMany()] = Field(default=(), max_length=16)
    """Hosts that may be called, such as hooks.acme.example; nothing else is, whoever asks for it."""
    subscriptions: tuple[Webhook, ...] = Field(default=(), max_length=16)
    """Addresses that are told of events, beside those that they set up by the API."""
    by_api: Boolean = True
    """Whether they may set up subscriptions themselves, by the API."""
    private_networks: Annotated[tuple[Network, ...], OneOrMany()] = Field(default=(), max_length=16)
    """Addresses of private networks that we may connect to for this partner, such as 10.20.0.0/16; without any only
    public addresses."""
    authorities: FileName | None = None
    """Certificate authorities for their server's TLS certificate, in place of those of the machine; a PEM file."""
    without_tls: Boolean = False
    """true: also addresses without TLS, where there is none to be had."""
    timeout_s: Annotated[int, *number(1, 60)] = 15
    """How long their server may take for its answer, in seconds."""
    pause_after_hours: Annotated[int, *number(1, 720)] = 72
    """An address that failed for so long, without a success between, is paused: events wait until it is resumed."""

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        if self.authorities is not None:
            yield self.authorities

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `webhooks`."""
        yield from repeated(("subscriptions",), [item.name for item in self.subscriptions], "name", below="webhooks.")
        for index, item in enumerate(self.subscriptions):
            where = ("subscriptions", index)
            if not self.allows(item.url):
                right = "add its host to `hosts`; one without TLS also needs `without_tls: true`"
                yield (*where, "url"), "this address may not be called", right
            if not item.secrets:
                right = "name a key: `secrets: env:ACME_WEBHOOK_KEY`; `gateway webhooks key` makes one"
                yield (*where, "secrets"), "without a key they cannot know that it is us", right

    def allows(self, url: str) -> bool:
        """Whether an address may be called."""
        parts = urlsplit(url)
        hosts = {host.lower() for host in self.hosts}
        return (parts.hostname or "").lower() in hosts and (parts.scheme == "https" or self.without_tls)
