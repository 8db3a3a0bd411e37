"""The key ring: our private keys, encrypted at rest, by identity.

On disk, below the ring's folder (0700; files 0600)::

    IDENTITY/FINGERPRINT.key    the private key, PKCS#8 PEM encrypted under the passphrase
    IDENTITY/FINGERPRINT.crt    its certificate, PEM
    IDENTITY/signing            fingerprint of the pair that signs now; without it the newest pair does

Partners change over to a new certificate at a time of their own, so all pairs of an identity decrypt and one signs.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.certificates import CertificateError, KeyPair, PrivateKey, read_certificate

PASSPHRASE_VARIABLE = "GATEWAY_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
PASSPHRASE_FILE_VARIABLE = "GATEWAY_KEY_PASSPHRASE_FILE"  # noqa: S105 - same
KEY_FILE_BYTES_MAX = 65_536
PASSPHRASE_BYTES_MAX = 1_023  # OpenSSL reads no more

_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class KeyRingError(ValueError):
    """The key ring cannot be used as asked; the message says why and what to do, and never holds a secret."""


@dataclass(frozen=True, slots=True)
class IdentityKeys:
    """The pairs of one identity: all of them decrypt, newest first; one signs."""

    identity: str
    signing: KeyPair
    decryption: tuple[KeyPair, ...]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of all our identities, unlocked."""

    identities: Mapping[str, IdentityKeys] = field(default_factory=dict)

    def keys_of(self, identity: str) -> IdentityKeys:
        """The keys of an identity, or `KeyRingError`."""
        keys = self.identities.get(identity)
        if keys is None:
            known = ", ".join(sorted(self.identities)) or "none"
            raise KeyRingError(
                f"There is no key for the identity {identity!r} (there are keys for: {known}). "
                f"Make one with `gateway certs new` or bring one with `gateway certs import`."
            )
        return keys


def read_passphrase(environment: Mapping[str, str]) -> bytes:
    """The passphrase from GATEWAY_KEY_PASSPHRASE, or from the file that GATEWAY_KEY_PASSPHRASE_FILE names."""
    value, path = environment.get(PASSPHRASE_VARIABLE), environment.get(PASSPHRASE_FILE_VARIABLE)
    if value and path:
        raise KeyRingError(f"Both {PASSPHRASE_VARIABLE} and {PASSPHRASE_FILE_VARIABLE} are set. Unset one of them.")
    if value:
        passphrase = value.encode()
    elif path:
        try:
            passphrase = Path(path).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise KeyRingError(
                f"The passphrase file {path} cannot be read ({error.strerror}). "
                "Check the path and that the gateway's user may read it."
            ) from None
    else:
        raise KeyRingError(
            f"The private keys are encrypted and no passphrase is given. "
            f"Set {PASSPHRASE_FILE_VARIABLE} to a file that holds it, or {PASSPHRASE_VARIABLE}."
        )
    if not 1 <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
        raise KeyRingError(f"The passphrase has {len(passphrase)} bytes. Use 1 to {PASSPHRASE_BYTES_MAX}.")
    return passphrase


