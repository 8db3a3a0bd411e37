"""What both ports stand on; `app` puts it together and hands it in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from certs.keyring import KeyRing
from gateway.as2_agreements import ExchangedOf, nothing_exchanged
from gateway.carriers.webhook import WebhookCarrier
from gateway.edge.throttling import Throttle
from gateway.flow.decisions import Decisions
from gateway.flow.outward.outbound import Outbound
from gateway.flow.outward.renditions import Renditions
from gateway.flow.receive import Reception
from gateway.flow.validating import Validating
from gateway.model.partner_events import WantsEvents, nobody
from gateway.settings import Settings
from gateway.store.credentials.sealing import Sealing
from gateway.store.credentials.uses import CredentialUses
from gateway.store.database import Database
from gateway.store.keys.certificate_uses import LastUses
from gateway.telemetry import Metrics
from partners.directory import Directory


def _nothing() -> None:
    """Processing and relay look for work by themselves, only later."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The parts of the gateway that the edge uses.

    Attributes:
        now_ms: the clock, milliseconds since 1970.
        directory: the partners as they are now.
        keyring: our keys as they are now, by the name of the identity; ask each time.
        not_ready: what keeps the gateway from doing its work, a sentence each; empty when it is ready.
        uses: when certificates were last used.
        wake: called after an act that gives processing or relay something to do.
        outbound: takes what is to be sent; None where nothing is.
        wants_events: for whom events are kept, that webhooks tell of.
        exchanged: certificates of a partner that came by certificate exchange messages, as they are now.
        sealing: keeps our secrets sealed in the store.
        webhooks: calls webhooks, for tests of them; None where nothing is called.
        credential_uses: when credentials of partners were last used.
        renditions: puts what lies in an inbox into other syntaxes.
        decisions: tells who waits when a message is decided in this process.
        validating: judges what is not sent; None where nothing is.
        throttle: the limits of partners; None: the partner port keeps its own, in memory.
    """

    settings: Settings
    database: Database
    reception: Reception
    metrics: Metrics
    now_ms: Callable[[], int]
    directory: Callable[[], Directory]
    keyring: Callable[[], KeyRing]
    not_ready: Callable[[], list[str]]
    wake: Callable[[], None] = _nothing
    uses: LastUses = field(default_factory=LastUses)
    exchanged: ExchangedOf = nothing_exchanged
    outbound: Outbound | None = None
    wants_events: WantsEvents = nobody
    sealing: Sealing = field(default_factory=Sealing)
    webhooks: WebhookCarrier | None = None
    credential_uses: CredentialUses = field(default_factory=CredentialUses)
    decisions: Decisions = field(default_factory=Decisions)
    validating: Validating | None = None
    renditions: Renditions = field(default_factory=Renditions)
    throttle: Throttle | None = None
