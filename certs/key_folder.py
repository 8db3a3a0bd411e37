"""The key ring as a folder of files, as earlier versions kept it: read once, to be taken over into the database.

Below the folder::

    IDENTITY/FINGERPRINT.key    the private key, PKCS#8 PEM encrypted under the passphrase
    IDENTITY/FINGERPRINT.crt    its certificate, PEM
    IDENTITY/signing            fingerprint of the pair that signs; without it the newest pair does
"""

import re
from dataclasses import dataclass
from pathlib import Path

from certs.certificates import CertificateError, KeyPair
from certs.keyring import KEY_FILE_BYTES_MAX, KeyRingError, unseal

TAKEN_OVER_FILE = "TAKEN-OVER.txt"
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class FolderPair:
    """One pair of the folder, and whether it is the one that signs."""

    identity: str
    pair: KeyPair
    signs: bool


def holds_keys(directory: Path) -> bool:
    """Whether keys lie there that were not taken over yet."""
    return not (directory / TAKEN_OVER_FILE).exists() and any(directory.glob("*/*.crt"))


def read_key_folder(directory: Path, passphrase: bytes) -> tuple[FolderPair, ...]:
    """All pairs of all identities; `KeyRingError` when one of them cannot be opened."""
    found: list[FolderPair] = []
    try:
        folders = sorted(path for path in directory.iterdir() if path.is_dir() and _IDENTITY.fullmatch(path.name))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyRingError(f"The key ring {directory} cannot be read ({error.strerror}). Check its owner.") from None
    for folder in folders:
        pairs = sorted(
            (_load_pair(path, passphrase) for path in folder.glob("*.crt")),
            key=lambda pair: (pair.certificate.not_before, pair.certificate.fingerprint),
            reverse=True,
        )
        if pairs:
            signer = _signing_pair(folder, pairs)
            found += [FolderPair(folder.name, pair, pair == signer) for pair in pairs]
    return tuple(found)


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
    raise KeyRingError(f"{marker} names no pair of this identity. Write the fingerprint of one into it, or remove it.")
