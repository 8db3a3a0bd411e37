"""SignedData (RFC 5652 5): verified against agreed certificates only, written detached or around its content.

Certificates inside a message are handed on unread: who signed is decided by the certificates that are given to
`verify`, those that the partner's profile pins unless it says otherwise (see `gateway.as2.signers`).
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from certs.certificates import Certificate, KeyPair
from gateway.as2.cms.algorithms import (
    ALGORITHM_PROTECTION,
    CONTENT_TYPE,
    DATA,
    DIGEST_OF,
    DIGESTS,
    EC_PUBLIC_KEY,
    ECDSA_SIGNATURE_OF,
    MASK_GENERATION,
    MESSAGE_DIGEST,
    NULL,
    RSA_ENCRYPTION,
    RSA_PSS,
    RSA_SIGNATURE_OF,
    SIGNED_DATA,
    SIGNING_TIME,
    Digest,
    SignatureScheme,
    algorithm,
)
from gateway.as2.cms.ber import (
    CONTEXT_0,
    CONTEXT_1,
    CONTEXT_2,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    VALUE_BYTES_MAX,
    BerError,
    Element,
    der,
    der_integer,
    der_set,
)
from gateway.as2.cms.content_info import CmsError, Fault, write_content_info
from gateway.as2.cms.identifiers import identifies, issuer_and_serial
from gateway.buffers import Buffer, MemorySink, Scratch, windows

SIGNERS_MAX = 16
ATTRIBUTES_MAX = 64

_MEMBERS_WITHOUT_ATTRIBUTES = 5
_PSS_SALT_DEFAULT = 20  # RFC 4055 3.1
_PSS_SALT_MAX = 512


class Content:
    """Signed bytes whose digests are worked out once and shared with the MIC."""

    __slots__ = ("_digests", "buffers")

    def __init__(self, *buffers: Buffer) -> None:
        self.buffers = buffers  # one behind the other
        self._digests: dict[Digest, bytes] = {}

    def __len__(self) -> int:
        """How many bytes there are."""
        return sum(map(len, self.buffers))

    @property
    def data(self) -> Buffer:
        """The bytes as one buffer; copied together if there are several."""
        return self.buffers[0] if len(self.buffers) == 1 else b"".join(self.buffers)

    @property
    def first_byte(self) -> bytes:
        """The first byte; none of an empty content."""
        return next((bytes(buffer[:1]) for buffer in self.buffers if buffer), b"")

    def pieces(self) -> Iterator[Buffer]:
        """The bytes in handy pieces."""
        for buffer in self.buffers:
            yield from windows(buffer)

    def digest(self, digest: Digest) -> bytes:
        """The digest of the content."""
        known = self._digests.get(digest)
        if known is None:
            self.work_out((digest,))
            known = self._digests[digest]
        return known

    def work_out(self, digests: Iterable[Digest]) -> None:
        """Work out digests that will be asked for, all of them in one walk over the content."""
        hashes = {
            digest: hashlib.new(DIGESTS[digest].hashlib_name, usedforsecurity=False)
            for digest in digests
            if digest not in self._digests
        }
        if hashes:
            for piece in self.pieces():
                for seen in hashes.values():
                    seen.update(piece)
        self._digests |= {digest: seen.digest() for digest, seen in hashes.items()}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and how."""

    certificate: Certificate
    digest: Digest
    scheme: SignatureScheme


@dataclass(frozen=True, slots=True)
class SignedData:
    """The parsed structure; nothing in it is verified yet."""

    content: memoryview | None  # None when detached
    content_type: bytes
    signer_infos: Sequence[Element]
    certificates: Element | None = None


@dataclass(frozen=True, slots=True)
class _SignerInfo:
    signer: Element
    digest: Digest
    signed_attributes: Element | None
    signature_algorithm: bytes
    signature_parameters: Element | None
    signature: bytes


def read_signed_data(element: Element, scratch: Scratch = MemorySink) -> SignedData:
    """The structure of a SignedData; a content that came in pieces is put together in scratch."""
    try:
        members = element.members(4, 6)
        encapsulated = members[2].members(1, 2)
        content_type = encapsulated[0].object_identifier()
        content = None
        if len(encapsulated) > 1:
            content = encapsulated[1].expect(CONTEXT_0).only_child().octet_string(scratch)
        certificates = next((member for member in members[3:-1] if member.tag == CONTEXT_0), None)
        signer_infos = members[-1].expect(SET).children()
    except BerError as error:
        raise CmsError(Fault.MALFORMED, f"SignedData: {error}") from None
    if len(signer_infos) > SIGNERS_MAX:
        raise CmsError(Fault.UNSUPPORTED, f"more than {SIGNERS_MAX} signers")
    return SignedData(content, content_type, signer_infos, certificates)


