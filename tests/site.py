"""A whole gateway as a process of its own, with two partners that know how to speak to it: for tests, soak and benches.

The supplier `acme-supply` speaks AS2 and X12, the supplier `northwind-parts` speaks REST and JSON.
"""

import hashlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Self
from unittest.mock import patch

import yaml
from sqlalchemy import delete

from certs.certificates import KeyPair
from certs.creation import create_key_pair
from gateway.app import now_ms
from gateway.as2.message import Encryption, MdnRequest, Signing, WrittenMessage, write_message
from gateway.flow import ssh_keys
from gateway.flow.certificates.keys import first_pair, stored_of
from gateway.flow.ssh_keys import SshKeys, make_key
from gateway.settings import DATABASE_FILE, load_settings
from gateway.store import keys
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.store.engine.statements import table_of
from gateway.store.schema import migrate
from gateway.store.tables import AuditEntry

PASSPHRASE = "a throw-away passphrase of the tests"
API_KEY = "a throw-away api key of northwind"
STARTS_WITHIN_S = 30
SERVE = ("-m", "gateway", "serve")
PROJECT = Path(__file__).parents[1]
LOOPBACK = "127.0.0.1"
# Kills and floods are sent as fast as they go; the tests of limits have partners of their own.
UNHINDERED = {
    name: {"per_second": 100_000, "burst": 1_000_000} for name in ("submit", "read", "change", "validate_only", "token")
} | {"concurrent_max": 1_000}
OUR_X12 = {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}
IDENTITY = {
    "name": "bigcorp",
    "as2_id": "BIGCORP-AS2",
    "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"},
}


@lru_cache(maxsize=8)
def key_pair(name: str) -> KeyPair:
    """One key pair a name and session: making RSA keys takes a while."""
    return create_key_pair(name, now=datetime.now(UTC))


def keep_our_key(url: str) -> None:
    """Bring a database to this program's version, with our keys in it: making RSA ones takes seconds at each start."""
    pair = key_pair("bigcorp")
    stored = stored_of(first_pair("bigcorp", pair, datetime.now(UTC)), pair, PASSPHRASE.encode())
    database = Database(url)
    try:
        migrate(database)
        database.write_now(lambda connection: keys.add(connection, stored))
        sealing = Sealing(database, PASSPHRASE.encode, now_ms=now_ms)
        sealing.start_now()
        with patch.object(ssh_keys, "make_key", _host_key):
            SshKeys(database, sealing, now_ms).host_keys_now()
        # Nobody has done anything yet.
        database.write_now(lambda connection: connection.execute(delete(table_of(AuditEntry))))
    finally:
        database.close()


@cache
def _host_key(algorithm: ssh_keys.KeyAlgorithm) -> ssh_keys.NewKey:
    return make_key(algorithm)


