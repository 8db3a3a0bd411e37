"""Canonical documents from plain trees of objects, lists and texts: what the readers for JSON and XML share.

Whatever the tree holds, nothing is raised: each departure from the document's shape is a finding with its path.
"""

import datetime as dt
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from translators.documents import DOCUMENTS, SCHEMA_VERSION, Document
from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.shapes import DECIMAL_PATTERN, TIME_PATTERN, Field, Kind, shape


class NumberText(str):
    """A JSON number, by its text: nothing is rounded on the way."""

    __slots__ = ()


Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | NumberText | bool | None"
Path: TypeAlias = tuple[str | int, ...]

FINDINGS_MAX: Final = 100
_DECIMAL: Final = re.compile(DECIMAL_PATTERN.strip("^$"))
_TIME: Final = re.compile(TIME_PATTERN.strip("^$"))
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
# What XML 1.0 cannot carry has no place in a document that other systems take on.
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SUGGESTION_CUTOFF: Final = 0.6


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding before its place is told in the words of JSON or XML."""

    path: Path
    code: str
    message: str
    value: str | None = None
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Built:
    """A document, when the tree makes one, and what was wrong; ``document_type`` as far as it could be told."""

    document: Document | None
    document_type: str | None
    problems: tuple[Problem, ...]
    omitted: int


def build(tree: Tree, *, texts_only: bool = False) -> Built:
    """The canonical document that a tree describes.

    ``texts_only`` is for XML, where whole numbers and booleans are texts too.
    """
    builder = _Builder(texts_only)
    document, document_type = builder.document(tree)
    kept = builder.problems[:FINDINGS_MAX]
    is_sound = all(problem.severity is Severity.WARNING for problem in builder.problems)
    return Built(document if is_sound else None, document_type, tuple(kept), len(builder.problems) - len(kept))


class _Builder:
    def __init__(self, texts_only: bool) -> None:
        self.problems: list[Problem] = []
        self._texts_only = texts_only

    def document(self, tree: Tree) -> tuple[Document | None, str | None]:
        if not isinstance(tree, dict):
            self._problem((), "wrong-type", "a canonical document is an object; send an object with document_type")
            return None, None
        document_type = tree.get("document_type")
        if not isinstance(document_type, str) or isinstance(document_type, NumberText):
            known = ", ".join(DOCUMENTS)
            self._problem(("document_type",), "document-type-missing", f"document_type must be one of: {known}")
            return None, None
        of = DOCUMENTS.get(document_type)
        if of is None:
            message = f"document_type {document_type[:99]} is not known{_did_you_mean(document_type, DOCUMENTS)}"
            self._problem(("document_type",), "unsupported-document", message, document_type)
            return None, document_type
        self._check_version(tree)
        rest = {name: value for name, value in tree.items() if name not in {"document_type", "schema_version"}}
        document: Document | None = self._object(rest, of, ())
        return document, document_type

    def _check_version(self, tree: dict[str, Tree]) -> None:
        version = tree.get("schema_version")
        if version is None:
            message = f"schema_version is missing and taken as {SCHEMA_VERSION}; send it"
            self._problem(("schema_version",), "schema-version-missing", message, severity=Severity.WARNING)
        elif version != SCHEMA_VERSION or isinstance(version, NumberText):
            message = f'schema_version must be "{SCHEMA_VERSION}"'
            self._problem(("schema_version",), "schema-version-unsupported", message, str(version))

    def _object(self, tree: Tree, of: type[Any], path: Path) -> Any:  # noqa: ANN401 - the class is a value
        if not isinstance(tree, dict):
            self._problem(path, "wrong-type", f"an object is expected here, not {_kind_of(tree)}")
            return None
        fields = shape(of).fields
        values: dict[str, Any] = {}
        for name, value in tree.items():
            field = fields.get(name)
            if field is None:
                message = f"field {name[:99]} is not known here{_did_you_mean(name, fields)}"
                self._problem((*path, name), "unknown-field", message)
            elif value is not None:
                values[name] = self._field(value, field, (*path, name))
        missing = [field.name for field in fields.values() if field.required and field.name not in values]
        for name in missing:
            self._problem((*path, name), "missing-field", f"field {name} is required here; send it")
        if missing or any(value is None for value in values.values()):
            return None
        return of(**values)

    def _field(self, value: Tree, field: Field, path: Path) -> Any:  # noqa: ANN401 - any kind of value
        if not field.many:
            return self._single(value, field, path)
        if not isinstance(value, list):
            self._problem(path, "wrong-type", f"a list is expected here, not {_kind_of(value)}")
            return None
        items = [self._single(item, field, (*path, index)) for index, item in enumerate(value)]
        return None if any(item is None for item in items) else tuple(items)

    def _single(self, value: Tree, field: Field, path: Path) -> Any:  # noqa: ANN401 - any kind of value
        if field.type is not None:
            return self._object(value, field.type, path)
        return _READERS[field.kind](self, value, path)

    def text(self, value: Tree, path: Path) -> str | None:
        if not isinstance(value, str) or isinstance(value, NumberText):
            self._problem(path, "wrong-type", f"a string is expected here, not {_kind_of(value)}; write it in quotes")
            return None
        if _UNFIT.search(value):
            self._problem(path, "control-character", "the text holds a control character; remove it", value)
            return None
        return value

    def decimal(self, value: Tree, path: Path) -> Decimal | None:
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            return Decimal(value)
        message = 'a decimal such as "12.50" is expected here, without exponent and with at most 38 digits on each side'
        self._problem(path, "wrong-number", message, value if isinstance(value, str) else _kind_of(value))
        return None

    def integer(self, value: Tree, path: Path) -> int | None:
        is_number = isinstance(value, str) and (self._texts_only or isinstance(value, NumberText))
        if is_number and _INTEGER.fullmatch(str(value)):
            return int(str(value))
        self._problem(path, "wrong-type", f"a whole number is expected here, not {_kind_of(value)}")
        return None

    def boolean(self, value: Tree, path: Path) -> bool | None:
        if isinstance(value, bool):
            return value
        if self._texts_only and value in {"true", "false"}:
            return value == "true"
        self._problem(path, "wrong-type", f"true or false is expected here, not {_kind_of(value)}")
        return None

    def date(self, value: Tree, path: Path) -> dt.date | None:
        text = value if isinstance(value, str) else _kind_of(value)
        try:
            if _DATE.fullmatch(text):
                return dt.date.fromisoformat(text)
        except ValueError:
            pass  # a day that no month has; told below
        self._problem(path, "wrong-date", 'a date such as "2026-01-31" is expected here', text)
        return None

    def time(self, value: Tree, path: Path) -> dt.time | None:
        text = value if isinstance(value, str) else _kind_of(value)
        try:
            if _TIME.fullmatch(text):
                # fromisoformat takes three or six decimals only.
                whole, _, decimals = text.partition(".")
                return dt.time.fromisoformat(f"{whole}.{decimals:0<6}" if decimals else whole)
        except ValueError:
            pass  # an hour that no day has; told below
        self._problem(path, "wrong-time", 'a time such as "14:30:00" is expected here', text)
        return None

    def _problem(
        self, path: Path, code: str, message: str, value: str | None = None, severity: Severity = Severity.ERROR
    ) -> None:
        self.problems.append(
            Problem(path, code, message, None if value is None else value[:VALUE_CHARACTERS_MAX], severity)
        )


_READERS: Final[dict[Kind, Callable[[_Builder, Tree, Path], Any]]] = {
    Kind.TEXT: _Builder.text,
    Kind.DECIMAL: _Builder.decimal,
    Kind.DATE: _Builder.date,
    Kind.TIME: _Builder.time,
    Kind.INTEGER: _Builder.integer,
    Kind.BOOLEAN: _Builder.boolean,
}


def _did_you_mean(name: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(name[:99], known, 1, _SUGGESTION_CUTOFF)
    return f"; did you mean {near[0]}?" if near else "; remove it or see the schema"


def _kind_of(value: Tree) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case NumberText():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"


def pointer(path: Path) -> str:
    """A path as JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def finding(problem: Problem, place: str, line: int | None, byte_offset: int | None = None) -> Finding:
    """A problem with its place in the words of the syntax."""
    return Finding(
        level=Level.DOCUMENT,
        code=problem.code,
        message=problem.message,
        severity=problem.severity,
        value=problem.value,
        pointer=place,
        line=line,
        byte_offset=byte_offset,
    )