def seal(key: PrivateKey, passphrase: bytes) -> bytes:
    """The private key as encrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def unseal(key: bytes, certificate: bytes, passphrase: bytes | None) -> KeyPair:
    """The pair from a private key (PEM or DER; None as passphrase for one that is not encrypted) and a certificate."""
    load = serialization.load_pem_private_key if b"-----BEGIN" in key else serialization.load_der_private_key
    try:
        private_key = load(key, passphrase)
    except TypeError:
        how = "is encrypted and needs its passphrase" if passphrase is None else "is not encrypted"
        raise KeyRingError(f"The private key {how}. Give it with the passphrase that belongs to it, or none.") from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's own words are left out: they may differ by how the passphrase is wrong.
        raise KeyRingError("The private key cannot be read: wrong passphrase, or no PKCS#8 key.") from None
    if not isinstance(private_key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise KeyRingError("The private key is neither RSA nor elliptic curve. Make one that is.")
    parsed = read_certificate(certificate)
    if private_key.public_key() != parsed.public_key:
        raise KeyRingError(f"The certificate of {parsed.subject} is not that of the private key. Give the one that is.")
    return KeyPair(parsed, private_key)


def load_key_ring(directory: Path, passphrase: bytes) -> KeyRing:
    """All pairs of all identities; an absent folder is an empty ring."""
    identities: dict[str, IdentityKeys] = {}
    try:
        folders = sorted(path for path in directory.iterdir() if path.is_dir() and _IDENTITY.fullmatch(path.name))
    except FileNotFoundError:
        return KeyRing()
    except OSError as error:
        raise KeyRingError(f"The key ring {directory} cannot be read ({error.strerror}). Check its owner.") from None
    for folder in folders:
        pairs = sorted(
            (_load_pair(path, passphrase) for path in folder.glob("*.crt")),
            key=lambda pair: (pair.certificate.not_before, pair.certificate.fingerprint),
            reverse=True,
        )
        if pairs:
            identities[folder.name] = IdentityKeys(folder.name, _signing_pair(folder, pairs), tuple(pairs))
    return KeyRing(identities)


def _load_pair(certificate_path: Path, passphrase: bytes) -> KeyPair:
    key_path = certificate_path.with_suffix(".key")
    try:
        key, certificate = _read(key_path), _read(certificate_path)
    except OSError as error:
        raise KeyRingError(
            f"{error.filename} cannot be read ({error.strerror}). Restore it from the backup, "
            f"or remove {certificate_path.name} if the pair is no longer used."
        ) from None
    try:
        return unseal(key, certificate, passphrase)
    except (KeyRingError, CertificateError) as error:
        raise KeyRingError(f"{key_path}: {error}") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(KEY_FILE_BYTES_MAX)


def _signing_pair(folder: Path, pairs: list[KeyPair]) -> KeyPair:
    marker = folder / "signing"
    try:
        chosen = marker.read_text("ascii").strip()
    except FileNotFoundError:
        return pairs[0]
    except (OSError, ValueError):
        chosen = "unreadable"
    for pair in pairs:
        if pair.certificate.fingerprint == chosen:
            return pair
    raise KeyRingError(f"{marker} names no pair of this identity. Choose one with `gateway certs roll`.")


def store_key_pair(directory: Path, identity: str, pair: KeyPair, passphrase: bytes, *, signing: bool = True) -> None:
    """Add a pair to an identity, durably; it signs from the next load on unless `signing` is false.

    A pair that does not sign while the identity has no choice recorded leaves the present signer in place.
    """
    folder = _folder(directory, identity)
    try:
        _make_folder(directory)
        _make_folder(folder)
        if not signing and not (folder / "signing").exists():
            present = [path.stem for path in folder.glob("*.crt")]
            if present:
                current = load_key_ring(directory, passphrase).keys_of(identity).signing
                _write(folder / "signing", current.certificate.fingerprint.encode())
        # The key first: a certificate on disk promises that its key is there.
        stem = pair.certificate.fingerprint
        _write(folder / f"{stem}.key", seal(pair.private_key, passphrase))
        _write(folder / f"{stem}.crt", pair.certificate.pem())
        if signing:
            _write(folder / "signing", stem.encode())
    except OSError as error:
        raise KeyRingError(f"The key ring {directory} cannot be written ({error.strerror}).") from None


def choose_signing_key(directory: Path, identity: str, fingerprint: str) -> None:
    """From the next load on the identity signs with this pair; the others go on decrypting."""
    folder = _folder(directory, identity)
    if not (folder / f"{fingerprint}.crt").is_file() or not fingerprint.isalnum():
        raise KeyRingError(f"{identity} has no pair {fingerprint}. List them with `gateway certs list`.")
    try:
        _write(folder / "signing", fingerprint.encode())
    except OSError as error:
        raise KeyRingError(f"The key ring {directory} cannot be written ({error.strerror}).") from None


def _folder(directory: Path, identity: str) -> Path:
    if not _IDENTITY.fullmatch(identity):
        raise KeyRingError(
            f"{identity!r} cannot name an identity. Use up to 64 letters, digits, dots, underscores and hyphens."
        )
    return directory / identity


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns; readable by its owner alone from the first byte on."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
