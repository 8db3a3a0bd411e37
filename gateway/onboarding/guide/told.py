"""How we tell them of events: what their profile allows, how they know that it is us, and what follows a failure."""

from collections.abc import Iterator
from typing import Final, get_args

from gateway.carriers.destinations import read_url
from gateway.model.webhook import RETRY_AFTER_S
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Curl, Fact, FactTable
from gateway.onboarding.guide.words import counted, listed
from partners.webhook_terms import Webhook, WebhookEvent, Webhooks

WEBHOOKS_PATH: Final = "/v1/webhooks"
EVENTS_PATH: Final = "/v1/events"
_CLOCK_MINUTES: Final = 5
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def webhooks_table(facts: Facts, terms: Webhooks) -> FactTable:
    """What there is to know of webhooks."""
    return FactTable("Webhooks", (*_where(facts, terms), *_how(), *_failures(facts, terms)))


def webhook_calls(terms: Webhooks, base: str, options: tuple[str, ...]) -> Iterator[Curl]:
    """How they subscribe an address and try it."""
    if not terms.by_api or not terms.hosts:
        return
    shown = " ".join(options)
    example = f"{'http' if terms.without_tls else 'https'}://{terms.hosts[0]}/b2b"
    yield Curl(
        "Subscribe an address of yours; `secret` in the answer verifies our calls, and is shown this once:",
        f'curl --fail-with-body {base}{WEBHOOKS_PATH} \\\n  {shown} \\\n  -H "Content-Type: application/json" \\\n'
        f"""  -d '{{"name": "our-program", "url": "{example}", "events": ["document.rejected"]}}'""",
    )
    yield Curl(
        "Have us call it now with an event that means nothing, by the id in that answer:",
        f"curl --fail-with-body --request POST {base}{WEBHOOKS_PATH}/$ID/test \\\n  {shown}",
    )


def _where(facts: Facts, terms: Webhooks) -> Iterator[Fact]:
    tls = "also without TLS" if terms.without_tls else "over HTTPS"
    if terms.hosts:
        yield Fact("We call", terms.hosts, f"{tls}, and nothing else, wherever an address leads", is_code=True)
    else:
        yield Fact("We call", "no host of yours yet: tell us which", is_open=True)
    if terms.subscriptions:
        named = tuple(_subscription(item) for item in terms.subscriptions)
        yield Fact("Set up by us", named, "the keys that verify them were handed over")
    if terms.by_api:
        change = "PATCH changes, pauses and resumes it, DELETE ends it"
        yield Fact("Set up by you", f"POST {WEBHOOKS_PATH}", f"name, url, events; {change}", is_code=True)
    everything = terms.by_api or any(not item.events for item in terms.subscriptions)
    named_events = dict.fromkeys(event for item in terms.subscriptions for event in item.events)
    yield Fact("Events", tuple(get_args(WebhookEvent) if everything else named_events), is_code=True)
    delivery = facts.profile.delivery
    if delivery.way == "webhook" and delivery.webhook is not None:
        what = f"are posted to {delivery.webhook}, as they are"
        yield Fact("Documents for you", what, "with their own Content-Type, signed as the events are")


def _subscription(item: Webhook) -> str:
    """Without its query, in which some keep secrets."""
    read = read_url(item.url)
    shown = read if isinstance(read, str) else read.shown
    return f"{item.name}: {shown}{f' ({listed(item.events)})' if item.events else ''}"


def _how() -> Iterator[Fact]:
    yield Fact(
        "It is us",
        "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature",
        "`v1` is HMAC-SHA256 (whsec_...), `v1a` Ed25519 (whpk_...), over `ID.TIMESTAMP.BODY` with the bytes as they "
        "came; of several signatures, with blanks between, one that is right will do; refuse a timestamp that is more "
        f"than {counted(_CLOCK_MINUTES, 'minute')} off",
    )
    yield Fact("Repetitions", "the same webhook-id", "take each once: an answer of yours may have been lost")
    yield Fact("Order", "kept for each purchase order", "what is told of one waits for nothing that is told of another")


def _failures(facts: Facts, terms: Webhooks) -> Iterator[Fact]:
    within = counted(terms.timeout_s, "second")
    yield Fact("Your answer", f"2xx within {within}", "then do the work; a redirect is not followed and is a failure")
    pauses = [_span(seconds) for seconds in RETRY_AFTER_S]
    yield Fact(
        "After a failure",
        f"again after {', '.join(pauses[:-1])}, then once a day",
        "or when your Retry-After says, if that is later; no event is given up",
    )
    kept = counted(facts.settings.retention.notifications_days, "day")
    resume = f'PATCH {WEBHOOKS_PATH}/ID with {{"state": "active"}}'
    yield Fact(
        f"Nothing but failures for {counted(terms.pause_after_hours, 'hour')}",
        "we pause the address; events wait and are told in their order once it is resumed",
        f"`{resume}` resumes it",
    )
    yield Fact("410 Gone", "ends it at once", "what waits is kept, nothing new is added until you resume it")
    yield Fact(
        "What you missed",
        f"GET {EVENTS_PATH}",
        f"kept for {kept}; `POST {WEBHOOKS_PATH}/ID/replay` tells them again",
        is_code=True,
    )


def _span(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return counted(seconds // size, unit)
