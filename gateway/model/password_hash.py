"""Passwords that others log in to us with: kept as what scrypt (RFC 7914) makes of them, which tells nothing back.

$scrypt$ln=15,r=8,p=1$SALT$HASH      ln: log2 of N; salt and hash in base64 without padding (16 and 32 bytes)
"""

import base64
import hashlib
import hmac
import re

SALT_BYTES = 16
HASH_BYTES = 32
# About 0.1 s and 32 MB for each guess; the same for all, so that a guess takes as long whoever it is about.
LOG2_N = 15
_R, _P = 8, 1
_HEAD = f"$scrypt$ln={LOG2_N},r={_R},p={_P}$"
_WRITTEN = re.compile(rf"{re.escape(_HEAD)}([A-Za-z0-9+/]{{22}})\$([A-Za-z0-9+/]{{43}})")
# 128 * N * r is what it works in, and OpenSSL wants a little more.
_MEMORY_BYTES = (128 * _R << LOG2_N) + 2 * 1_048_576


def hash_of(password: str, salt: bytes) -> str:
    """How a password stands in a profile; it takes about 0.1 s by design.

    Args:
        password: any text.
        salt: 16 random bytes.
    """
    return written(salt, _derive(password, salt))


def written(salt: bytes, derived: bytes) -> str:
    """How salt and hash stand in a profile; of a hash that nobody derived, it is of a password that nobody knows."""
    return f"{_HEAD}{_text(salt)}${_text(derived)}"


def matches(password: str, written_hash: str) -> bool:
    """Whether it is the password; False also where what stands there is no hash. As much work as `hash_of`."""
    found = _WRITTEN.fullmatch(written_hash)
    if found is None:
        return False
    salt, expected = _bytes(found[1]), _bytes(found[2])
    return hmac.compare_digest(_derive(password, salt), expected)


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=1 << LOG2_N,
        r=_R,
        p=_P,
        maxmem=_MEMORY_BYTES,
        dklen=HASH_BYTES,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
