"""Which bytes of a file have come, or gone: clients send many requests at a time, and not always in order."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from gateway.sftp.values import Declined, Status

RANGES_MAX = 256


class Coverage:
    """A set of byte ranges: one from 0 on without a hole, and at most `ranges_max` behind holes.

    In order, as most clients send, it costs a comparison and an addition.
    """

    __slots__ = ("_ends", "_ranges_max", "_starts", "contiguous")

    def __init__(self, contiguous: int = 0, ranges_max: int = RANGES_MAX) -> None:
        self.contiguous = contiguous
        """Up to here every byte is in."""
        self._ranges_max = ranges_max
        # Ranges behind the first hole, in order; none touches another.
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, offset: int, length: int) -> None:
        """Bytes from `offset` on are in.

        Raises:
            Declined: they would leave more holes than are kept account of.
        """
        end = offset + length
        if offset <= self.contiguous:
            if end > self.contiguous:
                self.contiguous = end
                if self._starts:
                    self._absorb()
        elif length:
            self._add_behind_a_hole(offset, end)

    @property
    def end(self) -> int:
        """One past the last byte that is in."""
        return self._ends[-1] if self._ends else self.contiguous

    @property
    def has_hole(self) -> bool:
        """Whether a byte is missing before one that is in."""
        return bool(self._starts)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """What is in: from each first byte to behind the last, in their order."""
        if self.contiguous:
            yield 0, self.contiguous
        yield from zip(self._starts, self._ends, strict=True)

    def covers(self, size: int) -> bool:
        """Whether every byte of a file of this size is in."""
        return self.contiguous >= size

    def _add_behind_a_hole(self, start: int, end: int) -> None:
        # All that touch [start, end] become one with it.
        first, after = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first == after and len(self._starts) >= self._ranges_max:
            raise Declined(
                Status.FAILURE,
                f"more than {self._ranges_max} separate pieces of the file; send it in order, or in larger pieces",
            )
        if first < after:
            start, end = min(start, self._starts[first]), max(end, self._ends[after - 1])
        self._starts[first:after] = [start]
        self._ends[first:after] = [end]

    def _absorb(self) -> None:
        """Ranges that the first one has reached are part of it."""
        reached = bisect_right(self._starts, self.contiguous)
        if reached:
            self.contiguous = max(self.contiguous, self._ends[reached - 1])
            del self._starts[:reached], self._ends[:reached]
