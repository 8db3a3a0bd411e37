"""AK1 to AK9: what a 997, or a 999, says of one functional group, in the words of the group's own release.

What is wrong is kept in the codes of the newest releases. Where a release does not list a code yet, the nearest that it
lists is written, or none; and where its AK3 and AK4 have no room for a place, the place is left out.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final, TypeAlias

from translators.x12.dictionary import BASE_RELEASE_WIDTH, SegmentRule, choose_release, load_release, releases
from translators.x12.faults import SetError
from translators.x12.grammar import set_types
from translators.x12.reading import Status
from translators.x12.results import ElementFault, GroupResult, SegmentFault, SetResult
from translators.x12.sets import FUNCTIONAL_ACKNOWLEDGMENT_GROUP, FUNCTIONAL_ACKNOWLEDGMENTS

# A segment to be written: its code and its elements; a tuple holds the components of a composite.
Line: TypeAlias = "tuple[str | tuple[str, ...], ...]"

# AK501 and AK901. A set is never partly accepted.
_STATUS_CODES: Final = {
    Status.ACCEPTED: "A",
    Status.ACCEPTED_WITH_ERRORS: "E",
    Status.PARTIALLY_ACCEPTED: "P",
    Status.REJECTED: "R",
}
# For codes that came with a later release: what said most nearly the same before, by the element that lists them.
_Nearest: TypeAlias = Mapping[str, tuple[str, ...]]
_GROUP_CODES: _Nearest = {
    "19": ("6", "4"),  # GS06 used before: GS06 is not valid, or does not agree with GE02
    "6": ("4",),
}
_SET_CODES: _Nearest = {
    "23": ("7",),  # ST02 used before: ST02 is not valid
    "I5": ("5",),
}
_SEGMENT_CODES: _Nearest = {"8": ("",)}  # elements in error: the AK4 segments that follow say so
_ELEMENT_CODES: _Nearest = {
    "10": ("2",),  # too much for a condition: a condition on the presence of elements is not met
    "12": ("3",),  # too many repetitions, or components: too many data elements
    "13": ("3",),
}
_NEAREST: Mapping[str, _Nearest] = {
    "716": _GROUP_CODES,
    "718": _SET_CODES,
    "618": _SET_CODES,
    "720": _SEGMENT_CODES,
    "620": _SEGMENT_CODES,
    "723": _ELEMENT_CODES,
    "621": _ELEMENT_CODES,
}
_OTHERWISE: Final = {"723": "7", "621": "7"}  # AK403 must be there

_IMPLEMENTATION_IN_ERROR = "I5"  # IK502: segments are in error by the agreement, not by the standard
_CODES_MAX = 5  # AK502 to AK506, AK905 to AK909
_ELEMENT_FAULTS_MAX = 99  # AK4 after one AK3
_COUNT_MAX = 999_999  # AK902 to AK904 have six digits
_SET_TYPE_WIDTH = 3  # AK201
_SET_NUMBER_WIDTHS = (4, 9)  # AK202
_GROUP_NUMBER_WIDTH = 9  # AK102
_RELEASE_WIDTH_MAX = 12  # AK103
_RELEASE = re.compile(r"[0-9]{5,6}", re.ASCII)  # at the start of GS08
_GUIDE_WIDTH_MAX = 35  # AK203
_FUNCTIONAL_ID = re.compile(r"[0-9A-Z]{2}", re.ASCII)  # AK101


def tables_of_answer(release: str) -> str | None:
    """The tables that an answer to groups of this GS08 is written by; None where it names no release.

    Of a release without tables those of the one before: what a 997 has there, it still has. Before the oldest tables
    nobody here knows, so that the oldest are taken.
    """
    chosen = choose_release(release)
    if chosen.exact or chosen.name is None:
        return chosen.name
    known = releases()
    return next((name for name in reversed(known) if name <= release), known[0])


def release_of_answer(group: GroupResult) -> str:
    """GS08 of an answer, without a suffix: the group's own, also of a release without tables.

    From the oldest that has tables on every release has a 997.
    """
    digits = _RELEASE.match(group.header.release)
    sent = digits[0].ljust(BASE_RELEASE_WIDTH, "0") if digits is not None else ""
    return sent if sent >= releases()[0] else group.tables


def set_type(group: GroupResult, functional: str) -> str:
    """What a group is answered with: 999 where it is wanted and the group's release has it, else 997."""
    return "999" if functional == "999" and "999" in set_types(group.tables) else "997"


