"""What the operations of the partner API take and give; the OpenAPI document is made of these.

parts      what all share: links, pages, problems
documents  what a partner sends, and what became of it
orders     purchase orders and where they stand
inbox      what we have for a partner
webhooks   subscriptions, calls, events
access     who calls; tokens, schemas, kinds of problems
A model of an answer (`Told`) describes what a handler writes; one of a request (`Asked`) is what `reading.read_json`
makes of a body.
"""

from gateway.api.models.access import (
    Caller,
    KnownCredential,
    KnownLimits,
    KnownRate,
    OAuthFault,
    ProblemCatalogue,
    ProblemKind,
    SchemaEntry,
    SchemaList,
    ShownCredential,
    Token,
    TokenKeys,
    TokenMetadata,
)
from gateway.api.models.documents import (
    DocumentSummary,
    DocumentView,
    EarnedAcknowledgment,
    ErpOutcome,
    Finding,
    PublishedEvent,
    Submission,
    SubmissionPage,
    SubmissionRow,
    SubmissionView,
    ValidatedDocument,
    Validation,
)
from gateway.api.models.inbox import Confirmation, Declination, InboxItem, InboxLinks, InboxPage
from gateway.api.models.orders import (
    OrderLinks,
    OrderState,
    OrderStep,
    PurchaseOrder,
    PurchaseOrderPage,
    PurchaseOrderView,
)
from gateway.api.models.parts import Asked, Fault, PageLinks, Problem, SelfLink, Told
from gateway.api.models.webhooks import (
    Event,
    EventPage,
    NewWebhook,
    NewWebhookKey,
    WebhookChange,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookKey,
    WebhookLinks,
    WebhookPage,
    WebhookReplay,
    WebhookReplayed,
    WebhookSubscription,
    WebhookTest,
    WebhookWithSecret,
)

__all__ = [
    "Asked",
    "Caller",
    "Confirmation",
    "Declination",
    "DocumentSummary",
    "DocumentView",
    "EarnedAcknowledgment",
    "ErpOutcome",
    "Event",
    "EventPage",
    "Fault",
    "Finding",
    "InboxItem",
    "InboxLinks",
    "InboxPage",
    "KnownCredential",
    "KnownLimits",
    "KnownRate",
    "NewWebhook",
    "NewWebhookKey",
    "OAuthFault",
    "OrderLinks",
    "OrderState",
    "OrderStep",
    "PageLinks",
    "Problem",
    "ProblemCatalogue",
    "ProblemKind",
    "PublishedEvent",
    "PurchaseOrder",
    "PurchaseOrderPage",
    "PurchaseOrderView",
    "SchemaEntry",
    "SchemaList",
    "SelfLink",
    "ShownCredential",
    "Submission",
    "SubmissionPage",
    "SubmissionRow",
    "SubmissionView",
    "Token",
    "TokenKeys",
    "TokenMetadata",
    "Told",
    "ValidatedDocument",
    "Validation",
    "WebhookChange",
    "WebhookDelivery",
    "WebhookDeliveryPage",
    "WebhookKey",
    "WebhookLinks",
    "WebhookPage",
    "WebhookReplay",
    "WebhookReplayed",
    "WebhookSubscription",
    "WebhookTest",
    "WebhookWithSecret",
]
