"""The levels of a ship notice in the order they are written, and the tree for a notice that has only lines.

Documents from JSON and XML may give just ``lines`` with their packages. They become shipment, order, packages, item
(structure 0001), or shipment, order, item (0004) where nothing is packed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from translators.building import Path
from translators.document_parts import Mark
from translators.documents import Level, OrderReference, PackageReference, ShipNotice, ShipNoticeLine
from translators.x12.documents.levels import LEVEL_DEPTH_MAX
from translators.x12.writing.assumptions import code_for
from translators.x12.writing.losses import Loss, Losses

_SHIPMENT: Final = "S"
_ORDER: Final = "O"
_PACK: Final = "P"
_ITEM: Final = "I"
_KINDS: Final = "0735"
# What ASC X12 puts on the level of the shipment, and other syntaxes into the header.
_OF_SHIPMENT: Final = (
    "currency",
    "currency_party",
    "exchange_rate",
    "delivery_terms",
    "packages",
    "routing",
    "equipment",
    "special_handling",
    "packaging",
    "paperwork",
    "measurements",
    "marks",
    "references",
    "contacts",
    "parties",
    "notes",
    "amounts",
    "allowances_charges",
    "taxes",
    "descriptions",
    "prices",
)


def in_order(roots: Iterable[tuple[int, Level]], field: str) -> Iterator[tuple[Path, Level, Level | None]]:
    """Every level with its path and its parent, each parent before its children and those before its neighbours."""
    todo: list[tuple[Path, Level, Level | None]] = []
    todo.extend(((field, index), level, None) for index, level in reversed(list(roots)))
    while todo:
        path, level, parent = todo.pop()
        yield path, level, parent
        children = list(enumerate(level.children))
        todo.extend(((*path, "children", index), child, level) for index, child in reversed(children))


@dataclass(frozen=True, slots=True)
class WithLevels:
    """A notice with its tree; ``paths`` says of made levels, by their id, what of the notice they were made of."""

    notice: ShipNotice
    paths: dict[str, Path]


def with_levels(notice: ShipNotice, losses: Losses) -> WithLevels:
    """The notice with a tree: its own, or one made of its lines, and with what belongs to the shipment in there."""
    if notice.levels or not notice.lines:
        return WithLevels(_with_shipment(notice, notice.levels), {})
    tree = _Tree(notice, losses)
    root = tree.root()
    return WithLevels(_with_shipment(notice, (root,)), tree.paths)


def _with_shipment(notice: ShipNotice, levels: tuple[Level, ...]) -> ShipNotice:
    """What other syntaxes say of the whole shipment stands at its level."""
    if (
        not levels
        or levels[0].code not in {_SHIPMENT, None}
        or (levels[0].code is None and levels[0].kind != "shipment")
    ):
        return notice
    moved: dict[str, Any] = {}
    for name in _OF_SHIPMENT:
        value = getattr(notice, name)
        if value in (None, ()) or not hasattr(levels[0], name):
            continue
        own = getattr(levels[0], name)
        if isinstance(value, tuple):
            moved[name] = (*own, *value)
        elif own is None:
            moved[name] = value
    changed: dict[str, Any] = {"levels": (replace(levels[0], **moved), *levels[1:])}
    if not notice.levels and notice.structure_code is None and notice.structure is None:
        changed["structure_code"] = "0001" if any(line.packages for line in notice.lines) else "0004"
    changed |= {name: () if isinstance(getattr(notice, name), tuple) else None for name in moved}
    return replace(notice, **changed)


@dataclass(slots=True)
class _Node:
    """A level while the tree grows."""

    level: Level
    path: Path
    children: "dict[object, _Node]" = field(default_factory=dict)


class _Tree:
    """The tree of a notice that has only lines."""

    def __init__(self, notice: ShipNotice, losses: Losses) -> None:
        self.paths: dict[str, Path] = {}
        self._notice = notice
        self._losses = losses

    def root(self) -> Level:
        root = _Node(Level(id="", code=_SHIPMENT), ())
        for index, line in enumerate(self._notice.lines):
            path: Path = ("lines", index)
            order = self._order(line)
            around = root.children.setdefault(order, _Node(Level(id="", code=_ORDER, order=order), path))
            branches = _branches(line.packages)
            if len(branches) > 1:
                message = f"the line is in {len(branches)} packages; it is an item of its own in each"
                self._losses.add(Loss.SPLIT, path, message)
            for branch in branches:
                inner = around
                for at, package in reversed(branch):
                    key = package.level_id or package.sscc or (index, at)
                    node = _Node(_package(package), (*path, "packages", at))
                    inner = inner.children.setdefault((_PACK, key), node)
                inner.children[index] = _Node(_item(line, branch), path)
        return self._numbered(root, None)

    def _order(self, line: ShipNoticeLine) -> OrderReference:
        notice = self._notice
        named = OrderReference(
            purchase_order_number=line.purchase_order_number or notice.purchase_order_number,
            release_number=line.release_number or notice.release_number,
            issued_on=line.purchase_order_date or notice.purchase_order_date,
            contract=notice.contract,
        )
        only = notice.purchase_order_numbers
        if named.purchase_order_number is None and len(only) == 1:
            return replace(named, purchase_order_number=only[0])
        return named

    def _numbered(self, node: _Node, parent_id: str | None) -> Level:
        # HL01 counts from 1 in the order of writing; `_branches` bounds the depth.
        own = str(len(self.paths) + 1)
        self.paths[own] = node.path
        children = tuple(self._numbered(child, own) for child in node.children.values())
        return replace(node.level, id=own, parent_id=parent_id, child_code="1" if children else "0", children=children)


_Branch = tuple[tuple[int, PackageReference], ...]  # each with its index among the packages of the line


def _branches(packages: tuple[PackageReference, ...]) -> list[_Branch]:
    """The packages that hold a line, as chains from the innermost outwards.

    A package with a quantity holds that much of the line: another with a quantity is another chain. Packages without
    one are around those before them.
    """
    chains: list[_Branch] = []
    for at, package in enumerate(packages[:_PACKAGES_PER_LINE_MAX]):
        if chains and package.quantity is None:
            if len(chains[-1]) < _PACKAGES_NESTED_MAX:
                chains[-1] = (*chains[-1], (at, package))
        else:
            chains.append(((at, package),))
    return chains or [()]


_PACKAGES_PER_LINE_MAX: Final = 10_000
_PACKAGES_NESTED_MAX: Final = LEVEL_DEPTH_MAX - 4  # shipment, order and item stand around and below them


def _package(package: PackageReference) -> Level:
    code = code_for(_KINDS, package.kind, ()) if package.kind else None
    marks = package.marks or ((Mark(sscc=package.sscc),) if package.sscc is not None else ())
    return Level(id="", code=code or _PACK, marks=marks)


def _item(line: ShipNoticeLine, branch: _Branch) -> Level:
    packed = branch[0][1].quantity if branch else None
    return Level(
        id="",
        code=_ITEM,
        line_id=line.line_id,
        quantity=line.quantity if packed is None else packed,
        unit=line.unit,
        unit_as_sent=line.unit_as_sent,
        quantity_ordered=line.quantity_ordered,
        quantity_shipped_to_date=line.quantity_shipped_to_date,
        status=line.status,
        product_ids=line.product_ids,
        descriptions=line.descriptions,
        references=line.references,
        dates=line.dates,
    )
