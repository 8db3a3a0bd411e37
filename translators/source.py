"""Bytes that are read piece by piece: whole `bytes` in memory, or whatever else hands out slices of itself."""

from typing import Protocol

WINDOW_BYTES = 262_144  # how much is looked at in one go where a run of bytes may be long
_FIRST_WINDOW_BYTES = 64  # most runs are short


class Source(Protocol):
    """A partner's bytes. Reading asks only for slices, so that a file need never be in memory as a whole.

    `bytes` and `memoryview` are sources as they stand; `gateway.commands.files` has one that reads a file.
    """

    def __len__(self) -> int:
        """How many bytes there are."""

    def __getitem__(self, part: slice, /) -> bytes | memoryview:
        """The bytes of a slice without step; fewer where it leads past the end."""


def behind(source: Source, position: int, characters: bytes) -> int:
    """The offset of the first byte at or behind ``position`` that is none of ``characters``."""
    size = _FIRST_WINDOW_BYTES
    while True:
        window = bytes(source[position : position + size])
        left = len(window.lstrip(characters))
        position += len(window) - left
        if left or not window:
            return position
        size = WINDOW_BYTES
