"""Key pairs for tests: few RSA keys, since making them takes a while, and any number of certificates on them."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.certificates import KeyPair
from certs.creation import certify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pair(number: int, *, days: int = 730, begins: datetime = NOW) -> KeyPair:
    """An RSA pair whose certificate begins so many days after the moment."""
    at = begins + timedelta(days=number)
    return certify(rsa_key(number % 3), f"us {number}", now=at, valid_days=days)


@cache
def curve_pair(number: int, *, days: int = 730) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    return certify(key, f"curve {number}", now=NOW + timedelta(days=number), valid_days=days)
