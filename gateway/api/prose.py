"""What the OpenAPI document says to people: the introduction, its chapters, its problems, the open parts of paths."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.api.operations import Tag
from gateway.api.promising import Schema, text
from partners.webhook_terms import WebhookEvent

TITLE: Final = "Partner API"
INTRODUCTION: Final = """\
Send documents in any syntax that we agreed on, answer purchase orders in small JSON, fetch what we have for you, and \
be told of what happens. What you send is durable before it is acknowledged, and nothing that was acknowledged is lost.

**Repeating a call.** Give each call that sends or changes something an `Idempotency-Key`: the same key with the same \
content gets the first answer again, with other content a 422, and while the first call runs a 409.

**Problems.** Whatever is refused is answered with problem details (RFC 9457): go by `type`; `detail` says what \
happened, `remedy` what to do, `documentation` leads to a page about it, and `errors` names every fault and its place. \
Unknown addresses (404) and methods (405, with `Allow`) have the same form.

**Limits.** `RateLimit` and `RateLimit-Policy` say how much is left; a 429 says in `Retry-After` when to go on.

**Lists.** Follow `links.next` until it is null. A page costs the same wherever it lies.

**Versions.** The first part of a path is its version. Answers get new members and calls new optional parameters \
without notice, and lists of words that are marked `x-open` get new words, so take what you do not know as it comes; \
whatever would break a program comes under a new version. A \
call on its way out says so: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a `Link` to what takes its place."""

TAG_SAYS: Final[Mapping[Tag, str]] = MappingProxyType(
    {
        Tag.DOCUMENTS: "Send any document and follow it: each step, every finding with its place, what it earned.",
        Tag.ORDERS: "Our orders to you and where they stand; acknowledge, ship and invoice them without any EDI.",
        Tag.INBOX: "What we have for you: list it, fetch it in the syntax that you want, confirm it.",
        Tag.WEBHOOKS: "Be told of events as they happen (Standard Webhooks): signed, in order, repeated until you have "
        "them.",
        Tag.ACCESS: "Who you are, how much you may ask for, and tokens for programs (OAuth 2 client credentials).",
        Tag.REFERENCE: "This interface, the schemas of documents, and every kind of problem. Open to everybody.",
    }
)

# Statuses of problems -> when they come.
PROBLEMS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "The request cannot be understood: a parameter, a header field, the body's framing or its digest.",
        401: "Nothing or something wrong was shown, or a signature does not hold.",
        403: "What was shown does not allow this.",
        404: "There is nothing here, or nothing of yours.",
        405: "The address does not answer this method.",
        406: "It is not to be had in any of the media types accepted.",
        408: "The request came too slowly.",
        409: "Not possible now: the first call with this key still runs, or the thing is in another state.",
        413: "The body is larger than agreed.",
        415: "The body is in no syntax that is known here, or it came with a Content-Encoding.",
        422: "The content was read and found wrong, or the Idempotency-Key was used for other content.",
        429: "More calls than agreed; Retry-After says when to go on.",
        431: "The header fields are too large.",
        500: "The fault is ours. Try again later and name `instance` if it stays.",
        503: "Nothing was done: try the same again as Retry-After says.",
    }
)

EVENT_SAYS: Final[Mapping[WebhookEvent, str]] = MappingProxyType(
    {
        "document.accepted": "A submission was read, and all of it was accepted",
        "document.rejected": "A submission was read, and some or all of it was rejected",
        "document.held": "A submission is kept until your profile is live or testing again",
        "document.posted": "Our ERP took over a document",
        "document.refused": "Our ERP refused a document",
        "inbox.available": "There is something for you in the inbox",
        "purchase_order.changed": "An order has another state",
    }
)

_ULID: Final = "^[0-9A-Z]{26}$"
_ID: Final = "01JNPG7W3Q8Z5V4T2R1S0XKCDA"
_NAME: Final = "^[A-Za-z0-9_.-]{1,64}$"
_Known = tuple[str, Schema]
# By operation or chapter: what an open part of a path is.
PATH_PARTS: Final[Mapping[tuple[str, str], _Known]] = MappingProxyType(
    {
        ("get_document", "id"): (
            "The id of a submission, or of one document of it.",
            text("^[0-9A-Z]{26}(-[0-9]{1,9}(-r[0-9]{1,9})?)?$", example=_ID),
        ),
        (Tag.DOCUMENTS, "id"): ("The id of a submission.", text(_ULID, example=_ID)),
        (Tag.ORDERS, "number"): (
            "Our number of the order, percent-encoded where it must be.",
            text(example="4500012345", characters_max=255),
        ),
        (Tag.INBOX, "id"): ("The id of a document in the inbox.", text("^[0-9A-Za-z-]{1,64}$", example=_ID)),
        (Tag.WEBHOOKS, "id"): ("Its id.", text("^[0-9A-Za-z_-]{1,64}$", example=_ID)),
        ("get_schema", "name"): ("A type of document.", text(_NAME, example="invoice")),
        ("get_problem", "name"): ("A kind of problem.", text(_NAME, example="invalid-content")),
    }
)
