"""The table of a run, on the screen and as Markdown, and whose fault each failure is."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.interop import java
from tests.interop.play import Result

FILE = Path(__file__).parent / "deviations.toml"
WIDTH = 140
SHOWN_MAX = 240
GONE = "NO LONGER SEEN, to be taken off the list"


@dataclass(frozen=True)
class Deviation:
    """What a peer gets wrong.

    Attributes:
        when: fields of a combination and the values that it shows with; all of them, where it is empty.
        symptom: a pattern that begins with the beginning of a problem; it matches nothing but this.
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

    def explains(self, result: Result, problem: str) -> bool:
        """Whether a problem of a result is this one."""
        return self.is_due(result) and re.match(self.symptom, problem) is not None

    def is_due(self, result: Result) -> bool:
        """Whether it is to be expected with what was played."""
        return (
            result.not_spoken is None
            and (self.peer, self.direction) == (result.peer, result.direction)
            and all(getattr(result.combination, name) in values for name, values in self.when.items())
        )


@dataclass
class Count:
    """How the exchanges with a peer in a direction went."""

    ok: int = 0
    theirs: int = 0
    failed: int = 0
    not_spoken: int = 0
    seconds: float = 0


def deviations() -> list[Deviation]:
    """The known ones."""
    listed = tomllib.loads(FILE.read_text())["deviation"]
    return [Deviation(number, **({"when": {}} | entry)) for number, entry in enumerate(listed, start=1)]


def explanation(result: Result, known: Sequence[Deviation]) -> list[Deviation] | None:
    """The deviations that explain a failure, each of its problems; None when one of them is left."""
    found: list[Deviation] = []
    for problem in result.problems:
        reason = next((each for each in known if each.explains(result, problem)), None)
        if reason is None:
            return None
        if reason not in found:
            found.append(reason)
    return found


class Report:
    """All results of a run."""

    def __init__(self, results: Sequence[Result], known: Sequence[Deviation]) -> None:
        self.results = results
        self.deviations = known
        self.peers = list(dict.fromkeys(result.peer for result in results))
        self.directions = list(dict.fromkeys(result.direction for result in results))

    @cached_property
    def ours(self) -> list[Result]:
        """The failures that no known deviation of a peer explains."""
        return [result for result in self.results if explanation(result, self.deviations) is None]

    def _cell(self, result: Result | None) -> str:
        if result is None or result.not_spoken is not None:
            return "-"
        if not result.problems:
            return "ok"
        reasons = explanation(result, self.deviations)
        return "FAILED" if reasons is None else f"theirs ({', '.join(str(known.number) for known in reasons)})"

    def _rows(self) -> Iterator[list[str]]:
        """A combination and direction, and a cell for each peer; without those that nobody speaks."""
        found = {(result.direction, result.combination, result.peer): result for result in self.results}
        for direction in self.directions:
            of_it = (result.combination for result in self.results if result.direction == direction)
            for combination in dict.fromkeys(of_it):
                yield [
                    direction,
                    combination.name,
                    *(self._cell(found.get((direction, combination, peer))) for peer in self.peers),
                ]

    def _summary(self) -> Iterator[tuple[str, str, Count]]:
        """Peer, direction and counts."""
        for direction in self.directions:
            for peer in self.peers:
                count = Count()
                for result in self.results:
                    if (result.peer, result.direction) != (peer, direction):
                        continue
                    cell = self._cell(result)
                    count.ok += cell == "ok"
                    count.theirs += cell.startswith("theirs")
                    count.failed += cell == "FAILED"
                    count.not_spoken += cell == "-"
                    count.seconds += result.seconds
                yield peer, direction, count

    def _seen(self) -> Iterator[tuple[Deviation, str, str]]:
        """What was to be expected in this run: how often it came and might have come, and a problem that it was."""
        for known in self.deviations:
            due = [result for result in self.results if known.is_due(result)]
            problems = [[text for text in result.problems if known.explains(result, text)] for result in due]
            seen = [texts[0] for texts in problems if texts]
            if due:
                how_often = f"{len(seen)} of {len(due)} times" if seen else GONE
                yield known, how_often, seen[0] if seen else ""

    def _not_spoken(self) -> Iterator[str]:
        """Why there is a dash, in lines."""
        reasons: dict[tuple[str, str, str], int] = {}
        for result in self.results:
            if result.not_spoken is not None:
                reason = (result.peer, result.direction, result.not_spoken)
                reasons[reason] = reasons.get(reason, 0) + 1
        for (peer, direction, reason), times in reasons.items():
            yield f"{peer}, {direction}, {times} times: {reason}"

    def print(self) -> None:
        """One row a combination and direction, a column each peer; below it what is behind the words."""
        console = Console(width=WIDTH, highlight=False, markup=False)
        table = Table("direction", "combination", *self.peers)
        for row in self._rows():
            table.add_row(*row)
        console.print(table)
        for known, how_often, problem in self._seen():
            console.print(f"({known.number}) {known.peer}, {known.direction}, {how_often}: {known.what}")
            console.print(f"    seen: {_short(problem)}\n    evidence: {known.evidence}\n    clause: {known.clause}")
        for line in self._not_spoken():
            console.print(f"- {line}")
        for result in self.ours:
            console.print(f"FAILED {result.words}\n    " + "\n    ".join(result.problems))
        summary = Table("direction", "peer", "ok", "the peer's fault", "failed", "not spoken", "seconds")
        for peer, direction, count in self._summary():
            numbers = (count.ok, count.theirs, count.failed, count.not_spoken, round(count.seconds))
            summary.add_row(direction, peer, *map(str, numbers))
        console.print(summary)

    def markdown(self) -> str:
        """The same for reading elsewhere: counts first, then the rows, then the deviations."""
        lines = ["# AS2 with other people's software", "", f"Peers: {', '.join(map(version_of, self.peers))}.", ""]
        lines += _markdown_table(["direction", "peer", "ok", "the peer's fault", "failed", "not spoken by the peer"])
        for peer, direction, count in self._summary():
            numbers = (count.ok, count.theirs, count.failed, count.not_spoken)
            lines.append(_markdown_row([direction, peer, *map(str, numbers)]))
        lines += ["", *_markdown_table(["direction", "combination", *self.peers])]
        lines += map(_markdown_row, self._rows())
        lines += ["", "## What the peers get wrong", ""]
        for known, how_often, _ in self._seen():
            text = f"{known.number}. {known.peer}, {known.direction}, {how_often}: {known.what}."
            lines.append(f"{text} Evidence: {known.evidence}. Clause: {known.clause}.")
        lines += ["", "## What the peers do not speak", "", *(f"- {line}" for line in self._not_spoken())]
        if self.ours:
            lines += ["", "## What failed", ""]
            lines += [f"- {result.words}: {'; '.join(result.problems)}" for result in self.ours]
        return "\n".join(lines) + "\n"


def version_of(peer: str) -> str:
    """The name of a peer with its version."""
    return f"{peer} {java.version(peer) or importlib.metadata.version(peer)}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + " ..."


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _markdown_table(heads: Sequence[str]) -> list[str]:
    return [_markdown_row(heads), _markdown_row(["---"] * len(heads))]
