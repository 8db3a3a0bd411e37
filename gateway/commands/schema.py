"""`gateway schema`: what documents, profiles and the broker's channels look like, for other programs."""

import argparse
from collections.abc import Mapping

from gateway.broker.asyncapi import asyncapi
from gateway.commands.output import print_document, print_json, print_table
from gateway.commands.parsing import Parser, add_format, leaf
from gateway.model.notices import NOTICES
from partners.schema import profile_schema
from translators.documents import DOCUMENTS
from translators.shapes import schema

OTHERS: Mapping[str, str] = {
    "profile": "a partner's profile.yaml (JSON Schema, for editors)",
    "asyncapi": "the broker's channels and messages (AsyncAPI 3.0)",
}


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway schema                                         # what there is\n"
        "gateway schema ship_notice > ship_notice.schema.json\n"
        "gateway schema profile > partner-profiles/profile.schema.json",
    )
    names = [*DOCUMENTS, *NOTICES, *OTHERS]
    parser.add_argument(
        "name", nargs="?", metavar="NAME", choices=names, help="a document type, a notice, profile or asyncapi"
    )
    add_format(parser, "one object a line, one line a schema (for the list; a schema is JSON always)")


def _run(called: argparse.Namespace) -> int:
    if called.name is None:
        _print_list(called.format)
    elif called.name == "profile":
        print_document(profile_schema())
    elif called.name == "asyncapi":
        print_document(asyncapi({name: schema(name) for name in DOCUMENTS} | dict(NOTICES)))
    elif called.name in NOTICES:
        print_document(dict(NOTICES[called.name]))
    else:
        print_document(schema(called.name))
    return 0


def _print_list(form: str) -> None:
    documents = {name: str(schema(name)["description"]) for name in DOCUMENTS}
    notices = {name: str(held["description"]) for name, held in NOTICES.items()}
    rows = list((documents | notices | dict(OTHERS)).items())
    if form == "json":
        for name, what in rows:
            print_json({"name": name, "describes": what})
    else:
        print_table(("NAME", "DESCRIBES"), rows, empty="")
