"""The lines of a ship notice and its orders, as they follow from the tree of its levels, whatever the syntax."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from translators.document_parts import Measure, ProductId
from translators.documents import Item, Level, OrderReference, PackageReference, ShipNotice, ShipNoticeLine

_PACKAGES: Final = frozenset({"T", "P", "Q"})


def lines_of(levels: Sequence[Level]) -> list[ShipNoticeLine]:
    """The goods of a tree, flattened: each with its order and the packages around and below it."""
    return [line for level in levels for line in _lines(level, ())]


def orders_of(levels: Sequence[Level]) -> list[str]:
    """The numbers of the orders that a tree names, each once."""
    return list(dict.fromkeys(_order_numbers(levels)))


def with_what_follows(notice: ShipNotice) -> ShipNotice:
    """The notice with the lines and orders of its levels, where its sender gave none; what was given stays."""
    if not notice.levels:
        return notice
    given: dict[str, Any] = {}
    orders = orders_of(notice.levels)
    if not notice.lines:
        given["lines"] = tuple(lines_of(notice.levels))
    if not notice.purchase_order_numbers:
        given["purchase_order_numbers"] = tuple(orders)
        if notice.purchase_order_number is None and len(orders) == 1:
            given["purchase_order_number"] = orders[0]
    return replace(notice, **given) if given else notice


def _order_numbers(levels: Sequence[Level]) -> Iterator[str]:
    for level in levels:
        if level.order is not None and level.order.purchase_order_number is not None:
            yield level.order.purchase_order_number
        yield from _order_numbers(level.children)


def _lines(level: Level, above: tuple[Level, ...]) -> Iterator[ShipNoticeLine]:
    """The items at and below a level; ``above`` are the levels around it, the outermost first."""
    if _is_item(level) or (_holds_goods(level) and not any(map(_is_item, above)) and not _has_item(level)):
        yield _line(level, above)
    for child in level.children:
        yield from _lines(child, (*above, level))


def _is_item(level: Level) -> bool:
    # A pack below its item (S-O-I-P) repeats a quantity, but only the level of the item is a line.
    return level.code == "I" or (level.code is None and bool(level.product_ids))


def _holds_goods(level: Level) -> bool:
    # Some name the goods on the pack (S-O-P) or on the order, and have no level for items.
    return bool(level.product_ids) and level.quantity is not None


def _has_item(level: Level) -> bool:
    return any(_is_item(child) or _holds_goods(child) or _has_item(child) for child in level.children)


def _line(level: Level, above: tuple[Level, ...]) -> ShipNoticeLine:
    order = next((held.order for held in (level, *reversed(above)) if held.order is not None), OrderReference())
    around = [_package(held) for held in reversed(above) if _is_package(held)]
    own = [_package(level)] if level.marks else []
    below = [_package(held, with_quantity=True) for held in _below(level) if _is_package(held)]
    quantity_ordered: Measure | None = level.quantity_ordered
    return ShipNoticeLine(
        line_id=_line_id(level, order),
        level_id=level.id,
        purchase_order_number=order.purchase_order_number,
        release_number=order.release_number,
        purchase_order_date=order.issued_on,
        quantity=level.quantity,
        unit=level.unit,
        unit_as_sent=level.unit_as_sent,
        quantity_ordered=quantity_ordered,
        quantity_shipped_to_date=level.quantity_shipped_to_date,
        status=level.status,
        product_ids=level.product_ids,
        descriptions=level.descriptions,
        references=level.references,
        dates=level.dates,
        packages=(*below, *own, *around),
    )


def _line_id(level: Level, order: OrderReference) -> str | None:
    """The order's line: a PL id or REF*LI say so; else LIN01, SN101 or PRF05, which by custom repeat it."""
    named = _product_id(level, "PL") or next((held.value for held in level.references if held.qualifier == "LI"), None)
    return named or level.line_id or order.line_id


def _product_id(item: Item, qualifier: str) -> str | None:
    ids: tuple[ProductId, ...] = item.product_ids
    return next((held.id for held in ids if held.qualifier == qualifier), None)


def _is_package(level: Level) -> bool:
    return level.code in _PACKAGES or (level.code != "I" and any(mark.sscc for mark in level.marks))


def _below(level: Level) -> Iterator[Level]:
    for child in level.children:
        if child.code == "I":
            continue
        yield from _below(child)
        yield child


def _package(level: Level, *, with_quantity: bool = False) -> PackageReference:
    return PackageReference(
        level_id=level.id,
        kind=level.kind,
        sscc=next((mark.sscc for mark in level.marks if mark.sscc), None),
        marks=level.marks,
        quantity=level.quantity if with_quantity else None,
    )
