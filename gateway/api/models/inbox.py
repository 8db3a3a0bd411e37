"""What we have for a partner."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.parts import OPEN_WORDS, Address, Asked, Instant, PageLinks, Told


class InboxLinks(Told):
    """Where a document of the inbox is fetched and answered."""

    self_: Annotated[Address, Field(alias="self")]
    """Its own address."""
    content: Address
    """GET the document here."""
    confirm: Address
    """POST here once you have it."""
    decline: Address
    """POST here where you cannot take it."""


class InboxItem(Told):
    """A document for you."""

    id: Annotated[str, Field(examples=["01JNPG7W3Q8Z5V4T2R1S0XKCDA"])]
    """Its id."""
    kind: Annotated[str, Field(examples=["document"])]
    """document, acknowledgment (a TA1, 997 or 999 for what you sent), file or test."""
    type: Annotated[str | None, Field(examples=["purchase_order"])]
    """What kind of document, as in `/v1/schemas`; null where it is none of those."""
    number: str | None
    """Its own number."""
    purchase_order_number: str | None
    """The order that it speaks of."""
    status: Annotated[
        Literal["available", "waiting", "held", "confirmed", "declined", "overdue", "cancelled"],
        Field(json_schema_extra=OPEN_WORDS, examples=["available"]),
    ]
    """available: fetch and confirm it. waiting: an earlier one of its line is not confirmed yet; it may be fetched all
    the same. held: your profile is suspended. confirmed, declined: by you. overdue: it was not confirmed in time, our
    people look after it. cancelled: it is of no more use."""
    test: bool
    """Your profile is tested: nothing of it is for real."""
    reason: str | None
    """Why you declined it, in your words."""
    waits_for: str | None
    """The earlier document that is to be confirmed first."""
    available_at: Instant
    """Since when it lies here."""
    confirm_by: Instant | None
    """When our people are told that you have not confirmed it."""
    content_types: Annotated[list[str], Field(examples=[["application/edi-x12", "application/json"]])]
    """Media types that it can be had in, the agreed one first."""
    bytes: Annotated[int, Field(ge=0)]
    """How many bytes it has, in the first of them."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of those bytes, in hex."""
    links: InboxLinks
    """Where it is fetched and answered."""


class InboxPage(Told):
    """Documents for you, the oldest first."""

    documents: list[InboxItem]
    """This page."""
    links: PageLinks
    """Where the list goes on."""


class Confirmation(Asked):
    """That you have a document; everything in it may be left out, and the body itself."""

    reference: Annotated[str, Field(max_length=255, examples=["job 4711"])] = ""
    """What you call it; kept in its timeline."""


class Declination(Asked):
    """That you cannot take a document."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000, examples=["line 3 names an item that we do not make"])]
    """Why, for our people: they get it as a case."""
