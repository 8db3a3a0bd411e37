"""The key ring: our private keys, encrypted at rest, and which of them signs and decrypts at a moment. No I/O.

A private key is kept wrapped: PKCS#8, encrypted under the passphrase (`wrapping`). `lives` says what each pair does
when; a ring is what holds at one moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.certificates import Certificate, KeyPair, PrivateKey, read_certificate
from certs.lives import Life, decrypting_at, next_change, signer_at
from certs.wrapping import wrap

KEY_FILE_BYTES_MAX = 65_536


class KeyRingError(ValueError):
    """The key ring cannot be used as asked; the message says why and what to do, and never holds a secret."""


@dataclass(frozen=True, slots=True)
class IdentityKeys:
    """The pairs of one identity at a moment.

    Attributes:
        signing: the pair that signs, by its cut-over date.
        decryption: those that decrypt, newest first.
        chain: the issuers of the signing pair's certificate, the next one first.
    """

    identity: str
    signing: KeyPair
    decryption: tuple[KeyPair, ...]
    chain: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of all our identities at a moment, unlocked."""

    identities: Mapping[str, IdentityKeys] = field(default_factory=dict)

    def keys_of(self, identity: str) -> IdentityKeys:
        """The keys of an identity, or `KeyRingError`."""
        keys = self.identities.get(identity)
        if keys is None:
            known = ", ".join(sorted(self.identities)) or "none"
            raise KeyRingError(
                f"There is no key for the identity {identity!r} (there are keys for: {known}). "
                f"Make one with `gateway certs new` or bring one with `gateway certs import`."
            )
        return keys


@dataclass(frozen=True, slots=True)
class HeldPair:
    """A pair with its private key unlocked, and its life."""

    life: Life
    pair: KeyPair


def ring_at(held: Iterable[HeldPair], now: datetime) -> tuple[KeyRing, datetime | None]:
    """The ring that holds at a moment, and until when it does (None: until a pair changes)."""
    by_identity: dict[str, dict[Life, HeldPair]] = {}
    for one in held:
        by_identity.setdefault(one.life.identity, {})[one.life] = one
    identities: dict[str, IdentityKeys] = {}
    for identity, pairs in sorted(by_identity.items()):
        signer = signer_at(pairs, now)
        if signer is not None:
            decryption = tuple(pairs[life].pair for life in decrypting_at(pairs, now))
            identities[identity] = IdentityKeys(identity, pairs[signer].pair, decryption, signer.chain)
    changes = [change for pairs in by_identity.values() if (change := next_change(pairs, now)) is not None]
    return KeyRing(identities), min(changes, default=None)


def seal(key: PrivateKey, passphrase: bytes) -> bytes:
    """The private key as encrypted PKCS#8 PEM; takes about 0.1 s by design, and so does opening it."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return wrap(plain, passphrase)


def unseal(key: bytes, certificate: bytes, passphrase: bytes | None) -> KeyPair:
    """The pair from a private key (PEM or DER; None as passphrase for one that is not encrypted) and a certificate."""
    private_key = open_private_key(key, passphrase)
    parsed = read_certificate(certificate)
    if private_key.public_key() != parsed.public_key:
        raise KeyRingError(f"The certificate of {parsed.subject} is not that of the private key. Give the one that is.")
    return KeyPair(parsed, private_key)


def open_private_key(key: bytes, passphrase: bytes | None) -> PrivateKey:
    """A private key from PEM or DER; None as passphrase for one that is not encrypted."""
    load = serialization.load_pem_private_key if b"-----BEGIN" in key else serialization.load_der_private_key
    try:
        private_key = load(key, passphrase)
    except TypeError:
        how = "is encrypted and needs its passphrase" if passphrase is None else "is not encrypted"
        raise KeyRingError(f"The private key {how}. Give it with the passphrase that belongs to it, or none.") from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's own words are left out: they may differ by how the passphrase is wrong.
        raise KeyRingError("The private key cannot be read: wrong passphrase, or no PKCS#8 key.") from None
    if not isinstance(private_key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise KeyRingError("The private key is neither RSA nor elliptic curve. Make one that is.")
    return private_key
