"""What the commands on certificates share: the store with our keys, passphrases from files, identities and days."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar

from certs.certificates import CertificateError
from certs.key_folder import holds_keys
from certs.keyring import KeyRingError
from gateway.commands.output import note
from gateway.commands.parsing import Parser, Unusable, did_you_mean, shown
from gateway.commands.storing import changing, now_ms, or_unusable
from gateway.flow.certificates.keys import passphrase_of, take_over
from gateway.settings import Settings, SettingsError, read_passphrase_file
from gateway.store.database import Database

T = TypeVar("T")


@contextmanager
def key_store(settings: Settings) -> Iterator[Database]:
    """The store for a command that changes our keys; what an earlier version kept in a folder is taken over first."""
    with changing(settings, create=True) as database:
        if holds_keys(settings.key_ring_dir):
            added = words(lambda: take_over(database, settings, now_ms()))
            note(f"{added} keys of {settings.key_ring_dir} are in the database now; the folder is not read any more")
        yield database


def words(act: Callable[[], T]) -> T:
    """What an act returns; what is wrong with keys or certificates ends the command in its own words."""
    return or_unusable(act, KeyRingError, CertificateError)


def passphrase_of_ring(settings: Settings) -> bytes:
    """The passphrase under which our keys are kept."""
    return words(lambda: passphrase_of(settings))


def passphrase_file(name: str | None, option: str) -> bytes | None:
    """A passphrase from a file that an option names; None where it is not given."""
    if name is None:
        return None
    path = Path(name)
    return or_unusable(lambda: read_passphrase_file(path, option), SettingsError)


def add_identity(parser: Parser) -> None:
    """The argument that names one of our identities."""
    parser.add_argument("identity", metavar="IDENTITY", help="its name, as in `identities:` of the settings")


def check_identity(settings: Settings, identity: str) -> None:
    """Refuse a name that the settings do not have; without any there, every name will do."""
    names = [item.name for item in settings.identities]
    if names and identity not in names:
        hint = did_you_mean(identity, names) or f"; use one of: {', '.join(names)}"
        raise Unusable(f"the settings have no identity {shown(identity)}{hint}")


def add_moment(parser: Parser, option: str, what: str, *, end_of_day: bool) -> None:
    """An option that takes a day (UTC) or a moment."""
    parser.add_argument(
        option,
        type=_end_of_day if end_of_day else _moment,
        metavar="DATE",
        help=f"{what}; 2027-01-31, or 2027-01-31T06:00+01:00",
    )


def _moment(text: str) -> datetime:
    return _day_or_moment(text, timedelta())


def _end_of_day(text: str) -> datetime:
    return _day_or_moment(text, timedelta(days=1) - timedelta(milliseconds=1))


def _day_or_moment(text: str, into_the_day: timedelta) -> datetime:
    """A day stands for its beginning or its end in UTC; a moment without an offset is UTC."""
    try:
        try:
            return datetime.combine(date.fromisoformat(text), time(), UTC) + into_the_day
        except ValueError:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no day such as 2027-01-31") from None
