"""What a signature may cover of a request, and the signature base that comes of it (RFC 9421, 2).

Values come from the request alone, in the canonical form of the RFC; a component that has no single, certain value is
refused, never guessed: a parameter that we do not know, a name that comes twice, a byte that is no printable ASCII.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from gateway.signatures.refusals import malformed
from gateway.signatures.structured_fields import (
    NO_PARAMETERS,
    BareItem,
    InnerList,
    Item,
    Parameters,
    StructuredFieldError,
    parse_dictionary,
    parse_item,
    serialize,
    serialize_bare_item,
    serialize_dictionary,
    serialize_parameters,
)

COMPONENTS_MAX = 32
QUERY_PARAMETERS_MAX = 256

DERIVED: Final = frozenset(
    {"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query", "@query-param"}
)
# The fields whose structure we know, which alone may be covered with `sf` or by `key` (RFC 9421, 2.1.1 and 2.1.2).
STRUCTURED: Final[Mapping[str, Literal["dictionary", "item"]]] = {
    "content-digest": "dictionary",
    "idempotency-key": "item",
    "priority": "dictionary",
    "repr-digest": "dictionary",
    "want-content-digest": "dictionary",
    "want-repr-digest": "dictionary",
}
# Fields that have one value: of two lines, a program that reads the first and one that reads the last disagree.
SINGULAR: Final = frozenset(
    {
        *("authorization", "content-encoding", "content-length", "content-location", "content-type", "date", "host"),
        *("idempotency-key", "if-match", "if-none-match", "user-agent"),
    }
)
DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,128}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*+")
_NO_CONTROLS = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*+")
_PRINTABLE = re.compile(r"[\x21-\x7e]++")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a signature is over, as the partner sent it (behind a proxy: as the proxy received it).

    Attributes:
        method: as on the wire.
        scheme: ``https``, or ``http`` where there is no TLS.
        authority: the Host field, or `:authority`.
        target: path and query as on the wire (the origin form of RFC 9112, 3.2.1), nothing decoded.
        fields: name and value in the order of the wire; bytes above ASCII as surrogate escapes of UTF-8.
    """

    method: str
    scheme: str
    authority: str
    target: str
    fields: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that is covered: a name, and for some names parameters."""

    name: str
    parameters: Parameters

    @property
    def identifier(self) -> str:
        """As it stands in the signature base and in messages: ``"@query-param";name="id"``."""
        return f'"{self.name}"{serialize_parameters(self.parameters)}' if self.parameters else f'"{self.name}"'


Coverage: TypeAlias = frozenset[str]
# What is covered in pieces counts as the whole. In the origin form, the only one that is taken here, the target URI
# holds every piece of the others (RFC 9421, 2.2.2 to 2.2.7). `@query-param` and `key` cover a part of something and so
# count for nothing but themselves; the Host field does not stand for `@authority`, which RFC 9421, 2.2.3 puts above it.
_PIECES: Final[Mapping[str, Coverage]] = {
    "@method": frozenset({"@method"}),
    "@scheme": frozenset({"@scheme"}),
    "@authority": frozenset({"@authority"}),
    "@path": frozenset({"@path"}),
    "@query": frozenset({"@query"}),
    "@request-target": frozenset({"@path", "@query"}),
    "@target-uri": frozenset({"@scheme", "@authority", "@path", "@query"}),
}


def pieces(name: str) -> Coverage:
    """The pieces of a request that a component without parameters is."""
    return _PIECES.get(name) or frozenset({name})


def coverage(components: Iterable[Component]) -> Coverage:
    """The pieces of a request that are covered whole."""
    return frozenset[str]().union(*(pieces(one.name) for one in components if _is_whole(one)))


def _is_whole(component: Component) -> bool:
    return component.name != "@query-param" and "key" not in component.parameters


def plain(name: str) -> Component:
    """A component without parameters.

    Raises:
        SignatureRefused: cause MALFORMED; no request has such a one.
    """
    return read_component(Item(name, NO_PARAMETERS))


def read_component(item: Item) -> Component:
    """A component identifier (RFC 9421, 2), checked but for whether the request has it.

    Raises:
        SignatureRefused: cause MALFORMED.
    """
    name = item.value
    if type(name) is not str:
        raise malformed("Signature-Input: the covered components are strings in quotes.")
    _check_name(name)
    for parameter, value in item.parameters.items():
        if parameter not in _PARAMETERS:
            raise malformed(
                f'The component "{name}" has the parameter {parameter!r}, which cannot be covered in a request.'
            )
        if type(value) is not _PARAMETERS[parameter] or value is False:
            raise malformed(f'The parameter {parameter!r} of the component "{name}" has the wrong kind of value.')
    _check_combination(name, frozenset(item.parameters))
    return Component(name, item.parameters)


def _check_name(name: str) -> None:
    if name.startswith("@"):
        if name not in DERIVED:
            raise malformed(
                f'"{name[:64]}" is no component of a request; there are {", ".join(sorted(DERIVED))} and field names.'
            )
    elif _FIELD_NAME.fullmatch(name) is None:
        raise malformed(f'"{name[:64]}" is no field name; names of fields are written in lower case.')


# `req` is for responses; `tr` is for trailers, which are not taken (RFC 9421, 2.1.4 and 2.4).
_PARAMETERS: Final[Mapping[str, type]] = {"sf": bool, "key": str, "bs": bool, "name": str}


def _check_combination(name: str, parameters: frozenset[str]) -> None:
    if name == "@query-param":
        if parameters != {"name"}:
            raise malformed('The component "@query-param" has the parameter name, and no other.')
    elif not parameters:
        return
    elif name.startswith("@") or "name" in parameters:
        raise malformed(f'The component "{name}" takes no such parameter.')
    elif "bs" in parameters and len(parameters) > 1:
        raise malformed(f'The component "{name}" cannot have bs together with sf or key (RFC 9421, 2.1).')
    elif "bs" not in parameters:
        kind = STRUCTURED.get(name)
        if kind is None or ("key" in parameters and kind != "dictionary"):
            raise malformed(
                f'We do not know the field "{name}" as structured, so it is covered without sf and key '
                f"(known: {', '.join(sorted(STRUCTURED))})."
            )


class Components:
    """The values of one request's components, each looked up when it is asked for."""

    __slots__ = ("_fields", "_head", "_path", "_query", "_query_parameters")

    def __init__(self, head: RequestHead) -> None:
        """Raises SignatureRefused for a request whose first line has no certain components."""
        if _METHOD.fullmatch(head.method) is None:
            raise malformed("The request method is no token.")
        # The absolute form is for proxies; what it says of the host could differ from Host (RFC 9112, 3.2.2).
        if not head.target.startswith("/") or _PRINTABLE.fullmatch(head.target) is None:
            raise malformed("The request target is not a path with a query in ASCII, such as /v1/documents?limit=5.")
        if _PRINTABLE.fullmatch(head.authority) is None:
            raise malformed("The request has no Host field that could be covered.")
        self._head = head
        self._path, _, self._query = head.target.partition("?")
        self._query_parameters: dict[str, str | None] | None = None
        fields: dict[str, list[str]] = {}
        for name, value in head.fields:
            fields.setdefault(name.lower(), []).append(value)
        self._fields = fields

    @property
    def has_query(self) -> bool:
        """Whether the target has a query that says something."""
        return bool(self._query)

    def lines(self, name: str) -> Sequence[str]:
        """The values of a field, a line each."""
        return self._fields.get(name, ())

    def joined(self, name: str) -> str | None:
        """The value of a field of several lines as one (RFC 9110, 5.3); None without the field."""
        lines = self._fields.get(name)
        return None if lines is None else ", ".join(lines)

    def value(self, component: Component) -> str:
        """What stands behind the identifier in the signature base.

        Raises:
            SignatureRefused: cause MALFORMED; the request does not have it, or not with a certain value.
        """
        derive = _DERIVATIONS.get(component.name)
        if derive is not None:
            return derive(self)
        if component.name == "@query-param":
            return self._query_parameter(component)
        return self._field(component)

    def authority(self) -> str:
        """Host in lower case, without the port that goes without saying (RFC 9421, 2.2.3)."""
        authority = self._head.authority.lower()
        return authority.removesuffix(DEFAULT_PORTS.get(self._head.scheme.lower(), ""))

    def _method(self) -> str:
        return self._head.method

    def _scheme(self) -> str:
        return self._head.scheme.lower()

    def _target_uri(self) -> str:
        return f"{self._scheme()}://{self.authority()}{self._head.target}"

    def _request_target(self) -> str:
        return self._head.target

    def _path_value(self) -> str:
        return self._path

    def _query_value(self) -> str:
        # Without a query the value is the question mark alone (RFC 9421, 2.2.7).
        return f"?{self._query}"

    def _query_parameter(self, component: Component) -> str:
        if self._query_parameters is None:
            self._query_parameters = _read_query(self._query)
        name = component.parameters["name"]
        value = self._query_parameters.get(name) if isinstance(name, str) else None
        if value is None:
            raise malformed(f"The request has no query parameter, or more than one, for {component.identifier}.")
        return value

    def _field(self, component: Component) -> str:
        name = component.name
        lines = self._fields.get(name)
        if lines is None:
            raise malformed(f'The signature covers "{name}", but the request has no such field.')
        if len(lines) > 1 and name in SINGULAR:
            raise malformed(f'The field "{name}" comes {len(lines)} times; it can come once.')
        if "bs" in component.parameters:
            return ", ".join([_as_bytes(name, line) for line in lines])
        value = lines[0].strip(" \t") if len(lines) == 1 else ", ".join([line.strip(" \t") for line in lines])
        if _FIELD_VALUE.fullmatch(value) is None:
            raise malformed(
                f'The field "{name}" holds a line break, another control character or a character outside ASCII. '
                f'Such letters are covered with "{name}";bs (RFC 9421, 2.1.3).'
            )
        return self._structured(component, value) if component.parameters else value

    def _structured(self, component: Component, value: str) -> str:
        """The strict form of a structured field, or of one member of a dictionary (RFC 9421, 2.1.1, 2.1.2)."""
        name, key = component.name, component.parameters.get("key")
        try:
            if STRUCTURED[name] == "item":
                return serialize(parse_item(value))
            dictionary = parse_dictionary(value)
            if not isinstance(key, str):
                return serialize_dictionary(dictionary)
            member = dictionary.get(key)
            if member is None:
                raise malformed(f'The signature covers the member {key!r} of "{name}", which is not there.')
            return serialize(member)
        except StructuredFieldError as error:
            raise malformed(f'The field "{name}", {error}.') from None


