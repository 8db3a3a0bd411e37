"""The load generator: a process of its own that costs little, so that what is measured is the server.

``python -m tests.bench.load PLAN`` reads a plan (JSON) and prints what happened (JSON). A request is kept as bytes;
where it holds `MARK`, each sending puts another number there.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

MARK = b"@@number@@"
NUMBER_FORMAT = b"%010d"  # as long as the mark, so that lengths stay right
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass
class Plan:
    """What to send.

    Attributes:
        requests: whole requests, head and body; sent in turn.
        connections: how many at once.
        seconds: how long.
        rate: requests a second over all connections, whatever the answers take; None: as fast as answers come.
        warm_up_s: this long before anything counts.
        first_number: numbers begin here.
        once: end when each request was sent once.
        reconnect: each request has a connection of its own, as with servers that close after each answer.
    """

    port: int
    requests: list[bytes]
    connections: int
    seconds: float
    rate: float | None = None
    warm_up_s: float = 0.3
    first_number: int = 1
    once: bool = False
    reconnect: bool = False

    def as_json(self) -> str:
        values = vars(self) | {"requests": [item.decode("latin-1") for item in self.requests]}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        values = json.loads(text)
        values["requests"] = [item.encode("latin-1") for item in values["requests"]]
        return cls(**values)


@dataclass
class Record:
    """What happened."""

    latencies_s: list[float] = field(default_factory=list)
    started_ns: list[int] = field(default_factory=list)
    sent: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    began: float = 0.0


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._missing = -1
        self._sent_at = 0.0
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._driver.is_free(self)

    def send(self, request: bytes, now: float) -> None:
        assert self._transport is not None
        self._sent_at = now
        self._waits = True
        self._buffer = b""
        self._missing = -1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._buffer += data
            end = self._buffer.find(HEAD_END)
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._missing = length - (len(self._buffer) - end - len(HEAD_END))
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._waits = False
            self._driver.answered(self, self._buffer[9:12], self._sent_at)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._driver.lost(self._waits)


class Driver:
    """Hands requests to connections, closed loop or at a rate."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers = count(plan.first_number)
        self._templates = [request.split(MARK) for request in plan.requests]
        self._turn = 0
        self._free: list[Connection] = []
        self._late: list[float] = []
        self.record = Record()
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._until = float("inf")
        self._opening: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.record.began = time.monotonic() + self._plan.warm_up_s
        self._until = self.record.began + self._plan.seconds

    def is_free(self, connection: Connection) -> None:
        if self._plan.rate is None:
            self._send(connection, time.monotonic())
        elif self._late:
            self._send(connection, self._late.pop(0))
        else:
            self._free.append(connection)

    async def keep_rate(self) -> None:
        """Requests fall due whether or not a connection is free; waiting counts as latency."""
        assert self._plan.rate is not None
        due = time.monotonic()
        while not self.ended.is_set() and due < self._until:
            await asyncio.sleep(due - time.monotonic())
            if self._free:
                self._send(self._free.pop(0), due)  # in turn, so that the server closes none that it finds idle
            else:
                self._late.append(due)
            due += 1 / self._plan.rate

    def _send(self, connection: Connection, due: float) -> None:
        now = time.monotonic()
        if now >= self._until or (self._plan.once and self._turn == len(self._templates)):
            self.ended.set()
            return
        template = self._templates[self._turn % len(self._templates)]
        self._turn += 1
        request = template[0] if len(template) == 1 else (NUMBER_FORMAT % next(self._numbers)).join(template)
        self.record.sent += 1
        self.record.started_ns.append(time.time_ns())
        connection.send(request, due)

    def answered(self, connection: Connection, status: bytes, sent_at: float) -> None:
        if not status.startswith(b"2"):
            name = status.decode()
            self.record.refused[name] = self.record.refused.get(name, 0) + 1
        elif sent_at >= self.record.began:
            self.record.latencies_s.append(time.monotonic() - sent_at)
        if not self._plan.reconnect:
            self.is_free(connection)
            return
        connection.close()
        if not self.ended.is_set():
            self._opening.add(task := self._loop.create_task(self.connect()))
            task.add_done_callback(self._opening.discard)

    async def connect(self) -> None:
        await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._plan.port)

    def lost(self, waits: bool) -> None:
        """A connection is gone; without one to reconnect to, or with an answer under way, that is a fault."""
        if not self.ended.is_set() and (waits or not self._plan.reconnect):
            self.record.refused["connection lost"] = self.record.refused.get("connection lost", 0) + 1
            self.ended.set()


async def drive(plan: Plan) -> dict[str, Any]:
    driver = Driver(plan)
    driver.start()
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_connection(lambda: Connection(driver), "127.0.0.1", plan.port))[0]
        for _ in range(plan.connections)
    ]
    rated = asyncio.create_task(driver.keep_rate()) if plan.rate is not None else None
    await driver.ended.wait() if rated is None else await rated
    seconds = time.monotonic() - driver.record.began
    await asyncio.sleep(0.5)  # answers under way
    driver.ended.set()
    for transport in transports:
        transport.close()
    latencies = sorted(driver.record.latencies_s)
    return {
        "answered": len(latencies),
        "sent": driver.record.sent,
        "per_s": len(latencies) / seconds,
        "p50_ms": _percentile(latencies, 0.50) * 1_000,
        "p99_ms": _percentile(latencies, 0.99) * 1_000,
        "refused": driver.record.refused,
        "started_ns": driver.record.started_ns if plan.once else [],
    }


def _percentile(ascending: list[float], share: float) -> float:
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)] if ascending else float("nan")


def http_request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    print(json.dumps(uvloop.run(drive(Plan.from_json(Path(sys.argv[1]).read_text())))))
