"""The parts that canonical documents are made of.

Every field is optional unless it has no default: partners leave out what the standard lets them. Codes stay as sent;
beside a code stands ``label`` or a word for programs where we know one.
"""

import datetime as dt
from decimal import Decimal

from translators.sparse import canonical


@canonical
class CodeAsSent:
    """A code with the list it was taken from.

    Attributes:
        code: the code as the partner sent it.
        list: the code list: ``x12_355``, ``rec20``, ``cxml``, or ``partner`` for a code of theirs that is in none.
        factor: so many of the unit beside it are one of this code, where the numbers were put in that unit.
    """

    code: str
    list: str
    factor: Decimal | None = None


@canonical
class Measure:
    """A number with its unit.

    Attributes:
        qualifier: what was measured, such as ``G`` for gross weight.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
    """

    value: Decimal
    qualifier: str | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None


@canonical
class Identifier:
    """An id and the scheme it comes from (X12 element 66, ISO 6523, a cXML domain)."""

    id: str
    qualifier: str | None = None


@canonical
class ProductId:
    """An item number and whose it is (X12 element 235: VP the seller's, BP the buyer's, UP a GTIN-12).

    Attributes:
        qualifier_as_sent: the partner's qualifier, where it means another in this document.
    """

    id: str
    qualifier: str | None = None
    label: str | None = None
    qualifier_as_sent: str | None = None


@canonical
class Reference:
    """A reference to something else: a contract, a bill of lading, an account.

    Attributes:
        qualifier_as_sent: the partner's qualifier, where it means another in this document.
    """

    qualifier: str | None = None
    label: str | None = None
    value: str | None = None
    description: str | None = None
    dates: "tuple[DateReference, ...]" = ()
    qualifier_as_sent: str | None = None


@canonical
class DateReference:
    """A date and what it means.

    Attributes:
        time_zone: time zone code as sent (X12 element 623) or an offset such as ``+02:00``.
        period: a date or period in another form, as sent, with its ``period_format`` (X12 elements 1250 and 1251).
        qualifier_as_sent: the partner's qualifier, where it means another in this document.
    """

    qualifier: str | None = None
    label: str | None = None
    date: dt.date | None = None
    time: dt.time | None = None
    time_zone: str | None = None
    period_format: str | None = None
    period: str | None = None
    qualifier_as_sent: str | None = None


@canonical
class Communication:
    """A telephone number, a mail address or another way to reach somebody."""

    number: str
    qualifier: str | None = None
    label: str | None = None


@canonical
class Contact:
    """A person or department (X12 PER).

    Attributes:
        function: X12 element 366, such as ``BD`` for the buyer.
        reference: a number to ask for (X12 element 443).
    """

    function: str | None = None
    label: str | None = None
    name: str | None = None
    communications: tuple[Communication, ...] = ()
    reference: str | None = None


@canonical
class Address:
    """A postal address; ``location`` is a place code under ``location_qualifier``.

    Attributes:
        subdivision: of the country, X12 element 1715; ``county`` X12 element 1096.
        components: further parts with their kind (X12 element 1106).
    """

    lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    location_qualifier: str | None = None
    location: str | None = None
    subdivision: str | None = None
    county: str | None = None
    components: tuple[Identifier, ...] = ()


@canonical
class Note:
    """Free text, the lines of one message joined by line ends.

    Attributes:
        qualifier: what the note is, X12 element 363 or 128; ``text_qualifier`` what its text is, where both are said.
    """

    qualifier: str | None = None
    reference: str | None = None
    description: str | None = None
    text: str | None = None
    date: dt.date | None = None
    time: dt.time | None = None
    dates: tuple[DateReference, ...] = ()
    language: str | None = None
    text_qualifier: str | None = None
    time_zone: str | None = None


@canonical
class DeliveryTerms:
    """Who pays the freight, under which trade term, and where the risk passes (X12 FOB).

    Attributes:
        freight_payment: X12 element 146, such as ``CC`` for collect.
        terms: the trade term such as an Incoterm; ``terms_list`` says which edition (X12 element 334).
    """

    freight_payment: str | None = None
    label: str | None = None
    place_qualifier: str | None = None
    place: str | None = None
    terms_list: str | None = None
    terms: str | None = None
    terms_place_qualifier: str | None = None
    terms_place: str | None = None
    risk_of_loss: str | None = None
    description: str | None = None


