"""strace: watches the system calls of a process, and kills it at a chosen one."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.services.install import ServiceUnavailable, apt_install, can_install

ATTACHED_WITHIN_S = 30


def find_or_install_strace() -> str:
    """Where strace is.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    if shutil.which("strace") is None and can_install():
        apt_install("strace")
    found = shutil.which("strace")
    if found is None:
        raise ServiceUnavailable("strace is not installed here, and apt-get as root cannot bring it: install it")
    return found


def kill_at(
    strace: str, pid: int, call: str, nth: int, said: Path, *, first_thread_only: bool = False
) -> "subprocess.Popen[bytes]":
    """strace on a running process, which it kills as one of its threads enters a call for the nth time from now.

    Returns once it is attached; to be terminated and waited for.

    Args:
        call: one system call, or several that are counted together, as strace writes them.
        said: a file for what strace says.
    """
    command = [
        *(strace, *(() if first_thread_only else ("-f",)), "-o", os.devnull, "-e", f"trace={call}"),
        *("-e", f"inject={call}:signal=SIGKILL:when={nth}", "-p", str(pid)),
    ]
    with said.open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    deadline = time.monotonic() + ATTACHED_WITHIN_S
    while b"attached" not in said.read_bytes():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, "strace does not attach"
        time.sleep(0.01)
    return process
