"""Our grammar as the maps that pyx12 reads: one folder for each transaction set of a release.

A folder holds what pyx12 asks of a `map_path`: ``maps.xml`` (which map reads which group), ``codes.xml`` (code lists),
``dataele.xml`` (types and lengths), both control maps, and the map of the set. So its own commands work on it too.

Two habits of pyx12 decide how things are written:

- It tells places of a segment apart by the codes that stand in the element itself, and then calls a wrong code a
  segment that is not found. So every code list goes into ``codes.xml``, as an external one.
- It holds a mandatory segment that is missing back while the next one has the same position number, even in another
  loop. So positions number the places of the whole set.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

from translators.x12.dictionary import ElementRule, Release, SegmentRule
from translators.x12.grammar import UNBOUNDED, LoopRule, SegmentUse, grammar
from translators.x12.sets import FUNCTIONAL_IDS

# The two interchange versions that pyx12 reads (ISA12).
INTERCHANGE_VERSIONS = ("00401", "00501")
CONTROL_MAPS = tuple(f"x12.control.{version}.xml" for version in INTERCHANGE_VERSIONS)
SET_PATH = "/ISA_LOOP/GS_LOOP/ST_LOOP"

_CONTROL_SEGMENTS = ("ISA", "TA1", "GS", "GE", "IEA")
_UNBOUNDED = ">1"  # how pyx12 writes it; it stands for any number
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def write_maps(folder: Path, set_type: str, release: str) -> Path:
    """Write the maps for one transaction set of one release into a folder; returns the file of the set's map.

    Raises:
        ValueError: there is no grammar for it.
    """
    book = grammar(set_type, release)
    if book is None:
        raise ValueError(f"there is no grammar for {set_type} in release {release}")
    tables = book.release
    codes = sorted(book.codes & tables.segments.keys())
    _write_dictionary(folder, [tables.segments[code] for code in (*_CONTROL_SEGMENTS, *codes)])
    kind = FUNCTIONAL_IDS.get(set_type, "ZZ")
    own = folder / f"{set_type}.{release}.xml"
    own.write_text(_transaction(set_type, tables, _set_loop(book.root, tables)), "utf-8")
    for name in CONTROL_MAPS:
        (folder / name).write_text(_transaction("X12", tables, iter(())), "utf-8")
    versions = (
        f'<version icvn="{version}"><map vriic="{release}" fic="{kind}" abbr="{set_type}">{own.name}</map></version>\n'
        for version in INTERCHANGE_VERSIONS
    )
    (folder / "maps.xml").write_text(f"{_HEAD}<maps>\n{''.join(versions)}</maps>\n", "utf-8")
    return own


def _write_dictionary(folder: Path, rules: Iterable[SegmentRule]) -> None:
    elements: dict[str, ElementRule] = {}
    for rule in rules:
        for element in rule.elements:
            for one in (element, *element.components):
                elements.setdefault(one.number, one)
    simple = [one for number, one in sorted(elements.items()) if not one.components]
    lines = (
        f"<data_ele ele_num={quoteattr(one.number)} data_type={quoteattr(one.type)} "
        f'min_len="{one.min}" max_len="{one.max}" name={quoteattr(one.name)}/>\n'
        for one in simple
    )
    (folder / "dataele.xml").write_text(f"{_HEAD}<data_elements>\n{''.join(lines)}</data_elements>\n", "utf-8")
    lists = (
        f"<codeset><id>{one.number}</id><name>{one.number}</name><data_ele>{one.number}</data_ele><version>"
        f"{''.join(f'<code>{code}</code>' for code in sorted(one.codes))}</version></codeset>\n"
        for one in simple
        if one.codes
    )
    (folder / "codes.xml").write_text(f"{_HEAD}<codesets>\n{''.join(lists)}</codesets>\n", "utf-8")


def _transaction(name: str, tables: Release, set_loop: Iterator[str]) -> str:
    """A whole map: the envelopes, and in them what a set is made of."""

    def envelope(code: str, position: int, low: int, high: int) -> str:
        return "".join(_segment(SegmentUse(code, low, high), tables.segments[code], position))

    lines = (
        f"<transaction xid={quoteattr(name)}><name>{name}</name>\n",
        _loop_opening("ISA_LOOP", 1, 1, UNBOUNDED),
        envelope("ISA", 2, 1, 1),
        envelope("TA1", 3, 0, UNBOUNDED),
        _loop_opening("GS_LOOP", 4, 0, UNBOUNDED),
        envelope("GS", 5, 1, 1),
        *set_loop,
        envelope("GE", 1_000_000, 1, 1),
        "</loop>\n",
        envelope("IEA", 1_000_001, 1, 1),
        "</loop>\n</transaction>\n",
    )
    return _HEAD + "".join(lines)


def _set_loop(root: LoopRule, release: Release) -> Iterator[str]:
    positions = itertools.count(10)
    yield _loop_opening("ST_LOOP", next(positions), 0, UNBOUNDED)
    yield from _items(root, release, (), positions)
    yield "</loop>\n"


def _items(loop: LoopRule, release: Release, path: tuple[str, ...], positions: Iterator[int]) -> Iterator[str]:
    for item in loop.items:
        if isinstance(item, LoopRule):
            inner = (*path, item.code)
            # The whole path names a loop: pyx12 takes loops of one name in loops of one name for the same.
            yield _loop_opening(f"{'_'.join(inner)}_LOOP", next(positions), item.min, item.max)
            yield from _items(item, release, inner, positions)
            yield "</loop>\n"
        elif item.code in release.segments:
            yield from _segment(item, release.segments[item.code], next(positions))


def _loop_opening(name: str, position: int, low: int, high: int) -> str:
    return (
        f'<loop xid="{name}" type="explicit"><name>{name}</name><usage>{_usage(low > 0)}</usage><pos>{position}</pos>'
        f"<repeat>{_times(high)}</repeat>\n"
    )


def _segment(use: SegmentUse, rule: SegmentRule, position: int) -> Iterator[str]:
    yield (
        f'<segment xid="{use.code}"><name>{use.code}</name><usage>{_usage(use.min > 0)}</usage><pos>{position}</pos>'
        f"<max_use>{_times(use.max)}</max_use>"
    )
    yield from (f"<syntax>{note}</syntax>" for note in rule.notes)
    for number, element in enumerate(rule.elements, 1):
        name = f"{use.code}{number:02d}"
        if element.components:
            yield (
                f'<composite xid="{name}" data_ele="{element.number}" usage="{_usage(element.required)}" '
                f'seq="{number:02d}" repeat="{element.repeat}" name={quoteattr(element.name)}>'
            )
            for at, component in enumerate(element.components, 1):
                yield _element(component, f"{name}-{at:02d}", at)
            yield "</composite>"
        else:
            yield _element(element, name, number)
    yield "</segment>\n"


def _element(rule: ElementRule, name: str, number: int) -> str:
    codes = f'<valid_codes external="{rule.number}"/>' if rule.codes else ""
    return (
        f'<element xid="{name}" data_ele="{rule.number}" usage="{_usage(rule.required)}" seq="{number:02d}" '
        f'max_use="{rule.repeat}" name={quoteattr(rule.name)}>{codes}</element>'
    )


def _usage(required: bool) -> str:
    return "R" if required else "S"  # required, situational


def _times(most: int) -> str:
    return _UNBOUNDED.replace(">", "&gt;") if most == UNBOUNDED else str(most)