@canonical
class Routing:
    """Who carries the goods, and how (X12 TD5, in invoices CAD).

    Attributes:
        sequence: place in a chain of carriers, X12 element 133.
        carrier: its id; under qualifier ``2`` a SCAC.
        scac: the carrier's SCAC where it is sent without a qualifier (CAD04).
        mode: X12 element 91, such as ``M`` for a common motor carrier; ``label`` speaks of it.
        status: X12 element 368.
        transit_time: in the unit that ``transit_time_qualifier`` names (X12 element 732).
        service_levels: X12 element 284.
    """

    sequence: str | None = None
    carrier: Identifier | None = None
    mode: str | None = None
    label: str | None = None
    description: str | None = None
    status: str | None = None
    location_qualifier: str | None = None
    location: str | None = None
    transit_direction: str | None = None
    transit_time_qualifier: str | None = None
    transit_time: Decimal | None = None
    service_levels: tuple[str, ...] = ()
    country: str | None = None
    scac: str | None = None
    equipment_initial: str | None = None
    equipment_number: str | None = None
    reference: Identifier | None = None


@canonical
class Equipment:
    """A trailer, container or other vehicle with its seal (X12 TD3)."""

    description_code: str | None = None
    initial: str | None = None
    number: str | None = None
    weight: Measure | None = None
    ownership: str | None = None
    seal_status: str | None = None
    seal_number: str | None = None
    equipment_type: str | None = None


@canonical
class Packages:
    """A count of packages with weight and volume (X12 TD1)."""

    packaging_code: str | None = None
    quantity: Decimal | None = None
    commodity_qualifier: str | None = None
    commodity: str | None = None
    description: str | None = None
    weight: Measure | None = None
    volume: Measure | None = None


@canonical
class SpecialHandling:
    """Hazard or handling that the goods need (X12 TD4)."""

    code: str | None = None
    hazard_qualifier: str | None = None
    hazard_class: str | None = None
    description: str | None = None
    is_hazardous: str | None = None


@canonical
class PaymentTerms:
    """When what is to be paid (X12 ITD).

    Attributes:
        type: X12 element 336.
        basis: the date that the days are counted from, X12 element 333.
    """

    type: str | None = None
    label: str | None = None
    basis: str | None = None
    discount_percent: Decimal | None = None
    discount_due_on: dt.date | None = None
    discount_days: Decimal | None = None
    due_on: dt.date | None = None
    net_days: Decimal | None = None
    discount_amount: Decimal | None = None
    deferred_due_on: dt.date | None = None
    deferred_amount: Decimal | None = None
    percent_payable: Decimal | None = None
    description: str | None = None
    day_of_month: Decimal | None = None
    payment_method: str | None = None
    percent: Decimal | None = None


@canonical
class Tax:
    """A tax, its rate and amount, or an exemption (X12 TXI, TAX).

    Attributes:
        type: X12 element 963.
        amount: in the document's currency; ``base_amount`` is what it was reckoned from.
        percent: the rate, ``8.25`` for 8.25 %.
        exempt_code: X12 element 441.
        relationship: whether the amount is already in the price, X12 element 662.
    """

    type: str | None = None
    label: str | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    jurisdiction_qualifier: str | None = None
    jurisdiction: str | None = None
    exempt_code: str | None = None
    relationship: str | None = None
    base_amount: Decimal | None = None
    tax_id: str | None = None
    line_id: str | None = None
    locations: tuple[Identifier, ...] = ()


@canonical
class AllowanceCharge:
    """Something taken off or added.

    Attributes:
        indicator: ``A`` allowance, ``C`` charge, ``N`` neither, ``P`` promotion and so on (X12 element 248).
        is_charge: true for a charge, false for an allowance, absent otherwise.
        code: X12 element 1300, or a UNCL code by its list in ``agency``.
        amount: in the document's currency, the point explicit.
        handling: X12 element 331; ``15`` is information only, not to be added.
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``rate_as_sent``.
    """

    indicator: str | None = None
    is_charge: bool | None = None
    code: str | None = None
    label: str | None = None
    agency: str | None = None
    agency_code: str | None = None
    amount: Decimal | None = None
    percent_basis: str | None = None
    percent: Decimal | None = None
    rate: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity: Decimal | None = None
    quantity_to: Decimal | None = None
    handling: str | None = None
    reference: str | None = None
    option: str | None = None
    description: str | None = None
    language: str | None = None
    currency: str | None = None
    currency_party: str | None = None
    exchange_rate: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    quantity_as_sent: Decimal | None = None
    rate_as_sent: Decimal | None = None


