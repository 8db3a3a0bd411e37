"""`gateway certs list`: our keys and the partners' certificates, what each does, until when, and when it last did."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, inspect

from certs.certificates import Certificate, ProblemCode, problems
from certs.key_folder import holds_keys
from certs.lives import FINGERPRINT_CHARACTERS_SHOWN, Life, day, live, story
from gateway.commands.certs_opening import key_store
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Parser, add_config, add_format, count_or_zero, verb
from gateway.commands.storing import reading
from gateway.flow.certificates.inventory import Entry, Inventory, take_inventory
from gateway.flow.certificates.keys import readable
from gateway.model.instants import rfc3339
from gateway.onboarding.certificate_facts import key_of, sha1_of
from gateway.settings import DATABASE_FILE, Settings, SettingsError
from gateway.store import keys
from gateway.store.keys import certificate_uses
from gateway.store.keys.certificate_uses import Key
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate
from partners.directory import Directory, load_directory

_TABLES = ("own_key", "certificate_use", "partner_certificate")


@dataclass(frozen=True, slots=True)
class Names:
    """Who a certificate is for, as its maker wrote it."""

    common_name: str | None
    organization: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What the store says of certificates.

    Attributes:
        is_current: False where it is at an earlier version and holds nothing of this yet.
    """

    lives: list[Life]
    uses: Mapping[Key, int]
    exchanged: list[StoredCertificate]
    problems: list[str]
    is_current: bool = True


def build(under: "argparse._SubParsersAction[Parser]") -> None:
    """Add the verb."""
    listing = verb(
        under,
        "list",
        _list,
        does="our keys and the partners' certificates: what each does, until when, and when it was last used",
        example="gateway certs list\n"
        "gateway certs list --expiring 30 --format json | jq -r '[.owner, .days_left, .subject] | @tsv'",
    )
    listing.add_argument("owners", nargs="*", metavar="NAME", help="only of these identities and partners")
    listing.add_argument(
        "--expiring", type=count_or_zero, metavar="DAYS", help="only what is in use and ends within so many days"
    )
    listing.add_argument("--all", action="store_true", help="also our pairs that are retired")
    add_format(listing, "one object a line, one line a certificate")
    add_config(listing)


def held_in(settings: Settings) -> Held:
    """What the store holds; needs no passphrase unless keys have to be taken over from an earlier version."""
    if holds_keys(settings.key_ring_dir):
        try:
            has_passphrase = settings.passphrase() is not None
        except SettingsError:
            has_passphrase = False
        if has_passphrase:
            with key_store(settings) as database:
                return database.read_now(_held)
        note(f"{settings.key_ring_dir} holds keys of an earlier version; with their passphrase set they are shown, too")
    if settings.database_url is None and not (settings.data_dir / DATABASE_FILE).is_file():
        return Held([], {}, [], [])
    with reading(settings) as database:
        held = database.read_now(_held)
    if not held.is_current:
        note("the database is at an earlier version, without our keys; `gateway serve` brings it up to date")
    return held


def _held(connection: Connection) -> Held:
    tables = inspect(connection)
    if not all(tables.has_table(name) for name in _TABLES):
        return Held([], {}, [], [], is_current=False)
    lives, wrong = readable(keys.every(connection))
    return Held(lives, certificate_uses.every(connection), partner_certificates.in_force(connection), wrong)


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    now = datetime.now(UTC)
    held = held_in(settings)
    profiles = (
        load_directory(settings.partners_dir, environment=settings.environment)[0]
        if settings.partners_dir.is_dir()
        else Directory()
    )
    inventory = take_inventory(held.lives, profiles, held.exchanged, now)
    shown = [entry for entry in inventory.entries if _is_wanted(entry, called, now)]
    if called.format == "json":
        for entry in shown:
            print_json(_as_json(entry, held.uses, now))
    else:
        nothing = "no certificates; make our first key with `gateway certs new IDENTITY`"
        if called.expiring is not None:
            nothing = f"nothing that is in use ends within {called.expiring} days"
        _print(shown, held, now, empty=nothing)
        if called.expiring is None:
            _print_stories(held.lives, called, now)
    _tell_problems(held, inventory)
    return 0


def _is_wanted(entry: Entry, called: argparse.Namespace, now: datetime) -> bool:
    if called.owners and entry.owner not in called.owners:
        return False
    if entry.is_retired and not called.all:
        return False
    return called.expiring is None or (entry.in_use and entry.days_left(now) < called.expiring)


