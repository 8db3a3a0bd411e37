"""Structured Fields (RFC 8941, RFC 9651), as far as signatures and digests speak them: dictionaries, lists, items.

One pass without backtracking, so that the length of a field bounds the work. Stricter than the standard in one thing:
a key that comes twice is refused where the standard lets the last one win, since two readers who disagree on which
one counts are what attacks are made of. Dates and display strings stand in no field that is read here.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

INTEGER_DIGITS_MAX = 15  # RFC 8941 3.3.1
DECIMAL_DIGITS_MAX = 12  # before the point; three behind it, 3.3.2


class Token(str):
    """A word without quotes (RFC 8941 3.3.4), which is another thing than the string of the same letters."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


BareItem: TypeAlias = int | Decimal | str | Token | bytes | bool
Parameters: TypeAlias = Mapping[str, BareItem]


NO_PARAMETERS: Parameters = MappingProxyType({})


class StructuredFieldError(ValueError):
    """A text that is no structured field, or a value that cannot be written as one.

    Attributes:
        position: where in the text reading stopped, counted from 1.
        what: what is wrong there.
    """

    def __init__(self, position: int, what: str) -> None:
        super().__init__(f"position {position}: {what}")
        self.position = position
        self.what = what


@dataclass(frozen=True, slots=True)
class Item:
    """A value with its parameters (RFC 8941 3.3)."""

    value: BareItem
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses, with parameters of the whole (RFC 8941 3.1.1)."""

    items: tuple[Item, ...]
    parameters: Parameters


Member: TypeAlias = Item | InnerList
Dictionary: TypeAlias = Mapping[str, Member]

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*+")
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]++|\\["\\])*+)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+")
_NUMBER = re.compile(r"-?([0-9]++)(?:\.([0-9]*+))?")
_BYTES = re.compile(r":([A-Za-z0-9+/]*+={0,2}):")
_BOOLEAN = re.compile(r"\?([01])")
# The two shapes that nearly every signature has, each read in one step: a list of strings without parameters, and a
# parameter that is a string without backslashes or a whole number.
_PLAIN_STRINGS = re.compile(r'\((?:"[\x20\x21\x23-\x5b\x5d-\x7e]*+"(?: (?=")|(?=\))))*+\)')
_PLAIN_STRINGS_MAX = 1_024
_PLAIN_STRING = re.compile(r'"([^"]*+)"')
_PLAIN_PARAMETER = re.compile(
    r';([a-z*][a-z0-9_.*-]*+)=(?:"([\x20\x21\x23-\x5b\x5d-\x7e]*+)"|([0-9]{1,15}+)(?![0-9.]))'
)
_SPACES = re.compile(r" *+")
_WHITESPACE = re.compile(r"[ \t]*+")
_ESCAPED = re.compile(r'\\(["\\])')
_QUOTED = re.compile(r'(["\\])')
_STRING_TEXT = re.compile(r"[\x20-\x7e]*+")


def parse_dictionary(text: str) -> Dictionary:
    """A dictionary in its order (RFC 8941 4.2.2); of several field lines the caller joins the values with commas."""
    reader = _Reader(text)
    dictionary: dict[str, Member] = {}
    for _ in reader.members():
        at = reader.position
        key = reader.key()
        if key in dictionary:
            raise StructuredFieldError(at + 1, f"{key!r} comes a second time")
        # A key alone stands for true, with parameters (4.2.2 step 2.3).
        dictionary[key] = reader.member() if reader.took("=") else Item(True, reader.parameters())
    return dictionary


def parse_list(text: str) -> tuple[Member, ...]:
    """A list (RFC 8941 4.2.1)."""
    reader = _Reader(text)
    return tuple(reader.member() for _ in reader.members())


def parse_item(text: str) -> Item:
    """One item (RFC 8941 4.2.3)."""
    reader = _Reader(text)
    reader.skip(_SPACES)
    item = reader.item()
    reader.skip(_SPACES)
    if not reader.ended():
        raise reader.error("the field should end here")
    return item


class _Reader:
    """Where reading stands in a text. Every step goes on or raises StructuredFieldError."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, what: str) -> StructuredFieldError:
        return StructuredFieldError(self.position + 1, what)

    def ended(self) -> bool:
        return self.position >= len(self.text)

    def took(self, character: str) -> bool:
        """Whether the character stands here; if so, reading goes on behind it."""
        if not self.text.startswith(character, self.position):
            return False
        self.position += 1
        return True

    def skip(self, blank: re.Pattern[str]) -> None:
        found = blank.match(self.text, self.position)
        if found is not None:
            self.position = found.end()

    def _take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise self.error(what)
        self.position = found.end()
        return found

    def members(self) -> Iterator[None]:
        """Stands before each member of a list or dictionary in turn (RFC 8941 4.2.1, 4.2.2)."""
        self.skip(_SPACES)
        while not self.ended():
            yield
            self.skip(_WHITESPACE)
            if self.ended():
                return
            if not self.took(","):
                raise self.error("a comma or the end should stand here")
            self.skip(_WHITESPACE)
            if self.ended():
                raise self.error("nothing follows the last comma")

    def key(self) -> str:
        return self._take(_KEY, "a key of lower-case letters, digits, _ - . * should stand here")[0]

    def member(self) -> Member:
        return self._inner_list() if self.text.startswith("(", self.position) else self.item()

    def _inner_list(self) -> InnerList:
        plain = _PLAIN_STRINGS.match(self.text, self.position)
        if plain is not None and plain.end() - self.position <= _PLAIN_STRINGS_MAX:
            self.position = plain.end()
            items = _plain_items(plain[0])
        else:
            items = self._items()
        return InnerList(items, self.parameters())

    def _items(self) -> tuple[Item, ...]:
        self.position += 1
        items: list[Item] = []
        while True:
            before = self.position
            self.skip(_SPACES)
            if self.took(")"):
                return tuple(items)
            if self.ended():
                raise self.error("the closing parenthesis is missing")
            if items and self.position == before:
                raise self.error("a space or a closing parenthesis should stand here")
            items.append(self.item())

    def item(self) -> Item:
        return Item(self._bare_item(), self.parameters())

    def parameters(self) -> Parameters:
        if not self.text.startswith(";", self.position):
            return NO_PARAMETERS
        parameters: dict[str, BareItem] = {}
        while self.text.startswith(";", self.position):
            at = self.position
            key, value = self._plain_parameter() or self._parameter()
            if key in parameters:
                raise StructuredFieldError(at + 1, f"the parameter {key!r} comes a second time")
            parameters[key] = value
        return parameters

    def _plain_parameter(self) -> tuple[str, BareItem] | None:
        plain = _PLAIN_PARAMETER.match(self.text, self.position)
        if plain is None:
            return None
        self.position = plain.end()
        key, text, number = plain.groups()
        return key, int(number) if text is None else text

    def _parameter(self) -> tuple[str, BareItem]:
        self.position += 1
        self.skip(_SPACES)
        key = self.key()
        return key, self._bare_item() if self.took("=") else True

    def _bare_item(self) -> BareItem:
        read = _BARE_ITEMS.get(self.text[self.position : self.position + 1])
        if read is None:
            raise self.error('a value should stand here: "string", number, token, :bytes: or ?0 and ?1')
        return read(self)

    def _string(self) -> str:
        text = self._take(_STRING, "this string does not end, or holds more than printable ASCII")[1]
        return _ESCAPED.sub(r"\1", text) if "\\" in text else text

    def _token(self) -> Token:
        return Token(self._take(_TOKEN, "a token should stand here")[0])

    def _boolean(self) -> bool:
        return self._take(_BOOLEAN, "a boolean is ?0 or ?1")[1] == "1"

    def _bytes(self) -> bytes:
        at = self.position
        text = self._take(_BYTES, "bytes are base64 between two colons")[1]
        try:
            # Padding that is left out is no error (RFC 8941 4.2.7).
            return a2b_base64(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), strict_mode=True)
        except Base64Error:
            raise StructuredFieldError(at + 1, "this is not base64") from None

    def _number(self) -> int | Decimal:
        at = self.position
        found = self._take(_NUMBER, "a number should stand here")
        whole, fraction = found.groups()
        if fraction is None:
            if len(whole) > INTEGER_DIGITS_MAX:
                raise StructuredFieldError(at + 1, f"an integer has at most {INTEGER_DIGITS_MAX} digits")
            return int(found[0])
        if len(whole) > DECIMAL_DIGITS_MAX or not 1 <= len(fraction) <= 3:  # noqa: PLR2004  # RFC 8941 3.3.2
            raise StructuredFieldError(
                at + 1, f"a decimal has at most {DECIMAL_DIGITS_MAX} digits, a point and 1 to 3 digits"
            )
        return Decimal(found[0])


