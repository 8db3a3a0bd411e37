"""Two partners with keys, a stranger, and short ways to write and open messages between them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.certificates import KeyPair
from certs.creation import certify, create_key_pair
from gateway.as2.message import (
    As2Refused,
    Encryption,
    MdnRequest,
    Modifier,
    Opened,
    Policy,
    Signing,
    WrittenMessage,
    open_message,
    read_envelope,
    write_message,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAYLOAD = b"ISA*00*          *00*          *ZZ*PARTNER        *ZZ*US             *260301*1200*U*00401*000000001*0*P*>~"
ANY = Policy(require_signed=False, require_encrypted=False)


@cache
def partner() -> KeyPair:
    return create_key_pair("partner", now=NOW)


@cache
def us() -> KeyPair:
    return create_key_pair("us", now=NOW, organization="Our house")


@cache
def stranger() -> KeyPair:
    return create_key_pair("stranger", now=NOW)


@cache
def elliptic() -> KeyPair:
    return certify(ec.generate_private_key(ec.SECP256R1()), "elliptic", now=NOW)


@cache
def renewed() -> KeyPair:
    """The partner's key under a certificate that is out of date."""
    return certify(partner().private_key, "partner", now=NOW - timedelta(days=100), valid_days=10)


def signing(pair: KeyPair | None = None, **choices: Any) -> Signing:
    return Signing(pair or partner(), **choices)


def encryption(pair: KeyPair | None = None, **choices: Any) -> Encryption:
    return Encryption([(pair or us()).certificate], **choices)


def write(payload: bytes = PAYLOAD, **choices: Any) -> WrittenMessage:
    fixed: dict[str, Any] = {
        "as2_from": "partner",
        "as2_to": "us",
        "message_id": "<1@partner>",
        "content_type": "application/edi-x12",
        "now": NOW,
        "mdn_request": MdnRequest("edi@partner", signed=True, micalgs=("sha-256",)),
    }
    return write_message(payload, **(fixed | choices))


def open_(
    message: WrittenMessage | tuple[Any, bytes],
    policy: Policy = ANY,
    *,
    now: datetime = NOW,
    keys: list[KeyPair] | None = None,
    certificates: list[KeyPair] | None = None,
) -> Opened:
    headers, body = (message.headers, message.body) if isinstance(message, WrittenMessage) else message
    return open_message(
        read_envelope(headers),
        headers,
        body,
        keys=[us()] if keys is None else keys,
        partner_certificates=[pair.certificate for pair in ([partner()] if certificates is None else certificates)],
        policy=policy,
        now=now,
    )


def refusal(message: WrittenMessage | tuple[Any, bytes], policy: Policy = ANY, **choices: Any) -> tuple[Modifier, str]:
    """The modifier and the audit reason with which a message is refused."""
    with pytest.raises(As2Refused) as refused:
        open_(message, policy, **choices)
    return refused.value.modifier, refused.value.audit_reason


def enveloped(content_type: str, body: bytes, encoding: str = "binary") -> tuple[list[tuple[str, str]], bytes]:
    """A message of somebody else's making: AS2 headers around this content."""
    headers = [
        ("AS2-From", "partner"),
        ("AS2-To", "us"),
        ("Message-ID", "<1@partner>"),
        ("Content-Type", content_type),
        ("Content-Transfer-Encoding", encoding),
    ]
    return headers, body
