"""How files of our own and from the field are read, pinned: bytes in segments, and each set with its segments.

The pins of the corpus count only where it lies beside the project; those of our own fixtures always do.
"""

import csv
from pathlib import Path

import pytest

from tests.translators.x12.conftest import CORPUS, FIXTURES, STRICT
from translators.guide import ReadingRules
from translators.x12.report import report

LENIENT = ReadingRules(
    tolerances=frozenset(
        {"isa-padding", "leading-bytes", "trailing-garbage", "trailer-counts", "trailer-numbers", "empty-segments",
         "trailing-separators", "unknown-segments", "code-values", "element-lengths", "missing-trailer"}
    )
)  # fmt: skip
PINS = Path(__file__).with_name("pinned.tsv")
COLUMNS = ("where", "file", "bytes_in_segments", "accepted", "accepted_leniently", "sets")


def pinned(folder: Path, where: str, name: str) -> dict[str, str]:
    data = (folder / name).read_bytes()
    strict, lenient = report(name, data, STRICT), report(name, data, LENIENT)
    sets = [
        f"{one['type']}:{one['segments']}"
        for interchange in strict["interchanges"]
        for group in interchange["groups"]
        for one in group["transaction_sets"]
    ]
    values = (where, name, strict["bytes_in_segments"], strict["accepted"], lenient["accepted"], " ".join(sets))
    return dict(zip(COLUMNS, map(str, values), strict=True))


def rows(where):
    with PINS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["where"] == where]


def cases():
    own = [(FIXTURES, row) for row in rows("fixture")]
    return own + [(CORPUS, row) for row in rows("corpus") if (CORPUS / row["file"]).exists()]


@pytest.mark.parametrize(("folder", "row"), cases(), ids=lambda value: value["file"] if isinstance(value, dict) else "")
def test_a_file_is_read_as_before(folder, row):
    assert pinned(folder, row["where"], row["file"]) == row


def test_every_fixture_is_pinned():
    assert {row["file"] for row in rows("fixture")} == {path.name for path in FIXTURES.glob("*.edi")}
