"""Two parties whose keys are the same in every run, so that an input that was found once can be tried again."""

import random
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from certs.certificates import KeyPair
from certs.creation import certify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_BITS = 1_024
_EXPONENT = 65_537
_ROUNDS = 20
_SMALL = [number for number in range(3, 2_000, 2) if all(number % divisor for divisor in range(3, number, 2))]


@cache
def partner() -> KeyPair:
    """Who signs."""
    return _pair("partner")


@cache
def us() -> KeyPair:
    """For whom is encrypted."""
    return _pair("us")


def _pair(name: str) -> KeyPair:
    """A key whose primes come from the name: of no use but this."""
    chance = random.Random(name)
    p, q = _prime(chance), _prime(chance)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(_EXPONENT, p * q)
    )
    return certify(numbers.private_key(), name, now=NOW)


def _prime(chance: random.Random) -> int:
    while True:
        number = chance.getrandbits(_BITS) | (3 << _BITS - 2) | 1
        if any(number % small == 0 for small in _SMALL) or (number - 1) % _EXPONENT == 0:
            continue
        odd, twos = number - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        if all(_passes(number, odd, twos, chance.randrange(2, number - 1)) for _ in range(_ROUNDS)):
            return number


def _passes(number: int, odd: int, twos: int, base: int) -> bool:
    """One round of Miller and Rabin."""
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
