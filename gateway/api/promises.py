"""What each operation takes and gives: the table that the OpenAPI document is made of."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, get_args

from pydantic import BaseModel

from gateway.api import models as m
from gateway.api.answers import NewAcknowledgment, NewInvoice, NewShipNotice
from gateway.api.operations import Deprecation
from gateway.api.promising import (
    IDEMPOTENCY_KEY,
    JSON,
    PAGING,
    PREFER,
    Answer,
    Body,
    Parameter,
    Promise,
    Schema,
    Shape,
    gives,
    leading,
    takes,
    text,
)
from gateway.model.delivery import DeliveryState
from gateway.model.order import OrderState
from partners.api_terms import Scope
from partners.webhook_terms import WebhookEvent

X12, XML = "application/edi-x12", "application/xml"
_X12_EXAMPLE: Final = (
    "ISA*00*          *00*          *ZZ*ACME           *ZZ*BIGCORP        *260301*0930*U*00401*000000001*0*P*>~\n"
    "GS*PR*ACME*BIGCORP*20260301*0930*1*X*004010~\nST*855*0001~\nBAK*00*AC*4500012345*20260301****SO-1~\n"
    "PO1*1*10*EA*12.5**BP*AX-100~\nACK*IA*10*EA*068*20260310~\nCTT*1~\nSE*6*0001~\nGE*1*1~\nIEA*1*000000001~\n"
)
_JSON_EXAMPLE: Final[Schema] = {
    "document_type": "ship_notice",
    "schema_version": "1.0",
    "number": "SN-1",
    "issued_on": "2026-03-01",
    "purchase_order_number": "4500012345",
    "lines": [{"line_id": "1", "purchase_order_number": "4500012345", "quantity": "5", "unit": "EA"}],
}
SUBMISSION_STATUSES: Final = (
    *get_args(get_args(m.SubmissionOutcome)[0]),
    *(word for word in get_args(get_args(m.SubmissionStatus)[0]) if word != "rejected"),
)
CHANNELS: Final = ("rest", "as2", "sftp", "sandbox")
DELIVERY_STATUSES: Final = tuple(state.value for state in DeliveryState)
# What is no document is kept and rejected like one: its fate tells why.
_ANY_JSON: Final[Schema] = {"description": "A canonical document, or several."}
# OpenAPI 3.1 says of bytes as they are nothing but their media type.
_BYTES: Final[Schema] = {"description": "Bytes, as they are."}
_ANY_SCHEMA: Final[Schema] = {"type": "object", "additionalProperties": True}
_PAGE: Final[Schema] = {"type": "string"}
_KEPT: Final = ("Location", "Idempotency-Replayed", "Idempotency-Expires")
# The list of the first release went on by the id of a submission.
_FIRST_CURSOR: Final = Deprecation(datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC), successor="")
_CHANGED: Final = ("Idempotency-Replayed", "Idempotency-Expires")


def _contents(**by_name: Shape) -> Mapping[str, Shape]:
    names = {"x12": X12, "json": JSON, "xml": XML, "html": "text/html", "schema": "application/schema+json"}
    return MappingProxyType({names[name]: shape for name, shape in by_name.items()})


_DOCUMENT: Final = Body(
    "The document, in any syntax that we agreed on: an X12 interchange, canonical JSON (one document, a list, or "
    '`{"documents": [...]}`; their schemas are at `/v1/schemas`) or canonical XML. What it is, is read off its bytes.',
    MappingProxyType({X12: {"type": "string"}, JSON: _ANY_JSON, XML: {"type": "string"}}),
    MappingProxyType({X12: _X12_EXAMPLE, JSON: _JSON_EXAMPLE}),
)
_SUBMITTED: Final[Mapping[int, Answer]] = MappingProxyType(
    {
        200: leading(
            gives(m.SubmissionView, "Kept and read, in the time that `Prefer` gave.", *_KEPT, "Preference-Applied"),
            "/id",
            "get_document",
            "get_document_raw",
            "get_document_acknowledgment",
        ),
        202: leading(
            gives(m.Submission, "Kept, durably; it is read now.", *_KEPT, "Preference-Applied"),
            "/id",
            "get_document",
            "get_document_raw",
            "get_document_acknowledgment",
        ),
    }
)
_SUBMITS: Final = (IDEMPOTENCY_KEY, PREFER)


def _changes(says: str, given: Mapping[int, Answer], taken: Body | None = None, *refuses: int) -> Promise:
    return Promise(says, given, (IDEMPOTENCY_KEY,), taken, refuses)


def _answers(says: str, model: type[BaseModel], example: Mapping[str, object]) -> Promise:
    whole = f"{says} It becomes a document like any other: kept before it is acknowledged, then read and judged."
    body = Body("The answer.", MappingProxyType({JSON: model}), MappingProxyType({JSON: dict(example)}))
    return Promise(whole, _SUBMITTED, _SUBMITS, body, (404, 409))


PROMISES: Final[Mapping[str, Promise]] = MappingProxyType(
    {
        "submit_document": Promise(
            "A document is kept before it is acknowledged, then it is read: its fate stands under the address that the "
            "answer names. With `Prefer: wait=N` the call lasts until it was read, for N seconds at most.",
            _SUBMITTED,
            _SUBMITS,
            _DOCUMENT,
        ),
        "list_documents": Promise(
            "Everything that came with one of your credentials, by whichever door. A page costs the same wherever in "
            "the list it lies.",
            {200: leading(gives(m.SubmissionPage, "A page."), "/submissions/0/id", "get_document", "get_document_raw")},
            (
                *PAGING,
                Parameter(
                    "status", "Where they stand: an outcome, or a technical state.", text(words=SUBMISSION_STATUSES)
                ),
                Parameter("type", "That hold a document of this type.", text(example="invoice", characters_max=255)),
                Parameter("number", "That hold a document of this number.", text(characters_max=255)),
                Parameter(
                    "purchase_order", "That hold a document about this purchase order.", text(characters_max=255)
                ),
                Parameter("channel", "By which door they came.", text(words=CHANNELS)),
                Parameter(
                    "since",
                    "Not before this moment (RFC 3339).",
                    {"type": "string", "format": "date-time", "examples": ["2026-03-01T00:00:00Z"]},
                ),
                Parameter(
                    "until",
                    "Before this moment (RFC 3339).",
                    {"type": "string", "format": "date-time", "examples": ["2026-04-01T00:00:00Z"]},
                ),
                Parameter(
                    "before",
                    "The cursor of the first release: the id of a submission.",
                    text("^[0-9A-Z]{26}$"),
                    deprecated=_FIRST_CURSOR,
                ),
            ),
        ),
        "get_document": Promise(
            "A submission, or one document of it: where it stands, what was found, each step, what it earned.",
            {
                200: Answer(
                    "A submission, or one document of it.",
                    MappingProxyType({JSON: (m.SubmissionView, m.DocumentView)}),
                )
            },
        ),
        "get_document_raw": Promise(
            "What you sent, byte by byte, with its media type.",
            {
                200: Answer("The bytes.", MappingProxyType({"*/*": _BYTES}), ("Content-Disposition",)),
                304: Answer("They are those whose ETag you named in If-None-Match."),
            },
        ),
        "get_document_acknowledgment": Promise(
            "The X12 acknowledgments that a submission earned, one interchange behind the other; as JSON, with how "
            "their delivery went, by `Accept: application/json`. A 404 says whether there is none yet or will be none.",
            {200: Answer("What it earned.", _contents(x12={"type": "string"}, json=m.EarnedAcknowledgments))},
            (),
            None,
            (406,),
        ),
        "validate_document": Promise(
            "A dry run: the document is read and judged as if it had been sent, and nothing of it is kept.",
            {200: gives(m.Validation, "What would become of it.")},
            (),
            _DOCUMENT,
        ),
        "list_purchase_orders": Promise(
            "Orders that we sent you, or that you answered, what changed last first.",
            {
                200: leading(
                    gives(m.PurchaseOrderPage, "A page."),
                    "/purchase_orders/0/number",
                    "get_purchase_order",
                    "acknowledge_purchase_order",
                    "ship_purchase_order",
                    "invoice_purchase_order",
                )
            },
            (
                *PAGING,
                Parameter(
                    "open",
                    "true (when absent): those that something is still to come for; false: the others; all: both. With "
                    "`state` it is all when absent.",
                    text(words=("true", "false", "all")),
                ),
                Parameter("state", "Only orders that stand there.", text(words=tuple(OrderState))),
                Parameter(
                    "since",
                    "Only what changed at this moment or later (RFC 3339).",
                    {"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00Z"]},
                ),
            ),
        ),
        "get_purchase_order": Promise(
            "Where an order stands, everything that was sent about it, and the order itself.",
            {200: gives(m.PurchaseOrderView, "The order.")},
        ),
        "acknowledge_purchase_order": _answers(
            'Say which lines you take, and how: as ordered, changed, or not. `{"status": "accepted"}` takes all of '
            "it as it was ordered.",
            NewAcknowledgment,
            {
                "status": "accepted_with_changes",
                "acknowledgment_number": "SO-118",
                "lines": [{"line": "1", "status": "changed", "quantity": 90, "deliver_on": "2026-12-05"}],
            },
        ),
        "ship_purchase_order": _answers(
            "Say what is on its way: packages, lines, carrier. What you leave out comes from the order.",
            NewShipNotice,
            {
                "shipment_number": "S-118",
                "shipped_on": "2026-12-02",
                "estimated_delivery_on": "2026-12-05",
                "carrier": "United Parcel Service",
                "tracking_numbers": ["1Z999AA10123456784"],
                "lines": [{"line": "1", "quantity": 90, "lot": "L-7"}],
            },
        ),
        "invoice_purchase_order": _answers(
            "Say what is to be paid. What you leave out, such as prices, comes from the order.",
            NewInvoice,
            {
                "invoice_number": "2026-118",
                "invoiced_on": "2026-12-05",
                "lines": [{"line": "1", "quantity": 90, "unit_price": "12.50"}],
                "charges": [{"description": "Freight", "amount": "25.00"}],
                "total": "1150.00",
            },
        ),
        "list_inbox": Promise(
            "Documents that lie here for you. Fetch each, confirm it, and it is gone from the list.",
            {
                200: leading(
                    gives(m.InboxPage, "A page."),
                    "/documents/0/id",
                    "get_inbox_document",
                    "get_inbox_content",
                    "confirm_inbox_document",
                    "decline_inbox_document",
                )
            },
            (
                *PAGING,
                Parameter(
                    "status",
                    "open (when absent): neither confirmed nor declined; else what you confirmed, or declined.",
                    text(words=("open", "confirmed", "declined")),
                ),
                Parameter(
                    "type",
                    "Only documents of this type, as in `/v1/schemas`.",
                    text(example="purchase_order", characters_max=255),
                ),
                Parameter(
                    "purchase_order",
                    "Only what speaks of the order with this number.",
                    text(example="4500012345", characters_max=255),
                ),
            ),
        ),
        "get_inbox_document": Promise(
            "What there is to know of it without its content.", {200: gives(m.InboxItem, "About the document.")}
        ),
        "get_inbox_content": Promise(
            "The document, in one of its `content_types`: say by `Accept` which one, else it is the one that we "
            "agreed on. Fetching it changes nothing; confirm it once it is safe with you.",
            {
                200: Answer(
                    "The document.",
                    MappingProxyType(
                        {X12: {"type": "string"}, JSON: _ANY_SCHEMA, XML: {"type": "string"}, "*/*": _BYTES}
                    ),
                    ("Content-Disposition", "ETag", "Repr-Digest"),
                ),
                304: Answer("As you have it."),
            },
            refuses=(406, 409),
        ),
        "confirm_inbox_document": _changes(
            "Say that you have it. Confirming it again changes nothing and is answered alike.",
            {200: gives(m.InboxItem, "It is confirmed.", *_CHANGED)},
            takes(m.Confirmation, "May be left out.", required=False),
            409,
        ),
        "decline_inbox_document": _changes(
            "Say that you cannot take it, and why: our people get it as a case.",
            {200: gives(m.InboxItem, "It is declined.", *_CHANGED)},
            takes(m.Declination, "Why."),
            409,
        ),
        "list_webhooks": Promise(
            "Those of your profile and those that you set up here.",
            {
                200: leading(
                    gives(m.WebhookPage, "All of them."), "/webhooks/0/id", "get_webhook", "list_webhook_deliveries"
                )
            },
        ),
        "create_webhook": _changes(
            "An address on one of the hosts agreed in your profile is told of events from now on. The key that signs "
            "its calls is shown this once.",
            {
                201: leading(
                    gives(m.WebhookWithSecret, "It is set up.", "Location", *_CHANGED),
                    "/id",
                    "get_webhook",
                    "update_webhook",
                    "rotate_webhook_key",
                    "test_webhook",
                    "replay_webhook",
                    "list_webhook_deliveries",
                    "delete_webhook",
                )
            },
            takes(m.NewWebhook, "The subscription."),
            409,
        ),
        "get_webhook": Promise("How it is set up and how it fares.", {200: gives(m.WebhookSubscription, "It.")}),
        "update_webhook": _changes(
            "What is left out stays as it is. Those of your profile can be paused and resumed, not changed.",
            {200: gives(m.WebhookSubscription, "As it is now.", *_CHANGED)},
            takes(m.WebhookChange, "What is to be different."),
            409,
        ),
        "delete_webhook": _changes(
            "It is called no more; what waits for it is cancelled.",
            {204: Answer("It is gone.", headers=_CHANGED)},
            None,
            409,
        ),
        "rotate_webhook_key": _changes(
            "A new key signs beside the old ones, which end after a while: every call bears the signatures of all.",
            {201: gives(m.WebhookWithSecret, "The new key is in force.", *_CHANGED)},
            takes(m.NewWebhookKey, "May be left out.", required=False),
            409,
        ),
        "test_webhook": _changes(
            "It is called at once with an event of type `webhook.test`; the answer says how that went.",
            {200: gives(m.WebhookTest, "How the call went.", *_CHANGED)},
            None,
            409,
        ),
        "replay_webhook": _changes(
            "Events since a moment are told again, in order, with the ids that they had.",
            {202: gives(m.WebhookReplayed, "They are queued.", *_CHANGED)},
            takes(m.WebhookReplay, "Since when."),
            409,
        ),
        "list_webhook_deliveries": Promise(
            "Every event on its way to this subscription, the newest first.",
            {200: gives(m.WebhookDeliveryPage, "A page.")},
            (*PAGING, Parameter("status", "Where they stand.", text(words=DELIVERY_STATUSES))),
        ),
        "list_events": Promise(
            "Events as they are told to subscriptions, the newest first, while they are kept.",
            {200: leading(gives(m.EventPage, "A page."), "/events/0/id", "get_event")},
            (*PAGING, Parameter("type", "Of this type alone.", text(words=get_args(WebhookEvent)))),
        ),
        "get_event": Promise("What happened, as it was told.", {200: gives(m.Event, "The event.")}),
        "get_caller": Promise(
            "What this call showed, what else opens the door for you and when it was used last, and how much you may "
            "ask for.",
            {200: gives(m.Caller, "You.")},
        ),
        "issue_token": Promise(
            "A token for client credentials (RFC 6749 4.4). The client says who it is by HTTP Basic or in the form.",
            {
                200: gives(m.Token, "The token; nothing keeps a copy of it."),
                400: gives(m.OAuthFault, "Not so."),
                401: gives(m.OAuthFault, "Not with these credentials.", "WWW-Authenticate"),
            },
            (),
            Body(
                "As a form.",
                MappingProxyType(
                    {
                        "application/x-www-form-urlencoded": {
                            "type": "object",
                            "required": ["grant_type"],
                            "additionalProperties": {"type": "string"},
                            "properties": {
                                "grant_type": {"const": "client_credentials"},
                                "client_id": {"type": "string", "maxLength": 255},
                                "client_secret": {"type": "string", "maxLength": 512},
                                "scope": {
                                    "type": "string",
                                    "description": "Some of: " + ", ".join(get_args(Scope)),
                                    "examples": ["documents:read documents:write"],
                                },
                            },
                        }
                    }
                ),
            ),
        ),
        "revoke_token": Promise(
            "The token is of no more use. Whether it ever was is not said.",
            {
                200: Answer("It is of no use now."),
                400: gives(m.OAuthFault, "Not so."),
                401: gives(m.OAuthFault, "Not with these credentials.", "WWW-Authenticate"),
            },
            (),
            Body(
                "As a form.",
                MappingProxyType(
                    {
                        "application/x-www-form-urlencoded": {
                            "type": "object",
                            "required": ["token"],
                            "additionalProperties": {"type": "string"},
                            "properties": {
                                "token": {
                                    "type": "string",
                                    "maxLength": 4096,
                                    "examples": ["eyJhbGciOiJFZERTQSJ9.e30.c2ln"],
                                },
                                "token_type_hint": {"type": "string", "maxLength": 64},
                                "client_id": {"type": "string", "maxLength": 255},
                                "client_secret": {"type": "string", "maxLength": 512},
                            },
                        }
                    }
                ),
            ),
        ),
        "get_token_keys": Promise(
            "For whoever wants to verify our access tokens.", {200: gives(m.TokenKeys, "JSON Web Keys.")}
        ),
        "get_token_metadata": Promise(
            "For OAuth libraries that find out by themselves.", {200: gives(m.TokenMetadata, "Where tokens are had.")}
        ),
        "list_schemas": Promise(
            "Each kind of document that we know.",
            {
                200: leading(gives(m.SchemaList, "All of them.", "ETag"), "/schemas/0/name", "get_schema"),
                304: Answer("As you have it."),
            },
        ),
        "get_schema": Promise(
            "The canonical document as JSON Schema.",
            {200: Answer("The schema.", _contents(schema=_ANY_SCHEMA), ("ETag",)), 304: Answer("As you have it.")},
        ),
        "get_openapi": Promise(
            "This document, as the gateway serves it now.",
            {200: Answer("OpenAPI 3.1.", _contents(json=_ANY_SCHEMA), ("ETag",)), 304: Answer("As you have it.")},
        ),
        "get_reference": Promise(
            "Each call, explained and to be tried out.",
            {200: Answer("The page.", _contents(html=_PAGE), ("ETag",)), 304: Answer("As you have it.")},
        ),
        "list_problems": Promise(
            "What each kind of problem means and what to do about it.",
            {
                200: Answer("All of them.", _contents(json=m.ProblemCatalogue, html=_PAGE), ("ETag",)),
                304: Answer("As you have it."),
            },
            refuses=(406, 409),
        ),
        "get_problem": Promise(
            "What it means and what to do about it; as a page for those who accept `text/html`.",
            {
                200: Answer("One kind.", _contents(json=m.ProblemKind, html=_PAGE), ("ETag",)),
                304: Answer("As you have it."),
            },
            refuses=(406, 409),
        ),
    }
)
