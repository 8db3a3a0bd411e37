"""What a control number earns that was seen before: verdicts on an interchange that read well.

Whether a number was seen before only a store can tell; it asks with the keys made here.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from translators.guide import DuplicateAction
from translators.x12.faults import InterchangeError, SetError, duplicate_group_code
from translators.x12.reading import CONTROL_NUMBER_MAX, Status
from translators.x12.results import GroupResult, InterchangeResult, SetResult, joined, rejected, with_groups


def interchange_key(result: InterchangeResult) -> str:
    """What must not repeat within the window of an agreement: sender, receiver and ISA13."""
    return f"ISA|{_addresses(result)}|{_number(result.header.control_number)}"


def interchange_key_of(sender: str, receiver: str, usage: str, control_number: str) -> str:
    """The same of an interchange that only a report tells of, its parties as people read them: ``ZZ/ACMESUPPLY``."""
    parties = "|".join((*sender.partition("/")[::2], *receiver.partition("/")[::2]))
    return f"ISA|{parties}|{usage}|{_number(control_number)}"


def sequence_key(result: InterchangeResult) -> str:
    """Within what the ISA13 of a partner ascend: sender, receiver and usage."""
    return _addresses(result)


def group_keys(result: InterchangeResult) -> tuple[str, ...]:
    """For each group what must not repeat: the application ids, the functional id and GS06."""
    return tuple(
        f"GS|{_application(group)}|{group.header.functional_id}|{result.header.usage}"
        f"|{_number(group.header.control_number)}"
        for group in result.groups
    )


def set_keys(result: InterchangeResult) -> Iterator[tuple[int, int, str]]:
    """For each set its group, its place there and what must not repeat: the application ids, ST01 and ST02."""
    for group_index, group in enumerate(result.groups):
        application, usage = _application(group), result.header.usage
        for set_index, one in enumerate(group.sets):
            yield group_index, set_index, f"ST|{application}|{one.type}|{usage}|{_number(one.control_number)}"


def _addresses(result: InterchangeResult) -> str:
    header = result.header
    sender = f"{header.sender_qualifier}|{header.sender_id}"
    return f"{sender}|{header.receiver_qualifier}|{header.receiver_id}|{header.usage}"


def _application(group: GroupResult) -> str:
    return f"{group.header.sender_code}|{group.header.receiver_code}"


def _number(control_number: str) -> str:
    return control_number.lstrip("0") or "0"


def follows(number: int, last: int) -> bool:
    """Whether an ISA13 is the one after the last; behind the highest number counting begins anew."""
    return number == last + 1 or (last == CONTROL_NUMBER_MAX and number in {0, 1})


def with_repeated_interchange(result: InterchangeResult, action: DuplicateAction) -> InterchangeResult:
    """An interchange whose ISA13 was seen before, by the agreement's action: TA105 = 025."""
    return _told(result, InterchangeError.DUPLICATE, action)


def with_number_out_of_sequence(result: InterchangeResult, action: DuplicateAction) -> InterchangeResult:
    """An interchange whose ISA13 does not follow the last one: no code says just that, 018 sends the reader there."""
    return _told(result, InterchangeError.CONTROL_NUMBER, action)


def _told(result: InterchangeResult, note: InterchangeError, action: DuplicateAction) -> InterchangeResult:
    match action:
        case "process":
            return result
        case "accept_with_error" if result.code == "R":
            return result
        case "accept_with_error":
            status = Status.ACCEPTED_WITH_ERRORS if result.status is Status.ACCEPTED else result.status
            return replace(result, status=status, code="E", note=note.value, is_told=True)
        case "reject":
            return replace(result, status=Status.REJECTED, code="R", note=note.value)


def with_repeated_groups(
    result: InterchangeResult, indexes: Collection[int], action: DuplicateAction
) -> InterchangeResult:
    """An interchange in which the GS06 of some groups were seen before."""
    if action == "process" or not indexes:
        return result
    groups = list(result.groups)
    for index in indexes:
        group = groups[index]
        codes = tuple(dict.fromkeys((*group.codes, duplicate_group_code(group.tables).value)))
        if action == "reject":
            groups[index] = replace(rejected(group), codes=codes)
        else:
            status = Status.ACCEPTED_WITH_ERRORS if group.status is Status.ACCEPTED else group.status
            groups[index] = replace(group, status=status, codes=codes)
    return with_groups(result, tuple(groups))


def with_repeated_sets(
    result: InterchangeResult, places: Collection[tuple[int, int]], action: DuplicateAction
) -> InterchangeResult:
    """An interchange in which the ST02 of some sets, each given as its group and its place there, were seen before."""
    if action == "process" or not places:
        return result
    by_group: dict[int, set[int]] = {}
    for group_index, set_index in places:
        by_group.setdefault(group_index, set()).add(set_index)
    groups = tuple(
        _with_sets(group, by_group[index], action) if index in by_group else group
        for index, group in enumerate(result.groups)
    )
    return with_groups(result, groups)


def _with_sets(group: GroupResult, repeated: Collection[int], action: DuplicateAction) -> GroupResult:
    sets = tuple(_repeated(one, action) if index in repeated else one for index, one in enumerate(group.sets))
    if group.status is Status.REJECTED:
        return replace(group, sets=sets)
    statuses = {item.status for item in sets}
    if group.status is Status.ACCEPTED_WITH_ERRORS and statuses != {Status.REJECTED}:
        statuses.add(group.status)
    accepted = sum(item.status is not Status.REJECTED for item in sets)
    return replace(group, sets=sets, sets_accepted=accepted, status=joined(statuses))


def _repeated(one: SetResult, action: DuplicateAction) -> SetResult:
    codes = tuple(dict.fromkeys((*one.codes, SetError.DUPLICATE.value)))
    if action == "reject":
        return replace(one, status=Status.REJECTED, codes=codes)
    status = Status.ACCEPTED_WITH_ERRORS if one.status is Status.ACCEPTED else one.status
    return replace(one, status=status, codes=codes)
