"""The SFTP clients that others wrote, with one face: OpenSSH's `sftp` and `scp`, `lftp`, `curl`, paramiko.

    clients = RealClients(door, tmp_path)
    done = clients.sftp.call(put(file, "/inbox/a.part"), rename("/inbox/a.part", "/inbox/a.edi")).run()
    assert done.code == 0, done.words

Each call is a process of its own, so that it can also be interrupted and killed. All clients sign in with a key and pin
the host key. Paths are strings as `os.fsdecode` makes them: names that are not UTF-8 travel as surrogates.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tests.services.openssh import find_or_install_curl, find_or_install_lftp, find_or_install_openssh

SECONDS_MAX = 60
PROJECT_ROOT = Path(__file__).parents[3]
Verb = Literal["put", "resume_put", "get", "resume_get", "names", "remove", "rename", "mkdir", "raw"]


@dataclass(frozen=True, slots=True)
class Door:
    """Where the clients knock, as whom, and whose key they expect."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do in a session; `raw` is a line in the client's own language."""

    verb: Verb
    words: tuple[str, ...]


def put(local: Path | str, remote: str) -> Step:
    return Step("put", (str(local), remote))


def resume_put(local: Path | str, remote: str) -> Step:
    """Goes on where the remote file ends."""
    return Step("resume_put", (str(local), remote))


def get(remote: str, local: Path | str) -> Step:
    return Step("get", (remote, str(local)))


def resume_get(remote: str, local: Path | str) -> Step:
    """Goes on where the local file ends."""
    return Step("resume_get", (remote, str(local)))


def names(folder: str) -> Step:
    """The names in a folder, one a line of the standard output, in whatever order; a path before them is cut off."""
    return Step("names", (folder,))


def remove(remote: str) -> Step:
    return Step("remove", (remote,))


def rename(old: str, new: str) -> Step:
    return Step("rename", (old, new))


def mkdir(folder: str) -> Step:
    return Step("mkdir", (folder,))


def raw(line: str) -> Step:
    return Step("raw", (line,))


