"""What a measurement yields: medians of short runs, and the ratio to something measured in the same run."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One line of the table: medians, and the ratio where there is a reference.

    Attributes:
        runs: the single values, so that the noise shows.
        wanted: what is aimed at, in words; nothing fails when it is missed.
    """

    name: str
    value: float
    unit: str
    runs: Sequence[float]
    reference: float | None = None
    ratio: float | None = None
    wanted: str = ""
    notes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        seconds: of each run, where a run has no length of its own.
        file_bytes: size of the file that the memory is measured with.
    """

    runs: int
    seconds: float
    file_bytes: int


def figure(
    name: str,
    runs: Sequence[float],
    unit: str,
    references: Sequence[float] | None,
    wanted: str,
    *,
    notes: dict[str, float] | None = None,
) -> Figure:
    """A figure from its runs and those of its reference."""
    value = statistics.median(runs)
    if references is None:
        return Figure(name, value, unit, runs, wanted=wanted, notes=notes or {})
    reference_value = statistics.median(references)
    return Figure(name, value, unit, runs, reference_value, value / reference_value, wanted, notes or {})


def seconds_of(work: Callable[[], object]) -> float:
    """How much processor time a call takes, so that neighbours on the same cores count little."""
    began = time.process_time()
    work()
    return time.process_time() - began


def megabytes_per_second(data: bytes, work: Callable[[], object]) -> float:
    """How fast a call gets through these bytes, by processor time."""
    return len(data) / 1e6 / seconds_of(work)
