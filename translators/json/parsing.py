"""A strict JSON parser (RFC 8259) that keeps numbers by their text and says where and what is wrong.

Stricter than most: no duplicate keys, no NaN, no lone surrogates, a limit on depth and on the length of numbers.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from translators.building import NumberText, Path, Tree, pointer
from translators.findings import Finding, Level, Severity

DEPTH_MAX: Final = 64
NUMBER_CHARACTERS_MAX: Final = 100

_BLANKS: Final = re.compile(r"[ \t\n\r]*+")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*+')
_NUMBER: Final = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+")
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_WORD: Final = re.compile(r"[A-Za-z_+\-.0-9]++")
_SURROGATE: Final = re.compile(r"\\u[dD]")  # half of a pair, or a whole one
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_HIGH, _LOW, _AFTER_LOW = 0xD800, 0xDC00, 0xE000
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The value of a JSON text; ``findings`` with an error mean that there is none."""

    tree: Tree
    text: str
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether the text could be read."""
        return all(finding.severity is Severity.WARNING for finding in self.findings)


class _FaultError(Exception):
    """Ends the parsing; never leaves this module."""

    def __init__(self, code: str, message: str, position: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.position = position


def parse(data: bytes) -> Parsed:
    """The value of a JSON text in UTF-8; nothing is raised whatever the bytes are."""
    findings = []
    if data.startswith(_BOM):
        data = data[len(_BOM) :]
        message = "the text begins with a byte order mark, which RFC 8259 forbids; it was ignored"
        findings.append(
            Finding(Level.FILE, "byte-order-mark", message, Severity.WARNING, byte_offset=0, pointer="", line=1)
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; send the text in UTF-8"
        line = data.count(b"\n", 0, error.start) + 1
        findings.append(Finding(Level.FILE, "invalid-utf8", message, byte_offset=error.start, pointer="", line=line))
        return Parsed(None, "", tuple(findings))
    try:
        return Parsed(parse_sound(text), text, tuple(findings))
    except NotSoundError:
        parser = _Parser(text)
    try:
        tree = parser.whole()
    except _FaultError as fault:
        line, column = line_and_column(text, fault.position)
        findings.append(
            Finding(
                level=Level.FILE,
                code=fault.code,
                message=f"{fault.message} (line {line}, column {column})",
                byte_offset=len(text[: fault.position].encode()),
                pointer=pointer(tuple(parser.path)),
                line=line,
            )
        )
        return Parsed(None, text, tuple(findings))
    return Parsed(tree, text, tuple(findings))


class NotSoundError(Exception):
    """The text has a fault, or something that only the careful parser can judge."""


def parse_sound(text: str) -> Tree:
    """The value of a text without faults, by the parser of the standard library, which is several times as fast.

    Raises:
        NotSoundError: `_Parser` has to look, to say what is wrong and where.
    """
    if _SURROGATE.search(text) is not None:
        raise NotSoundError
    try:
        tree: Tree = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise NotSoundError from None
    if text.count("{") + text.count("[") > DEPTH_MAX and _is_too_deep(tree):
        raise NotSoundError
    return tree


def _sound_number(digits: str) -> NumberText:
    if len(digits) > NUMBER_CHARACTERS_MAX:
        raise NotSoundError
    return NumberText(digits)


def _sound_object(members: list[tuple[str, Tree]]) -> Tree:
    found = dict(members)
    if len(found) != len(members):
        raise NotSoundError
    return found


def _no_constant(_word: str) -> Tree:
    raise NotSoundError


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_sound_object, parse_float=_sound_number, parse_int=_sound_number, parse_constant=_no_constant
)


def _is_too_deep(tree: Tree) -> bool:
    containers = [tree] if isinstance(tree, dict | list) else []
    for _ in range(DEPTH_MAX):
        containers = [
            inner
            for container in containers
            for inner in (container.values() if isinstance(container, dict) else container)
            if isinstance(inner, dict | list)
        ]
    return bool(containers)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Line and column of a position, both from 1."""
    return text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1) + 1


def positions(text: str) -> dict[Path, int]:
    """Where each value of a sound text stands, for the places of findings."""
    parser = _Parser(text)
    parser.positions = {}
    try:
        parser.whole()
    except _FaultError:
        return parser.positions
    return parser.positions


