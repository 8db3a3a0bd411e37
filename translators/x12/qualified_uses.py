"""Segments that an agreement wants with one qualifier: a ship-to (N1*ST) in each order, no REF*ZZ in any line."""

from collections.abc import Iterable, Iterator

from translators.findings import Finding, Level
from translators.x12.faults import Implementation, Ledger, SegmentError
from translators.x12.overrides import QualifiedUse
from translators.x12.tree import Loop, Segment


def check_qualified(uses: Iterable[QualifiedUse], root: Loop, ledger: Ledger) -> None:
    """Note where a qualifier is missing or stands too often, in each loop that an agreement speaks of."""
    for use in uses:
        for loop in _loops(root, use.loop.split("/") if use.loop else []):
            found = [segment for segment in _segments(loop, use) if segment.value(1).rstrip(" ") == use.qualifier]
            if len(found) < use.min:
                _missing(use, loop, ledger)
            elif use.max is not None and len(found) > use.max:
                _too_many(use, found[use.max], ledger)


def _loops(loop: Loop, path: list[str]) -> Iterator[Loop]:
    if not path:
        yield loop
        return
    for inner in loop.loops(path[0]):
        yield from _loops(inner, path[1:])


def _segments(loop: Loop, use: QualifiedUse) -> Iterator[Segment]:
    """The segments directly in the loop, or those that begin a loop in it."""
    if not use.begins_loop:
        yield from loop.segments(use.code)
        return
    for inner in loop.loops(use.code):
        yield from inner.segments(use.code)


def _missing(use: QualifiedUse, loop: Loop, ledger: Ledger) -> None:
    """What is missing is told of at the last segment of the loop that misses it."""
    last = list(loop.walk())[-1]
    where = f" in the loop {use.loop}" if use.loop else ""
    message = f"{_named(use)}, which the partner's agreement demands, is missing{where}; send it"
    implementation = Implementation.LOOP_UNDER_MIN if use.begins_loop else Implementation.SEGMENT_UNDER_MIN
    _report(use, SegmentError.MANDATORY_MISSING, message, last, implementation, ledger)


def _too_many(use: QualifiedUse, segment: Segment, ledger: Ledger) -> None:
    if use.max == 0:
        message = f"{_named(use)} was sent, but the partner's agreement does not use it here; leave it out"
        _report(use, SegmentError.UNEXPECTED, message, segment, Implementation.SEGMENT_NOT_USED, ledger)
        return
    times = "once" if use.max == 1 else f"{use.max} times"
    message = f"{_named(use)} may occur {times} here by the partner's agreement; leave out what is more"
    error = SegmentError.LOOP_OVER_MAX if use.begins_loop else SegmentError.OVER_MAX
    _report(use, error, message, segment, None, ledger)


def _named(use: QualifiedUse) -> str:
    what = "loop" if use.begins_loop else "segment"
    return f"The {what} {use.code} with {use.code}01 {use.qualifier}"


def _report(
    use: QualifiedUse,
    error: SegmentError,
    message: str,
    at: Segment,
    implementation: Implementation | None,
    ledger: Ledger,
) -> None:
    ledger.add(
        Finding(
            Level.SEGMENT,
            error,
            message,
            segment=use.code,
            position=at.position,
            byte_offset=at.start,
            loop=use.loop.rpartition("/")[2] or None,
            implementation_code=implementation,
        )
    )
