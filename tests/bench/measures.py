"""The measurements. Each is a ratio to something measured in the same run, so that the machine cancels out."""

import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.bench import as2, as2_sending, lists, neighbours, profiles, sftp, signed, x12
from tests.bench.figures import Effort, Figure, figure
from tests.bench.load import Plan
from tests.bench.samples import (
    LARGE_BYTES,
    LINES_PER_SET,
    as2_request,
    as2_requests_renumbered,
    rest_request,
    x12_855,
)
from tests.bench.servers import ACME_KEY, gateway, load, load_async, reference
from tests.faults.erp import Erp
from tests.faults.oracle import Store
from tests.services.rabbitmq import RabbitNode, find_or_install_rabbitmq

REST_CONNECTIONS = 32
AS2_CONNECTIONS = 16
AS2_BODIES = 48
PACED_RATE = 100.0
WARM_UP_S = 0.5


def accept_rest(effort: Effort) -> Iterator[Figure]:
    """a. Durable accepts, and beside them the whole line to the broker's confirm."""
    ours: list[float] = []
    theirs: list[float] = []
    for run in range(effort.runs):
        with reference() as port:
            plan = Plan(port, [rest_request(f"r{run}")], REST_CONNECTIONS, effort.seconds)
            theirs.append(load(plan)["per_s"])
        with gateway(processing_paused=True) as running:
            plan = Plan(running.edge_port, [rest_request(f"r{run}")], REST_CONNECTIONS, effort.seconds)
            ours.append(load(plan)["per_s"])
    yield figure("a. durable REST accepts, 2 KB, 32 connections", ours, "1/s", theirs, ">= 0.5 of the bare handler")
    lines: list[float] = []
    with _broker() as node:
        for run in range(effort.runs):
            with gateway(broker_url=node.fresh_vhost()) as running:
                plan = Plan(running.edge_port, [rest_request(f"l{run}")], REST_CONNECTIONS, effort.seconds)
                store = Store(running.site)
                started = time.monotonic()
                accepted = load(plan)["sent"]
                while store.value("SELECT count(*) FROM message WHERE state = 'published'") < accepted:
                    time.sleep(0.05)
                lines.append(accepted / (time.monotonic() - started))
    yield figure("a. the whole line, POST to confirmed event (quorum queue)", lines, "1/s", ours, "beside it")


def edge_latency_beside_large_files(effort: Effort) -> Iterator[Figure]:
    """b. What others feel of an 8 MB file."""
    idle: list[float] = []
    busy: list[float] = []
    files = 0
    with gateway() as running:
        for run in range(effort.runs):
            plan = Plan(running.edge_port, [rest_request(f"i{run}")], 8, effort.seconds, rate=PACED_RATE)
            idle.append(load(plan)["p99_ms"])
            plan.requests = [rest_request(f"b{run}")]
            p99_ms, accepted = asyncio.run(_beside_large_file(running, plan, 9_000 + run))
            busy.append(p99_ms)
            files += accepted
    yield figure("b. edge p99 while an 8 MB file is read", busy, "ms", idle, "near 1 of idle", notes={"files": files})


async def _beside_large_file(running, plan: Plan, number: int) -> tuple[float, int]:
    body = x12_855(number, LARGE_BYTES, lines=LINES_PER_SET)
    async with aiohttp.ClientSession() as http:
        headers = {"X-API-Key": ACME_KEY, "Content-Type": "application/edi-x12"}
        async with http.post(f"{running.edge_url}/v1/documents", data=body, headers=headers) as response:
            assert response.status == 202, await response.text()
            message_id = (await response.json())["id"]
        found = await load_async(plan)
        store = Store(running.site)
        while store.value("SELECT state FROM message WHERE id = :id", id=message_id) in {"received", "processing"}:
            await asyncio.sleep(0.1)
        assert store.value("SELECT state FROM message WHERE id = :id", id=message_id) in {"queued", "published"}
    return found["p99_ms"], 1