def earns_answer(group: GroupResult) -> bool:
    """Whether a group earns a functional acknowledgment: not where it holds nothing but such itself.

    Two programs that acknowledge acknowledgments would never come to an end; so neither GS01 nor ST01 alone decides.
    """
    if group.sets:
        return any(one.type not in FUNCTIONAL_ACKNOWLEDGMENTS for one in group.sets)
    return group.header.functional_id != FUNCTIONAL_ACKNOWLEDGMENT_GROUP


def can_be_named(group: GroupResult) -> bool:
    """Whether AK1 can name the group: by GS01, two characters that need not be listed."""
    return _FUNCTIONAL_ID.fullmatch(group.header.functional_id) is not None


def lines(group: GroupResult, answer: str, *, accepted_sets: bool) -> Iterator[Line]:
    """AK1 to AK9 of one group.

    Args:
        group: what became of it.
        answer: ``997`` or ``999``.
        accepted_sets: AK2 and AK5 also for sets in which nothing was wrong.
    """
    header = group.header
    release = load_release(group.tables)
    prefix = "IK" if answer == "999" else "AK"
    has_release = len(release.segments["AK1"].elements) > 2  # noqa: PLR2004 - AK103
    has_implementation = len(release.segments["AK2"].elements) > 2  # noqa: PLR2004 - AK203
    guide = header.release[:_RELEASE_WIDTH_MAX] if has_release else ""
    yield "AK1", header.functional_id, _group_number(header.control_number), guide
    writer = _FaultWriter(group.tables, prefix)
    # In a group that is rejected as a whole no set was accepted, whatever it holds itself.
    is_rejected = group.status is Status.REJECTED
    for one in group.sets:
        status = Status.REJECTED if is_rejected else one.status
        if len(printable(one.type)) != _SET_TYPE_WIDTH or (status is Status.ACCEPTED and not accepted_sets):
            continue
        yield (
            "AK2",
            one.type,
            _set_number(one.control_number),
            one.implementation[:_GUIDE_WIDTH_MAX] if has_implementation else "",
        )
        if one.segments:
            yield from writer.faults(one)
        yield f"{prefix}5", _STATUS_CODES[status], *(writer.set_codes(one) if one.codes else ())
    yield (
        "AK9",
        _STATUS_CODES[group.status],
        _count(group.sets_received if group.sets_claimed is None else group.sets_claimed),
        _count(group.sets_received),
        _count(group.sets_accepted),
        *_listed_codes("716", group.tables, group.codes),
    )


def _listed_codes(element: str, release: str, codes: tuple[str, ...]) -> tuple[str, ...]:
    if not codes:
        return ()
    listed = dict.fromkeys(_listed(element, release, code) for code in codes)
    return tuple(code for code in listed if code)[:_CODES_MAX]


@functools.lru_cache(maxsize=1_024)
def _listed(element: str, release: str, code: str) -> str:
    """The code itself where the release lists it, else the nearest that it lists."""
    known = load_release(release).codes(element)
    candidates = (code, *_NEAREST[element].get(code, ()))
    return next((one for one in candidates if one in known or not one), _OTHERWISE.get(element, ""))


def _count(number: int) -> str:
    return str(min(number, _COUNT_MAX))


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def _group_number(text: str) -> str:
    """GS06 as AK102 can hold it."""
    return _digits(text)[:_GROUP_NUMBER_WIDTH] or "0"


