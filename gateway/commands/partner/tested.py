"""What `gateway partner test` tells: a line for each sample, what differs below it, and at last how many passed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from gateway.commands.output import console, counted, print_json, say, visible
from gateway.commands.second_opinions import print_second_opinion
from gateway.onboarding.samples.comparing import DIFFERENCES_MAX, Difference
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.trying import Shown
from partners.problems import Problem

if TYPE_CHECKING:
    from gateway.second_opinion import SecondOpinion

_YES, _NO = "✓", "✗"
_PLAIN = {_YES: "ok", _NO: "FAILED"}  # where the terminal cannot show the signs


@dataclass(slots=True)
class Told:
    """Tells what became of samples, as text or as JSON.

    Attributes:
        form: ``text`` or ``json``.
        is_one: whether one partner was asked for; then what is missing is told even where it has no samples.
    """

    form: str
    is_one: bool
    passed: int = 0
    failed: int = 0
    partners: int = 0
    broken: int = 0
    _partner: str = ""
    _problems: Sequence[Problem] = ()
    _samples: list[dict[str, object]] = field(default_factory=list)

    @property
    def all_passed(self) -> bool:
        """Whether every sample passed and every folder could be read."""
        return not self.failed and not self.broken

    def begin(self, partner: str, problems: Sequence[Problem]) -> None:
        """A partner's samples follow."""
        self._partner, self._problems, self._samples = partner, problems, []
        self.partners += 1
        self.broken += sum(problem.severity == "error" for problem in problems)
        if self.form == "text" and (problems or self.is_one):
            self._heading()
            for problem in problems:
                say(f"  {problem}", style="red" if problem.severity == "error" else "yellow")

    def judged(self, judged: Judged, outcome: str = "") -> None:
        """One sample; `outcome` is said behind its title."""
        self.passed += judged.passed
        self.failed += not judged.passed
        if self.form == "json":
            self._samples.append(_as_json(judged) | ({"outcome": outcome} if outcome else {}))
            return
        if not self._samples and not self.is_one and not self._problems:
            self._heading()
        self._samples.append({})
        sign, style = (_YES, "green") if judged.passed else (_NO, "red")
        title = f"  {judged.sample.title}" if judged.sample.title != judged.sample.name else ""
        text = Text.assemble(("  " + _sign(sign), style), f" {visible(judged.sample.name)}", (visible(title), "dim"))
        console().print(text, soft_wrap=True)
        if judged.fault:
            say(f"      {judged.fault}", style="red")
        if outcome:
            say(f"      {outcome}", style="dim" if judged.passed else "red")
        elif judged.is_refused:
            say(f"      {_REFUSED[judged.sample.direction]}", style="yellow")
        _show_differences(judged.differences)
        if judged.unrecorded:
            files = ", ".join(judged.unrecorded)
            say(f"      came out and is not recorded yet: {files}", style="yellow")
            say(f"      keep it: gateway partner test {self._partner} --record {judged.sample.name}", style="dim")

    def second_opinion(self, opinion: "SecondOpinion") -> None:
        """What pyx12 says of the last sample."""
        if self.form == "json":
            self._samples[-1]["second_opinion"] = opinion.as_json()
        else:
            print_second_opinion(opinion)

    def recorded(self, judged: Judged, files: Sequence[str]) -> None:
        """What was written into a sample."""
        if not files:
            return
        self.failed -= 1
        self.passed += 1
        if self.form == "json":
            self._samples[-1]["recorded"] = list(files)
            return
        gone = [file for file in files if file not in judged.played.files]
        written = [file for file in files if file not in gone]
        if written:
            say(f"      recorded {', '.join(written)}", style="cyan")
        if gone:
            say(f"      removed {', '.join(gone)}", style="cyan")

    def finish(self, without: Sequence[Shown]) -> None:
        """A partner's samples are played; `without` are agreements that none of them shows."""
        if self.form == "json":
            print_json(
                {
                    "partner": self._partner,
                    "passed": all(item["passed"] or "recorded" in item for item in self._samples)
                    and not any(problem.severity == "error" for problem in self._problems),
                    "samples": self._samples,
                    "agreements_without_sample": [
                        {"document": item.document, "direction": item.direction, "syntax": item.syntax}
                        for item in without
                    ],
                    "problems": [problem.as_json() for problem in self._problems],
                }
            )
            return
        if without and (self._samples or self.is_one):
            say(f"  no sample shows: {', '.join(map(str, without))}", style="yellow")

    def end(self) -> None:
        """Everything is played."""
        if self.form == "json":
            return
        total = self.passed + self.failed
        if not total and not self.broken:
            say(_HOW_TO_BEGIN)
            return
        failed = f", {self.failed} failed" if self.failed else ""
        broken = f", {counted(self.broken, 'problem')} of sample folders" if self.broken else ""
        style = "green" if self.all_passed else "red"
        say(f"{counted(total, 'sample')}: {self.passed} passed{failed}{broken}", style=style)

    def _heading(self) -> None:
        say(self._partner, style="bold")


_HOW_TO_BEGIN = (
    "no samples; put what they send into samples/NAME/received.edi beside profile.yaml (or .json, .xml), what the ERP "
    "wants sent into samples/NAME/document.json, then have written what comes out: gateway partner test ID --record"
)


_REFUSED = {
    "inbound": "refused: no document comes of it; findings.json says why",
    "outbound": "refused: nothing is sent; findings.json says why",
}


def _show_differences(differences: Sequence[Difference]) -> None:
    for item in differences:
        say(f"      {item.file} {item.place}".rstrip())
        say(f"        expected  {_value(item.expected)}", style="green")
        say(f"        came      {_value(item.came)}", style="red")
    files = {item.file for item in differences}
    for file in sorted(files):
        if sum(item.file == file for item in differences) == DIFFERENCES_MAX:
            say(f"      {file} may differ in more places", style="dim")


def _value(value: str | None) -> str:
    return "nothing" if value is None else value


def _sign(sign: str) -> str:
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN[sign]
    return sign


def _as_json(judged: Judged) -> dict[str, object]:
    sample = judged.sample
    told: dict[str, object] = {
        "sample": sample.name,
        "title": sample.title,
        "direction": sample.direction,
        "file": str(sample.content_path),
        "passed": judged.passed,
        "refused": judged.is_refused,
        "differences": [item.as_json() for item in judged.differences],
        "unrecorded": list(judged.unrecorded),
    }
    return told | ({"fault": judged.fault} if judged.fault else {})
