"""The keys that sign access tokens: made when wanted, shared by all nodes, followed by the next one in good time.

A key signs for thirty days. The next one is there, and published, a day before; after its last day a key still verifies
until every token that it signed has ended. A token of a key that this node has not seen yet is looked for in the store,
so that it is good everywhere from its first moment on.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, fields
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, delete, select

from gateway.model.instants import DAY_MS
from gateway.store import keys
from gateway.store.api_tables import TokenKey
from gateway.store.credentials.sealing import SealError, Sealing
from gateway.store.database import Database, StoreUnavailable
from gateway.store.engine.statements import Insert, table_of

SIGNS_MS = 30 * DAY_MS
PUBLISHED_AHEAD_MS = DAY_MS
# Longer than any token may live (`token_lifetime_s`), and clocks may differ a little.
VERIFIES_LONGER_MS = 2 * 3_600_000
# Whoever sends tokens of keys that never were makes us read four times a second, and waits for it.
LOAD_PAUSE_S = 0.25
# Keys that were taken out of the store by hand, or by a restore, sign no longer than that.
LOADED_FOR_S_MAX = 60.0
NEVER_WERE_MAX = 1_024
_KID_BYTES = 8
_KID_CHARACTERS = 2 * _KID_BYTES

log = logging.getLogger(__name__)

_KEY = table_of(TokenKey)
_insert = Insert(TokenKey, or_ignore=True)


@dataclass(frozen=True, slots=True)
class StoredTokenKey:
    """One row of `token_key`; times are milliseconds since 1970."""

    kid: str
    public_key: bytes
    sealed_key: bytes
    created_at_ms: int
    signs_until_ms: int
    verifies_until_ms: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs now."""

    kid: str
    private_key: Ed25519PrivateKey


_COLUMNS = [_KEY.c[field.name] for field in fields(StoredTokenKey)]


def every(connection: Connection) -> list[StoredTokenKey]:
    """All keys, the one that ends first before the others."""
    rows = connection.execute(select(*_COLUMNS).order_by(_KEY.c.signs_until_ms, _KEY.c.kid))
    return [StoredTokenKey(row[0], bytes(row[1]), bytes(row[2]), row[3], row[4], row[5]) for row in rows]


def add_where_wanted(
    connection: Connection, new: StoredTokenKey, unusable: Collection[str], now_ms: int
) -> list[StoredTokenKey]:
    """Keep a key unless another node was first; returns all keys.

    Keys in `unusable` do not count, because their private part does not open.
    """
    keys.lock(connection)
    if not any(_lasts(one, now_ms) and one.kid not in unusable for one in every(connection)):
        _insert.run(connection, asdict(new))
    return every(connection)


def remove_old(connection: Connection, now_ms: int) -> int:
    """Remove the keys of which no token can be good any more; returns how many."""
    return connection.execute(delete(_KEY).where(_KEY.c.verifies_until_ms < now_ms)).rowcount


def _lasts(key: StoredTokenKey, now_ms: int) -> bool:
    """Whether no other one need be there yet."""
    return key.signs_until_ms > now_ms + PUBLISHED_AHEAD_MS


