"""Our keys in a running gateway: read from the store, unlocked in memory, followed as they change.

A change that any node or command makes is in force within seconds, without a restart. What cannot be used (another
passphrase, a damaged row) leaves the last good keys in force, and says so.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path

from sqlalchemy import Connection

from certs.certificates import CertificateError, KeyPair, read_certificates
from certs.key_folder import TAKEN_OVER_FILE, FolderPair, holds_keys, read_key_folder
from certs.keyring import HeldPair, KeyRing, KeyRingError, ring_at, seal, unseal
from certs.lives import FINGERPRINT_CHARACTERS_SHOWN, Life
from gateway.model.instants import moment
from gateway.settings import Settings, SettingsError
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.keys import StoredKey
from gateway.store.oversight import audit
from gateway.telemetry import Metrics

_NOTE = """\
These keys were taken over into the gateway's database on {day}. This folder is not read any more:
`gateway certs` shows and changes the keys. Keep it with your backups, or remove it.
"""

log = logging.getLogger(__name__)


class Keys:
    """The keys of this process.

    Args:
        database: the store.
        settings: where the passphrase is, and the folder of earlier versions.
        now_ms: the clock, milliseconds since 1970.
        metrics: says when the stored keys cannot be used.
    """

    def __init__(self, database: Database, settings: Settings, *, now_ms: Callable[[], int], metrics: Metrics) -> None:
        self._database = database
        self._settings = settings
        self._now_ms = now_ms
        self._metrics = metrics
        self._stored: list[StoredKey] = []
        self._held: tuple[HeldPair, ...] = ()
        self._ring = KeyRing()
        self._until_ms: int | None = None
        self._problem = ""

    async def start(self) -> None:
        """Take over the folder of an earlier version, then unlock every key.

        Raises:
            KeyRingError: a key cannot be used; nothing should begin without it.
        """
        await asyncio.to_thread(take_over, self._database, self._settings, self._now_ms())
        problem = await self._load()
        if problem:
            raise KeyRingError(problem)

    async def refresh(self) -> None:
        """Follow what changed in the store since the last look."""
        try:
            problem = await self._load()
        except KeyRingError as error:
            problem = f"{error} The keys stay in force as they were."
        self._metrics.gauge(
            "gateway_key_ring_stale",
            "1 while the stored keys cannot be used and older ones stay in force.",
            bool(problem),
        )
        if problem != self._problem:
            self._problem = problem
            log.log(
                logging.ERROR if problem else logging.INFO,
                "the stored keys cannot be used" if problem else "the stored keys can be used again",
                extra={"problem": problem} if problem else {},
            )

    def ring(self) -> KeyRing:
        """The keys as they are to be used now; cheap, so ask each time."""
        if self._until_ms is not None and self._now_ms() >= self._until_ms:
            self._choose()
        return self._ring

    def lives(self) -> list[Life]:
        """The pairs that are in force here, by identity and age."""
        return readable(self._stored)[0]

    async def _load(self) -> str:
        """Read and unlock; returns what is wrong although the keys can be used, in words."""
        stored = await self._database.read(keys.every)
        if stored == self._stored and not self._problem:
            return ""
        held, problem = await asyncio.to_thread(self._unlock, stored)
        self._stored, self._held = stored, held
        self._choose()
        return problem

    def _unlock(self, stored: Sequence[StoredKey]) -> tuple[tuple[HeldPair, ...], str]:
        """Runs in a thread: opening a key takes a while by design."""
        usable = [one for one in stored if one.wrapped_key and one.retired_at_ms is None]
        if not usable:
            return (), ""
        unchanged = {(one.fingerprint, one.wrapped_key) for one in self._stored}
        known = {one.pair.certificate.fingerprint: one.pair for one in self._held}
        passphrase = passphrase_of(self._settings)
        held, problem = [], ""
        for one in usable:
            pair = known.get(one.fingerprint)
            if pair is None:
                pair = unlock(one, passphrase)
            elif (one.fingerprint, one.wrapped_key) not in unchanged or self._problem:
                # Wrapped anew under another passphrase it is still the same key; but the next start would fail.
                try:
                    unlock(one, passphrase)
                except KeyRingError as error:
                    problem = f"{error} This process goes on with what it has; its next start would fail."
            held.append(HeldPair(life_of(one), pair))
        return tuple(held), problem

    def _choose(self) -> None:
        self._ring, until = ring_at(self._held, moment(self._now_ms()))
        self._until_ms = None if until is None else int(until.timestamp() * 1_000)


def passphrase_of(settings: Settings) -> bytes:
    """The passphrase that opens our keys.

    Raises:
        KeyRingError: there is none, or it cannot be read.
    """
    try:
        passphrase = settings.passphrase()
    except SettingsError as error:
        raise KeyRingError(str(error)) from None
    if passphrase is None:
        raise KeyRingError(
            "There are private keys, and they are kept encrypted, but there is no passphrase: "
            "set key_passphrase_file to a file that holds it, or the variable GATEWAY_KEY_PASSPHRASE."
        )
    return passphrase


def unlock(stored: StoredKey, passphrase: bytes) -> KeyPair:
    """The pair of a row; `KeyRingError` names the row."""
    try:
        return unseal(stored.wrapped_key, stored.certificates, passphrase)
    except (KeyRingError, CertificateError) as error:
        name = f"{stored.identity} {stored.fingerprint[:FINGERPRINT_CHARACTERS_SHOWN]}"
        raise KeyRingError(
            f"Key {name}: {error} Set the passphrase that the keys were last wrapped under, or restore the database."
        ) from None


@lru_cache(maxsize=1_024)
def life_of(stored: StoredKey) -> Life:
    """The life of a row; `KeyRingError` when its certificate cannot be read."""
    try:
        leaf, *chain = read_certificates(stored.certificates)
    except (CertificateError, ValueError) as error:
        name = f"{stored.identity} {stored.fingerprint[:FINGERPRINT_CHARACTERS_SHOWN]}"
        raise KeyRingError(f"Key {name}: {error} Restore the database from a backup.") from None
    return Life(
        identity=stored.identity,
        certificate=leaf,
        chain=tuple(chain),
        created_at=moment(stored.created_at_ms),
        signs_from=_moment(stored.signs_from_ms),
        decrypts_until=_moment(stored.decrypts_until_ms),
        retired_at=_moment(stored.retired_at_ms),
        erased=not stored.wrapped_key,
    )


def readable(stored: Iterable[StoredKey]) -> tuple[list[Life], list[str]]:
    """The lives of some rows, and what is wrong with those that cannot be read."""
    lives, problems = [], []
    for one in stored:
        try:
            lives.append(life_of(one))
        except KeyRingError as error:
            problems.append(str(error))
    return lives, problems


def _moment(at_ms: int | None) -> datetime | None:
    return moment(at_ms) if at_ms is not None else None


def stored_of(life: Life, pair: KeyPair, passphrase: bytes) -> StoredKey:
    """A new pair as it is kept, its private key wrapped."""
    return StoredKey(
        identity=life.identity,
        fingerprint=life.fingerprint,
        certificates=b"".join(certificate.pem() for certificate in (life.certificate, *life.chain)),
        wrapped_key=seal(pair.private_key, passphrase),
        created_at_ms=_ms(life.created_at),
        signs_from_ms=_ms(life.signs_from) if life.signs_from is not None else None,
        decrypts_until_ms=_ms(life.decrypts_until) if life.decrypts_until is not None else None,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def first_pair(identity: str, pair: KeyPair, now: datetime) -> Life:
    """The life of a pair that signs and decrypts from now on."""
    return Life(identity, pair.certificate, (), now, signs_from=now)


def take_over(database: Database, settings: Settings, now_ms: int) -> int:
    """Bring the keys of an earlier version's folder into the database, durably; returns how many came.

    The folder stays as it is, with a note in it. Cut off between the two, it is taken over once more: a pair that is in
    the database already is left as it is there.

    Raises:
        KeyRingError: a key of the folder cannot be opened; nothing was taken over.
    """
    folder = settings.key_ring_dir
    if not holds_keys(folder):
        return 0
    found = read_key_folder(folder, passphrase_of(settings))
    rows = [_taken(one, now_ms, passphrase_of(settings)) for one in found]
    added = database.write_now(partial(_keep, rows=rows, now_ms=now_ms))
    _leave_note(folder, moment(now_ms))
    log.info("the keys of the folder are in the database now", extra={"folder": str(folder), "keys": added})
    return added


def _taken(one: FolderPair, now_ms: int, passphrase: bytes) -> StoredKey:
    now = moment(now_ms)
    life = Life(one.identity, one.pair.certificate, (), now, signs_from=now if one.signs else None)
    return stored_of(life, one.pair, passphrase)


def _keep(connection: Connection, rows: Sequence[StoredKey], now_ms: int) -> int:
    keys.lock(connection)
    added = [row for row in rows if keys.add(connection, row)]
    for row in added:
        detail = {"identity": row.identity, "fingerprint": row.fingerprint}
        audit.record(connection, audit.Act(now_ms, "gateway", "key.taken-over", row.identity, "", detail))
    return len(added)


def _leave_note(folder: Path, now: datetime) -> None:
    try:
        (folder / TAKEN_OVER_FILE).write_text(_NOTE.format(day=now.astimezone(UTC).date()))
    except OSError as error:
        # A folder that nobody may write to: it is read at each start, and what is known is left alone.
        log.info("no note could be left in the folder of keys", extra={"folder": str(folder), "cause": error.strerror})