def _print(entries: list[Entry], held: Held, now: datetime, *, empty: str) -> None:
    print_table(
        ("OWNER", "DOES", "STATUS", "ENDS", "DAYS", "SUCCESSOR", "LAST USED", "FINGERPRINT", "SUBJECT"),
        [
            (
                entry.owner,
                _does(entry),
                status(entry, now),
                f"{entry.ends:%Y-%m-%d}",
                entry.days_left(now),
                "there" if entry.succeeded else "none",
                _last_used(_uses_of(entry, held.uses)),
                entry.certificate.fingerprint[:FINGERPRINT_CHARACTERS_SHOWN],
                entry.certificate.subject,
            )
            for entry in entries
        ],
        empty=empty,
    )


def _does(entry: Entry) -> str:
    if entry.owner_kind == "identity":
        return entry.role
    return f"{'+'.join(entry.purposes) or 'nothing'}, {entry.role}"


def _last_used(uses: Mapping[str, int]) -> str:
    if not uses:
        return "never"
    return ", ".join(f"{use} {rfc3339(at_ms)[:10]}" for use, at_ms in sorted(uses.items()))


def _uses_of(entry: Entry, uses: Mapping[Key, int]) -> dict[str, int]:
    return {
        use: at_ms
        for (owner, fingerprint, use), at_ms in uses.items()
        if owner == entry.owner_key and fingerprint == entry.certificate.fingerprint
    }


def _print_stories(lives: list[Life], called: argparse.Namespace, now: datetime) -> None:
    """What comes next, for identities that have more than one pair."""
    for identity in sorted({life.identity for life in lives}):
        of_identity = [life for life in lives if life.identity == identity]
        if len(live(of_identity)) > 1 and (not called.owners or identity in called.owners):
            say()
            say(f"{identity}:")
            for at, what in story(of_identity, now):
                say(f"  {'now' if at == now else day(at):<20}  {what}")


def _tell_problems(held: Held, inventory: Inventory) -> None:
    for problem in (*held.problems, *inventory.problems):
        note(problem)


def status(entry: Entry, now: datetime) -> str:
    """How the certificate stands, in a word."""
    if entry.is_retired:
        return "retired"
    if entry.ends <= now:
        return ProblemCode.EXPIRED.value
    codes = {problem.code for problem in problems(entry.certificate, now)}
    if entry.begins > now:
        codes.add(ProblemCode.NOT_YET_VALID)
    return next((code.value for code in ProblemCode if code in codes), "ok")


def _as_json(entry: Entry, uses: Mapping[Key, int], now: datetime) -> dict[str, object]:
    used = {use: rfc3339(at_ms) for use, at_ms in sorted(_uses_of(entry, uses).items())}
    return {
        "owner_kind": entry.owner_kind,
        "owner": entry.owner,
        "uses": list(entry.purposes),
        "does": entry.role,
        "status": status(entry, now),
        "in_use": entry.in_use,
        "successor": entry.succeeded,
        "begins": entry.begins.isoformat(),
        "ends": entry.ends.isoformat(),
        "days_left": entry.days_left(now),
        "cut_over": entry.cut_over.isoformat() if entry.cut_over is not None else None,
        "last_used": used,
        "source": entry.source,
        **described(entry.owner, entry.certificate),
    }


def described(owner: str, certificate: Certificate) -> dict[str, object]:
    """A certificate as partners need it to compare, without the private part of anything."""
    return {
        "owner": owner,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial_number": f"{certificate.serial_number:x}",
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "key": key_of(certificate),
        "fingerprint": certificate.fingerprint,
        "fingerprint_sha1": sha1_of(certificate),
    }


def rsa_bits_of(certificate: Certificate, among: tuple[int, ...]) -> int | None:
    """The size of its RSA key, if it is one of the sizes that we make."""
    key = certificate.public_key
    return key.key_size if isinstance(key, rsa.RSAPublicKey) and key.key_size in among else None


def names_of(certificate: Certificate) -> Names:
    """Who it is for."""
    subject = certificate.parsed.subject
    return Names(_first(subject, NameOID.COMMON_NAME), _first(subject, NameOID.ORGANIZATION_NAME))


def _first(name: x509.Name, attribute: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(attribute)
    return str(found[0].value) if found else None
