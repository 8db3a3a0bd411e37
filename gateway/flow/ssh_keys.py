"""Our SSH keys: those that our SFTP server shows, and those with which we log in at partners' servers.

The server has a host key of each algorithm. Clients pin it, so that changing it takes two steps: the next key is made
and announced beside the present one, which goes on signing (OpenSSH's clients learn it by themselves with
UpdateHostKeys, PROTOCOL 2.5; others are told its fingerprint); from its day on it signs. The one before is announced
until it is retired. Each act is one unit of work with its audit entry, one at a time over all nodes.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection

from gateway.flow.operations import Actor
from gateway.model.instants import DAY_MS, rfc3339
from gateway.store import ssh_keys
from gateway.store.credentials.sealing import SealError, Sealing
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.store.ssh_keys import CLIENT, HOST, StoredSshKey

KeyAlgorithm = Literal["ssh-ed25519", "ssh-rsa"]
ALGORITHMS: tuple[KeyAlgorithm, ...] = get_args(KeyAlgorithm)
# RSA beside Ed25519: software from before 2014 knows nothing newer.
RSA_BITS = 3_072
ANNOUNCED_MS = 30 * DAY_MS
GATEWAY = Actor("gateway")
_PREFIX_CHARACTERS_MIN = 4

log = logging.getLogger(__name__)


class SshKeyError(Exception):
    """What was asked for makes no sense with these keys; the text says why and what would."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A pair that was just made.

    Attributes:
        public_key: in OpenSSH's format, without a comment.
        private_key: in OpenSSH's format, not encrypted.
    """

    algorithm: KeyAlgorithm
    public_key: str
    private_key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256, as ssh-keygen shows it."""
        return fingerprint_of(self.public_key)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host key, opened.

    Attributes:
        signs: whether it is the one of its algorithm that proves who we are; the others are announced beside it.
        private_key: in OpenSSH's format.
    """

    fingerprint: str
    algorithm: str
    public_key: str
    private_key: bytes = field(repr=False)
    signs: bool


def make_key(algorithm: KeyAlgorithm) -> NewKey:
    """A new pair; RSA takes a moment."""
    private: Ed25519PrivateKey | RSAPrivateKey
    if algorithm == "ssh-ed25519":
        private = Ed25519PrivateKey.generate()
    else:
        private = generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
    return NewKey(
        algorithm,
        private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii"),
        private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
    )


def fingerprint_of(public_key: str) -> str:
    """SHA-256 of a public key in OpenSSH's format, as ssh-keygen shows it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def is_live(key: StoredSshKey) -> bool:
    """Whether it is of use: shown, announced or logged in with."""
    return key.retired_at_ms is None


def signing(stored: Sequence[StoredSshKey], now_ms: int) -> dict[str, StoredSshKey]:
    """The host key of each algorithm that proves who we are: the one whose day came last."""
    found: dict[str, StoredSshKey] = {}
    for one in sorted(filter(is_live, stored), key=lambda key: (key.used_from_ms, key.created_at_ms)):
        if one.used_from_ms <= now_ms or one.algorithm not in found:
            found[one.algorithm] = one
    return found


def chosen(stored: Sequence[StoredSshKey], fingerprint: str) -> StoredSshKey:
    """The key that a person named by its fingerprint, or the beginning of it.

    Raises:
        SshKeyError: none or several are called so.
    """
    wanted = fingerprint.removeprefix("SHA256:")
    named = [one for one in stored if one.fingerprint.removeprefix("SHA256:").startswith(wanted)]
    if len(wanted) < _PREFIX_CHARACTERS_MIN or len(named) != 1:
        known = ", ".join(one.fingerprint for one in stored) or "none"
        what = "several keys are" if len(named) > 1 and len(wanted) >= _PREFIX_CHARACTERS_MIN else "no key is"
        raise SshKeyError(f"{what} called {fingerprint!r}; there are: {known}")
    return named[0]


