"""X12 in one run: what is read, validated and translated in a second, beside what others need for the same bytes."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path

from gateway.collection import collect_rarely
from tests.bench import staedi
from tests.bench.figures import Effort, Figure, figure, megabytes_per_second, seconds_of
from tests.bench.samples import LINES_PER_ORDER, ORDERS, SMALL_ORDER_LINES, write_850s, x12_850
from translators.catalog import TranslatedDocument, translate
from translators.guide import ReadingRules
from translators.x12.reader import read

RULES = ReadingRules()
PYX12_ORDERS = 50
SMALL_ORDERS = 300
LINES_FEW = 200
LINES_MANY = 20_000

_GRAMMAR = """
import time
from translators.x12.grammar import grammar
began = time.perf_counter()
grammar("850", "{release}")
print(time.perf_counter() - began)
"""

_TELLING_ITS_PEAK = """
import sys
from gateway.commands.program import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    sys.stderr.writelines(line for line in status if line.startswith("VmHWM"))
sys.exit(code)
"""


def speed(effort: Effort) -> Iterator[Figure]:
    """e. X12 validated and translated."""
    collect_rarely()  # as in the processes that read files
    data = x12_850(ORDERS, LINES_PER_ORDER)
    slice_of_it = x12_850(PYX12_ORDERS, LINES_PER_ORDER)
    _warm_up(slice_of_it)
    split: list[float] = []
    validated: list[float] = []
    translated: list[float] = []
    read_by_pyx12: list[float] = []
    validated_by_pyx12: list[float] = []
    with _pyx12_maps() as maps:
        _validate_by_pyx12(slice_of_it, maps)  # loads them
        for _ in range(effort.runs):
            split.append(megabytes_per_second(data, partial(_split, data)))
            validated.append(megabytes_per_second(data, partial(_validate, data)))
            translated.append(megabytes_per_second(data, partial(_translate, data)))
            read_by_pyx12.append(megabytes_per_second(slice_of_it, partial(_read_by_pyx12, slice_of_it)))
            validated_by_pyx12.append(megabytes_per_second(slice_of_it, partial(_validate_by_pyx12, slice_of_it, maps)))
    size = {"megabytes": len(data) / 1e6, "segments": data.count(b"~")}
    yield figure("e. X12 validated, beside str.split", validated, "MB/s", split, ">= 10 MB/s", notes=size)
    yield figure("e. X12 validated, beside pyx12's full validation", validated, "MB/s", validated_by_pyx12, ">= 30")
    yield figure("e. X12 validated, beside pyx12's reader of envelopes", validated, "MB/s", read_by_pyx12, "")
    yield figure("e. X12 to canonical documents, beside str.split", translated, "MB/s", split, ">= 5 MB/s")
    theirs = staedi.megabytes_per_second(data, effort.runs)
    if theirs is None:
        print("  StAEDI: not run, for it needs java, mvn and a registry", file=sys.stderr)
    else:
        yield figure("e. X12 validated, beside StAEDI's tokens without schema (Java)", validated, "MB/s", theirs, "")
    yield from _single_order()
    yield from _long_order(effort)
    yield from _grammars(effort)


def _warm_up(data: bytes) -> None:
    _validate(data)
    for item in translate(data, RULES):
        assert not isinstance(item, TranslatedDocument) or not item.findings, item.findings


def _split(data: bytes) -> None:
    for line in data.decode().split("~"):
        line.split("*")


def _validate(data: bytes) -> None:
    deque(read(data, RULES), maxlen=0)


def _translate(data: bytes) -> None:
    deque(translate(data, RULES), maxlen=0)


def _read_by_pyx12(data: bytes) -> None:
    from pyx12.x12file import X12Reader  # noqa: PLC0415  # slow to import, and wanted here alone

    deque(X12Reader(StringIO(data.decode())), maxlen=0)


def _pyx12_maps():
    from gateway.second_opinion.maps import temporary_maps  # noqa: PLC0415  # imports pyx12

    return temporary_maps()


def _validate_by_pyx12(data: bytes, maps) -> None:
    from gateway.second_opinion.judge import judge  # noqa: PLC0415  # imports pyx12

    judgment = judge(data, maps)
    assert not judgment.observations, judgment.observations[:3]
    assert not judgment.unjudged, judgment.unjudged[:3]


def _single_order() -> Iterator[Figure]:
    small = x12_850(1, SMALL_ORDER_LINES)
    times = [seconds_of(partial(_translate, small)) * 1e3 for _ in range(SMALL_ORDERS)]
    notes = {"bytes": len(small), "p99": statistics.quantiles(times, n=100)[98]}
    yield figure(
        "e. a single 850 to its canonical document", [statistics.median(times)], "ms", None, "< 1 ms", notes=notes
    )


def _long_order(effort: Effort) -> Iterator[Figure]:
    few, many = x12_850(1, LINES_FEW), x12_850(1, LINES_MANY)
    a_line_of_few: list[float] = []
    a_line_of_many: list[float] = []
    for _ in range(effort.runs):
        whole = sum(seconds_of(partial(_translate, few)) for _ in range(LINES_MANY // LINES_FEW))
        a_line_of_few.append(whole / LINES_MANY * 1e6)
        a_line_of_many.append(seconds_of(partial(_translate, many)) / LINES_MANY * 1e6)
    name = f"e. a line of an 850 with {LINES_MANY:,} lines, beside one of {LINES_FEW}"
    yield figure(name, a_line_of_many, "us", a_line_of_few, "0.8 to 1.2")


def _grammars(effort: Effort) -> Iterator[Figure]:
    for release in ("004010", "005010"):
        times = [float(_fresh(_GRAMMAR.format(release=release))) * 1e3 for _ in range(effort.runs)]
        yield figure(f"e. the grammar of 850 in {release}, in a fresh process", times, "ms", None, "< 50 ms")


def _fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def memory(effort: Effort) -> Iterator[Figure]:
    """f. The memory that `gateway validate` takes for a large file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.edi"
        size = write_850s(file, effort.file_bytes)
        with (Path(folder) / "report.json").open("wb") as report:
            began = os.times().elapsed
            # A process tells its own peak: in `ru_maxrss` that of the parent it was forked from would stand, too.
            done = subprocess.run(
                [sys.executable, "-c", _TELLING_ITS_PEAK, "validate", "--format", "json", str(file)],
                stdout=report,
                stderr=subprocess.PIPE,
                check=True,
            )
            seconds = os.times().elapsed - began
        last = json.loads((Path(folder) / "report.json").read_bytes())
        assert last["accepted"], last["findings"][:3]
        assert last["bytes_unaccounted"] == 0
    notes = {"MB/s": size / 1e6 / seconds}
    name = f"f. memory of `gateway validate` for a file of {size / 1e6:,.0f} MB"
    yield figure(name, [int(done.stderr.split()[-2]) / 1_024], "MiB", None, "<= 200 MB for 1 GB", notes=notes)
