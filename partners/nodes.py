"""A YAML text as nodes that remember their place, read within limits and without running into any YAML trap.

The parser's events are taken one by one, so depth and size are checked before anything is built: libyaml's own composer
would recurse as deep as the text says. Scalars stay the text that was written: `0123` is no octal number, `NO` no
boolean, `2026-01-31` no object. The profile model gives types.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from typing import Any, NamedTuple

import yaml

from partners.problems import Location, Place, Problem, dotted, shown

PROFILE_BYTES_MAX = 262_144
DEPTH_MAX = 12
NODES_MAX = 20_000  # aliases count as often as they are used, so that none can explode
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)


class Scalar(NamedTuple):
    """A single value; `text` is None where the file gives none."""

    text: str | None
    mark: Any = None
    layer: str = ""

    @property
    def place(self) -> Place:
        """Where it is written."""
        return _place(self.mark, self.layer)


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: list["Node"]
    mark: Any = None
    layer: str = ""

    @property
    def place(self) -> Place:
        """Where it begins."""
        return _place(self.mark, self.layer)


@dataclass(slots=True)
class Mapping:
    """Keys and values; `marks` holds where each key is written."""

    marks: dict[str, "Key"]
    values: dict[str, "Node"]
    mark: Any = None
    layer: str = ""

    @property
    def keys(self) -> dict[str, Place]:
        """Where each key is written."""
        return {key: _place(*mark) for key, mark in self.marks.items()}

    @property
    def place(self) -> Place:
        """Where it begins."""
        return _place(self.mark, self.layer)


# The parser's own mark, from which a place is only made when somebody asks, and the layer.
Key = tuple[Any, str]
Node = Scalar | Sequence | Mapping


def read_nodes(data: bytes, file: str, layer: str = "") -> Mapping | tuple[Problem, ...]:
    """The mapping that a YAML text holds, or what is wrong with the text; a key without a value is wrong, too.

    `layer` goes into every place: the file of a template or overlay, empty for the profile itself.
    """
    reader = _Reader(layer)
    try:
        _feed(reader, _text(data))
        found = reader.problems
        if not found:
            root = _mapping(reader.root)
            return (tuple(_without_value(root, file, ())) if reader.has_null else ()) or root
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
        parser = yaml.CSafeLoader(text)
        try:
            reader.read(parser)
        finally:
            parser.dispose()
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


def _without_value(node: Node, file: str, location: Location) -> Iterator[Problem]:
    if isinstance(node, Scalar):
        if node.text is None:
            line, column, _ = astuple(node.place)
            what, right = f"`{dotted(location)}` has no value", "give it one or leave it out"
            yield Problem(file, line, column, dotted(location), what, right)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _without_value(item, file, (*location, index))
    else:
        for key, value in node.values.items():
            yield from _without_value(value, file, (*location, key))


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
            place = _place(*node.marks[part])
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
    if isinstance(node, Mapping) and last in node.marks:
        return _place(*node.marks[str(last)])
    return place_of(root, location)


class _StopReading(Exception):  # noqa: N818  # carries a problem out of the event loop, nothing else
    def __init__(self, place: Place, what: str, would_be_right: str) -> None:
        super().__init__(what)
        self.place, self.what, self.would_be_right = place, what, would_be_right


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end was not read yet."""

    items: list[Node]  # of a list
    marks: dict[str, Key]  # of a mapping, as `values`
    values: dict[str, Node]
    is_mapping: bool
    node: Mapping | Sequence
    anchor: str | None
    nodes_before: int
    key: str | None = None  # read, its value not yet


