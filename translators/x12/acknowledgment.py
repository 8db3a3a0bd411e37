"""Writes what an interchange earns: TA1 for its envelope, 997 or 999 for its groups.

An interchange that arrived earns at most one interchange in return, with sender and receiver swapped. TA1 speaks of
the envelope; a rejected envelope earns nothing else. Each group earns a functional acknowledgment in its own release,
in a group of its own with the application ids swapped; groups of functional acknowledgments earn none.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from translators.x12.delimiters import STANDARD_DELIMITERS, Delimiters
from translators.x12.dictionary import Release, load_release
from translators.x12.grammar import set_types
from translators.x12.reading import InterchangeHeader, Status
from translators.x12.results import (
    FALLBACK_RELEASE,
    ElementFault,
    GroupResult,
    InterchangeResult,
    ResultCollector,
    SegmentFault,
    SetResult,
    collect_results,
    group_keys,
    interchange_key,
    reject_duplicate_group,
    reject_duplicate_interchange,
    reject_duplicate_set,
)
from translators.x12.sets import FUNCTIONAL_ACKNOWLEDGMENT_GROUP
from translators.x12.tree import Element, Segment
from translators.x12.writer import REPETITION_SINCE, Framing, Unwritable, isa_segment, segment, write_segments

__all__ = [
    "Earned",
    "GroupResult",
    "InterchangeResult",
    "ResultCollector",
    "SetResult",
    "collect_results",
    "earned_by",
    "group_keys",
    "interchange_key",
    "reject_duplicate_group",
    "reject_duplicate_interchange",
    "reject_duplicate_set",
    "write_acknowledgment",
    "write_acknowledgments",
]

When = Literal["never", "on_error", "as_requested"]
Functional = Literal["997", "999", "none"]

# AK501 and AK901. A set is never partly accepted.
_STATUS_CODES = {
    Status.ACCEPTED: "A",
    Status.ACCEPTED_WITH_ERRORS: "E",
    Status.PARTIALLY_ACCEPTED: "P",
    Status.REJECTED: "R",
}
_CODES_MAX = 5  # AK502 to AK506, AK905 to AK909
_ELEMENT_FAULTS_MAX = 99  # AK4 after one AK3
_LOOP_CODE_MAX = 4  # AK303
_FALLBACK_VERSION = "00401"
_USAGES = frozenset({"P", "T", "I"})
_SEPARATORS = "*~>^|!;'\\+\x1d\x1c\x1f\x1e"  # taken, in this order, when a preferred one occurs in data
_999_RELEASE_SUFFIX = {"005010": "X231A1"}  # the implementation guide of the 999


@dataclass(frozen=True, slots=True)
class Earned:
    """What one interchange earns.

    Attributes:
        result: of the interchange that arrived.
        ta1: a TA1 is due.
        answered: the groups that earn a functional acknowledgment, each needs a group control number of ours.
        kinds: what will be written, such as ``("TA1", "997")``.
        scope: within which our control numbers ascend: our id, theirs and the usage indicator.
    """

    result: InterchangeResult
    ta1: bool
    answered: tuple[GroupResult, ...]
    kinds: tuple[str, ...]
    scope: str

    @property
    def groups(self) -> int:
        """How many group control numbers are needed."""
        return len(self.answered)


def earned_by(
    results: Iterable[InterchangeResult], *, ta1: When = "as_requested", functional: Functional = "997"
) -> Iterator[Earned]:
    """What interchanges earn; nothing for one without readable addresses or number, nor for mere acknowledgments.

    Args:
        results: the interchanges that arrived.
        ta1: ``as_requested`` is ISA14 = 1 or a rejected envelope, ``on_error`` an envelope with any error.
        functional: 999 is written where the release has it, else 997.
    """
    for result in results:
        header = result.header
        readable = header.sender_id and header.receiver_id and header.control_number.isascii()
        if not readable or not header.control_number.isdigit():
            continue
        wants_ta1 = {
            "never": False,
            "on_error": result.code != "A",
            "as_requested": header.acknowledgment_requested or result.code == "R",
        }[ta1]
        answered: tuple[GroupResult, ...] = ()
        if functional != "none" and result.code != "R":
            answered = tuple(
                group for group in result.groups if group.header.functional_id != FUNCTIONAL_ACKNOWLEDGMENT_GROUP
            )
        is_answer_itself = not result.groups and result.code == "A" and not header.acknowledgment_requested
        if is_answer_itself or not (wants_ta1 or answered):
            continue
        kinds = ("TA1",) * wants_ta1 + tuple(dict.fromkeys(_set_type(group, functional) for group in answered))
        ours = f"{header.receiver_qualifier}/{header.receiver_id}"
        theirs = f"{header.sender_qualifier}/{header.sender_id}"
        yield Earned(result, wants_ta1, answered, kinds, f"{ours}|{theirs}|{header.usage}")


def write_acknowledgments(
    results: Iterable[InterchangeResult],
    *,
    control_numbers: Iterator[int],
    now: dt.datetime,
    functional: Functional = "997",
) -> bytes:
    """Everything that interchanges earn, one interchange after the other.

    Every number taken from ``control_numbers`` serves as ISA13 or, after it, as GS06 of the groups.
    """
    out = []
    for earned in earned_by(results, functional=functional):
        interchange_number = next(control_numbers)
        groups = [next(control_numbers) for _ in range(earned.groups)]
        out.append(write_acknowledgment(earned, interchange_number=interchange_number, group_numbers=groups, now=now))
    return b"".join(out)


def write_acknowledgment(
    earned: Earned, *, interchange_number: int, group_numbers: Sequence[int], now: dt.datetime
) -> bytes:
    """The interchange that answers one that arrived.

    Args:
        earned: what to write.
        interchange_number: ISA13 of ours.
        group_numbers: GS06 of ours, one for each answered group.
        now: for ISA09, ISA10, GS04 and GS05.
    """
    inbound = earned.result.header
    body: list[Segment] = []
    if earned.ta1:
        body.append(_ta1(earned.result, now))
    for group, number in zip(earned.answered, group_numbers, strict=True):
        body.extend(_group(group, number, _set_type(group, "999" if "999" in earned.kinds else "997"), now))
    body = [segment(item.code, *map(_printable_element, item.elements)) for item in body]
    known_version = inbound.version in load_release(FALLBACK_RELEASE).codes("I11")
    version = inbound.version if known_version else _FALLBACK_VERSION
    header = InterchangeHeader(
        sender_qualifier=_printable(inbound.receiver_qualifier),
        sender_id=_printable(inbound.receiver_id),
        receiver_qualifier=_printable(inbound.sender_qualifier),
        receiver_id=_printable(inbound.sender_id),
        date=now.strftime("%y%m%d"),
        time=now.strftime("%H%M"),
        version=version,
        control_number=f"{interchange_number:09d}",
        acknowledgment_requested=False,
        usage=inbound.usage if inbound.usage in _USAGES else "P",
        start=0,
    )
    header = replace(header, delimiters=_safe_delimiters(inbound.delimiters, version, header, body))
    trailer = segment("IEA", str(len(earned.answered)), header.control_number)
    segments = [isa_segment(header), *_without_unsafe_values(body, header.delimiters), trailer]
    written = write_segments(segments, Framing(header.delimiters))
    if isinstance(written, Unwritable):
        raise AssertionError(f"separators were chosen to suit the data, yet: {written}")  # noqa: TRY004 - a value
    return written


def _set_type(group: GroupResult, functional: Functional) -> str:
    return "999" if functional == "999" and "999" in set_types(group.tables) else "997"


def _ta1(result: InterchangeResult, now: dt.datetime) -> Segment:
    header = result.header
    date = header.date if header.date.isdigit() and len(header.date) == len("YYMMDD") else now.strftime("%y%m%d")
    time = header.time if header.time.isdigit() and len(header.time) == len("HHMM") else now.strftime("%H%M")
    return segment("TA1", header.control_number.zfill(9), date, time, result.code, result.note)


def _group(group: GroupResult, number: int, set_type: str, now: dt.datetime) -> Iterator[Segment]:
    header = group.header
    century = "" if group.tables < "004010" else now.strftime("%Y")[:2]  # GS04 has its century from 004010 on
    suffix = _999_RELEASE_SUFFIX.get(group.tables, "") if set_type == "999" else ""
    release = group.tables + suffix
    yield segment(
        "GS",
        FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
        header.receiver_code,
        header.sender_code,
        century + now.strftime("%y%m%d"),
        now.strftime("%H%M"),
        str(number),
        header.agency if header.agency in {"X", "T"} else "X",
        release,
    )
    body = [*_answer(group, set_type)]
    yield segment("ST", set_type, "0001", suffix and release)
    yield from body
    yield segment("SE", str(len(body) + 2), "0001")
    yield segment("GE", "1", str(number))


def _answer(group: GroupResult, set_type: str) -> Iterator[Segment]:
    """AK1 to AK9."""
    segments = load_release(group.tables).segments
    header = group.header
    # AK103 and AK203 came with the releases whose tables have them.
    release = header.release if len(segments["AK1"].elements) > 2 else ""  # noqa: PLR2004 - AK103
    yield segment("AK1", header.functional_id, _number(header.control_number), release)
    for one in group.sets:
        if len(one.type) != 3 or not one.control_number:  # noqa: PLR2004 - AK201 has three characters
            continue
        with_implementation = len(segments["AK2"].elements) > 2  # noqa: PLR2004 - AK203
        yield segment("AK2", one.type, one.control_number, one.implementation if with_implementation else "")
        for fault in one.segments:
            yield from _fault(fault, "IK" if set_type == "999" else "AK", load_release(group.tables))
        # In a group that is rejected as a whole no set was accepted, whatever it holds itself.
        status = Status.REJECTED if group.status is Status.REJECTED else one.status
        yield segment("IK5" if set_type == "999" else "AK5", _STATUS_CODES[status], *one.codes[:_CODES_MAX])
    yield segment(
        "AK9",
        _STATUS_CODES[group.status],
        str(group.sets_received if group.sets_claimed is None else group.sets_claimed),
        str(group.sets_received),
        str(group.sets_accepted),
        *group.codes[:_CODES_MAX],
    )


def _printable(text: str) -> str:
    """Text of a partner without what is no character: so four control characters are always free to separate."""
    return "".join(character for character in text if character.isprintable())


def _printable_element(element: Element) -> Element:
    return _printable(element) if isinstance(element, str) else element


def _number(text: str) -> str:
    """A control number as AK102 can hold it."""
    digits = "".join(character for character in text if character in "0123456789")[:9]
    return digits or "0"


def _fault(fault: SegmentFault, prefix: str, release: Release) -> Iterator[Segment]:
    if fault.segment is None:
        return  # text that is no segment has no code for AK301; AK502 = 5 tells of it
    loop = fault.loop if fault.loop is not None and len(fault.loop) <= _LOOP_CODE_MAX else ""
    # AK304 is optional: the releases before 003050 list no code 8 (the segment has element errors).
    listed = release.segments[f"{prefix}3"].elements[3].codes
    yield segment(f"{prefix}3", fault.segment, str(fault.position), loop, fault.code if fault.code in listed else "")
    # AK401 became a composite when segments got composites.
    is_composite = bool(release.segments[f"{prefix}4"].elements[0].components)
    for element in fault.elements[:_ELEMENT_FAULTS_MAX]:
        yield _element(element, f"{prefix}4", is_composite=is_composite)


def _element(fault: ElementFault, code: str, *, is_composite: bool) -> Segment:
    place = str(fault.element)
    position = place if fault.component is None or not is_composite else ((place, str(fault.component)),)
    number = fault.data_element if fault.data_element is not None and fault.data_element.isdigit() else ""
    value = fault.value if fault.value is not None and fault.value.isascii() and fault.value.isprintable() else ""
    return segment(code, position, number, fault.code, value.strip(" "))


def _safe_delimiters(
    inbound: Delimiters, version: str, header: InterchangeHeader, body: Sequence[Segment]
) -> Delimiters:
    """The separators of the inbound interchange where they part our data without doubt, else others."""
    used = set(header.sender_qualifier + header.sender_id + header.receiver_qualifier + header.receiver_id)
    for item in body:
        for number, element in enumerate(item.elements, 1):
            if isinstance(element, str) and not _is_copy(item, number):
                used.update(element)
    chosen: list[str] = []
    for wanted, usual in (
        (inbound.element, STANDARD_DELIMITERS.element),
        (inbound.terminator, STANDARD_DELIMITERS.terminator),
        (inbound.component, STANDARD_DELIMITERS.component),
        (inbound.repetition, "^"),
    ):
        candidates = (wanted, usual, *_SEPARATORS)
        chosen.append(next(one for one in candidates if _is_safe(one) and one not in used and one not in chosen))
    element, terminator, component, repetition = chosen
    return Delimiters(element, terminator, component, repetition if version >= REPETITION_SINCE else "")


def _is_safe(separator: str) -> bool:
    return len(separator) == 1 and separator.isascii() and not separator.isalnum() and separator not in " \x00\x7f-."


def _is_copy(item: Segment, element: int) -> bool:
    """AK404 and IK404 copy what the partner sent; the copy is left out where it would be misread."""
    return item.code in {"AK4", "IK4"} and element == 4  # noqa: PLR2004 - AK404


def _without_unsafe_values(body: Sequence[Segment], delimiters: Delimiters) -> Iterator[Segment]:
    for item in body:
        copy = item.elements[-1] if item.elements and _is_copy(item, len(item.elements)) else ""
        if isinstance(copy, str) and any(separator in copy for separator in delimiters.all()):
            yield segment(item.code, *item.elements[:-1])
        else:
            yield item
