"""TLS towards partners' servers: whom we believe, what we show, and what its failures mean in words."""

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cryptography.hazmat.primitives import serialization

from certs.certificates import Certificate, CertificateError, KeyPair, read_certificate, read_certificates

_PASSPHRASE_BYTES = 32


class TlsUnusable(Exception):  # noqa: N818  # said of what the profile names
    """What the profile or key ring gives for TLS cannot be used; the words say what to do."""


def client_context(
    *,
    authorities: bytes | None = None,
    pinned: bytes | None = None,
    client: KeyPair | None = None,
    client_chain: Sequence[Certificate] = (),
) -> ssl.SSLContext:
    """How we speak TLS: 1.2 or newer, and never with a server that is not proven. Reads files: call it in a thread.

    Args:
        authorities: PEM certificates that stand in place of the machine's own authorities.
        pinned: the server's certificate: only it, or one that it issued, is accepted, under whatever host name.
        client: what we show when we are asked.
        client_chain: the certificates between it and its authority, if any.

    Raises:
        TlsUnusable: something given is no certificate, or does not fit together.
    """
    # Not ssl.create_default_context: it would write session keys to the file that the variable SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        if pinned is not None:
            certificate = read_certificate(pinned)
            context.check_hostname = False  # it is this very certificate, wherever it stands
            # Without this flag only a self-signed certificate could be an anchor (RFC 5280 6.1.1 (d) wants no more).
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=certificate.pem().decode("ascii"))
        elif authorities is not None:
            listed = b"".join(certificate.pem() for certificate in read_certificates(authorities))
            context.load_verify_locations(cadata=listed.decode("ascii"))
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    except CertificateError as error:
        field = "server_certificate" if pinned is not None else "authorities"
        raise TlsUnusable(f"as2.connection.{field} cannot be used: {error}") from None
    except ssl.SSLError as error:
        raise TlsUnusable(f"the certificates for their server cannot be used ({error.reason})") from None
    if client is not None:
        _show(context, client, client_chain)
    return context


def _show(context: ssl.SSLContext, client: KeyPair, chain: Sequence[Certificate]) -> None:
    """Our certificate, its chain and its key into the context.

    `ssl` reads keys from paths alone. The file it gets lies in memory (it has no name, and is gone when this returns)
    and holds the key encrypted under a passphrase that never leaves this process: neither a disk, nor swap, nor another
    process of the same user that opens our descriptors finds a key.
    """
    passphrase = secrets.token_hex(_PASSPHRASE_BYTES).encode("ascii")
    sealed = client.private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )
    try:
        certificates = b"".join(certificate.pem() for certificate in (client.certificate, *chain))
        with _unnamed_file(sealed + certificates) as path:
            context.load_cert_chain(path, password=passphrase)
    except (ssl.SSLError, OSError) as error:
        words = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise TlsUnusable(f"our TLS client certificate cannot be used ({words}); see `gateway certs list`") from None


@contextmanager
def _unnamed_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("tls-client", os.MFD_CLOEXEC)
    else:  # systems without files in memory: unlinked at once, and encrypted all the same
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    try:
        with open(handle, "wb", closefd=False) as writer:
            writer.write(content)
        os.lseek(handle, 0, os.SEEK_SET)
        yield f"/proc/self/fd/{handle}" if os.path.isdir("/proc/self/fd") else f"/dev/fd/{handle}"  # noqa: PTH112
    finally:
        os.close(handle)


# X509_V_ERR_* of OpenSSL: what people can do about each.
_VERIFICATION: Mapping[int, str] = {
    2: "the authority that issued it is not among those we believe; name it in as2.connection.authorities, or pin the "
    "server's certificate in as2.connection.server_certificate",
    9: "it is not valid yet; check this machine's clock, or ask the partner",
    10: "it has expired; the partner must renew it",
    18: "it is self-signed, and not the one in as2.connection.server_certificate: nobody vouches for it; get it from "
    "the partner by a safe way and pin it there",
    19: "its chain ends in an authority that we do not believe; name that in as2.connection.authorities, or pin the "
    "server's certificate in as2.connection.server_certificate",
    20: "its issuer is not among the authorities we believe: either the server does not send its intermediate "
    "certificate, which the partner must repair, or the authority is their own: name it in "
    "as2.connection.authorities",
    21: "its issuer is not among the authorities we believe: either the server does not send its intermediate "
    "certificate, which the partner must repair, or the authority is their own: name it in "
    "as2.connection.authorities",
    23: "it was revoked; the partner must replace it",
    26: "it was not issued for servers; the partner must replace it",
    62: "it is for another host; check the host in `url`, or pin the certificate in as2.connection.server_certificate",
    64: "it does not name this IP address; write the host's name in `url`, or pin the certificate in "
    "as2.connection.server_certificate",
    66: "its key is too weak; the partner must replace it",
    67: "its signature is too weak; the partner must replace it",
}
# Reasons of OpenSSL, in its own spelling.
_HANDSHAKE: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port; check scheme and port of `url`",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS on this port; check scheme and port of `url`",
    "HTTP_REQUEST": "the server does not speak TLS on this port; check scheme and port of `url`",
    "UNSUPPORTED_PROTOCOL": "the server speaks only versions of TLS that are broken; the partner must allow TLS 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server wants another version of TLS than 1.2 or 1.3; ask the partner",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "no cipher suits both sides, or the server demands a client certificate; ask the "
    "partner which",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server demands a client certificate; name the identity that has it in "
    "as2.connection.client_certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know our client certificate; give it to the partner",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses our client certificate; give the present one to the partner",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not know our client certificate; give it to the partner",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our client certificate has expired; make another with `certs roll --new`",
    "TLSV1_ALERT_ACCESS_DENIED": "the server refuses our client certificate; ask the partner to allow it",
    "TLSV1_UNRECOGNIZED_NAME": "the server knows no such host name; check the host in `url`",
    "DH_KEY_TOO_SMALL": "the server offers a key exchange that is too weak; the partner must repair it",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server speaks an outdated, unsafe TLS; the partner must update it",
}


def tls_words(error: BaseException) -> str | None:
    """What a failure of TLS means and what to do about it; None where it is no failure of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _VERIFICATION.get(error.verify_code)
        if known is not None:
            return f"the server's certificate is refused: {known}"
        return f"the server's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return _HANDSHAKE.get(reason) or f"TLS failed ({reason.lower().replace('_', ' ') or 'connection ended'})"
    return None
