"""Findings as people read them: the place, the byte, the code of the standard, the value, the remedy."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.commands.output import print_table, say


def print_findings(findings: Sequence[Mapping[str, Any]], omitted: int = 0) -> None:
    """Findings as a table: where, which code, which value, what to do."""
    if findings:
        print_table(
            ("  WHERE", "BYTE", "CODE", "VALUE", "WHAT AND WHAT TO DO"),
            [
                (
                    f"  {place(finding)}",
                    finding.get("byte_offset"),
                    f"{finding['code']}{' (warning)' if finding.get('severity') == 'warning' else ''}",
                    finding.get("value"),
                    finding["message"],
                )
                for finding in findings
            ],
            empty="",
        )
    if omitted:
        say(f"  and {omitted:,} more findings like these")


def place(finding: Mapping[str, Any]) -> str:
    """Where a finding stands, in short: ``BEG03`` in segment 2, a JSON pointer, or the level alone."""
    if finding.get("segment"):
        element = f"{finding['element']:02d}" if finding.get("element") else ""
        component = f"-{finding['component']}" if finding.get("component") else ""
        position = f" (segment {finding['position']})" if finding.get("position") else ""
        return f"{finding['segment']}{element}{component}{position}"
    if finding.get("pointer") is not None:
        line = f" (line {finding['line']})" if finding.get("line") else ""
        return f"{finding['pointer'] or '/'}{line}"
    return str(finding.get("level") or "")
