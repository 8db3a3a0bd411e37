"""Nothing that a partner sent is lost: each element value of a set stands in its document, as often as it was sent."""

import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from translators.guide import ReadingRules
from translators.shapes import as_json, schema
from translators.x12.documents import translate
from translators.x12.documents.element_values import calendar_date, clock_time
from translators.x12.reader import read
from translators.x12.reading import GroupOpened, SetRead
from translators.x12.sets import DOCUMENT_TYPES
from translators.x12.tree import element_values

FIXTURES = Path(__file__).parent.parent / "fixtures" / "x12"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "x12"
EVERY_TOLERANCE = ReadingRules(
    tolerances=frozenset({"unknown-segments", "code-values", "element-lengths", "segment-order", "newer-release"})
)
# What bounds a set or a loop says nothing of its content.
BOUNDS = frozenset({"ST", "SE", "LS", "LE"})
# Elements that say again what another one said of the same field.
SAID_AGAIN = ("LIN01", "SN101", "CUR01", "CUR02")
CENTURIES = frozenset({"19", "20"})


def files():
    own = sorted(FIXTURES.glob("*.edi"))
    return own + sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv")


def sets_of(path):
    tables = ""
    for piece in read(path.read_bytes(), EVERY_TOLERANCE):
        if isinstance(piece, GroupOpened):
            tables = piece.tables or ""
        elif isinstance(piece, SetRead) and piece.tree is not None:
            yield piece, tables


@cache
def validator(document_type):
    return jsonschema.Draft202012Validator(schema(document_type))


def without_copies(shown):
    """A document without what repeats or follows from other fields of it."""
    shown = dict(shown)
    # How an unmapped element is found again is no value of the partner's.
    shown["unmapped"] = [part["value"] for kept in shown.get("unmapped", []) for part in kept.get("elements", [])]
    if shown["document_type"] == "ship_notice":
        shown.pop("lines", None)
    if shown["document_type"] in {"ship_notice", "order_status"}:
        shown.pop("purchase_order_numbers", None)
        shown.pop("purchase_order_number", None)
    for line in shown.get("lines", []):
        line["acknowledgments"] = [held for held in line.get("acknowledgments", []) if not held.get("derived")]
        if line.get("line_id_assigned"):
            del line["line_id"]
    if shown["document_type"] == "invoice":
        shown.pop("due_on", None)
    return shown


def leaves(value, name=""):
    if name == "label":
        return
    if isinstance(value, dict):
        for key, held in value.items():
            yield from leaves(held, key)
    elif isinstance(value, list):
        for held in value:
            yield from leaves(held)
    elif value is not None:
        yield str(value)


def decimal(text):
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return None


def key(leaf):
    """A leaf as it is counted: numbers, dates and times by their value."""
    number = decimal(leaf)
    return number if number is not None and number.is_finite() else leaf.strip()


def forms(value):
    """What an element may have become, the likeliest first."""
    yield key(value)
    stripped = value.strip()
    date = calendar_date(stripped, "") if stripped.isdigit() else None
    if date is not None:
        yield date.isoformat()
    time = clock_time(stripped)
    if time is not None:
        yield time.isoformat()
    number = decimal(stripped)
    if number is not None and number.is_finite():
        yield (number / 100).normalize()  # type N2


def values_of(tree):
    for segment in tree.walk():
        if segment.code in BOUNDS:
            continue
        for number, held in enumerate(segment.elements, 1):
            for value in element_values(held):
                if value.strip():
                    yield f"{segment.code}{number:02} at {segment.position}", value


def lost(tree, shown):
    """The values that the document does not hold as often as they were sent."""
    counted = Counter(key(line) for leaf in leaves(without_copies(shown)) for line in leaf.split("\n"))
    for place, value in values_of(tree):
        for line in value.rstrip().split("\n"):
            form = next((form for form in forms(line) if counted[form] > 0), None)
            if form is not None:
                counted[form] -= 1
            elif line in CENTURIES and any(re.match(rf"{line}\d\d-\d\d-\d\d", str(key)) for key in counted):
                continue  # it is in a date, up to 003070
            elif not (place.startswith(SAID_AGAIN) and any(form in counted for form in forms(line))):
                yield f"{place}: {value}"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_value_stands_in_the_document(path):
    for piece, tables in sets_of(path):
        shown = as_json(translate(piece.type, piece.tree, tables).document)
        assert validator(shown["document_type"]).is_valid(shown)
        assert list(lost(piece.tree, shown)) == []


def test_sets_of_every_kind_are_counted():
    seen = {piece.type for path in files() for piece, _ in sets_of(path)}
    assert seen == set(DOCUMENT_TYPES)
