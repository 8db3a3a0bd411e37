"""What the readers for JSON and XML hand on: documents one by one, then what was wrong with the body."""

from dataclasses import dataclass

from translators.documents import Document
from translators.findings import Finding


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """One document of a body; None when its findings hold an error.

    ``pointer`` is its place: a JSON pointer or an XPath.
    """

    document: Document | None
    document_type: str | None
    pointer: str
    findings: tuple[Finding, ...]
    findings_omitted: int = 0


@dataclass(frozen=True, slots=True)
class BodyRead:
    """The last thing: findings that belong to no document."""

    findings: tuple[Finding, ...]