def accept_as2(effort: Effort) -> Iterator[Figure]:
    """c. Signed and encrypted AS2 with a signed receipt, against what RSA alone allows."""
    ours: list[float] = []
    limits: list[float] = []
    p50: list[float] = []
    with gateway(processing_paused=True) as running:
        requests = as2_requests_renumbered(running.site, AS2_BODIES)
        first = 1
        for _ in range(effort.runs):
            limits.append(_rsa_messages_per_second(effort.seconds / 2))
            plan = Plan(running.edge_port, requests, AS2_CONNECTIONS, effort.seconds, first_number=first)
            found = load(plan)
            first += found["sent"] + 1
            ours.append(found["per_s"])
            p50.append(found["p50_ms"])
    yield figure(
        "c. AS2 signed+encrypted 5 KB, signed MDN, durable",
        ours,
        "1/s",
        limits,
        ">= 0.40 of the RSA limit of all cores",
        notes={"p50_ms": statistics.median(p50)},
    )


def _rsa_messages_per_second(seconds: float) -> float:
    """Two private operations a message, on all cores at once."""
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        return sum(pool.map(_private_operations_per_second, [seconds] * cores)) / 2


def _private_operations_per_second(seconds: float) -> float:
    key = rsa.generate_private_key(65_537, 2_048)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        key.sign(b"x" * 32, padding.PKCS1v15(), hashes.SHA256())
        done += 1
    return done / (time.perf_counter() - began)


def event_latency(effort: Effort) -> Iterator[Figure]:
    """d. From the start of the POST to the consumer, at a tenth of what AS2 reaches."""
    with gateway(processing_paused=True) as running:
        requests = as2_requests_renumbered(running.site, AS2_BODIES)
        reached = load(Plan(running.edge_port, requests, AS2_CONNECTIONS, effort.seconds / 2))["per_s"]
    p50: list[float] = []
    p99: list[float] = []
    with _broker() as node:
        for _ in range(effort.runs):
            latencies = asyncio.run(_event_latencies(node.fresh_vhost(), reached / 10, effort.seconds))
            p50.append(statistics.median(latencies))
            p99.append(latencies[int(len(latencies) * 0.99)])
    yield figure("d. POST to the consumer, p50", p50, "ms", None, "", notes={"rate": reached / 10})
    yield figure("d. POST to the consumer, p99", p99, "ms", None, "<= 50 ms")


async def _event_latencies(broker_url: str, rate: float, seconds: float) -> list[float]:
    number = int(rate * seconds)
    with gateway(broker_url=broker_url) as running:
        requests = [as2_request(running.site, count) for count in range(1, number + 1)]
        async with Erp(broker_url) as erp:
            warm = Plan(running.edge_port, [as2_request(running.site, number + 1)], 1, 5, once=True, warm_up_s=0)
            await load_async(warm)
            await erp.wait_for_count(1)
            plan = Plan(running.edge_port, requests, AS2_CONNECTIONS, seconds * 2, rate=rate, once=True, warm_up_s=0)
            found = await load_async(plan)
            await erp.wait_for_count(found["sent"] + 1)
            seen = {delivery.lane.rpartition("-")[2]: delivery.at_ns for delivery in erp.deliveries}
    latencies = [(seen[str(count)] - at) / 1e6 for count, at in enumerate(found["started_ns"], start=1)]
    # The first ones wait for connections, threads and code that are used for the first time in their processes.
    return sorted(latencies[int(rate * WARM_UP_S) :])


@contextmanager
def _broker() -> Iterator[RabbitNode]:
    node = RabbitNode(find_or_install_rabbitmq())
    try:
        node.start()
        yield node
    finally:
        node.close()


MEASURES: dict[str, Callable[[Effort], Iterator[Figure]]] = {
    "a": accept_rest,
    "b": edge_latency_beside_large_files,
    "c": accept_as2,
    "d": event_latency,
    "e": x12.speed,
    "f": x12.memory,
    "g": as2.receive,
    "h": as2.receive_large,
    "i": as2_sending.send,
    "j": profiles.profiles,
    "k": neighbours.quiet_partner,
    "l": signed.accept_signed,
    "m": lists.pages,
    "n": sftp.upload,
    "o": sftp.upload_memory,
    "p": sftp.edge_latency_beside_uploads,
}