class TokenKeys:
    """The keys as this process knows them.

    Args:
        database: the store.
        sealing: keeps the private parts sealed.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, sealing: Sealing, *, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._sealing = sealing
        self._now_ms = now_ms
        self._known: dict[str, StoredTokenKey] = {}
        self._opened: dict[str, Ed25519PrivateKey] = {}
        self._broken: set[str] = set()
        self._never_were: dict[str, None] = {}
        self._loading = asyncio.Lock()
        self._loads = 0
        self._loaded_at_s: float | None = None

    async def signer(self) -> SigningKey:
        """The key that signs now, made where there is none.

        Raises:
            SealingUnavailable: there is no passphrase, so no key is kept.
            StoreUnavailable: the database cannot be used now.
        """
        await self._refresh()
        for _ in range(2):  # none of those that are known may open
            if not self._lasting():
                await self._make_next()
            now_ms = self._now_ms()
            for one in self._known.values():
                if one.signs_until_ms > now_ms and (opened := self._open(one)) is not None:
                    return SigningKey(one.kid, opened)
        raise SealError("no key that signs tokens opens; restore the database")

    async def verifier(self, kid: str) -> Ed25519PublicKey | None:
        """The key that tokens with this `kid` are verified with; None where there is none or none any more.

        Raises:
            StoreUnavailable: it is not known here, and the database cannot be asked now.
        """
        found = self._known.get(kid)
        if found is None and len(kid) == _KID_CHARACTERS and kid not in self._never_were:
            await self._load()
            found = self._known.get(kid)
            if found is None:
                self._note_absent(kid)
        if found is None or found.verifies_until_ms <= self._now_ms():
            return None
        return Ed25519PublicKey.from_public_bytes(found.public_key)

    async def published(self) -> list[StoredTokenKey]:
        """The keys that tokens may be verified with now; those that are to sign next are among them."""
        await self._load()
        now_ms = self._now_ms()
        return [one for one in self._known.values() if one.verifies_until_ms > now_ms]

    def _lasting(self) -> list[StoredTokenKey]:
        now_ms = self._now_ms()
        return [one for one in self._known.values() if _lasts(one, now_ms) and one.kid not in self._broken]

    def _open(self, key: StoredTokenKey) -> Ed25519PrivateKey | None:
        opened = self._opened.get(key.kid)
        if opened is None and key.kid not in self._broken:
            try:
                plain = self._sealing.open(key.sealed_key, _purpose(key.kid))
            except SealError:
                # Sealed under a key that is gone: another one takes its place, and its tokens end with their time.
                self._broken.add(key.kid)
                return None
            opened = self._opened[key.kid] = Ed25519PrivateKey.from_private_bytes(plain)
        return opened

    async def _make_next(self) -> None:
        private_key, kid, now_ms = Ed25519PrivateKey.generate(), secrets.token_hex(_KID_BYTES), self._now_ms()
        signs_until_ms = now_ms + PUBLISHED_AHEAD_MS + SIGNS_MS
        new = StoredTokenKey(
            kid,
            private_key.public_key().public_bytes_raw(),
            self._sealing.seal(private_key.private_bytes_raw(), _purpose(kid)),
            now_ms,
            signs_until_ms,
            signs_until_ms + VERIFIES_LONGER_MS,
        )
        # Another node's key may be unusable here for a reason that it does not know of.
        broken = {one.kid for one in await self._database.read(every) if self._open(one) is None}
        keep = partial(add_where_wanted, new=new, unusable=broken, now_ms=self._now_ms())
        self._take(await self._database.write(keep))
        self._loaded_at_s = self._loaded_at_s or asyncio.get_running_loop().time()

    async def _refresh(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loaded_at_s is None or loop.time() - self._loaded_at_s < LOADED_FOR_S_MAX:
            return
        try:
            await self._load()
        except StoreUnavailable:
            log.warning("the keys of access tokens cannot be read; those that are known go on")

    async def _load(self) -> None:
        """Read the keys; whoever asks while it is done for others waits for the next time, one for all."""
        asked = self._loads
        async with self._loading:
            if self._loads > asked:
                return
            loop = asyncio.get_running_loop()
            if self._loaded_at_s is not None and (wait_s := self._loaded_at_s + LOAD_PAUSE_S - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            self._loads += 1
            self._loaded_at_s = loop.time()
            self._take(await self._database.read(every))

    def _take(self, found: Collection[StoredTokenKey]) -> None:
        self._known = {one.kid: one for one in found}
        self._opened = {kid: opened for kid, opened in self._opened.items() if kid in self._known}
        self._broken &= set(self._known)

    def _note_absent(self, kid: str) -> None:
        if len(self._never_were) >= NEVER_WERE_MAX:
            del self._never_were[next(iter(self._never_were))]  # dicts keep the order of insertion
        self._never_were[kid] = None


def _purpose(kid: str) -> str:
    return f"token key {kid}"
