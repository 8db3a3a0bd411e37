"""The memory of another process while something happens, from /proc."""

import threading
from pathlib import Path
from typing import Self

SAMPLED_EVERY_S = 0.002
MIB = 1_048_576


class Watch:
    """By how many MiB the peak of the resident set and of its anonymous part rise within the block.

    Attributes:
        peak: both, once the block has ended. What is mapped from files counts in the first alone.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self.peak = (0.0, 0.0)

    def __enter__(self) -> Self:
        Path(f"/proc/{self._process}/clear_refs").write_text("5")  # forgets the peak so far
        self._before = memory(self._process)
        self._anonymous = self._before["RssAnon"]
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._sampler.join()
        resident = memory(self._process)["VmHWM"] - self._before["VmRSS"]
        self.peak = (resident / MIB, (self._anonymous - self._before["RssAnon"]) / MIB)

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLED_EVERY_S):
            self._anonymous = max(self._anonymous, memory(self._process)["RssAnon"])


def memory(process: int) -> dict[str, int]:
    """Bytes by the names that the kernel gives them."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    wanted = (line.split() for line in lines if line.startswith(("VmHWM", "VmRSS", "RssAnon")))
    return {name.rstrip(":"): int(kilobytes) * 1_024 for name, kilobytes, _ in wanted}
