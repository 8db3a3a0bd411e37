"""What the commands on SSH keys share: the store with our keys, opened under the passphrase."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from certs.keyring import KeyRingError
from gateway.commands.parsing import Unusable
from gateway.commands.storing import changing, now_ms, or_unusable, reading
from gateway.flow.ssh_keys import SshKeyError, SshKeys, is_live, signing
from gateway.model.instants import moment
from gateway.onboarding.guide.facts import ServerKey
from gateway.settings import Settings
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.database import Database, StoreUnavailable
from gateway.store.ssh_keys import CLIENT, HOST, StoredSshKey, all_of

T = TypeVar("T")


@contextmanager
def ssh_keys(settings: Settings) -> Iterator[tuple[SshKeys, Database]]:
    """Our SSH keys, for a command that makes or changes some; the passphrase has to be there."""
    with changing(settings, create=True) as database:
        sealing = Sealing(database, settings.passphrase, now_ms=now_ms)
        or_unusable(sealing.start_now, KeyRingError)
        if not sealing.is_available:
            raise Unusable(
                "SSH keys are kept encrypted, and there is no passphrase for it: set key_passphrase_file to a file "
                "that holds one, or the variable GATEWAY_KEY_PASSPHRASE"
            )
        yield SshKeys(database, sealing, now_ms), database


def names_of_our_keys(settings: Settings) -> frozenset[str] | None:
    """The names of the keys with which we log in; None where there is no store to ask, or none that can be read."""
    keys = _live_keys(settings, CLIENT)
    return frozenset(one.name for one in keys) if keys is not None else None


def line_of_our_key(settings: Settings, name: str) -> str | None:
    """The public part of a key with which we log in, for authorized_keys; None where it is not known here."""
    return next((authorized_line(one) for one in _live_keys(settings, CLIENT) or () if one.name == name), None)


def authorized_line(key: StoredSshKey) -> str:
    """A key as it stands in authorized_keys; the comment tells their people whose it is."""
    return f"{key.public_key} partner-gateway-{key.name}"


def server_keys(settings: Settings) -> list[ServerKey]:
    """The host keys of our SFTP server that are shown or announced; none where they are not known here."""
    at_ms, stored = now_ms(), _live_keys(settings, HOST) or []
    present = {one.fingerprint for one in signing(stored, at_ms).values()}
    return [
        ServerKey(
            one.fingerprint,
            one.algorithm,
            one.public_key,
            one.fingerprint in present,
            moment(one.used_from_ms) if one.used_from_ms > at_ms else None,
        )
        for one in stored
        # What another has taken the place of is announced for those who have only it, and is nobody's next.
        if one.fingerprint in present or one.used_from_ms > at_ms
    ]


def _live_keys(settings: Settings, purpose: str) -> list[StoredSshKey] | None:
    def unit(connection: Connection) -> list[StoredSshKey]:
        return [one for one in all_of(connection, purpose) if is_live(one)]

    try:
        with reading(settings) as database:
            return database.read_now(unit)
    except (Unusable, StoreUnavailable, SQLAlchemyError):
        return None


def words(act: Callable[[], T]) -> T:
    """What an act returns; what is wrong with keys ends the command in its own words."""
    return or_unusable(act, SshKeyError, SealError, SealingUnavailable)
