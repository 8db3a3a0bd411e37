"""A supplier's small paramiko program: reads what to do as JSON, does it in one session, and says what went wrong."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import paramiko

CHUNK_BYTES = 32_768


def main() -> int:
    told = json.load(sys.stdin)
    client = paramiko.SSHClient()
    client.load_host_keys(told["known_hosts"])
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        told["host"],
        told["port"],
        told["user"],
        key_filename=told["key"],
        allow_agent=False,
        look_for_keys=False,
        timeout=20,
    )
    with client, client.open_sftp() as session:
        for verb, *words in told["steps"]:
            try:
                STEPS[verb](session, *words, pace(told["bytes_per_second"]))
            except (OSError, paramiko.SSHException) as refused:
                print(f"{verb} {words[0]}: {refused}", file=sys.stderr)
                return 1
    return 0


def pace(bytes_per_second: int | None) -> Callable[[int, int], None]:
    """Called with the bytes so far: holds back what would be too fast."""
    begun = time.monotonic()

    def wait(done: int, _total: int) -> None:
        if bytes_per_second is not None:
            time.sleep(max(0.0, begun + done / bytes_per_second - time.monotonic()))

    return wait


def put(session: paramiko.SFTPClient, local: str, remote: str, wait: Callable[[int, int], None]) -> None:
    session.put(local, as_bytes(remote), callback=wait)  # asks for the size afterwards, and compares


def resume_put(session: paramiko.SFTPClient, local: str, remote: str, wait: Callable[[int, int], None]) -> None:
    there = session.stat(as_bytes(remote)).st_size or 0
    with Path(local).open("rb") as source, session.open(as_bytes(remote), "r+b") as target:
        source.seek(there)
        target.seek(there)
        target.set_pipelined(pipelined=True)
        copy(source, target, wait)


def get(session: paramiko.SFTPClient, remote: str, local: str, wait: Callable[[int, int], None]) -> None:
    session.get(as_bytes(remote), local, callback=wait)


def resume_get(session: paramiko.SFTPClient, remote: str, local: str, wait: Callable[[int, int], None]) -> None:
    with session.open(as_bytes(remote), "rb") as source, Path(local).open("ab") as target:
        source.seek(target.tell())
        copy(source, target, wait)


def names(session: paramiko.SFTPClient, folder: str, _wait: Callable[[int, int], None]) -> None:
    for name in session.listdir(as_bytes(folder)):
        sys.stdout.buffer.write((name if isinstance(name, bytes) else os.fsencode(name)) + b"\n")


def remove(session: paramiko.SFTPClient, remote: str, _wait: Callable[[int, int], None]) -> None:
    session.remove(as_bytes(remote))


def rename(session: paramiko.SFTPClient, old: str, new: str, _wait: Callable[[int, int], None]) -> None:
    session.rename(as_bytes(old), as_bytes(new))


def mkdir(session: paramiko.SFTPClient, folder: str, _wait: Callable[[int, int], None]) -> None:
    session.mkdir(as_bytes(folder))


def copy(source: IO[bytes], target: IO[bytes], wait: Callable[[int, int], None]) -> None:
    done = 0
    while chunk := source.read(CHUNK_BYTES):
        target.write(chunk)
        done += len(chunk)
        wait(done, 0)


def as_bytes(path: str) -> Any:
    """Paramiko sends bytes as they are, though its annotations only speak of strings."""
    return os.fsencode(path)


STEPS: dict[str, Callable[..., None]] = {
    "put": put,
    "resume_put": resume_put,
    "get": get,
    "resume_get": resume_get,
    "names": names,
    "remove": remove,
    "rename": rename,
    "mkdir": mkdir,
}

if __name__ == "__main__":
    raise SystemExit(main())
