"""`gateway certs export`: what partners get, and, with a passphrase and into a file of its own, the private key."""

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from certs.lives import Life, planned_after, signer_at
from gateway.commands.certs_listing import described, held_in
from gateway.commands.certs_opening import (
    add_identity,
    check_identity,
    key_store,
    passphrase_file,
    passphrase_of_ring,
    words,
)
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_bytes, print_json, print_pairs, say
from gateway.commands.parsing import Parser, Unusable, add_config, verb
from gateway.commands.storing import actor, now_ms
from gateway.flow.certificates import key_acts
from gateway.flow.certificates.keys import unlock
from gateway.onboarding.certificate_facts import colons, facts_of_ours
from gateway.settings import Settings
from gateway.store import keys

_SHEET = "sheet"
_JSON = "json"


def build(under: "argparse._SubParsersAction[Parser]") -> None:
    """Add the verb."""
    export = verb(
        under,
        "export",
        _export,
        does="our certificate for the partners: public parts alone, with what they need to compare it",
        example="gateway certs export bigcorp > bigcorp-as2.pem\n"
        "gateway certs export bigcorp --format sheet --fingerprint 3f9a     # to read out on the telephone\n"
        "gateway certs export bigcorp --private --p12 bigcorp.p12 --p12-passphrase-file p12.pass",
    )
    add_identity(export)
    export.add_argument("--fingerprint", metavar="FINGERPRINT", help="which pair (default: the one that signs now)")
    export.add_argument(
        "--format",
        choices=("pem", "der", "p7b", _SHEET, _JSON),
        default="pem",
        help="pem (default), der, p7b with its issuers, sheet: what people compare, json: for programs",
    )
    export.add_argument("--private", action="store_true", help="also the private key, into --p12; this is audited")
    export.add_argument("--p12", type=Path, metavar="FILE", help="the PKCS#12 file to make; it must not exist")
    export.add_argument("--p12-passphrase-file", metavar="FILE", help="holds the passphrase that guards that file")
    add_config(export)


def _export(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    check_identity(settings, called.identity)
    if called.private or called.p12 is not None or called.p12_passphrase_file is not None:
        return _export_private(called, settings)
    lives = [life for life in held_in(settings).lives if life.identity == called.identity]
    life, now = _chosen(called, lives), datetime.now(UTC)
    if called.format == _JSON:
        print_json(described(called.identity, life.certificate) | {"pem": life.certificate.pem().decode("ascii")})
        return 0
    if called.format == _SHEET:
        _print_sheet(called.identity, life)
        return 0
    print_bytes(_WRITTEN[called.format](life))
    certificate = life.certificate
    until, fingerprint = f"{certificate.not_after:%Y-%m-%d}", colons(certificate.fingerprint)
    note(f"{certificate.subject}, valid until {until}, SHA-256 {fingerprint}")
    for planned in planned_after(lives, now):
        if planned != life:
            note(
                f"from {planned.signs_from:%Y-%m-%d} on {planned.short} signs: partners need it, too "
                f"(gateway certs export {called.identity} --fingerprint {planned.short})"
            )
    return 0


def _chosen(called: argparse.Namespace, lives: list[Life]) -> Life:
    if called.fingerprint is not None:
        return words(partial(key_acts.chosen, lives, called.identity, called.fingerprint))
    signer = signer_at(lives, datetime.now(UTC))
    if signer is None:
        raise Unusable(f"{called.identity} has no key yet; make one with `gateway certs new {called.identity}`")
    return signer


def _pem(life: Life) -> bytes:
    return life.certificate.pem()


def _der(life: Life) -> bytes:
    return life.certificate.der


def _p7b(life: Life) -> bytes:
    certificates = [one.parsed for one in (life.certificate, *life.chain)]
    return pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)


_WRITTEN: dict[str, Callable[[Life], bytes]] = {"pem": _pem, "der": _der, "p7b": _p7b}


def _print_sheet(identity: str, life: Life) -> None:
    say(
        f"Certificate of {identity} for AS2: please install it for verifying our signatures"
        + (" and for encrypting to us." if life.takes_ciphertext else ".")
    )
    say()
    print_pairs(facts_of_ours(life))


def _export_private(called: argparse.Namespace, settings: Settings) -> int:
    guard = passphrase_file(called.p12_passphrase_file, "--p12-passphrase-file")
    if not called.private or called.p12 is None or guard is None:
        raise Unusable("a private key leaves only with all three: --private --p12 FILE --p12-passphrase-file FILE")
    passphrase = passphrase_of_ring(settings)
    with key_store(settings) as database:
        stored = database.read_now(keys.every)
        life = _chosen(called, words(lambda: key_acts.of_identity(stored, called.identity)))
        row = next(one for one in stored if (one.identity, one.fingerprint) == (life.identity, life.fingerprint))
        if not row.wrapped_key:
            raise Unusable(f"the private key of {life.short} was erased")
        pair = words(lambda: unlock(row, passphrase))
        chain = [one.parsed for one in life.chain]
        content = pkcs12.serialize_key_and_certificates(
            called.identity.encode(),
            cast("pkcs12.PKCS12PrivateKeyTypes", pair.private_key),
            life.certificate.parsed,
            chain or None,
            serialization.BestAvailableEncryption(guard),
        )
        # First the audit: there is no private key outside that nobody knows of.
        database.write_now(partial(key_acts.told_of_export, life=life, actor=actor(), now_ms=now_ms()))
        _write_secret(called.p12, content)
    if called.format == _JSON:
        print_json(described(called.identity, life.certificate) | {"p12": str(called.p12)})
    else:
        note(f"{called.p12} holds the private key of {life.short}; whoever has its passphrase is {called.identity}")
    return 0


def _write_secret(path: Path, content: bytes) -> None:
    """A new file for its owner alone, on the disk when this returns."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Unusable(f"{path} exists; name a file that does not") from None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}; name a file in a folder that can be written") from None
