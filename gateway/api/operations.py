"""The one table of the partner API: every call that there is, and what it asks of whoever makes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from partners.api_terms import Scope

_OPEN_PART = re.compile(r"\{([a-z_]+)\}")


class RateClass(StrEnum):
    """What a call counts as in `throttling` of a profile."""

    SUBMIT = "submit"
    READ = "read"
    CHANGE = "change"
    VALIDATE = "validate_only"
    TOKEN = "token"  # noqa: S105  # a kind of call, no password


class Tag(StrEnum):
    """The chapters of the reference."""

    DOCUMENTS = "Documents"
    ORDERS = "Purchase orders"
    INBOX = "Inbox"
    WEBHOOKS = "Webhooks"
    ACCESS = "Access"
    REFERENCE = "Reference"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """That a call is on its way out.

    Attributes:
        since: told in the Deprecation header field (RFC 9745).
        sunset: when it ends, told in Sunset (RFC 8594).
        successor: the path of the call that takes its place; empty where that is the same call.
    """

    since: datetime
    sunset: datetime
    successor: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call.

    Attributes:
        id: its name in code that is generated from the OpenAPI document.
        path: with `{name}` for each open part.
        rate_class: None where nobody is identified, so that nothing is counted.
        scope: what the credential must allow; None where any will do.
        is_public: whether it is answered to anybody.
    """

    id: str
    method: str
    path: str
    tag: Tag
    summary: str
    rate_class: RateClass | None = RateClass.READ
    scope: Scope | None = None
    is_public: bool = False
    deprecated: Deprecation | None = None

    @property
    def route(self) -> str:
        """The path with `{}` for each open part."""
        return _OPEN_PART.sub("{}", self.path)

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The names of the open parts of its path."""
        return tuple(_OPEN_PART.findall(self.path))


def _read(id_: str, path: str, tag: Tag, summary: str, scope: Scope | None) -> Operation:
    return Operation(id_, "GET", path, tag, summary, RateClass.READ, scope)


def _public(id_: str, path: str, summary: str, tag: Tag = Tag.REFERENCE) -> Operation:
    return Operation(id_, "GET", path, tag, summary, rate_class=None, is_public=True)


_D, _O, _I, _W, _A = Tag.DOCUMENTS, Tag.ORDERS, Tag.INBOX, Tag.WEBHOOKS, Tag.ACCESS
_SUBMIT, _CHANGE = RateClass.SUBMIT, RateClass.CHANGE
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        operation.id: operation
        for operation in (
            Operation(
                "submit_document", "POST", "/v1/documents", _D, "Send a document, in any syntax", _SUBMIT,
                "documents:write",
            ),
            _read("list_documents", "/v1/documents", _D, "What you have sent, the newest first", "documents:read"),
            _read("get_document", "/v1/documents/{id}", _D, "What became of a document", "documents:read"),
            _read("get_document_raw", "/v1/documents/{id}/raw", _D, "The bytes as you sent them", "documents:read"),
            _read(
                "get_document_acknowledgment", "/v1/documents/{id}/acknowledgment", _D,
                "The TA1, 997 or 999 that it earned", "documents:read",
            ),
            Operation(
                "validate_document", "POST", "/v1/validate", _D, "Check a document; nothing is kept",
                RateClass.VALIDATE, "documents:write",
            ),
            _read("list_purchase_orders", "/v1/purchase-orders", _O, "Your orders and their state", "orders:read"),
            _read("get_purchase_order", "/v1/purchase-orders/{number}", _O, "An order, its history", "orders:read"),
            Operation(
                "acknowledge_purchase_order", "POST", "/v1/purchase-orders/{number}/acknowledgment", _O,
                "Accept, change or reject an order", _SUBMIT, "orders:write",
            ),
            Operation(
                "ship_purchase_order", "POST", "/v1/purchase-orders/{number}/ship-notices", _O,
                "Say that goods are on their way", _SUBMIT, "orders:write",
            ),
            Operation(
                "invoice_purchase_order", "POST", "/v1/purchase-orders/{number}/invoices", _O, "Send an invoice",
                _SUBMIT, "orders:write",
            ),
            _read("list_inbox", "/v1/inbox", _I, "What we have for you, the oldest first", "inbox:read"),
            _read("get_inbox_document", "/v1/inbox/{id}", _I, "About one document for you", "inbox:read"),
            _read(
                "get_inbox_content", "/v1/inbox/{id}/content", _I, "The document, in the syntax that you accept",
                "inbox:read",
            ),
            Operation(
                "confirm_inbox_document", "POST", "/v1/inbox/{id}/confirm", _I, "Say that you have it", _CHANGE,
                "inbox:write",
            ),
            Operation(
                "decline_inbox_document", "POST", "/v1/inbox/{id}/decline", _I, "Say that you cannot take it", _CHANGE,
                "inbox:write",
            ),
            _read("list_webhooks", "/v1/webhooks", _W, "Your subscriptions", "webhooks:read"),
            Operation(
                "create_webhook", "POST", "/v1/webhooks", _W, "Subscribe an address", _CHANGE, "webhooks:write"
            ),
            _read("get_webhook", "/v1/webhooks/{id}", _W, "One subscription", "webhooks:read"),
            Operation(
                "update_webhook", "PATCH", "/v1/webhooks/{id}", _W, "Change, pause or resume it", _CHANGE,
                "webhooks:write",
            ),
            Operation("delete_webhook", "DELETE", "/v1/webhooks/{id}", _W, "End it", _CHANGE, "webhooks:write"),
            Operation(
                "rotate_webhook_key", "POST", "/v1/webhooks/{id}/keys", _W, "A new key, the old one for a while beside",
                _CHANGE, "webhooks:write",
            ),
            Operation(
                "test_webhook", "POST", "/v1/webhooks/{id}/test", _W, "Call it now with an event that means nothing",
                _CHANGE, "webhooks:write",
            ),
            Operation(
                "replay_webhook", "POST", "/v1/webhooks/{id}/replay", _W, "Tell it again of events since a moment",
                _CHANGE, "webhooks:write",
            ),
            _read(
                "list_webhook_deliveries", "/v1/webhooks/{id}/deliveries", _W, "The calls made, and how they went",
                "webhooks:read",
            ),
            _read("list_events", "/v1/events", _W, "Every event of the last weeks", "webhooks:read"),
            _read("get_event", "/v1/events/{id}", _W, "One event", "webhooks:read"),
            _read("get_caller", "/v1/me", _A, "Who you are here, your credentials and limits", None),
            Operation(
                "issue_token", "POST", "/oauth/token", _A, "An access token for client credentials (RFC 6749 4.4)",
                RateClass.TOKEN, is_public=True,
            ),
            Operation(
                "revoke_token", "POST", "/oauth/revoke", _A, "End an access token (RFC 7009)", RateClass.TOKEN,
                is_public=True,
            ),
            _public(
                "get_token_keys", "/.well-known/jwks.json", "The keys that access tokens are signed with", Tag.ACCESS
            ),
            _public(
                "get_token_metadata", "/.well-known/oauth-authorization-server", "Where tokens are had (RFC 8414)",
                Tag.ACCESS,
            ),
            _public("list_schemas", "/v1/schemas", "The schemas of canonical documents"),
            _public("get_schema", "/v1/schemas/{name}", "One schema (JSON Schema 2020-12)"),
            _public("get_openapi", "/v1/openapi.json", "This interface as OpenAPI 3.1"),
            _public("get_reference", "/v1/reference", "This interface for people, to be tried out"),
            _public("list_problems", "/v1/problems", "Every kind of problem that is answered"),
            _public("get_problem", "/v1/problems/{name}", "One kind of problem: what it means, what to do"),
        )
    }
)  # fmt: skip
