"""``python -m tests.bench [--only a,e] [--runs 3] [--seconds 3] [--file-megabytes 256] [--format json]``: how fast.

Ratios in one run; nothing here passes or fails. Each figure is the median of short runs and stands beside its single
values; client, server, broker and disk share one machine, so a busy neighbour shows in all of them. X12 is measured in
processor time.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Effort, Figure
from tests.bench.measures import MEASURES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default=",".join(MEASURES), help="which measurements, by letter")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--file-megabytes", type=int, default=256, help="of the file in f; 1000 is what is promised")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    call = parser.parse_args()
    figures: list[Figure] = []
    effort = Effort(call.runs, call.seconds, call.file_megabytes * 1_000_000)
    for letter in call.only.split(","):
        print(f"measuring {letter} ...", file=sys.stderr, flush=True)
        for figure in MEASURES[letter](effort):
            print(f"  {figure.name}: {figure.value:,.1f} {figure.unit}", file=sys.stderr, flush=True)
            figures.append(figure)
    if call.format == "json":
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        print(json.dumps({"machine": machine, "figures": [asdict(figure) for figure in figures]}, indent=2))
    else:
        print_table(figures)
    return 0


def print_table(figures: list[Figure]) -> None:
    table = Table("figure", "median", "reference", "ratio", "wanted", "single runs")
    for figure in figures:
        notes = "".join(f"; {name} {value:,.1f}" for name, value in figure.notes.items())
        table.add_row(
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            "" if figure.reference is None else f"{figure.reference:,.1f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.wanted,
            " ".join(f"{run:,.1f}" for run in figure.runs) + notes,
        )
    console = Console()
    console.print(table)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; load above the cores blurs all.")


if __name__ == "__main__":
    raise SystemExit(main())
