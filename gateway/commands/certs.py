"""`gateway certs`: the keys that we sign and decrypt with. Private keys are never shown."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from certs.certificates import CertificateError, KeyPair, ProblemCode, problems, read_certificate
from certs.creation import RSA_KEY_BITS, VALID_DAYS, create_key_pair
from certs.keyring import KEY_FILE_BYTES_MAX, KeyRingError, load_key_ring, store_key_pair, unseal
from gateway.commands.files import read_input
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_bytes, print_json, print_table
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, count, shown, verb, verbs
from gateway.settings import Settings

T = TypeVar("T")
RSA_BITS = (2048, 3072, 4096)


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    new = verb(
        under,
        "new",
        _new,
        does="make a key and its certificate for one of our identities",
        example="gateway certs new bigcorp --common-name 'BigCorp AS2' > bigcorp-as2.pem   # give it to the partners",
    )
    new.add_argument("--common-name", metavar="NAME", help="who it is for, as partners read it (default: the identity)")
    new.add_argument("--days", type=count, default=VALID_DAYS, metavar="N", help=f"valid for (default {VALID_DAYS})")
    new.add_argument(
        "--bits", type=int, choices=RSA_BITS, default=RSA_KEY_BITS, help=f"of the RSA key (default {RSA_KEY_BITS})"
    )
    bring = verb(
        under,
        "import",
        _import,
        does="bring a key and certificate that exist already",
        example="gateway certs import bigcorp --key old.key --certificate old.crt --key-passphrase-file old.pass",
    )
    bring.add_argument("--key", required=True, metavar="FILE", help="the private key, PKCS#8 as PEM or DER")
    bring.add_argument("--certificate", required=True, metavar="FILE", help="its certificate, PEM or DER")
    bring.add_argument("--key-passphrase-file", metavar="FILE", help="opens the key given, if it is encrypted")
    for each in (new, bring):
        each.add_argument("identity", metavar="IDENTITY", help="its name, as in `identities:` of the settings")
        each.add_argument(
            "--decrypt-only", action="store_true", help="do not sign with it (yet): partners learn of it first"
        )
    listing = verb(
        under,
        "list",
        _list,
        does="the certificates of our identities and until when they are valid; needs no passphrase",
        example="gateway certs list",
    )
    add_format(new)
    add_format(bring)
    add_format(listing, "one object a line, one line a certificate")
    for each in (new, bring, listing):
        add_config(each)


def _new(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    passphrase = _passphrase(settings, called.identity)
    make = partial(
        create_key_pair,
        called.common_name or called.identity,
        now=datetime.now(UTC),
        valid_days=called.days,
        rsa_key_bits=called.bits,
    )
    try:
        pair = _or_unusable(make)
    except OverflowError:
        raise Unusable(f"a certificate cannot be valid for {called.days} days; name fewer with --days") from None
    return _store(called, settings, pair, passphrase)


def _import(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    passphrase = _passphrase(settings, called.identity)
    key = read_input(called.key, KEY_FILE_BYTES_MAX)
    certificate = read_input(called.certificate, KEY_FILE_BYTES_MAX)
    opens = None
    if called.key_passphrase_file is not None:
        opens = read_input(called.key_passphrase_file, KEY_FILE_BYTES_MAX).rstrip(b"\r\n")
    return _store(called, settings, _or_unusable(partial(unseal, key, certificate, opens)), passphrase)


def _store(called: argparse.Namespace, settings: Settings, pair: KeyPair, passphrase: bytes) -> int:
    folder = settings.key_ring_dir
    signing = not called.decrypt_only
    _or_unusable(
        partial(load_key_ring, folder, passphrase)
    )  # one passphrase opens all keys, or the server cannot start
    _or_unusable(partial(store_key_pair, folder, called.identity, pair, passphrase, signing=signing))
    certificate = pair.certificate
    if called.format == "json":
        described = _describe(called.identity, certificate.pem(), signing=signing)
        print_json(described | {"pem": certificate.pem().decode("ascii")})
        return 0
    print_bytes(certificate.pem())
    note(f"the key of {called.identity} lies encrypted in {folder}; above is its certificate for the partners")
    note("a running gateway uses it after its next start")
    return 0


def _passphrase(settings: Settings, identity: str) -> bytes:
    names = [item.name for item in settings.identities]
    if names and identity not in names:
        raise Unusable(f"the settings have no identity {shown(identity)}; use one of: {', '.join(names)}")
    try:
        passphrase = settings.passphrase()
    except OSError as error:
        raise Unusable(f"key_passphrase_file {error.filename}: {error.strerror}") from None
    if not passphrase:
        raise Unusable(
            "private keys are kept encrypted, and no passphrase is set; "
            "set key_passphrase_file to a file that holds one, or the variable GATEWAY_KEY_PASSPHRASE"
        )
    return passphrase


def _or_unusable(act: Callable[[], T]) -> T:
    try:
        return act()
    except (KeyRingError, CertificateError) as error:
        raise Unusable(str(error)) from None


def _list(called: argparse.Namespace) -> int:
    folder = open_settings(called).key_ring_dir
    found = [row for path in sorted(folder.glob("*/*.crt")) if (row := _row(path)) is not None]
    if called.format == "json":
        for row in found:
            print_json(row)
        return 0
    print_table(
        ("IDENTITY", "USE", "STATUS", "VALID UNTIL", "SUBJECT", "FINGERPRINT"),
        [
            tuple(str(row[name]) for name in ("identity", "use", "status", "not_after", "subject", "fingerprint"))
            for row in found
        ],
        empty=f"no keys in {folder}; make one with `gateway certs new IDENTITY`",
    )
    return 0


def _row(path: Path) -> dict[str, object] | None:
    try:
        marker = path.with_name("signing")
        siblings = sorted(path.parent.glob("*.crt"))
        chosen = marker.read_text("ascii").strip() if marker.exists() else _newest(siblings)
        return _describe(path.parent.name, path.read_bytes(), signing=path.stem == chosen)
    except (OSError, ValueError) as error:
        note(f"{path}: {error}")
        return None


def _newest(paths: list[Path]) -> str:
    """The pair that signs where none was chosen, as the key ring decides it."""
    certificates = [read_certificate(path.read_bytes()) for path in paths]
    return max(certificates, key=lambda one: (one.not_before, one.fingerprint)).fingerprint


def _describe(identity: str, pem: bytes, *, signing: bool) -> dict[str, object]:
    certificate = read_certificate(pem)
    codes = {problem.code for problem in problems(certificate, datetime.now(UTC))}
    status = next((code.value for code in ProblemCode if code in codes), "ok")
    return {
        "identity": identity,
        "use": "signing and decryption" if signing else "decryption",
        "status": status,
        "subject": certificate.subject,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "fingerprint": certificate.fingerprint,
    }
