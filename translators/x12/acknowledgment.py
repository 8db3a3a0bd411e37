"""Writes what an interchange earns: TA1 for its envelope, 997 or 999 for its groups.

An interchange that arrived earns at most one interchange in return, or one for each of its groups, with sender and
receiver swapped. TA1 speaks of the envelope and stands before the first group; a rejected envelope earns nothing else.
Each group earns a functional acknowledgment in its own release, in a group of its own with the application ids swapped;
groups of functional acknowledgments earn none, and an interchange that holds only TA1 segments earns nothing.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from translators.guide import AcknowledgmentRules, GroupAnswer, Identity
from translators.x12.delimiters import STANDARD_DELIMITERS, Delimiters
from translators.x12.dictionary import BASE_RELEASE_WIDTH, load_release
from translators.x12.faults import InterchangeError
from translators.x12.functional_acknowledgment import (
    Line,
    can_be_named,
    earns_answer,
    lines,
    printable,
    release_of_answer,
    set_type,
    tables_of_answer,
)
from translators.x12.reading import InterchangeHeader
from translators.x12.results import FALLBACK_RELEASE, GroupResult, InterchangeResult, collect_results
from translators.x12.sets import DOCUMENT_TYPES, FUNCTIONAL_ACKNOWLEDGMENT_GROUP, FUNCTIONAL_IDS
from translators.x12.writer import REPETITION_SINCE, Framing, free_delimiters, group_date, isa_segment

__all__ = [
    "Answer",
    "Earned",
    "Numbers",
    "collect_results",
    "earned_by",
    "write_acknowledgment",
    "write_acknowledgments",
]

DEFAULT_RULES = AcknowledgmentRules()

_FALLBACK_VERSION = "00401"
_USAGES = frozenset({"P", "T", "I"})
_999_RELEASE_SUFFIX = {"005010": "X231A1"}  # the implementation guide of the 999
# AK404 copies what was sent, CTX the set's own number: where they would be misread they are left out.
_WITH_COPIES = frozenset({"AK4", "IK4", "CTX"})
_MUTUALLY_DEFINED = "ZZ"
_ISA13_WIDTH = 9
_QUALIFIER = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_SET_NUMBER_WIDTH_MIN = 4
# A suffix that is kept in our GS08: that of an industry (VICS, UCS), which speaks of its acknowledgments, too. X222A1
# names the implementation guide of one set.
_INDUSTRY = re.compile(r"(?!X[0-9])[0-9A-Z]{1,6}", re.ASCII)


# GS01 -> what its groups hold, as agreements call it.
_HELD = {functional_id: DOCUMENT_TYPES[number] for number, functional_id in FUNCTIONAL_IDS.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one group is answered with: ``set_type`` is 997 or 999, ``accepted_sets`` has it name them, too."""

    group: GroupResult
    set_type: str
    accepted_sets: bool = True


