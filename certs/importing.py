"""Keys and certificates as people have them: PEM, DER, PKCS#7 and PKCS#12, one file or several, in any order.

Whatever was given is put into one heap; the key is what is wanted, so the certificate that fits it is its own and
those that issued that one are its chain.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.certificates import (
    Certificate,
    CertificateError,
    KeyPair,
    PrivateKey,
    certificate_of,
    parse_bundle,
    parse_pem_block,
)
from certs.keyring import KeyRingError, open_private_key

T = TypeVar("T")

BUNDLE_BYTES_MAX = 1_048_576
CHAIN_CERTIFICATES_MAX = 8
_BEGIN = b"-----BEGIN "
_DASHES = b"-----"
_CERTIFICATES = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})
_BUNDLES = frozenset({b"PKCS7", b"CMS"})
_KEYS = frozenset({b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"})
# PFX (RFC 7292 4): a sequence that begins with version 3.
_PFX_VERSION = b"\x02\x01\x03"


@dataclass(slots=True)
class Heap:
    """What was found in files: private keys and certificates, each once, in order."""

    keys: list[PrivateKey] = field(default_factory=list, repr=False)
    certificates: list[Certificate] = field(default_factory=list)

    def add_key(self, key: PrivateKey) -> None:
        """Put a key on it."""
        if all(key.public_key() != other.public_key() for other in self.keys):
            self.keys.append(key)

    def add_certificate(self, parsed: x509.Certificate) -> None:
        """Put a certificate on it."""
        certificate = certificate_of(parsed)
        if certificate not in self.certificates:
            self.certificates.append(certificate)


@dataclass(frozen=True, slots=True)
class Imported:
    """A pair with its issuers, the next one first."""

    pair: KeyPair
    chain: tuple[Certificate, ...]


def read_heap(files: Iterable[tuple[str, bytes]], passphrase: bytes | None) -> Heap:
    """Everything that lies in some files.

    Args:
        files: (name for errors, content).
        passphrase: opens what is encrypted in them; None when nothing is.

    Raises:
        KeyRingError: something cannot be opened or is none of the forms; the text names the file.
        CertificateError: a certificate cannot be used.
    """
    heap = Heap()
    for name, data in files:
        try:
            if _BEGIN in data:
                _read_pem(data, passphrase, heap)
            else:
                _read_der(data, passphrase, heap)
        except (KeyRingError, CertificateError) as error:
            raise type(error)(f"{name}: {error}") from None
    return heap


def choose_pair(heap: Heap) -> Imported:
    """The one key of a heap with the certificate that fits it and the certificates that issued that one.

    Raises:
        KeyRingError: there is no key, several, or none that a certificate fits.
    """
    pairs = [
        KeyPair(certificate, key)
        for key in heap.keys
        for certificate in heap.certificates
        if certificate.public_key == key.public_key()
    ]
    if not heap.keys:
        raise KeyRingError("There is no private key in what was given. Give the file that holds it, too.")
    if not pairs:
        subjects = "; ".join(certificate.subject for certificate in heap.certificates) or "none at all"
        raise KeyRingError(f"No certificate is that of the private key ({subjects}). Give the one that is.")
    if any(pair.certificate.public_key != pairs[0].certificate.public_key for pair in pairs):
        subjects = "; ".join(pair.certificate.subject for pair in pairs)
        raise KeyRingError(f"There are several pairs in what was given ({subjects}). Give them one call each.")
    # A key that was certified again has several; the youngest is the one that partners get.
    pair = max(pairs, key=lambda one: (one.certificate.not_before, one.certificate.not_after))
    return Imported(pair, chain_of(pair.certificate, heap.certificates))


def chain_of(leaf: Certificate, others: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """The issuers of a certificate among others, the next one first, as far as they are there."""
    chain: list[Certificate] = []
    last = leaf
    while last.subject != last.issuer and len(chain) < CHAIN_CERTIFICATES_MAX:
        issuer = next((one for one in others if one not in chain and one != leaf and _issued(one, last)), None)
        if issuer is None:
            break
        chain.append(issuer)
        last = issuer
    return tuple(chain)


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except Exception:  # noqa: BLE001  # names that differ, a signature that is none, an algorithm that nobody knows
        return False
    return True


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(label, whole block) of each PEM block; text around them means nothing (RFC 7468 2)."""
    start = data.find(_BEGIN)
    while start >= 0:
        label_end = data.find(_DASHES, start + len(_BEGIN))
        if label_end < 0:
            return
        label = data[start + len(_BEGIN) : label_end]
        ending = b"-----END " + label + _DASHES
        end = data.find(ending, label_end)
        if end < 0 or b"\n" in label:
            raise KeyRingError("A PEM block is cut off. Give the whole file.")
        end += len(ending)
        yield label, data[start:end] + b"\n"
        start = data.find(_BEGIN, end)


def _read_pem(data: bytes, passphrase: bytes | None, heap: Heap) -> None:
    found = False
    for label, block in _blocks(data):
        if label in _CERTIFICATES:
            heap.add_certificate(_or_unreadable(parse_pem_block, block, "certificate"))
        elif label in _BUNDLES:
            plain = block.replace(label, b"PKCS7")
            _add_all(heap, _or_unreadable(parse_bundle, plain, "PKCS#7 bundle"))
        elif label in _KEYS:
            heap.add_key(_open(block, passphrase))
        else:
            continue
        found = True
    if not found:
        raise KeyRingError("There is neither a private key nor a certificate in it.")


def _read_der(data: bytes, passphrase: bytes | None, heap: Heap) -> None:
    if _PFX_VERSION in data[:16]:
        _read_pkcs12(data, passphrase, heap)
        return
    for read in (_certificate, _bundle):
        certificates = read(data)
        if certificates is not None:
            _add_all(heap, certificates)
            return
    try:
        heap.add_key(_open(data, passphrase))
    except KeyRingError as error:
        raise KeyRingError(
            f"{error} A certificate or a bundle it is not either: give PEM, DER, PKCS#7 (.p7b) or PKCS#12 (.p12, .pfx)."
        ) from None


def _open(key: bytes, passphrase: bytes | None) -> PrivateKey:
    """A key of a heap, in which some may be encrypted and others not."""
    try:
        return open_private_key(key, None)
    except KeyRingError:
        if passphrase is None:
            raise
    return open_private_key(key, passphrase)


def _certificate(data: bytes) -> list[x509.Certificate] | None:
    try:
        return [x509.load_der_x509_certificate(data)]
    except (ValueError, UnsupportedAlgorithm):
        return None


def _bundle(data: bytes) -> list[x509.Certificate] | None:
    try:
        return parse_bundle(data)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _read_pkcs12(data: bytes, passphrase: bytes | None, heap: Heap) -> None:
    try:
        held = pkcs12.load_pkcs12(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        why = "a wrong passphrase, or a file that is damaged" if passphrase else "it needs its passphrase"
        raise KeyRingError(f"The PKCS#12 file cannot be opened: {why}.") from None
    if held.key is not None:
        if not isinstance(held.key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise KeyRingError("The private key is neither RSA nor elliptic curve. Make one that is.")
        heap.add_key(held.key)
    for one in (held.cert, *held.additional_certs):
        if one is not None:
            heap.add_certificate(one.certificate)


def _add_all(heap: Heap, certificates: Iterable[x509.Certificate]) -> None:
    for certificate in certificates:
        heap.add_certificate(certificate)


def _or_unreadable(load: Callable[[bytes], T], block: bytes, what: str) -> T:
    try:
        return load(block)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRingError(f"The {what} in it cannot be read. Ask for it again.") from None
