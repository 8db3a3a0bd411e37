"""What was wrong with a partner's bytes, in the standard's own words and with the place."""

from dataclasses import dataclass
from enum import StrEnum

VALUE_CHARACTERS_MAX = 99  # of an offending value, as AK404 has room for


class Severity(StrEnum):
    """Whether a finding rejects what it stands on."""

    ERROR = "error"
    WARNING = "warning"


class Level(StrEnum):
    """What a finding speaks of; X12 codes mean different things on each level."""

    FILE = "file"
    INTERCHANGE = "interchange"  # code: TA105
    GROUP = "group"  # code: AK905
    TRANSACTION_SET = "transaction_set"  # code: AK502
    SEGMENT = "segment"  # code: AK304
    ELEMENT = "element"  # code: AK403
    DOCUMENT = "document"  # a rule of the canonical document, JSON or XML


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure from the standard, the agreement or the schema.

    Attributes:
        level: what the finding speaks of.
        code: the code of the standard on that level (TA105, AK905, AK502, AK304, AK403), or a rule's name
            such as ``duplicate-key`` for JSON and XML.
        message: what is wrong, where, and what to do, in one or two sentences.
        severity: an error rejects the thing it stands on, a warning does not.
        segment: segment code such as ``BEG``.
        position: position of the segment in its transaction set, ST being 1 (AK302).
        element: position of the element in its segment, 1-based (AK401).
        component: position inside a composite, 1-based.
        value: the offending value, shortened to `VALUE_CHARACTERS_MAX`.
        byte_offset: offset from the start of the file.
        pointer: JSON pointer or XPath for JSON and XML.
        line: line in a JSON or XML text, 1-based.
        loop: code of the loop the segment stands in (AK303).
        data_element: number of the data element in the standard's dictionary (AK402), such as ``353``.
        implementation_code: what a 999 says in IK304 or IK403 in place of ``code`` where the partner's agreement asks
            for more than the standard, such as ``I10`` for an element that it does not use.
    """

    level: Level
    code: str
    message: str
    severity: Severity = Severity.ERROR
    segment: str | None = None
    position: int | None = None
    element: int | None = None
    component: int | None = None
    value: str | None = None
    byte_offset: int | None = None
    pointer: str | None = None
    line: int | None = None
    loop: str | None = None
    data_element: str | None = None
    implementation_code: str | None = None

    def as_json(self) -> dict[str, object]:
        """The finding as commands and REST API show it: the fixed keys always, the other places where known."""
        fixed: dict[str, object] = {
            "segment": self.segment,
            "position": self.position,
            "element": self.element,
            "code": self.code,
            "value": self.value,
            "byte_offset": self.byte_offset,
            "message": self.message,
            "level": self.level.value,
            "severity": self.severity.value,
        }
        optional = {
            "component": self.component,
            "pointer": self.pointer,
            "line": self.line,
            "loop": self.loop,
            "data_element": self.data_element,
            "implementation_code": self.implementation_code,
        }
        return fixed | {name: value for name, value in optional.items() if value is not None}
