"""How files that we write for partners are named, and how a delivery is found again by the name.

A name is made of the profile's pattern. Whatever a document says goes into it in letters that no system minds, and
the whole is short enough for every file system. The id stands in it once, so that whoever is asked for the name looks
one delivery up, and never reads through a folder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from gateway.model.delivery import DeliveryKind
from gateway.model.ids import ID_LENGTH
from gateway.model.instants import moment

NAME_BYTES_MAX = 255
VALUE_CHARACTERS_MAX = 80
EXTENSION_CHARACTERS_MAX = 16

_FIELD = re.compile(r"\{([a-z]+)\}")
_UNWANTED = re.compile(r"[^A-Za-z0-9._-]+")
_EXTENSION = re.compile(rf"[A-Za-z0-9]{{1,{EXTENSION_CHARACTERS_MAX}}}")
# An id of ours (`ids.ulid`), or that of an acknowledgment, which is its message's and a number. The longest that
# begins at a place, wherever the one before it ends.
_ID = re.compile(rf"[0-9A-HJKMNP-TV-Z]{{{ID_LENGTH}}}(?:-ack-[0-9]{{1,9}})?")
_IN_NAME = re.compile(rf"(?=([0-9A-HJKMNP-TV-Z]{{{ID_LENGTH}}})(-ack-[0-9]{{1,9}})?)")
_BARE = re.compile(rf"({_ID.pattern})(?:\.{_EXTENSION.pattern})?")
_EXTENSIONS = {"application/edi-x12": "edi", "application/json": "json", "application/xml": "xml", "text/xml": "xml"}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file name can say of a delivery.

    Attributes:
        document: the kind of document, such as purchase_order or 997.
        number: of the document, as its sender wrote it.
        created_at_ms: for date and time, in UTC.
    """

    id: str
    document: str
    number: str
    extension: str
    created_at_ms: int


class Named(Protocol):
    """A delivery, as far as the name of its file goes, in whichever shape it is at hand."""

    @property
    def id(self) -> str:
        """Of the delivery."""

    @property
    def kind(self) -> str:
        """As `DeliveryKind`."""

    @property
    def document_type(self) -> str:
        """Such as purchase_order, or 997."""

    @property
    def number(self) -> str:
        """Of the document."""

    @property
    def filename(self) -> str:
        """That an operator gave it, or that we did; empty for none."""

    @property
    def content_type(self) -> str:
        """Of the payload."""

    @property
    def created_at_ms(self) -> int:
        """Milliseconds since 1970."""


def facts_of(delivery: Named) -> FileFacts:
    """The facts of a delivery.

    An operator's file keeps its own stem and extension; what we wrote ourselves has the extension of its syntax.
    """
    kind, filename, number = delivery.kind, delivery.filename, delivery.number
    stem, dot, own = filename.rpartition(".")
    own_extension = own if dot and _EXTENSION.fullmatch(own) else ""
    if kind not in {DeliveryKind.DOCUMENT, DeliveryKind.ACKNOWLEDGMENT}:
        number = (stem if own_extension else filename) or number
    extension = own_extension or _EXTENSIONS.get(delivery.content_type.partition(";")[0].strip().lower(), "dat")
    document = delivery.document_type if kind in {DeliveryKind.DOCUMENT, DeliveryKind.ACKNOWLEDGMENT} else ""
    return FileFacts(delivery.id, document or kind, number, extension, delivery.created_at_ms)


def file_name(pattern: str, facts: FileFacts) -> str:
    """The name of a file by a profile's pattern, of at most 255 bytes in ASCII, in which `id_in` finds its id.

    Where a number is such that the id would not be found (it looks like one itself, and the pattern has nothing that
    tells them apart), it is written in small letters and shorter, and if that does not help, left out.
    """
    written = {
        "document": _written(facts.document) or "document",
        "number": _written(facts.number) or "0",
    }
    plain = {name: value.lower()[: ID_LENGTH // 2] for name, value in written.items()}
    for values in (written, plain, dict.fromkeys(written, "_")):
        name = _filled(pattern, facts, values)
        if id_in(pattern, name.encode("ascii")) == facts.id:
            return name
    return f"{facts.id}.{_extension(facts)}"


def id_in(pattern: str, name: bytes) -> str | None:
    """The id that a name written by this pattern holds; None where it holds none.

    The name is whatever somebody asks for: one in which an id is found need not be one that we wrote, so who looks it
    up compares the names.
    """
    if len(name) > NAME_BYTES_MAX or not name.isascii():
        return None
    text = name.decode("ascii")
    place = _place_of_id(pattern)
    # From the right: numbers, which may hold anything, mostly come first.
    for match in reversed(list(_IN_NAME.finditer(text))):
        for found in (match[1] + (match[2] or ""), match[1]):
            if place.fits(text, match.start(), match.start() + len(found)):
                return found
    bare = _BARE.fullmatch(text)
    return bare[1] if bare is not None else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a name the id can stand: what is written right before and right behind it, and how far from the ends.

    A width is None where it is not the same in each name.
    """

    before: str
    behind: str
    width_before: int | None
    width_behind: int | None

    def fits(self, text: str, start: int, end: int) -> bool:
        """Whether an id can stand there."""
        return (
            text[:start].endswith(self.before)
            and text[end:].startswith(self.behind)
            and self.width_before in {None, start}
            and self.width_behind in {None, len(text) - end}
        )


_WIDTHS: Mapping[str, int | None] = {"date": 8, "time": 6, "document": None, "number": None, "extension": None}


@lru_cache(maxsize=4_096)
def _place_of_id(pattern: str) -> _Place:
    left, _, right = pattern.partition("{id}")
    return _Place(
        before=left.rpartition("}")[2],
        behind=right.partition("{")[0],
        width_before=_width(left),
        width_behind=_width(right),
    )


def _width(part: str) -> int | None:
    widths = [_WIDTHS[name] for name in _FIELD.findall(part)]
    known = [width for width in widths if width is not None]
    return sum(known) + len(_FIELD.sub("", part)) if len(known) == len(widths) else None


def _filled(pattern: str, facts: FileFacts, values: Mapping[str, str]) -> str:
    at = moment(facts.created_at_ms)
    fixed = {
        "id": facts.id,
        "date": f"{at:%Y%m%d}",
        "time": f"{at:%H%M%S}",
        "extension": _extension(facts),
    }
    fields = _FIELD.findall(pattern)
    taken = len(_FIELD.sub("", pattern)) + sum(len(fixed[name]) for name in fields if name in fixed)
    shared_by = sum(name in values for name in fields)
    # What is left of the 255 bytes, for each of the values of any length.
    each = max(1, min(VALUE_CHARACTERS_MAX, (NAME_BYTES_MAX - taken) // max(1, shared_by)))
    cut = {name: value[:each] for name, value in values.items()}
    return _FIELD.sub(lambda match: (fixed | cut)[match[1]], pattern)


def _written(value: str) -> str:
    """A value in the letters of file names; without dots and dashes at its ends, which mean something to programs."""
    return _UNWANTED.sub("_", value[: 4 * NAME_BYTES_MAX]).strip("._-")


def _extension(facts: FileFacts) -> str:
    return facts.extension if _EXTENSION.fullmatch(facts.extension) else "dat"
