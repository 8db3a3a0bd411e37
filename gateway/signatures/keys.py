"""Keys of signatures. The algorithm belongs to the key (RFC 9421, 3.2 step 6), so that no request can choose another.

A key is checked when it is made, so whoever holds one may use it: its kind, its curve, its size. What a library draws
from chance (the salt of RSA-PSS) it draws itself.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError


class Algorithm(StrEnum):
    """The algorithms of RFC 9421, 3.3 that are taken; not rsa-v1_5-sha256, and not P-384, for want of anybody."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    RSA_PSS_SHA512 = "rsa-pss-sha512"


PEM_BYTES_MAX = 65_536
SECRET_BYTES_MIN = 32  # RFC 2104, 3: no less than the digest has
SECRET_BYTES_MAX = 1_024
RSA_BITS_MIN = 2_048
RSA_BITS_MAX = 4_096  # what a larger one costs to verify, anybody could make us pay
RSA_EXPONENT_MIN = 65_537
RSA_EXPONENT_MAX = 2**32
KEY_ID_CHARACTERS_MAX = 255
_COORDINATE_BYTES = 32

_PSS: Final = PSS(mgf=MGF1(SHA512()), salt_length=64)  # RFC 9421, 3.3.1
_SHA512: Final = SHA512()
_ECDSA: Final = ECDSA(SHA256())

PublicMaterial: TypeAlias = bytes | Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey
PrivateMaterial: TypeAlias = bytes | Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