def _set_number(text: str) -> str:
    """ST02 as AK202 can hold it: four to nine characters, not all of them blanks."""
    low, high = _SET_NUMBER_WIDTHS
    return printable(text if text.strip(" ") else "")[:high].zfill(low)


def printable(text: str) -> str:
    """Text of a partner without what is no character: so four control characters are always free to separate."""
    return text if text.isprintable() else "".join(character for character in text if character.isprintable())


class _FaultWriter:
    """AK3, AK4 (IK3, IK4) and CTX in one release."""

    def __init__(self, release: str, prefix: str) -> None:
        segments = load_release(release).segments
        self._release = release
        self._prefix = prefix
        is_999 = prefix == "IK"
        self._set_element = "618" if is_999 else "718"
        self._segment_element = "620" if is_999 else "720"
        self._element_element = "621" if is_999 else "723"
        self._position_width = _width(segments[f"{prefix}3"], 2)
        self._loop_width = _width(segments[f"{prefix}3"], 3)
        self._number_width = _width(segments[f"{prefix}4"], 2)
        # Before 003050 AK401 has one component alone, the position of the element.
        self._components = len(segments[f"{prefix}4"].elements[0].components)

    def faults(self, one: SetResult) -> Iterator[Line]:
        """What is wrong in one set."""
        for fault in one.segments:
            yield from self._fault(fault, one.subject)

    def _fault(self, fault: SegmentFault, subject: tuple[str, str] | None) -> Iterator[Line]:
        position = str(fault.position)
        # Text that is no segment has no code for AK301, and a place may have more digits than AK302: AK502 = 5 tells.
        if fault.segment is None or len(position) > self._position_width:
            return
        loop = fault.loop if fault.loop is not None and len(fault.loop) <= self._loop_width else ""
        code = self._code(self._segment_element, fault)
        yield f"{self._prefix}3", fault.segment, position, loop, code
        if self._prefix == "IK" and subject is not None:
            yield "CTX", subject
        for element in fault.elements[:_ELEMENT_FAULTS_MAX]:
            yield self._element(element)

    def _code(self, element: str, fault: SegmentFault | ElementFault) -> str:
        """A 999 says of what only the agreement asks that it is so; a 997 has no words for it."""
        said = fault.implementation_code or ""
        if self._prefix == "IK" and said in load_release(self._release).codes(element):
            return said
        return _listed(element, self._release, fault.code)

    def set_codes(self, one: SetResult) -> tuple[str, ...]:
        """AK502 to AK506."""
        codes = one.codes
        agreed = [_is_about_agreement(fault) for fault in one.segments] if self._prefix == "IK" else []
        if any(agreed):
            own = (_IMPLEMENTATION_IN_ERROR,) if all(agreed) else (SetError.SEGMENTS_IN_ERROR, _IMPLEMENTATION_IN_ERROR)
            codes = tuple(chain.from_iterable(own if code == SetError.SEGMENTS_IN_ERROR else (code,) for code in codes))
        return _listed_codes(self._set_element, self._release, codes)

    def _element(self, fault: ElementFault) -> Line:
        place = str(min(fault.element, 99))
        component = fault.component if self._components > 1 else None
        position: str | tuple[str, ...] = place if component is None else (place, str(min(component, 99)))
        number = fault.data_element or ""
        if not number.isdigit() or len(number) > self._number_width:
            number = ""
        value = fault.value if fault.value is not None and fault.value.isascii() and fault.value.isprintable() else ""
        code = self._code(self._element_element, fault)
        return f"{self._prefix}4", position, number, code, value.strip(" ")


def _is_about_agreement(fault: SegmentFault) -> bool:
    if fault.elements:
        return all(element.implementation_code for element in fault.elements)
    return fault.implementation_code is not None


def _width(rule: SegmentRule, position: int) -> int:
    return rule.elements[position - 1].max
