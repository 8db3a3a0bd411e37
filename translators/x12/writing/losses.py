"""What a transaction set cannot say of a canonical document: each loss is a finding with its JSON pointer.

A warning says that something was left out, cut or assumed; the set may be sent. An error says that the set would be no
valid one, or would mean something else than the document: such a set is never handed out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from translators.building import Path, pointer
from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity

FINDINGS_MAX: Final = 200


class Loss(StrEnum):
    """What became of a value."""

    NOT_CARRIED = "not-carried"  # nowhere to stand in this set and release
    TOO_MANY = "too-many"  # more of them than the release takes
    TOO_LONG = "too-long"  # cut where it is text for people, else left out
    CODE_NOT_LISTED = "code-not-listed"  # left out
    CHARACTER = "character-replaced"  # a control character in the text
    WRAPPED = "text-wrapped"  # a text went on in a further segment
    UNIT_UNKNOWN = "unit-unknown"  # no X12 code for the unit
    CONTRADICTION = "contradiction"  # two fields say different things
    ALONE = "left-out-alone"  # the standard takes it only together with something that is missing
    ASSUMED = "assumed"  # the document does not say what is mandatory, and one answer is safe
    NUMBER = "number-not-carried"  # would become another number
    DATE = "date-not-carried"  # would become another date
    MISSING = "missing-value"  # mandatory, and the document does not say it
    INVALID = "set-invalid"  # our own validator refuses what was written
    SPLIT = "line-split"  # a line in several packages is an item in each of them
    READ_BACK = "read-back-differs"  # reads back as something else


_ERRORS: Final = frozenset({Loss.NUMBER, Loss.DATE, Loss.MISSING, Loss.INVALID})


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the set something would stand."""

    segment: str | None = None
    element: int | None = None
    data_element: str | None = None
    loop: str | None = None


NOWHERE: Final = Spot()


@dataclass(slots=True)
class Losses:
    """The findings of one set; those beyond `FINDINGS_MAX` are counted."""

    findings: list[Finding] = field(default_factory=list)
    omitted: int = 0
    has_errors: bool = False

    def add(
        self,
        loss: Loss,
        path: Path,
        message: str,
        spot: Spot = NOWHERE,
        value: str | None = None,
        *,
        is_fatal: bool = False,
    ) -> None:
        """Reports what became of the value at a path of the document; without it there is no set if ``is_fatal``."""
        severity = Severity.ERROR if is_fatal or loss in _ERRORS else Severity.WARNING
        self.has_errors = self.has_errors or severity is Severity.ERROR
        if len(self.findings) >= FINDINGS_MAX and severity is Severity.WARNING:
            self.omitted += 1
            return
        self.findings.append(
            Finding(
                level=Level.DOCUMENT,
                code=loss.value,
                message=message,
                severity=severity,
                segment=spot.segment,
                element=spot.element,
                value=None if value is None else value[:VALUE_CHARACTERS_MAX],
                pointer=pointer(path),
                loop=spot.loop,
                data_element=spot.data_element,
            )
        )

    def extend(self, others: "Losses | Iterable[Finding]") -> None:
        """Takes on the findings of a part."""
        found = others.findings if isinstance(others, Losses) else list(others)
        room = max(FINDINGS_MAX - len(self.findings), 0)
        errors = [finding for finding in found[room:] if finding.severity is Severity.ERROR]
        self.findings.extend(found[:room] + errors)
        self.omitted += len(found[room:]) - len(errors) + (others.omitted if isinstance(others, Losses) else 0)
        self.has_errors = self.has_errors or any(finding.severity is Severity.ERROR for finding in found)
