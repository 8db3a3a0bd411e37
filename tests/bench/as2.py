"""AS2 beside OpenAS2 in one run: small messages and a large one, received and acknowledged with a signed receipt.

Both get the same kind of message from the same load generator, each over a connection of its own (OpenAS2 closes after
every answer), keep it on the same disk, and are warm before anything counts.
"""

import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.as2.message import Encryption, MdnRequest, Signing, WrittenMessage, write_message
from tests.bench.figures import Effort, Figure, figure
from tests.bench.load import MARK, Plan, http_request
from tests.bench.processes import Watch
from tests.bench.samples import AS2_BYTES, write_850s, x12_855
from tests.bench.servers import gateway, load
from tests.interop.java import NoJavaError
from tests.interop.products import OUR_AS2_ID, OpenAs2
from tests.site import key_pair

BODIES = 24
LARGE_BYTES = 50_000_000
LARGE_RUNS = 3
WARM_UP_S = 10.0


@dataclass(frozen=True)
class Server:
    """One of the two: where it listens, its process, and how a message to it is written."""

    port: int
    path: str
    process: int
    write: Callable[..., WrittenMessage]


def receive(effort: Effort) -> Iterator[Figure]:
    """g. Signed and encrypted 5 KB with a signed receipt, kept before the answer, with 1 and 8 connections."""
    with _both() as (ours, theirs):
        requests = {server.port: _requests(server) for server in (ours, theirs) if server is not None}
        sent = 0
        for server, seconds in ((ours, 1.0), (theirs, WARM_UP_S)):
            if server is not None:
                plan = Plan(server.port, requests[server.port], 8, seconds, first_number=sent + 1, reconnect=True)
                sent += load(plan)["sent"] + 1
        for connections, wanted in ((1, "no slower than OpenAS2"), (8, ">= 3 times OpenAS2")):
            found: dict[int, list[float]] = {}
            for _ in range(effort.runs):
                for server in (ours, theirs):
                    if server is None:
                        continue
                    plan = Plan(server.port, requests[server.port], connections, effort.seconds, reconnect=True)
                    plan.first_number = sent + 1
                    outcome = load(plan)
                    sent += outcome["sent"] + 1
                    found.setdefault(server.port, []).append(outcome["per_s"])
            name = f"g. AS2 5 KB received, {connections} connection{'s' if connections > 1 else ''}, beside OpenAS2"
            beside = found[theirs.port] if theirs is not None else None
            yield figure(name, found[ours.port], "1/s", beside, wanted if beside else "no peer here")


def receive_large(_effort: Effort) -> Iterator[Figure]:
    """h. One message of 50 MB, compressed, signed and encrypted: how long and how much memory it takes."""
    with _both() as (ours, theirs):
        seconds: dict[int, list[float]] = {}
        peaks: dict[int, list[tuple[float, float]]] = {}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "large.edi"
            write_850s(file, LARGE_BYTES)
            content = file.read_bytes()
        for server in (ours, theirs):
            if server is None:
                continue
            message = server.write(content, "<large@bench>", compression="before-signing")
            _post(server, _requests(server)[0].replace(MARK, b"0000000000"))
            for run in range(LARGE_RUNS + 1):
                head = dict(message.headers) | {"Message-ID": f"<large-{run}@bench>"}
                took, peak = _watched(server, http_request(server.path, head, message.body))
                if run or server is ours:  # the JVM's first is its warm-up
                    seconds.setdefault(server.port, []).append(took)
                peaks.setdefault(server.port, []).append(peak)
        beside = seconds[theirs.port] if theirs is not None else None
        wanted = "<= 0.2 of OpenAS2" if beside else "no peer here"
        yield figure("h. AS2 50 MB received, beside OpenAS2", seconds[ours.port], "s", beside, wanted)
        for index, what in enumerate(("VmHWM", "RssAnon")):
            runs = [peak[index] for peak in peaks[ours.port]]
            other = [peak[index] for peak in peaks[theirs.port]] if theirs is not None else None
            # A process that has grown once keeps its memory: the first message shows what one takes.
            notes = {"first": runs[0]} | ({"OpenAS2's first": other[0]} if other else {})
            name = f"h. extra memory while it is received, {what}"
            yield figure(name, [max(runs)], "MiB", [max(other)] if other else None, "<= 64 MiB", notes=notes)


@contextmanager
def _both() -> Iterator[tuple[Server, Server | None]]:
    """Our gateway and OpenAS2, or None in its place where it cannot be had."""
    with ExitStack() as stack:
        running = stack.enter_context(gateway(processing_paused=True))
        assert running.process is not None
        ours = Server(running.edge_port, "/as2", running.process.pid, running.site.as2_message)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        peer = OpenAs2()
        try:
            process = stack.enter_context(peer.start(home, key_pair("peer"), running.site.ours, {}, quiet=True))
        except NoJavaError as error:
            print(f"  OpenAS2: not run; {error}", file=sys.stderr)
            yield ours, None
            return
        yield ours, Server(peer.port, "/", process.process.pid, _for_openas2)


def _for_openas2(payload: bytes, message_id: str, **changes: object) -> WrittenMessage:
    wanted: dict[str, object] = {
        "as2_from": OUR_AS2_ID,
        "as2_to": OpenAs2.as2_id,
        "message_id": message_id,
        "content_type": "application/edi-x12",
        "now": datetime.now(UTC),
        "signing": Signing(key_pair("bigcorp")),
        "encryption": Encryption([key_pair("peer").certificate]),
        "mdn_request": MdnRequest("edi@bench.example", signed=True, micalgs=("sha-256",)),
    }
    return write_message(payload, **(wanted | changes))  # type: ignore[arg-type]


def _requests(server: Server) -> list[bytes]:
    """So many different messages, each of which is sent under a new Message-ID every time (it is not signed)."""
    requests = []
    for count in range(1, BODIES + 1):
        written = server.write(x12_855(count, AS2_BYTES, sets=1), f"<{MARK.decode()}@bench.example>")
        requests.append(http_request(server.path, dict(written.headers), written.body))
    return requests


def _post(server: Server, request: bytes) -> float:
    """How long one request takes, to the last byte of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.connect()
    assert connection.sock is not None
    began = time.perf_counter()
    connection.sock.sendall(request)
    answer = http.client.HTTPResponse(connection.sock, method="POST")
    answer.begin()
    received = answer.read()
    took = time.perf_counter() - began
    connection.close()
    assert answer.status == 200, answer.status
    assert b"automatic-action/MDN-sent-automatically; processed\r\n" in received, received[:2_000]
    return took


def _watched(server: Server, request: bytes) -> tuple[float, tuple[float, float]]:
    """Seconds, and by how many MiB the peak of the resident set and of its anonymous part rose meanwhile."""
    with Watch(server.process) as watch:
        took = _post(server, request)
    return took, watch.peak
