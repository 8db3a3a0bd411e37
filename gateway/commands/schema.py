"""`gateway schema`: what documents, profiles, channels and the partner API look like, for programs and for people."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from gateway import __version__
from gateway.api.comparing import NotComparableError, breaking_changes
from gateway.api.openapi import API_RELEASE, openapi
from gateway.broker.asyncapi import asyncapi
from gateway.commands.output import print_bytes, print_document, print_json, print_table
from gateway.commands.parsing import Parser, Unusable, add_format, leaf
from gateway.model.notices import NOTICES
from gateway.onboarding.reference.entries import parts_of
from gateway.onboarding.reference.markdown import as_markdown
from gateway.onboarding.reference.page import as_page
from partners.schema import layer_schema, profile_schema
from translators.documents import DOCUMENTS
from translators.shapes import schema

OTHERS: Mapping[str, str] = {
    "profile": "a partner's profile.yaml (JSON Schema, for editors; --to html or markdown: every key on one page)",
    "profile-layer": "templates and overlays profile.ENVIRONMENT.yaml: a profile of which nothing is required",
    "asyncapi": "the broker's channels and messages (AsyncAPI 3.0)",
    "openapi": "the partner API (OpenAPI 3.1; --compare FILE: what would break programs written for an older one)",
}


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway schema                                         # what there is\n"
        "gateway schema ship_notice > ship_notice.schema.json\n"
        "gateway schema profile > partner-profiles/profile.schema.json\n"
        "gateway schema profile --to html > profile.html         # every key explained, to read and print\n"
        "gateway schema openapi --server https://b2b.bigcorp.example > openapi.json\n"
        "gateway schema openapi --compare openapi-1.0.json      # exit 1 where a program would break",
    )
    names = [*DOCUMENTS, *NOTICES, *OTHERS]
    parser.add_argument(
        "name", nargs="?", metavar="NAME", choices=names, help="a document type, a notice, profile, asyncapi or openapi"
    )
    parser.add_argument(
        "--to", choices=("json", "html", "markdown"), default="json", help="the reference of all keys (for profile)"
    )
    parser.add_argument(
        "--compare", metavar="FILE", type=Path, help="an older OpenAPI document, to be compared (for openapi)"
    )
    parser.add_argument(
        "--server", metavar="URL", default="/", help="the address that partners reach, as openapi names it (default: /)"
    )
    add_format(parser, "one object a line, one line a schema (for the list; a schema is JSON always)")


def _run(called: argparse.Namespace) -> int:
    if called.name != "openapi" and (called.compare is not None or called.server != "/"):
        raise Unusable("--compare and --server are for openapi: gateway schema openapi --compare FILE")
    if called.compare is not None:
        return _compare(called.compare, called.format)
    if called.name is None:
        _print_list(called.format)
    elif called.to != "json":
        _print_reference(called)
    elif called.name == "profile":
        print_document(profile_schema())
    elif called.name == "profile-layer":
        print_document(layer_schema())
    elif called.name == "asyncapi":
        print_document(asyncapi({name: schema(name) for name in DOCUMENTS} | dict(NOTICES)))
    elif called.name == "openapi":
        print_document(openapi(called.server))
    elif called.name in NOTICES:
        print_document(dict(NOTICES[called.name]))
    else:
        print_document(schema(called.name))
    return 0


def _compare(file: Path, form: str) -> int:
    try:
        changes = breaking_changes(_released(file), openapi())
    except NotComparableError as error:
        raise Unusable(f"{file} cannot be compared: {error}") from None
    if form == "json":
        for change in changes:
            print_json(change.as_json())
    else:
        rows = [(change.rule.value, change.where, change.what) for change in changes]
        print_table(
            ("RULE", "WHERE", "WHAT"), rows, empty=f"release {API_RELEASE} breaks no program written for {file}"
        )
    return 1 if changes else 0


def _released(file: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(file.read_bytes())
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise Unusable(f"{file} is no JSON: {error}") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1"):
        raise Unusable(f"{file} is no OpenAPI 3.1 document; `gateway schema openapi > {file.name}` writes one")
    return document


def _print_reference(called: argparse.Namespace) -> None:
    if called.name != "profile":
        raise Unusable(f"{called.name} is given as JSON Schema alone; leave out --to")
    parts = parts_of(profile_schema())
    text = as_page(parts, __version__) if called.to == "html" else as_markdown(parts)
    print_bytes(text.encode())


def _print_list(form: str) -> None:
    documents = {name: str(schema(name)["description"]) for name in DOCUMENTS}
    notices = {name: str(held["description"]) for name, held in NOTICES.items()}
    rows = list((documents | notices | dict(OTHERS)).items())
    if form == "json":
        for name, what in rows:
            print_json({"name": name, "describes": what})
    else:
        print_table(("NAME", "DESCRIBES"), rows, empty="")
