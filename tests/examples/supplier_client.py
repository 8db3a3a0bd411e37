"""A supplier's client: one file, to copy. It signs its requests (RFC 9421) and proves webhooks to be ours.

    python supplier_client.py https://b2b.bigcorp.example acme-2027 acme-signing-private.pem orders/

It takes every order from the inbox, keeps it, answers it and confirms it. Whatever ends it in between, the next run
goes on: what was not confirmed is still there, and an answer that was given already is given once. It needs `requests`
and `cryptography`; to speak to a gateway by key alone leave out `sign` and send `Authorization: Bearer KEY`.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ATTEMPTS_MAX = 6
TIMEOUT_S = 60


class Supplier:
    """Speaks to one gateway as one partner.

    Args:
        gateway: such as ``https://b2b.bigcorp.example``.
        key_id: of the key, as the profile at the gateway names it.
        key: whose public half the gateway knows.
    """

    def __init__(self, gateway: str, key_id: str, key: Ed25519PrivateKey) -> None:
        self._gateway = gateway.rstrip("/")
        self._key_id = key_id
        self._key = key
        self._session = requests.Session()

    def orders(self) -> Iterator[tuple[str, bytes]]:
        """Every order that waits: its id in the inbox, and the order as canonical JSON."""
        path = "/v1/inbox?type=purchase_order"
        while path is not None:
            page = self.call("GET", path).json()
            for item in page["documents"]:
                yield item["id"], self.call("GET", f"/v1/inbox/{item['id']}/content").content
            path = page["links"]["next"]

    def confirm(self, item_id: str) -> None:
        """Say that we have it; call this once it is on your disk."""
        self.call("POST", f"/v1/inbox/{item_id}/confirm", idempotency_key=f"confirm-{item_id}")

    def answer(self, number: str, kind: str, content: object, idempotency_key: str) -> dict[str, object]:
        """Answer an order; `kind` is acknowledgment, ship-notices or invoices. What became of it, if that was quick."""
        path = f"/v1/purchase-orders/{quote(number, safe='')}/{kind}"
        return self.call("POST", path, json.dumps(content).encode(), idempotency_key=idempotency_key).json()

    def call(self, method: str, path: str, body: bytes = b"", idempotency_key: str = "") -> requests.Response:
        """One call, made again where that may help; the same Idempotency-Key makes it safe.

        Raises:
            RuntimeError: it was refused, in the gateway's words.
        """
        fields = {"Accept": "application/json", "Prefer": "wait=10"}
        if body:
            fields["Content-Type"] = "application/json"
        if idempotency_key:
            fields["Idempotency-Key"] = idempotency_key
        for attempt in range(1, ATTEMPTS_MAX + 1):
            pause_s = 2.0**attempt
            try:
                # Each attempt is signed anew: a signature is good once.
                signed = fields | self.sign(method, path, body)
                url = self._gateway + path
                response = self._session.request(method, url, data=body or None, headers=signed, timeout=TIMEOUT_S)
                if response.status_code not in {409, 429, 503}:
                    break
                pause_s = float(response.headers.get("Retry-After", pause_s))
            except requests.ConnectionError:
                if attempt == ATTEMPTS_MAX:
                    raise
            time.sleep(pause_s)
        if not response.ok:
            problem = response.json()
            raise RuntimeError(f"{problem['title']}: {problem['detail']} {problem['remedy']}")
        return response

    def sign(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """The header fields that sign a request: what it is, to whom, and its body (RFC 9421, RFC 9530)."""
        parts = urlsplit(self._gateway + path)
        covered = [("@method", method), ("@authority", parts.netloc.lower()), ("@path", parts.path)]
        if parts.query:
            covered.append(("@query", f"?{parts.query}"))
        fields = {}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            fields["Content-Digest"] = f"sha-256=:{digest}:"
            covered += [("content-digest", fields["Content-Digest"]), ("content-type", "application/json")]
        names = " ".join(f'"{name}"' for name, _ in covered)
        parameters = f'({names});created={int(time.time())};nonce="{secrets.token_urlsafe(16)}";keyid="{self._key_id}"'
        lines = [f'"{name}": {value}' for name, value in covered] + [f'"@signature-params": {parameters}']
        signature = base64.b64encode(self._key.sign("\n".join(lines).encode())).decode()
        return fields | {"Signature-Input": f"sig={parameters}", "Signature": f"sig=:{signature}:"}


def keep(folder: Path, name: str, content: bytes) -> None:
    """Whole and on the disk, or not at all."""
    part = folder / f"{name}.part"
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(folder / name)


def main(gateway: str, key_id: str, key_file: str, folder_name: str) -> None:
    """Take, keep, accept and confirm every order."""
    key = load_pem_private_key(Path(key_file).read_bytes(), password=None)
    supplier, folder = Supplier(gateway, key_id, key), Path(folder_name)
    folder.mkdir(parents=True, exist_ok=True)
    for item_id, content in supplier.orders():
        keep(folder, f"{item_id}.json", content)
        number = json.loads(content)["number"]
        answer = supplier.answer(number, "acknowledgment", {"status": "accepted"}, f"accept-{item_id}")
        # Last, so that an order is never out of the inbox before it is answered.
        supplier.confirm(item_id)
        print(f"{number} is kept, answered and confirmed: {answer['status']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
