"""A YAML text as nodes that remember their place, read within limits and without running into any YAML trap.

The parser's events are taken one by one, so depth and size are checked before anything is built. Scalars stay the text
that was written: `0123` is no octal number, `NO` no boolean, `2026-01-31` no object. The profile model gives types.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from partners.problems import Location, Place, Problem, shown

PROFILE_BYTES_MAX = 262_144
DEPTH_MAX = 12
NODES_MAX = 20_000  # aliases count as often as they are used, so that none can explode
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `text` is None where the file gives none."""

    place: Place
    text: str | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values; `keys` holds the place of each key."""

    place: Place
    keys: dict[str, Place]
    values: dict[str, "Node"]


Node = Scalar | Sequence | Mapping


def read_nodes(data: bytes, file: str, layer: str = "") -> Mapping | tuple[Problem, ...]:
    """The mapping that a YAML text holds, or what is wrong with the text.

    `layer` goes into every place: the file of a template or overlay, empty for the profile itself.
    """
    try:
        reader = _Reader(layer)
        _feed(reader, _text(data))
        if not reader.problems:
            return _mapping(reader.root)
        found = reader.problems
    except _StopReading as stop:
        found = [stop]
    return tuple(
        Problem(file, stop.place.line, stop.place.column, "", stop.what, stop.would_be_right) for stop in found
    )


def _text(data: bytes) -> str:
    if len(data) > PROFILE_BYTES_MAX:
        raise _StopReading(Place(), f"the file has more than {PROFILE_BYTES_MAX} bytes", "keep it below that")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = Place(before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        what = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise _StopReading(place, what, "save the file as UTF-8") from None


def _feed(reader: "_Reader", text: str) -> None:
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark)
        raise _StopReading(place, f"not YAML: {error.problem}", _yaml_remedy(text, place)) from None
    except yaml.YAMLError as error:
        what = f"not YAML: {getattr(error, 'reason', error)}"
        raise _StopReading(_place_of_control_character(text), what, "remove the character") from None


def _mapping(root: "Node | None") -> Mapping:
    if isinstance(root, Mapping):
        return root
    is_empty = root is None or (isinstance(root, Scalar) and root.text is None)
    what = "the file is empty" if is_empty else "the file holds no keys"
    raise _StopReading(Place(), what, "start with `id:` and `name:` at the left margin")


def plain(node: Node) -> object:
    """The node as text, lists and dicts, the input of the profile model."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.values.items()}


def place_of(root: Mapping, location: Location) -> Place:
    """Where a field stands: the value of a scalar, the key of anything larger, the parent's key where it is missing.

    A number that meets no list is passed over, because a single value may stand where a list of one is meant.
    """
    node: Node = root
    place = Place()
    for part in location:
        if isinstance(part, int):
            if isinstance(node, Sequence) and part < len(node.items):
                node = node.items[part]
                place = node.place
        elif isinstance(node, Mapping) and part in node.values:
            place = node.keys[part]
            node = node.values[part]
        else:
            break
    return node.place if isinstance(node, Scalar) and node.text is not None else place


def key_place(root: Mapping, location: Location) -> Place:
    """Where the key of a field stands."""
    *parents, last = location
    node: Node = root
    for part in parents:
        if isinstance(part, int):
            node = node.items[part] if isinstance(node, Sequence) and part < len(node.items) else node
        elif isinstance(node, Mapping) and part in node.values:
            node = node.values[part]
    if isinstance(node, Mapping) and last in node.keys:
        return node.keys[str(last)]
    return place_of(root, location)


