"""The fields of canonical documents that a qualifier's value may fill: of the document, or of each of its lines."""

import difflib
from typing import Any, Final

from translators.documents import DOCUMENTS
from translators.shapes import Kind, shape
from translators.vocabulary.values import Qualified, QualifierRule

LINES: Final = "lines"
_CLOSE: Final = 0.6
_SHOWN_MAX: Final = 24


def filled_field(of: type[Any], level: str, rule: QualifierRule) -> str | None:
    """The field of a class that a rule fills; None where the class has none, or one that cannot take the value."""
    path = rule.field or ""
    name = path.removeprefix(f"{level}.") if level else path
    if (level and name == path) or "." in name:
        return None
    held = shape(of).fields.get(name)
    return name if held is not None and not held.many and held.kind is _kind(rule.of) else None


def fillable(document_type: str, of: Qualified) -> tuple[str, ...]:
    """The fields of a document that values of these may fill: dates fill dates, all others texts."""
    found: list[str] = []
    for prefix, held in _levels(document_type):
        fields = shape(held).fields.values()
        found += [prefix + field.name for field in fields if not field.many and field.kind is _kind(of)]
    return tuple(found)


def field_fault(document_type: str, of: Qualified, path: str) -> tuple[str, str] | None:
    """Why a field of a document cannot be filled, and what would be right; None where it can."""
    known = fillable(document_type, of)
    if path in known:
        return None
    kind = "date" if of == "dates" else "text"
    name = path.removeprefix(f"{LINES}.")
    for prefix, held in _levels(document_type):
        field = shape(held).fields.get(name)
        if field is not None and prefix + name == path:
            what = "a list" if field.many else f"an object or a value of another kind ({field.kind.value})"
            return f"{path} of a {document_type} is {what}, no {kind}", _one_of(path, known, kind)
    return f"a {document_type} has no field {path}", _one_of(path, known, kind)


def _levels(document_type: str) -> list[tuple[str, type[Any]]]:
    of = DOCUMENTS[document_type]
    lines = shape(of).fields.get(LINES)
    return [("", of), *([(f"{LINES}.", lines.type)] if lines is not None and lines.type is not None else [])]


def _kind(of: str) -> Kind:
    return Kind.DATE if of == "dates" else Kind.TEXT


def _one_of(path: str, known: tuple[str, ...], kind: str) -> str:
    close = difflib.get_close_matches(path, known, n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean `{close[0]}`?"
    shown = ", ".join(known[:_SHOWN_MAX]) + (", ..." if len(known) > _SHOWN_MAX else "")
    return f"use one of its {kind} fields: {shown}" if known else f"it has no {kind} fields; remove `field`"
