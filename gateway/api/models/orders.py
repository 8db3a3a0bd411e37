"""Purchase orders and where they stand. What answers them is in `gateway.api.answers`."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.api.models.parts import OPEN_WORDS, Address, Free, Instant, PageLinks, Told

OrderState: TypeAlias = Annotated[
    Literal[
        "transmitted",
        "received",
        "acknowledged",
        "acknowledged_with_changes",
        "rejected",
        "partially_shipped",
        "shipped",
        "invoiced",
        "cancelled",
        "closed",
    ],
    Field(
        json_schema_extra=OPEN_WORDS,
        description="transmitted: on its way to you. received: you have it. acknowledged, acknowledged_with_changes, "
        "rejected: your acknowledgment says so. partially_shipped, shipped, invoiced: by your ship notices and "
        "invoices. cancelled, closed: nothing is to be done any more.",
    ),
]


class OrderLinks(Told):
    """Where an order stands, and where it is answered."""

    self_: Annotated[Address, Field(alias="self")]
    """Its own address."""
    acknowledgment: Address
    """POST an acknowledgment here."""
    ship_notices: Address
    """POST a ship notice here."""
    invoices: Address
    """POST an invoice here."""


class PurchaseOrder(Told):
    """An order and its state."""

    number: Annotated[str, Field(examples=["4500012345"])]
    """Our number of it."""
    state: OrderState
    """Where it stands."""
    is_open: bool
    """Whether something is still to come from you."""
    expected: list[
        Annotated[
            Literal["purchase_order_acknowledgment", "ship_notice", "invoice"], Field(json_schema_extra=OPEN_WORDS)
        ]
    ]
    """What may come from you next, the most likely first."""
    origin: Literal["sent", "unknown"]
    """unknown: you answered an order that did not go out from here."""
    ordered_on: Annotated[str | None, Field(examples=["2026-03-01"])]
    """Its date."""
    first_seen_at: Instant
    """When it went out, or your first answer came."""
    changed_at: Instant
    """When its state, or what it says, changed last."""
    links: OrderLinks
    """Where it is answered."""


class PurchaseOrderPage(Told):
    """Orders, what changed last first."""

    purchase_orders: list[PurchaseOrder]
    """This page."""
    links: PageLinks
    """Where the list goes on."""


class OrderStep(Told):
    """Something that happened to an order."""

    at: Instant
    """When."""
    document_type: Annotated[str, Field(examples=["purchase_order_acknowledgment"])]
    """What kind of document it was."""
    id: str
    """The document's id."""
    status: str | None
    """How it stands: of yours what was decided, of ours whether it was delivered."""
    links: dict[str, Address]
    """Where it is shown."""


class PurchaseOrderView(PurchaseOrder):
    """An order, everything that was sent about it, and the order itself."""

    history: list[OrderStep]
    """What happened, the oldest first."""
    document: Free | None
    """The canonical order as it is now (`/v1/schemas/purchase_order`); null where it did not go out from here."""
