"""Keys and signatures of Standard Webhooks: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`), several beside one another."""

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.buffers import Buffer

KeyKind: TypeAlias = Literal["hmac-sha256", "ed25519"]

SECRET_PREFIX, SIGNING_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"
# "At least 24 bytes (192 bits, 512 maximum)", of which libraries take more.
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
_SECRET_BYTES = 32
_SEED_BYTES = 32


class KeyUnusable(ValueError):  # noqa: N818  # said of a key
    """A key that cannot sign; the words never hold it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs.

    Attributes:
        secret: of HMAC the shared secret, of Ed25519 the seed.
        text: as it is written: `whsec_...` or `whsk_...`.
    """

    kind: KeyKind
    secret: bytes = field(repr=False)
    text: str = field(repr=False)

    @property
    def public_key(self) -> str | None:
        """`whpk_...`, what an Ed25519 signature is verified with."""
        if self.kind != "ed25519":
            return None
        return PUBLIC_PREFIX + b64encode(_public(self.secret)).decode()

    def sign(self, content: bytes) -> str:
        """One signature with its version, as it stands in `webhook-signature`."""
        if self.kind == "ed25519":
            return "v1a," + b64encode(Ed25519PrivateKey.from_private_bytes(self.secret).sign(content)).decode()
        return "v1," + b64encode(hmac.digest(self.secret, content, hashlib.sha256)).decode()


def make_key(kind: KeyKind) -> SigningKey:
    """A new key."""
    if kind == "ed25519":
        seed = secrets.token_bytes(_SEED_BYTES)
        # With the public key behind the seed, the form that other implementations have.
        return SigningKey(kind, seed, SIGNING_PREFIX + b64encode(seed + _public(seed)).decode())
    secret = secrets.token_bytes(_SECRET_BYTES)
    return SigningKey(kind, secret, SECRET_PREFIX + b64encode(secret).decode())


def read_key(text: str) -> SigningKey:
    """A key as it is written.

    Raises:
        KeyUnusable: it is none.
    """
    text = text.strip()
    for prefix in (SECRET_PREFIX, SIGNING_PREFIX):
        if text.startswith(prefix):
            return _hmac(text) if prefix == SECRET_PREFIX else _ed25519(text)
    if text.startswith(PUBLIC_PREFIX):
        raise KeyUnusable("this is the public part of a key; the secret part begins with whsk_")
    raise KeyUnusable("a key begins with whsec_ (HMAC) or whsk_ (Ed25519); `gateway webhooks key` makes one")


def signatures(keys: Sequence[SigningKey], webhook_id: str, timestamp_s: int, body: Buffer) -> str:
    """The value of `webhook-signature`: one for each key, with blanks between them."""
    content = f"{webhook_id}.{timestamp_s}.".encode() + bytes(body)
    return " ".join(key.sign(content) for key in keys)


def _hmac(text: str) -> SigningKey:
    secret = _decoded(text, SECRET_PREFIX)
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise KeyUnusable(f"a whsec_ key has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, this one {len(secret)}")
    return SigningKey("hmac-sha256", secret, text)


def _ed25519(text: str) -> SigningKey:
    pair = _decoded(text, SIGNING_PREFIX)
    seed, public = pair[:_SEED_BYTES], pair[_SEED_BYTES:]
    if len(seed) != _SEED_BYTES or (public and public != _public(seed)):
        raise KeyUnusable("a whsk_ key is 32 bytes, or 64 with its public key behind them")
    return SigningKey("ed25519", seed, text)


def _decoded(text: str, prefix: str) -> bytes:
    encoded = text.removeprefix(prefix).rstrip("=")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnusable(f"what stands behind {prefix} is no base64") from None


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
