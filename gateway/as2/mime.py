"""MIME entities as byte ranges of what was received (RFC 2045, RFC 2046, RFC 2231).

Nothing is ever written anew: a signature or a MIC covers the very bytes that came in. Lines that end in LF alone are
understood, and stay as they are.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.buffers import Buffer, MemorySink, Scratch, find, whole, windows

HEADER_BYTES_MAX = 65_536
HEADER_FIELDS_MAX = 200
PARTS_MAX = 100
FALSE_BOUNDARIES_MAX = 10_000
PADDING_LENGTH_MAX = 1_000  # behind a boundary; RFC 2046 5.1.1 knows why there may be any
BOUNDARY_LENGTH_MAX = 70  # RFC 2046 5.1.1
PARAMETERS_MAX = 64
FILENAME_BYTES_MAX = 255

_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_PARAMETER_NAME = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_QUOTED = re.compile(r'\s*+"((?:[^"\\]|\\.)*+)"?', re.DOTALL)
# Only these are believed: some of the codecs Python knows take quadratic time.
_CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})

# A partner sends the same few header values all day; longer ones would only fill the memory.
_USUAL_LENGTH_MAX = 256

_LINE_FEED = b"\n"
_WHITESPACE = b" \t\r\n"
_IDENTITY_ENCODINGS = ("", "binary", "7bit", "8bit")


class MimeError(ValueError):
    """The bytes are no MIME that this gateway reads; the message says why."""


class Headers:
    """Header fields in their order; names are compared without case. Safe to build from anything a server hands on."""

    __slots__ = ("_by_name", "fields")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self.fields = tuple(fields)
        self._by_name: dict[str, list[str]] = {}
        for name, value in self.fields:
            self._by_name.setdefault(name.lower(), []).append(value)

    @classmethod
    def of(cls, headers: "Headers | Mapping[str, str] | Iterable[tuple[str, str]]") -> "Headers":
        """Headers from a mapping (a multi-mapping keeps its repetitions) or from pairs."""
        if isinstance(headers, Headers):
            return headers
        return cls(headers.items() if isinstance(headers, Mapping) else headers)

    def get(self, name: str) -> str | None:
        """The first value of a field, without blanks around it."""
        values = self._by_name.get(name.lower())
        return values[0].strip(" \t") if values else None

    def count(self, name: str) -> int:
        """How often a field occurs."""
        return len(self._by_name.get(name.lower(), ()))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __repr__(self) -> str:
        return f"Headers({self.fields!r})"


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A header value with parameters: the value in lower case, parameter names in lower case."""

    value: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entity:
    """One MIME entity: header fields ``start..body_start`` and body ``body_start..end`` of the data.

    The outermost entity has its header fields from HTTP and no bytes for them: ``start`` equals ``body_start``.
    """

    data: Buffer
    start: int
    body_start: int
    end: int
    headers: Headers

    @property
    def encoded(self) -> memoryview:
        """Header fields and body as received."""
        return memoryview(self.data)[self.start : self.end]

    @cached_property
    def content_type(self) -> Parameterized:
        """The Content-Type; absent means application/octet-stream here, as AS2 carries business data."""
        self._refuse_repetition("content-type")
        return parse_parameterized(self.headers.get("content-type") or "application/octet-stream")

    @property
    def filename(self) -> str | None:
        """The name that the sender gives the content, made harmless; None without a usable one."""
        self._refuse_repetition("content-disposition")
        disposition = parse_parameterized(self.headers.get("content-disposition") or "")
        return safe_filename(disposition.parameters.get("filename") or self.content_type.parameters.get("name") or "")

    def _refuse_repetition(self, name: str) -> None:
        if self.headers.count(name) > 1:
            raise MimeError(f"header {name} is repeated")

    def decoded(self, scratch: Scratch = MemorySink) -> tuple[Buffer, int, int]:
        """The body without its transfer encoding, as a range of bytes; written to scratch if there is an encoding."""
        self._refuse_repetition("content-transfer-encoding")
        encoding = (self.headers.get("content-transfer-encoding") or "").strip("\"' ").lower()
        if encoding in _IDENTITY_ENCODINGS:
            return self.data, self.body_start, self.end
        if encoding == "base64":
            pieces = _decode_base64(windows(self.data, self.body_start, self.end))
        elif encoding == "quoted-printable":
            pieces = _decode_quoted_printable(windows(self.data, self.body_start, self.end))
        else:
            raise MimeError(f"Content-Transfer-Encoding {encoding[:40]!r} does not exist")
        sink = scratch()
        for piece in pieces:
            sink.write(piece)
        content = sink.view()
        return content, 0, len(content)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A further part beside the payload (RFC 6362)."""

    content: Buffer
    content_type: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class Multipart:
    """The parts of a multipart and where its epilogue starts."""

    parts: tuple[Entity, ...]
    epilogue_start: int


def _decode_base64(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Strict, so that nothing can hide between or behind the characters (RFC 4648 3.1, 3.3)."""
    left = b""
    ended = False
    for piece in pieces:
        characters = left + whole(piece).translate(None, _WHITESPACE)
        groups = len(characters) // 4 * 4
        characters, left = characters[:groups], characters[groups:]
        if ended and characters:
            raise MimeError("base64: characters behind the padding")
        yield _base64_groups(characters)
        ended = ended or characters.endswith(b"=")
    if left:
        raise MimeError("base64: the last group is not whole")


