"""Documents that a partner sends, and what became of them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.api.models.parts import (
    OPEN_WORDS,
    Address,
    DocumentId,
    Free,
    Instant,
    PageLinks,
    SelfLink,
    SubmissionId,
    Told,
)

SubmissionStatus: TypeAlias = Annotated[
    Literal["received", "processing", "queued", "published", "rejected", "parked", "held"],
    Field(
        json_schema_extra=OPEN_WORDS,
        description="received: kept, to be read. processing: it is being read. queued: read, on its way to our ERP. "
        "published: our ERP has everything that was accepted. rejected: nothing of it was accepted, `reason` says why. "
        "parked: a fault of ours, it is tried again. held: kept until your profile is live or testing again.",
    ),
]
SubmissionOutcome: TypeAlias = Annotated[
    Literal["in_progress", "accepted", "rejected", "delayed", "on_hold"],
    Field(
        json_schema_extra=OPEN_WORDS,
        description="The same in words of business. in_progress: it is being read. accepted: it was read, and what was "
        "accepted went on. rejected: nothing of it was accepted. delayed: a fault of ours keeps it back. on_hold: your "
        "profile is suspended.",
    ),
]
DocumentStatus: TypeAlias = Annotated[
    str, Field(description="accepted, accepted_with_errors or rejected.", examples=["accepted"])
]


class Finding(Told):
    """One departure from the standard, the agreement or the schema, with its place."""

    level: Annotated[
        Literal["file", "interchange", "group", "transaction_set", "segment", "element", "document"],
        Field(examples=["element"]),
    ]
    """What it speaks of."""
    code: Annotated[str, Field(examples=["1"])]
    """The standard's code on that level (TA105, AK905, AK502, AK304, AK403), or the name of a rule."""
    message: Annotated[str, Field(examples=["BEG02, the order type, is missing"])]
    """What is wrong and what to do."""
    severity: Literal["error", "warning"]
    """An error rejects what it stands on, a warning does not."""
    segment: str | None
    """The X12 segment, such as BEG."""
    position: int | None
    """Its position in the transaction set, ST being 1."""
    element: int | None
    """The element in the segment, from 1."""
    value: str | None
    """The offending value, shortened."""
    byte_offset: int | None
    """Where in what was sent, from 0."""
    component: int | None = None
    """The component of a composite element, from 1."""
    pointer: str | None = None
    """JSON pointer or XPath, for JSON and XML."""
    line: int | None = None
    """The line, for JSON and XML, from 1."""
    loop: str | None = None
    """The loop that the segment stands in."""
    data_element: str | None = None
    """The number of the element in the X12 dictionary."""
    implementation_code: str | None = None
    """What a 999 says in IK304 or IK403, where our agreement asks for more than the standard."""


class Submission(Told):
    """What was kept, durably. Its fate stands under its address."""

    id: SubmissionId
    """Its id with us."""
    status: Annotated[Literal["received", "held"], Field(examples=["received"])]
    """held: your profile is suspended, it goes on by itself later."""
    received_at: Instant
    """When the last byte was here."""
    reason: str | None = None
    """Why it is held."""
    links: SelfLink
    """Where its fate is shown."""


class SubmissionRow(Told):
    """A submission in a list."""

    id: SubmissionId
    """Its id with us."""
    partner: str
    """Whose credential brought it."""
    channel: Annotated[str, Field(examples=["rest"])]
    """By which door it came: rest, as2."""
    received_at: Instant
    """When the last byte was here."""
    status: SubmissionStatus
    """Where it stands."""
    reason: str | None
    """Why it was rejected, parked or held."""
    syntax: Annotated[str | None, Field(examples=["x12"])]
    """x12, json or xml; null before it was read."""
    bytes: Annotated[int, Field(ge=0, examples=[2048])]
    """How many bytes it has."""
    filename: str | None
    """The name that you gave it (Content-Disposition)."""
    transport_id: str | None
    """Your Idempotency-Key, or the Message-ID of AS2."""
    revision: Annotated[int, Field(ge=0)]
    """How often it was read anew, at our people's wish."""
    outcome: SubmissionOutcome
    """Where it stands, in words of business."""
    meaning: str
    """What that means, and what to do, in a sentence."""
    links: SelfLink
    """Where everything about it is shown."""


class SubmissionPage(Told):
    """Submissions, the newest first."""

    submissions: list[SubmissionRow]
    """This page."""
    links: PageLinks
    """Where the list goes on."""


class PublishedEvent(Told):
    """What our ERP was told of a document."""

    id: str
    """Its id."""
    state: Annotated[str, Field(examples=["published"])]
    """staged, ready, published, held or dropped."""
    published_at: Instant | None
    """When our broker confirmed it."""
    test: bool
    """Whether it was sent as a test (ISA15 T, or a profile that is testing)."""


class ErpOutcome(Told):
    """What our ERP made of a document."""

    status: Annotated[str, Field(examples=["posted"])]
    """posted or refused."""
    code: str
    """The ERP's own code."""
    text: str
    """The ERP's own words."""
    at: Instant
    """When it said so."""