_DERIVATIONS: Final = {
    "@method": Components._method,  # noqa: SLF001  # the table of the class that stands above it
    "@scheme": Components._scheme,  # noqa: SLF001
    "@authority": Components.authority,
    "@target-uri": Components._target_uri,  # noqa: SLF001
    "@request-target": Components._request_target,  # noqa: SLF001
    "@path": Components._path_value,  # noqa: SLF001
    "@query": Components._query_value,  # noqa: SLF001
}


def _as_bytes(name: str, line: str) -> str:
    """A line as a byte sequence (RFC 9421, 2.1.3)."""
    if _NO_CONTROLS.fullmatch(line) is None:
        raise malformed(f'The field "{name}" holds a line break or another control character.')
    try:
        return serialize_bare_item(line.strip(" \t").encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise malformed(f'The field "{name}" holds something that is not text.') from None


def _read_query(query: str) -> dict[str, str | None]:
    """Query parameters as RFC 9421, 2.2.8 names and writes them; None for a name that comes more than once."""
    pairs = [pair for pair in query.split("&", QUERY_PARAMETERS_MAX) if pair]
    if len(pairs) > QUERY_PARAMETERS_MAX:
        raise malformed(f"The query has more than {QUERY_PARAMETERS_MAX} parameters; cover @query instead.")
    found: dict[str, str | None] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        name = _reencode(name)
        found[name] = None if name in found else _reencode(value)
    return found


def _reencode(text: str) -> str:
    """Out of the form encoding and into percent-encoding, where only letters, digits and * - . _ stay as they are."""
    raw = unquote_to_bytes(text.replace("+", " "))
    return quote(raw, safe="*").replace("~", "%7E")


@dataclass(frozen=True, slots=True)
class Covered:
    """The components of a signature, in order, each once.

    Attributes:
        components: themselves.
        pieces: what of a request they cover whole.
        identifiers: as they stand in front of the signature's parameters.
    """

    components: tuple[Component, ...]
    pieces: Coverage
    identifiers: str


def read_covered(covered: InnerList) -> Covered:
    """The components of a label in Signature-Input, none of them twice in whatever order its parameters stand.

    Raises:
        SignatureRefused: cause MALFORMED.
    """
    items = covered.items
    if len(items) > COMPONENTS_MAX:
        raise malformed(f"A signature covers at most {COMPONENTS_MAX} components.")
    if any(item.parameters for item in items):
        return _read_covered(items)
    return _read_plain_covered(tuple([item.value for item in items]))


# A program covers the same things in every request; bounded, since whoever sends requests chooses what they cover.
@lru_cache(maxsize=256)
def _read_plain_covered(names: tuple[BareItem, ...]) -> Covered:
    return _read_covered([Item(name, NO_PARAMETERS) for name in names])


def _read_covered(items: Sequence[Item]) -> Covered:
    components = tuple([read_component(item) for item in items])
    seen: set[object] = set()
    for one in components:
        identity = one.name, frozenset(one.parameters.items())
        if identity in seen:
            raise malformed(f"The component {one.identifier} is covered twice.")
        seen.add(identity)
    return Covered(components, coverage(components), f"({' '.join([one.identifier for one in components])})")


def signature_base(components: Components, covered: Covered, parameters: Parameters) -> bytes:
    """What is signed (RFC 9421, 2.5): a line for each component, then the signature's own parameters.

    Raises:
        SignatureRefused: cause MALFORMED.
    """
    lines = [f"{one.identifier}: {components.value(one)}\n" for one in covered.components]
    lines.append(f'"@signature-params": {signature_parameters(covered, parameters)}')
    return "".join(lines).encode("ascii")


def signature_parameters(covered: Covered, parameters: Parameters) -> str:
    """The value of a label in Signature-Input, in the one way that it is written (RFC 9421, 2.3)."""
    return covered.identifiers + serialize_parameters(parameters)