# A program covers the same components in every request; bounded, since whoever sends requests chooses them.
@lru_cache(maxsize=256)
def _plain_items(text: str) -> tuple[Item, ...]:
    return tuple([Item(one, NO_PARAMETERS) for one in _PLAIN_STRING.findall(text)])


_BARE_ITEMS: dict[str, Callable[[_Reader], BareItem]] = {
    '"': _Reader._string,  # noqa: SLF001  # the table of the class that stands above it
    ":": _Reader._bytes,  # noqa: SLF001
    "?": _Reader._boolean,  # noqa: SLF001
    **dict.fromkeys("-0123456789", _Reader._number),  # noqa: SLF001
    **dict.fromkeys("*ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", _Reader._token),  # noqa: SLF001
}


def serialize(member: Member) -> str:
    """An item or inner list in the one way that the standard writes it (RFC 8941 4.1).

    Raises:
        StructuredFieldError: a value that has no form, such as a string with a line break.
    """
    if isinstance(member, InnerList):
        return f"({' '.join([serialize(item) for item in member.items])}){serialize_parameters(member.parameters)}"
    if not member.parameters:
        return serialize_bare_item(member.value)
    return serialize_bare_item(member.value) + serialize_parameters(member.parameters)


def serialize_dictionary(dictionary: Dictionary) -> str:
    """A dictionary (RFC 8941 4.1.2); an empty one has no field at all."""
    return ", ".join([_serialize_entry(key, member) for key, member in dictionary.items()])


