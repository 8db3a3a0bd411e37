"""What the supplier is going to send: everything but its control numbers, and how a draft is spoiled on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from translators.x12.delimiters import read_isa

# Of an interchange control number (ISA13) and those of its groups (GS06) the bytes.
Write = Callable[[int, Sequence[int]], bytes]
Spoil = Callable[[bytes], bytes]

X12_CONTENT_TYPE = "application/edi-x12"  # RFC 1767 1
_CONTENT_TYPES = {"x12": X12_CONTENT_TYPE, "json": "application/json", "xml": "application/xml"}


@dataclass(frozen=True, slots=True)
class Draft:
    """Something that will be sent.

    Attributes:
        what: for people, such as ``855``.
        after_s: seconds after the order.
        scope: within which its control numbers ascend; empty where it bears none.
        groups: how many groups it has.
        copies: how often it is sent, with the same numbers.
    """

    what: str
    after_s: int
    content_type: str
    scope: str
    groups: int
    write: Write
    copies: int = 1


def content_type_of(syntax: str) -> str:
    """The media type of a syntax."""
    return _CONTENT_TYPES[syntax]


def without_segment(code: str) -> Spoil:
    """Leaves a segment out, and SE01 as it was."""

    def spoil(data: bytes) -> bytes:
        return _edited(data, lambda parts: None if parts[0] == code else parts)

    return spoil


def without_element(codes: Sequence[str], element: int) -> Spoil:
    """Empties an element of the segments with one of these codes."""

    def edit(parts: list[str]) -> list[str]:
        if parts[0] in codes and len(parts) > element:
            return [*parts[:element], "", *parts[element + 1 :]]
        return parts

    return lambda data: _edited(data, edit)


def cut(data: bytes) -> bytes:
    """The first half alone."""
    return data[: len(data) // 2]


def _edited(data: bytes, edit: Callable[[list[str]], list[str] | None]) -> bytes:
    """X12 of our own with its segments changed; the ISA stays."""
    isa = read_isa(data, 0)
    if isa is None:
        return cut(data)
    terminator, separator = isa.delimiters.terminator, isa.delimiters.element
    head, rest = data[: isa.end], data[isa.end :].decode("latin-1")
    kept = [edit(segment.split(separator)) for segment in rest.split(terminator) if segment.strip()]
    body = "".join(separator.join(parts) + terminator for parts in kept if parts is not None)
    return head + body.encode("latin-1")