@dataclass(frozen=True, slots=True)
class Earned:
    """What one interchange earns, or one of its groups: an interchange of ours.

    Attributes:
        result: of the interchange that arrived.
        ta1: a TA1 is due.
        answered: for the groups that earn a functional acknowledgment; each needs a group control number of ours.
        kinds: what will be written, such as ``("TA1", "997")``.
        scope: within which our control numbers ascend: our id, theirs and the usage indicator.
    """

    result: InterchangeResult
    ta1: bool
    answered: tuple[Answer, ...]
    kinds: tuple[str, ...]
    scope: str

    @property
    def groups(self) -> int:
        """How many group control numbers are needed."""
        return len(self.answered)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Control numbers of ours.

    Attributes:
        interchange: ISA13.
        groups: GS06, one for each answered group.
        sets: ST02, one for each answered group; without any each group begins at 0001.
    """

    interchange: int
    groups: Sequence[int] = ()
    sets: Sequence[int] = ()


def earned_by(results: Iterable[InterchangeResult], rules: AcknowledgmentRules = DEFAULT_RULES) -> Iterator[Earned]:
    """What interchanges earn: nothing for one whose addresses cannot be read, nor for mere acknowledgments."""
    for result in results:
        if result.acknowledgments and not result.groups:
            continue
        if not result.header.receiver_id and rules.ours is not None:
            own = replace(result.header, receiver_qualifier=rules.ours.qualifier, receiver_id=rules.ours.id)
            result = replace(result, header=own)  # noqa: PLW2901 - the same interchange, with a sender for the answer
        if not _can_be_addressed(result.header):
            continue
        earning = tuple(filter(earns_answer, result.groups)) if result.code != "R" else ()
        if not all(map(can_be_named, earning)):
            earning = tuple(filter(can_be_named, earning))
            result = _with_unnamed_group(result)  # noqa: PLW2901 - the same interchange, with what can be told of it
        wants_ta1 = {
            "never": False,
            "on_error": result.code != "A",
            "as_requested": result.header.acknowledgment_requested or result.is_told or result.code == "R",
            "always": True,
        }[rules.ta1]
        asked = (_answer(group, result.header, rules) for group in earning)
        answered = tuple(answer for answer in asked if answer is not None)
        if rules.envelope == "per_interchange" or len(answered) <= 1:
            shares = [answered] if wants_ta1 or answered else []
        else:
            shares = [(answer,) for answer in answered]
        for number, share in enumerate(shares):
            yield _earned(result, share, wants_ta1=wants_ta1 and number == 0)


def _answer(group: GroupResult, header: InterchangeHeader, rules: AcknowledgmentRules) -> Answer | None:
    """The functional acknowledgment of a group, by the agreement on what it holds; None where none is due."""
    agreed = _agreement_on(group, header, rules) or GroupAnswer("")
    functional = agreed.functional or rules.functional
    if functional == "none":
        return None
    tables = tables_of_answer(group.header.release) or tables_of_answer(header.version) or group.tables
    group = replace(group, tables=tables)
    names_accepted = rules.accepted_sets if agreed.accepted_sets is None else agreed.accepted_sets
    return Answer(group, set_type(group, functional), names_accepted)


def _agreement_on(group: GroupResult, header: InterchangeHeader, rules: AcknowledgmentRules) -> GroupAnswer | None:
    """What was agreed on the groups of a kind, chosen as the agreement is that their sets are read by."""
    sets = (DOCUMENT_TYPES.get(one.type) for one in group.sets[:1])
    # GS01 may be agreed to be another than the standard's: where there are sets, they say what they are.
    held = next(sets, None) or _HELD.get(group.header.functional_id)
    ours = Identity(header.receiver_qualifier, header.receiver_id)
    best: tuple[tuple[bool, int], GroupAnswer] | None = None
    for agreed in rules.groups:
        named = [known for known in agreed.releases if group.header.release.startswith(known)]
        speaks_of_it = agreed.document_type == held and (agreed.receivers is None or ours in agreed.receivers)
        if speaks_of_it and (named or not agreed.releases):
            precision = (agreed.receivers is not None, max(map(len, named), default=0))
            if best is None or precision > best[0]:
                best = precision, agreed
    return best[1] if best is not None else None


def _with_unnamed_group(result: InterchangeResult) -> InterchangeResult:
    """An interchange with a group that no AK1 can name: TA1 alone can tell of it (024, such as an invalid GS)."""
    if result.code != "A":
        return replace(result, is_told=True)
    return replace(result, code="E", note=InterchangeError.CONTENT.value, is_told=True)


def _earned(result: InterchangeResult, answered: tuple[Answer, ...], *, wants_ta1: bool) -> Earned:
    header = result.header
    kinds = ("TA1",) * wants_ta1 + tuple(dict.fromkeys(answer.set_type for answer in answered))
    return Earned(result, wants_ta1, answered, kinds, f"{header.receiver}|{header.sender}|{header.usage}")


def _can_be_addressed(header: InterchangeHeader) -> bool:
    """Whether somebody can be answered: both addresses are there, and no element before ISA15 is missing.

    An ISA that was cut short holds other elements, or none, where the addresses should be; its ISA15 is no letter then.
    """
    return bool(printable(header.sender_id) and printable(header.receiver_id) and header.usage.isalnum())


def write_acknowledgments(
    results: Iterable[InterchangeResult],
    *,
    control_numbers: Iterator[int],
    now: dt.datetime,
    rules: AcknowledgmentRules = DEFAULT_RULES,
    framing: Framing | None = None,
) -> bytes:
    """Everything that interchanges earn, one interchange after the other.

    Every number taken from ``control_numbers`` serves as ISA13 or, after it, as GS06 of the groups.
    """
    out = []
    for earned in earned_by(results, rules):
        numbers = Numbers(next(control_numbers), [next(control_numbers) for _ in range(earned.groups)])
        out.append(write_acknowledgment(earned, numbers, now=now, framing=framing))
    return b"".join(out)


def write_acknowledgment(
    earned: Earned, numbers: Numbers, *, now: dt.datetime, framing: Framing | None = None
) -> bytes:
    """The interchange that answers one that arrived.

    Args:
        earned: what to write.
        numbers: control numbers of ours.
        now: for ISA09, ISA10, GS04 and GS05.
        framing: the separators to write with, and what follows a terminator; those that came in when None. A separator
            that occurs in the data is replaced by another.
    """
    inbound = earned.result.header
    body: list[Line] = [_ta1(earned.result, now)] if earned.ta1 else []
    tables = [""] * len(body)  # of each line, where it has any
    sets = numbers.sets or [1] * earned.groups
    for answer, number, set_number in zip(earned.answered, numbers.groups, sets, strict=True):
        text = str(set_number).zfill(_SET_NUMBER_WIDTH_MIN)
        body.extend(_group(answer, inbound, (number, text), now))
        tables.extend([answer.group.tables] * (len(body) - len(tables)))
    # What they sent together fits together; a version that is none gives way to that of the first group.
    first = next((release_of_answer(answer.group) for answer in earned.answered), FALLBACK_RELEASE)
    known = load_release(FALLBACK_RELEASE).codes("I11")
    versions = (inbound.version, first[: len(_FALLBACK_VERSION)])
    version = next((one for one in versions if one in known), _FALLBACK_VERSION)
    header = InterchangeHeader(
        sender_qualifier=_qualifier(inbound.receiver_qualifier),
        sender_id=printable(inbound.receiver_id),
        receiver_qualifier=_qualifier(inbound.sender_qualifier),
        receiver_id=printable(inbound.sender_id),
        date=now.strftime("%y%m%d"),
        time=now.strftime("%H%M"),
        version=version,
        control_number=f"{numbers.interchange:09d}",
        acknowledgment_requested=False,
        usage=inbound.usage if inbound.usage in _USAGES else "P",
        start=0,
    )
    wanted = (framing.delimiters,) if framing is not None else ()
    delimiters = _safe_delimiters((*wanted, inbound.delimiters, STANDARD_DELIMITERS), version, header, body)
    body.append(("IEA", str(len(earned.answered)), header.control_number))
    tables.append("")
    isa = delimiters.element.join(("ISA", *map(str, isa_segment(replace(header, delimiters=delimiters)).elements)))
    end = delimiters.terminator + (framing.line_end if framing is not None else "")
    texts = [_text(line, delimiters) for line in body]
    if framing is not None and framing.trailing_separators:
        texts = [_filled(text, delimiters.element, one) for text, one in zip(texts, tables, strict=True)]
    written = "".join([isa, end, *(text + end for text in texts)])
    return written.encode("latin-1", "replace")


def _ta1(result: InterchangeResult, now: dt.datetime) -> Line:
    header = result.header
    date = header.date if header.date.isdigit() and len(header.date) == len("YYMMDD") else now.strftime("%y%m%d")
    time = header.time if header.time.isdigit() and len(header.time) == len("HHMM") else now.strftime("%H%M")
    # A number that is none (note 018) cannot be echoed: TA101 has nine digits.
    digits = "".join(character for character in header.control_number if character in "0123456789")
    return "TA1", digits[:_ISA13_WIDTH].zfill(_ISA13_WIDTH), date, time, result.code, result.note


def _group(answer: Answer, inbound: InterchangeHeader, numbers: tuple[int, str], now: dt.datetime) -> Iterator[Line]:
    group = answer.group
    header = group.header
    number, set_number = numbers
    release = release_of_answer(group)
    implementation = ""
    if answer.set_type == "999":
        implementation = release + _999_RELEASE_SUFFIX.get(release, "")
    yield (
        "GS",
        FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
        # A code of control characters alone is none; the address of the interchange stands in.
        printable(header.receiver_code) or printable(inbound.receiver_id),
        printable(header.sender_code) or printable(inbound.sender_id),
        group_date(now, group.tables),
        now.strftime("%H%M"),
        str(number),
        header.agency if header.agency in {"X", "T"} else "X",
        implementation or _with_industry(group, release),
    )
    body = [*lines(group, answer.set_type, accepted_sets=answer.accepted_sets)]
    # ST03 names an implementation guide; where the 999 has none of its own, GS08 says enough.
    yield "ST", answer.set_type, set_number, implementation if implementation != release else ""
    yield from body
    yield "SE", str(len(body) + 2), set_number
    yield "GE", "1", str(number)


def _with_industry(group: GroupResult, release: str) -> str:
    """GS08 of a 997 of ours: the release, with the suffix of the industry that theirs has."""
    sent = group.header.release
    if sent[:BASE_RELEASE_WIDTH] == release and _INDUSTRY.fullmatch(sent[BASE_RELEASE_WIDTH:]):
        return sent
    return release


def _qualifier(text: str) -> str:
    """A qualifier as it was sent, even where no release lists it: the addressee knows it. One that is none is ZZ."""
    return text if _QUALIFIER.fullmatch(text) else _MUTUALLY_DEFINED


def _safe_delimiters(
    wanted: Sequence[Delimiters], version: str, header: InterchangeHeader, body: Sequence[Line]
) -> Delimiters:
    """The first of the wanted separators that part our data without doubt, else others.

    Control characters are always free: `printable` left none in the data.
    """
    used = set(header.sender_qualifier + header.sender_id + header.receiver_qualifier + header.receiver_id)
    for line in body:
        if line[0] in _WITH_COPIES:
            continue  # beside the copy there are only digits
        used.update(*line[1:])
    chosen = free_delimiters([_safe(one) for one in wanted], used)
    return chosen if version >= REPETITION_SINCE else replace(chosen, repetition="")


def _safe(delimiters: Delimiters) -> Delimiters:
    """Those of a partner's separators that no number, date or code can hold."""
    sent = (delimiters.element, delimiters.terminator, delimiters.component, delimiters.repetition)
    return Delimiters(*(one if _is_safe(one) else "" for one in sent))


