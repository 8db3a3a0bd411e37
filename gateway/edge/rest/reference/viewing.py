"""An OpenAPI document as the page shows it: chapters of calls, with every reference followed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

Schema: TypeAlias = dict[str, Any]  # JSON has no better type
_SCHEMAS: Final = "#/components/schemas/"
_NOT_OK: Final = "45"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: words, and the model that they speak of."""

    words: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a member of a model."""

    name: str
    kind: Kind
    says: str
    required: bool
    where: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    is_open: bool = False  # others may follow
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """A form that a body may have."""

    media_type: str
    kind: Kind
    fields: tuple[Field, ...]
    example: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: str
    says: str
    headers: tuple[str, ...]
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An operation."""

    id: str
    method: str
    path: str
    summary: str
    says: str
    is_public: bool
    scope: str | None
    rate_class: str | None
    deprecated: bool
    fields: tuple[Field, ...]
    body_says: str
    body_required: bool
    bodies: tuple[Content, ...]
    replies: tuple[Reply, ...]
    problems: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Calls that belong together."""

    name: str
    anchor: str
    says: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A shape of JSON."""

    name: str
    says: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The whole interface."""

    title: str
    release: str
    paragraphs: tuple[str, ...]
    server: str
    chapters: tuple[Chapter, ...]
    events: tuple[tuple[str, str], ...]
    event_headers: tuple[Field, ...]
    event_example: Any
    means: tuple[tuple[str, str, str], ...]
    scopes: Mapping[str, str]
    models: tuple[Model, ...]


def view_of(document: Schema) -> View:
    """The document as it is shown."""
    info, components = document["info"], document["components"]
    schemes = components["securitySchemes"]
    calls = [
        (operation["tags"][0], _call(document, method, path, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    posted = [held["post"] for held in document["webhooks"].values()]
    return View(
        title=info["title"],
        release=info["version"],
        paragraphs=tuple(info["description"].split("\n\n")),
        server=document["servers"][0]["url"],
        chapters=tuple(
            Chapter(
                tag["name"],
                "chapter-" + tag["name"].lower().replace(" ", "-"),
                tag["description"],
                tuple(call for name, call in calls if name == tag["name"]),
            )
            for tag in document["tags"]
        ),
        events=tuple((event, held["post"]["summary"]) for event, held in document["webhooks"].items()),
        event_headers=tuple(_parameter(held) for held in posted[0]["parameters"]),
        event_example=posted[0]["requestBody"]["content"][_JSON]["example"],
        means=tuple((held["x-title"], held["type"], held["description"]) for held in schemes.values()),
        scopes=schemes["oauth2"]["flows"]["clientCredentials"]["scopes"],
        models=tuple(
            Model(name, schema.get("description", ""), tuple(_fields(schema)))
            for name, schema in components["schemas"].items()
        ),
    )


def _call(document: Schema, method: str, path: str, operation: Schema) -> Call:
    body = operation.get("requestBody", {})
    replies = [
        _reply(document, status, held if "$ref" not in held else _at(document, held["$ref"]))
        for status, held in operation["responses"].items()
    ]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        says=operation["description"],
        is_public=not operation["security"],
        scope=operation.get("x-scope"),
        rate_class=operation.get("x-rate-class"),
        deprecated=operation.get("deprecated", False),
        fields=tuple(_parameter(held) for held in operation.get("parameters", ())),
        body_says=body.get("description", ""),
        body_required=body.get("required", False),
        bodies=tuple(_contents(document, body.get("content", {}))),
        replies=tuple(one for one in replies if one.status[0] not in _NOT_OK),
        problems=tuple(one for one in replies if one.status[0] in _NOT_OK),
    )


def _reply(document: Schema, status: str, held: Schema) -> Reply:
    headers = tuple(held.get("headers", ()))
    return Reply(status, held["description"], headers, tuple(_contents(document, held.get("content", {}))))


def _contents(document: Schema, contents: Schema) -> Iterator[Content]:
    for media_type, held in contents.items():
        schema = held["schema"]
        target = _at(document, schema["$ref"]) if "$ref" in schema else schema
        example = held.get("example")
        if media_type == _FORM and isinstance(example, dict):
            example = urlencode(example)
        yield Content(media_type, kind_of(schema), tuple(_fields(target)), example)


def _parameter(held: Schema) -> Field:
    schema = held["schema"]
    return Field(
        name=held["name"],
        kind=kind_of(schema),
        says=held.get("description", ""),
        required=held.get("required", False),
        where=held["in"],
        example=str(held.get("example", (schema.get("examples") or [""])[0])),
        choices=tuple(map(str, schema.get("enum", ()))),
        deprecated=held.get("deprecated", False),
    )


def _fields(schema: Schema) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, held in schema.get("properties", {}).items():
        examples = held.get("examples")
        yield Field(
            name=name,
            kind=kind_of(held),
            says=held.get("description", ""),
            required=name in required,
            example=str(examples[0]) if examples and isinstance(examples[0], str | int) else "",
            choices=tuple(map(str, _choices(held))),
            is_open=_is_open(held),
        )


def _choices(schema: Schema) -> list[object]:
    found = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    for held in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        found = found or _choices(held)
    return list(found)


def _is_open(schema: Schema) -> bool:
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    return bool(schema.get("x-open")) or any(map(_is_open, inner))


def kind_of(schema: Schema) -> Kind:
    """What a value is, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMAS)
        return Kind(name, name)
    if "anyOf" in schema:
        kinds = [kind_of(held) for held in schema["anyOf"]]
        return Kind(
            " or ".join(dict.fromkeys(kind.words for kind in kinds)), next((k.model for k in kinds if k.model), "")
        )
    kind = schema.get("type", "")
    if kind == "array" and "items" in schema:
        inner = kind_of(schema["items"])
        return Kind(f"list of {inner.words}", inner.model)
    words = " or ".join(kind) if isinstance(kind, list) else str(kind) or "any value"
    return Kind(f"{words} ({schema['format']})" if "format" in schema else words)


def _at(document: Schema, reference: str) -> Schema:
    at: Schema = document
    for step in reference.removeprefix("#/").split("/"):
        at = at[step]
    return at
