"""What a receiver's software says of what it was sent: functional acknowledgments and application advices."""

from datetime import date, time
from typing import ClassVar

from translators.document_parts import (
    Amount,
    Contact,
    DateReference,
    Identifier,
    IndustryCodes,
    Note,
    Party,
    Quantity,
    Reference,
    Unmapped,
)
from translators.document_structure import SCHEMA_VERSION, Header
from translators.sparse import canonical


@canonical(kw_only=True)
class ErrorContext:
    """Where an error belongs, or what brought it about (X12 CTX).

    Attributes:
        name: what tells the place, such as an element that identifies the business entity.
        position: of the segment in the transaction set, ST being 1.
        element: its position in the segment, ``component`` and ``repetition`` inside of it, all from 1.
        data_element: its number in the standard's dictionary.
    """

    name: str | None = None
    segment: str | None = None
    position: int | None = None
    loop: str | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    data_element: str | None = None


@canonical(kw_only=True)
class ElementNote:
    """An element that was found wrong (AK4, IK4).

    Attributes:
        element: its position in the segment, ``component`` and ``repetition`` inside of it, all from 1 (AK401).
        data_element: its number in the standard's dictionary (AK402).
        code: what is wrong, X12 element 723 (AK403, IK403 has 621).
        value: a copy of what was sent (AK404).
    """

    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    data_element: str | None = None
    code: str | None = None
    value: str | None = None
    contexts: tuple[ErrorContext, ...] = ()


@canonical(kw_only=True)
class SegmentNote:
    """A segment that was found wrong (AK3, IK3).

    Attributes:
        position: in the transaction set, ST being 1 (AK302).
        loop: the loop it stands in (AK303).
        code: what is wrong, X12 element 720 (AK304, IK304 has 620); ``further_codes`` what else (AK305 to AK308).
    """

    segment: str | None = None
    position: int | None = None
    loop: str | None = None
    code: str | None = None
    further_codes: tuple[str, ...] = ()
    contexts: tuple[ErrorContext, ...] = ()
    elements: tuple[ElementNote, ...] = ()


@canonical(kw_only=True)
class AcknowledgedSet:
    """One transaction set as the receiver judged it (AK2 to AK5, IK5)."""

    type: str | None = None
    control_number: str | None = None
    implementation: str | None = None
    status: str | None = None
    status_code: str | None = None
    codes: tuple[str, ...] = ()
    segments: tuple[SegmentNote, ...] = ()


@canonical(kw_only=True)
class FunctionalAcknowledgment:
    """What the receiver's software made of a functional group (X12 997 or 999).

    Attributes:
        acknowledgment_type: ``997`` or ``999``.
        functional_id: GS01 of the group (AK101); ``group_control_number`` is its GS06 (AK102).
        status: accepted, accepted_with_errors, partially_accepted or rejected; ``status_code`` as sent (AK901).
        codes: what was wrong with the group (AK905 to AK909).
    """

    schema_version: ClassVar[str] = SCHEMA_VERSION
    document_type: ClassVar[str] = "functional_acknowledgment"

    acknowledgment_type: str | None = None
    functional_id: str | None = None
    group_control_number: str | None = None
    release: str | None = None
    status: str | None = None
    status_code: str | None = None
    sets_included: int | None = None
    sets_received: int | None = None
    sets_accepted: int | None = None
    codes: tuple[str, ...] = ()
    transaction_sets: tuple[AcknowledgedSet, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()


@canonical(kw_only=True)
class ApplicationError:
    """An error that an application found in a document (X12 TED).

    Attributes:
        code: what is wrong, X12 element 647; ``message`` in words.
        segment: the segment that is wrong, ``position`` its place in the transaction set.
        element: its position in the segment, ``component`` and ``repetition`` inside of it, all from 1.
        data_element: its number in the standard's dictionary.
        value: a copy of what was sent; ``new_value`` what it was replaced by.
    """

    code: str | None = None
    message: str | None = None
    segment: str | None = None
    position: int | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    data_element: str | None = None
    value: str | None = None
    new_value: str | None = None
    notes: tuple[Note, ...] = ()
    related: "tuple[RelatedData, ...]" = ()
    contexts: tuple[ErrorContext, ...] = ()


@canonical(kw_only=True)
class RelatedData:
    """A datum that belongs to an error (X12 RED)."""

    kind: str | None = None
    description: str | None = None
    agency: str | None = None
    source: str | None = None
    code: Identifier | None = None


@canonical(kw_only=True)
class ApplicationResult:
    """What an application made of a group, a transaction set or an item of it (X12 OTI).

    Attributes:
        scope: batch, group, transaction_set or item.
        status: accepted, accepted_with_changes, accepted_with_errors, partially_accepted or rejected;
            ``status_code`` as sent (X12 element 110), which says scope and status at once.
        reference: the document by its number, such as qualifier ``PO`` and the number of an order (OTI02, OTI03).
        sender: the application that sent the document, ``receiver`` the one that took it (GS02, GS03 of its group).
        group_control_number: GS06 of the document's group; ``set_control_number`` its ST02, ``set_type`` its ST01.
    """

    scope: str | None = None
    status: str | None = None
    status_code: str | None = None
    reference: Identifier | None = None
    sender: str | None = None
    receiver: str | None = None
    group_date: date | None = None
    group_time: time | None = None
    group_control_number: str | None = None
    set_control_number: str | None = None
    set_type: str | None = None
    release: str | None = None
    purpose: str | None = None
    purpose_code: str | None = None
    transaction_type: str | None = None
    application_type: str | None = None
    action: str | None = None
    handling: str | None = None
    status_reason: str | None = None
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    contacts: tuple[Contact, ...] = ()
    amounts: tuple[Amount, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    parties: tuple[Party, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()
    errors: tuple[ApplicationError, ...] = ()


@canonical(kw_only=True)
class ApplicationAdvice(Header):
    """What the receiver's application made of documents (X12 824, UBL ApplicationResponse, cXML StatusUpdateRequest).

    Attributes:
        original_number: the document that is spoken of, where one number tells it (BGN06).
        time_zone: of ``issued_at``, X12 element 623.
        action: X12 element 306.
        results: one for each group, transaction set or item that is spoken of.
    """

    document_type: ClassVar[str] = "application_advice"

    original_number: str | None = None
    time_zone: str | None = None
    action: str | None = None
    security_level: str | None = None
    results: tuple[ApplicationResult, ...] = ()
