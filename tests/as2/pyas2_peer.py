"""pyas2lib as an independent peer (GPL: for tests alone)."""

import re
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives import serialization

from certs.certificates import KeyPair

_search = re.search


def _wider_search(pattern: Any, *arguments: Any, **options: Any) -> Any:
    """oscrypto looks for an OpenSSL version with one digit as its patch level; "3.0.19" has two."""
    if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
        pattern = r"\b(\d\.\d\.\d+[a-z]*)\b"
    return _search(pattern, *arguments, **options)


with mock.patch("re.search", _wider_search):
    from pyas2lib import as2


def organization(name: str, pair: KeyPair) -> Any:
    """An organization that signs and decrypts with this pair."""
    key = pair.private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"test"),
    )
    pem = pair.certificate.pem() + key
    return as2.Organization(as2_name=name, sign_key=pem, sign_key_pass="test", decrypt_key=pem, decrypt_key_pass="test")


def trading_partner(name: str, pair: KeyPair, **choices: Any) -> Any:
    """A partner who signs and decrypts with this pair."""
    pem = pair.certificate.pem()
    return as2.Partner(as2_name=name, verify_cert=pem, encrypt_cert=pem, validate_certs=False, **choices)


def build(sender: Any, receiver: Any, payload: bytes, **choices: Any) -> Any:
    message = as2.Message(sender, receiver)
    message.build(payload, **choices)
    return message


def parse(headers: Any, body: bytes, own: Any, other: Any) -> tuple[str, Any, Any]:
    """What pyas2lib makes of a message: status, the message, its receipt."""
    message = as2.Message()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    status, exception, mdn = message.parse(
        lines + b"\r\n" + body,
        find_org_cb=lambda _: own,
        find_partner_cb=lambda _: other,
        find_message_cb=lambda *_: False,
    )
    return status if status == "processed" else f"{status}: {exception}", message, mdn


def parse_mdn(headers: Any, body: bytes, message: Any) -> tuple[str, str | None]:
    mdn = as2.Mdn()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    return mdn.parse(lines + b"\r\n" + body, find_message_cb=lambda *_: message)
