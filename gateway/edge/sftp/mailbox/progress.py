"""What was read of which file, over all connections: a download that broke off is gone on with at another place.

It is kept in memory and for a day. Whoever resumes with another node, or after a restart, has to read the whole once
more before that counts as fetched: better than believing too much.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.edge.sftp.mailbox.downloads import Download
from gateway.model.instants import DAY_MS
from gateway.sftp import Coverage, Declined

FILES_MAX = 4_096


@dataclass(slots=True)
class _Read:
    """What was read of one file.

    Attributes:
        closed: by handles that the client closed: it has these bytes.
        lost: by handles whose connection ended: it may have them.
    """

    at_ms: int
    closed: Coverage = field(default_factory=Coverage)
    lost: Coverage = field(default_factory=Coverage)


class Progress:
    """Knows what was read of files by the ids of their deliveries.

    Args:
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._files: OrderedDict[str, _Read] = OrderedDict()

    def is_whole(self, delivery_id: str, download: Download) -> bool:
        """Whether with this download, which its client closes now, it has read the whole file.

        Bytes of connections that ended count where the client goes on behind them up to the end: it knows what it has.
        """
        if download.coverage.covers(download.size):
            return True
        before = self._files.get(delivery_id)
        if before is None or not (download.bytes_read or download.has_seen_end):
            return False
        counting = [before.closed, download.coverage]
        if download.has_seen_end:
            counting.append(before.lost)
        return _union(counting).covers(download.size)

    def note_closed(self, delivery_id: str, download: Download) -> None:
        """The client closed it, and has what it read."""
        if download.bytes_read:
            _add(self._file(delivery_id).closed, download.coverage)

    def note_lost(self, delivery_id: str, download: Download) -> None:
        """The connection ended."""
        if download.bytes_read:
            _add(self._file(delivery_id).lost, download.coverage)

    def forget(self, delivery_id: str) -> None:
        """It is fetched: what was read of it before is of no more use."""
        self._files.pop(delivery_id, None)

    def _file(self, delivery_id: str) -> _Read:
        now_ms = self._now_ms()
        while self._files:
            oldest = next(iter(self._files.values()))
            if len(self._files) < FILES_MAX and now_ms - oldest.at_ms < DAY_MS:
                break
            self._files.popitem(last=False)
        file = self._files.setdefault(delivery_id, _Read(now_ms))
        file.at_ms = now_ms
        self._files.move_to_end(delivery_id)
        return file


def _add(to: Coverage, more: Coverage) -> None:
    with suppress(Declined):  # too many holes: then the rest has to be read once more
        for start, end in more.ranges():
            to.add(start, end - start)


def _union(of: list[Coverage]) -> Coverage:
    whole = Coverage()
    for one in of:
        _add(whole, one)
    return whole
