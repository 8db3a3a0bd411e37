"""Findings as people read them: the place, what is wrong and what to do, the code of the standard, the text itself."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gateway.commands.excerpts import Excerpt
from gateway.commands.output import console, visible
from translators.findings import Level

# What finds the text that a finding speaks of; None where there is nothing to show.
FindExcerpt = Callable[[Mapping[str, Any]], Excerpt | None]

EXCERPT_CHARACTERS_MAX = 110
_BELOW = "  "
# Where the standard lists the codes of each level.
_ELEMENTS: Mapping[str, str] = {
    Level.INTERCHANGE: "TA105",
    Level.GROUP: "AK905",
    Level.TRANSACTION_SET: "AK502",
    Level.SEGMENT: "AK304",
    Level.ELEMENT: "AK403",
}


def print_findings(
    findings: Sequence[Mapping[str, Any]], omitted: int = 0, *, indentation: int = 2, excerpt: FindExcerpt | None = None
) -> None:
    """Findings one below the other, each with the text it speaks of where that can be shown."""
    if not findings and not omitted:
        return
    target = console()
    margin = " " * indentation
    for finding in findings:
        _print_finding(target, margin, finding, excerpt(finding) if excerpt is not None else None)
    if omitted:
        target.print(Text(f"{margin}and {omitted:,} more findings like these"), soft_wrap=True)


def _print_finding(target: Console, margin: str, finding: Mapping[str, Any], excerpt: Excerpt | None) -> None:
    is_warning = finding.get("severity") == "warning"
    style = "yellow" if is_warning else "red"
    said = visible(finding["message"]).removeprefix(f"{_element(finding)} ")  # it need not be named twice
    message = f"{said}  [{_code(finding)}{', warning' if is_warning else ''}]"
    line = f"{margin}{visible(place(finding))}  "
    width = max(target.width - len(margin) - len(_BELOW), 40)
    head, *rest = textwrap.wrap(line + message, target.width, break_on_hyphens=False, drop_whitespace=True) or [line]
    first = Text(head)
    first.stylize(f"bold {style}", len(margin), min(len(line.rstrip()), len(head)))
    target.print(first, soft_wrap=True)
    for piece in textwrap.wrap(" ".join(rest), width, break_on_hyphens=False):
        target.print(Text(margin + _BELOW + piece), soft_wrap=True)
    if excerpt is not None:
        _print_excerpt(target, margin + _BELOW, excerpt.fitted(min(width, EXCERPT_CHARACTERS_MAX)), style)
    elif finding.get("value"):
        target.print(Text(f"{margin}{_BELOW}{visible(finding['value'])}", style="dim"), soft_wrap=True)


def _print_excerpt(target: Console, margin: str, excerpt: Excerpt, style: str) -> None:
    text = Text.assemble(margin, excerpt.before, (excerpt.place, style), excerpt.behind)
    text.rstrip()
    target.print(text, soft_wrap=True)
    carets = "^" * max(cell_len(excerpt.place), 1)
    target.print(Text.assemble(margin, " " * cell_len(excerpt.before), (carets, style)), soft_wrap=True)


def _code(finding: Mapping[str, Any]) -> str:
    element = _ELEMENTS.get(str(finding.get("level")))
    return visible(f"{element} {finding['code']}" if element else finding["code"])


def place(finding: Mapping[str, Any]) -> str:
    """Where a finding stands, in short: ``BEG03 (segment 2, byte 143)``, a JSON pointer, or the level alone."""
    byte = finding.get("byte_offset")
    if finding.get("pointer") is not None:
        line = f" (line {finding['line']})" if finding.get("line") else ""
        return f"{finding['pointer'] or '/'}{line}"
    where = str(finding.get("level") or "").replace("_", " ")
    if finding.get("segment"):
        component = f"-{finding['component']}" if finding.get("component") else ""
        where = f"{_element(finding)}{component}"
    details = [f"segment {finding['position']}"] if finding.get("position") else []
    details += [] if byte is None else [f"byte {byte:,}"]
    return f"{where} ({', '.join(details)})" if details else where


def _element(finding: Mapping[str, Any]) -> str:
    return f"{finding['segment']}{finding['element']:02d}" if finding.get("element") else f"{finding['segment']}"
