import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.comparing import RULES, NotComparableError, Rule, breaking_changes
from gateway.api.openapi import openapi

Document = dict[str, Any]


def document() -> Document:
    return copy.deepcopy(
        {
            "openapi": "3.1.0",
            "paths": {
                "/v1/things/{id}": {
                    "post": {
                        "operationId": "make_thing",
                        "security": [{"key": []}, {"oauth2": ["things:write"]}],
                        "parameters": [
                            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                            {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 200}},
                            {"name": "Prefer", "in": "header", "schema": {"type": "string"}},
                        ],
                        "requestBody": {
                            "required": False,
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}},
                                "application/xml": {"schema": {"type": "string"}},
                            },
                        },
                        "responses": {
                            "200": {
                                "description": "",
                                "headers": {"ETag": {"schema": {"type": "string"}}},
                                "content": {
                                    "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                                    "text/html": {"schema": {"type": "string"}},
                                },
                            },
                            "202": {"description": ""},
                            "404": {"description": ""},
                        },
                    }
                },
                "/v1/open": {"get": {"operationId": "open", "security": [], "responses": {"200": {"description": ""}}}},
            },
            "webhooks": {
                "thing.changed": {
                    "post": {
                        "parameters": [{"name": "webhook-id", "in": "header", "schema": {"type": "string"}}],
                        "requestBody": {
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                        },
                        "responses": {},
                    }
                }
            },
            "components": {
                "schemas": {
                    "NewThing": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "maxLength": 50, "pattern": "^[a-z]+$"},
                            "size": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                            "colour": {"enum": ["red", "green"]},
                            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                        },
                    },
                    "Thing": {
                        "type": "object",
                        "required": ["name", "at"],
                        "properties": {
                            "name": {"type": "string"},
                            "at": {"type": "string", "format": "date-time"},
                            "state": {"enum": ["new", "old"]},
                            "phase": {"enum": ["a", "b"], "x-open": True},
                            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                        },
                    },
                },
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                    "oauth2": {"type": "oauth2"},
                },
            },
        }
    )


def _post(held: Document) -> Document:
    return held["paths"]["/v1/things/{id}"]["post"]


def _sent(held: Document) -> Document:
    return held["components"]["schemas"]["NewThing"]


def _told(held: Document) -> Document:
    return held["components"]["schemas"]["Thing"]


