"""What is verified where there is nothing to verify with, so that a guess at a key id is answered no sooner.

An unknown key, a key of another algorithm and a wrong signature have to cost the same. Which algorithms a request
could mean is therefore told from the request alone: what `alg` says, else what the length of the signature allows.
A refusal has cost one verification of each of them, by the partner's key or by a decoy.
"""

from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from gateway.signatures.keys import RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MIN, Algorithm, VerificationKey

_DECOY_ID: Final = "decoy"
# The base points of the two curves: keys like any other, of which nothing is ever accepted.
_ED25519_POINT: Final = bytes([0x58]) + bytes([0x66]) * 31
_P256_POINT: Final = bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")


def meant(alg: Algorithm | None, signature: bytes) -> tuple[Algorithm, ...]:
    """The algorithms that a request could mean."""
    if alg is not None:
        return (alg,)
    return _BY_LENGTH.get(len(signature), (Algorithm.RSA_PSS_SHA512,))


_BY_LENGTH: Final = {
    32: (Algorithm.HMAC_SHA256,),
    64: (Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256),
}


def pretend(algorithm: Algorithm, signature: bytes, base: bytes) -> None:
    """Verify with a decoy; what comes of it is of no interest."""
    if algorithm is Algorithm.RSA_PSS_SHA512:
        # A signature that is not as long as its key is turned away at once, so the decoy has the size that fits.
        size = min(max(len(signature), RSA_BITS_MIN // 8), RSA_BITS_MAX // 8)
        _rsa_decoy(size).verifies(signature[:size].rjust(size, b"\0"), base)
    else:
        _decoy(algorithm).verifies(signature, base)


@cache
def _decoy(algorithm: Algorithm) -> VerificationKey:
    if algorithm is Algorithm.HMAC_SHA256:
        return VerificationKey(_DECOY_ID, algorithm, bytes(32))
    if algorithm is Algorithm.ED25519:
        return VerificationKey(_DECOY_ID, algorithm, Ed25519PublicKey.from_public_bytes(_ED25519_POINT))
    return VerificationKey(_DECOY_ID, algorithm, EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _P256_POINT))


@cache
def _rsa_decoy(size: int) -> VerificationKey:
    # Any odd number is a modulus as good as any for the time that it takes; below this one lies every signature.
    numbers = RSAPublicNumbers(RSA_EXPONENT_MIN, 256**size - 1)
    return VerificationKey(_DECOY_ID, Algorithm.RSA_PSS_SHA512, numbers.public_key())