class DocumentSummary(Told):
    """One document of a submission."""

    id: DocumentId
    """Its id."""
    partner: str
    """Whose document it is."""
    type: Annotated[str | None, Field(examples=["purchase_order_acknowledgment"])]
    """What kind of document, as in `/v1/schemas`."""
    number: str | None
    """Its own number."""
    purchase_order_number: str | None
    """The order that it speaks of."""
    status: DocumentStatus
    """What was decided."""
    revision: Annotated[int, Field(ge=0)]
    """How often its submission was read anew."""
    location: Free
    """Where it stands in what was sent: interchange, group and set, or a pointer."""
    findings: list[Finding]
    """What is wrong or noteworthy."""
    findings_omitted: Annotated[int, Field(ge=0)]
    """How many more there were."""
    event: PublishedEvent | None
    """What our ERP was told."""
    erp: ErpOutcome | None
    """What our ERP made of it."""
    same_number: list[DocumentId]
    """Other documents of this type and number that you sent, the newest first: is one of them a repetition?"""


class EarnedAcknowledgment(Told):
    """A TA1, 997 or 999 that a submission earned."""

    id: str
    """Its id."""
    partner: str
    """To whom it goes."""
    kinds: Annotated[list[str], Field(examples=[["997"]])]
    """What stands in it."""
    control_number: Annotated[str | int, Field(examples=["000000001"])]
    """ISA13 of its interchange."""
    state: str
    """Where its delivery stands."""
    delivered_at: Instant | None
    """When you had it."""
    x12: str
    """The interchange itself."""


class ContentLinks(SelfLink):
    """Where it stands, and what goes with it."""

    raw: Address
    """The bytes as they were sent."""
    acknowledgment: Address | None
    """What it earned; null where it earned none, or none yet."""


class DocumentLinks(SelfLink):
    """Where it stands, and what goes with it, where you sent it yourself."""

    raw: Address | None = None
    """The bytes of its submission as they were sent."""
    acknowledgment: Address | None = None
    """What its submission earned; null where it earned none, or none yet."""
    submission: Address | None = None
    """The submission that it came in."""


class HeldDocument(DocumentSummary):
    """One document of a submission, and where it stands."""

    links: SelfLink
    """Where its content is shown."""


class EarnedAcknowledgments(Told):
    """What a submission earned."""

    acknowledgments: list[EarnedAcknowledgment]
    """Each interchange of acknowledgments."""


class SubmissionView(SubmissionRow):
    """Everything about a submission but its bytes."""

    content_type: str
    """As it was sent."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of its bytes, in hex."""
    report: Free | None
    """Its envelopes and what was wrong with them; null before it was read."""
    documents: list[HeldDocument]
    """What it holds; of very many the first."""
    documents_omitted: Annotated[int, Field(ge=0)]
    """How many more it holds; each is had by its id."""
    acknowledgments: list[EarnedAcknowledgment]
    """What it earned; of very many the first, all of them are had as X12."""
    timeline: list[Free]
    """Every step, each with `at` and `step`."""
    links: ContentLinks
    """Its own address, and what goes with it."""


class DocumentView(DocumentSummary):
    """One document, with its canonical content."""

    message: SubmissionId
    """The submission that it came in."""
    came_by: str
    """Whose credential brought it."""
    message_status: SubmissionStatus
    """Where the submission stands."""
    document: Free | None
    """The canonical document (`/v1/schemas/{type}`); null where none could be made."""
    timeline: list[Free]
    """Every step, each with `at` and `step`."""
    links: DocumentLinks
    """Its own address, and what goes with it."""


class ValidatedDocument(Told):
    """One document that was checked."""

    type: Annotated[str | None, Field(examples=["invoice"])]
    """What kind of document."""
    number: str | None
    """Its own number."""
    purchase_order_number: str | None
    """The order that it speaks of."""
    status: DocumentStatus
    """What would be decided."""
    location: Free
    """Where it stands in what was sent."""
    findings: list[Finding]
    """What is wrong or noteworthy."""
    findings_omitted: Annotated[int, Field(ge=0)]
    """How many more there were."""
    document: Free | None
    """The canonical document; null where none could be made."""


class Validation(Told):
    """What would become of a document. Nothing of it is kept."""

    valid: bool
    """Whether all of it would be accepted."""
    outcome: Literal["accepted", "rejected"]
    """What would become of it; some of what is accepted may be rejected yet, see the documents."""
    reason: str | None
    """Why nothing of it would be accepted."""
    held: str | None
    """Why it would have to wait first."""
    syntax: Annotated[str | None, Field(examples=["x12"])]
    """x12, json or xml."""
    report: Free
    """The envelopes and what was wrong with them."""
    documents: list[ValidatedDocument]
    """What it holds; of very many the first."""
    documents_omitted: Annotated[int, Field(ge=0)]
    """How many more it holds."""
    acknowledgments: list[Annotated[str, Field(examples=["ISA*00*..."])]]
    """The X12 acknowledgments that it would earn; our control numbers in them are 0."""