Change = Callable[[Document], object]
BREAKING: list[tuple[Rule, Change]] = [
    (Rule.OPERATION_REMOVED, lambda d: d["paths"].pop("/v1/open")),
    (Rule.OPERATION_REMOVED, lambda d: d["paths"]["/v1/open"].update(post=d["paths"]["/v1/open"].pop("get"))),
    (Rule.OPERATION_RENAMED, lambda d: _post(d).update(operationId="create_thing")),
    (Rule.PARAMETER_REMOVED, lambda d: _post(d)["parameters"].pop(1)),
    (Rule.PARAMETER_REQUIRED, lambda d: _post(d)["parameters"][1].update(required=True)),
    (
        Rule.PARAMETER_REQUIRED,
        lambda d: _post(d)["parameters"].append({"name": "n", "in": "query", "required": True, "schema": {}}),
    ),
    (Rule.BODY_REFUSED, lambda d: _post(d).pop("requestBody")),
    (Rule.BODY_REQUIRED, lambda d: _post(d)["requestBody"].update(required=True)),
    (Rule.REQUEST_MEDIA_TYPE_REMOVED, lambda d: _post(d)["requestBody"]["content"].pop("application/xml")),
    (Rule.REQUEST_FIELD_REMOVED, lambda d: _sent(d)["properties"].pop("size")),
    (Rule.REQUEST_FIELD_REQUIRED, lambda d: _sent(d)["required"].append("size")),
    (Rule.REQUEST_TYPE_NARROWED, lambda d: _sent(d)["properties"]["size"]["anyOf"].pop()),
    (Rule.REQUEST_TYPE_NARROWED, lambda d: _sent(d)["properties"]["size"].update(anyOf=[{"type": "integer"}])),
    (Rule.REQUEST_VALUES_NARROWED, lambda d: _sent(d)["properties"]["colour"]["enum"].pop()),
    (Rule.REQUEST_VALUES_NARROWED, lambda d: _sent(d)["properties"]["name"].update(enum=["a"])),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _sent(d)["properties"]["name"].update(maxLength=49)),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _sent(d)["properties"]["name"].update(minLength=1)),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _sent(d)["properties"]["name"].update(pattern="^[a-y]+$")),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _sent(d)["properties"]["tags"].update(maxItems=4)),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _post(d)["parameters"][1]["schema"].update(maximum=100)),
    (Rule.REQUEST_LIMIT_NARROWED, lambda d: _sent(d)["properties"]["tags"]["items"].update(format="uuid")),
    (Rule.REQUEST_UNKNOWN_REFUSED, lambda d: _sent(d).update(additionalProperties=False)),
    (Rule.STATUS_REMOVED, lambda d: _post(d)["responses"].pop("202")),
    (Rule.ANSWER_MEDIA_TYPE_REMOVED, lambda d: _post(d)["responses"]["200"]["content"].pop("text/html")),
    (Rule.ANSWER_HEADER_REMOVED, lambda d: _post(d)["responses"]["200"]["headers"].pop("ETag")),
    (Rule.ANSWER_FIELD_REMOVED, lambda d: _told(d)["properties"].pop("state")),
    (Rule.ANSWER_FIELD_OPTIONAL, lambda d: _told(d)["required"].remove("at")),
    (Rule.ANSWER_TYPE_WIDENED, lambda d: _told(d)["properties"]["name"].update(type=["string", "null"])),
    (Rule.ANSWER_TYPE_WIDENED, lambda d: _told(d)["properties"]["at"].pop("format")),
    (Rule.ANSWER_VALUES_WIDENED, lambda d: _told(d)["properties"]["state"]["enum"].append("odd")),
    (Rule.ANSWER_VALUES_WIDENED, lambda d: _told(d)["properties"]["state"].pop("enum")),
    (Rule.SECURITY_TIGHTENED, lambda d: _post(d)["security"].pop(0)),
    (Rule.SECURITY_TIGHTENED, lambda d: _post(d)["security"][1]["oauth2"].append("things:admin")),
    (Rule.SECURITY_TIGHTENED, lambda d: d["paths"]["/v1/open"]["get"].update(security=[{"key": []}])),
    (Rule.SECURITY_TIGHTENED, lambda d: d["components"]["securitySchemes"]["key"].update(name="X-Key")),
    (Rule.EVENT_REMOVED, lambda d: d["webhooks"].clear()),
    (Rule.EVENT_HEADER_REMOVED, lambda d: d["webhooks"]["thing.changed"]["post"]["parameters"].clear()),
]
HARMLESS: list[Change] = [
    lambda d: d["paths"].update({"/v1/more": d["paths"]["/v1/open"]}),
    lambda d: d["paths"].update({"/v1/things/{name}": d["paths"].pop("/v1/things/{id}")}),
    lambda d: _post(d)["parameters"][0].update(name="name"),
    lambda d: _post(d)["parameters"][2].update(name="prefer"),
    lambda d: _post(d)["parameters"].append({"name": "n", "in": "query", "schema": {}}),
    lambda d: _post(d)["parameters"][1]["schema"].update(maximum=500),
    lambda d: _post(d)["requestBody"]["content"].update({"text/csv": {"schema": {}}}),
    lambda d: _sent(d)["properties"].update(more={"type": "string"}),
    lambda d: _sent(d)["required"].clear(),
    lambda d: _sent(d)["properties"]["size"]["anyOf"].append({"type": "null"}),
    lambda d: _sent(d)["properties"]["colour"]["enum"].append("blue"),
    lambda d: _sent(d)["properties"]["name"].pop("pattern"),
    lambda d: _sent(d)["properties"]["name"].update(maxLength=60, minLength=0),
    lambda d: _post(d)["responses"].pop("404"),
    lambda d: _post(d)["responses"].update({"409": {"description": ""}}),
    lambda d: _told(d)["properties"].update(more={"type": "string"}),
    lambda d: _told(d)["required"].append("state"),
    lambda d: _told(d)["properties"]["state"]["enum"].pop(),
    lambda d: _told(d)["properties"]["phase"]["enum"].append("c"),
    lambda d: _told(d)["properties"]["name"].update(enum=["only"]),
    lambda d: _post(d)["security"].append({"signature": []}),
    lambda d: _post(d)["security"][1]["oauth2"].clear(),
    lambda d: _post(d).update(security=[]),
    lambda d: d["webhooks"].update(more=d["webhooks"]["thing.changed"]),
]


@pytest.mark.parametrize(("rule", "change"), BREAKING, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BREAKING)])
def test_what_may_break_a_program_is_named(rule: Rule, change: Change):
    new = document()
    change(new)
    assert rule in {found.rule for found in breaking_changes(document(), new)}


@pytest.mark.parametrize("change", HARMLESS, ids=range(len(HARMLESS)))
def test_what_breaks_none_is_let_pass(change: Change):
    new = document()
    change(new)
    assert breaking_changes(document(), new) == []


def test_each_rule_has_its_words_and_its_case():
    assert set(RULES) == set(Rule) == {rule for rule, _ in BREAKING}


def test_the_place_is_told():
    new = document()
    _sent(new)["properties"]["tags"]["items"]["type"] = "integer"
    (found,) = breaking_changes(document(), new)
    assert found.as_json() == {
        "rule": "request-type-narrowed",
        "means": "what is sent is no longer taken as another type",
        "where": "POST /v1/things/{id}, body /tags/*",
        "what": "string is not taken",
    }


def test_the_present_document_breaks_nothing_written_for_itself():
    assert breaking_changes(PRESENT, PRESENT) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"paths": {"/a": {"get": {}}}},
        {"paths": []},
        {"paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/nowhere"}}}}}},
        {"paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/paths/~1a/get/responses/200"}}}}}},
        {"paths": {}, "webhooks": {"x": 1}},
    ],
)
def test_what_is_no_such_document_is_told(broken: Document):
    with pytest.raises(NotComparableError):
        breaking_changes(broken, copy.deepcopy(broken))


PRESENT = openapi()
WORDS = st.sampled_from(["paths", "/a", "get", "responses", "200", "content", "schema", "$ref", "x"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    )
)
def test_whatever_it_is_compared_or_refused(value: Any):
    with suppress(NotComparableError):
        breaking_changes(value, PRESENT)
