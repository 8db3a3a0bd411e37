"""A peer as a process of its own, and the lines that it is spoken to with.

Each of the three is started with a folder of its own and says ``ready`` once it listens. From then on, all words of a
line parted by tabs:

- we tell it ``send NUMBER FILE FILENAME SENDER>RECEIVER NAME=VALUE...``, the pairs being its own settings;
- we ask it ``settle NUMBER``, and its ``done`` tells that all it told before is read;
- it answers ``done NUMBER MESSAGE-ID sent|failed TEXT`` when its own sender has returned;
- it tells ``received MESSAGE-ID SHA256 FILENAME`` when it took a message over;
- it tells ``state MESSAGE-ID STATE TEXT`` whatever else its own code concludes: a receipt, a wrong MIC, a refusal.
"""

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.site import PROJECT

TEXT_LENGTH_MAX = 600
STARTS_WITHIN_S = 300
ANSWERS_WITHIN_S = 300


@dataclass(frozen=True)
class Done:
    """What the peer's sender said when it returned."""

    message_id: str
    sent: bool
    text: str


@dataclass(frozen=True)
class Received:
    """A message that the peer took over."""

    sha256: str
    filename: str


@dataclass(frozen=True)
class State:
    """What the peer's own code concludes about a message."""

    name: str
    text: str


class PeerProcess:
    """One peer, running.

    Args:
        command: starts it.
        log: file for what it says beside the lines.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._ready = False
        self._done: dict[str, Done] = {}
        self.received: dict[str, Received] = {}
        self.states: dict[str, list[State]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_ready(self) -> None:
        """Wait until it listens."""
        self._wait(lambda: self._ready or self.process.poll() is not None, STARTS_WITHIN_S, "it does not start")
        if not self._ready:
            raise AssertionError(f"the peer ended at its start; see {self._log.name}")

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def send(self, file: Path, filename: str, between: str, settings: dict[str, str]) -> Done:
        """Have the peer send a file, and wait until its sender returns."""
        return self._ask("send", str(file), filename, between, *(f"{name}={value}" for name, value in settings.items()))

    def settle(self) -> None:
        """Wait until everything that it has told so far is read."""
        self._ask("settle")

    def _ask(self, kind: str, *words: str) -> Done:
        number = str(next(self._numbers))
        assert self.process.stdin is not None
        with self._asking:
            self.process.stdin.write("\t".join([kind, number, *words]) + "\n")
            self.process.stdin.flush()
        self._wait(lambda: number in self._done, ANSWERS_WITHIN_S, "its sender does not return")
        return self._done[number]

    def wait_for_state(self, message_id: str, wanted: Callable[[State], bool], seconds: float) -> State | None:
        """The first state of a message that is wanted; None when none comes in time."""

        def found() -> State | None:
            return next((state for state in self.states.get(message_id, ()) if wanted(state)), None)

        try:
            self._wait(lambda: found() is not None, seconds, "")
        except AssertionError:
            return None
        return found()

    def wait_for_message(self, message_id: str, seconds: float) -> Received | None:
        """What it received under an id; None when nothing comes in time."""
        try:
            self._wait(lambda: message_id in self.received, seconds, "")
        except AssertionError:
            return None
        return self.received[message_id]

    def _wait(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                remaining = deadline - time.monotonic()
                if remaining <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(otherwise)
                self._changed.wait(min(remaining, 1))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, *words = [*line.rstrip("\n").split("\t"), "", "", ""]
            with self._changed:
                if kind == "ready":
                    self._ready = True
                elif kind == "done":
                    self._done[words[0]] = Done(words[1], words[2] == "sent", words[3][:TEXT_LENGTH_MAX])
                elif kind == "received":
                    self.received[words[0]] = Received(words[1], words[2])
                elif kind == "state":
                    self.states.setdefault(words[0], []).append(State(words[1], words[2][:TEXT_LENGTH_MAX]))
                self._changed.notify_all()