class CannotDo(Exception):  # noqa: N818  # says what is: `scp` cannot rename
    """The client has no words for these steps, or not in one session."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a client ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        return f"exit {self.code}\n{self.stdout}{self.stderr}"

    @property
    def names(self) -> set[str]:
        """What a `names` step listed."""
        lines = (line for line in self.stdout.split("\n") if not line.startswith("sftp> "))
        return {line.rstrip("/").rpartition("/")[2] for line in lines} - {"", ".", ".."}


@dataclass(frozen=True)
class Call:
    """One process to run."""

    argv: Sequence[str]
    stdin: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> "Running":
        """Start it in a process group of its own, its input ready."""
        process = subprocess.Popen(
            [os.fsencode(word) for word in self.argv],
            env=os.environ | {"LC_ALL": "C.UTF-8"} | self.environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(os.fsencode(self.stdin))
        process.stdin.close()
        process.stdin = None
        return Running(process)

    def run(self) -> Outcome:
        return self.start().outcome()

    async def played(self) -> Outcome:
        """Run beside a server in this process."""
        return await asyncio.to_thread(self.run)


class Running:
    """A client in the middle of its work."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self, *, whole_group: bool = True) -> Outcome:
        """kill -9: with its ssh, as a power cut would, or without, so that ssh still says goodbye."""
        if whole_group:
            os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        return self.outcome()

    def interrupt(self) -> Outcome:
        """Ctrl-C: the terminal tells the whole group."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.outcome()

    def outcome(self) -> Outcome:
        """Wait for its end."""
        try:
            stdout, stderr = self._process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            stdout, stderr = self._process.communicate()
            raise AssertionError(f"no end in {SECONDS_MAX} s: {os.fsdecode(stdout + stderr)}") from None
        return Outcome(self._process.returncode, os.fsdecode(stdout), os.fsdecode(stderr))


@dataclass(frozen=True)
class Client:
    """One client program.

    Attributes:
        name: of the program.
        verbs: what it can do.
        call: the process for some steps, in one session; `bytes_per_second` slows the transfers down. CannotDo for
            steps it has no words for.
    """

    name: str
    verbs: frozenset[str]
    call: Callable[..., Call]


class RealClients:
    """Every client, made ready for one door."""

    def __init__(self, door: Door, folder: Path) -> None:
        """Find or install them.

        Args:
            door: where they knock.
            folder: empty, for their home folders.
        """
        self._door, self._home = door, folder / "home"
        (self._home / ".ssh").mkdir(parents=True)
        shutil.copy(door.known_hosts, self._home / ".ssh" / "known_hosts")
        openssh = find_or_install_openssh()
        self._openssh, self._lftp, self._curl = openssh, find_or_install_lftp(), find_or_install_curl()
        every = frozenset({"put", "resume_put", "get", "resume_get", "names", "remove", "rename", "mkdir", "raw"})
        self.sftp = Client("sftp", every, self._sftp_call)
        self.scp = Client("scp", frozenset({"put", "get"}), self._scp_call)
        self.lftp = Client("lftp", every, self._lftp_call)
        self.curl = Client("curl", every, self._curl_call)
        self.paramiko = Client("paramiko", every - {"raw"}, self._paramiko_call)
        self.all = (self.sftp, self.scp, self.lftp, self.curl, self.paramiko)

    def __getitem__(self, name: str) -> Client:
        return next(client for client in self.all if client.name == name)

    def _ssh_options(self) -> list[str]:
        options = {
            "IdentityFile": self._door.key,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self._door.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
        }
        return ["-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]

    def _sftp_call(self, *steps: Step, bytes_per_second: int | None = None, flags: Sequence[str] = ()) -> Call:
        """A batch: ends with 1 at the first command that fails."""
        limit = [] if bytes_per_second is None else ["-l", str(bytes_per_second * 8 // 1000)]
        words = {
            "put": "put",
            "resume_put": "reput",
            "get": "get",
            "resume_get": "reget",
            "names": "ls -1af",
            "remove": "rm",
            "rename": "rename",
            "mkdir": "mkdir",
        }
        lines = [
            step.words[0] if step.verb == "raw" else " ".join([words[step.verb], *map(_sftp_quoted, step.words)])
            for step in steps
        ]
        target = f"{self._door.user}@{self._door.host}"
        argv = [self._openssh.sftp, *self._ssh_options(), *limit, *flags, "-P", str(self._door.port), "-b", "-", target]
        return Call(argv, "".join(f"{line}\n" for line in lines))

    def _scp_call(self, *steps: Step, bytes_per_second: int | None = None, flags: Sequence[str] = ()) -> Call:
        """By the SFTP protocol, which releases before 9.0 only speak when told."""
        if len(steps) != 1 or steps[0].verb not in self.scp.verbs:
            raise CannotDo(f"scp copies one file in a call: {steps}")
        limit = [] if bytes_per_second is None else ["-l", str(bytes_per_second * 8 // 1000)]
        spoken = ["-s"] if self._openssh.release < (9, 0) else []
        (step,) = steps
        there = f"{self._door.user}@{self._door.host}:"
        copied = (
            [step.words[0], there + step.words[1]]
            if step.verb == "put"
            else [there + _glob_quoted(step.words[0]), step.words[1]]
        )
        options = [*spoken, *self._ssh_options(), *limit, *flags, "-P", str(self._door.port)]
        return Call([self._openssh.scp, *options, "--", *copied])

    def _lftp_call(self, *steps: Step, bytes_per_second: int | None = None, settings: Sequence[str] = ()) -> Call:
        """A script: ends with 1 at the first command that fails."""
        ssh = shlex.join([self._openssh.ssh, "-a", "-x", *self._ssh_options()])
        limit = [] if bytes_per_second is None else [f"set net:limit-rate 0:{bytes_per_second}"]
        words: dict[str, Callable[..., str]] = {
            "put": lambda local, remote: f"put {local} -o {remote}",
            "resume_put": lambda local, remote: f"put -c {local} -o {remote}",
            "get": lambda remote, local: f"get {remote} -o {local}",
            "resume_get": lambda remote, local: f"get -c {remote} -o {local}",
            "names": lambda folder: f"cls -1a {folder}",
            "remove": lambda remote: f"rm {remote}",
            "rename": lambda old, new: f"mv {old} {new}",
            "mkdir": lambda folder: f"mkdir {folder}",
        }
        lines = [
            f'set sftp:connect-program "{ssh}"',
            *("set cmd:fail-exit yes", "set net:max-retries 1", "set net:persist-retries 0", "set net:timeout 20"),
            "set xfer:clobber yes",
            *limit,
            *settings,
            f"open -u {self._door.user}, -p {self._door.port} sftp://{self._door.host}",
            *(
                step.words[0] if step.verb == "raw" else words[step.verb](*map(_lftp_quoted, step.words))
                for step in steps
            ),
        ]
        script = "".join(f"{line}\n" for line in lines)
        home = {"HOME": str(self._home), "LFTP_HOME": str(self._home / "lftp")}
        return Call([self._lftp, "--norc", "-f", "/dev/stdin"], script, home)

    def _curl_call(self, *steps: Step, bytes_per_second: int | None = None, flags: Sequence[str] = ()) -> Call:
        """One transfer or listing; removals, renames and new folders after it, or alone."""
        transfers = [step for step in steps if step.verb not in {"remove", "rename", "mkdir", "raw"}]
        if len(transfers) > 1 or steps[: len(transfers)] != tuple(transfers):
            raise CannotDo(f"curl makes one transfer, first, in a call: {steps}")
        words = {"remove": "rm", "rename": "rename", "mkdir": "mkdir"}
        quoted = [
            f"-{step.words[0]}"
            if step.verb == "raw"
            else " ".join([f"-{words[step.verb]}", *map(_sftp_quoted, step.words)])
            for step in steps[len(transfers) :]
        ]
        done = self._curl_transfer(*transfers[0].words, verb=transfers[0].verb) if transfers else [self._url("/"), "-I"]
        limit = [] if bytes_per_second is None else ["--limit-rate", str(bytes_per_second)]
        argv = [
            *(self._curl, "--silent", "--show-error", "--disable", "--max-time", str(SECONDS_MAX - 5)),
            *("--user", f"{self._door.user}:", "--key", str(self._door.key), "--pubkey", f"{self._door.key}.pub"),
            *(word for command in quoted for word in ("--quote", command)),
            *limit,
            *flags,
            *done,
        ]
        return Call(argv, environment={"HOME": str(self._home)})  # for its ~/.ssh/known_hosts

    def _curl_transfer(self, *paths: str, verb: Verb) -> list[str]:
        match verb:
            case "put":
                return ["--upload-file", paths[0], self._url(paths[1])]
            case "resume_put":
                return ["--continue-at", "-", "--upload-file", paths[0], self._url(paths[1])]
            case "get":
                return ["--output", paths[1], self._url(paths[0])]
            case "resume_get":
                return ["--continue-at", "-", "--output", paths[1], self._url(paths[0])]
            case _:
                return ["--list-only", self._url(paths[0].rstrip("/") + "/")]

    def _url(self, path: str) -> str:
        return f"sftp://{self._door.host}:{self._door.port}{quote(os.fsencode(path))}"

    def _paramiko_call(self, *steps: Step, bytes_per_second: int | None = None) -> Call:
        """Ends with 1 and the exception's text at the first step that fails."""
        door = self._door
        told = {
            "host": door.host,
            "port": door.port,
            "user": door.user,
            "key": str(door.key),
            "known_hosts": str(door.known_hosts),
            "bytes_per_second": bytes_per_second,
            "steps": [[step.verb, *step.words] for step in steps],
        }
        return Call([sys.executable, "-m", "tests.edge.sftp.paramiko_client"], json.dumps(told))


def _sftp_quoted(word: str) -> str:
    """Within double quotes only the quote and the backslash mean something, to `sftp`, to curl's quotes and to lftp."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


_lftp_quoted = _sftp_quoted


def _glob_quoted(path: str) -> str:
    """Scp looks remote sources up as patterns."""
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in path)
