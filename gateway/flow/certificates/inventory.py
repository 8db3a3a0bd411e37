"""Every certificate that matters, ours and the partners', as one list: what for, until when, and what comes after."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from certs.certificates import Certificate, CertificateError, read_certificate, read_certificates
from certs.lives import Life, day, decrypting_at, planned_after, signer_at, succeeded
from gateway.model.instants import moment
from gateway.store.keys.certificate_uses import identity_owner, partner_owner
from gateway.store.partners.certificates import StoredCertificate
from partners.api_terms import ClientCertificate
from partners.as2_terms import As2, CertificateFile
from partners.loader import LoadedProfile
from partners.profile import Status

# `tls` is their server; `client` are their programs that show it to us.
Purpose = Literal["signing", "encryption", "tls", "authority", "client"]
_PURPOSES_OF_FILE: Mapping[str, tuple[Purpose, ...]] = {
    "signing": ("signing",),
    "encryption": ("encryption",),
    "both": ("signing", "encryption"),
}
# The words of certificate exchange messages.
_PURPOSE_OF_USAGE: Mapping[str, Purpose] = {
    "digitalSignature": "signing",
    "keyEncipherment": "encryption",
    "tlsClient": "tls",
    "tlsServer": "tls",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate in its place.

    Attributes:
        owner_kind: one of our identities, or a partner.
        purposes: what its key is for; of ours `encryption` means that partners encrypt to it.
        begins: from when on it may be used: its own start, or that of its window.
        ends: its own end, or that of its window.
        role: what it does now, in words.
        in_use: whether it is used now, or would be if it had not ended.
        succeeded: whether another takes over everything that it does before it ends.
        cut_over: from when on it signs, where that lies ahead.
        source: where it stands.
        is_retired: it is kept for what was done with it.
    """

    owner_kind: Literal["identity", "partner"]
    owner: str
    certificate: Certificate
    purposes: tuple[Purpose, ...]
    begins: datetime
    ends: datetime
    role: str
    in_use: bool
    succeeded: bool
    source: str
    cut_over: datetime | None = None
    is_retired: bool = False

    @property
    def owner_key(self) -> str:
        """The owner as uses and warnings name it."""
        return identity_owner(self.owner) if self.owner_kind == "identity" else partner_owner(self.owner)

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has."""
        return (self.ends - now) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All entries, ours first, and what could not be read, in words."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def take_inventory(
    lives: Iterable[Life], profiles: Iterable[LoadedProfile], exchanged: Iterable[StoredCertificate], now: datetime
) -> Inventory:
    """Everything that is there at a moment.

    Args:
        lives: our pairs.
        profiles: the partners.
        exchanged: certificates of theirs that are in force beside those of their profiles.
        now: the moment.
    """
    problems: list[str] = []
    by_identity: dict[str, list[Life]] = {}
    for life in lives:
        by_identity.setdefault(life.identity, []).append(life)
    entries = [entry for name in sorted(by_identity) for entry in _ours(by_identity[name], now)]
    by_partner: dict[str, list[StoredCertificate]] = {}
    for one in exchanged:
        by_partner.setdefault(one.partner_id, []).append(one)
    for loaded in sorted(profiles, key=lambda one: one.id):
        theirs = [
            _of_client(loaded, item, one)
            for item in loaded.profile.api.certificates
            for one in _read(loaded, item, problems)
        ]
        if loaded.profile.as2 is not None:
            theirs += _of_as2(loaded, loaded.profile.as2, by_partner.get(loaded.id, ()), problems)
        entries += [_judged(entry, theirs, now, status=loaded.profile.status) for entry in theirs]
    return Inventory(tuple(entries), tuple(problems))


def _ours(lives: Sequence[Life], now: datetime) -> Iterator[Entry]:
    signer, decrypting = signer_at(lives, now), decrypting_at(lives, now)
    planned = planned_after(lives, now)
    for life in lives:
        does = [name for name, holds in (("signs", life == signer), ("decrypts", life in decrypting)) if holds]
        purposes: list[Purpose] = []
        if life == signer or life in planned:
            purposes.append("signing")
        if life in decrypting and life.takes_ciphertext:
            purposes.append("encryption")
        yield Entry(
            owner_kind="identity",
            owner=life.identity,
            certificate=life.certificate,
            purposes=tuple(purposes),
            begins=life.certificate.not_before,
            ends=life.certificate.not_after,
            role=_role(life, " and ".join(does), is_planned=life in planned),
            in_use=life == signer or (life in decrypting and life.takes_ciphertext),
            succeeded=succeeded(life, lives, now),
            source="key ring",
            cut_over=life.signs_from if life in planned else None,
            is_retired=not life.is_live,
        )


def _role(life: Life, does: str, *, is_planned: bool) -> str:
    if life.erased:
        return "erased"
    if life.retired_at is not None:
        return f"retired on {day(life.retired_at)}"
    if is_planned and life.signs_from is not None:
        return ", ".join(filter(None, (does, f"signs from {day(life.signs_from)}")))
    if life.decrypts_until is not None and does == "decrypts":
        return f"decrypts until {day(life.decrypts_until)}"
    # An elliptic curve decrypts nothing: beside the pair that signs it is there to be changed over to.
    return does or ("does nothing any more" if life.takes_ciphertext else "signs once you change over to it")


def _of_as2(
    loaded: LoadedProfile, as2: As2, exchanged: Iterable[StoredCertificate], problems: list[str]
) -> list[Entry]:
    found = [_of_file(loaded.id, item, one) for item in as2.certificate_files for one in _read(loaded, item, problems)]
    places: list[tuple[str, Purpose]] = [(name, "authority") for name in as2.authorities]
    if as2.connection.server_certificate is not None:
        places.append((as2.connection.server_certificate, "tls"))
    if as2.connection.authorities is not None:
        places.append((as2.connection.authorities, "authority"))
    for name, purpose in places:
        found += [_of_partner(loaded.id, one, (purpose,), f"profile: {name}") for one in _read(loaded, name, problems)]
    return found + [entry for one in exchanged if (entry := _of_exchange(loaded.id, one, problems)) is not None]


def _of_file(partner: str, item: CertificateFile, certificate: Certificate) -> Entry:
    entry = _of_partner(partner, certificate, _PURPOSES_OF_FILE[item.use], f"profile: {item.file}")
    return _within(entry, item.valid_from, item.not_after)


def _of_client(loaded: LoadedProfile, item: ClientCertificate, certificate: Certificate) -> Entry:
    entry = _of_partner(loaded.id, certificate, ("client",), f"profile: {item.file}")
    return _within(entry, item.valid_from, item.expires_on)


def _within(entry: Entry, first: date | None, last: date | None) -> Entry:
    """The same in the window that the profile gives it."""
    begins = max(entry.begins, _midnight(first)) if first is not None else entry.begins
    # The last day belongs to the window.
    ends = min(entry.ends, _midnight(last) + timedelta(days=1)) if last is not None else entry.ends
    return replace(entry, begins=begins, ends=ends)


def _of_exchange(partner: str, one: StoredCertificate, problems: list[str]) -> Entry | None:
    try:
        certificate = _parsed(one.certificate)[0]
    except CertificateError as error:
        problems.append(f"{partner}: the certificate {one.fingerprint} that was exchanged: {error}")
        return None
    words = one.usages.split()
    purposes = tuple(dict.fromkeys(_PURPOSE_OF_USAGE[word] for word in words if word in _PURPOSE_OF_USAGE))
    entry = _of_partner(partner, certificate, purposes, "exchanged")
    if one.valid_from_ms is None:
        return entry
    return replace(entry, begins=max(entry.begins, moment(one.valid_from_ms)))


def _of_partner(partner: str, certificate: Certificate, purposes: tuple[Purpose, ...], source: str) -> Entry:
    return Entry(
        owner_kind="partner",
        owner=partner,
        certificate=certificate,
        purposes=purposes,
        begins=certificate.not_before,
        ends=certificate.not_after,
        role="",
        in_use=False,
        succeeded=False,
        source=source,
    )


def _judged(entry: Entry, of_partner: Sequence[Entry], now: datetime, *, status: Status) -> Entry:
    """What it does at this moment, and whether others go on when it ends."""
    follows = all(any(_takes_over(other, entry, purpose, now) for other in of_partner) for purpose in entry.purposes)
    is_active = status in {"testing", "live"}
    if not is_active:
        role = "partner is suspended" if status == "suspended" else "partner is a draft"
    elif now < entry.begins:
        role = f"from {day(entry.begins)}"
    elif now >= entry.ends:
        role = "ended"
    else:
        role = "in force"
    return replace(entry, role=role, in_use=is_active and now >= entry.begins, succeeded=follows)


def _takes_over(other: Entry, entry: Entry, purpose: Purpose, now: datetime) -> bool:
    """Whether another certificate serves a purpose when this one ends, without a gap."""
    if purpose not in other.purposes or other.ends <= entry.ends or other.begins > max(entry.ends, now):
        return False
    # Two authorities stand beside each other; only one of the same name is a successor.
    return purpose != "authority" or other.certificate.subject == entry.certificate.subject


def _read(
    loaded: LoadedProfile, named: CertificateFile | ClientCertificate | str, problems: list[str]
) -> tuple[Certificate, ...]:
    """The certificates of a file that a profile names; of one of the partner's own the end entity's alone."""
    name = named if isinstance(named, str) else named.file
    try:
        return _parsed(loaded.file(name)) if isinstance(named, str) else (_leaf(loaded.file(name)),)
    except CertificateError as error:
        problems.append(f"{loaded.id}: {name}: {error}")
        return ()


@lru_cache(maxsize=4_096)
def _parsed(data: bytes) -> tuple[Certificate, ...]:
    return read_certificates(data)


@lru_cache(maxsize=4_096)
def _leaf(data: bytes) -> Certificate:
    return read_certificate(data)


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), UTC)
