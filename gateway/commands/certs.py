"""`gateway certs`: our own keys from the first day to the last, and every certificate that matters.

Private keys are never shown; they leave the gateway only by `export --private`, into a file that a passphrase guards.
"""

import argparse
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from certs.certificates import CertificateError, KeyPair
from certs.creation import CURVES, RSA_KEY_BITS, VALID_DAYS, create_curve_pair, create_key_pair
from certs.importing import BUNDLE_BYTES_MAX, Imported, choose_pair, read_heap
from certs.lives import Life, signer_at, story
from gateway.commands import certs_exchange, certs_export, certs_listing
from gateway.commands.certs_opening import (
    add_identity,
    add_moment,
    check_identity,
    key_store,
    passphrase_file,
    passphrase_of_ring,
    words,
)
from gateway.commands.files import read_input
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_bytes, print_json, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, count, verb, verbs
from gateway.commands.storing import actor, now_ms
from gateway.flow.certificates import key_acts
from gateway.flow.certificates.keys import stored_of
from gateway.model.instants import moment
from gateway.settings import Settings
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.keys import StoredKey, certificate_uses

RSA_BITS = (2048, 3072, 4096)


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    new = verb(
        under,
        "new",
        _new,
        does="make a key and its certificate for one of our identities",
        example="gateway certs new bigcorp --common-name 'BigCorp AS2' > bigcorp-as2.pem   # give it to the partners\n"
        "gateway certs new bigcorp --bits 3072 && gateway certs roll bigcorp --on 2027-02-01",
    )
    _add_making(new)
    bring = verb(
        under,
        "import",
        _import,
        does="bring a key that exists already: PEM, DER, PKCS#7 and PKCS#12 files, in any order and mixture",
        example="gateway certs import bigcorp old.p12 --key-passphrase-file old.pass\n"
        "gateway certs import bigcorp key.pem certificate.cer chain.p7b",
    )
    add_identity(bring)
    bring.add_argument("files", nargs="*", metavar="FILE", help="which together hold a private key and its certificate")
    bring.add_argument("--key", metavar="FILE", help="one more such file")
    bring.add_argument("--certificate", metavar="FILE", help="one more such file")
    bring.add_argument("--key-passphrase-file", metavar="FILE", help="opens what is encrypted in them")
    roll = verb(
        under,
        "roll",
        _roll,
        does="change over to another pair on a day; it decrypts at once, and the old one goes on decrypting",
        example="gateway certs roll bigcorp --new --on 2027-02-01      # send the certificate to the partners before\n"
        "gateway certs roll bigcorp --to 3f9a --on 2027-02-01 --decrypt-until 2027-03-31",
    )
    which = roll.add_mutually_exclusive_group()
    which.add_argument("--new", action="store_true", help="make the pair, named and sized like the one that signs now")
    which.add_argument("--to", metavar="FINGERPRINT", help="one that is there (default: the one that waits)")
    add_moment(roll, "--on", "the cut-over: from then on it signs (default: now)", end_of_day=False)
    add_moment(roll, "--decrypt-until", "last day of the old pair (default: until it is retired)", end_of_day=True)
    _add_size(roll)
    retire = verb(
        under,
        "retire",
        _retire,
        does="have a pair decrypt no more",
        example="gateway certs retire bigcorp 3f9a\n"
        "gateway certs retire bigcorp 3f9a --erase   # its private key is gone",
    )
    add_identity(retire)
    retire.add_argument("fingerprint", metavar="FINGERPRINT", help="of the pair, or the beginning of it")
    retire.add_argument("--erase", action="store_true", help="destroy its private key, too; backups still have it")
    retire.add_argument("--even-if-used", action="store_true", help="although a partner encrypted to it lately")
    rewrap = verb(
        under,
        "rewrap",
        _rewrap,
        does="change the passphrase under which all private keys are kept",
        example="gateway certs rewrap --new-passphrase-file next.pass   # then put it in place of the present one",
    )
    rewrap.add_argument("--new-passphrase-file", required=True, metavar="FILE", help="holds the new passphrase")
    for each in (new, roll):
        add_identity(each)
    for each in (new, bring, roll, retire, rewrap):
        add_format(each)
        add_config(each)
    certs_listing.build(under)
    certs_export.build(under)
    certs_exchange.build(under)


def _add_making(new: Parser) -> None:
    new.add_argument("--common-name", metavar="NAME", help="who it is for, as partners read it (default: the identity)")
    new.add_argument("--organization", metavar="NAME", help="the company, as partners read it")
    _add_size(new)


