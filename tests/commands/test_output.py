"""What people see: tables whose ids can be copied, timelines, progress only where somebody looks."""

import io

import pytest
from rich.console import Console

from gateway.commands import output, timelines
from gateway.commands.messages import segments

ROWS = [
    ("01ARZ3NDEKTSV4RRFFQ69G5FAV", 5, "a reason that says in many words what was wrong with it"),
    ("01ARZ3NDEKTSV4RRFFQ69G5FAW", 12_345, None),
]


def _print_table(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    stream = io.StringIO()
    target = Console(file=stream, width=width, force_terminal=True, color_system=None, highlight=False)
    monkeypatch.setattr(output, "console", lambda _=None: target)
    output.print_table(("ID", "BYTES", "REASON"), ROWS, empty="nothing")
    return stream.getvalue().splitlines()


def test_a_wide_terminal_holds_a_row_in_a_line(monkeypatch: pytest.MonkeyPatch):
    assert _print_table(monkeypatch, 200) == [
        "ID                          BYTES  REASON",
        f"{ROWS[0][0]}      5  {ROWS[0][2]}",
        f"{ROWS[1][0]}  12345",
    ]


def test_only_the_last_column_is_broken(monkeypatch: pytest.MonkeyPatch):
    lines = _print_table(monkeypatch, 70)
    assert lines[1].startswith(f"{ROWS[0][0]}      5  a reason")
    assert lines[2].startswith(" " * 35)
    assert all(len(line) <= 70 for line in lines)


def test_what_a_narrow_terminal_cannot_hold_goes_below_its_row(monkeypatch: pytest.MonkeyPatch):
    lines = _print_table(monkeypatch, 40)
    assert lines[1] == f"{ROWS[0][0]}      5"
    assert lines[2].startswith("    a reason")
    assert all(len(line) <= 40 for line in lines[1:])


def test_nothing_to_show_is_said(capsys: pytest.CaptureFixture[str]):
    output.print_table(("ID",), [], empty="nothing there")
    assert capsys.readouterr().out == "nothing there\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_only_where_somebody_looks(monkeypatch: pytest.MonkeyPatch):
    for stream, shown in ((_Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        with output.progress("work", 10) as advance:
            advance(5)
        assert bool(stream.getvalue()) is shown


@pytest.mark.parametrize(
    ("elapsed_ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (90_000, "1.5 min"), (5_400_000, "1.5 h"), (129_600_000, "1.5 d")],
)
def test_time_spans_have_the_unit_that_suits(elapsed_ms: int, text: str):
    assert timelines.duration(elapsed_ms) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (1_023, "1,023 bytes"), (1_536, "1.5 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_sizes_have_the_unit_that_suits(number: int, text: str):
    assert output.size(number) == text


def test_steps_that_nobody_foresaw_are_told_by_their_members():
    step = {"at": "2026-03-01T09:00:00Z", "step": "parked", "reason": "x\x1b", "attempt": 2, "next_attempt_at": None}
    assert timelines.detail(step) == "reason x\\x1b, attempt 2"
    assert timelines.in_words({"a": [1, 2], "b": {"c": True}, "d": [], "e": False}) == "a 1, 2, b (c)"


def test_an_acknowledgment_is_parted_by_its_own_terminator():
    isa = f"{'ISA*00*          *00*          *ZZ*A*ZZ*B':.<105}!"
    assert segments(f"{isa}GS*FA!") == [isa, "GS*FA!"]
    assert segments("") == []
