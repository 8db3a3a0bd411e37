"""The REST interface as one partner uses it: addresses, credentials, orders, inbox, limits, webhooks, calls to copy."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from gateway.flow.outward.ways import own_way
from gateway.model.delivery import INBOX
from gateway.onboarding.guide.access import access_table, base_of, options_of, preparations, signing_words
from gateway.onboarding.guide.endpoint import MEDIA_TYPES, sizes, url, we_send
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Curl, Fact, FactTable, TransportSection
from gateway.onboarding.guide.told import webhook_calls, webhooks_table
from gateway.onboarding.guide.words import counted, listed
from partners.throttling_terms import Rate

DOCUMENTS_PATH: Final = "/v1/documents"
INBOX_PATH: Final = "/v1/inbox"
ORDERS_PATH: Final = "/v1/purchase-orders"
# The edge waits no longer than this, whatever is preferred.
WAIT_S_MAX: Final = 30
_LINE_CHARACTERS_MAX: Final = 110
_EXAMPLE_ID: Final = "01KJ6Z5S4T8W9X2Y3Z4A5B6C7D"


def rest_section(facts: Facts) -> TransportSection:
    """The interface for a partner who may call it."""
    about = (
        "Documents are posted one by one over HTTPS. The answer comes once the document is kept; its fate, with each "
        "finding and its place, is asked for afterwards, or waited for."
    )
    tables = [FactTable("The interface", tuple(_interface(facts))), access_table(facts)]
    if _has_orders(facts):
        tables.append(FactTable("Purchase orders", tuple(_orders(facts))))
    if _fetches(facts):
        about += " What we have for you waits in your inbox there until you have fetched and confirmed it."
        tables.append(FactTable("What we have for you", tuple(_inbox(facts))))
    tables.append(FactTable("Limits", tuple(_limits(facts))))
    webhooks = facts.profile.webhooks
    if webhooks is not None:
        tables.append(webhooks_table(facts, webhooks))
    return TransportSection(
        anchor="rest",
        title="REST interface",
        about=about + signing_words(facts),
        tables=tuple(tables),
        calls=tuple(_calls(facts)),
    )


def _interface(facts: Facts) -> Iterator[Fact]:
    yield url(facts, "", "Base URL")
    yield url(facts, "/v1/reference", "Reference", "every call, field and status, on a page to try them out")
    yield url(facts, "/v1/openapi.json", "OpenAPI 3.1", "the same for programs and generators")
    yield Fact("Who am I", "GET /v1/me", "your credentials, their days and last use, your limits", is_code=True)
    if _they_send(facts):
        yield Fact("Submit", f"POST {DOCUMENTS_PATH}", f"the document is the body: {_syntaxes(facts)}", is_code=True)
        yield Fact("Only look", "POST /v1/validate", "the findings that it would have; nothing of it is kept", True)
        yield Fact(
            "Ask for its fate", f"GET {DOCUMENTS_PATH}/ID", "ID and address are in the answer to the POST", is_code=True
        )
        yield Fact("List what you sent", f"GET {DOCUMENTS_PATH}?limit=50", "the newest first", is_code=True)
        yield Fact("Answer", "202 once your document is kept durably", "what we made of it stands under its address")
        yield Fact(
            "The result at once",
            "Prefer: wait=10",
            f"waits so many seconds, {WAIT_S_MAX} at most: 200 with what became of it, or 202 if that takes longer",
            is_code=True,
        )
    days = counted(facts.settings.retention.duplicates_days, "day")
    yield Fact(
        "Repetitions",
        "Idempotency-Key: a text of yours, 1 to 255 characters",
        "the same key with the same bytes gets the first answer again; with other bytes it is refused (422), and while "
        f"the first is under way, too (409). It is remembered for {days}; `Idempotency-Expires` tells until when",
        is_code=True,
    )
    yield Fact(
        "Errors", "problem details (RFC 9457), application/problem+json", "with a `remedy` in words; listed below"
    )


def _limits(facts: Facts) -> Iterator[Fact]:
    yield from sizes(facts)
    terms = facts.profile.throttling
    rates = [("asking", terms.read), ("confirming and changing", terms.change)]
    if _they_send(facts):
        rates = [("sending documents", terms.submit), *rates, ("only looking (validate)", terms.validate_only)]
    if facts.profile.api.oauth_clients:
        rates.append(("tokens", terms.token))
    yield Fact(
        "Calls a second",
        tuple(f"{name}: {_rate(rate)}" for name, rate in rates),
        "what is more is answered with 429: wait as long as `Retry-After` says; `RateLimit` tells what is left",
    )
    yield Fact("At the same time", counted(terms.concurrent_max, "call"))
    if terms.daily_max is not None and _they_send(facts):
        yield Fact("A day", counted(terms.daily_max, "document"), "the day ends at 00:00 UTC")


def _rate(rate: Rate) -> str:
    return f"{rate.per_second:,} in the long run, {rate.burst:,} at once"


def _they_send(facts: Facts) -> bool:
    """Whether documents come from them; where nothing is agreed yet nobody knows."""
    agreements = facts.profile.agreements
    return not agreements or any(item.direction == "inbound" for item in agreements)


def _syntaxes(facts: Facts) -> str:
    """What they may write documents in, as agreed."""
    inbound = (item.syntax for item in facts.profile.agreements if item.direction == "inbound")
    return listed([syntax.upper() for syntax in dict.fromkeys(inbound)] or ["X12", "JSON", "XML"], "or")


def _has_orders(facts: Facts) -> bool:
    return any((item.document, item.direction) == ("purchase_order", "outbound") for item in facts.profile.agreements)


def _answered(facts: Facts) -> Iterator[str]:
    """What they may answer orders with in typed JSON, which becomes a canonical document in JSON."""
    for item in facts.profile.agreements:
        if (item.direction, item.syntax) == ("inbound", "json") and item.document in _ANSWERS:
            yield item.document


# Document -> the end of its address, what it is called, its smallest body with the dates open, what to mind.
_ANSWERS: Final = {
    "purchase_order_acknowledgment": (
        "acknowledgment",
        "Accept, change or reject it",
        {"status": "accepted"},
        "`accepted` takes all of it; `accepted_with_changes` with the `lines` that differ; or `rejected`",
    ),
    "ship_notice": (
        "ship-notices",
        "Say that goods are on their way",
        {"shipment_number": "SH-7001", "shipped_on": ""},
        "all of it, or the `lines` and `packages` that you name",
    ),
    "invoice": (
        "invoices",
        "Send an invoice",
        {"invoice_number": "9001", "invoiced_on": ""},
        "what was ordered at the ordered prices, or the `lines` that you name",
    ),
}


def _orders(facts: Facts) -> Iterator[Fact]:
    yield Fact("Those that are open", f"GET {ORDERS_PATH}", "with the state of each", is_code=True)
    yield Fact("One of them", f"GET {ORDERS_PATH}/NUMBER", "its history: what was sent, fetched and answered", True)
    for document in dict.fromkeys(_answered(facts)):
        place, name, _, note = _ANSWERS[document]
        note += "; what you leave out is taken from the order"
        yield Fact(name, f"POST {ORDERS_PATH}/NUMBER/{place}", note, is_code=True)


def _fetches(facts: Facts) -> bool:
    """Whether they have a reason to look into their inbox."""
    profile = facts.profile
    return own_way(profile) == INBOX and (we_send(facts) or profile.delivery.way == INBOX)


def _inbox(facts: Facts) -> Iterator[Fact]:
    yield Fact("List", f"GET {INBOX_PATH}", "the oldest first; what you confirmed is gone from it", is_code=True)
    yield Fact(
        "Fetch",
        f"GET {INBOX_PATH}/ID/content",
        f"as agreed ({_sent_types(facts)}); Accept: application/json or application/xml asks for a canonical document",
        is_code=True,
    )
    yield Fact(
        "Confirm",
        f"POST {INBOX_PATH}/ID/confirm",
        "once it is safe with you; fetching alone settles nothing, and confirming again does no harm",
        is_code=True,
    )
    yield Fact("Decline", f"POST {INBOX_PATH}/ID/decline", 'with {"reason": "..."}; our people see to it', is_code=True)
    hours = facts.profile.delivery.confirm_within_hours
    yield Fact(
        "Look there", "every few minutes", f"what nobody confirms within {counted(hours, 'hour')} is a case for us"
    )
    yield Fact(
        "Order",
        "documents of one purchase order come one behind the other",
        "`waits_for` names what is to be confirmed first; each can be fetched at once",
    )


def _sent_types(facts: Facts) -> str:
    outbound = (item.syntax for item in facts.profile.agreements if item.direction == "outbound")
    return ", ".join(MEDIA_TYPES[syntax] for syntax in dict.fromkeys(outbound)) or "as we have it"


def _calls(facts: Facts) -> Iterator[Curl]:
    base, shown = base_of(facts), options_of(facts)
    yield from preparations(facts)
    if _they_send(facts):
        yield from _sending_calls(facts, base, shown)
    if _fetches(facts):
        yield from _inbox_calls(base, shown)
    if _has_orders(facts):
        yield Curl("See which orders are open:", _curl(f"{base}{ORDERS_PATH}", *shown))
        yield from _answer_calls(facts, base, shown)
    if facts.profile.webhooks is not None:
        yield from webhook_calls(facts.profile.webhooks, base, shown)


def _sending_calls(facts: Facts, base: str, shown: tuple[str, ...]) -> Iterator[Curl]:
    inbound = [item for item in facts.profile.agreements if item.direction == "inbound"]
    syntax = inbound[0].syntax if inbound else "json"
    name = {"json": "document.json", "xml": "document.xml", "x12": "document.edi"}[syntax]
    kind = {"json": "application/json", "xml": "application/xml", "x12": "application/edi-x12"}[syntax]
    typed = f'-H "Content-Type: {kind}"'
    key = '-H "Idempotency-Key: 2026-000123"'
    yield Curl(
        "Send a document:", _curl(f"{base}{DOCUMENTS_PATH}", *shown, typed, key, f"--data-binary @{name}", is_long=True)
    )
    answer = {
        "id": _EXAMPLE_ID,
        "status": "received",
        "received_at": "2026-03-02T10:15:00.000Z",
        "links": {"self": f"{DOCUMENTS_PATH}/{_EXAMPLE_ID}"},
    }
    yield Curl("It is answered with 202:", json.dumps(answer, indent=2))
    yield Curl("Ask what became of it, by the id in the answer:", _curl(f"{base}{DOCUMENTS_PATH}/$ID", *shown))


def _inbox_calls(base: str, shown: tuple[str, ...]) -> Iterator[Curl]:
    yield Curl("See what we have for you:", _curl(f"{base}{INBOX_PATH}", *shown))
    yield Curl(
        "Fetch one of them, by its id in the list, under the name that we gave it:",
        _curl(f"{base}{INBOX_PATH}/$ID/content", *shown, before="--remote-name --remote-header-name "),
    )
    yield Curl(
        "Once it is safe with you, say so:",
        _curl(f"{base}{INBOX_PATH}/$ID/confirm", *shown, before="--request POST "),
    )


def _answer_calls(facts: Facts, base: str, shown: tuple[str, ...]) -> Iterator[Curl]:
    day = f"{facts.at + timedelta(days=3):%Y-%m-%d}"
    for document in dict.fromkeys(_answered(facts)):
        place, name, body, _ = _ANSWERS[document]
        said = json.dumps({key: value or day for key, value in body.items()})
        yield Curl(
            f"{name}; in an address its number is percent-encoded:",
            _curl(
                f"{base}{ORDERS_PATH}/$NUMBER/{place}",
                *shown,
                '-H "Content-Type: application/json" -H "Prefer: wait=10"',
                f'-H "Idempotency-Key: {place}-$NUMBER"',
                f"-d '{said}'",
                is_long=True,
            ),
        )


def _curl(address: str, *options: str, before: str = "", is_long: bool = False) -> str:
    """A call on one line, or with an option on each where it is long."""
    whole = f"curl --fail-with-body {before}{address}"
    line = " ".join((whole, *options))
    return line if not is_long and len(line) <= _LINE_CHARACTERS_MAX else " \\\n  ".join((whole, *options))
