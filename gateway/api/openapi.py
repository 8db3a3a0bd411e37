"""The OpenAPI 3.1 document of the partner API, made of the table of operations, their promises and the models."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import CoreSchema, core_schema

from gateway.api.examples import example_of
from gateway.api.headers import DEPRECATION_HEADERS, HEADERS, RATE_HEADERS
from gateway.api.models import Asked, Event, Problem
from gateway.api.operations import OPERATIONS, Operation, RateClass, Tag
from gateway.api.promises import PROMISES
from gateway.api.promising import JSON, PROBLEM_JSON, Answer, Body, Parameter, Promise, Schema, Shape
from gateway.api.prose import EVENT_SAYS, INTRODUCTION, PATH_PARTS, PROBLEMS, TAG_SAYS, TITLE
from gateway.api.reading import FIT_PATTERN
from gateway.api.security import SECURITY_SCHEMES, security_of
from partners.webhook_terms import WebhookEvent

OPENAPI_VERSION: Final = "3.1.0"
# Of the interface, not of the gateway: the first number is that of the paths.
API_RELEASE: Final = "1.0.0"
_DECIMAL_TEXT: Final = r"^-?[0-9]{1,30}(\.[0-9]{1,10})?$"
_SCHEMAS: Final = "#/components/schemas/"


class _Plain(GenerateJsonSchema):
    """Without a title made of each field's name, which says nothing; with what every text that is sent must keep to."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """As it is, and what `reading` asks of all texts."""
        told = super().str_schema(schema)
        if self.mode == "serialization" or str(told.get("pattern", "")).startswith("^["):
            return told
        fit = {"pattern": FIT_PATTERN}
        return told | ({"allOf": [fit]} if "pattern" in told else fit)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number, or its digits as text."""
        told = super().decimal_schema(schema)
        for held in told.get("anyOf", ()):
            if held.get("type") == "string":
                held["pattern"] = _DECIMAL_TEXT
        return told

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:  # noqa: ARG002  # asked for each field
        """Never."""
        return False


def openapi(
    server: str = "/",
    operations: Mapping[str, Operation] = OPERATIONS,
    promises: Mapping[str, Promise] = PROMISES,
) -> Schema:
    """The document.

    Args:
        server: the address that partners reach, such as ``https://b2b.bigcorp.example``.
        operations: the calls that there are.
        promises: what each of them takes and gives.
    """
    schemas = _schemas(promises.values())
    paths: dict[str, Schema] = {}
    for operation in operations.values():
        at = paths.setdefault(operation.path, {})
        at[operation.method.lower()] = _operation(operation, promises[operation.id], schemas, operations)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": TITLE,
            "version": API_RELEASE,
            "summary": "Documents both ways, orders and what answers them, an inbox, and webhooks.",
            "description": INTRODUCTION,
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": server}],
        "tags": [{"name": tag.value, "description": TAG_SAYS[tag]} for tag in Tag],
        "paths": paths,
        "webhooks": {event: _webhook(event, schemas) for event in get_args(WebhookEvent)},
        "components": {
            "schemas": schemas,
            "securitySchemes": dict(SECURITY_SCHEMES),
            "headers": {name: dict(held) for name, held in HEADERS.items()},
            "responses": {_problem_name(status): _problem(status) for status in PROBLEMS},
        },
    }


def _schemas(promises: Iterable[Promise]) -> dict[str, Schema]:
    models: set[type[BaseModel]] = {Problem, Event}
    for promise in promises:
        models.update(_models(promise))
    listed = sorted(models, key=lambda model: model.__name__)
    _, told = models_json_schema(
        [(model, "validation" if issubclass(model, Asked) else "serialization") for model in listed],
        ref_template=_SCHEMAS + "{model}",
        schema_generator=_Plain,
    )
    schemas: dict[str, Schema] = told["$defs"]
    return dict(sorted(schemas.items()))


def _models(promise: Promise) -> Iterator[type[BaseModel]]:
    shapes = [shape for answer in promise.gives.values() for shape in answer.contents.values()]
    if promise.takes is not None:
        shapes += promise.takes.contents.values()
    for shape in shapes:
        if isinstance(shape, tuple):
            yield from shape
        elif not isinstance(shape, dict):
            yield shape


def _operation(
    operation: Operation, promise: Promise, schemas: Mapping[str, Schema], operations: Mapping[str, Operation]
) -> Schema:
    made: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": promise.says,
        "security": security_of(operation),
    }
    if operation.scope is not None:
        made["x-scope"] = operation.scope
    if operation.rate_class is not None:
        made["x-rate-class"] = operation.rate_class.value
    if operation.deprecated is not None:
        made["deprecated"] = True
    parameters = [*_path_parameters(operation), *map(_parameter, promise.parameters)]
    if parameters:
        made["parameters"] = parameters
    if promise.takes is not None:
        made["requestBody"] = _body(promise.takes, schemas)
    made["responses"] = _responses(operation, promise, schemas, operations)
    return made


def _path_parameters(operation: Operation) -> Iterator[Schema]:
    for name in operation.open_parts:
        says, schema = PATH_PARTS.get((operation.id, name)) or PATH_PARTS[operation.tag, name]
        yield {"name": name, "in": "path", "required": True, "description": says, "schema": schema}


def _parameter(parameter: Parameter) -> Schema:
    told: Schema = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.says,
        "schema": parameter.schema,
    }
    return told | ({"deprecated": True} if parameter.deprecated is not None else {})


def _body(body: Body, schemas: Mapping[str, Schema]) -> Schema:
    content: dict[str, Schema] = {}
    for media_type, shape in body.contents.items():
        schema = _schema(shape)
        example = body.examples.get(media_type, example_of(schema, schemas))
        content[media_type] = {"schema": schema} | ({"example": example} if example not in ({}, "") else {})
    return {"description": body.says, "required": body.required, "content": content}


def _responses(
    operation: Operation, promise: Promise, schemas: Mapping[str, Schema], operations: Mapping[str, Operation]
) -> Schema:
    always = () if operation.is_public else RATE_HEADERS
    if operation.deprecated is not None or any(one.deprecated is not None for one in promise.parameters):
        always = (*always, *DEPRECATION_HEADERS)
    told = {
        str(status): _answer(answer, always, schemas) | _links(answer, operations)
        for status, answer in promise.gives.items()
    }
    for status in sorted(_refusals(operation, promise)):
        told.setdefault(str(status), {"$ref": f"#/components/responses/{_problem_name(status)}"})
    return dict(sorted(told.items()))


def _refusals(operation: Operation, promise: Promise) -> set[int]:
    """Statuses of the problems that a call may end with."""
    statuses = {400, 408, 429, 431, 500, 503, *promise.refuses}
    if operation.open_parts:
        statuses.add(404)
    if not operation.is_public:
        statuses |= {401, 403}
    if promise.takes is not None:
        statuses |= {413, 415, 422}
    if operation.rate_class is RateClass.SUBMIT:
        statuses |= {409, 422}
    if operation.rate_class is RateClass.CHANGE:
        statuses |= {409, 413, 415, 422}
    return statuses


def _answer(answer: Answer, always: tuple[str, ...], schemas: Mapping[str, Schema]) -> Schema:
    told: Schema = {"description": answer.says}
    if names := [*answer.headers, *always]:
        told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    content: dict[str, Schema] = {}
    for media_type, shape in answer.contents.items():
        schema = _schema(shape)
        content[media_type] = {"schema": schema}
        if media_type == JSON and (example := example_of(schema, schemas)) not in ({}, ""):
            content[media_type]["example"] = example
    return told | ({"content": content} if content else {})


def _links(answer: Answer, operations: Mapping[str, Operation]) -> Schema:
    """Where one goes on from an answer (OpenAPI 4.8.20)."""
    links = {
        name: {
            "operationId": name,
            "parameters": {operations[name].open_parts[0]: f"$response.body#{pointer}"},
            "description": operations[name].summary,
        }
        for name, pointer in answer.leads_to.items()
        if name in operations
    }
    return {"links": links} if links else {}


def _schema(shape: Shape) -> Schema:
    if isinstance(shape, dict):
        return shape
    if isinstance(shape, tuple):
        return {"anyOf": [_schema(one) for one in shape]}
    return {"$ref": _SCHEMAS + shape.__name__}


def _problem_name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "").replace("-", "")


def _problem(status: int) -> Schema:
    headers = {401: ("WWW-Authenticate",), 405: ("Allow",), 406: ("Accept",), 415: ("Accept",)}
    waits = ("Retry-After",) if status in {409, 429, 503} else ()
    return _answer(
        Answer(PROBLEMS[status], MappingProxyType({PROBLEM_JSON: Problem}), headers.get(status, ())),
        (*waits, *RATE_HEADERS) if status != HTTPStatus.METHOD_NOT_ALLOWED else (),
        {},
    )


def _webhook(event: WebhookEvent, schemas: Mapping[str, Schema]) -> Schema:
    sample: Any = example_of({"$ref": f"{_SCHEMAS}Event"}, schemas)
    return {
        "post": {
            "operationId": event.replace(".", "_"),
            "tags": [Tag.WEBHOOKS.value],
            "summary": EVENT_SAYS[event],
            "description": "Posted to every subscription that asked for it (Standard Webhooks). Answer with a 2xx "
            "status within the time agreed; 410 ends the subscription, anything else is tried again.",
            "security": [],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": True,
                    "description": says,
                    "schema": {"type": "string"},
                    "example": example,
                }
                for name, says, example in (
                    ("webhook-id", "The event's id: the same at each attempt.", "01JNPG7W3Q8Z5V4T2R1S0XKCDA"),
                    ("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1772366400"),
                    (
                        "webhook-signature",
                        "Over `id.timestamp.body`: `v1,` HMAC-SHA256, `v1a,` ed25519; one a key, with blanks between.",
                        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
                    ),
                )
            ],
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {"schema": {"$ref": f"{_SCHEMAS}Event"}, "example": sample | {"type": event}},
                },
            },
            "responses": {
                "2XX": {"description": "You have it."},
                "410": {"description": "You want no more of them: the subscription is disabled."},
            },
        }
    }
