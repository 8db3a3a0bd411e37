"""What a profile says of X12 beyond the documents: repetitions, acknowledgments, numbers, bad sets, layout."""

from collections.abc import Iterator
from typing import Annotated, Literal

from partners.fields import Boolean, InterchangeVersion, Replacement, Separator, number
from partners.parts import Contradiction, Part

RepetitionAction = Literal["reject", "accept_with_error", "process"]
# What one bad transaction set takes with it, by the names that the translators know them by.
OnBadSet = Literal["reject_set", "reject_group", "reject_interchange", "accept_with_errors"]

NUMBERS_MIN = 1_000  # of a range of control numbers


class Validation(Part):
    """How strictly their X12 is judged from ST to SE, beyond the standard; `tolerances` make it looser."""

    character_set: Literal["any", "extended", "basic"] = "any"
    """The characters that their data may hold (X12.6 3.3.1, 3.3.2), others are AK403 = 6. basic: capital letters,
    digits, blank and ! " & ' ( ) * + , - . / : ; ? =; extended: also small letters, all other signs of ASCII and the
    usual accented letters (not, for instance, a sharp s); any: all that their encoding has."""
    spaces: Literal["keep", "trim", "reject"] = "keep"
    """Blanks around a value. keep: leading ones belong to it, trailing ones are padding; trim: neither counts; reject:
    AK403 = 6. Those that fill a text up to its shortest length always are padding."""
    trailing_separators: Literal["not_allowed", "optional", "mandatory"] = "not_allowed"
    """Separators behind the last element with data. not_allowed: what the standard says; optional: let pass without a
    word (the tolerance `trailing-separators`: with a warning); mandatory: every element that the segment has in its
    release must be separated."""


class Duplicates(Part):
    """What a control number of theirs earns that was seen before, or out of turn."""

    action: RepetitionAction = "reject"
    """A repeated ISA13. reject: TA1 025; accept_with_error: process it and say so; process: say nothing. Also holds for
    a GS06 repeated inside its interchange and an ST02 repeated inside its group, which no standard allows."""
    group: RepetitionAction = "process"
    """A GS06 that an earlier message bore. Many senders begin each interchange with 1, so it is not looked at."""
    transaction_set: RepetitionAction = "process"
    """An ST02 that an earlier group bore. Most senders begin each group with 0001, so it is not looked at."""
    out_of_sequence: RepetitionAction = "process"
    """An ISA13 that is not the one after the last. reject (TA1 018) holds up everything behind a number that never
    comes: only for a partner who numbers what they send to us alone, without gaps."""
    window_days: Annotated[int, *number(1, 3_650)] = 90
    """How long a control number is remembered."""


class Acknowledgment(Part):
    """What we answer to their X12, and what we expect of them."""

    ta1: Literal["never", "on_error", "as_requested", "always"] = "as_requested"
    """as_requested: when ISA14 is 1, and for every rejected interchange; on_error: for any error of the envelope alone;
    always: for every interchange."""
    functional: Literal["997", "999", "none"] = "997"
    """The functional acknowledgment that each group earns; a 999 where their release has it, else a 997."""
    accepted_sets: Boolean = True
    """Name each accepted set (AK2, AK5), so that they can tick it off; false: only those in error, the others are
    counted in AK9."""
    envelope: Literal["per_interchange", "per_group"] = "per_interchange"
    """per_interchange: one interchange answers all groups of one of theirs; per_group: each group gets its own."""
    expected_within_hours: Annotated[int, *number(1, 720)] | None = None
    """They acknowledge what we send within so many hours; without it we do not wait for it. Kept as it was agreed:
    nobody is warned yet when the time is over."""


class NumberRange(Part):
    """The control numbers we give out: after the last the first comes again."""

    min: Annotated[int, *number(1, 999_999_999)] = 1
    """The first."""
    max: Annotated[int, *number(1, 999_999_999)] = 999_999_999
    """The last."""