@canonical
class Amount:
    """An amount of money and what it is (X12 AMT: TT total, 1 line amount)."""

    qualifier: str | None = None
    amount: Decimal | None = None
    credit_debit: str | None = None
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    percents: "tuple[Percent, ...]" = ()
    financial_codes: "tuple[FinancialCodes, ...]" = ()


@canonical
class Price:
    """A price beside the unit price (X12 CTP).

    Attributes:
        class_of_trade: X12 element 687.
        kind: X12 element 236, such as ``RES`` for the resale price.
        unit_price: for one ``unit``, or per what ``basis`` says (X12 element 639).
        quantity: what must be bought for the price to hold.
        multiplier: by ``multiplier_qualifier`` (X12 element 648).
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``unit_price_as_sent``.
    """

    class_of_trade: str | None = None
    kind: str | None = None
    unit_price: Decimal | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    multiplier_qualifier: str | None = None
    multiplier: Decimal | None = None
    amount: Decimal | None = None
    basis: str | None = None
    condition: str | None = None
    multiple_price_quantity: Decimal | None = None
    currency: str | None = None
    currency_party: str | None = None
    exchange_rate: Decimal | None = None
    quantity_as_sent: Decimal | None = None
    unit_price_as_sent: Decimal | None = None


@canonical
class Measurement:
    """A measured property, or its range (X12 MEA).

    Attributes:
        reference: what was measured, X12 element 737; ``qualifier`` which property of it, X12 element 738.
        unit: Rec 20 code of value, minimum and maximum, or null when the code as sent has no sure counterpart.
    """

    reference: str | None = None
    qualifier: str | None = None
    value: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    significance: str | None = None
    attribute: str | None = None
    surface: str | None = None
    method: str | None = None
    code: Identifier | None = None


@canonical
class Description:
    """What an item is, as text or as a code of an agency (X12 PID)."""

    type: str | None = None
    characteristic: str | None = None
    agency: str | None = None
    code: str | None = None
    text: str | None = None
    surface: str | None = None
    source: str | None = None
    response: str | None = None
    language: str | None = None
    measurements: tuple[Measurement, ...] = ()


@canonical
class Pack:
    """How an item is packed (X12 PO4).

    Attributes:
        pack: inner units in a pack; ``inner_pack`` inner packs in it.
        size: size of the supplier's units with its unit.
        dimension_unit: Rec 20 code of length, width and height.
    """

    pack: Decimal | None = None
    size: Measure | None = None
    packaging_code: str | None = None
    gross_weight: Measure | None = None
    gross_volume: Measure | None = None
    length: Decimal | None = None
    width: Decimal | None = None
    height: Decimal | None = None
    dimension_unit: str | None = None
    dimension_unit_as_sent: CodeAsSent | None = None
    inner_pack: Decimal | None = None
    surface: str | None = None
    assigned_id: str | None = None
    assigned_id_to: str | None = None
    number: Decimal | None = None


@canonical
class Pallet:
    """How a pallet is built (X12 PAL).

    Attributes:
        type: X12 element 883.
        tiers: layers; ``blocks`` cartons in a layer; ``pack`` inner units in a carton.
        dimension_unit: Rec 20 code of length, width and height.
        exchange: X12 element 399.
    """

    type: str | None = None
    tiers: Decimal | None = None
    blocks: Decimal | None = None
    pack: Decimal | None = None
    unit_weight: Measure | None = None
    length: Decimal | None = None
    width: Decimal | None = None
    height: Decimal | None = None
    dimension_unit: str | None = None
    dimension_unit_as_sent: CodeAsSent | None = None
    gross_weight: Measure | None = None
    gross_volume: Measure | None = None
    exchange: str | None = None
    inner_pack: Decimal | None = None


@canonical
class Mark:
    """A number on a package (X12 MAN); ``sscc`` holds its 18 digits where it is one."""

    qualifier: str | None = None
    label: str | None = None
    number: str | None = None
    number_to: str | None = None
    sscc: str | None = None


@canonical
class PackagingDescription:
    """How goods are to be packed, as text or as a code of an agency (X12 PKG)."""

    type: str | None = None
    characteristic: str | None = None
    agency: str | None = None
    code: str | None = None
    text: str | None = None
    unit_load: str | None = None
    measurements: tuple[Measurement, ...] = ()


