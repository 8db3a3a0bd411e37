"""Ship notices (X12 856) from what a supplier says is on its way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from gateway.api.answering.lines import About, Reading, dates_of, everything, of_lines, reference
from gateway.api.answers import NewShipNotice, Package, ShippedLine
from translators.document_parts import Identifier, Mark, Measure, Packages, Routing
from translators.documents import Level, OrderLine, OrderReference, PurchaseOrder, ShipNotice
from translators.x12.writing import with_context

_SHIPPED, _ESTIMATED, _EXPIRES = "011", "017", "036"  # X12 element 374
_TRACKING, _BILL_OF_LADING, _LOT, _SERIAL = "2I", "BM", "LT", "SE"  # X12 element 128
_SCAC: Final = "2"  # X12 element 66
_UNSAID: Final = ShippedLine(line="-")


def ship_notice(said: NewShipNotice, order: PurchaseOrder, today: date) -> ShipNotice:
    """The ship notice (X12 856) of goods of an order.

    Raises:
        Refused: INVALID_CONTENT, it speaks of lines that are none.
    """
    reading = Reading(order)
    packed = [
        of_lines(reading, package.lines, f"/packages/{index}/lines") for index, package in enumerate(said.packages)
    ]
    loose = of_lines(reading, said.lines, "/lines")
    if not said.lines and not any(packed):
        loose = everything(reading, _UNSAID)
    in_packages = {about.line.line_id for goods in packed for about in goods}
    for about in loose:
        if about.line.line_id in in_packages:
            message = "lies in a package, too; say of each line where its goods are, in one of the two"
            reading.fault(f"{about.place}/line", "line-twice", message)
    reading.end()
    ids = _Ids()
    shipment, of_order = ids.next(), ids.next()
    goods = [_pack(package, items, of_order, ids) for package, items in zip(said.packages, packed, strict=True)]
    goods += [_item(about, of_order, ids) for about in loose]
    ordered = Level(
        id=of_order,
        parent_id=shipment,
        kind="order",
        code="O",
        order=OrderReference(
            purchase_order_number=order.number,
            release_number=order.release_number,
            issued_on=order.issued_on,
            contract=order.contract,
        ),
        children=tuple(goods),
    )
    made = ShipNotice(
        number=said.shipment_number,
        purpose="original",
        purpose_code="00",
        issued_on=today,
        purchase_order_number=order.number,
        purchase_order_numbers=(order.number,) if order.number else (),
        dates=dates_of((_SHIPPED, said.shipped_on), (_ESTIMATED, said.estimated_delivery_on)),
    )
    return replace(with_context(made, order), levels=(_shipment(said, shipment, ordered),))


class _Ids:
    """Numbers of levels, from 1 (HL01)."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        self._last += 1
        return str(self._last)


def _shipment(said: NewShipNotice, level_id: str, ordered: Level) -> Level:
    carrier = Identifier(said.carrier_code, _SCAC) if said.carrier_code is not None else None
    routing = (Routing(carrier=carrier, description=said.carrier),) if carrier or said.carrier else ()
    references = [reference(_BILL_OF_LADING, said.bill_of_lading)] if said.bill_of_lading is not None else []
    references += [reference(_TRACKING, number) for number in said.tracking_numbers]
    packages = (Packages(quantity=Decimal(len(said.packages))),) if said.packages else ()
    return Level(
        id=level_id,
        kind="shipment",
        code="S",
        references=tuple(references),
        routing=routing,
        packages=packages,
        children=(ordered,),
    )


def _pack(package: Package, goods: Sequence[About[ShippedLine]], parent: str, ids: _Ids) -> Level:
    level_id = ids.next()
    weight = Measure(package.weight_kg, "G", "KGM") if package.weight_kg is not None else None
    marks = (Mark("GM", number=f"00{package.sscc}", sscc=package.sscc),) if package.sscc is not None else ()
    return Level(
        id=level_id,
        parent_id=parent,
        kind="pack",
        code="P",
        references=(reference(_TRACKING, package.tracking_number),) if package.tracking_number is not None else (),
        packages=(Packages(quantity=Decimal(1), weight=weight),) if weight is not None else (),
        marks=marks,
        children=tuple(_item(about, level_id, ids) for about in goods),
    )


def _ordered(line: OrderLine) -> Measure | None:
    return None if line.quantity is None else Measure(line.quantity, unit=line.unit, unit_as_sent=line.unit_as_sent)


def _item(about: About[ShippedLine], parent: str, ids: _Ids) -> Level:
    said, (unit, as_sent) = about.said, about.unit
    references = [reference(_LOT, said.lot)] if said.lot is not None else []
    references += [reference(_SERIAL, number) for number in said.serial_numbers]
    return Level(
        id=ids.next(),
        parent_id=parent,
        kind="item",
        code="I",
        line_id=about.line.line_id,
        quantity=about.quantity,
        unit=unit,
        unit_as_sent=as_sent,
        quantity_ordered=_ordered(about.line),
        product_ids=about.line.product_ids,
        descriptions=about.line.descriptions,
        references=tuple(references),
        dates=dates_of((_EXPIRES, said.expires_on)),
    )
