"""What is played: every combination of protection, compression and receipt, and beside them what else may differ."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

Direction = Literal["to us", "from us"]
DIRECTIONS: tuple[Direction, ...] = ("to us", "from us")
LARGE_BYTES = 8_000_000
CONTENT_TYPES = {
    "x12": "application/edi-x12",
    "x12 with bare line feeds": "application/edi-x12",
    "xml": "application/xml",
    "octets": "application/octet-stream",
}
FILENAME = "order 4711.edi"


@dataclass(frozen=True)
class Combination:
    """One way to send a message and to answer it; the defaults are what most partners agree on."""

    sign: bool = True
    encrypt: bool = True
    compression: Literal["none", "before-signing", "after-signing"] = "none"
    receipt: Literal["none", "unsigned", "signed"] = "signed"
    receipt_by: Literal["response", "request"] = "response"
    cipher: str = "aes256-cbc"
    key_transport: str = "rsa-v1.5"
    digest: str = "sha-256"
    signature: str = "rsa-v1.5"
    body: str = "x12"
    large: bool = False
    chunked: bool = False
    filename: str = FILENAME

    @property
    def name(self) -> str:
        """How the table calls it."""
        protection = {(0, 0): "plain", (1, 0): "signed", (0, 1): "encrypted", (1, 1): "signed+encrypted"}
        words = [protection[self.sign, self.encrypt]]
        if self.compression != "none":
            words.append(f"compressed {self.compression}" if self.sign else "compressed")
        receipt = "no receipt" if self.receipt == "none" else f"{self.receipt} receipt"
        words.append(f"asynchronous {receipt}" if self.receipt_by == "request" else receipt)
        usual = Combination()
        words += [
            value
            for value in (self.cipher, self.key_transport, self.digest, self.signature, self.body)
            if value not in (usual.cipher, usual.key_transport, usual.digest, usual.signature, usual.body)
        ]
        if self.large:
            words.append(f"{LARGE_BYTES // 1_000_000} MB")
        if self.chunked:
            words.append("chunked")
        if self.filename != FILENAME:
            words.append("another filename")
        return ", ".join(words)

    @property
    def is_plain(self) -> bool:
        """Whether the payload goes as it is."""
        return not self.sign and not self.encrypt and self.compression == "none"

    @property
    def content_type(self) -> str:
        """The media type of the payload."""
        return CONTENT_TYPES[self.body]


def matrix() -> Iterator[Combination]:
    """Protection, compression and receipts, each with each."""
    receipts = (("none", "response"), *product(("unsigned", "signed"), ("response", "request")))
    for sign, encrypt in product((False, True), repeat=2):
        for compression in ("none", "before-signing", "after-signing") if sign else ("none", "before-signing"):
            for receipt, by in receipts:
                yield Combination(sign, encrypt, compression, receipt, by)  # type: ignore[arg-type]


def axes(direction: Direction) -> Iterator[Combination]:
    """Signed and encrypted with a signed receipt, and one thing different each time."""
    usual = Combination()
    for cipher in ("3des-cbc", "aes128-cbc", "aes192-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"):
        if direction == "to us" or cipher != "3des-cbc":
            yield replace(usual, cipher=cipher)
    yield replace(usual, key_transport="rsa-oaep")
    for digest in ("sha-1", "sha-384", "sha-512"):
        if direction == "to us" or digest != "sha-1":
            yield replace(usual, digest=digest)
    yield replace(usual, signature="rsa-pss")
    for body in ("x12 with bare line feeds", "xml", "octets"):
        yield replace(usual, body=body)
        yield replace(usual, body=body, sign=False, encrypt=False)
    yield replace(usual, filename="Bestellung_\u00fc_(4711)'s.edi")
    yield replace(usual, large=True)
    yield replace(usual, large=True, compression="before-signing", receipt_by="request")
    if direction == "to us":
        yield replace(usual, chunked=True)


def combinations(direction: Direction) -> list[Combination]:
    """All that is played in a direction."""
    return [*matrix(), *axes(direction)]


def payload(combination: Combination, number: int, sender: str, receiver: str) -> bytes:
    """A body of its own for each exchange, with what such bodies hold: line ends of both kinds, NUL, boundaries."""
    head = b""
    if combination.body.startswith("x12"):
        end = "~\r\n" if combination.body == "x12" else "~\n"
        addresses = f"ZZ*{sender:15}*ZZ*{receiver:15}"
        head = f"ISA*00*{'':10}*00*{'':10}*{addresses}*260301*1200*U*00401*{number:09d}*0*P*>{end}".encode()
        unit = f"REF*DP*{number}{end}".encode()
    elif combination.body == "xml":
        unit = f'<?xml version="1.0"?>\n<order number="{number}">\u00e4\u00f6\u00fc --\n</order>\n'.encode()
    else:
        unit = bytes(range(256)) + b"\r\n--boundary\r\n\n\r\x00" + str(number).encode() + b"." * 2_000
    times = LARGE_BYTES // len(unit) if combination.large else 3
    return head + b"".join(unit + str(count).encode() for count in range(times))
