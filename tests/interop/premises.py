"""Our side: a real gateway with a profile for each peer, and one for each combination that we send."""

import io
import json
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from gateway.commands.program import main
from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryState
from tests.faults.oracle import Store
from tests.interop.combinations import Combination
from tests.interop.products import Peer
from tests.services.processes import free_port
from tests.site import Site, key_pair

LOOPBACK_NETWORK = "127.0.0.0/8"
EVERY_DIGEST = ["sha-256", "sha-384", "sha-512", "sha-1"]
EVERY_CIPHER = ["aes256-cbc", "aes192-cbc", "aes128-cbc", "aes256-gcm", "aes192-gcm", "aes128-gcm", "3des-cbc"]
DELIVERED_WITHIN_S = 180
_OUTPUT = threading.Lock()  # standard output is one for all threads
_OVER = {*DELIVERY_FINAL_STATES, DeliveryState.HELD, DeliveryState.REFUSED, DeliveryState.GIVEN_UP}


class Premises:
    """The folder of our gateway, its profiles and a look at what it keeps."""

    def __init__(self, root: Path) -> None:
        self._destinations = root / "destinations"
        port = free_port()
        # What is received is X12 and XML without meaning; it is kept, and that is all that is asked here.
        settings = {"edge_port": port, "public_url": f"http://127.0.0.1:{port}", "processing_paused": True}
        self.site = Site(root, settings)
        self.url = f"http://127.0.0.1:{port}/as2"
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The database, once the gateway has made it."""
        if self._store is None:
            self._store = Store(self.site)
        return self._store

    def add_partner(self, peer: Peer) -> None:
        """A profile under which the peer may send whatever it can."""
        self._write(peer.name, peer, peer.as2_id, {"receipt": "none"})

    def add_destination(self, name: str, peer: Peer, combination: Combination) -> None:
        """A profile under which we send to the peer in one way."""
        sending: dict[str, object] = {
            "sign": combination.sign,
            "signature": combination.signature,
            "digest": combination.digest,
            "encrypt": combination.encrypt,
            "cipher": combination.cipher,
            "key_transport": combination.key_transport,
            "compress": combination.compression,
            "receipt": combination.receipt,
            "receipt_by": combination.receipt_by,
            "receipt_digests": combination.digest,
            "content_type": combination.content_type,
        }
        self._write(name.lower(), peer, name, sending)
        # Commands read every profile. Those that send see the one of their destination alone, which is as good and
        # takes a hundredth of the time.
        folder = self._destinations / name.lower()
        folder.mkdir(parents=True)
        (folder / name.lower()).symlink_to(self.site.partners_dir / name.lower())
        settings = yaml.safe_load(self.site.config.read_text()) | {"partners_dir": str(folder)}
        self._config(name.lower()).write_text(yaml.safe_dump(settings))

    def _config(self, partner: str) -> Path:
        return self._destinations / f"{partner}.yaml"

    def _write(self, name: str, peer: Peer, as2_id: str, sending: dict[str, object]) -> None:
        profile = {
            "id": name,
            "name": f"{peer.name} {as2_id}",
            "as2": {
                "id": as2_id,
                "certificate": "peer.pem",
                "url": peer.url,
                "require_signed": False,
                "require_encrypted": False,
                "digests": EVERY_DIGEST,
                "ciphers": EVERY_CIPHER,
                "receipts_to": "127.0.0.1",
                "sending": sending,
                "connection": {"private_networks": LOOPBACK_NETWORK},
            },
            "x12": {"qualifier": "ZZ", "id": as2_id, "group_id": as2_id},
            # A refusal of theirs is a finding, not something to try again.
            # A connection that a peer drops under load is no verdict on what was sent.
            "delivery": {"attempts_max": 3, "first_retry_after_s": 1, "retry_after_s_max": 2},
        }
        self.site._write_profile(name, profile, {"peer.pem": key_pair("peer").certificate.pem()})

    def message(self, transport_id: str) -> dict[str, Any] | None:
        """What is kept of a message of theirs."""
        query = "SELECT id, payload_sha256, filename, security, content_type FROM message WHERE transport_id = :id"
        rows = self.store.rows(query, id=transport_id)
        return dict(rows[0]._mapping) | {"security": json.loads(rows[0].security)} if rows else None

    def refusal(self, transport_id: str) -> str:
        """What the audit says of a message of theirs; the reasons that partners are not told."""
        if not transport_id:
            return ""
        rows = self.store.rows("SELECT action, detail FROM audit WHERE subject LIKE :like", like=f"%{transport_id}%")
        return "; ".join(" ".join(map(str, row)) for row in rows)

    def wait_for_delivery(self, delivery_id: str) -> tuple[str, str, str]:
        """The state that a delivery comes to, the reason for it, and its Message-ID."""
        deadline = time.monotonic() + DELIVERED_WITHIN_S
        query = "SELECT state, reason, transport_id FROM delivery WHERE id = :id"
        refused = "SELECT detail FROM audit WHERE action = 'refused.receipt-not-accepted' AND detail LIKE :like"
        while (row := self.store.rows(query, id=delivery_id)[0]).state not in _OVER and time.monotonic() < deadline:
            if receipts := self.store.rows(refused, like=f"%{delivery_id}%"):
                return row.state, f"a receipt came and was refused: {receipts[0].detail}", row.transport_id
            time.sleep(0.1)
        return row.state, row.reason, row.transport_id

    def send(self, file: Path, partner: str, content_type: str) -> str:
        """`gateway send`, the command itself without a process of its own; the id of the delivery."""
        what = ("--as-is", "--content-type", content_type, "--filename", file.name, "--format", "json")
        call = ["send", str(file), "--partner", partner, *what, "--config", str(self._config(partner))]
        told, said = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        with _OUTPUT, redirect_stdout(told), redirect_stderr(said):
            code = main(call)
        for stream in (told, said):
            stream.seek(0)
        assert code == 0, f"{told.read()} {said.read()}"
        return str(json.loads(told.read())["id"])
