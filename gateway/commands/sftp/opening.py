"""What the commands on SSH keys share: the store with our keys, opened under the passphrase."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from certs.keyring import KeyRingError
from gateway.commands.parsing import Unusable
from gateway.commands.storing import changing, now_ms, or_unusable, reading
from gateway.flow.ssh_keys import SshKeyError, SshKeys, is_live
from gateway.settings import Settings
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.database import Database, StoreUnavailable
from gateway.store.ssh_keys import CLIENT, StoredSshKey, all_of

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
    keys = _our_keys(settings)
    return frozenset(one.name for one in keys) if keys is not None else None


def line_of_our_key(settings: Settings, name: str) -> str | None:
    """The public part of a key with which we log in, for authorized_keys; None where it is not known here."""
    return next((authorized_line(one) for one in _our_keys(settings) or () if one.name == name), None)


def authorized_line(key: StoredSshKey) -> str:
    """A key as it stands in authorized_keys; the comment tells their people whose it is."""
    return f"{key.public_key} partner-gateway-{key.name}"


def _our_keys(settings: Settings) -> list[StoredSshKey] | None:
    def unit(connection: Connection) -> list[StoredSshKey]:
        return [one for one in all_of(connection, CLIENT) if is_live(one)]

    try:
        with reading(settings) as database:
            return database.read_now(unit)
    except (Unusable, StoreUnavailable, SQLAlchemyError):
        return None


def words(act: Callable[[], T]) -> T:
    """What an act returns; what is wrong with keys ends the command in its own words."""
    return or_unusable(act, SshKeyError, SealError, SealingUnavailable)
