"""The demo as a person runs it: from another folder, to its end or until ctrl-C, with every claim checked."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = 24
PORTS = ("--port", "--operator-port", "--sftp-port")


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, object]:
    """Away from the checkout, with a folder of its own for what is temporary."""
    (tmp_path / "tmp").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")}
    return {"cwd": tmp_path, "env": environment}


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *words]


def test_it_ends_with_0_when_all_of_it_happened_and_leaves_nothing_behind(elsewhere, tmp_path: Path):
    ended = subprocess.run(
        _command("demo", "--exit", *[word for port in PORTS for word in (port, "0")]),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        **elsewhere,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("\n    ok: ") == CLAIMS
    assert f"All {CLAIMS} claims were checked" in ended.stdout
    assert "NOT SO" not in ended.stdout
    for part in (
        "its MIC is that of what was sent",
        "the same receipt, byte for byte",
        "decryption-failed",
        "BAK02, segment 2, byte 180, code 1",
        "AK3*BAK*2**8~",
        "5 published, 2 rejected, none lost",
        "confirmed by their request: delivered",
        "nothing is sent: it waits in their inbox",
        "read to its end: delivered",
        "the same file again changes nothing",
        "errors/response-4500012421.edi.report.txt: ",
        "event-published",
        "its signed receipt names our MIC",
        "nothing listens there",
        "HTTP 503",
        "the same bytes",
        "awaiting-receipt",
        "997 for groups 201 and 301 accept, for group 202 reject",
    ):
        assert part in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""
    assert list((tmp_path / "tmp").iterdir()) == []


def _busy_port() -> tuple[socket.socket, int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize("option", PORTS)
def test_a_port_that_is_taken_is_a_sentence_and_no_success(elsewhere, tmp_path: Path, option: str):
    listener, port = _busy_port()
    free = [word for other in PORTS if other != option for word in (other, "0")]
    with listener:
        ended = subprocess.run(
            _command("demo", "--exit", option, str(port), *free),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            **elsewhere,
        )
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.fixture
def staying(elsewhere) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        _command("demo", *[word for port in PORTS for word in (port, "0")]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **elsewhere,
    )
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def test_it_stays_up_and_what_it_says_to_try_works(staying: "subprocess.Popen[str]", elsewhere, tmp_path: Path):
    assert staying.stdout is not None
    said = ""
    while "until ctrl-C" not in said:
        line = staying.stdout.readline()
        assert line, said
        said += line
    (config,) = set(re.findall(r"--config (\S+)", said))

    def run(*words: str) -> str:
        ended = subprocess.run(
            _command(*words, "--config", config), capture_output=True, text=True, check=False, timeout=60, **elsewhere
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    listed = [json.loads(line) for line in run("messages", "list", "--format", "json").splitlines()]
    states = sorted(row["status"] for row in listed if row["direction"] == "in")
    assert states == [*["published"] * 5, *["rejected"] * 2]
    sent = sorted((row["partner"], row["kind"], row["status"]) for row in listed if row["direction"] == "out")
    assert sent == [
        *[("acme-supply", "acknowledgment", "delivered")] * 3,
        ("acme-supply", "document", "delivered"),
        *[("delta-castings", "acknowledgment", "delivered")] * 2,
        ("delta-castings", "document", "delivered"),
        ("harbor-tools", "document", "delivered"),
        ("northwind-parts", "document", "delivered"),
    ]
    (rush,) = [row["id"] for row in listed if row["partner"] == "harbor-tools"]
    way = [step["step"] for step in json.loads(run("messages", "trace", rush, "--format", "json"))["timeline"]]
    assert way[:3] == ["wanted", "translated", "queued"]
    tries = [step for step in way[3:] if step != "attempt"]
    assert (tries[0], set(tries[1:-2]), tries[-2:]) == ("packed", {"failed"}, ["awaiting-receipt", "delivered"])
    tried = {line.split("  # ")[0].strip() for line in said.splitlines() if line.startswith("  gateway ")}
    for words in ("send ", "partner ping ", "exceptions list"):
        (command,) = [one for one in tried if one.startswith(f"gateway {words}")]
        run(*shlex.split(command.split(" --config ")[0])[1:])
    posted = re.search(r"Bearer (\S+)' -H 'Content-Type: application/json' --data-binary @(\S+) (\S+)", said)
    assert posted is not None
    key, file, url = posted.groups()
    request = urllib.request.Request(
        url,
        data=Path(file).read_bytes(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202
    metrics = re.search(r"Bearer (\S+)' (\S+/metrics)", said)
    assert metrics is not None
    asked = urllib.request.Request(metrics[2], headers={"Authorization": f"Bearer {metrics[1]}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert b"gateway_" in answer.read()
    staying.send_signal(signal.SIGINT)
    rest = staying.stdout.read()
    assert staying.wait(timeout=60) == 0
    (folder,) = (tmp_path / "tmp").iterdir()
    assert str(folder) in rest
    assert "Traceback" not in rest
