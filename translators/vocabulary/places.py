"""Where an identifier that no table has stood in X12, so that the 997 can name the segment and the element."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from translators.findings import Finding, Level, Severity
from translators.vocabulary.walking import Missed
from translators.x12.tree import Loop, Segment

# The data element that holds each kind: product id, identification code, reference identification.
_DATA_ELEMENTS: Final = {"product_ids": "234", "parties": "67", "references": "127"}
_INVALID_CODE: Final = "7"  # AK403
_NOT_IN_IMPLEMENTATION: Final = "I6"  # IK403: a value that only the agreement does not have
_SPLIT_QUALIFIER: Final = 2
_SEGMENTS: Final[dict[str, frozenset[str]]] = {
    "parties": frozenset({"N1", "NM1", "SDQ"}),
    "references": frozenset({"REF", "N9"}),
}


def in_segments(findings: Iterable[Finding], missed: Iterable[Missed], tree: Loop) -> list[Finding]:
    """The findings, those on identifiers with the segment and element that they stand in, as far as it is found.

    An error so placed speaks of the element, in the words of AK403 and IK403.
    """
    placed = list(findings)
    for one in missed:
        found = next(_standing(tree, None, one), None)
        if found is None:
            continue
        segment, element, loop = found
        finding = replace(
            placed[one.index],
            segment=segment.code,
            position=segment.position,
            element=element,
            byte_offset=segment.start,
        )
        if finding.severity is Severity.ERROR:
            finding = replace(
                finding,
                level=Level.ELEMENT,
                code=_INVALID_CODE,
                implementation_code=_NOT_IN_IMPLEMENTATION,
                data_element=_DATA_ELEMENTS[one.of],
                loop=loop,
                pointer=None,
            )
        placed[one.index] = finding
    return placed


def _standing(loop: Loop, code: str | None, one: Missed) -> Iterator[tuple[Segment, int, str | None]]:
    """The elements that hold an identifier behind its qualifier, in the order of the file."""
    for item in loop.items:
        if isinstance(item, Loop):
            yield from _standing(item, item.code, one)
            continue
        wanted = _SEGMENTS.get(one.of)
        if wanted is not None and item.code not in wanted:
            continue
        for element in range(2 if one.qualifier is not None else 1, len(item.elements) + 1):
            if item.value(element).strip() != one.id:
                continue
            # SDQ02 says of all pairs behind it whose locations they are.
            qualifier = item.value(_SPLIT_QUALIFIER if item.code == "SDQ" else element - 1).strip()
            if one.qualifier is None or qualifier == one.qualifier:
                yield item, element, code
