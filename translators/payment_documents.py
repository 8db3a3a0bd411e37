"""What was paid, and for what."""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from translators.document_parts import (
    Contact,
    DateReference,
    Identifier,
    Note,
    Party,
    Reference,
)
from translators.document_structure import Header, Item, Subline
from translators.sparse import canonical


@canonical(kw_only=True)
class Trace:
    """A number that leads from a payment to its advice (X12 TRN).

    Attributes:
        type: X12 element 481.
        originator: who gave the number (X12 element 509).
    """

    type: str | None = None
    number: str | None = None
    originator: str | None = None
    reference: str | None = None


@canonical(kw_only=True)
class RemittanceLine(Item):
    """A line of a document that was paid, or the reason of an adjustment (X12 IT1 in 820)."""

    line_id: str | None = None
    sublines: tuple[Subline, ...] = ()


@canonical(kw_only=True)
class Adjustment:
    """An amount taken off or added for a reason (X12 ADX).

    Attributes:
        amount: negative for what is not paid.
        reason: X12 element 426.
        reference: the document that tells why.
    """

    amount: Decimal | None = None
    reason: str | None = None
    reference: Identifier | None = None
    notes: tuple[Note, ...] = ()
    contacts: tuple[Contact, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    lines: tuple[RemittanceLine, ...] = ()


@canonical(kw_only=True)
class PaidDocument:
    """A document that is paid, in full or in part (X12 RMR; up to 003010 RMT).

    Attributes:
        reference: the document, such as qualifier ``IV`` and the number of an invoice.
        action: X12 element 482.
        amount_paid: what is paid of it.
        amount: what it comes to.
        amount_subject_to_discount: the part of it that a discount may be taken of; ``amount_discounted`` what is due
            when it is taken (RMT05, RMT06).
        discount: what was taken as discount.
        adjustment: an amount not paid for ``adjustment_reason`` (X12 element 426).
    """

    reference: Identifier | None = None
    action: str | None = None
    amount_paid: Decimal | None = None
    amount: Decimal | None = None
    amount_subject_to_discount: Decimal | None = None
    amount_discounted: Decimal | None = None
    discount: Decimal | None = None
    adjustment: Decimal | None = None
    adjustment_reason: str | None = None
    description: str | None = None
    currency: str | None = None
    currency_party: str | None = None
    exchange_rate: Decimal | None = None
    notes: tuple[Note, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    lines: tuple[RemittanceLine, ...] = ()


@canonical(kw_only=True)
class RemittanceEntity:
    """Whom a part of a payment concerns, and the documents it pays (X12 ENT).

    Attributes:
        id: its number in the advice (ENT01).
        role: X12 element 98 in words, ``role_code`` as sent; ``identifier`` is its id.
        related_role_code: another one concerned, with its id in ``related_identifier``.
    """

    id: str | None = None
    role: str | None = None
    role_code: str | None = None
    name: str | None = None
    identifier: Identifier | None = None
    related_role_code: str | None = None
    related_identifier: Identifier | None = None
    reference: Identifier | None = None
    parties: tuple[Party, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    documents: tuple[PaidDocument, ...] = ()


@canonical(kw_only=True)
class RemittanceAdvice(Header):
    """What was paid, how, and which documents it pays (X12 820, UBL RemittanceAdvice, cXML PaymentRemittanceRequest).

    Attributes:
        number: the number that the payment is traced by (the first TRN02).
        handling: what the receiver is to do, X12 element 305, such as ``I`` for remittance information only.
        amount: what is paid; ``credit_debit`` is X12 element 478.
        payment_method: X12 element 591; ``payment_format`` X12 element 812.
        payer_bank: X12 element 506 as its qualifier; ``payer_account`` has X12 element 569.
        return_bank: where the money goes if it cannot be delivered, with ``return_account``.
        originator: who lets the bank pay (BPR10), with ``originator_detail`` (BPR11).
        effective_on: when the money is to be there; ``settled_on`` when it was (BPS13).
        entities: whom the payment concerns, each with the documents that are paid.
    """

    document_type: ClassVar[str] = "remittance_advice"

    handling: str | None = None
    amount: Decimal | None = None
    credit_debit: str | None = None
    payment_method: str | None = None
    payment_format: str | None = None
    payer_bank: Identifier | None = None
    payer_account: Identifier | None = None
    originator: str | None = None
    originator_detail: str | None = None
    payee_bank: Identifier | None = None
    payee_account: Identifier | None = None
    effective_on: date | None = None
    settled_on: date | None = None
    business_function: str | None = None
    return_bank: Identifier | None = None
    return_account: Identifier | None = None
    traces: tuple[Trace, ...] = ()
    entities: tuple[RemittanceEntity, ...] = ()
