"""`gateway serve`, one life after the other, each killed at a step of fetching; imported once, and forked for each.

    python -m tests.faults.killed_while_fetching CONFIG FOLDER [STEP...]

Before each life a file is laid out; the step at which it died, or how else it ended, is one line of the output.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gateway.app  # so that no life has to import it
import gateway.commands.serve
from gateway.carriers.sftp_connection import RemoteServer
from gateway.commands.program import main
from gateway.flow.receive import Reception
from gateway.store import remote_files
from tests.flow.collecting.visiting import put
from tests.services.openssh import RemoteFolder
from tests.site import acknowledgment_855

STEPS = ("listed", "read", "looked again", "keeping", "durable", "removed", "forgotten")
assert gateway.app.Gateway, gateway.commands.serve


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(owner: type, name: str, *, before: bool = False) -> None:
    method: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def killed(*arguments: Any, **named: Any) -> Any:
        if not before:
            await method(*arguments, **named)
        die()

    setattr(owner, name, killed)


def live(config: str, step: str) -> None:
    match step:
        case "listed":
            dying(RemoteServer, "list")
        case "read":
            dying(RemoteServer, "read")
        case "looked again":
            dying(RemoteServer, "attributes")
        case "keeping":
            dying(Reception, "keep", before=True)
        case "durable":
            dying(Reception, "keep")
        case "removed":
            dying(RemoteServer, "remove")
        case "forgotten":
            remote_files.forget = lambda *_: die()
    os._exit(main(["serve", "--config", config]))


def lives(config: str, folder: str, *steps: str) -> None:
    for number, step in enumerate(steps, start=1):
        put(RemoteFolder(Path(folder), ""), f"{number}.edi", acknowledgment_855(number))
        child = os.fork()
        if not child:
            live(config, step)
        _, status = os.waitpid(child, 0)
        print(step if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"{step}: {status}")


if __name__ == "__main__":
    lives(*sys.argv[1:])
