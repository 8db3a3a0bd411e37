"""TLS of the two ports, and of the third one that asks partners for certificates.

A server that asks for a client certificate must be able to verify what it is shown: OpenSSL ends the handshake where it
cannot, whether or not a certificate was asked for as optional. An AS2 partner whose software shows some certificate to
everybody who asks would be cut off by that. So the partner port never asks, and mutual TLS has a port of its own
(`edge_mtls_port`), which RFC 8705 5 provides for, too.

There exactly the certificates of the profiles are trust anchors (X509_V_FLAG_PARTIAL_CHAIN), self-signed or not: no
authority is trusted by name. A live context takes further ones; one that was taken out of its profile passes the
handshake until the gateway starts again, and is refused with each request (`rest.identity.certificates`).
"""

import logging
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from partners.directory import Directory

_PEM_MARK = b"-----BEGIN"

log = logging.getLogger("gateway.edge")


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with this certificate (PEM, its chain behind it); None where none is set.

    Raises:
        OSError: a file cannot be read.
        ssl.SSLError: they do not belong together.
    """
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


class MutualTls:
    """A context that asks for client certificates, and knows those of the profiles.

    Args:
        context: of the server; it is changed.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        # Certificates that partners made themselves often lack what RFC 5280 asks of those of authorities.
        context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
        self.context = context
        self._known: set[str] = set()
        self._directory: Directory | None = None

    def follow(self, directory: Directory) -> None:
        """Take the certificates of the profiles that are in force now; cheap where nothing changed."""
        if directory is self._directory:
            return
        self._directory = directory
        for partner in directory:
            for item, fingerprint in zip(partner.profile.api.certificates, partner.client_certificates, strict=True):
                if fingerprint in self._known:
                    continue
                self._known.add(fingerprint)
                try:
                    self.context.load_verify_locations(cadata=_leaf(partner.file(item.file)))
                except (ValueError, ssl.SSLError) as error:
                    about = {"partner": partner.id, "file": item.file, "cause": type(error).__name__}
                    log.warning("a client certificate of a partner cannot be used", extra=about)


def _leaf(content: bytes) -> bytes:
    """The first certificate of a file, which is the partner's own, as DER."""
    if _PEM_MARK in content:
        return x509.load_pem_x509_certificates(content)[0].public_bytes(Encoding.DER)
    return x509.load_der_x509_certificate(content).public_bytes(Encoding.DER)