@lru_cache(maxsize=1)
def _new_database() -> bytes:
    """A SQLite database with our key: one a session, since migrating takes a while."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE_FILE
        keep_our_key(f"sqlite:///{file}")
        return file.read_bytes()


@dataclass
class Site:
    """The folder of a gateway: its settings, keys, partner profiles and data.

    Attributes:
        root: an empty folder.
        settings: beside the fixed ones, as in gateway.yaml.
    """

    root: Path
    settings: dict[str, object] = field(default_factory=dict)
    acme_profile: dict[str, object] = field(default_factory=dict)
    northwind_profile: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data_dir = self.root / "data"
        self.partners_dir = self.root / "partner-profiles"
        self.config = self.root / "gateway.yaml"
        self.ours, self.acme = key_pair("bigcorp"), key_pair("acme-supply")
        settings: dict[str, object] = {
            "data_dir": str(self.data_dir),
            "partners_dir": str(self.partners_dir),
            "edge_port": 0,
            "operator_port": 0,
            "sftp_port": 0,
            "key_passphrase": PASSPHRASE,
            "identities": [IDENTITY],
        }
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(settings | self.settings))
        effective = load_settings(self.config, {}).settings
        if effective.database_url is None:
            database = self.data_dir / DATABASE_FILE
            database.touch(mode=0o600)
            database.write_bytes(_new_database())
        else:
            keep_our_key(effective.resolved_database_url())
        self._write_profile("acme-supply", _acme() | self.acme_profile, {"acme.pem": self.acme.certificate.pem()})
        self._write_profile("northwind-parts", _northwind() | self.northwind_profile, {})

    def _write_profile(self, partner: str, profile: dict[str, object], files: dict[str, bytes]) -> None:
        folder = self.partners_dir / partner
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / "profile.yaml").write_text(yaml.safe_dump(profile))

    def as2_message(self, payload: bytes, message_id: str, **changes: object) -> WrittenMessage:
        """A message of acme-supply to us: signed, encrypted, with a signed receipt asked for."""
        wanted: dict[str, object] = {
            "as2_from": "ACME-AS2",
            "as2_to": "BIGCORP-AS2",
            "message_id": message_id,
            "content_type": "application/edi-x12",
            "now": datetime.now(UTC),
            "signing": Signing(self.acme),
            "encryption": Encryption([self.ours.certificate]),
            "mdn_request": MdnRequest("edi@acme.example", signed=True, micalgs=("sha-256",)),
        }
        return write_message(payload, **(wanted | changes))  # type: ignore[arg-type]


class RunningGateway:
    """`gateway serve` as a child process; the ports are read off its log."""

    def __init__(self, site: Site, **environment: str) -> None:
        self.site = site
        self._environment = environment
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.log: list[str] = []
        self.edge_port = 0
        self.operator_port = 0
        self.sftp_port = 0
        self._tokens: dict[str, str] = {}

    def start(
        self, *, before: tuple[str, ...] = (), program: tuple[str, ...] = SERVE, within_s: float = STARTS_WITHIN_S
    ) -> Self:
        """Start and wait until it listens.

        Args:
            before: put before the command: strace, say.
            program: what Python runs; it gets `--config FILE`.
            within_s: how long that may take.
        """
        command = [*before, sys.executable, *program, "--config", str(self.site.config)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT)} | self._environment
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=self.site.root)
        lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read_log, args=(self.process, lines), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + within_s
        while (line := lines.get(timeout=max(deadline - time.monotonic(), 0.1))) is not None:
            if '"the gateway is up"' in line:
                entry = json.loads(line)
                self.edge_port = int(entry["edge"].rpartition(":")[2]) if entry["edge"] else 0
                self.sftp_port = int(entry["sftp"].rpartition(":")[2]) if entry.get("sftp") else 0
                self.operator_port = int(entry["operator"].rpartition(":")[2])
                return self
        self.kill()
        raise AssertionError("the gateway did not start:\n" + "\n".join(self.log[-50:]))

    def _read_log(self, process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line.rstrip("\n"))
                lines.put(line)
        lines.put(None)

    @property
    def edge_url(self) -> str:
        return f"http://{LOOPBACK}:{self.edge_port}"

    @property
    def operator_url(self) -> str:
        return f"http://{LOOPBACK}:{self.operator_port}"

    def command(self, *arguments: str) -> str:
        """The standard output of a `gateway` command beside the running server."""
        command = [sys.executable, "-m", "gateway", *arguments, "--config", str(self.site.config)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, role: str = "viewer") -> str:
        """A token for the operator port, the same one each time."""
        if role not in self._tokens:
            label = f"{role}-{secrets.token_hex(4)}"
            self._tokens[role] = self.command("operator", "token", "new", "--label", label, "--role", role).strip()
        return self._tokens[role]

    def metrics(self) -> dict[str, float]:
        """Every metric by its name, with its labels where it has some."""
        request = urllib.request.Request(
            f"{self.operator_url}/metrics", headers={"Authorization": f"Bearer {self.token()}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, _, value in (ln.rpartition(" ") for ln in lines if not ln.startswith("#"))}

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code once everything that it and its tracer had to say is read."""
        assert self.process is not None
        assert self._reader is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        return code

    def __enter__(self) -> Self:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()


def acknowledgment_855(number: int, *, order: str | None = None, interchange: int | None = None) -> bytes:
    """A small 855 (004010) of ACMESUPPLY to BIGCORP, its own interchange and its own order."""
    control = interchange if interchange is not None else number
    order = order or f"PO-{number}"
    segments = [
        (
            "ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        "
            f"*260301*0930*U*00401*{control:09d}*0*P*>"
        ),
        f"GS*PR*ACMESUPPLY*BIGCORP*20260301*0930*{control}*X*004010",
        "ST*855*0001",
        f"BAK*00*AC*{order}*20260301****SO-{number}",
        "PO1*1*10*EA*12.5**BP*AX-100*VP*ACME-7",
        "ACK*IA*10*EA*068*20260310",
        "CTT*1",
        "SE*6*0001",
        f"GE*1*{control}",
        f"IEA*1*{control:09d}",
    ]
    return "".join(f"{segment}~\n" for segment in segments).encode()


def ship_notice_json(number: int, *, order: str | None = None) -> bytes:
    """A canonical ship notice of northwind-parts, by default for an order of its own."""
    order = order or f"NPO-{number}"
    return json.dumps(
        {
            "document_type": "ship_notice",
            "schema_version": "1.0",
            "number": f"SN-{number}",
            "issued_on": "2026-03-01",
            "purchase_order_number": order,
            "lines": [{"line_id": "1", "purchase_order_number": order, "quantity": "5", "unit": "EA"}],
        }
    ).encode()


def _acme() -> dict[str, object]:
    inbound = [
        {"document": name, "direction": "inbound", "syntax": "x12", "releases": ["004010", "005010"]}
        for name in ("purchase_order", "purchase_order_acknowledgment", "ship_notice")
    ]
    return {
        "id": "acme-supply",
        "name": "ACME Supply Inc.",
        "as2": {"id": "ACME-AS2", "certificate": "acme.pem"},
        "x12": {"qualifier": "ZZ", "id": "ACMESUPPLY", "group_id": "ACMESUPPLY"},
        "throttling": UNHINDERED,
        "agreements": inbound,
    }


def _northwind() -> dict[str, object]:
    inbound = [
        {"document": name, "direction": "inbound", "syntax": "json"}
        for name in ("purchase_order_acknowledgment", "ship_notice")
    ]
    return {
        "id": "northwind-parts",
        "name": "Northwind Parts Ltd.",
        "api_keys": [{"label": "tests", "sha256": hashlib.sha256(API_KEY.encode()).hexdigest()}],
        "throttling": UNHINDERED,
        "agreements": inbound,
    }
