"""The table of a run, and whose fault each failure is."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.interop.combinations import Combination
from tests.interop.play import Result

FILE = Path(__file__).parent / "deviations.toml"


@dataclass(frozen=True)
class Deviation:
    """What a peer gets wrong.

    Attributes:
        when: fields of a combination and the values that it shows with; all of them, where it is empty.
        symptom: a pattern that is found in what the exchange ends with.
        what, evidence, clause: for people: what it does, what was sent and came back, and what it should do by whom.
    """

    number: int
    peer: str
    direction: str
    when: dict[str, list[object]]
    symptom: str
    what: str
    evidence: str
    clause: str

    def explains(self, result: Result) -> bool:
        """Whether a failure is this one: each of its problems is covered."""
        return (
            self.peer == result.peer
            and self.direction == result.direction
            and self.shows_with(result.combination)
            and all(re.search(self.symptom, problem) for problem in result.problems)
        )

    def shows_with(self, combination: Combination) -> bool:
        """Whether it is to be expected with this combination."""
        return all(getattr(combination, name) in values for name, values in self.when.items())


def deviations() -> list[Deviation]:
    """The known ones."""
    listed = tomllib.loads(FILE.read_text())["deviation"]
    return [Deviation(number, **({"when": {}} | entry)) for number, entry in enumerate(listed, start=1)]


class Report:
    """All results of a run."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results
        self.deviations = deviations()

    @cached_property
    def ours(self) -> list[Result]:
        """The failures that no known deviation of a peer explains."""
        return [result for result in self.results if result.problems and self._deviation(result) is None]

    def _deviation(self, result: Result) -> Deviation | None:
        return next((known for known in self.deviations if known.explains(result)), None)

    def _cell(self, result: Result | None) -> str:
        if result is None:
            return ""
        if result.not_spoken is not None:
            return f"- {result.not_spoken}"
        if not result.problems:
            return "ok"
        known = self._deviation(result)
        return f"peer's fault {known.number}" if known is not None else "FAILED"

    def print(self) -> None:
        """One row a combination and direction, a column each peer; below it what is behind the words."""
        console = Console(width=180)
        peers = list(dict.fromkeys(result.peer for result in self.results))
        found = {(result.direction, result.combination, result.peer): result for result in self.results}
        table = Table("direction", "combination", *peers)
        for direction, combination in dict.fromkeys((result.direction, result.combination) for result in self.results):
            cells = (self._cell(found.get((direction, combination, peer))) for peer in peers)
            table.add_row(direction, combination.name, *cells)
        console.print(table)
        for known in self.deviations:
            seen = [result for result in self.results if result.problems and self._deviation(result) is known]
            if seen:
                text = f"peer's fault {known.number}: {known.peer}, {known.direction}, {len(seen)} times: {known.what}"
                console.print(f"{text}\n    evidence: {known.evidence}\n    clause: {known.clause}", markup=False)
        for result in self.ours:
            text = f"FAILED {result.peer}, {result.direction}, {result.combination.name}"
            console.print(f"{text}\n    " + "\n    ".join(result.problems), markup=False)
        played = [result for result in self.results if result.not_spoken is None]
        well = sum(not result.problems for result in played)
        theirs = len(played) - well - len(self.ours)
        silent = len(self.results) - len(played)
        slowest = max(played, key=lambda result: result.seconds, default=None)
        if slowest is not None:
            print(f"the slowest took {slowest.seconds:.1f} s: {slowest.peer}, {slowest.combination.name}")
        print(f"{len(played)} exchanges: {well} ok, {theirs} the peer's fault, {len(self.ours)} failed; "
              f"{silent} combinations not spoken by the peer")  # fmt: skip
