"""A server as a child process in a group of its own, which never outlives the tests, however they end."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOG_TAIL_BYTES = 4_000
# Below the range from which the kernel takes the ports of outgoing connections: nobody grabs one between our look
# and the server's bind by chance.
PORTS = range(20_000, 32_000)


class StartFailed(Exception):  # noqa: N818  # read as the fixture's error
    """The server ended, or did not answer in time; the text carries the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartFailed("no free port on the loopback address")


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class ServerProcess:
    """One server process: start, stop, kill, suspend; and a guard that kills it should the tests vanish."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        ready: Callable[[], bool],
        seconds_max: float,
        user: str | None = None,
    ) -> None:
        """Start and wait until `ready` says yes.

        Raises:
            StartFailed: with the end of the log.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the tests; they stop the server themselves
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        # The pipe closes when the tests end in whatever way, kill -9 included; then the guard ends the group.
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", f"cat >/dev/null; kill -s KILL -- -{self._process.pid} 2>/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + seconds_max
        while not ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{command[0]} did not come up: {self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self) -> str:
        return self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if self._log.exists() else ""

    def stop(self, signum: signal.Signals = signal.SIGTERM, seconds_max: float = 30) -> None:
        """Ask it to end, and insist after a while."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds_max)
        self.kill()

    def kill(self) -> None:
        """kill -9 to the whole group, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._guard = None

    def suspend(self) -> None:
        """SIGSTOP: the kernel still accepts connections and bytes, nobody answers. A black hole."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None and self.running:
            os.killpg(self._process.pid, signal.SIGCONT)
