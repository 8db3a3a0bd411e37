"""A state machine is a table: (state, event) -> state. An absent pair is an error, never a guess."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalTransition(Exception):  # noqa: N818  # named as the design names it
    """The table has no row for this event in this state: a fault of ours, never of a partner."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(
            f"{type(state).__name__}.{state.name} has no transition for {type(event).__name__}.{event.name}"
        )
        self.state = state
        self.event = event


def advance(table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """The state after the event.

    Raises:
        IllegalTransition: the table has no such row.
    """
    after = table.get((state, event))
    if after is None:
        raise IllegalTransition(state, event)
    return after
