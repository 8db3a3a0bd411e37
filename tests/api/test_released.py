import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.comparing import breaking_changes
from gateway.api.openapi import API_RELEASE, openapi
from gateway.api.operations import OPERATIONS
from gateway.api.promises import PROMISES
from gateway.api.reading import read_json
from tests.api.released import present, releases

RELEASES = releases()


def test_the_present_release_is_kept():
    kept = RELEASES[present().name]
    assert kept["info"]["version"].split(".")[:2] == API_RELEASE.split(".")[:2]
    OpenAPIV31SpecValidator(kept).validate()


@pytest.mark.parametrize("name", RELEASES)
def test_no_program_written_for_a_release_is_broken(name):
    changes = [f"{change.rule}: {change.where} {change.what}" for change in breaking_changes(RELEASES[name], openapi())]
    assert not changes, f"programs written for {name} would break; `make released` keeps a new release:\n" + "\n".join(
        changes
    )


@pytest.mark.parametrize("operation", [name for name, one in PROMISES.items() if one.takes is not None])
def test_every_example_of_a_body_is_read(operation):
    """Beyond its schema: what the model itself asks for."""
    told = openapi()["paths"][OPERATIONS[operation].path][OPERATIONS[operation].method.lower()]["requestBody"]
    for media_type, shape in PROMISES[operation].takes.contents.items():
        if isinstance(shape, type):
            read_json(orjson.dumps(told["content"][media_type]["example"]), shape)


def _bodies():
    document = openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for media_type, held in operation.get("requestBody", {}).get("content", {}).items():
                yield pytest.param(document, held, id=f"{method}-{path}-{media_type}")
            for status, answer in operation["responses"].items():
                for media_type, held in answer.get("content", {}).items():
                    yield pytest.param(document, held, id=f"{method}-{path}-{status}-{media_type}")


@pytest.mark.parametrize(("document", "held"), list(_bodies()))
def test_every_example_is_what_its_schema_asks_for(document, held):
    if "example" in held:
        schema = {"components": document["components"], "allOf": [held["schema"]]}
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(held["example"])
