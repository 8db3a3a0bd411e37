"""The tree of an order status report, and the lines that stand on its levels."""

from collections.abc import Iterator, Sequence
from typing import Final

from translators.documents import StatusLevel, StatusLine
from translators.x12.documents.element_values import Values
from translators.x12.documents.filling import Filling, complete
from translators.x12.documents.finishing import with_ids
from translators.x12.documents.levels import Tree

_LINES: Final = "lines"


def order_status(filling: Filling, values: Values) -> None:
    """Completes the values of an order status report with its tree and its lines."""
    on_level: dict[str, list[Values]] = {}
    lines: list[Values] = []
    for index, level in enumerate(filling.levels, 1):
        held = level.pop(_LINES, [])
        for line in held:
            line["level_id"] = level.get("id", str(index))
        on_level.setdefault(level.get("id", str(index)), []).extend(held)
        lines.extend(held)
    levels = Tree(filling, StatusLevel).levels()
    orders: dict[str, None] = {}
    for level_id, number in _orders(levels, None):
        if number is not None:
            orders[number] = None
            for line in on_level.get(level_id, ()):
                line.setdefault("purchase_order_number", number)
    values["levels"] = levels
    values[_LINES] = [complete(StatusLine, line) for line in with_ids(lines)]
    values["purchase_order_numbers"] = list(orders)
    if len(orders) == 1:
        values["purchase_order_number"] = next(iter(orders))


def _orders(levels: Sequence[StatusLevel], around: str | None) -> Iterator[tuple[str, str | None]]:
    """Each level's id with the number of the order it belongs to."""
    for level in levels:
        number = level.order.purchase_order_number if level.order is not None else None
        yield level.id, number or around
        yield from _orders(level.children, number or around)
