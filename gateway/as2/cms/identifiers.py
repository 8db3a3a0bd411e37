"""How CMS names a certificate: by issuer and serial number, or by its subject key identifier (RFC 5652 10.2.4)."""

from functools import lru_cache

from certs.certificates import Certificate
from gateway.as2.cms.ber import SEQUENCE, Element, der, der_integer

_KEY_IDENTIFIER_BYTES_MAX = 1_024
_KEY_IDENTIFIER_TAGS = (0x80, 0xA0)  # [0] IMPLICIT OCTET STRING, whole or in pieces


def identifies(element: Element, certificate: Certificate) -> bool:
    """Whether a SignerIdentifier or RecipientIdentifier names this certificate."""
    if element.tag in _KEY_IDENTIFIER_TAGS:
        identifier = certificate.subject_key_identifier
        if identifier is None or element.content_end - element.content_start > _KEY_IDENTIFIER_BYTES_MAX:
            return False
        return element.octets() == identifier
    issuer, serial_number = element.members(2)
    # The serial number is compared first: it is short and nearly always decides.
    return serial_number.integer() == certificate.serial_number and issuer.encoded == certificate.issuer_der


@lru_cache(maxsize=4_096)
def issuer_and_serial(certificate: Certificate) -> bytes:
    """The certificate's IssuerAndSerialNumber."""
    return der(SEQUENCE, certificate.issuer_der, der_integer(certificate.serial_number))
