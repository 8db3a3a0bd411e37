"""SFTP beside OpenSSH's own server: uploads by OpenSSH's client, with the same cipher, each durable before it is over.

`put -f` has OpenSSH's server sync a file before it is closed; ours keeps it durably before it answers CLOSE. Both get
the same files, in turns, each in a session of its own with its login.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Effort, Figure, figure
from tests.bench.load import Plan
from tests.bench.processes import MIB, memory
from tests.bench.samples import rest_request, write_850s, x12_855
from tests.bench.servers import load
from tests.faults.oracle import Store
from tests.services.openssh import SshServer, find_or_install_openssh
from tests.services.postgres import PostgresServer, create_database, find_or_install_postgres, lay_up_log
from tests.site import SERVE, RunningGateway, Site

CIPHER = "aes128-gcm@openssh.com"
LARGE_BYTES = 100_000_000
SMALL_BYTES = 5_000
SMALL_FILES = 200
MEMORY_BYTES = (10_000_000, 200_000_000)
RUNS_MIN = 5
UPLOAD_SECONDS_MAX = 120
HTTP_PER_S = 100.0
HTTP_CONNECTIONS = 8
# The session has logged in and its first megabytes are under way before a request counts.
SETTLED_S = 2.0
LIMITS = {
    "body_bytes_max": 2 * LARGE_BYTES + SMALL_BYTES,
    "connections_per_address_max": 4_096,
    "sftp_unfinished_bytes_max": 100 * LARGE_BYTES,
}


@dataclass(frozen=True)
class Server:
    """One of the two, as the client sees it."""

    port: int
    user: str
    key: Path
    folder: str

    def client(self, batch: Path) -> Sequence[str]:
        """The client that does what stands in a file."""
        options = {"Ciphers": CIPHER, "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null"}
        named = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        sftp = find_or_install_openssh().sftp
        return (
            sftp,
            "-q",
            *named,
            "-P",
            str(self.port),
            "-i",
            str(self.key),
            "-b",
            str(batch),
            f"{self.user}@127.0.0.1",
        )


def upload(effort: Effort) -> Iterator[Figure]:
    """n. One large file, and many small ones in a session."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        large, small = _large(folder / "large.edi", LARGE_BYTES), _small(folder)
        ours, running = stack.enter_context(_gateway())
        theirs = stack.enter_context(_openssh())
        sent = 0
        for name, files, unit, amount in (
            ("n. SFTP upload, 100 MB", [large], "MB/s", LARGE_BYTES / 1e6),
            (f"n. SFTP upload, {SMALL_FILES} files of 5 KB in one session", small, "files/s", float(SMALL_FILES)),
        ):
            found: dict[Server, list[float]] = {ours: [], theirs: []}
            for run in range(max(effort.runs, RUNS_MIN) + 1):
                for server in (ours, theirs) if run % 2 else (theirs, ours):
                    rate = amount / _seconds(server, folder / "batch", files, f"{unit[:2].lower()}{run}")
                    if run:  # the first is for what is used for the first time
                        found[server].append(rate)
                sent += len(files)
            yield figure(name, found[ours], unit, found[theirs], ">= 1 of OpenSSH's server")
        kept = Store(running.site).value("SELECT count(*) FROM message WHERE channel = 'sftp'")
        assert kept == sent, f"{kept} of {sent} files were taken"


def upload_memory(_effort: Effort) -> Iterator[Figure]:
    """o. What the process needs at most while a file comes, whatever its size."""
    peaks: list[float] = []
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name, _gateway() as (ours, running):
        folder = Path(name)
        assert running.process is not None
        _seconds(ours, folder / "batch", _small(folder)[:1], "warm")
        for size in MEMORY_BYTES:
            file = _large(folder / f"{size}.edi", size)
            Path(f"/proc/{running.process.pid}/clear_refs").write_text("5")  # forgets the peak so far
            _seconds(ours, folder / "batch", [file], "memory")
            peaks.append(memory(running.process.pid)["VmHWM"] / MIB)
    few, many = (f"{size // 1_000_000} MB" for size in MEMORY_BYTES)
    yield figure(f"o. memory at most while {many} come by SFTP", peaks[1:], "MiB", peaks[:1], f"1: as with {few}")


