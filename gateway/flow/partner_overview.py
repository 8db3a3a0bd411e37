"""Every partner in one line: the stage, whether the newest profile is in force, the last traffic, what ends soon."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from gateway.flow.certificates.inventory import take_inventory
from gateway.flow.credentials import KnownCredential, credentials_of
from gateway.model.instants import rfc3339
from gateway.store.credentials import uses
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from gateway.store.partners import traffic as partner_traffic
from gateway.store.partners.certificates import StoredCertificate
from gateway.store.partners.states import Known
from gateway.store.partners.traffic import Traffic
from partners.directory import Directory
from partners.loader import LoadedProfile, unpack

EXPIRING_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Something of a partner that ends within 30 days, or has ended, and that nothing takes over.

    Attributes:
        kind: certificate, api_key, oauth, signature, sftp_key or sftp_password.
        name: its file or label.
        ends_on: its last day (UTC).
    """

    kind: str
    name: str
    ends_on: date

    def words(self, today: date) -> str:
        """For a cell of a table."""
        left = (self.ends_on - today).days
        ends = f"ends in {left} days" if left > 1 else {1: "ends tomorrow", 0: "ends today"}.get(left, "has ended")
        return f"{self.kind.replace('_', ' ')} {self.name} {ends}"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store knows of partners."""

    states: Mapping[str, Known] = field(default_factory=dict)
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    exchanged: Mapping[str, Sequence[StoredCertificate]] = field(default_factory=dict)
    used: Mapping[str, Mapping[uses.Shown, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overview:
    """One partner.

    Attributes:
        partner_id: the id, or the name of a folder whose profile never was good.
        loaded: the profile to speak of: the newest good one.
        status: of that one; None where there never was one.
        problems: why the newest profile is refused; empty when it is not.
        known: what the store says is in force; None where no gateway looked yet.
        drift: how what lies on the disk differs from what is in force; None where it does not.
        traffic: the last that went either way.
        expiring: what ends soon.
        credentials: what lets its programs in, and when it was last used.
    """

    partner_id: str
    loaded: LoadedProfile | None
    status: str | None
    problems: tuple[str, ...]
    known: Known | None
    drift: str | None
    traffic: Traffic
    expiring: tuple[Expiry, ...]
    credentials: tuple[KnownCredential, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The facts that commands and the operator port share."""
        known, traffic = self.known, self.traffic
        in_force: dict[str, object] | None = None
        if known is not None and known.digest is not None and known.in_force_since_ms is not None:
            since = rfc3339(known.in_force_since_ms)
            in_force = {"profile": known.digest, "status": known.status, "since": since}
        return {
            "broken": bool(self.problems),
            "problems": list(self.problems),
            "in_force": in_force,
            "drift": self.drift,
            "last_in": rfc3339(traffic.in_at_ms) if traffic.in_at_ms is not None else None,
            "last_out": rfc3339(traffic.out_at_ms) if traffic.out_at_ms is not None else None,
            "expiring": [{"kind": one.kind, "name": one.name, "ends_on": one.ends_on} for one in self.expiring],
        }


def stored(connection: Connection) -> Stored:
    """What the store knows now."""
    exchanged: dict[str, list[StoredCertificate]] = {}
    for one in partner_certificates.in_force(connection):
        exchanged.setdefault(one.partner_id, []).append(one)
    return Stored(partner_states.every(connection), partner_traffic.last(connection), exchanged, uses.every(connection))


def last_good(connection: Connection, known: Iterable[Known]) -> dict[str, LoadedProfile]:
    """The profiles that are in force by the store, as far as they can be read."""
    found: dict[str, LoadedProfile] = {}
    for one in known:
        packed = profiles.get(connection, one.digest) if one.digest is not None else None
        loaded = unpack(packed) if packed is not None else ()
        if isinstance(loaded, LoadedProfile):
            found[one.partner_id] = loaded
    return found


def overview(
    directory: Directory, held: Stored, now: datetime, *, in_force: Mapping[str, LoadedProfile] | None = None
) -> list[Overview]:
    """Every partner, in the order of their ids.

    Args:
        directory: what lies on the disk, or what a running gateway has in force.
        held: what the store knows.
        now: the moment.
        in_force: profiles in force of partners that are not in the directory.
    """
    loaded = {one.id: one for one in directory} | dict(in_force or {})
    rows: list[Overview] = []
    for name in sorted({*loaded, *directory.refused, *held.states}):
        known, profile = held.states.get(name), loaded.get(name)
        problems = tuple(str(problem) for problem in directory.refused.get(name, ()))
        status = profile.profile.status if profile is not None else known.status if known is not None else None
        exchanged = held.exchanged.get(name, ())
        rows.append(
            Overview(
                partner_id=name,
                loaded=profile,
                status=status,
                problems=problems,
                known=known,
                drift=_drift(directory, name, known),
                traffic=held.traffic.get(name, Traffic()),
                expiring=tuple(_expiring(profile, exchanged, now)) if profile is not None else (),
                credentials=_credentials(profile, held.used) if profile is not None else (),
            )
        )
    return rows


def _credentials(loaded: LoadedProfile, used: Mapping[str, Mapping[uses.Shown, int]]) -> tuple[KnownCredential, ...]:
    return tuple(credentials_of(loaded.profile, used.get(loaded.id, {})))


def _drift(directory: Directory, name: str, known: Known | None) -> str | None:
    on_disk = directory.by_id(name)
    if name in directory.refused:
        is_kept = known is not None and known.digest is not None
        return f"the newest is refused, {'the last good one' if is_kept else 'none'} is in force"
    if on_disk is None:
        return "its folder is gone, and no gateway has seen that yet"
    if known is None or known.digest is None:
        return "not in force yet: no gateway has seen it"
    return None if known.digest == on_disk.digest else "changed on the disk, and no gateway has seen that yet"


def _expiring(loaded: LoadedProfile, exchanged: Sequence[StoredCertificate], now: datetime) -> Iterator[Expiry]:
    today = now.date()
    for name, ends in _certificates(loaded, exchanged, now):
        yield Expiry("certificate", name, ends)
    profile = loaded.profile
    dated: list[tuple[str, str, date | None]] = [
        (one.means, one.label, one.terms.expires_on) for one in credentials_of(profile, {})
    ]
    for kind, label, expires_on in dated:
        lasting = [other for of, _, other in dated if of == kind and not _ends_soon(other, today)]
        if expires_on is not None and _ends_soon(expires_on, today) and not lasting:
            yield Expiry(kind, label, expires_on)


def _ends_soon(day: date | None, today: date) -> bool:
    return day is not None and day - today <= EXPIRING_WITHIN


def _certificates(
    loaded: LoadedProfile, exchanged: Sequence[StoredCertificate], now: datetime
) -> Iterator[tuple[str, date]]:
    """Certificates of theirs that are used, end soon and have no successor."""
    if loaded.profile.as2 is None:
        return
    for entry in take_inventory((), (loaded,), exchanged, now).entries:
        if entry.in_use and not entry.succeeded and entry.ends - now <= EXPIRING_WITHIN:
            # A window ends with its last day, at midnight.
            yield entry.source.removeprefix("profile: "), (entry.ends - timedelta(microseconds=1)).date()