class ControlNumbers(Part):
    """Our control numbers in what we send to them, acknowledgments included; each pair of addresses counts alone."""

    interchange: NumberRange = NumberRange()
    """ISA13."""
    group: NumberRange = NumberRange()
    """GS06."""
    transaction_set: NumberRange | None = None
    """ST02, counted on from group to group; without it each group begins with 0001."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Ranges that hold too few numbers."""
        for name in ("interchange", "group", "transaction_set"):
            held: NumberRange | None = getattr(self, name)
            if held is not None and held.max - held.min < NUMBERS_MIN - 1:
                right = f"let it hold at least {NUMBERS_MIN:,} numbers, so that none comes again too soon"
                yield ("control_numbers", name), f"a range from {held.min} to {held.max}", right


class Processing(Part):
    """How their documents are treated beyond the standard."""

    on_bad_set: OnBadSet = "reject_set"
    """What a bad transaction set takes with it. reject_set: itself alone; reject_group, reject_interchange: all of it,
    nothing is published; accept_with_errors: nothing, where it can still be understood it is published with its
    findings."""
    mask_passwords: Boolean = True
    """Never show what ISA02 and ISA04 hold."""


class Separators(Part):
    """The four characters that part what we send; each one character that is no letter, digit or blank."""

    element: Separator = "*"
    """Parts elements."""
    terminator: Separator = "~"
    """Ends a segment."""
    component: Separator = ">"
    """Parts the components of an element (ISA16)."""
    repetition: Separator = "^"
    """Parts repetitions (ISA11), from version 00402 on."""


class Framing(Part):
    """How the X12 that we send is laid out."""

    separators: Separators = Separators()
    """The separators we write with; what they send declares its own."""
    line_end: Literal["none", "crlf", "lf", "cr"] = "none"
    """What stands behind each terminator, for people and old software."""
    separators_in_data: Literal["replace", "reject", "choose"] = "replace"
    """A separator inside data: put `replacement` there, reject the document, or choose others that occur nowhere."""
    replacement: Replacement = " "
    """Stands for a separator inside data, and for a character that their encoding has not."""
    usage: Literal["production", "test", "information"] = "production"
    """ISA15 of what we send."""
    version: InterchangeVersion | None = None
    """ISA12, such as 00501; that of the release when absent."""
    acknowledgment_requested: Boolean = False
    """ISA14: ask for a TA1."""
    trailing_separators: Literal["none", "all"] = "none"
    """all: every element that the standard has is separated, also behind the last with data; for old software."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Characters that would mean two things."""
        first: dict[str, str] = {}
        for name, separator in self.separators:
            if separator in first:
                what = f"the same character as framing.separators.{first[separator]}"
                yield ("separators", name), what, "write another character"
            first.setdefault(separator, name)
        if self.replacement in first:
            yield ("replacement",), "the replacement is a separator itself", 'write another, such as " "'


class DocumentAcknowledgment(Part):
    """What groups of one document earn, where that differs from `acknowledgment` of the whole partner."""

    functional: Literal["997", "999", "none"] | None = None
    """The functional acknowledgment of these groups."""
    accepted_sets: Boolean | None = None
    """Name each accepted set (AK2, AK5)."""
    expected_within_hours: Annotated[int, *number(1, 720)] | None = None
    """For what we send: they acknowledge it within so many hours."""


def misplaced(
    kind: tuple[str, str],
    validation: Validation | None,
    framing: Framing | None,
    acknowledgment: DocumentAcknowledgment | None,
) -> Iterator[Contradiction]:
    """What an agreement of a kind (syntax and direction) says that it has no use for."""
    comes, goes = kind == ("x12", "inbound"), kind == ("x12", "outbound")
    if validation is not None and not comes:
        yield ("validation",), "it speaks of X12 that comes in, and this is none", "remove `validation`"
    if framing is not None and not goes:
        yield ("framing",), "it speaks of X12 that goes out, and this is none", "remove `framing`"
    if acknowledgment is None:
        return
    for name in ("functional", "accepted_sets"):
        if getattr(acknowledgment, name) is not None and not comes:
            what = "it speaks of what X12 that comes in earns, and this is none"
            yield ("acknowledgment", name), what, f"remove `{name}`"
    if acknowledgment.expected_within_hours is not None and not goes:
        what = "it speaks of what X12 that goes out earns, and this is none"
        yield ("acknowledgment", "expected_within_hours"), what, "remove `expected_within_hours`"