def _is_safe(separator: str) -> bool:
    return len(separator) == 1 and separator.isascii() and not separator.isalnum() and separator not in " \x00\x7f-."


def _text(line: Line, delimiters: Delimiters) -> str:
    """A segment as text; empty elements at its end are left out, as the standard demands."""
    try:
        # Whoever chose the separators saw to it that no other element holds one of them.
        text = "" if line[0] in _WITH_COPIES else delimiters.element.join(line)  # type: ignore[arg-type]  # tried
    except TypeError:
        text = ""
    if text and text.isprintable():
        return text.rstrip(delimiters.element)
    parts = []
    for element in line:
        components = (element,) if isinstance(element, str) else element
        parts.append(delimiters.component.join(_clean(one, delimiters) for one in components))
    return delimiters.element.join(parts).rstrip(delimiters.component + delimiters.element)


def _filled(text: str, separator: str, tables: str) -> str:
    """A segment with a separator for each element that it has in these tables."""
    rule = load_release(tables).segments.get(text.partition(separator)[0]) if tables else None
    return text if rule is None else text + separator * (len(rule.elements) - text.count(separator))


def _clean(text: str, delimiters: Delimiters) -> str:
    """A value without what is no character; empty where it is a copy that would be misread."""
    held = printable(text)
    return "" if any(one in held for one in delimiters.all()) else held
