"""Reading takes its bytes in slices: from memory or from whatever hands them out, with the same outcome."""

import pytest

from tests.translators.x12.conftest import FIXTURES, STRICT, interchange, isa
from translators import source
from translators.source import behind
from translators.x12 import delimiters, tokenizer
from translators.x12.delimiters import find_isa
from translators.x12.reader import read
from translators.x12.report import report


class Slices:
    """A source that counts what is asked of it and is nothing but a source."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.longest = 0
        self.farthest = 0

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, part: slice, /) -> bytes:
        piece = self._data[part]
        self.longest = max(self.longest, len(piece))
        self.farthest = max(self.farthest, min(part.stop, len(self._data)))
        return piece


FILES = sorted(FIXTURES.glob("*.edi"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("window", [7, 64, 4_096])
def test_windows_of_any_size_give_the_same_report(path, window, monkeypatch):
    data = path.read_bytes()
    expected = report("file", data, STRICT)
    for module, name in (
        (source, "WINDOW_BYTES"),
        (delimiters, "WINDOW_BYTES"),
        (tokenizer, "WINDOW_BYTES_MIN"),
        (tokenizer, "WINDOW_BYTES_MAX"),
    ):
        monkeypatch.setattr(module, name, window)
    assert report("file", Slices(data), STRICT) == expected
    assert report("file", memoryview(data), STRICT) == expected


def test_no_slice_is_long_and_nothing_is_searched_far_ahead():
    body = "REF*ZZ*" + "x" * 25 + "~"
    data = interchange("BEG*00*SA*1**20260101~" + body * 150_000)
    slices = Slices(data)
    pieces = read(slices, STRICT)
    next(pieces)
    next(pieces)
    assert slices.farthest < 10_000
    for _ in pieces:
        pass
    assert slices.farthest == len(data)
    assert slices.longest <= tokenizer.WINDOW_BYTES_MAX + 4


def test_an_isa_is_found_wherever_a_window_ends(monkeypatch):
    whole = isa().encode()
    monkeypatch.setattr(delimiters, "WINDOW_BYTES", 50)
    for before in range(40, 60):
        assert find_isa(b"x" * before + whole, 0) == before


def test_a_run_ends_at_the_first_other_byte():
    assert behind(b"aab", 0, b"a") == 2
    assert behind(b"aa", 0, b"a") == 2
    assert behind(b"ab", 1, b"a") == 1
    assert behind(b" " * 600_000 + b"x", 3, b" ") == 600_000
    assert behind(b"", 0, b" ") == 0