@canonical
class Paperwork:
    """A paper or file that goes with the document (X12 PWK)."""

    type: str | None = None
    transmission: str | None = None
    copies: Decimal | None = None
    party_role: str | None = None
    party: Identifier | None = None
    description: str | None = None
    request_category: str | None = None
    code: Identifier | None = None


@canonical
class SalesRequirement:
    """What must be kept in filling the order, such as "ship complete" (X12 CSH, IT8)."""

    code: str | None = None
    action: str | None = None
    amount: Decimal | None = None
    account: str | None = None
    date: dt.date | None = None
    agency: str | None = None
    service: str | None = None
    substitution: str | None = None
    percent: Decimal | None = None
    percent_qualifier: str | None = None
    product_ids: tuple[ProductId, ...] = ()


@canonical
class Quantity:
    """A further quantity and what it is (X12 QTY).

    Attributes:
        qualifier: X12 element 673.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    qualifier: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    text: str | None = None
    quantity_as_sent: Decimal | None = None


@canonical
class LeadTime:
    """How long something takes (X12 LDT).

    Attributes:
        code: from what to what, X12 element 345.
        quantity: the time, counted in what ``period`` names (X12 element 344).
    """

    code: str | None = None
    quantity: Decimal | None = None
    period: str | None = None
    date: dt.date | None = None
    notes: tuple[Note, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()
    industry_codes: "tuple[IndustryCodes, ...]" = ()


@canonical
class Schedule:
    """Part of a line's quantity with its own dates (X12 SCH).

    Attributes:
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    role: str | None = None
    role_code: str | None = None
    name: str | None = None
    dates: tuple[DateReference, ...] = ()
    request_reference: str | None = None
    line_id: str | None = None
    references: tuple[Reference, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    quantity_as_sent: Decimal | None = None


@canonical
class Split:
    """The part of a line's quantity that goes to one store or location (X12 SDQ).

    Attributes:
        location_as_sent: the partner's own name of it, where it is named by another.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    location: str | None = None
    location_qualifier: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    place: str | None = None
    quantity_as_sent: Decimal | None = None
    location_as_sent: Identifier | None = None


@canonical
class Party:
    """Somebody with a part in the business.

    Attributes:
        role: what the party is here, such as ``buyer``, ``seller``, ``ship_to``, ``bill_to``.
        role_code: the code as sent (X12 element 98).
        entity_type: ``1`` for a person, whose family name is ``name`` (X12 element 1065).
        name_components: parts of the name with their kind (X12 element 1104).
        role_code_as_sent: the partner's code, where it means another in this document.
    """

    role: str | None = None
    role_code: str | None = None
    name: str | None = None
    additional_names: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    notes: tuple[Note, ...] = ()
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    relationship: str | None = None
    related_role_code: str | None = None
    entity_type: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    name_prefix: str | None = None
    name_suffix: str | None = None
    name_components: tuple[Identifier, ...] = ()
    role_code_as_sent: str | None = None


@canonical
class Acknowledgment:
    """What the seller says of a line; several may stand on one line.

    Attributes:
        status: accepted, accepted_with_changes, quantity_changed, price_changed, date_changed, substituted,
            partly_backordered, backordered, rejected, deleted, on_hold, price_to_follow or date_to_follow.
        code: the code as sent (X12 element 668).
        derived: true when the partner sent no status for the line and it follows from that of the whole document.
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``unit_price_as_sent``.
    """

    status: str | None = None
    code: str | None = None
    label: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    unit_price: Decimal | None = None
    dates: tuple[DateReference, ...] = ()
    request_reference: str | None = None
    product_ids: tuple[ProductId, ...] = ()
    agency: str | None = None
    source: str | None = None
    industry_code: str | None = None
    derived: bool | None = None
    quantity_as_sent: Decimal | None = None
    unit_price_as_sent: Decimal | None = None


@canonical
class UnmappedElement:
    """An element's value as sent, with its place in the segment (all counts from 1)."""

    element: int
    value: str
    component: int | None = None
    repetition: int | None = None


@canonical
class Unmapped:
    """What found no field: a whole segment, or of a mapped segment the elements left over.

    Attributes:
        segment: the segment's code.
        position: its position in the transaction set, ST being 1.
        loop: the loops it stands in, joined by ``/``; absent outside of any.
        place: which of its like it is: ``PO1[3]/REF[2]`` is the second REF of the third PO1; levels go by their id.
    """

    segment: str
    position: int
    loop: str | None = None
    elements: tuple[UnmappedElement, ...] = ()
    place: str | None = None


@canonical
class Totals:
    """Counts and sums at the end of a document (X12 CTT).

    Attributes:
        hash_total: a sum of quantities over all lines, no money.
    """

    line_count: Decimal | None = None
    hash_total: Decimal | None = None
    weight: Measure | None = None
    volume: Measure | None = None
    description: str | None = None
    amounts: tuple[Amount, ...] = ()


@canonical
class IndustryCodes:
    """Codes of an industry or agency, each under its list (X12 LM and LQ; lists are X12 element 1270)."""

    agency: str | None = None
    source: str | None = None
    codes: tuple[Identifier, ...] = ()


@canonical
class ServiceCharacteristics:
    """What a service is, in the codes of an agency (X12 SI)."""

    agency: str | None = None
    characteristics: tuple[Identifier, ...] = ()


@canonical
class Percent:
    """A percentage and what it is (X12 PCT, element 1004)."""

    qualifier: str | None = None
    percent: Decimal | None = None


@canonical
class Restriction:
    """A condition on what may be ordered or shipped (X12 CTB).

    Attributes:
        qualifier: X12 element 688, such as ``MN`` for a minimum.
        unit: Rec 20 code of the quantity, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    qualifier: str | None = None
    description: str | None = None
    quantity_qualifier: str | None = None
    quantity: Decimal | None = None
    amount_qualifier: str | None = None
    amount: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity_as_sent: Decimal | None = None


@canonical
class ContractTerms:
    """The contract that a line is bought under (X12 CN1).

    Attributes:
        type: X12 element 1166.
    """

    type: str | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    number: str | None = None
    discount_percent: Decimal | None = None
    version: str | None = None


@canonical
class FinancialCodes:
    """Where an amount is booked, in the codes of an agency (X12 FA1 and FA2; kinds are X12 element 1196)."""

    agency: str | None = None
    code: str | None = None
    label: str | None = None
    indicator: str | None = None
    codes: tuple[Identifier, ...] = ()


@canonical
class Condition:
    """A condition and whether it is met (X12 YNQ).

    Attributes:
        condition: X12 element 1321, or ``code`` under its list.
        response: ``Y`` yes, ``N`` no, ``U`` unknown, ``W`` not applicable (X12 element 1073).
    """

    condition: str | None = None
    response: str | None = None
    period_format: str | None = None
    period: str | None = None
    text: str | None = None
    code: Identifier | None = None


@canonical
class ItemDetail:
    """A price, quantity or date that differs from the line's for a reason (X12 PO3).

    Attributes:
        reason: X12 element 371; ``price_kind`` X12 element 236.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``unit_price_as_sent``.
    """

    reason: str | None = None
    date: dt.date | None = None
    price_kind: str | None = None
    unit_price: Decimal | None = None
    price_basis: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    description: str | None = None
    quantity_as_sent: Decimal | None = None
    unit_price_as_sent: Decimal | None = None


@canonical
class ShippedQuantity:
    """What was shipped of a line, and how it differs from what was ordered (X12 IT3).

    Attributes:
        status: X12 element 368; ``reason`` of the difference X12 element 371.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    status: str | None = None
    difference: Decimal | None = None
    reason: str | None = None
    quantity_as_sent: Decimal | None = None


@canonical
class ShipmentTotals:
    """What a shipment comes to (X12 ISS).

    Attributes:
        quantity: units shipped.
        pallets: pallets of others among them, with ``pallets_weight`` as sent.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    weight: Measure | None = None
    volume: Measure | None = None
    pallets: Decimal | None = None
    pallets_weight: Decimal | None = None
    descriptions: tuple[Description, ...] = ()
    quantity_as_sent: Decimal | None = None


@canonical
class Balance:
    """An amount that an account stands at (X12 BAL: element 951 and 522)."""

    type: str | None = None
    qualifier: str | None = None
    amount: Decimal | None = None


@canonical
class Load:
    """How a shipped item is loaded (X12 CLD).

    Attributes:
        loads: how many of them, each with ``quantity`` units in a package of ``size``.
    """

    loads: Decimal | None = None
    quantity: Decimal | None = None
    packaging_code: str | None = None
    size: Measure | None = None
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