def covered_by(signed: SignedData, detached: Content | None) -> Content:
    """The content that the signature is over: beside it or inside it, never both and never none."""
    if detached is not None and signed.content is None:
        return detached
    if detached is None and signed.content is not None:
        return Content(signed.content)
    raise CmsError(Fault.MALFORMED, "content inside a detached signature, or none inside an opaque one")


def verify(
    signed: SignedData,
    content: Content,
    *,
    certificates: Iterable[Certificate],
    digests: Collection[Digest],
    schemes: Collection[SignatureScheme] = frozenset(SignatureScheme),
) -> Signature:
    """The signature over the content by one of the certificates.

    With several signers one good signature by an agreed certificate is enough; a stranger's says nothing.
    Raises `CmsError` with the fault that came nearest to success.
    """
    pinned = tuple(certificates)
    failure = CmsError(Fault.UNKNOWN_SIGNER, "signed by nobody: SignerInfos is empty")
    for element in signed.signer_infos:
        try:
            signer = _read_signer_info(element)
            matching = [certificate for certificate in pinned if identifies(signer.signer, certificate)]
        except BerError as error:
            failure = _nearer(failure, CmsError(Fault.MALFORMED, f"SignerInfo: {error}"))
            continue
        except CmsError as error:
            failure = _nearer(failure, error)
            continue
        if not matching:
            failure = _nearer(
                failure, CmsError(Fault.UNKNOWN_SIGNER, "the signer's certificate is none of those agreed")
            )
        # A renewed self-signed certificate may carry the name and serial number of the old one.
        for certificate in matching:
            try:
                return _verify_signer(signer, signed.content_type, content, certificate, digests, schemes)
            except BerError as error:
                failure = _nearer(failure, CmsError(Fault.MALFORMED, f"SignerInfo: {error}"))
            except CmsError as error:
                failure = _nearer(failure, error)
    raise failure


def _nearer(known: CmsError, found: CmsError) -> CmsError:
    return found if known.fault is Fault.UNKNOWN_SIGNER else known


def _read_signer_info(element: Element) -> _SignerInfo:
    members = element.members(5, 7)
    identifier, _ = _algorithm_identifier(members[2])
    digest = DIGEST_OF.get(identifier)
    if digest is None:
        raise CmsError(Fault.UNSUPPORTED, f"unknown digest algorithm {identifier.hex()}")
    rest = members[3:]
    attributes = rest.pop(0) if rest[0].tag == CONTEXT_0 and len(members) > _MEMBERS_WITHOUT_ATTRIBUTES else None
    signature_algorithm, parameters = _algorithm_identifier(rest[0])
    signature = rest[1].small_octets()
    return _SignerInfo(members[1], digest, attributes, signature_algorithm, parameters, signature)


def _algorithm_identifier(element: Element) -> tuple[bytes, Element | None]:
    members = element.members(1, 2)
    return members[0].object_identifier(), members[1] if len(members) > 1 else None


def _verify_signer(
    signer: _SignerInfo,
    content_type: bytes,
    content: Content,
    certificate: Certificate,
    digests: Collection[Digest],
    schemes: Collection[SignatureScheme],
) -> Signature:
    if signer.digest not in digests:
        raise CmsError(Fault.UNSUPPORTED, f"signed with {signer.digest}, which the agreement does not allow")
    scheme, signature_padding = _scheme(signer, certificate)
    if scheme not in schemes:
        raise CmsError(Fault.UNSUPPORTED, f"signed with {scheme}, which the agreement does not allow")
    if signer.signed_attributes is None:
        # Without this check the attributes of an older signature could be passed off as content: they start
        # with the tag of a SET, which is the digit 1 and begins no MIME header.
        if content_type != DATA or content.first_byte == b"1":
            raise CmsError(Fault.BAD_SIGNATURE, "a content that must have signed attributes has none (RFC 5652 5.3)")
        _check_signature(signer, certificate, signature_padding, None, content)
    else:
        covered = _covered_attributes(signer.signed_attributes)
        matches = _check_attributes(signer, content_type, content)
        _check_signature(signer, certificate, signature_padding, covered, content)
        # Only now is it certain who says so: the digest is the signer's, the content is not.
        if not matches:
            raise CmsError(Fault.BAD_DIGEST, "the content is not the one that was signed")
    return Signature(certificate, signer.digest, scheme)


