"""Whether a real answer is what the OpenAPI document promises: status, header fields, media type, body."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import aiohttp
import orjson
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from gateway.api.openapi import openapi
from gateway.api.operations import OPERATIONS

# Problems may have members of their own (RFC 9457 3.2).
_OPEN_SCHEMAS = {"Problem"}


async def assert_as_promised(operation_id: str, response: aiohttp.ClientResponse) -> Any:
    """Fails where the answer differs from its promise; returns the body, parsed where it is JSON.

    What an answer says beyond its model fails, too: mend `gateway/api/models` and `gateway/api/promises.py`, or the
    handler.
    """
    body = await response.read()
    assert_told_as_promised(operation_id, response.status, dict(response.headers), body)
    is_json = response.content_type.endswith(("+json", "/json"))
    return orjson.loads(body) if is_json and body else body


def assert_told_as_promised(operation_id: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """The same for an answer that was read already."""
    operation = OPERATIONS[operation_id]
    promised = _document()["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(status) in promised, f"{operation_id} answers {status}, promised are {sorted(promised)}: {body[:500]!r}"
    answer = _resolved(promised[str(status)])
    told = {name.lower(): value for name, value in headers.items()}
    for name, header in answer.get("headers", {}).items():
        if name.lower() in told:
            _check_header(operation_id, name, told[name.lower()], _resolved(header)["schema"])
    contents = answer.get("content", {})
    if not contents:
        assert not body, f"{operation_id}: no body is promised with {status}"
        return
    media_type = told.get("content-type", "").partition(";")[0].strip().lower()
    content = contents.get(media_type) or contents.get("*/*")
    assert content, f"{operation_id} answers {status} with {media_type!r}, promised are {sorted(contents)}"
    if media_type.endswith(("+json", "/json")):
        _check(f"{operation_id} {status}", orjson.loads(body), content["schema"])


def _check_header(operation_id: str, name: str, value: str, schema: dict[str, Any]) -> None:
    if schema["type"] == "integer":
        assert value.isdigit(), f"{operation_id}: {name} is {value!r}"
        _check(f"{operation_id}: {name}", int(value), schema)
    else:
        _check(f"{operation_id}: {name}", value, schema)


def _check(what: str, value: Any, schema: dict[str, Any]) -> None:
    document = _document()
    validator = Draft202012Validator(
        {"components": document["components"], "allOf": [schema]}, format_checker=FormatChecker()
    )
    faults = [fault for error in validator.iter_errors(value) for fault in _told(error)]
    assert not faults, f"{what} is not as promised:\n" + "\n".join(faults)


def _told(error: ValidationError) -> Iterator[str]:
    if not error.context:
        yield f"{error.json_path}: {error.message[:300]}"
        return
    # Of several shapes, the one that it comes nearest to.
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    for inner in min(branches.values(), key=len):
        yield from _told(inner)


def _resolved(held: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in held:
        return held
    at: Any = _document()
    for step in held["$ref"].removeprefix("#/").split("/"):
        at = at[step]
    return at


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(orjson.dumps(openapi()))
    for name, schema in document["components"]["schemas"].items():
        # A client takes what it does not know; an answer of ours has nothing that is not told.
        if name not in _OPEN_SCHEMAS and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document