def _base64_groups(characters: bytes) -> bytes:
    try:
        return binascii.a2b_base64(characters, strict_mode=True)
    except binascii.Error as error:
        raise MimeError(f"base64: {error}") from None


def _decode_quoted_printable(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Whole lines at a time; of a line that never ends, whatever cannot be the begin of an escape (RFC 2045 6.7)."""
    left = b""
    for piece in pieces:
        encoded = left + whole(piece)
        cut = encoded.rfind(b"\n") + 1
        if cut == 0 and (cut := encoded.rfind(b"=", -2)) < 0:
            cut = len(encoded)
        yield binascii.a2b_qp(encoded[:cut])
        left = encoded[cut:]
    yield binascii.a2b_qp(left)


def read_entity(source: Buffer, start: int = 0, end: int | None = None) -> Entity:
    """The entity that fills a range of bytes."""
    limit = len(source) if end is None else end
    if isinstance(source, bytes):
        return _read_entity(source, source, 0, start, limit)
    # Its header fields alone are read; nothing behind them is looked at.
    head = bytes(source[start : min(limit, start + HEADER_BYTES_MAX + 2)])
    return _read_entity(source, head, start, start, limit)


def _read_entity(source: Buffer, data: bytes, offset: int, start: int, limit: int) -> Entity:
    """Read the header fields in `data`, which stands at an offset in the source."""
    fields: list[tuple[bytes, bytes]] = []
    position = start
    while True:
        if position - start > HEADER_BYTES_MAX:
            raise MimeError(f"header fields of more than {HEADER_BYTES_MAX} bytes")
        line_end = data.find(b"\n", position - offset, min(limit, start + HEADER_BYTES_MAX + 2) - offset) + offset
        if line_end < offset:
            if limit - start > HEADER_BYTES_MAX:
                raise MimeError(f"no end of the header fields within {HEADER_BYTES_MAX} bytes")
            line_end = -1
        following = limit if line_end < 0 else line_end + 1
        line = data[position - offset : (limit if line_end < 0 else line_end) - offset]
        position = following
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            break
        _add_line(fields, line)
        if line_end < 0:
            break
    headers = Headers(
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape").strip()) for name, value in fields
    )
    return Entity(source, start, position, limit, headers)


def _add_line(fields: list[tuple[bytes, bytes]], line: bytes) -> None:
    if _CONTROLS.search(line):
        raise MimeError("control character in a header field")
    if line[0] in b" \t":
        if not fields:
            raise MimeError("the header starts with a continuation line")
        name, value = fields[-1]
        fields[-1] = name, value + line
        return
    name, colon, value = line.partition(b":")
    name = name.rstrip(b" \t")
    if not colon or not _FIELD_NAME.fullmatch(name):
        raise MimeError("a line among the header fields that is none")
    if len(fields) >= HEADER_FIELDS_MAX:
        raise MimeError(f"more than {HEADER_FIELDS_MAX} header fields")
    fields.append((name, value))


def split_multipart(entity: Entity) -> Multipart:
    """The body parts of a multipart entity (RFC 2046 5.1.1)."""
    encoding = (entity.headers.get("content-transfer-encoding") or "").lower()
    if encoding not in _IDENTITY_ENCODINGS:
        raise MimeError("a multipart has no transfer encoding of its own (RFC 2045 6.4)")
    boundary = entity.content_type.parameters.get("boundary", "")
    if not 1 <= len(boundary) <= BOUNDARY_LENGTH_MAX or not boundary.isascii():
        raise MimeError("multipart without a usable boundary")
    data, limit = entity.data, entity.end
    mark = b"--" + boundary.encode("ascii")
    parts: list[Entity] = []
    part_start: int | None = None
    position = entity.body_start
    false_ones = 0
    while True:
        found = find(data, mark, position, limit)
        if found < 0:
            raise MimeError("multipart without its closing boundary")
        position = found + len(mark)
        at_line_start = found == entity.body_start or data[found - 1] in _LINE_FEED
        closing, line_end = _boundary_line(data, position, limit) if at_line_start else (False, -1)
        if line_end < 0:
            false_ones += 1
            if false_ones > FALSE_BOUNDARIES_MAX:
                raise MimeError(f"a boundary that stands in the content more than {FALSE_BOUNDARIES_MAX} times")
            continue
        if part_start is not None:
            # The line end before the boundary belongs to the boundary (RFC 2046 5.1.1).
            part_end = found - (2 if data[found - 2 : found] == b"\r\n" else 1)
            parts.append(read_entity(data, part_start, max(part_start, part_end)))
            if len(parts) > PARTS_MAX:
                raise MimeError(f"more than {PARTS_MAX} parts")
        if closing:
            return Multipart(tuple(parts), line_end)
        part_start = position = line_end


def _boundary_line(data: Buffer, position: int, limit: int) -> tuple[bool, int]:
    """Whether the boundary closes the multipart, and where the next line starts; -1 when it is no boundary at all."""
    closing = data[position : min(limit, position + 2)] == b"--"
    position += 2 if closing else 0
    padding_end = min(limit, position + PADDING_LENGTH_MAX)
    while position < padding_end and data[position] in b" \t":
        position += 1
    if position == limit:
        return closing, limit if closing else -1
    if data[position] in _LINE_FEED:
        return closing, position + 1
    if data[position : min(limit, position + 2)] == b"\r\n":
        return closing, position + 2
    return closing, -1


def parse_parameterized(value: str) -> Parameterized:
    """A Content-Type or Content-Disposition; what cannot be understood in it is left out."""
    return _parse_usual(value) if len(value) <= _USUAL_LENGTH_MAX else _parse(value)


@lru_cache(maxsize=512)
def _parse_usual(value: str) -> Parameterized:
    return _parse(value)


def _parse(value: str) -> Parameterized:
    head, _, rest = value.partition(";")
    sections: dict[str, list[_Section]] = {}
    for count, (name, text) in enumerate(_parameters(rest)):
        if count >= PARAMETERS_MAX:
            raise MimeError(f"more than {PARAMETERS_MAX} parameters")
        match = _PARAMETER_NAME.fullmatch(name)
        if match:
            base, number, extended = match.groups()
            sections.setdefault(base, []).append(_Section(int(number or 0), bool(extended), text))
    parameters = {name: _joined(name, held) for name, held in sections.items()}
    return Parameterized(head.strip(" \t\r\n").lower(), parameters)


class _Section(NamedTuple):
    """A piece of a parameter: `name`, `name*`, `name*0` or `name*0*` (RFC 2231 3 and 4)."""

    number: int
    extended: bool
    text: str


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each parameter, quotes and escapes undone, comments (RFC 822 3.4.3) left out."""
    position, size = 0, len(text)
    while position < size:
        equals = text.find("=", position)
        if equals < 0:
            return
        name = text[position:equals].rpartition(";")[2].strip(" \t\r\n").lower()
        match = _QUOTED.match(text, equals + 1)
        if match:
            value = match[1].replace("\r", "").replace("\n", "")
            if "\\" in value:
                value = re.sub(r"\\(.)", r"\1", value)
            semicolon = text.find(";", match.end())
        else:
            semicolon = text.find(";", equals)
            value = text[equals + 1 : size if semicolon < 0 else semicolon].partition(" (")[0].strip(" \t\r\n")
        position = size if semicolon < 0 else semicolon + 1
        yield name, value


def _joined(name: str, sections: list[_Section]) -> str:
    """A parameter from its sections; extended ones are percent-encoded, the first names the charset (RFC 2231 4)."""
    if len(sections) == 1 and not sections[0].extended:
        return sections[0].text
    if [section.number for section in sections] == [0, 0] and sections[0].extended is not sections[1].extended:
        # The plain form stands beside the extended one, which then wins (RFC 6266 4.3).
        sections = [section for section in sections if section.extended]
    if len({section.number for section in sections}) != len(sections):
        raise MimeError(f"parameter {name} is repeated")
    charset, raw = "", bytearray()
    for index, section in enumerate(sorted(sections)):
        text = section.text
        if section.extended and index == 0 and text.count("'") > 1:
            charset, _language, text = text.split("'", 2)
        encoded = text.encode("utf-8", "surrogateescape")
        raw += unquote_to_bytes(encoded) if section.extended else encoded
    charset = charset.lower()
    return raw.decode(charset if charset in _CHARSETS else "utf-8", "replace")


def safe_filename(name: str) -> str | None:
    """The last component of a path without anything that a file system or a header could trip over."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(character for character in last if character.isprintable()).strip(" .")
    encoded = plain.encode("utf-8", "ignore")[:FILENAME_BYTES_MAX]
    return encoded.decode("utf-8", "ignore") or None


def quoted_string(value: str) -> str:
    """The value as an RFC 822 quoted-string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