def edge_latency_beside_uploads(effort: Effort) -> Iterator[Figure]:
    """p. What HTTP feels of uploads without a pause, SFTP in a process of its own and both on one PostgreSQL."""
    alone: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        large = _large(folder / "large.edi", LARGE_BYTES)
        edge, ours = stack.enter_context(_two_processes())
        # Two cores and a disk are shared with whatever goes on beside: how much of it is that, OpenSSH's server tells.
        theirs = stack.enter_context(_openssh())
        beside: dict[Server, list[float]] = {ours: [], theirs: []}
        _p99_ms(Plan(edge.edge_port, [rest_request("warm")], HTTP_CONNECTIONS, 1.0, rate=HTTP_PER_S))
        for run in range(max(effort.runs, RUNS_MIN)):
            quiet = Plan(
                edge.edge_port, [rest_request(f"quiet{run}")], HTTP_CONNECTIONS, effort.seconds, rate=HTTP_PER_S
            )
            alone.append(_p99_ms(quiet))
            for server, runs in beside.items():
                with _uploads(server, folder / "batch", large, run):
                    request = rest_request(f"busy{server.port}-{run}")
                    busy = Plan(edge.edge_port, [request], HTTP_CONNECTIONS, effort.seconds, HTTP_PER_S)
                    busy.warm_up_s = SETTLED_S
                    runs.append(_p99_ms(busy))
        uploaded = Store(edge.site).value("SELECT count(*) FROM message WHERE channel = 'sftp'")
    name = "p. edge p99 while files of 100 MB come by SFTP, in a process of its own"
    notes = {"files": uploaded, "while they come to OpenSSH's server": statistics.median(beside[theirs])}
    yield figure(name, beside[ours], "ms", alone, "<= 2 of idle", notes=notes)


def _seconds(server: Server, batch: Path, files: Sequence[Path], prefix: str) -> float:
    """How long a session takes that uploads these files under names of its own."""
    batch.write_text("".join(f"put -f {file} {server.folder}/{prefix}-{file.name}\n" for file in files))
    began = time.perf_counter()
    done = subprocess.run(server.client(batch), capture_output=True, text=True, check=False, timeout=UPLOAD_SECONDS_MAX)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    return took


def _large(file: Path, size: int) -> Path:
    write_850s(file, size)
    os.truncate(file, size)
    return file


def _small(folder: Path) -> list[Path]:
    files = [folder / f"small-{number:03}.edi" for number in range(SMALL_FILES)]
    for number, file in enumerate(files, start=1):
        file.write_bytes(x12_855(number, SMALL_BYTES, sets=1))
    return files


@contextmanager
def _openssh() -> Iterator[Server]:
    server = SshServer(find_or_install_openssh(), options={"Ciphers": CIPHER})
    try:
        server.start()
        yield Server(server.port, server.user, server.client_key, server.fresh_folder().remote)
    finally:
        server.close()


@contextmanager
def _gateway() -> Iterator[tuple[Server, RunningGateway]]:
    """Everything in one process on SQLite, as it comes; nothing is processed meanwhile."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        site, key = _site(Path(folder))
        with RunningGateway(site) as running:
            yield _server(running, key), running


@contextmanager
def _two_processes() -> Iterator[tuple[RunningGateway, Server]]:
    """An edge with its workers on the first core, SFTP and its clients on the second, one PostgreSQL for both."""
    postgres = PostgresServer(find_or_install_postgres())
    with ExitStack() as stack:
        stack.callback(postgres.close)
        postgres.start()
        lay_up_log(postgres.url)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        site, key = _site(folder, database_url=create_database(postgres.url))
        edge, visited = RunningGateway(site), RunningGateway(site)
        stack.enter_context(edge.start(before=_on_core(0), program=(*SERVE, "--role", "edge,worker")))
        stack.enter_context(visited.start(before=_on_core(1), program=(*SERVE, "--role", "sftp")))
        yield edge, _server(visited, key)


def _site(folder: Path, **settings: object) -> tuple[Site, Path]:
    """A gateway whose partner acme-supply has a mailbox, and the key that opens it."""
    key = folder / "partner"
    keygen = find_or_install_openssh().ssh_keygen
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(key)], check=True)
    site = Site(
        folder / "site",
        {"limits": LIMITS, "processing_paused": True} | settings,
        acme_profile={"sftp": {"user": "acme", "keys": [{"label": "bench", "file": "acme.pub"}]}},
    )
    shutil.copy(f"{key}.pub", site.partners_dir / "acme-supply" / "acme.pub")
    return site, key


def _server(running: RunningGateway, key: Path) -> Server:
    return Server(running.sftp_port, "acme", key, "/inbox")


def _on_core(core: int) -> tuple[str, ...]:
    return ("taskset", "-c", str(core)) if (os.cpu_count() or 1) > 1 else ()


@contextmanager
def _uploads(server: Server, batch: Path, file: Path, run: int) -> Iterator[None]:
    """One session that uploads files without a pause, until the block ends."""
    batch.write_text("".join(f"put {file} {server.folder}/busy-{run}-{count}.edi\n" for count in range(1_000)))
    # The client stands for another machine, so whatever runs on this one comes first.
    client = subprocess.Popen(
        ["nice", *_on_core(1), *server.client(batch)], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
        assert client.poll() is None, "the uploads ended early"
    finally:
        client.terminate()
        client.wait()


def _p99_ms(plan: Plan) -> float:
    """Of requests that come from the core of the edge; all of them are answered well."""
    return float(load(plan, before=_on_core(0))["p99_ms"])