def _covered_attributes(attributes: Element) -> bytes:
    """The bytes under the signature: the attributes under the tag of a SET (RFC 5652 5.4)."""
    if attributes.end - attributes.start > VALUE_BYTES_MAX:
        raise BerError(f"signed attributes of more than {VALUE_BYTES_MAX} bytes")
    encoded = attributes.definite() if attributes.indefinite else bytes(attributes.encoded)
    return bytes((SET,)) + encoded[1:]


def _check_attributes(signer: _SignerInfo, content_type: bytes, content: Content) -> bool:
    """Whether the signed digest is that of the content; the other attributes must be right (RFC 5652 11)."""
    assert signer.signed_attributes is not None  # noqa: S101 - the caller looked
    values: dict[bytes, Element] = {}
    attributes = signer.signed_attributes.children()
    if len(attributes) > ATTRIBUTES_MAX:
        raise BerError("too many signed attributes")
    for attribute in attributes:
        name, held = attribute.members(2)
        kind = name.object_identifier()
        if kind not in (CONTENT_TYPE, MESSAGE_DIGEST, ALGORITHM_PROTECTION):
            continue
        if kind in values:
            raise BerError("signed attribute that is repeated")
        values[kind] = held.expect(SET).only_child()
    if CONTENT_TYPE not in values or MESSAGE_DIGEST not in values:
        raise BerError("signed attributes without content type or message digest")
    if values[CONTENT_TYPE].object_identifier() != content_type:
        raise CmsError(Fault.BAD_SIGNATURE, "another content type was signed")
    if ALGORITHM_PROTECTION in values:
        _check_protection(values[ALGORITHM_PROTECTION], signer)
    return values[MESSAGE_DIGEST].expect(OCTET_STRING).value() == content.digest(signer.digest)


def _check_protection(value: Element, signer: _SignerInfo) -> None:
    """CMSAlgorithmProtection names the algorithms once more, under the signature (RFC 6211)."""
    members = value.members(1, 3)
    if _algorithm_identifier(members[0])[0] != DIGESTS[signer.digest].identifier:
        raise CmsError(Fault.BAD_SIGNATURE, "another digest algorithm was signed")
    for member in members[1:]:
        if member.tag == CONTEXT_1 and member.children()[0].object_identifier() != signer.signature_algorithm:
            raise CmsError(Fault.BAD_SIGNATURE, "another signature algorithm was signed")


def _scheme(
    signer: _SignerInfo, certificate: Certificate
) -> tuple[SignatureScheme, padding.PKCS1v15 | padding.PSS | None]:
    """How to verify, when algorithm, digest and key agree with one another."""
    identifier = signer.signature_algorithm
    is_rsa = isinstance(certificate.public_key, rsa.RSAPublicKey)
    if is_rsa and (identifier == RSA_ENCRYPTION or RSA_SIGNATURE_OF.get(identifier) is signer.digest):
        return SignatureScheme.RSA_V1_5, padding.PKCS1v15()
    if is_rsa and identifier == RSA_PSS:
        return SignatureScheme.RSA_PSS, _pss(signer)
    if not is_rsa and (identifier == EC_PUBLIC_KEY or ECDSA_SIGNATURE_OF.get(identifier) is signer.digest):
        return SignatureScheme.ECDSA, None
    known = identifier in RSA_SIGNATURE_OF or identifier in ECDSA_SIGNATURE_OF
    if known or identifier in (RSA_ENCRYPTION, RSA_PSS, EC_PUBLIC_KEY):
        raise CmsError(Fault.BAD_SIGNATURE, "signature algorithm, digest algorithm and key do not agree")
    raise CmsError(Fault.UNSUPPORTED, f"unknown signature algorithm {identifier.hex()}")


def _pss(signer: _SignerInfo) -> padding.PSS:
    """RSASSA-PSS-params (RFC 4055 3.1): every member has a default, and the default digest is SHA-1."""
    members = {} if signer.signature_parameters is None else _tagged(signer.signature_parameters)
    digest, mask_digest, salt = Digest.SHA1, Digest.SHA1, _PSS_SALT_DEFAULT
    if CONTEXT_0 in members:
        digest = _digest_of(members[CONTEXT_0].only_child())
    if CONTEXT_1 in members:
        identifier, parameters = _algorithm_identifier(members[CONTEXT_1].only_child())
        if identifier != MASK_GENERATION or parameters is None:
            raise CmsError(Fault.UNSUPPORTED, "unknown mask generation function")
        mask_digest = _digest_of(parameters)
    if CONTEXT_2 in members:
        salt = members[CONTEXT_2].only_child().integer()
    if digest is not signer.digest or not 0 <= salt <= _PSS_SALT_MAX:
        raise CmsError(Fault.BAD_SIGNATURE, "PSS parameters do not agree with the digest algorithm")
    return padding.PSS(mgf=padding.MGF1(DIGESTS[mask_digest].hash()), salt_length=salt)