class KeyUnusable(ValueError):  # noqa: N818  # what is wrong with a key is told where it is configured
    """A key that is none, or none that signatures should be made with; the text says what to do."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A partner's key: what a signature with its id has to verify with."""

    id: str
    algorithm: Algorithm
    material: PublicMaterial = field(repr=False)

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_kind(self.algorithm, self.material, _PUBLIC_KINDS)

    def could_have_made(self, signature: bytes) -> bool:
        """Whether verifying takes its time; else the library turns the signature away at once."""
        material = self.material
        if isinstance(material, RSAPublicKey):
            fits = len(signature) == (material.key_size + 7) // 8
            return fits and int.from_bytes(signature, "big") < material.public_numbers().n
        return len(signature) == _SIGNATURE_BYTES[self.algorithm]

    def verifies(self, signature: bytes, base: bytes) -> bool:
        """Whether the signature is this key's, over these bytes."""
        material = self.material
        if isinstance(material, bytes):
            return hmac.compare_digest(signature, hmac.digest(material, base, sha256))
        try:
            if isinstance(material, Ed25519PublicKey):
                # libsodium takes half the time of OpenSSL for it, and lets other threads run meanwhile.
                if len(signature) != _SIGNATURE_BYTES[Algorithm.ED25519]:
                    return False
                crypto_sign_open(signature + base, material.public_bytes_raw())
            elif isinstance(material, RSAPublicKey):
                material.verify(signature, base, _PSS, _SHA512)
            else:
                # r and s, 32 bytes each (RFC 9421, 3.3.4), where the library wants DER.
                if len(signature) != 2 * _COORDINATE_BYTES:
                    return False
                r = int.from_bytes(signature[:_COORDINATE_BYTES], "big")
                s = int.from_bytes(signature[_COORDINATE_BYTES:], "big")
                material.verify(encode_dss_signature(r, s), base, _ECDSA)
        except (InvalidSignature, BadSignatureError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key to sign with: of an example client, of a test, of our own calls."""

    id: str
    algorithm: Algorithm
    material: PrivateMaterial = field(repr=False)

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_kind(self.algorithm, self.material, _PRIVATE_KINDS)

    def sign(self, base: bytes) -> bytes:
        """The signature over these bytes."""
        material = self.material
        if isinstance(material, bytes):
            return hmac.digest(material, base, sha256)
        if isinstance(material, Ed25519PrivateKey):
            return material.sign(base)
        if isinstance(material, RSAPrivateKey):
            return material.sign(base, _PSS, _SHA512)
        r, s = decode_dss_signature(material.sign(base, _ECDSA))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")

    @property
    def public(self) -> VerificationKey:
        """What verifies the signatures."""
        material = self.material
        return VerificationKey(
            self.id, self.algorithm, material if isinstance(material, bytes) else material.public_key()
        )


_SIGNATURE_BYTES: Final = {
    Algorithm.HMAC_SHA256: 32,
    Algorithm.ED25519: 64,
    Algorithm.ECDSA_P256_SHA256: 2 * _COORDINATE_BYTES,
}
_PUBLIC_KINDS: Final[Mapping[Algorithm, type]] = {
    Algorithm.HMAC_SHA256: bytes,
    Algorithm.ED25519: Ed25519PublicKey,
    Algorithm.ECDSA_P256_SHA256: EllipticCurvePublicKey,
    Algorithm.RSA_PSS_SHA512: RSAPublicKey,
}
_PRIVATE_KINDS: Final[Mapping[Algorithm, type]] = {
    Algorithm.HMAC_SHA256: bytes,
    Algorithm.ED25519: Ed25519PrivateKey,
    Algorithm.ECDSA_P256_SHA256: EllipticCurvePrivateKey,
    Algorithm.RSA_PSS_SHA512: RSAPrivateKey,
}


def shared_secret(key_id: str, secret: bytes) -> VerificationKey:
    """A key of hmac-sha256.

    Raises:
        KeyUnusable: the secret is short, long, or a public key by mistake.
    """
    return VerificationKey(key_id, Algorithm.HMAC_SHA256, secret)


def read_public_key(key_id: str, pem: bytes, algorithm: Algorithm | None = None) -> VerificationKey:
    """A public key or a certificate in PEM; each kind of key has one algorithm here.

    Args:
        key_id: what `keyid` will say.
        pem: one ``PUBLIC KEY`` (SubjectPublicKeyInfo) or ``CERTIFICATE``.
        algorithm: what the key is expected to be for, where somebody said so.

    Raises:
        KeyUnusable: with what to do.
    """
    found = _load_public(pem)
    kind = _algorithm_of(found, _PUBLIC_KINDS)
    if algorithm is not None and algorithm is not kind:
        raise KeyUnusable(f"the key is one for {kind.value}, not for {algorithm.value}")
    return VerificationKey(key_id, kind, found)  # type: ignore[arg-type]  # its kind was just looked up


def read_signing_key(key_id: str, pem: bytes, password: bytes | None = None) -> SigningKey:
    """A private key in PEM (PKCS #8, or the older forms of RSA and EC).

    Raises:
        KeyUnusable: with what to do; never with anything of the key.
    """
    if len(pem) > PEM_BYTES_MAX:
        raise KeyUnusable(f"a key file has at most {PEM_BYTES_MAX:,} bytes")
    try:
        found = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable("this is no private key in PEM, or its password is missing, superfluous or wrong") from None
    return SigningKey(key_id, _algorithm_of(found, _PRIVATE_KINDS), found)  # type: ignore[arg-type]  # as above


def _load_public(pem: bytes) -> object:
    if len(pem) > PEM_BYTES_MAX:
        raise KeyUnusable(f"a key file has at most {PEM_BYTES_MAX:,} bytes")
    if b"PRIVATE KEY-----" in pem:
        raise KeyUnusable(
            "this is a private key, which belongs to the partner alone; it should be thrown away and a new pair made. "
            "Their public key is wanted: openssl pkey -in private.pem -pubout"
        )
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            return load_pem_x509_certificate(pem).public_key()
        return load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable(
            "this is neither a public key nor a certificate in PEM (-----BEGIN PUBLIC KEY-----), or of no kind we know"
        ) from None


def _algorithm_of(key: object, kinds: Mapping[Algorithm, type]) -> Algorithm:
    for algorithm, kind in kinds.items():
        if isinstance(key, kind):
            return algorithm
    raise KeyUnusable("the key is neither Ed25519, nor ECDSA on P-256, nor RSA")


def _check_id(key_id: str) -> None:
    if not 1 <= len(key_id) <= KEY_ID_CHARACTERS_MAX or not key_id.isascii() or not key_id.isprintable():
        raise KeyUnusable(f"a key id has 1 to {KEY_ID_CHARACTERS_MAX} printable ASCII characters")


def _check_kind(algorithm: Algorithm, material: object, kinds: Mapping[Algorithm, type]) -> None:
    if not isinstance(material, kinds[algorithm]):
        raise KeyUnusable(f"the key is of another kind than {algorithm.value}")
    if isinstance(material, bytes):
        _check_secret(material)
    elif isinstance(material, RSAPublicKey | RSAPrivateKey):
        public = material.public_key() if isinstance(material, RSAPrivateKey) else material
        if not RSA_BITS_MIN <= public.key_size <= RSA_BITS_MAX:
            raise KeyUnusable(f"an RSA key has {RSA_BITS_MIN:,} to {RSA_BITS_MAX:,} bits, not {public.key_size:,}")
        if not RSA_EXPONENT_MIN <= public.public_numbers().e <= RSA_EXPONENT_MAX:
            raise KeyUnusable(f"the exponent of an RSA key is {RSA_EXPONENT_MIN:,} or a little more")
    elif isinstance(material, EllipticCurvePublicKey | EllipticCurvePrivateKey) and not isinstance(
        material.curve, SECP256R1
    ):
        raise KeyUnusable(f"the key is on the curve {material.curve.name}, not on P-256")


def _check_secret(secret: bytes) -> None:
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise KeyUnusable(f"a shared secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX:,} bytes, drawn by chance")
    # A public key as the secret of an HMAC: everybody could sign.
    if b"-----BEGIN" in secret:
        raise KeyUnusable("a shared secret is a secret, and no key or certificate in PEM")


def public_pem(key: VerificationKey) -> bytes:
    """A public key as PEM, for a file or a partner.

    Raises:
        KeyUnusable: a shared secret has no public half.
    """
    if isinstance(key.material, bytes):
        raise KeyUnusable("a shared secret has no public half")
    return key.material.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