@dataclass(slots=True)
class _Reader:
    """Takes parser events and builds nodes; `problems` hold what does not stop the reading.

    A profile has hundreds of events and a gateway thousands of profiles: places are made only for what is wrong.
    """

    layer: str = ""
    root: Node | None = None
    has_null: bool = False
    problems: list[_StopReading] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    _nodes: int = 0
    _documents: int = 0

    def read(self, parser: yaml.CSafeLoader) -> None:
        """Everything up to the end of the text."""
        take: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        next_event: Callable[[], Any] = parser.get_event
        opened, layer = self._open, self.layer
        while (event := next_event()) is not None:
            kind = type(event)
            # Most of a profile are such scalars; a call for each would take as long as libyaml does.
            if (
                kind is yaml.ScalarEvent
                and event.anchor is None
                and event.tag is None
                and (text := event.value) not in _NULLS
                and opened
            ):
                self._nodes += 1
                parent = opened[-1]
                if not parent.is_mapping:
                    parent.items.append(Scalar(text, event.start_mark, layer))
                elif parent.key is None:
                    self._key(parent, text, event.start_mark)
                else:
                    parent.values.setdefault(parent.key, Scalar(text, event.start_mark, layer))
                    parent.key = None
            elif kind in take:
                take[kind](event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            what, right = "a second YAML document", "keep one partner in one file, without `---`"
            raise self._stop(event.start_mark, what, right)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        mark = event.start_mark
        if event.tag is not None:
            self._check_tag(event.tag, mark)
        self._count(1, mark)
        is_null = event.implicit[0] and event.style in (None, "") and event.value in _NULLS
        self.has_null |= is_null
        scalar = Scalar(None if is_null else event.value, mark, self.layer)
        if event.anchor is not None:
            self._anchors[event.anchor] = (scalar, 1)
        self._add(scalar, mark)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        mark = event.start_mark
        if event.tag is not None:
            self._check_tag(event.tag, mark)
        if len(self._open) >= DEPTH_MAX:
            raise self._stop(mark, f"nested deeper than {DEPTH_MAX} levels", "no field of a profile lies so deep")
        if self._open and self._open[-1].is_mapping and self._open[-1].key is None:
            raise self._stop(mark, "a list or mapping as a key", "write keys as plain words")
        self._count(1, mark)
        items: list[Node] = []
        marks: dict[str, Key] = {}
        values: dict[str, Node] = {}
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = Mapping(marks, values, mark, self.layer) if is_mapping else Sequence(items, mark, self.layer)
        self._open.append(_Open(items, marks, values, is_mapping, node, event.anchor, self._nodes - 1))

    def _end(self, event: yaml.Event) -> None:
        self._count(0, event.start_mark)
        closed = self._open.pop()
        if closed.anchor is not None:
            self._anchors[closed.anchor] = (closed.node, self._nodes - closed.nodes_before)
        self._add(closed.node, closed.node.mark)

    def _add(self, node: Node, mark: object) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node, Scalar):
                raise self._stop(mark, "a list or mapping as a key", "write keys as plain words")
            self._key(parent, node.text, mark)
        else:
            parent.values.setdefault(parent.key, node)
            parent.key = None

    def _key(self, parent: _Open, text: str | None, mark: object) -> None:
        parent.key = key = text if text is not None else "null"
        first = parent.marks.setdefault(key, (mark, self.layer))
        if first[0] is not mark:
            what = f"the key {shown(key)} stands twice here, first in line {_place(*first).line}"
            self.problems.append(self._stop(mark, what, "keep one of the two"))

    def _alias(self, event: yaml.AliasEvent) -> None:
        name, mark = event.anchor, event.start_mark
        if any(held.anchor == name for held in self._open):
            raise self._stop(mark, f"*{name} stands inside what it repeats", "write the value out")
        if name not in self._anchors:
            raise self._stop(mark, f"*{name} repeats nothing: no &{name} before it", "write the value out")
        node, size = self._anchors[name]
        self._count(size, mark)
        self._add(node, mark)

    def _count(self, nodes: int, mark: object) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            what = f"more than {NODES_MAX} values, aliases counted as often as they are used"
            raise self._stop(mark, what, "write less, or write it without aliases")

    def _check_tag(self, tag: str, mark: object) -> None:
        if tag != "!" and tag not in _CORE_TAGS:
            raise self._stop(mark, f"the tag {shown(tag)} has no meaning here", "remove the tag")

    def _stop(self, mark: object, what: str, would_be_right: str) -> _StopReading:
        return _StopReading(_place(mark, self.layer), what, would_be_right)


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
