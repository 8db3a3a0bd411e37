"""Secrets of ours at rest: sealed with AES-256-GCM under one data key, which lies wrapped under the passphrase.

    sealed    01 | nonce (12) | ciphertext and tag           associated data: 01 and the purpose
    wrapped   01 | log2 N | salt (16) | nonce (12) | ciphertext and tag, the key by scrypt from the passphrase

All nodes share the data key: whoever starts first makes it, the others read it. What is sealed for one purpose does not
open for another one, so that nobody who can write to the database makes one secret out of another.
"""

import asyncio
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Connection, select, update

from certs.keyring import KeyRingError
from gateway.settings import SettingsError
from gateway.store import keys
from gateway.store.api_tables import SealingKey
from gateway.store.database import Database
from gateway.store.engine.statements import Insert, table_of

_KEY = table_of(SealingKey)
_insert = Insert(SealingKey, or_ignore=True)
_ID = "data"
_VERSION = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
# About 0.1 s and 32 MB for each guess (RFC 7914 2).
SCRYPT_LOG2_N = 15
_LOG2_N_MAX = 17
_SCRYPT_R, _SCRYPT_P = 8, 1
_WRAPPING = b"partner-gateway sealing key"


class SealingUnavailable(Exception):  # noqa: N818  # told to a person
    """Nothing can be sealed or opened here; the text says why and what to do."""


class SealError(ValueError):
    """What was to be opened was sealed under another key or for another purpose, or was changed since."""


class Sealing:
    """Seals and opens secrets of ours.

    Args:
        database: the store; without one nothing can be sealed.
        passphrase: the one that our private keys are kept under; None where none is set.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(
        self,
        database: Database | None = None,
        passphrase: Callable[[], bytes | None] = lambda: None,
        *,
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self._database = database
        self._passphrase = passphrase
        self._now_ms = now_ms
        self._cipher: AESGCM | None = None

    @property
    def is_available(self) -> bool:
        """Whether secrets can be sealed and opened."""
        return self._cipher is not None

    async def start(self) -> None:
        """Unwrap the data key, or make it where no node has yet; without a passphrase nothing happens.

        Raises:
            KeyRingError: the passphrase does not open it, or cannot be read.
            StoreUnavailable: the database cannot be used now.
        """
        await asyncio.to_thread(self.start_now)

    def start_now(self) -> None:
        """The same in this thread, for commands; it takes about 0.1 s by design."""
        try:
            passphrase = self._passphrase()
        except SettingsError as error:
            raise KeyRingError(str(error)) from None
        if self._database is None or passphrase is None:
            return
        kept = self._database.read_now(_read)
        if kept is None:
            made = os.urandom(_KEY_BYTES)
            wrapped, now_ms = _wrap(made, passphrase), self._now_ms()
            kept = self._database.write_now(lambda connection: _keep(connection, wrapped, now_ms))
            if kept == wrapped:
                self._cipher = AESGCM(made)
                return
        self._cipher = AESGCM(_unwrap(kept, passphrase))

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """A secret as it may lie in the database.

        Raises:
            SealingUnavailable: there is no passphrase.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._unlocked().encrypt(nonce, plain, _VERSION + purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """A secret that was sealed for this purpose.

        Raises:
            SealingUnavailable: there is no passphrase.
            SealError: it was sealed under another key or for another purpose, or was changed.
        """
        cipher = self._unlocked()
        try:
            nonce_end = 1 + _NONCE_BYTES
            return cipher.decrypt(sealed[1:nonce_end], sealed[nonce_end:], sealed[:1] + purpose.encode())
        except (InvalidTag, ValueError):
            raise SealError(f"what is sealed for {purpose} does not open; restore the database") from None

    def _unlocked(self) -> AESGCM:
        if self._cipher is None:
            raise SealingUnavailable(
                "secrets are kept encrypted, and there is no passphrase for it: set key_passphrase_file to a file that "
                "holds one, or the variable GATEWAY_KEY_PASSPHRASE, and start the gateway again"
            )
        return self._cipher


def check(connection: Connection, passphrase: bytes) -> None:
    """Raise `KeyRingError` where a passphrase does not open the data key; one passphrase opens all our keys."""
    if (kept := _read(connection)) is not None:
        _unwrap(kept, passphrase)


def rewrap(connection: Connection, old: bytes, new: bytes) -> bool:
    """Wrap the data key under another passphrase; what is sealed stays as it is. False where there is none.

    Raises:
        KeyRingError: it does not open under the old passphrase.
    """
    kept = _read(connection)
    if kept is None:
        return False
    wrapped = _wrap(_unwrap(kept, old), new)
    connection.execute(update(_KEY).where(_KEY.c.id == _ID).values(wrapped=wrapped))
    return True


def _read(connection: Connection) -> bytes | None:
    kept = connection.scalar(select(_KEY.c.wrapped).where(_KEY.c.id == _ID))
    return None if kept is None else bytes(kept)


def _keep(connection: Connection, wrapped: bytes, now_ms: int) -> bytes:
    """Keep the data key unless another node was first; returns the one that is kept."""
    keys.lock(connection)
    _insert.run(connection, {"id": _ID, "wrapped": wrapped, "created_at_ms": now_ms})
    return _read(connection) or wrapped


def _wrap(key: bytes, passphrase: bytes) -> bytes:
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    head = _VERSION + bytes([SCRYPT_LOG2_N])
    sealed = _wrapping_cipher(passphrase, salt, SCRYPT_LOG2_N).encrypt(nonce, key, head + _WRAPPING)
    return head + salt + nonce + sealed


def _unwrap(wrapped: bytes, passphrase: bytes) -> bytes:
    head, salt = wrapped[:2], wrapped[2 : 2 + _SALT_BYTES]
    nonce_end = 2 + _SALT_BYTES + _NONCE_BYTES
    nonce, sealed = wrapped[2 + _SALT_BYTES : nonce_end], wrapped[nonce_end:]
    try:
        # Who could write another number here could make each start take as long as they like.
        log2_n = head[1] if sealed and head[1] <= _LOG2_N_MAX else 0
        return _wrapping_cipher(passphrase, salt, log2_n).decrypt(nonce, sealed, head + _WRAPPING)
    except (InvalidTag, ValueError):
        raise KeyRingError(
            "The key that seals our secrets does not open under the passphrase. "
            "Set the passphrase that the keys were last wrapped under, or restore the database."
        ) from None


def _wrapping_cipher(passphrase: bytes, salt: bytes, log2_n: int) -> AESGCM:
    return AESGCM(Scrypt(salt, _KEY_BYTES, 2**log2_n, _SCRYPT_R, _SCRYPT_P).derive(passphrase))