class SshKeys:
    """Makes, opens and ends our SSH keys; what ends in `_now` works in the calling thread, for commands.

    Args:
        database: the store.
        sealing: keeps the private parts sealed; without a passphrase there are no keys.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, sealing: Sealing, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._sealing = sealing
        self._now_ms = now_ms

    async def host_keys(self) -> list[HostKey]:
        """See `host_keys_now`."""
        return await asyncio.to_thread(self.host_keys_now)

    async def new_host_key(self, algorithm: KeyAlgorithm, actor: Actor = GATEWAY) -> StoredSshKey:
        """See `new_host_key_now`."""
        return await asyncio.to_thread(self.new_host_key_now, algorithm, actor=actor)

    async def new_client_key(
        self, name: str, algorithm: KeyAlgorithm = "ssh-ed25519", actor: Actor = GATEWAY
    ) -> StoredSshKey:
        """See `new_client_key_now`."""
        return await asyncio.to_thread(self.new_client_key_now, name, algorithm, actor)

    async def client_key(self, name: str) -> bytes | None:
        """See `client_key_now`."""
        return await asyncio.to_thread(self.client_key_now, name)

    def host_keys_now(self) -> list[HostKey]:
        """The host keys, made where there is none yet; of each algorithm the one that signs before the others.

        Raises:
            SealingUnavailable: there is no passphrase.
            SealError: none of them opens.
            StoreUnavailable: the database cannot be used now.
        """
        stored = [one for one in self._database.read_now(_of_hosts) if is_live(one)]
        wanted = [name for name in ALGORITHMS if all(one.algorithm != name for one in stored)]
        if wanted:
            new = [self._sealed(make_key(name), HOST, used_from_ms=self._now_ms()) for name in wanted]
            stored = self._database.write_now(lambda connection: _add_first(connection, new))
        opened = [(one, plain) for one in stored if (plain := self._opened(one)) is not None]
        if not opened:
            raise SealError(
                "no SSH host key opens; restore the database, or have new ones sign: "
                "`gateway sftp host-keys new --from DATE`, with a day that is over"
            )
        first = signing([one for one, _ in opened], self._now_ms())
        keys = [
            HostKey(one.fingerprint, one.algorithm, one.public_key, plain, signs=one is first[one.algorithm])
            for one, plain in opened
        ]
        return sorted(keys, key=lambda key: (ALGORITHMS.index(_known(key.algorithm)), not key.signs))

    def new_host_key_now(
        self, algorithm: KeyAlgorithm, *, used_from_ms: int | None = None, actor: Actor = GATEWAY
    ) -> StoredSshKey:
        """Make the next host key of an algorithm: announced until its day, thirty days from now by default.

        Raises:
            SshKeyError: there is a next one already.
            SealingUnavailable: there is no passphrase.
            StoreUnavailable: the database cannot be used now.
        """
        now_ms = self._now_ms()
        made = self._sealed(make_key(algorithm), HOST, used_from_ms=now_ms)

        def act(connection: Connection) -> StoredSshKey:
            ssh_keys.lock(connection)
            others = [one for one in _of_hosts(connection) if is_live(one) and one.algorithm == algorithm]
            for one in others:
                if one.used_from_ms > now_ms:
                    raise SshKeyError(
                        f"{one.fingerprint} is the next {algorithm} key already, from {rfc3339(one.used_from_ms)} on; "
                        "retire it first, or let its day come"
                    )
            from_ms = used_from_ms if used_from_ms is not None else now_ms + (ANNOUNCED_MS if others else 0)
            new = replace(made, used_from_ms=from_ms)
            ssh_keys.add(connection, new)
            _record(connection, actor, "ssh_host_key.new", new, now_ms, {"used_from": rfc3339(from_ms)})
            return new

        return self._database.write_now(act)

    def use_from_now(self, fingerprint: str, at_ms: int, actor: Actor) -> StoredSshKey:
        """Set the day from which a host key signs.

        Raises:
            SshKeyError: there is no such key, or it is retired.
            StoreUnavailable: the database cannot be used now.
        """
        now_ms = self._now_ms()

        def act(connection: Connection) -> StoredSshKey:
            ssh_keys.lock(connection)
            stored = [one for one in _of_hosts(connection) if is_live(one)]
            key = chosen(stored, fingerprint)
            if at_ms > now_ms and signing(stored, now_ms)[key.algorithm] is key:
                raise SshKeyError(f"{key.fingerprint} signs already; set the day of the key that is to follow it")
            ssh_keys.use_from(connection, key.fingerprint, at_ms)
            _record(connection, actor, "ssh_host_key.use_from", key, now_ms, {"used_from": rfc3339(at_ms)})
            return key

        return self._database.write_now(act)

    def retire_now(self, fingerprint: str, actor: Actor, *, purpose: str = HOST) -> StoredSshKey:
        """End the use of a key; its private part is removed.

        Raises:
            SshKeyError: there is no such key, or it is the host key that signs.
            StoreUnavailable: the database cannot be used now.
        """
        now_ms = self._now_ms()

        def act(connection: Connection) -> StoredSshKey:
            ssh_keys.lock(connection)
            stored = [one for one in ssh_keys.all_of(connection, purpose) if is_live(one)]
            key = chosen(stored, fingerprint)
            if purpose == HOST and signing(stored, now_ms)[key.algorithm] is key:
                raise SshKeyError(
                    f"{key.fingerprint} signs now; have another one sign first: `gateway sftp host-keys use`"
                )
            ssh_keys.retire(connection, key.fingerprint, now_ms)
            _record(connection, actor, f"ssh_{purpose}_key.retire", key, now_ms, {})
            return key

        return self._database.write_now(act)

    def new_client_key_now(
        self, name: str, algorithm: KeyAlgorithm = "ssh-ed25519", actor: Actor = GATEWAY
    ) -> StoredSshKey:
        """Make a key of ours to log in with.

        Raises:
            SshKeyError: there is one of this name.
            SealingUnavailable: there is no passphrase.
            StoreUnavailable: the database cannot be used now.
        """
        now_ms = self._now_ms()
        new = self._sealed(make_key(algorithm), CLIENT, name=name, used_from_ms=now_ms)

        def act(connection: Connection) -> StoredSshKey:
            ssh_keys.lock(connection)
            for one in ssh_keys.all_of(connection, CLIENT):
                if is_live(one) and one.name == name:
                    raise SshKeyError(f"{name} is the name of {one.fingerprint}; choose another name, or retire it")
            ssh_keys.add(connection, new)
            _record(connection, actor, "ssh_client_key.new", new, now_ms, {"name": name})
            return new

        return self._database.write_now(act)

    def client_key_now(self, name: str) -> bytes | None:
        """The private part of the key that we log in with, in OpenSSH's format; None where there is none.

        Raises:
            SealingUnavailable: there is no passphrase.
            SealError: it does not open.
            StoreUnavailable: the database cannot be used now.
        """
        stored = self._database.read_now(lambda connection: ssh_keys.all_of(connection, CLIENT))
        for one in reversed(stored):
            if is_live(one) and one.name == name:
                return self._sealing.open(one.sealed_key, _purpose(one.fingerprint))
        return None

    def _sealed(self, key: NewKey, purpose: str, *, used_from_ms: int, name: str = "") -> StoredSshKey:
        sealed = self._sealing.seal(key.private_key, _purpose(key.fingerprint))
        now_ms = self._now_ms()
        return StoredSshKey(key.fingerprint, purpose, name, key.algorithm, key.public_key, sealed, now_ms, used_from_ms)

    def _opened(self, key: StoredSshKey) -> bytes | None:
        try:
            return self._sealing.open(key.sealed_key, _purpose(key.fingerprint))
        except SealError:
            # None takes its place by itself: each client would warn its people of an attack.
            log.error(  # noqa: TRY400  # where it happened tells nothing
                "an SSH host key does not open and is not shown; restore the database, or retire it",
                extra={"fingerprint": key.fingerprint},
            )
            return None


def _add_first(connection: Connection, new: Sequence[StoredSshKey]) -> list[StoredSshKey]:
    """Keep the first keys unless another node was faster; returns all that are live."""
    ssh_keys.lock(connection)
    there = {one.algorithm for one in _of_hosts(connection) if is_live(one)}
    for one in new:
        if one.algorithm not in there:
            ssh_keys.add(connection, one)
            _record(connection, GATEWAY, "ssh_host_key.new", one, one.created_at_ms, {"first": True})
    return [one for one in _of_hosts(connection) if is_live(one)]


def _of_hosts(connection: Connection) -> list[StoredSshKey]:
    return ssh_keys.all_of(connection, HOST)


def _known(algorithm: str) -> KeyAlgorithm:
    return "ssh-rsa" if algorithm == "ssh-rsa" else "ssh-ed25519"


def _purpose(fingerprint: str) -> str:
    return f"ssh key {fingerprint}"


def _record(
    connection: Connection, actor: Actor, action: str, key: StoredSshKey, now_ms: int, detail: dict[str, object]
) -> None:
    told = {"algorithm": key.algorithm, **detail}
    audit.record(connection, audit.Act(now_ms, actor.name, action, key.fingerprint, actor.remote, told))
