"""Proves a written set: our own validator must accept it, and it must read back as the document that it was made of.

Whatever differs and was not told yet is told here, so that no loss is silent whichever way it came about.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, Final

from translators.building import Path, pointer
from translators.documents import Document, Invoice, PurchaseOrder, ShipNotice
from translators.findings import Finding, Severity
from translators.guide import Guide, Override, ReadingRules
from translators.shapes import as_json
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import Release
from translators.x12.documents import translate
from translators.x12.reader import read
from translators.x12.reading import InterchangeHeader, SetRead
from translators.x12.sets import FUNCTIONAL_IDS
from translators.x12.tree import Segment
from translators.x12.writer import Framing, Unwritable, isa_segment, segment, write_segments
from translators.x12.writing.loops import Placed
from translators.x12.writing.losses import Loss, Losses, Spot
from translators.x12.writing.source import DERIVED

# Control characters, which no text of a set holds.
_FRAMING: Final = Framing(Delimiters("\x01", "\x02", "\x03", "\x04"), encoding="utf-8")
_RULES: Final = ReadingRules(encoding="utf-8", findings_per_set_max=200)
_FOLLOWING: Final = DERIVED | {"document_type", "schema_version", "unit_as_sent", "dimension_unit_as_sent"}
_SEARCHED_MAX: Final = 200
_COMPARED_MAX: Final = 10
_IDS: Final = ("line_id", "id")
_ORDER_OF_NOTICE: Final = frozenset(
    {"lines", "purchase_order_number", "purchase_order_numbers", "purchase_order_date", "release_number", "contract"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a set was written by: the tables, ST01, GS08 and the rules of the agreement."""

    release: Release
    set_type: str
    gs08: str
    rules: tuple[Override, ...]


def verify(
    document: Document, segments: tuple[Segment, ...], placed: list[Placed], asked: Asked, told: Losses
) -> Losses:
    """What our own reader finds wrong with a set, and what it reads back differently."""
    losses = Losses()
    data = _interchange(segments, asked)
    if isinstance(data, Unwritable):
        message = f"{data.segment}{data.element:02} {data.reason}"
        losses.add(Loss.INVALID, (), message, Spot(data.segment, data.element), data.value)
        return losses
    reading = _RULES
    if asked.rules:
        reading = replace(_RULES, guides=(Guide(document.document_type, "x12", rules=asked.rules),))
    for piece in read(data, reading):
        if isinstance(piece, SetRead):
            for finding in piece.findings:
                if finding.severity is Severity.ERROR:
                    _tell_invalid(finding, placed, losses)
            if piece.tree is not None and not losses.has_errors:
                shown = as_json(translate(piece.type, piece.tree, asked.release.name).document)
                _compare(document, shown, told, losses)
    return losses


def _interchange(segments: tuple[Segment, ...], asked: Asked) -> bytes | Unwritable:
    # 00501 in the envelope alone lets every release have repetitions.
    header = InterchangeHeader(
        "ZZ", "SENDER", "ZZ", "RECEIVER", "260101", "0000", "00501", "1", False, "P", 0, _FRAMING.delimiters
    )
    date = asked.release.segments["GS"].elements[3].max
    group = segment(
        "GS", FUNCTIONAL_IDS[asked.set_type], "SENDER", "RECEIVER", "20260101"[-date:], "0000", "1", "X", asked.gs08
    )
    trailers = (segment("GE", "1", "1"), segment("IEA", "1", "000000001"))
    return write_segments([isa_segment(header), group, *segments, *trailers], _FRAMING)


def _tell_invalid(finding: Finding, placed: list[Placed], losses: Losses) -> None:
    path: Path = ()
    # ST is the first segment of the set.
    index = (finding.position or 0) - 2
    if 0 <= index < len(placed):
        held = placed[index]
        path = held.paths.get(finding.element or 0, held.part)
    spot = Spot(finding.segment, finding.element, finding.data_element, finding.loop)
    losses.add(Loss.INVALID, path, f"{finding.message} (code {finding.code})", spot, finding.value)


# --- what was read back ----------------------------------------------------------------------------------------------


def _compare(document: Document, shown: dict[str, Any], told: Losses, losses: Losses) -> None:
    known = {finding.pointer for finding in told.findings}
    meant = as_json(document)
    if isinstance(document, PurchaseOrder | Invoice):
        _drop_repeats(meant)
    if isinstance(document, ShipNotice):
        meant, shown = _notices(document, meant, shown)
    for path, value in _differences(meant, shown, ()):
        if not _is_told(path, known):
            message = "the set reads back without it, or with another value"
            losses.add(Loss.READ_BACK, path, message, value=str(value))


