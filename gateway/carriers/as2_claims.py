"""What a receipt says of itself, believed by nobody: words for people when a receipt does not count. Pure.

Certificates are what delays onboarding most. So a receipt that is signed with a certificate that we do not know is
looked into for the certificate that it brings along, and that one is named: a person can compare it and decide.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from certs.certificates import Certificate, CertificateError, certificate_of
from gateway.as2.cms.algorithms import SIGNED_DATA, Digest
from gateway.as2.cms.ber import CONTEXT_0, BerError, Element
from gateway.as2.cms.content_info import CmsError, read_content_info
from gateway.as2.cms.signed_data import Content, Signature, covered_by, read_signed_data, verify
from gateway.as2.disposition import Disposition
from gateway.as2.mdn import Mdn, MdnError, read_mdn
from gateway.as2.mime import Entity, Headers, MimeError, split_multipart

CERTIFICATES_MAX = 16
_NAMES = ("AS2-From", "AS2-To", "Message-ID")


@dataclass(frozen=True, slots=True)
class Claims:
    """What stands in a receipt.

    Attributes:
        mdn: the report, as if it were not signed; None where there is none.
        signature: of whichever certificate in the receipt really made it; None where there is none, or it is wrong.
    """

    mdn: Mdn | None = None
    is_signed: bool = False
    signature: Signature | None = None

    @property
    def disposition(self) -> Disposition | None:
        """What it says became of the message."""
        return self.mdn.disposition if self.mdn is not None else None

    @property
    def stranger(self) -> Certificate | None:
        """The certificate that it is signed with."""
        return self.signature.certificate if self.signature is not None else None


def claims_of(headers: Iterable[tuple[str, str]], body: bytes) -> Claims:
    """What a receipt says; never raises."""
    fields = Headers.of(headers)
    try:
        entity = Entity(bytes(body), 0, 0, len(body), fields)
        if entity.content_type.value != "multipart/signed":
            return Claims(_report(list(fields), body))
        parts = split_multipart(entity).parts
        if len(parts) != 2:  # noqa: PLR2004 - RFC 1847 2.1
            return Claims(is_signed=True)
        data, start, end = parts[0].decoded()
        names = [(name, value) for name in _NAMES if (value := fields.get(name)) is not None]
        mdn = _report([*names, *parts[0].headers], bytes(data[start:end]))
        return Claims(mdn, is_signed=True, signature=_signature(parts[0], parts[1]))
    except (MimeError, BerError, CmsError, CertificateError, ValueError):
        return Claims()


def _report(headers: list[tuple[str, str]], body: bytes) -> Mdn | None:
    try:
        return read_mdn(headers, body, partner_certificates=(), now=datetime.now(UTC), require_signed=False)
    except MdnError:
        return None


def _signature(content: Entity, signature: Entity) -> Signature | None:
    try:
        kind, element = read_content_info(*signature.decoded())
        if kind != SIGNED_DATA:
            return None
        signed = read_signed_data(element)
        covered = covered_by(signed, Content(content.encoded))
        return verify(signed, covered, certificates=tuple(_certificates(element)), digests=frozenset(Digest))
    except (CmsError, BerError):
        return None


def _certificates(element: Element) -> Iterator[Certificate]:
    """The certificates in a SignedData (RFC 5652 5.1): `[0] IMPLICIT CertificateSet`."""
    for member in element.members(4, 6)[3:-1]:
        if member.tag != CONTEXT_0:
            continue
        for held in list(member.children())[:CERTIFICATES_MAX]:
            try:
                yield certificate_of(x509.load_der_x509_certificate(bytes(held.encoded)))
            except (ValueError, CertificateError):
                continue