def _add_size(parser: Parser) -> None:
    parser.add_argument("--days", type=count, default=VALID_DAYS, metavar="N", help=f"valid for (default {VALID_DAYS})")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--bits", type=int, choices=RSA_BITS, help=f"an RSA key of that size (default {RSA_KEY_BITS})")
    size.add_argument(
        "--curve", choices=list(CURVES), help="an elliptic curve key: it signs, but nobody can encrypt to it"
    )


def _new(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    check_identity(settings, called.identity)
    passphrase = passphrase_of_ring(settings)
    with key_store(settings) as database:
        pair = _make(called, called.common_name or called.identity, called.organization, called.bits or RSA_KEY_BITS)
        return _keep(called, database, Imported(pair, ()), passphrase, "key.new")


def _make(called: argparse.Namespace, common_name: str, organization: str | None, bits: int) -> KeyPair:
    now = datetime.now(UTC)
    try:
        if called.curve is not None:
            make = partial(create_curve_pair, common_name, curve=called.curve)
        else:
            make = partial(create_key_pair, common_name, rsa_key_bits=bits)
        return make(now=now, valid_days=called.days, organization=organization)
    except OverflowError:
        raise Unusable(f"a certificate cannot be valid for {called.days} days; name fewer with --days") from None
    except CertificateError as error:
        raise Unusable(str(error)) from None


def _import(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    check_identity(settings, called.identity)
    passphrase = passphrase_of_ring(settings)
    names = [*called.files, *(name for name in (called.key, called.certificate) if name is not None)]
    if not names:
        raise Unusable("name the files that hold the private key and its certificate")
    files = [(name, read_input(name, BUNDLE_BYTES_MAX)) for name in names]
    opens = passphrase_file(called.key_passphrase_file, "--key-passphrase-file")
    found = words(lambda: choose_pair(read_heap(files, opens)))
    with key_store(settings) as database:
        return _keep(called, database, found, passphrase, "key.import")


def _keep(called: argparse.Namespace, database: Database, found: Imported, passphrase: bytes, action: str) -> int:
    at_ms = now_ms()
    life = Life(called.identity, found.pair.certificate, found.chain, moment(at_ms))
    row = stored_of(life, found.pair, passphrase)
    act = partial(key_acts.add, new=row, passphrase=passphrase, actor=actor(), action=action)
    words(lambda: database.write_now(act))
    lives = key_acts.of_identity(database.read_now(keys.every), called.identity)
    certificate, signs = found.pair.certificate, signer_at(lives, moment(at_ms)) == life
    if called.format == "json":
        shown = certs_listing.described(life.identity, certificate) | {"use": _use(signs=signs)}
        print_json(shown | {"chain": len(found.chain), "pem": certificate.pem().decode("ascii")})
        return 0
    print_bytes(certificate.pem())
    note(f"the private key of {called.identity} is kept encrypted; above is its certificate for the partners")
    if not life.takes_ciphertext:
        note("it is an elliptic curve: it signs, but partners cannot encrypt to it; keep an RSA pair beside it")
    if signs:
        does = "signs and decrypts" if life.takes_ciphertext else "signs"
        note(f"{life.short} {does}, since it is the first pair of {called.identity}")
    else:
        decrypts = "decrypts from now on; it " if life.takes_ciphertext else ""
        note(f"{life.short} {decrypts}signs once you change over: gateway certs roll {called.identity}")
    return 0


def _use(*, signs: bool) -> str:
    return "signing and decryption" if signs else "decryption"


def _roll(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    check_identity(settings, called.identity)
    now = datetime.now(UTC)
    if called.on is not None and called.on <= now - timedelta(days=1):
        raise Unusable(f"--on {called.on:%Y-%m-%d} is over; name today or a later day")
    with key_store(settings) as database:
        lives = words(lambda: key_acts.of_identity(database.read_now(keys.every), called.identity))
        successor = _successor(called, settings, lives) if called.new else None
        target = successor.fingerprint if successor is not None else _target(called, lives)
        after = words(lambda: database.write_now(partial(_change_over, called=called, target=target, new=successor)))
    _tell_story(called, after, target, datetime.now(UTC))
    return 0


@dataclass(frozen=True, slots=True)
class _Successor:
    """A pair that was made for a roll, and the passphrase that it is kept under."""

    row: StoredKey
    passphrase: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return self.row.fingerprint


def _successor(called: argparse.Namespace, settings: Settings, lives: list[Life]) -> _Successor:
    """A new pair like the one that signs now, but for its years."""
    passphrase = passphrase_of_ring(settings)
    present = signer_at(lives, datetime.now(UTC))
    if present is None:
        raise Unusable(f"{called.identity} has no pair yet; make its first with `gateway certs new {called.identity}`")
    names = certs_listing.names_of(present.certificate)
    bits = called.bits or certs_listing.rsa_bits_of(present.certificate, RSA_BITS) or RSA_KEY_BITS
    pair = _make(called, names.common_name or called.identity, names.organization, bits)
    life = Life(called.identity, pair.certificate, (), moment(now_ms()))
    return _Successor(stored_of(life, pair, passphrase), passphrase)


def _change_over(connection: Connection, called: argparse.Namespace, target: str, new: _Successor | None) -> list[Life]:
    """One unit: a successor is made and planned, or neither."""
    at_ms = now_ms()
    if new is not None:
        key_acts.add(connection, new.row, new.passphrase, actor(), action="key.new")
    return key_acts.roll(
        connection,
        called.identity,
        target,
        on=max(called.on or moment(at_ms), moment(at_ms)),
        decrypt_until=called.decrypt_until,
        actor=actor(),
        now_ms=at_ms,
    )


def _target(called: argparse.Namespace, lives: list[Life]) -> str:
    if called.to is not None:
        named: str = called.to
        return named
    waiting = [life for life in lives if life.is_live and life.signs_from is None]
    signer = signer_at(lives, datetime.now(UTC))
    waiting = [life for life in waiting if life != signer]
    if len(waiting) != 1:
        known = ", ".join(life.short for life in waiting) or "none"
        raise Unusable(f"say which pair is to sign: --new, or --to FINGERPRINT (waiting: {known})")
    return waiting[0].fingerprint


def _tell_story(called: argparse.Namespace, lives: list[Life], target: str, now: datetime) -> None:
    told = story(lives, now)
    new = words(lambda: key_acts.chosen(lives, called.identity, target))
    if called.format == "json":
        signs_from = new.signs_from.isoformat() if new.signs_from is not None else None
        timeline = [{"at": at.isoformat(), "what": what} for at, what in told]
        print_json({"identity": called.identity, "to": new.fingerprint, "signs_from": signs_from, "timeline": timeline})
        return
    for at, what in told:
        say(f"{'now' if at == now else f'{at:%Y-%m-%d %H:%M}':<16}  {what}")
    note(f"its certificate for the partners: gateway certs export {called.identity} --fingerprint {new.short}")
    signer = signer_at(lives, now)
    ahead = new.signs_from is not None and new.signs_from > now
    if signer is not None and ahead and new.signs_from is not None and signer.certificate.not_after < new.signs_from:
        note(f"the certificate of {signer.short} ends before the cut-over: what we sign in between is held")
    if new.signs_from is not None and timedelta() <= new.signs_from - now < timedelta(days=1):
        note("partners who do not have it yet cannot verify what we sign from then on")


def _retire(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    check_identity(settings, called.identity)
    with key_store(settings) as database:
        act = partial(
            key_acts.retire,
            identity=called.identity,
            fingerprint=called.fingerprint,
            erase=called.erase,
            even_if_used=called.even_if_used,
            uses=database.read_now(certificate_uses.every),
            actor=actor(),
            now_ms=now_ms(),
        )
        life = words(lambda: database.write_now(act))
    if called.format == "json":
        print_json({"identity": called.identity, "retired": life.fingerprint, "erased": life.erased})
        return 0
    say(f"{life.short} of {called.identity} neither signs nor decrypts any more")
    if life.erased:
        say("its private key is erased; what was encrypted to it can never be opened again")
    return 0


def _rewrap(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    old, new = passphrase_of_ring(settings), passphrase_file(called.new_passphrase_file, "--new-passphrase-file")
    if new is None or new == old:
        raise Unusable("the new passphrase is the present one; put another into the file")
    with key_store(settings) as database:
        old_opens, new_opens = (database.read_now(partial(key_acts.opens, passphrase=each)) for each in (old, new))
        if new_opens and not old_opens:
            raise Unusable("the keys are wrapped under the new passphrase already; put it in place of the present one")
        act = partial(key_acts.rewrap, old=old, new=new, actor=actor(), now_ms=now_ms())
        number = words(lambda: database.write_now(act))
    if called.format == "json":
        print_json({"rewrapped": number})
        return 0
    say(f"{number} private keys are kept under the new passphrase")
    where = settings.key_passphrase_file if settings.key_passphrase is None else "the variable GATEWAY_KEY_PASSPHRASE"
    note(f"put it in place now, on every node: {where}; running gateways go on, but would not start with the old one")
    note("backups made until now open with the old passphrase alone")
    return 0
