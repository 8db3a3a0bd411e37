"""Private keys wrapped under a passphrase: PKCS#8 EncryptedPrivateKeyInfo (RFC 5958 3) with PBES2 (RFC 8018 6.2).

The libraries write this form, too, but with 2,048 rounds of PBKDF2: whoever got hold of a backup could try out
passphrases a hundred times as fast. What is written here every library reads.
"""

import base64
import hashlib
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

# About 0.1 s of one core for each guess, and for each key when the gateway starts.
ROUNDS = 200_000
_SALT_BYTES = 16
_KEY_BYTES = 32
_BLOCK_BYTES = 16
_LINE_CHARACTERS = 64  # RFC 7468 2

_SEQUENCE, _INTEGER, _OCTETS, _OBJECT, _NULL = 0x30, 0x02, 0x04, 0x06, b"\x05\x00"
_PBES2 = bytes.fromhex("2a864886f70d01050d")  # 1.2.840.113549.1.5.13
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")  # 1.2.840.113549.1.5.12
_HMAC_SHA256 = bytes.fromhex("2a864886f70d0209")  # 1.2.840.113549.2.9
_AES256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42


def wrap(private_key_info: bytes, passphrase: bytes) -> bytes:
    """A PKCS#8 PrivateKeyInfo (DER) as encrypted PEM."""
    salt, vector = os.urandom(_SALT_BYTES), os.urandom(_BLOCK_BYTES)
    key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, ROUNDS, _KEY_BYTES)
    padding = PKCS7(_BLOCK_BYTES * 8).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(padding.update(private_key_info) + padding.finalize()) + encryptor.finalize()
    rounds = _tlv(_INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    function = _algorithm(_PBKDF2, _tlv(_SEQUENCE, _tlv(_OCTETS, salt) + rounds + _algorithm(_HMAC_SHA256, _NULL)))
    scheme = _algorithm(_PBES2, _tlv(_SEQUENCE, function + _algorithm(_AES256_CBC, _tlv(_OCTETS, vector))))
    return _pem(_tlv(_SEQUENCE, scheme + _tlv(_OCTETS, encrypted)))


def _algorithm(identifier: bytes, parameters: bytes) -> bytes:
    return _tlv(_SEQUENCE, _tlv(_OBJECT, identifier) + parameters)


def _tlv(tag: int, content: bytes) -> bytes:
    """One element in DER (X.690 8.1.3): short lengths in one octet, others with their number of octets in front."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004  # X.690 8.1.3.4
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode("ascii")
    lines = [text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS)]
    label = "ENCRYPTED PRIVATE KEY"
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")
