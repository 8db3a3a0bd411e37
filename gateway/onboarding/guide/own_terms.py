"""What one document has otherwise than the partner's other documents: acknowledgment, strictness, layout."""

from collections.abc import Iterator
from typing import Final

from gateway.onboarding.guide.answers import ON_BAD_SET_WORDS
from gateway.onboarding.guide.envelope import (
    CHARACTER_WORDS,
    SPACE_WORDS,
    TOLERANCE_WORDS,
    TRAILING_WORDS,
    USAGE_CODES,
)
from gateway.onboarding.guide.tables import Fact
from gateway.onboarding.guide.words import counted, separator_words
from partners.profile import Agreement
from partners.x12_terms import Framing, Validation

_LINE_ENDS: Final = {"none": "nothing", "crlf": "CR LF", "lf": "LF", "cr": "CR"}
_SEPARATORS: Final = {
    "element": "Element separator",
    "terminator": "Segment terminator",
    "component": "Component separator",
    "repetition": "Repetition separator",
}


def own_terms(agreement: Agreement) -> tuple[Fact, ...]:
    """What holds for this document alone; empty for most."""
    return tuple(_terms(agreement))


def _terms(agreement: Agreement) -> Iterator[Fact]:
    said = agreement.acknowledgment
    if said is not None and agreement.direction == "inbound":
        if said.functional is not None:
            words = {"none": "no functional acknowledgment"}.get(said.functional, f"a {said.functional}")
            yield Fact("It earns", words)
        if said.accepted_sets is not None:
            yield Fact("Accepted sets", "are named (AK2, AK5)" if said.accepted_sets else "are only counted (AK9)")
    if said is not None and said.expected_within_hours is not None and agreement.direction == "outbound":
        yield Fact("Your acknowledgment", f"a 997 or 999 within {counted(said.expected_within_hours, 'hour')}")
    if agreement.on_bad_set is not None:
        yield Fact("A transaction set in error", ON_BAD_SET_WORDS[agreement.on_bad_set])
    if agreement.validation is not None and agreement.direction == "inbound":
        yield from _strictness(agreement.validation)
    if agreement.tolerances:
        yield Fact("What we let pass", tuple(TOLERANCE_WORDS.get(name, name) for name in agreement.tolerances))
    if agreement.framing is not None and agreement.direction == "outbound":
        yield from _layout(agreement.framing)


def _strictness(said: Validation) -> Iterator[Fact]:
    if "character_set" in said.model_fields_set:
        yield Fact("Characters", CHARACTER_WORDS[said.character_set])
    if "spaces" in said.model_fields_set:
        yield Fact("Blanks", SPACE_WORDS[said.spaces])
    if "trailing_separators" in said.model_fields_set:
        yield Fact("Empty elements at the end", TRAILING_WORDS[said.trailing_separators])


def _layout(said: Framing) -> Iterator[Fact]:
    fields = said.model_fields_set
    for name in sorted(said.separators.model_fields_set) if "separators" in fields else ():
        yield Fact(_SEPARATORS[name], separator_words(getattr(said.separators, name)), is_code=True)
    if "line_end" in fields:
        yield Fact("Behind each terminator", _LINE_ENDS[said.line_end])
    if "version" in fields and said.version is not None:
        yield Fact("ISA12", said.version, is_code=True)
    if "usage" in fields:
        yield Fact("ISA15", USAGE_CODES[said.usage], "once we are in production", is_code=True)
    if "acknowledgment_requested" in fields:
        yield Fact("ISA14", "1" if said.acknowledgment_requested else "0", is_code=True)
    if "trailing_separators" in fields:
        words = {"all": "separated, as many as the standard has", "none": "left out"}
        yield Fact("Empty elements at the end", words[said.trailing_separators])
