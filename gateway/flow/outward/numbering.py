"""Control numbers for what is sent: given out in the transaction that keeps the interchange which bears them."""

from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.flow.outward.composing import Composed, Numbering
from gateway.store.partners import control_numbers
from translators.x12.writing import PreparedInterchange


def numbered(connection: Connection, made: Composed) -> tuple[Buffer, dict[str, object]]:
    """The body, under control numbers of ours where it bears some, and which they are."""
    if not isinstance(made.body, PreparedInterchange):
        return made.body, {}
    if made.numbering is None:
        raise ValueError("an interchange without numbers")
    interchange, groups, sets = _allocate(connection, made.numbering, made.body)
    given: dict[str, object] = {"interchange": interchange, "groups": groups}
    return made.body.numbered(interchange, groups, sets), given | ({"sets": sets} if sets else {})


def _allocate(
    connection: Connection, numbering: Numbering, prepared: PreparedInterchange
) -> tuple[int, list[int], list[int]]:
    ranges, scope = numbering.ranges, numbering.scope
    held = ranges.interchange
    interchange = control_numbers.allocate(connection, f"ISA|{scope}", least=held.min, most=held.max)
    held = ranges.group
    groups = [
        control_numbers.allocate(connection, f"GS|{scope}", least=held.min, most=held.max) for _ in prepared.groups
    ]
    if ranges.transaction_set is None:
        return interchange, groups, []
    held = ranges.transaction_set
    return (
        interchange,
        groups,
        [
            control_numbers.allocate(connection, f"ST|{scope}", least=held.min, most=held.max)
            for _ in range(prepared.sets)
        ],
    )
