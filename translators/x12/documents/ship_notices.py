"""The tree of a ship notice, and the lines that follow from it."""

from translators.documents import Level
from translators.shipped_lines import lines_of, orders_of
from translators.x12.documents.element_values import Values
from translators.x12.documents.filling import Filling
from translators.x12.documents.levels import Tree


def ship_notice(filling: Filling, values: Values) -> None:
    """Completes the values of a ship notice with its tree and its lines."""
    levels = Tree(filling, Level).levels()
    orders = orders_of(levels)
    values["levels"] = levels
    values["lines"] = lines_of(levels)
    values["purchase_order_numbers"] = orders
    if len(orders) == 1:
        values["purchase_order_number"] = orders[0]
