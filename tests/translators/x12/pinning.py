"""How files are read, as rows of ``pinned.tsv``.

``python -m tests.translators.x12.pinning`` reads all files again and rewrites the table. What a change of the reader
or of a release's tables did to each file is then read in ``git diff tests/translators/x12/pinned.tsv``: a line that
changed is either meant, and the commit says why, or an error. Rows of the corpus are kept where it is absent.
"""

import csv
from pathlib import Path

from tests.translators.x12.conftest import CORPUS, FIXTURES, STRICT
from translators.guide import ReadingRules
from translators.x12.report import report

PINS = Path(__file__).with_name("pinned.tsv")
COLUMNS = ("where", "file", "bytes_in_segments", "accepted", "accepted_leniently", "sets")
FOLDERS = {"fixture": FIXTURES, "corpus": CORPUS}

# What a partner may be allowed without a doubt about what the file means.
LENIENT = ReadingRules(
    tolerances=frozenset(
        {"isa-padding", "leading-bytes", "trailing-garbage", "trailer-counts", "trailer-numbers", "empty-segments",
         "trailing-separators", "unknown-segments", "code-values", "element-lengths", "missing-trailer"}
    )
)  # fmt: skip


def pinned(where: str, name: str) -> dict[str, str]:
    """The row of one file: its bytes in segments, whether it is accepted, and its sets as ``ST01:segments``."""
    data = (FOLDERS[where] / name).read_bytes()
    strict, lenient = report(name, data, STRICT), report(name, data, LENIENT)
    sets = [
        f"{one['type']}:{one['segments']}"
        for interchange in strict["interchanges"]
        for group in interchange["groups"]
        for one in group["transaction_sets"]
    ]
    values = (where, name, strict["bytes_in_segments"], strict["accepted"], lenient["accepted"], " ".join(sets))
    return dict(zip(COLUMNS, map(str, values), strict=True))


def files(where: str) -> list[str]:
    """The files to be pinned in one of the folders; none when it is absent."""
    folder = FOLDERS[where]
    if where == "fixture":
        return sorted(path.name for path in folder.glob("*.edi"))
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tsv")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def pins(where: str) -> list[dict[str, str]]:
    """The rows as they are pinned."""
    with PINS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["where"] == where]


def pin() -> None:
    """Write the table anew."""
    rows = [row for where in FOLDERS for row in ([pinned(where, name) for name in files(where)] or pins(where))]
    with PINS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    pin()