class _Parser:
    def __init__(self, text: str) -> None:
        self.path: list[str | int] = []
        self.positions: dict[Path, int] | None = None
        self._text = text
        self._at = 0

    def whole(self) -> Tree:
        self._skip()
        value = self._value(1)
        self._skip()
        if self._at < len(self._text):
            raise _FaultError("trailing-text", "text stands behind the document; remove it", self._at)
        return value

    def _skip(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = self._at if blanks is None else blanks.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Tree:
        if self.positions is not None:
            self.positions[tuple(self.path)] = self._at
        match self._peek():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                return self._string()
            case "":
                raise _FaultError("truncated", "the text ends where a value is due", self._at)
        return self._number_or_word()

    def _open(self, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise _FaultError("too-deep", f"values are nested deeper than {DEPTH_MAX}", self._at)
        self._at += 1
        self._skip()

    def _object(self, depth: int) -> Tree:
        self._open(depth)
        members: dict[str, Tree] = {}
        if self._peek() == "}":
            self._at += 1
            return members
        while True:
            start = self._at
            if self._peek() != '"':
                raise self._unexpected("a member's name in quotes")
            name = self._string()
            if name in members:
                raise _FaultError("duplicate-key", f"the key {name[:99]} stands twice in one object", start)
            self._skip()
            if self._peek() != ":":
                raise self._unexpected("a colon")
            self._at += 1
            self._skip()
            self.path.append(name)
            members[name] = self._value(depth + 1)
            self.path.pop()
            if self._is_last("}"):
                return members

    def _array(self, depth: int) -> Tree:
        self._open(depth)
        items: list[Tree] = []
        if self._peek() == "]":
            self._at += 1
            return items
        while True:
            self.path.append(len(items))
            items.append(self._value(depth + 1))
            self.path.pop()
            if self._is_last("]"):
                return items

    def _is_last(self, close: str) -> bool:
        """Steps over a comma, or over the end of the object or array."""
        self._skip()
        found = self._peek()
        if found not in {",", close} or not found:
            raise self._unexpected(f"a comma or {close}")
        self._at += 1
        self._skip()
        return found == close

    def _unexpected(self, due: str) -> _FaultError:
        found = self._peek()
        if not found:
            return _FaultError("truncated", f"the text ends where {due} is due", self._at)
        return _FaultError("syntax", f"{found!r} stands where {due} is due", self._at)

    def _number_or_word(self) -> Tree:
        start = self._at
        number = _NUMBER.match(self._text, start)
        word = _WORD.match(self._text, start)
        if number is not None and word is not None and number.end() == word.end():
            self._at = number.end()
            if self._at - start > NUMBER_CHARACTERS_MAX:
                message = f"the number has more than {NUMBER_CHARACTERS_MAX} characters"
                raise _FaultError("number-too-long", message, start)
            return NumberText(number[0])
        if word is None:
            raise self._unexpected("a value")
        if word[0] in _WORDS:
            self._at = word.end()
            return _WORDS[word[0]]
        if word[0] in {"NaN", "Infinity", "-Infinity"}:
            raise _FaultError("not-a-number", f"{word[0]} is no JSON value; leave the field out", start)
        raise _FaultError("syntax", f"{word[0][:99]} is no JSON value", start)

    def _string(self) -> str:
        start = self._at
        self._at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN.match(self._text, self._at)
            if plain is not None:
                parts.append(plain[0])
                self._at = plain.end()
            match self._peek():
                case '"':
                    self._at += 1
                    return "".join(parts)
                case "\\":
                    parts.append(self._escape())
                case "":
                    raise _FaultError("truncated", "the text ends inside a string", start)
                case _:
                    message = "a control character stands in a string; write it as an escape or remove it"
                    raise _FaultError("control-character", message, self._at)

    def _escape(self) -> str:
        start = self._at
        letter = self._text[start + 1 : start + 2]
        if letter in _ESCAPES:
            self._at += 2
            return _ESCAPES[letter]
        if letter != "u":
            raise _FaultError("syntax", "a backslash begins no escape that JSON knows", start)
        high = self._code_unit()
        if not _HIGH <= high < _AFTER_LOW:
            return chr(high)
        if high < _LOW and self._text.startswith("\\u", self._at):
            low = self._code_unit()
            if _LOW <= low < _AFTER_LOW:
                return chr(0x10000 + ((high - _HIGH) << 10) + (low - _LOW))
        raise _FaultError("lone-surrogate", "half of a surrogate pair stands alone; write the whole character", start)

    def _code_unit(self) -> int:
        digits = _HEX.match(self._text, self._at + 2)
        if digits is None:
            raise _FaultError("syntax", "four hexadecimal digits are due behind \\u", self._at)
        self._at += 6
        return int(digits[0], 16)
