"""A quiet partner beside one that sends ten times its quota: what it feels of that."""

import asyncio
import hashlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from partners.throttling_terms import Rate
from tests.bench.figures import Effort, Figure, figure
from tests.bench.load import Plan
from tests.bench.samples import rest_request
from tests.bench.servers import ACME_KEY
from tests.site import API_KEY, PROJECT, RunningGateway, Site

RUNS_MIN = 5
QUIET_PER_S = 50.0
QUIET_CONNECTIONS = 4
NOISY_CONNECTIONS = 32
TIMES_ITS_QUOTA = 10
# A noisy partner has used up its burst, and what came of that is processed, before anything counts.
SETTLED_S = 3.0
QUOTA = Rate(per_second=50, burst=100)


def quiet_partner(effort: Effort) -> Iterator[Figure]:
    """k. Open loop at both: the gateway has the first core for itself, the clients share the second."""
    alone: list[float] = []
    beside: list[float] = []
    medians: list[float] = []
    own_medians: list[float] = []
    noisy_per_s = float(QUOTA.per_second * TIMES_ITS_QUOTA)
    refused = accepted = 0
    with _gateway() as running:
        port = running.edge_port
        asyncio.run(_drive(_quiet(port, "warm", effort.seconds)))
        for run in range(max(effort.runs, RUNS_MIN)):
            ((found),) = asyncio.run(_drive(_quiet(port, f"alone{run}", effort.seconds)))
            alone.append(_all_answered(found)["p99_ms"])
            own_medians.append(found["p50_ms"])
            noisy = Plan(
                port,
                [rest_request(f"noisy{run}").replace(API_KEY.encode(), ACME_KEY.encode())],
                NOISY_CONNECTIONS,
                effort.seconds + SETTLED_S,
                rate=noisy_per_s,
                warm_up_s=0,
            )
            found, neighbour = asyncio.run(_drive(_quiet(port, f"beside{run}", effort.seconds, SETTLED_S), noisy))
            beside.append(_all_answered(found)["p99_ms"])
            medians.append(found["p50_ms"])
            assert set(neighbour["refused"]) == {"429"}, neighbour["refused"]
            refused += neighbour["refused"]["429"]
            accepted += neighbour["sent"] - neighbour["refused"]["429"]
    notes = {
        "noisy/s": noisy_per_s,
        "of them let in %": 100 * accepted / (accepted + refused),
        "p50": statistics.median(medians),
        "p50 alone": statistics.median(own_medians),
    }
    name = f"k. p99 of a quiet partner while another sends {TIMES_ITS_QUOTA} times its quota"
    yield figure(name, beside, "ms", alone, "<= 2 of its own", notes=notes)


def _quiet(port: int, key_prefix: str, seconds: float, warm_up_s: float = 0.5) -> Plan:
    request = rest_request(key_prefix)
    return Plan(port, [request], QUIET_CONNECTIONS, seconds, rate=QUIET_PER_S, warm_up_s=warm_up_s)


def _all_answered(found: dict[str, Any]) -> dict[str, Any]:
    assert not found["refused"], found["refused"]
    return found


@contextmanager
def _gateway() -> Iterator[RunningGateway]:
    """A gateway on the first core; both partners send JSON, one of them has a quota."""
    key = {"label": "bench", "sha256": hashlib.sha256(ACME_KEY.encode()).hexdigest()}
    agreement = {"document": "ship_notice", "direction": "inbound", "syntax": "json"}
    noisy = {"api_keys": [key], "agreements": [agreement], "throttling": {"submit": QUOTA.model_dump()}}
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        running = RunningGateway(Site(Path(folder), acme_profile=noisy))
        running.start(before=_pinned(0))
        try:
            yield running
        finally:
            running.kill()


def _pinned(core: int) -> tuple[str, ...]:
    return ("taskset", "-c", str(core)) if (os.cpu_count() or 1) > 1 else ()


async def _drive(*plans: Plan) -> list[dict[str, Any]]:
    return await asyncio.gather(*(_drive_one(plan) for plan in plans))


async def _drive_one(plan: Plan) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(plan.as_json())
        file.flush()
        command = (*_pinned(1), sys.executable, "-m", "tests.bench.load", file.name)
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
    found: dict[str, Any] = json.loads(output)
    return found
