"""Two whole gateways in one process and one throw-away folder: ours, and one that plays the partner."""

import hashlib
import logging
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import yaml

from certs.certificates import KeyPair
from certs.creation import create_key_pair
from gateway.as2_agreements import identities_for
from gateway.flow.certificates.keys import first_pair, stored_of
from gateway.flow.outward.send import Sending
from gateway.flow.outward.ways import WITHOUT_AS2, own_way
from gateway.onboarding.samples.live import loopback_profiles
from gateway.onboarding.samples.live.loopback_profiles import (
    LOOPBACK,
    OUR_FILE,
    THEIR_FILE,
    THEM,
    Keys,
    NotPlayable,
    Playable,
)
from gateway.onboarding.samples.live.transports import is_only_fetched_from
from gateway.onboarding.samples.staging import Cast
from gateway.settings import DATABASE_FILE, Settings
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.oversight import operators
from gateway.store.oversight.operators import Role
from partners.loader import LoadedProfile, load_profile

STARTS_MAX = 3  # a port that was free a moment ago may be taken
_CERTIFICATE_DAYS = 60  # with fewer the houses would begin with warnings that they end
_RELOAD_S = 3_600  # nothing changes while they live


class House(Protocol):
    """A gateway, as far as it is looked at from here."""

    database: Database
    sending: Sending

    async def start(self) -> None:
        """Open the doors."""

    async def stop(self) -> None:
        """Close them, finish what is under way and let go of everything."""

    @property
    def edge_port(self) -> int:
        """Where partners come."""

    @property
    def operator_port(self) -> int:
        """Where operators and the ERP come."""


NewHouse = Callable[[Settings], House]
NewPair = Callable[[str], KeyPair]


@dataclass(frozen=True, slots=True)
class Houses:
    """Both, open.

    Attributes:
        ours: with the partner's profile.
        theirs: who plays the partner; None for a partner without AS2.
        api_key: that opens our REST interface for the partner; empty where none does.
        operator_token: that opens our operator port.
        notes: what is other than in the profile, beside addresses and keys.
    """

    ours: House
    theirs: House | None
    api_key: str
    operator_token: str
    notes: tuple[str, ...]


def new_pair(name: str) -> KeyPair:
    """A key that nobody will miss."""
    return create_key_pair(name, now=datetime.now(UTC), valid_days=_CERTIFICATE_DAYS)


@asynccontextmanager
async def houses(
    folder: Path, actors: Cast, new_house: NewHouse, cannot_start: type[Exception], pair: NewPair = new_pair
) -> AsyncIterator[Houses]:
    """Build both in an empty folder, open them, and close them afterwards.

    Args:
        folder: for everything that they keep.
        actors: the partner, who carries it, and our identities.
        new_house: makes a gateway.
        cannot_start: what it raises where a port is taken.
        pair: makes keys.

    Raises:
        NotPlayable: the partner cannot be played on loopback.
    """
    # A whole gateway says much that is of no interest here.
    quiet = logging.NullHandler()
    logging.getLogger().addHandler(quiet)
    try:
        builder = _Builder(actors, pair("loopback"), pair("loopback-theirs"))
        for attempt in range(STARTS_MAX):
            built = builder.build(folder / str(attempt))
            async with AsyncExitStack() as stack:
                try:
                    opened = [await _open(stack, new_house, settings) for settings in built.settings]
                except cannot_start:
                    if attempt + 1 == STARTS_MAX:
                        raise
                    continue
                theirs = opened[1] if len(opened) > 1 else None
                yield Houses(opened[0], theirs, built.api_key, built.operator_token, built.notes)
                return
    finally:
        logging.getLogger().removeHandler(quiet)


async def _open(stack: AsyncExitStack, new_house: NewHouse, settings: Settings) -> House:
    house = new_house(settings)
    stack.push_async_callback(house.stop)
    await house.start()
    return house