class _StopReading(Exception):  # noqa: N818  # carries a problem out of the event loop, nothing else
    def __init__(self, place: Place, what: str, would_be_right: str) -> None:
        super().__init__(what)
        self.place, self.what, self.would_be_right = place, what, would_be_right


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end was not read yet."""

    place: Place
    anchor: str | None
    is_mapping: bool
    nodes_before: int
    items: list[Node] = field(default_factory=list)
    keys: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)
    key: str | None = None  # read, its value not yet


@dataclass(slots=True)
class _Reader:
    """Takes parser events and builds nodes; `problems` hold what does not stop the reading."""

    layer: str = ""
    root: Node | None = None
    problems: list[_StopReading] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    _nodes: int = 0
    _documents: int = 0

    def take(self, event: yaml.Event) -> None:
        place = _place(event.start_mark, self.layer)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _StopReading(place, "a second YAML document", "keep one partner in one file, without `---`")
        elif isinstance(event, yaml.AliasEvent):
            node, size = self._alias(event, place)
            self._count(size, place)
            self._add(node, place)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, place)
            self._count(1, place)
            is_null = event.implicit[0] and event.style in (None, "") and event.value in _NULLS
            scalar = Scalar(place, None if is_null else event.value)
            self._remember(event.anchor, scalar, 1)
            self._add(scalar, place)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._check_tag(event.tag, place)
            if len(self._open) >= DEPTH_MAX:
                raise _StopReading(
                    place, f"nested deeper than {DEPTH_MAX} levels", "no field of a profile lies so deep"
                )
            if self._open and self._open[-1].is_mapping and self._open[-1].key is None:
                raise _StopReading(place, "a list or mapping as a key", "write keys as plain words")
            self._count(1, place)
            self._open.append(_Open(place, event.anchor, isinstance(event, yaml.MappingStartEvent), self._nodes - 1))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()

    def _close(self) -> None:
        closed = self._open.pop()
        node: Node
        if closed.is_mapping:
            node = Mapping(closed.place, closed.keys, closed.values)
        else:
            node = Sequence(closed.place, tuple(closed.items))
        self._remember(closed.anchor, node, self._nodes - closed.nodes_before)
        self._add(node, closed.place)

    def _add(self, node: Node, place: Place) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node, Scalar):
                raise _StopReading(place, "a list or mapping as a key", "write keys as plain words")
            parent.key = node.text if node.text is not None else "null"
            first = parent.keys.get(parent.key)
            if first is not None:
                what = f"the key {shown(parent.key)} stands twice here, first in line {first.line}"
                self.problems.append(_StopReading(place, what, "keep one of the two"))
            else:
                parent.keys[parent.key] = place
        else:
            parent.values.setdefault(parent.key, node)
            parent.key = None

    def _alias(self, event: yaml.AliasEvent, place: Place) -> tuple[Node, int]:
        if any(held.anchor == event.anchor for held in self._open):
            raise _StopReading(place, f"*{event.anchor} stands inside what it repeats", "write the value out")
        if event.anchor not in self._anchors:
            raise _StopReading(
                place, f"*{event.anchor} repeats nothing: no &{event.anchor} before it", "write the value out"
            )
        return self._anchors[event.anchor]

    def _remember(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            what = f"more than {NODES_MAX} values, aliases counted as often as they are used"
            raise _StopReading(place, what, "write less, or write it without aliases")

    def _check_tag(self, tag: str | None, place: Place) -> None:
        if tag is not None and tag != "!" and tag not in _CORE_TAGS:
            raise _StopReading(place, f"the tag {shown(tag)} has no meaning here", "remove the tag")


def _place(mark: Any, layer: str = "") -> Place:  # noqa: ANN401  # two unrelated classes, from libyaml and from Python
    return Place() if mark is None else Place(mark.line + 1, mark.column + 1, layer)


def _place_of_control_character(text: str) -> Place:
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if not (character.isprintable() or character in "\t\r"):
                return Place(number, column)
    return Place()


def _yaml_remedy(text: str, place: Place) -> str:
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with blanks, not with tabs"
    if line.count(": ") > 1 or line.lstrip().startswith(("@", "`", "%")):
        return "put the value in quotes"
    return "write `key: value`, each level indented by two more blanks"