def _serialize_entry(key: str, member: Member) -> str:
    if isinstance(member, Item) and member.value is True:
        return _checked_key(key) + serialize_parameters(member.parameters)
    return f"{_checked_key(key)}={serialize(member)}"


def serialize_list(members: tuple[Member, ...]) -> str:
    """A list (RFC 8941 4.1.1)."""
    return ", ".join([serialize(member) for member in members])


def serialize_parameters(parameters: Parameters) -> str:
    """Parameters in their order (RFC 8941 4.1.1.2)."""
    return "".join(
        [
            f";{_checked_key(key)}" if value is True else f";{_checked_key(key)}={serialize_bare_item(value)}"
            for key, value in parameters.items()
        ]
    )


def _checked_key(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise StructuredFieldError(1, f"{key!r} is no key: lower-case letters, digits, _ - . *")
    return key


def serialize_bare_item(value: BareItem) -> str:
    """One value without parameters (RFC 8941 4.1.3.1)."""
    if type(value) is str:
        return serialize_string(value)
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, int):
        if abs(value) >= 10**INTEGER_DIGITS_MAX:
            raise StructuredFieldError(1, f"an integer has at most {INTEGER_DIGITS_MAX} digits")
        return str(value)
    if isinstance(value, bytes):
        return f":{b2a_base64(value, newline=False).decode('ascii')}:"
    if isinstance(value, Decimal):
        return _serialize_decimal(value)
    if _TOKEN.fullmatch(value) is None:
        raise StructuredFieldError(1, f"{str(value)!r} is no token")
    return str(value)


def serialize_string(value: str) -> str:
    """A string in quotes; printable ASCII alone has a form (RFC 8941 4.1.6)."""
    if _STRING_TEXT.fullmatch(value) is None:
        raise StructuredFieldError(1, "a string holds printable ASCII alone")
    escaped = _QUOTED.sub(r"\\\1", value) if '"' in value or "\\" in value else value
    return f'"{escaped}"'


def _serialize_decimal(value: Decimal) -> str:
    if not value.is_finite() or abs(value) >= 10**DECIMAL_DIGITS_MAX:
        raise StructuredFieldError(1, f"a decimal has at most {DECIMAL_DIGITS_MAX} digits before the point")
    # Rounded to three digits, the even one of two that are as near (RFC 8941 4.1.5).
    whole, _, fraction = f"{value.quantize(Decimal('0.001'), ROUND_HALF_EVEN):f}".partition(".")
    if len(whole.lstrip("-")) > DECIMAL_DIGITS_MAX:
        raise StructuredFieldError(1, f"a decimal has at most {DECIMAL_DIGITS_MAX} digits before the point")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
