"""What people see of the envelopes of a message: numbers, parties and verdicts, and in one sentence what was wrong."""

from collections.abc import Iterator, Sequence

from translators.catalog import TranslationResult
from translators.findings import Severity
from translators.x12.faults import InterchangeError
from translators.x12.reading import Status
from translators.x12.results import GroupResult, InterchangeResult

ENVELOPES_REPORTED_MAX = 1_000  # groups of a message, and interchanges; a file of 100 MB may hold 600,000


def envelope_report(result: TranslationResult, interchanges: Sequence[InterchangeResult]) -> dict[str, object]:
    """The report on a message, as JSON; of very many envelopes the first, and how many there were."""
    told = interchanges[:ENVELOPES_REPORTED_MAX]
    room = ENVELOPES_REPORTED_MAX
    reported = []
    for item in told:
        reported.append(_interchange(item, item.groups[:room]))
        room -= min(room, len(item.groups))
    return {
        "syntax": result.syntax,
        "bytes_total": result.bytes_total,
        "bytes_in_segments": result.bytes_in_segments,
        "bytes_unaccounted": result.bytes_unaccounted,
        "findings": [finding.as_json() for finding in result.findings],
        "findings_omitted": result.findings_omitted,
        "interchanges": reported,
        "interchanges_total": len(interchanges),
    }


def _interchange(item: InterchangeResult, groups: Sequence[GroupResult]) -> dict[str, object]:
    header = item.header
    return {
        "control_number": header.control_number,
        "sender": header.sender,
        "receiver": header.receiver,
        "usage": header.usage,
        "status": item.status.value,
        "ta1": {"code": item.code, "note": item.note},
        "byte_offset": header.start,
        "number_byte_offset": header.number_start,
        "groups": [_group(group) for group in groups],
        "groups_total": len(item.groups),
    }


def _group(group: GroupResult) -> dict[str, object]:
    return {
        "control_number": group.header.control_number,
        "functional_id": group.header.functional_id,
        "release": group.header.release,
        "status": group.status.value,
        "sets_received": group.sets_received,
        "sets_accepted": group.sets_accepted,
        "codes": list(group.codes),
        "byte_offset": group.header.start,
    }


def envelope_fault(
    result: TranslationResult, before: Sequence[InterchangeResult], after: Sequence[InterchangeResult]
) -> str | None:
    """Why a message was rejected, as far as that lies in its envelopes.

    Args:
        result: of the translation.
        before: the interchanges as they were read.
        after: the same with what their control numbers earned.
    """
    found = next((finding.message for finding in result.findings if finding.severity is Severity.ERROR), None)
    return next(_repetitions(before, after), found)


def _repetitions(before: Sequence[InterchangeResult], after: Sequence[InterchangeResult]) -> Iterator[str]:
    for old, new in zip(before, after, strict=True):
        number = new.header.control_number
        if new.code == "R" and old.code != "R":
            if new.note == InterchangeError.DUPLICATE:
                yield f"interchange control number {number} was used before (TA105 025)"
            else:
                yield f"interchange control number {number} is not the one after the last (TA105 018)"
        for group_before, group in zip(old.groups, new.groups, strict=True):
            if group.status is Status.REJECTED and group.codes != group_before.codes:
                yield f"group control number {group.header.control_number} was used before"
            elif group.sets is not group_before.sets:
                yield from (
                    f"transaction set control number {one.control_number} was used before"
                    for one, one_before in zip(group.sets, group_before.sets, strict=True)
                    if one.status is Status.REJECTED and one_before.status is not Status.REJECTED
                )
