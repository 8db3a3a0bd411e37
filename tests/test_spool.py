"""Spools and buffers: nothing on the disk has a name, nothing grows in memory, a full disk is said so."""

import os
import resource
import stat
from mmap import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import buffers
from gateway.buffers import MemorySink, find, windows
from gateway.spool import SpoolFolder, SpoolUnavailable

SMALL_LIMIT = 65_536


@pytest.fixture
def folder(tmp_path):
    return SpoolFolder(tmp_path / "data" / "spool")


def test_a_spool_has_no_name_and_belongs_to_us_alone(folder, tmp_path):
    spool = folder.new()
    spool.write(b"content")
    state = os.fstat(spool._file.fileno())
    assert (stat.S_IMODE(state.st_mode), state.st_nlink) == (0o600, 0)
    assert list((tmp_path / "data" / "spool").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "data" / "spool").stat().st_mode) == 0o700


def test_what_was_written_is_seen_read_only_and_after_closing(folder):
    spool = folder.new()
    for piece in (b"one ", memoryview(b"two "), b"", b"three"):
        spool.write(piece)
    assert len(spool) == 13
    view = spool.view()
    spool.close()
    assert bytes(view) == b"one two three"
    assert view.readonly
    assert isinstance(view.obj, mmap)


def test_an_empty_spool_is_an_empty_view(folder):
    assert bytes(folder.new().view()) == b""


def test_files_are_closed_with_their_spools(folder):
    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    views = [folder.new().view() for _ in range(20)]
    spools = [folder.new() for _ in range(20)]
    assert open_files() >= before + 20
    del views, spools
    assert open_files() == before


def test_a_scratch_goes_to_the_disk_when_it_is_large(folder):
    scratch = folder.scratch(10)
    small, large = scratch(), scratch()
    for sink in (small, large):
        sink.write(b"12345")
        sink.write(b"67890")
    large.write(b"1")
    assert small.view() == b"1234567890"
    assert isinstance(small.view(), bytes)
    assert isinstance(large.view(), memoryview)
    assert large.view() == b"12345678901"


def test_a_disk_that_takes_no_more_is_said_so_and_keeps_nothing(folder):
    spool = folder.new()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_LIMIT, before[1]))
    try:
        with pytest.raises(SpoolUnavailable, match="does not take"):
            spool.write(bytes(SMALL_LIMIT + 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_spool_leaves_the_disk_the_room_that_the_store_needs(tmp_path):
    spool = SpoolFolder(tmp_path, free_bytes_min=2**62).new()
    with pytest.raises(SpoolUnavailable, match="low"):
        spool.write(b"x")


def test_a_folder_that_cannot_be_made_is_said_so_without_its_path(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolUnavailable) as said:
        SpoolFolder(tmp_path / "file" / "spool").new()
    assert str(tmp_path) not in str(said.value)


def test_memory_sinks_give_back_what_they_got():
    sink = MemorySink()
    assert sink.view() == b""
    sink = MemorySink()
    sink.write(memoryview(b"a"))
    assert sink.view() == b"a"
    assert isinstance(sink.view(), bytes)


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200), st.integers(1, 50))
def test_windows_are_the_range_in_order(data, start, end, size):
    start, end = min(start, len(data)), min(end, len(data))
    for buffer in (data, memoryview(data)):
        pieces = list(windows(buffer, start, end, size))
        assert b"".join(pieces) == data[start:end]
        assert all(0 < len(piece) <= size for piece in pieces)


@given(st.text("ab", max_size=60), st.text("ab", min_size=1, max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_finding_is_the_same_in_a_view(text, wanted, start, end):
    data = text.encode()
    assert find(memoryview(data), wanted.encode(), start, end) == data.find(wanted.encode(), start, end)


def test_finding_across_windows(folder):
    size = buffers.WINDOW_BYTES
    for at in (0, 4_094, 4_096, size - 1, size, 4_096 + size - 3, 17 * size + 5):
        spool = folder.new()
        spool.write(bytes(at) + b"needle" + bytes(100))
        assert find(spool.view(), b"needle") == at
        assert find(spool.view(), b"needle", 0, at + 5) == -1
