"""pyas2lib behind an HTTP server of the standard library: ``python -m tests.interop.peers.pyas2lib_peer HOME PORT``.

It speaks the lines of `tests.interop.peers.process`.
"""

import hashlib
import http.client
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from certs.certificates import KeyPair, read_certificate
from tests.as2.pyas2_peer import as2, organization, trading_partner

TIMEOUT_S = 120
PIECE = 65_536
_printing = threading.Lock()


def tell(*words: object) -> None:
    """One line on standard output."""
    with _printing:
        print("\t".join(" ".join(str(word).split()) for word in words), flush=True)


def header_lines(headers: Any) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n"


class House:
    """Our keys, theirs, and what was sent and waits for its receipt."""

    def __init__(self, home: Path, port: int) -> None:
        key, certificate, _ = pkcs12.load_key_and_certificates((home / "keys.p12").read_bytes(), b"interop")
        self.own = KeyPair(certificate=read_certificate(certificate.public_bytes(Encoding.DER)), private_key=key)
        # A partner is a certificate; the key beside it is never asked for.
        self.gateway = KeyPair(certificate=read_certificate((home / "gateway.pem").read_bytes()), private_key=key)
        self.url = f"http://127.0.0.1:{port}/"
        self.waiting: dict[str, Any] = {}

    def organization(self, name: str) -> Any:
        own = organization(name, self.own)
        own.mdn_url = self.url
        own.domain = "pyas2lib.example"
        return own

    def partner(self, name: str, **choices: Any) -> Any:
        return trading_partner(name, self.gateway, **choices)

    def take_message(self, raw: bytes) -> Any:
        """Open a message; its receipt, if there is to be one."""
        message = as2.Message()
        status, fault, receipt = message.parse(
            raw,
            find_org_cb=self.organization,
            find_partner_cb=self.partner,
            find_message_cb=lambda *_: False,
        )
        message_id = f"<{message.message_id}>"
        if status == "processed":
            content = message.payload.get_payload(decode=True)
            tell("received", message_id, hashlib.sha256(content).hexdigest(), message.payload.get_filename() or "")
        else:
            tell("state", message_id, "refused", f"{status}: {fault[0]!r}")
        return receipt

    def take_receipt(self, raw: bytes) -> None:
        receipt = as2.Mdn()
        found: list[str] = []

        def find(message_id: str, _partner: str) -> Any:
            found.append(message_id)
            return self.waiting.get(message_id.strip("<>"))

        status, detail = receipt.parse(raw, find_message_cb=find)
        tell("state", f"<{found[0].strip('<>')}>" if found else "", f"receipt {status}", detail or "")

    def send(self, number: str, file: str, filename: str, between: str, *choices: str) -> None:
        """Build and post a message; a receipt in the answer is read at once."""
        wanted: dict[str, Any] = dict(choice.split("=", 1) for choice in choices)
        url, content_type, chunked = wanted.pop("url"), wanted.pop("content_type"), wanted.pop("chunked", "")
        wanted = {name: value == "true" if value in ("true", "false") else value for name, value in wanted.items()}
        sender, _, receiver = between.partition(">")
        message = as2.Message(self.organization(sender), self.partner(receiver, **wanted))
        message.build(Path(file).read_bytes(), filename=filename, content_type=content_type)
        self.waiting[message.message_id] = message
        body = message.content
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        pieces = (body[start : start + PIECE] for start in range(0, len(body), PIECE))
        headers = {name: " ".join(value.split()) for name, value in message.headers.items()}
        connection.request("POST", parts.path, pieces if chunked else body, headers, encode_chunked=bool(chunked))
        answer = connection.getresponse()
        received = answer.read()
        connection.close()
        if received and answer.status == 200 and wanted.get("mdn_mode"):
            self.take_receipt(header_lines(answer.getheaders()) + received)
        told = "sent" if answer.status < 300 else "failed"
        tell("done", number, f"<{message.message_id}>", told, f"{answer.status} {received[:200]!r}")


def deliver(receipt: Any) -> None:
    """An asynchronous receipt."""
    parts = urlsplit(receipt.mdn_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    headers = {name: " ".join(value.split()) for name, value in receipt.headers.items()}
    connection.request("POST", parts.path, receipt.content, headers)
    connection.getresponse().read()
    connection.close()


class Handler(BaseHTTPRequestHandler):
    """A message or a receipt."""

    house: House
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._chunked() if self.headers.get("transfer-encoding") else None
        if body is None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
        raw = header_lines(self.headers.items()) + body
        if b"disposition-notification" in body[:4_096] and "multipart/" in (self.headers.get("content-type") or ""):
            self.house.take_receipt(raw)
            self._answer([], b"")
            return
        receipt = self.house.take_message(raw)
        if receipt is None:
            self._answer([], b"")
        elif receipt.mdn_mode == "ASYNC":
            self._answer([], b"")
            threading.Thread(target=deliver, args=(receipt,), daemon=True).start()
        else:
            self._answer(receipt.headers.items(), receipt.content)

    def _chunked(self) -> bytes:
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, headers: Any, body: bytes) -> None:
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, " ".join(value.split()))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base class
        print(format % arguments, file=sys.stderr)


def main() -> None:
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    Handler.house = House(home, port)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell("ready")
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if words[0] == "settle":
            tell("done", words[1], "", "sent", "")
            continue
        try:
            Handler.house.send(*words[1:])
        except Exception as fault:  # noqa: BLE001 - whatever the library does is told, and the next one is sent
            tell("done", words[1], "", "failed", repr(fault))


if __name__ == "__main__":
    main()
