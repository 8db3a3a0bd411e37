"""What the commands on SSH keys share: the store with our keys, opened under the passphrase."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from certs.keyring import KeyRingError
from gateway.commands.parsing import Unusable
from gateway.commands.storing import changing, now_ms, or_unusable, reading
from gateway.flow.ssh_keys import SshKeyError, SshKeys
from gateway.settings import Settings
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.database import Database, StoreUnavailable
from gateway.store.ssh_keys import CLIENT, all_of

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

    def unit(connection: Connection) -> frozenset[str]:
        return frozenset(one.name for one in all_of(connection, CLIENT) if one.retired_at_ms is None)

    try:
        with reading(settings) as database:
            return database.read_now(unit)
    except (Unusable, StoreUnavailable, SQLAlchemyError):
        return None


def words(act: Callable[[], T]) -> T:
    """What an act returns; what is wrong with keys ends the command in its own words."""
    return or_unusable(act, SshKeyError, SealError, SealingUnavailable)
