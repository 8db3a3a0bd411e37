"""The servers under load, and the call of the load generator."""

import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.load import Plan
from tests.site import PROJECT, RunningGateway, Site

ACME_KEY = "a throw-away api key of acme"


@contextmanager
def gateway(**settings: object) -> Iterator[RunningGateway]:
    """A gateway in a throw-away folder on the disk."""
    limits = {"connections_per_address_max": 4_096}
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        site = Site(Path(folder), {"limits": limits} | settings, acme_profile=_acme_by_rest())
        with RunningGateway(site) as running:
            yield running


def _acme_by_rest() -> dict[str, object]:
    """The large file goes in by REST; X12 is acme's syntax."""
    return {"api_keys": [{"label": "bench", "sha256": hashlib.sha256(ACME_KEY.encode()).hexdigest()}]}


@contextmanager
def reference() -> Iterator[int]:
    """The bare server; its port."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.reference", f"{folder}/reference.db"],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def load(plan: Plan, *, before: Sequence[str] = ()) -> dict[str, Any]:
    """Run the load generator in a process of its own.

    Args:
        plan: what it sends.
        before: put before its command, such as `taskset`.

    Raises:
        AssertionError: something was refused; what is measured is the answer that counts.
    """
    return asyncio.run(load_async(plan, before=before))


async def load_async(plan: Plan, *, before: Sequence[str] = ()) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(plan.as_json())
        file.flush()
        process = await asyncio.create_subprocess_exec(
            *(*before, sys.executable, "-m", "tests.bench.load", file.name), cwd=PROJECT, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    return _outcome(json.loads(output))


def _outcome(found: dict[str, Any]) -> dict[str, Any]:
    assert not found["refused"], found["refused"]
    assert found["answered"], "nothing was answered"
    return found
