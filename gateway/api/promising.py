"""How a call is promised: its parameters, its body, its answers. The table of them is `promises`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from gateway.api.operations import Deprecation

Schema: TypeAlias = dict[str, Any]  # JSON has no better type
# A model, one of several models, or a schema as it stands.
Shape: TypeAlias = type[BaseModel] | tuple[type[BaseModel], ...] | Schema

_PRINTABLE: Final = "^[^\\x00-\\x1f\\x7f]*$"
JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
LIST_LIMIT_DEFAULT: Final = 50
LIST_LIMIT_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something in the query or the head of a request.

    Attributes:
        where: ``query`` or ``header``.
        says: for people.
        deprecated: that it is on its way out.
    """

    name: str
    says: str
    schema: Schema
    where: str = "query"
    deprecated: Deprecation | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a call takes.

    Attributes:
        contents: shapes by media type.
        examples: by media type; made of the model where there is none.
    """

    says: str
    contents: Mapping[str, Shape]
    examples: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gives.

    Attributes:
        contents: shapes by media type; none where there is no body.
        headers: names of header fields, each told in `headers`.
        leads_to: the operations that go on from here, and where in the answer the open part of their path stands.
    """

    says: str
    contents: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    headers: tuple[str, ...] = ()
    leads_to: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Promise:
    """One call.

    Attributes:
        says: in several sentences, for people.
        gives: answers by status.
        refuses: statuses of problems beside those that each call of its kind may end with.
    """

    says: str
    gives: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    takes: Body | None = None
    refuses: tuple[int, ...] = ()


def gives(model: type[BaseModel], says: str, *headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(says, MappingProxyType({JSON: model}), headers)


def leading(answer: Answer, pointer: str, *operations: str) -> Answer:
    """The answer, with where one goes on from it.

    Args:
        answer: in JSON.
        pointer: of the id in it.
        operations: what has this id in its path.
    """
    return replace(answer, leads_to=MappingProxyType(dict.fromkeys(operations, pointer)))


def takes(model: type[BaseModel], says: str, *, required: bool = True) -> Body:
    """A body in JSON."""
    return Body(says, MappingProxyType({JSON: model}), required=required)


def text(pattern: str = "", *, example: str = "", characters_max: int = 0, words: tuple[str, ...] = ()) -> Schema:
    """The schema of a text."""
    schema: Schema = {"type": "string"}
    if pattern:
        schema["pattern"] = pattern
    if characters_max:
        schema |= {"minLength": 1, "maxLength": characters_max}
        schema.setdefault("pattern", _PRINTABLE)
    if words:
        schema["enum"] = [str(word) for word in words]
    if example:
        schema["examples"] = [example]
    return schema


def number(least: int, most: int, default: int) -> Schema:
    """The schema of a number in a query."""
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


LIMIT: Final = Parameter("limit", "How many there are on a page.", number(1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT))
CURSOR: Final = Parameter(
    "cursor",
    "Where the page begins: follow `links.next` of the page before, as it is.",
    {"type": "string", "maxLength": 512},
)
PAGING: Final = (LIMIT, CURSOR)
IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "Your name for this call, such as a UUID (draft-ietf-httpapi-idempotency-key-header). The same key with the same "
    "content gets the first answer again, with other content a 422, while the first call runs a 409. How long it "
    "is remembered is said in Idempotency-Expires.",
    text(
        r'^([!#-~]([ -~]{0,253}[!-~])?|"[!#-\[\]-~]([ !#-\[\]-~]{0,253}[!#-\[\]-~])?")$',
        example="0f9c2b1e-5d0b-4a55-9e57-9a3b1f6f2a10",
    ),
    "header",
)
PREFER: Final = Parameter(
    "Prefer",
    "`wait=10`: answer once it was read, within so many seconds at most (RFC 7240 4.3). Whatever was not read in time "
    "is answered with 202, as without it.",
    # What is not understood of it is to be ignored (RFC 7240 2), so that no value is wrong.
    text(example="wait=10"),
    "header",
)