@dataclass(frozen=True, slots=True)
class _Built:
    settings: tuple[Settings, ...]
    api_key: str
    operator_token: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Builder:
    actors: Cast
    our_pair: KeyPair
    their_pair: KeyPair

    def build(self, folder: Path) -> _Built:
        """Write everything that both need."""
        from gateway.store.schema import migrate  # noqa: PLC0415  # alembic takes long to import

        bearer = self.actors.bearer.profile
        caller = self._caller()
        if bearer.as2 is None and caller is None:
            raise NotPlayable(f"{self.actors.bearer.id} has neither `as2` nor `api_keys`: loopback speaks AS2 and REST")
        folder.mkdir()
        empty = folder / DATABASE_FILE
        database = Database(f"sqlite:///{empty}", synchronous="OFF")
        try:
            migrate(database)
        finally:
            database.close()
        passphrase, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        api_key = secrets.token_urlsafe(32) if caller is not None else ""
        ports = _free_ports(2)
        profiles, notes = self._our_profiles(f"http://{LOOPBACK}:{ports[1]}/as2", api_key)
        names = [item.name for item in identities_for(bearer, self.actors.identities, [self.actors.partner.profile])]
        if bearer.as2 is not None and not names:
            raise NotPlayable("none of our identities in the settings is one that they know by an AS2 id")
        identities = [item.model_dump(mode="json", exclude_none=True) for item in self.actors.identities]
        ours = _settings(folder / "ours", empty, ports[0], identities, passphrase)
        _furnish(ours, profiles, {THEIR_FILE: self.their_pair.certificate.pem()})
        _keep(ours, names, self.our_pair, passphrase, token)
        if bearer.as2 is None:
            return _Built((ours,), api_key, token, notes)
        theirs = _settings(
            folder / "theirs", empty, ports[1], loopback_profiles.their_identities(self.actors), passphrase
        )
        us = loopback_profiles.theirs(self.actors, f"http://{LOOPBACK}:{ports[0]}/as2")
        _furnish(theirs, [Playable(keys) for keys in us], {OUR_FILE: self.our_pair.certificate.pem()})
        _keep(theirs, [THEM], self.their_pair, passphrase, "")
        return _Built((ours, theirs), api_key, token, notes)

    def _caller(self) -> LoadedProfile | None:
        """Who of them calls our REST interface: who fetches from the inbox, else who brings their documents."""
        partner, bearer = self.actors.partner, self.actors.bearer
        if own_way(partner.profile) in WITHOUT_AS2:
            return partner
        return bearer if bearer.profile.has_api or is_only_fetched_from(bearer.profile) else None

    def _our_profiles(self, their_url: str, api_key: str) -> tuple[list[Playable], tuple[str, ...]]:
        actors = self.actors
        # How a connection's files are read depends on everybody whom it speaks for.
        carried = actors.directory.carried_by(actors.bearer)
        loaded = list({one.id: one for one in (*carried, actors.bearer, actors.partner)}.values())
        caller = self._caller()
        found = []
        for one in loaded:
            key = api_key if caller is not None and one.id == caller.id else secrets.token_urlsafe(32)
            found.append(loopback_profiles.ours(one, their_url, hashlib.sha256(key.encode()).hexdigest()))
        return found, tuple(note for one in found for note in one.notes)


def _settings(folder: Path, empty: Path, port: int, identities: Sequence[Keys], passphrase: str) -> Settings:
    data_dir, partners_dir = folder / "data", folder / "partners"
    for path in (data_dir, partners_dir):
        path.mkdir(mode=0o700, parents=True)
    shutil.copyfile(empty, data_dir / DATABASE_FILE)
    return Settings.model_validate(
        {
            "data_dir": str(data_dir),
            "partners_dir": str(partners_dir),
            "edge_port": port,
            "operator_port": 0,
            "public_url": f"http://{LOOPBACK}:{port}",
            "key_passphrase": passphrase,
            "profiles_reload_s": _RELOAD_S,
            "identities": identities,
        }
    )


def _furnish(settings: Settings, profiles: Sequence[Playable], files: dict[str, bytes]) -> None:
    for one in profiles:
        folder = settings.partners_dir / one.profile["id"]
        folder.mkdir()
        for name, content in (files | one.files).items():
            (folder / name).write_bytes(content)
        (folder / "profile.yaml").write_text(yaml.safe_dump(one.profile, allow_unicode=True), encoding="utf-8")
        loaded = load_profile(folder)
        if not isinstance(loaded, LoadedProfile):
            first = loaded[0]
            raise NotPlayable(
                f"the profile of {folder.name} cannot be moved to loopback: {first.what}; {first.would_be_right}"
            )


def _keep(settings: Settings, identities: Sequence[str], pair: KeyPair, passphrase: str, token: str) -> None:
    """Keys, and the token that opens the operator port, before the gateway starts."""
    now = datetime.now(UTC)
    database = Database(settings.resolved_database_url(), synchronous="OFF")
    try:
        for name in identities:
            stored = stored_of(first_pair(name, pair, now), pair, passphrase.encode())
            database.write_now(partial(keys.add, key=stored))
        if token:
            digest = operators.token_sha256(token)
            now_ms = int(now.timestamp() * 1_000)
            database.write_now(lambda connection: operators.add(connection, digest, "loopback", Role.OPERATOR, now_ms))
    finally:
        database.close()


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    bound = [socket.socket() for _ in range(count)]
    try:
        for one in bound:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in bound]
    finally:
        for one in bound:
            one.close()
