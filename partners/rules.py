"""What a partner's agreement demands and allows beyond the X12 standard, one rule a line of the profile.

A rule speaks of one thing: a segment, a loop, an element, or a segment that the standard does not have there::

    rules:
      - {segment: REF, loop: PO1, usage: required, max_use: 5}
      - {segment: CUR, usage: not_used}
      - {segment: N1, qualifier: ST, usage: required}
      - {loop: PO1/N1, repeat_max: 3}
      - {element: BEG02, codes: [NE, RO]}
      - {element: PO104, usage: required}
      - {element: REF02, loop: PO1, length_max: 12}
      - {extra_segment: ZA, after: PO1/PID, max_use: 3}
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from partners.fields import OneOrMany, Written, number
from partners.problems import Location

HEADER: Final = "header"
CODE_CHARACTERS_MAX = 35

_SEGMENT = r"[A-Z][A-Z0-9]{1,2}"
_PATH = rf"{_SEGMENT}(?:/{_SEGMENT})*"

SegmentCode = Annotated[str, Written(_SEGMENT, "write the code of the segment, such as REF")]
LoopPath = Annotated[
    str, Written(rf"{HEADER}|{_PATH}", "write the first segments of the loops from outside in, such as PO1 or PO1/N1")
]
Path = Annotated[str, Written(_PATH, "write a segment or loop with the loops around it, such as BEG or PO1/PID")]
ElementName = Annotated[
    str, Written(rf"{_SEGMENT}[0-9]{{2}}(?:-[1-9][0-9]?)?", "write it as BEG02, a component as REF04-1")
]
Code = Annotated[str, Written(rf"[!-~](?:[ -~]{{0,{CODE_CHARACTERS_MAX - 2}}}[!-~])?", "write the code as it is sent")]
Codes = Annotated[tuple[Code, ...], OneOrMany()]
Length = Annotated[int, *number(1, 65_536)]
Times = Annotated[int, *number(1, 1_000_000)]

_SUBJECTS: Final = ("segment", "element", "extra_segment")
# The keys that say something about each kind of thing.
_SAYS: Final = {
    "segment": {"loop", "qualifier", "usage", "max_use"},
    "loop": {"usage", "repeat_max"},
    "element": {"loop", "usage", "codes", "codes_added", "length_min", "length_max"},
    "extra_segment": {"after", "max_use"},
}
_ELEMENT = re.compile(rf"({_SEGMENT})([0-9]{{2}})(?:-([0-9]+))?")


def _one_thing(schema: dict[str, Any]) -> None:
    """Tells editors what the validator says in words: one subject, and only the keys that belong to it."""
    keys = set(schema["properties"])
    schema["oneOf"] = [
        {
            "required": [subject, "after"] if subject == "extra_segment" else [subject],
            "properties": dict.fromkeys(sorted(keys - _SAYS[subject] - {subject}), False),
        }
        for subject in _SAYS
    ]


class Rule(BaseModel):
    """One demand or allowance beyond the X12 standard: of a segment, a loop, an element or an extra segment."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        json_schema_extra=_one_thing,
    )

    segment: SegmentCode | None = None
    """A segment, outside of loops or in `loop`: say `usage`, `max_use` or both."""
    loop: LoopPath | None = None
    """The loop that a segment or element stands in, `header` for outside of loops. Without either it is itself what
    the rule is about: say `usage`, `repeat_max` or both. A segment without it stands outside of loops, an element
    anywhere in the set."""
    qualifier: Code | None = None
    """For a segment: only those that hold this code in their first element, such as ST for N1; where the segment
    begins a loop, only such loops."""
    element: ElementName | None = None
    """An element such as BEG02, or a component such as REF04-1: say `usage`, `codes`, `codes_added` or lengths."""
    extra_segment: SegmentCode | None = None
    """A segment that the standard does not have there, or not at all; it is kept as unmapped with its position."""
    after: Path | None = None
    """For an extra segment: the segment or loop behind which it stands, such as BEG or PO1/PID."""
    usage: Literal["required", "optional", "not_used"] | None = None
    """required: must be sent; optional: may be missing although the standard demands it; not_used: must not be
    sent, even what the standard demands."""
    max_use: Times | None = None
    """How often a segment may stand there, less or more often than in the standard; an extra segment once if absent."""
    repeat_max: Times | None = None
    """How often a loop may occur where it stands."""
    codes: Codes = Field(default=(), max_length=2_000)
    """The only codes of the standard's list that are agreed."""
    codes_added: Codes = Field(default=(), max_length=2_000)
    """Codes that are agreed although the standard's release does not list them."""
    length_min: Length | None = None
    """The shortest value, in characters; in numbers digits alone count."""
    length_max: Length | None = None
    """The longest value, longer or shorter than in the standard."""

    @property
    def subject(self) -> str:
        """The key that says what the rule is about."""
        return next((key for key in _SUBJECTS if getattr(self, key) is not None), "loop")

    @property
    def loop_path(self) -> str | None:
        """The loop without the word for none: empty outside of loops, None where no loop is named."""
        return "" if self.loop == HEADER else self.loop

    @property
    def element_place(self) -> tuple[str, int, int | None]:
        """Segment, element and component of the element that the rule is about."""
        parts = _ELEMENT.fullmatch(self.element or "")
        if parts is None:
            raise ValueError("the rule is about no element")
        return parts[1], int(parts[2]), int(parts[3]) if parts[3] else None

    def contradictions(self) -> Iterator[tuple[Location, str, str]]:
        """Keys that are each fine and together are not: field, what is wrong, what would be right."""
        named = [key for key in _SUBJECTS if getattr(self, key) is not None]
        if not named and self.loop in {None, HEADER}:
            yield (), "the rule is about nothing", "name one of: segment, loop, element, extra_segment"
            return
        if len(named) > 1:
            yield (named[1],), f"the rule is about {named[0]} and {named[1]} at once", "write two rules"
            return
        subject = named[0] if named else "loop"
        said = {key for key in self.model_fields_set if getattr(self, key) not in (None, ())} - {subject}
        for key in sorted(said - _SAYS[subject]):
            belongs = ", ".join(other for other, keys in _SAYS.items() if key in keys)
            yield (key,), f"`{key}` says nothing about this {_WORDS[subject]}", f"it belongs to: {belongs}"
        if subject == "extra_segment" and self.after is None:
            yield ("extra_segment",), "nothing says where the extra segment stands", "add `after: BEG` or the like"
        elif subject != "extra_segment" and not said - {"loop", "qualifier"}:
            says = sorted(_SAYS[subject] - {"loop", "qualifier"})
            yield (subject,), "the rule demands nothing", f"add one of: {', '.join(says)}"
        elif self.qualifier is not None and self.usage == "optional":
            yield ("usage",), "the standard demands no qualifier, so each is optional", "remove the rule"
        yield from self._disagreements()

    def _disagreements(self) -> Iterator[tuple[Location, str, str]]:
        if self.usage == "not_used":
            more = {"max_use", "repeat_max", "codes", "codes_added", "length_min", "length_max"}
            for key in sorted(more & self.model_fields_set):
                yield (key,), f"`{key}` says how to send what is not used", "remove it, or `usage: not_used`"
        if self.length_min is not None and self.length_max is not None and self.length_min > self.length_max:
            yield ("length_min",), "the shortest length is above the longest", f"write at most {self.length_max}"
        if self.codes and self.codes_added and (both := sorted(set(self.codes) & set(self.codes_added))):
            yield ("codes_added",), f"{', '.join(both)} stands in `codes` and in `codes_added`", "keep one of the two"


_WORDS: Final = {"segment": "segment", "loop": "loop", "element": "element", "extra_segment": "extra segment"}


def rule_contradictions(rules: tuple[Rule, ...]) -> Iterator[tuple[Location, str, str]]:
    """What is wrong with the rules of one agreement, each and together; the location begins with the rule's index."""
    seen: dict[object, int] = {}
    for index, rule in enumerate(rules):
        wrong = list(rule.contradictions())
        yield from (((index, *where), what, right) for where, what, right in wrong)
        if wrong:
            continue
        subject = rule.subject
        loop = HEADER if subject == "segment" and rule.loop is None else rule.loop
        about = (subject, getattr(rule, subject), loop, rule.after, rule.qualifier)
        if about in seen:
            yield (
                (index,),
                "a second rule about the same thing",
                f"write them as one; the first is rules[{seen[about]}]",
            )
        seen.setdefault(about, index)