def _tagged(element: Element) -> dict[int, Element]:
    return {member.tag: member for member in element.expect(SEQUENCE).children()}


def _digest_of(element: Element) -> Digest:
    digest = DIGEST_OF.get(_algorithm_identifier(element)[0])
    if digest is None:
        raise CmsError(Fault.UNSUPPORTED, "unknown digest algorithm in the parameters")
    return digest


def _check_signature(
    signer: _SignerInfo,
    certificate: Certificate,
    signature_padding: padding.PKCS1v15 | padding.PSS | None,
    covered: bytes | None,
    content: Content,
) -> None:
    forms = DIGESTS[signer.digest]
    hashed = Prehashed(forms.hash()) if covered is None else forms.hash()
    data = content.digest(signer.digest) if covered is None else covered
    key = certificate.public_key
    try:
        if isinstance(key, rsa.RSAPublicKey):
            assert signature_padding is not None  # noqa: S101 - _scheme pairs them
            key.verify(signer.signature, data, signature_padding, hashed)
        else:
            key.verify(signer.signature, data, ec.ECDSA(hashed))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise CmsError(Fault.BAD_SIGNATURE, "the signature is not that of the agreed certificate") from None


@lru_cache(maxsize=64)
def _signature_algorithm(scheme: SignatureScheme, digest: Digest) -> bytes:
    forms = DIGESTS[digest]
    if scheme is SignatureScheme.ECDSA:
        return algorithm(forms.ecdsa_signature)
    if scheme is SignatureScheme.RSA_V1_5:
        return algorithm(RSA_ENCRYPTION, NULL)
    digest_algorithm = algorithm(forms.identifier)
    parameters = (
        der(CONTEXT_0, digest_algorithm)
        + der(CONTEXT_1, algorithm(MASK_GENERATION, digest_algorithm))
        + der(CONTEXT_2, der_integer(forms.size))
    )
    return algorithm(RSA_PSS, der(SEQUENCE, parameters))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der(SEQUENCE, der(OBJECT_IDENTIFIER, kind), der(SET, value))


def _time(moment: datetime) -> bytes:
    """UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5652 11.3)."""
    if 1950 <= moment.year < 2050:  # noqa: PLR2004
        return der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return der(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def sign(
    content: Content,
    signer: KeyPair,
    *,
    digest: Digest,
    scheme: SignatureScheme,
    now: datetime,
    encapsulate: bool = False,
) -> bytes:
    """A ContentInfo with SignedData by one signer, its certificate included; detached unless asked otherwise.

    `now` is in UTC. An elliptic curve key signs with ECDSA whatever the scheme says.
    """
    forms = DIGESTS[digest]
    key = signer.private_key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        scheme = SignatureScheme.ECDSA
    attributes = der_set(
        [
            _attribute(CONTENT_TYPE, der(OBJECT_IDENTIFIER, DATA)),
            _attribute(SIGNING_TIME, _time(now)),
            _attribute(MESSAGE_DIGEST, der(OCTET_STRING, content.digest(digest))),
        ]
    )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(attributes, ec.ECDSA(forms.hash()))
    elif scheme is SignatureScheme.RSA_PSS:
        pss = padding.PSS(mgf=padding.MGF1(forms.hash()), salt_length=forms.size)
        signature = key.sign(attributes, pss, forms.hash())
    else:
        signature = key.sign(attributes, padding.PKCS1v15(), forms.hash())
    digest_algorithm = algorithm(forms.identifier)
    signer_info = der(
        SEQUENCE,
        b"\x02\x01\x01",
        issuer_and_serial(signer.certificate),
        digest_algorithm,
        bytes((CONTEXT_0,)) + attributes[1:],
        _signature_algorithm(scheme, digest),
        der(OCTET_STRING, signature),
    )
    held = der(CONTEXT_0, der(OCTET_STRING, bytes(content.data))) if encapsulate else b""
    signed = der(
        SEQUENCE,
        b"\x02\x01\x01",
        der(SET, digest_algorithm),
        der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), held),
        der(CONTEXT_0, signer.certificate.der),
        der(SET, signer_info),
    )
    return write_content_info(SIGNED_DATA, signed)
