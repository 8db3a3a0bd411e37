"""The JSON Schema of profiles and of their layers: takes what the loader takes, describes every field."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from partners.field_examples import FIELD_EXAMPLES
from partners.loader import parse_profile
from partners.profile import Profile
from partners.schema import layer_schema, profile_schema
from partners.templates import shipped_templates
from tests.partners.profiles import ACME, NORTHWIND

PROFILE = jsonschema.Draft202012Validator(profile_schema())
LAYER = jsonschema.Draft202012Validator(layer_schema())
EXAMPLES = sorted(Path("partners/examples").glob("*/profile.yaml"))
TEMPLATES = sorted(shipped_templates().glob("*/profile.yaml"))
# Editors differ in what they take for a number: nothing here stands for the least, YAML 1.1 for the most.
LOADERS = {"text": yaml.BaseLoader, "types": yaml.SafeLoader}
UPON = "id: a\nname: b\nextends: as2-x12\n"


def written(text: str, loader: str) -> Any:
    return _as_editors_do(yaml.load(text, LOADERS[loader]))


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


MODELS = sorted({model.__name__: model for model in models(Profile)}.items())


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for schema in (profile_schema(), layer_schema()):
        for title, part in (("Profile", schema), *schema["$defs"].items()):
            for name, held in part["properties"].items():
                yield f"{title}.{name}", held


def test_the_schemas_are_schemas() -> None:
    for schema in (profile_schema(), layer_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("loader", LOADERS)
def test_it_takes_the_shipped_profiles(file: Path, loader: str) -> None:
    held = written(file.read_text(), loader)
    assert [error.message for error in PROFILE.iter_errors(held)] == []
    assert file.read_text().startswith("# yaml-language-server: $schema=../profile.schema.json\n")


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("loader", LOADERS)
def test_the_one_of_layers_takes_the_shipped_templates(file: Path, loader: str) -> None:
    assert [error.message for error in LAYER.iter_errors(written(file.read_text(), loader))] == []


@pytest.mark.parametrize(
    "text",
    [
        ACME,
        NORTHWIND,
        "id: a\nextends: as2-x12\n",
        UPON + "as2: {certificate: a.pem}\n",  # the id from a template of the house
        UPON + "x12: {id: ACME}\n",
        UPON + "sftp: {networks: 10.0.0.0/8}\n",
        UPON + "testing: {as2: {url: 'https://test.acme.example/as2'}, x12: {id: ACMETEST}}\n",
        "id: a\nname: b\nas2: {id: A, certificate: a.pem}\ntesting: {as2: {url: 'https://a.example/'}}\n",
        "id: a\nname: b\nframing: {version: 00401, replacement: 0}\n",
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_it_takes_what_is_sound(text: str, loader: str) -> None:
    assert [error.message for error in PROFILE.iter_errors(written(text, loader))] == []


@pytest.mark.parametrize(
    "text",
    [
        "name: b\n",
        "name: b\nextends: as2-x12\n",
        "id: a\n",
        "id: a\nname: b\nas2: {certificate: a.pem}\n",
        "id: a\nname: b\nx12: {id: ACME}\n",
        "id: a\nname: b\nsftp: {keys: []}\n",
        UPON + "x12: [{id: ACME}]\n",  # a list takes the place of another as a whole
        UPON + "agreements: [{document: invoice, direction: inbound}]\n",
        UPON + "api_keys: [{label: a}]\n",
        UPON + "stauts: live\n",
        UPON + "as2: {idd: A}\n",
        UPON + "testing: {status: live}\n",
        UPON + "testing: {id: b}\n",
        UPON + "testing: [1]\n",
        UPON + "business_tolerances: {price_over_percent: 101}\n",
    ],
)
def test_it_refuses_what_is_not(text: str) -> None:
    assert list(PROFILE.iter_errors(written(text, "types"))) != []


@pytest.mark.parametrize("key", ["id: other", "status: live", "extends: rest-json", "testing: {}"])
def test_the_loader_refuses_it_below_testing_too(key: str) -> None:
    problems = parse_profile({"profile.yaml": f"id: a\nname: b\nstatus: draft\ntesting:\n  {key}\n".encode()})
    assert isinstance(problems, tuple)
    assert [(problem.line, problem.what) for problem in problems] == [
        (5, f"`{key.partition(':')[0]}` cannot differ while testing")
    ]


def test_an_overlay_needs_nothing_and_takes_no_unknown_key() -> None:
    assert list(LAYER.iter_errors({"as2": {"url": "https://staging.acme.example/as2"}, "status": "testing"})) == []
    assert list(LAYER.iter_errors({})) == []
    assert list(LAYER.iter_errors({"as2": {"uri": "https://staging.acme.example/as2"}})) != []


def test_every_field_is_described_and_has_an_example() -> None:
    lacking = [name for name, held in fields() if not held.get("description") or not held.get("examples")]
    assert lacking == [], "say it in the field's docstring, and show it in partners/field_examples.py"


def test_every_example_fits_its_field() -> None:
    for schema in (profile_schema(), layer_schema()):
        for part in (schema, *schema["$defs"].values()):
            for name, held in part["properties"].items():
                validator = jsonschema.Draft202012Validator(held | {"$defs": schema["$defs"]})
                for example in held["examples"]:
                    assert validator.is_valid(example), (part["title"], name, example)


@pytest.mark.parametrize(("name", "model"), MODELS, ids=[name for name, _ in MODELS])
def test_the_model_takes_every_example(name: str, model: type[BaseModel]) -> None:
    for field, example in FIELD_EXAMPLES.get(name, {}).items():
        if (name, field) == ("Profile", "testing"):
            continue  # a layer of its own, which the model never sees
        info = model.model_fields[field]
        as_text = yaml.load(yaml.safe_dump(example), yaml.BaseLoader)  # what the loader hands to the model
        adapter: TypeAdapter[object] = TypeAdapter(Annotated[(info.annotation, *info.metadata, None)])
        adapter.validate_python(as_text)


def test_the_table_of_examples_knows_no_field_that_is_not_there() -> None:
    by_name = dict(MODELS)
    for part, examples in FIELD_EXAMPLES.items():
        assert set(examples) <= {*by_name[part].model_fields, *(["testing"] if part == "Profile" else [])}, part


def test_defaults_are_written_as_they_would_be() -> None:
    schema = profile_schema()
    tolerances = schema["$defs"]["BusinessTolerances"]["properties"]
    assert (tolerances["price_under_percent"]["default"], tolerances["price_under_percent"]["maximum"]) == (100, 100)
    assert "transaction_set" not in schema["properties"]["control_numbers"]["default"]
    assert "(?s" not in str(schema)  # editors' regular expressions do not know it


def _as_editors_do(value: Any) -> Any:
    """True and false are no text, and dates are."""
    if isinstance(value, dict):
        return {key: _as_editors_do(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_as_editors_do(held) for held in value]
    if value in {"true", "false"}:
        return value == "true"
    return value if isinstance(value, str | int | float | bool) else str(value)
