"""AS2 sent through the delivery line to a receiver that only opens and acknowledges, beside OpenAS2's own sender."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench.as2 import LARGE_BYTES
from tests.bench.figures import Effort, Figure, figure
from tests.bench.processes import Watch
from tests.bench.samples import AS2_BYTES, write_850s
from tests.faults.oracle import Store
from tests.interop.java import NoJavaError
from tests.interop.peers.process import PeerProcess
from tests.interop.products import OUR_AS2_ID, OpenAs2
from tests.site import PROJECT, RunningGateway, Site, key_pair

MESSAGES = 120
WARMING = 40
WARM_UP_S = 10.0
LARGE_RUNS = 3
DONE_WITHIN_S = 120


def send(effort: Effort) -> Iterator[Figure]:
    """i. Signed and encrypted messages sent until their receipts are proven and kept: 5 KB, and one of 50 MB."""
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        files = _files(folder / "small", WARMING + MESSAGES * effort.runs)
        large = folder / "large.edi"
        write_850s(large, LARGE_BYTES)
        large.write_bytes(b"\n" + large.read_bytes())  # no X12 any more, so that its addresses are nobody's affair
        with _receiver("acme-supply", folder) as port:
            ours = _rates(folder / "gateway-small", port, files)
        seconds, peaks = _large(folder / "gateway-large", large, folder)
        beside: list[float] | None = None
        try:
            with _openas2(folder) as (peer, process, settings):
                _rate_of_openas2(peer, process, settings, files, WARM_UP_S)
                theirs = [_rate_of_openas2(peer, process, settings, files, effort.seconds) for _ in range(effort.runs)]
                compressed = settings | {"compression_type": "zlib"}
                beside = [_seconds_of_openas2(peer, process, compressed, large) for _ in range(LARGE_RUNS + 1)][1:]
        except NoJavaError as error:
            print(f"  OpenAS2: not run; {error}", file=sys.stderr)
    note = "no peer here" if beside is None else ""
    yield figure("i. AS2 5 KB sent and proven, beside OpenAS2 one by one", ours, "1/s", theirs or None, note)
    yield figure("i. AS2 50 MB sent and proven, beside OpenAS2", seconds, "s", beside, note)
    for index, what in enumerate(("VmHWM", "RssAnon")):
        runs = [peak[index] for peak in peaks]
        yield figure(f"i. extra memory while it is sent, {what}", [max(runs)], "MiB", None, "<= 64 MiB")


def _files(folder: Path, number: int) -> list[Path]:
    folder.mkdir()
    files = [folder / f"{count:04d}.bin" for count in range(number)]
    for file in files:
        file.write_bytes((file.name.encode() + b" some business text of no meaning ") * (AS2_BYTES // 40))
    return files


def _site(root: Path, port: int) -> Site:
    """A gateway whose partner acme-supply is the receiver."""
    as2 = {
        "id": "ACME-AS2",
        "certificate": "acme.pem",
        "url": f"http://127.0.0.1:{port}/",
        "connection": {"private_networks": "127.0.0.0/8"},
        "sending": {"compress": "before-signing" if "large" in root.name else "none"},
    }
    return Site(root, {}, acme_profile={"as2": as2, "delivery": {"concurrent_max": 8}})


def _rates(root: Path, port: int, files: list[Path]) -> list[float]:
    """Messages proven a second, for each run of so many; they wait in the database before anything runs."""
    site = _site(root, port)
    call = [sys.executable, "-m", "gateway", "send", *map(str, files), "--partner", "acme-supply", "--as-is"]
    call += ["--content-type", "application/octet-stream", "--config", str(site.config)]
    subprocess.run(call, check=True, capture_output=True, cwd=PROJECT)
    with RunningGateway(site):
        store = Store(site)
        _wait(store, len(files))
        proven = [row.at_ms for row in store.rows("SELECT at_ms FROM timeline WHERE step = 'delivered' ORDER BY at_ms")]
    ends = proven[WARMING - 1 :: MESSAGES]
    return [MESSAGES / ((last - first) / 1_000) for first, last in pairwise(ends)]


def _large(root: Path, file: Path, folder: Path) -> tuple[list[float], list[tuple[float, float]]]:
    """Seconds from being queued to being proven, and the memory meanwhile, for each of several runs."""
    seconds, peaks = [], []
    with _receiver("acme-supply", folder) as port, RunningGateway(_site(root, port)) as running:
        store = Store(running.site)
        assert running.process is not None
        for run in range(1, LARGE_RUNS + 1):
            with Watch(running.process.pid) as watch:
                what = ("--as-is", "--content-type", "application/octet-stream", "--format", "json")
                told = json.loads(running.command("send", str(file), "--partner", "acme-supply", *what))
                _wait(store, run)
            peaks.append(watch.peak)
            query = "SELECT max(at_ms) - min(at_ms) FROM timeline WHERE message_id = :id"
            seconds.append(store.value(query, id=told["id"]) / 1_000)
    return seconds, peaks


def _wait(store: Store, number: int) -> None:
    deadline = time.monotonic() + DONE_WITHIN_S
    while store.value("SELECT count(*) FROM delivery WHERE state = 'delivered'") < number:
        assert time.monotonic() < deadline, store.rows("SELECT state, reason FROM delivery WHERE state <> 'delivered'")
        time.sleep(0.05)


@contextmanager
def _receiver(name: str, folder: Path) -> Iterator[int]:
    """The receiver with the keys of acme-supply; its port."""
    own = key_pair(name)
    pem = own.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    sender = key_pair("peer" if name == "gateway" else "bigcorp")
    (folder / "own.key").write_bytes(pem)
    (folder / "own.pem").write_bytes(own.certificate.pem())
    (folder / "sender.pem").write_bytes(sender.certificate.pem())
    command = [sys.executable, "-m", "tests.bench.as2_receiver", str(folder)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def _openas2(folder: Path) -> Iterator[tuple[OpenAs2, PeerProcess, dict[str, str]]]:
    """OpenAS2 and a receiver that takes the gateway's place."""
    home = folder / "openas2"
    home.mkdir()
    with ExitStack() as stack:
        port = stack.enter_context(_receiver("gateway", folder))
        peer = OpenAs2()
        process = stack.enter_context(peer.start(home, key_pair("peer"), key_pair("gateway"), {}, quiet=True))
        settings = {
            "protocol": "as2",
            "subject": "bench",
            "content_type": "application/octet-stream",
            "content_transfer_encoding": "binary",
            "as2_url": f"http://127.0.0.1:{port}/",
            "as2_mdn_to": "edi@bench.example",
            "as2_mdn_options": "signed-receipt-protocol=required, pkcs7-signature; "
            "signed-receipt-micalg=required, sha256",
            "sign": "SHA256",
            "encrypt": "AES256",
            "resend_max_retries": "0",
            "no_chunked_max_size": "104857600",
        }
        yield peer, process, settings


def _rate_of_openas2(
    peer: OpenAs2, process: PeerProcess, settings: dict[str, str], files: list[Path], seconds: float
) -> float:
    """Messages a second, over so many seconds."""
    began, sent = time.monotonic(), 0
    while (took := time.monotonic() - began) < seconds:
        _seconds_of_openas2(peer, process, settings, files[sent % len(files)])
        sent += 1
    return sent / took


def _seconds_of_openas2(peer: OpenAs2, process: PeerProcess, settings: dict[str, str], file: Path) -> float:
    began = time.monotonic()
    done = process.send(file, file.name, f"{peer.as2_id}>{OUR_AS2_ID}", settings)
    took = time.monotonic() - began
    assert done.text.startswith("msg_sent_mdn_received_ok"), done.text
    return took
