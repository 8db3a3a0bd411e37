"""What the supplier's software makes of our X12: TA1 and 997, truthful ones and those that a word asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.sandbox.drafts import X12_CONTENT_TYPE, Draft, Spoil, Write, without_segment
from gateway.sandbox.words import VERDICT_AFTER_S, Verdict
from translators.guide import AcknowledgmentRules
from translators.x12.acknowledgment import Earned, Numbers, earned_by, write_acknowledgment
from translators.x12.faults import SetError
from translators.x12.reading import Status
from translators.x12.results import ElementFault, GroupResult, InterchangeResult, SegmentFault, SetResult, rejected
from translators.x12.sets import FUNCTIONAL_ACKNOWLEDGMENT_GROUP

INTERCHANGES_MAX = 50
_NOBODYS_GROUP = "999999999"
_INVALID_SENDER = "006"  # TA105: invalid interchange sender id
_SEGMENT_WITH_ERRORS = "8"  # AK304
_INVALID_CODE = "7"  # AK403
_NUMBER_ELEMENT = "324"  # purchase order number
_ENVELOPE_ALONE = AcknowledgmentRules(ta1="always", functional="none")
_USUAL = AcknowledgmentRules()


def acknowledgments(results: Sequence[InterchangeResult], verdict: Verdict, at: datetime) -> Iterator[Draft]:
    """What the interchanges earn, by their own faults and by the verdict."""
    if verdict is Verdict.NONE:
        return
    rules = _ENVELOPE_ALONE if verdict is Verdict.ENVELOPE else _USUAL
    judged = [_judged(result, verdict) for result in results[:INTERCHANGES_MAX]]
    for earned in earned_by(judged, rules):
        spoil = without_segment("AK9") if verdict is Verdict.DAMAGED and "997" in earned.kinds else None
        yield Draft(
            what=" and ".join(earned.kinds),
            after_s=VERDICT_AFTER_S,
            content_type=X12_CONTENT_TYPE,
            scope=earned.scope,
            groups=earned.groups,
            write=_writer(earned, at, spoil),
        )


def _writer(earned: Earned, at: datetime, spoil: Spoil | None) -> Write:
    def write(interchange: int, groups: Sequence[int]) -> bytes:
        data = write_acknowledgment(earned, Numbers(interchange, groups), now=at)
        return data if spoil is None else spoil(data)

    return write


def _judged(result: InterchangeResult, verdict: Verdict) -> InterchangeResult:
    match verdict:
        case Verdict.ENVELOPE if result.groups:
            return replace(result, code="R", note=_INVALID_SENDER)
        case Verdict.REJECTS:
            return replace(result, groups=tuple(map(_rejected, result.groups)))
        case Verdict.MISTAKEN:
            return replace(result, groups=tuple(map(_mistaken, result.groups)))
        case _:
            return result


def _rejected(group: GroupResult) -> GroupResult:
    if group.header.functional_id == FUNCTIONAL_ACKNOWLEDGMENT_GROUP:
        return group
    return rejected(replace(group, sets=tuple(map(_rejected_set, group.sets))))


def _rejected_set(one: SetResult) -> SetResult:
    """Rejected for the number of the order, which the supplier's software does not like."""
    named = {"850": "BEG", "860": "BCH"}.get(one.type)
    faults = one.segments
    if named is not None and not faults:
        element = ElementFault(3, None, _NUMBER_ELEMENT, _INVALID_CODE, None)
        faults = (SegmentFault(named, 2, None, _SEGMENT_WITH_ERRORS, (element,)),)
    return replace(one, status=Status.REJECTED, codes=(SetError.SEGMENTS_IN_ERROR.value,), segments=faults)


def _mistaken(group: GroupResult) -> GroupResult:
    return replace(group, header=replace(group.header, control_number=_NOBODYS_GROUP))