def _drop_repeats(meant: dict[str, Any]) -> None:
    """What repeats another field of the same document needs no place of its own."""
    if meant["document_type"] == "purchase_order":
        for name, again in (("purchase_order_number", "number"), ("purchase_order_date", "issued_on")):
            if meant.get(name) == meant.get(again):
                meant.pop(name, None)
        return
    for line in meant.get("lines", ()):
        if line.get("purchase_order_number") == meant.get("purchase_order_number"):
            line.pop("purchase_order_number", None)


def _is_told(path: Path, known: set[str | None]) -> bool:
    own = pointer(path)
    if f"{own}_code" in known or (path[-1:] == ("status",) and pointer((*path[:-1], "code")) in known):
        return True  # a word goes with its code
    return any(pointer(path[:length]) in known for length in range(len(path) + 1)) or any(
        held is not None and held.startswith(f"{own}/") for held in known
    )


def _notices(
    document: ShipNotice, meant: dict[str, Any], shown: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A notice with its own tree is its tree; one made of lines is its lines, whatever levels they stand on."""
    if document.levels:
        return {name: value for name, value in meant.items() if name not in _ORDER_OF_NOTICE}, _with_shipment(shown)
    for line in (*meant.get("lines", ()), *shown.get("lines", ())):
        line.pop("level_id", None)
        for package in line.get("packages", ()):
            package.pop("level_id", None)
    skipped = _ORDER_OF_NOTICE - {"lines"}
    return {name: value for name, value in meant.items() if name not in skipped}, _with_shipment(shown)


def _with_shipment(shown: dict[str, Any]) -> dict[str, Any]:
    """What stands on the level of the shipment may have been given in the header."""
    levels = shown.get("levels") or [{}]
    return {**levels[0], **shown}


def _differences(meant: Any, shown: Any, path: Path) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - JSON
    if isinstance(meant, dict):
        if meant.get("derived"):
            return  # it follows from the status of the whole document
        held = shown if isinstance(shown, dict) else {}
        for name, value in meant.items():
            if name == "unmapped":
                yield from _unmapped_differences(value, held.get(name, []))
            elif name not in _FOLLOWING and value is not None:
                yield from _differences(value, held.get(name), (*path, name))
    elif isinstance(meant, list):
        yield from _list_differences(meant, shown if isinstance(shown, list) else [], path)
    elif not _is_same(meant, shown):
        yield path, meant


def _list_differences(meant: list[Any], shown: list[Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Items are looked for from where the last was found: some are left out, few change their place."""
    unused = list(range(len(shown)))
    at = 0
    for index, value in enumerate(meant):
        near: Iterable[int] = chain(
            range(at, min(at + _SEARCHED_MAX, len(unused))), range(max(0, at - _SEARCHED_MAX), at)
        )
        if at < len(unused) and _has_same_id(value, shown[unused[at]]):
            near = (at,)  # changed perhaps, yet the same thing
        found = next((spot for spot in near if not any(_differences(value, shown[unused[spot]], ()))), None)
        if found is not None:
            del unused[found]
            at = found
            continue
        nearest = _nearest(value, [shown[spot] for spot in unused[at : at + _COMPARED_MAX]])
        same = None if nearest is None else shown[unused.pop(at + nearest)]
        yield from _differences(value, same, (*path, index))


def _nearest(value: Any, candidates: list[Any]) -> int | None:  # noqa: ANN401 - JSON
    """The one that has most in common with a value; None where nothing has anything in common."""
    costs = [sum(1 for _ in _differences(value, held, ())) for held in candidates]
    best = min(range(len(costs)), key=costs.__getitem__, default=None)
    if best is None or costs[best] >= sum(1 for _ in _differences(value, None, ())):
        return None
    return best


def _has_same_id(meant: Any, shown: Any) -> bool:  # noqa: ANN401 - JSON
    if not (isinstance(meant, dict) and isinstance(shown, dict)):
        return False
    return any(meant.get(name) is not None and meant.get(name) == shown.get(name) for name in _IDS)


def _unmapped_differences(meant: list[Any], shown: list[Any]) -> Iterator[tuple[Path, Any]]:
    left = [(entry["segment"], part) for entry in shown for part in entry.get("elements", ())]
    for index, entry in enumerate(meant):
        for number, part in enumerate(entry.get("elements", ())):
            if (entry["segment"], part) in left:
                left.remove((entry["segment"], part))
            else:
                yield ("unmapped", index, "elements", number), part["value"]


def _is_same(meant: Any, shown: Any) -> bool:  # noqa: ANN401 - JSON
    if meant == shown:
        return True
    if isinstance(meant, str) and isinstance(shown, str):
        if meant.rstrip() == shown:
            return True
        try:
            return Decimal(meant) == Decimal(shown)
        except InvalidOperation:
            return False
    return False
