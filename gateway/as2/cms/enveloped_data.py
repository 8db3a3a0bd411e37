"""EnvelopedData (RFC 5652 6) and AuthEnvelopedData with AES-GCM (RFC 5083, RFC 5084).

Decryption never says why it failed. A content key that does not unwrap is replaced by a random one, a content whose
padding is wrong is handed on as it is, and `Decrypted.intact` is False: the caller does all the work it would do on a
good message and refuses at the end, so that neither answer nor time tells an attacker which step failed
(RFC 3218 2.3, RFC 8551 6).
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from certs.certificates import Certificate, KeyPair
from gateway.as2.cms.algorithms import (
    AUTH_ENVELOPED_DATA,
    CIPHER_OF,
    CIPHERS,
    DATA,
    DIGEST_OF,
    DIGESTS,
    ENVELOPED_DATA,
    MASK_GENERATION,
    NULL,
    P_SPECIFIED,
    RSA_ENCRYPTION,
    RSA_OAEP,
    Cipher,
    Digest,
    KeyTransport,
    algorithm,
)
from gateway.as2.cms.ber import (
    CONTEXT_0,
    CONTEXT_1,
    CONTEXT_2,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    BerError,
    Element,
    der,
    header,
)
from gateway.as2.cms.content_info import CmsError, Fault
from gateway.as2.cms.identifiers import identifies, issuer_and_serial
from gateway.buffers import Buffer, MemorySink, Scratch, whole, windows

RECIPIENTS_MAX = 256

_IMPLICIT_OCTETS = (0x80, 0xA0)
_GCM_NONCE_BYTES = 12
_GCM_TAG_BYTES = 16
_GCM_TAG_BYTES_DEFAULT = 12  # AES-GCM-ICVlen, RFC 5084 3.2


@dataclass(frozen=True, slots=True)
class Decrypted:
    """What came out: the first `size` bytes of `content`.

    If not `intact` it is noise that must be refused at the end, and `reason` is for the audit.
    """

    content: Buffer
    size: int
    cipher: Cipher
    key_transport: KeyTransport
    recipient: Certificate
    intact: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Recipient:
    pair: KeyPair
    private_key: rsa.RSAPrivateKey
    transport: KeyTransport
    padding: padding.PKCS1v15 | padding.OAEP
    wrapped_key: bytes


@dataclass(frozen=True, slots=True)
class _Encrypted:
    cipher: Cipher
    nonce: bytes
    ciphertext: Element
    tag: bytes = b""
    authenticated_attributes: bytes = b""


def decrypt(
    content_type: bytes,
    element: Element,
    *,
    keys: Sequence[KeyPair],
    ciphers: Collection[Cipher],
    key_transports: Collection[KeyTransport] = frozenset(KeyTransport),
    scratch: Scratch = MemorySink,
) -> Decrypted:
    """The content, decrypted with whichever of our keys the message was encrypted for.

    Raises `CmsError` for what anyone can see without a key: a broken structure, an algorithm that is not allowed,
    no recipient that is us.
    """
    authenticated = content_type == AUTH_ENVELOPED_DATA
    try:
        members = element.members(3, 7)
        position = 2 if members[1].tag == CONTEXT_0 else 1  # behind version and originatorInfo
        recipients = members[position].expect(SET).children()
        encrypted = _read_encrypted(members[position + 1 :], ciphers, authenticated=authenticated)
        recipient = _find_recipient(recipients, keys)
        # A ciphertext in pieces is walked over before any key is used: a broken one ends here, whatever the key.
        sealed = encrypted.ciphertext.octets(scratch)
    except BerError as error:
        raise CmsError(Fault.MALFORMED, f"EnvelopedData: {error}") from None
    if recipient.transport not in key_transports:
        raise CmsError(
            Fault.UNSUPPORTED, f"content key sent with {recipient.transport}, which the agreement does not allow"
        )
    size = CIPHERS[encrypted.cipher].key_bytes
    key = _unwrap(recipient)
    reason = ""
    if len(key) != size:
        key, reason = secrets.token_bytes(size), "the content key could not be unwrapped"
    content, padding_bytes = _decrypt_content(encrypted, key, sealed, scratch)
    if not reason and padding_bytes is None:
        reason = "wrong authentication tag" if authenticated else "wrong padding"
    return Decrypted(
        content=content,
        size=len(content) - (padding_bytes or 0),
        cipher=encrypted.cipher,
        key_transport=recipient.transport,
        recipient=recipient.pair.certificate,
        intact=not reason,
        reason=reason,
    )


def _read_encrypted(members: list[Element], ciphers: Collection[Cipher], *, authenticated: bool) -> _Encrypted:
    """EncryptedContentInfo, and what follows it in AuthEnvelopedData."""
    if not members:
        raise BerError("EncryptedContentInfo absent")
    _type, algorithm_identifier, ciphertext = members[0].members(3)
    if ciphertext.tag not in _IMPLICIT_OCTETS:
        raise BerError("EncryptedContentInfo without content")
    name, parameters = algorithm_identifier.members(2)
    identifier = name.object_identifier()
    cipher = CIPHER_OF.get(identifier)
    if cipher is None or CIPHERS[cipher].authenticated is not authenticated:
        raise CmsError(Fault.UNSUPPORTED, f"content encryption algorithm {identifier.hex()} is not spoken here")
    if cipher not in ciphers:
        raise CmsError(Fault.UNSUPPORTED, f"encrypted with {cipher}, which the agreement does not allow")
    if not authenticated:
        nonce = parameters.expect(OCTET_STRING).value()
        block = CIPHERS[cipher].block_bytes
        if len(nonce) != block:
            raise BerError("initialisation vector of the wrong length")
        return _Encrypted(cipher, nonce, ciphertext)
    nonce, tag_bytes = _gcm_parameters(parameters)
    rest, covered = members[1:], b""
    if rest and rest[0].tag == CONTEXT_1:  # authAttrs are authenticated under the tag of a SET (RFC 5083 2.2)
        covered = bytes((SET,)) + rest.pop(0).definite()[1:]
    if not rest or rest[0].tag != OCTET_STRING or len(rest[0].content) != tag_bytes:
        raise BerError("authentication tag absent or of the wrong length")
    return _Encrypted(cipher, nonce, ciphertext, bytes(rest[0].content), covered)


def _gcm_parameters(element: Element) -> tuple[bytes, int]:
    members = element.members(1, 2)
    nonce = members[0].expect(OCTET_STRING).value()
    tag_bytes = members[1].integer() if len(members) > 1 else _GCM_TAG_BYTES_DEFAULT
    if not 8 <= len(nonce) <= 64 or not _GCM_TAG_BYTES_DEFAULT <= tag_bytes <= _GCM_TAG_BYTES:  # noqa: PLR2004
        raise BerError("GCM parameters out of range")
    return nonce, tag_bytes


def _find_recipient(recipients: list[Element], keys: Sequence[KeyPair]) -> _Recipient:
    if len(recipients) > RECIPIENTS_MAX:
        raise CmsError(Fault.UNSUPPORTED, f"more than {RECIPIENTS_MAX} recipients")
    for recipient in recipients:
        if recipient.tag != SEQUENCE:
            continue  # key agreement, passwords and the like (RFC 5652 6.2.2 to 6.2.5)
        _version, identifier, key_algorithm, wrapped = recipient.members(4)
        for pair in keys:
            key = pair.private_key
            if isinstance(key, rsa.RSAPrivateKey) and identifies(identifier, pair.certificate):
                transport, key_padding = _key_padding(key_algorithm)
                return _Recipient(pair, key, transport, key_padding, wrapped.small_octets())
    raise CmsError(Fault.NO_RECIPIENT, "encrypted for none of our certificates")


def _key_padding(element: Element) -> tuple[KeyTransport, padding.PKCS1v15 | padding.OAEP]:
    members = element.members(1, 2)
    identifier = members[0].object_identifier()
    if identifier == RSA_ENCRYPTION:
        return KeyTransport.RSA_V1_5, padding.PKCS1v15()
    if identifier == RSA_OAEP:
        return KeyTransport.RSA_OAEP, _oaep(members[1] if len(members) > 1 else None)
    raise CmsError(Fault.UNSUPPORTED, f"key transport {identifier.hex()} is not spoken here")


def _oaep(parameters: Element | None) -> padding.OAEP:
    """RSAES-OAEP-params (RFC 4055 4.1): both digests are SHA-1 unless named, the label is empty unless given."""
    digest: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303 - the standard's default, harmless in OAEP
    mask_digest: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303 - same
    label = None
    for member in parameters.expect(SEQUENCE).children() if parameters is not None else ():
        inner = member.only_child().members(1, 2)
        identifier = inner[0].object_identifier()
        if member.tag == CONTEXT_0:
            digest = _hash(identifier)
        elif member.tag == CONTEXT_1 and identifier == MASK_GENERATION and len(inner) > 1:
            mask_digest = _hash(inner[1].members(1, 2)[0].object_identifier())
        elif member.tag == CONTEXT_2 and identifier == P_SPECIFIED and len(inner) > 1:
            label = inner[1].expect(OCTET_STRING).value() or None
        else:
            raise CmsError(Fault.UNSUPPORTED, "OAEP parameters that are not spoken here")
    return padding.OAEP(mgf=padding.MGF1(mask_digest), algorithm=digest, label=label)


def _hash(identifier: bytes) -> hashes.HashAlgorithm:
    digest = DIGEST_OF.get(identifier)
    if digest is None:
        raise CmsError(Fault.UNSUPPORTED, "OAEP digest that is not spoken here")
    return DIGESTS[digest].hash()


def _unwrap(recipient: _Recipient) -> bytes:
    """The content key; where it does not unwrap, something of another length."""
    try:
        return recipient.private_key.decrypt(recipient.wrapped_key, recipient.padding)
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _decrypt_content(
    encrypted: _Encrypted, key: bytes, sealed: memoryview, scratch: Scratch
) -> tuple[Buffer, int | None]:
    """The content and the padding at its end in bytes; None when padding or authentication tag is wrong."""
    sink = scratch()
    if CIPHERS[encrypted.cipher].authenticated:
        mode = modes.GCM(encrypted.nonce, encrypted.tag, min_tag_length=_GCM_TAG_BYTES_DEFAULT)
        authenticator = Primitive(algorithms.AES(key), mode).decryptor()
        authenticator.authenticate_additional_data(encrypted.authenticated_attributes)
        for piece in windows(sealed):
            sink.write(authenticator.update(piece))
        try:
            authenticator.finalize()
        except InvalidTag:
            return b"", None
        return sink.view(), 0
    block = CIPHERS[encrypted.cipher].block_bytes
    if not sealed or len(sealed) % block:
        return b"", None
    # Triple DES is broken for volume, not for reading what an old partner sends under an agreement that allows it.
    cipher = TripleDES(key) if encrypted.cipher is Cipher.TRIPLE_DES else algorithms.AES(key)
    opener = Primitive(cipher, modes.CBC(encrypted.nonce)).decryptor()
    # A window holds whole blocks, so that the last piece ends with the padding.
    opened = b""
    for piece in windows(sealed):
        opened = opener.update(piece)
        sink.write(opened)
    opener.finalize()
    count = opened[-1]
    if 1 <= count <= block and opened.endswith(bytes((count,)) * count):
        return sink.view(), count
    return sink.view(), None


def encrypt(
    content: Buffer,
    recipients: Sequence[Certificate],
    *,
    cipher: Cipher = Cipher.AES256_CBC,
    key_transport: KeyTransport = KeyTransport.RSA_V1_5,
) -> bytes:
    """A ContentInfo with the content encrypted, in memory; see `encrypt_pieces`."""
    pieces = (content,)
    return whole(encrypt_pieces(pieces, len(content), recipients, cipher=cipher, key_transport=key_transport))


def encrypt_pieces(
    content: Iterable[Buffer],
    size: int,
    recipients: Sequence[Certificate],
    *,
    cipher: Cipher = Cipher.AES256_CBC,
    key_transport: KeyTransport = KeyTransport.RSA_V1_5,
    scratch: Scratch = MemorySink,
) -> Buffer:
    """A ContentInfo with the content, `size` bytes in all, encrypted for the recipients, whose keys are RSA.

    EnvelopedData for CBC, AuthEnvelopedData for GCM. Raises ValueError for a cipher that is for receipt only or a
    certificate that cannot be encrypted for.
    """
    if cipher is Cipher.TRIPLE_DES or not recipients:
        raise ValueError("triple DES is read, never written" if recipients else "encrypted for nobody")
    forms = CIPHERS[cipher]
    key = secrets.token_bytes(forms.key_bytes)
    recipient_infos = der(SET, *sorted(_recipient_info(recipient, key, key_transport) for recipient in recipients))
    padding_bytes, trailer_bytes = 0, 0
    if forms.authenticated:
        nonce = secrets.token_bytes(_GCM_NONCE_BYTES)
        parameters = der(SEQUENCE, der(OCTET_STRING, nonce), der(INTEGER, bytes((_GCM_TAG_BYTES,))))
        authenticator = Primitive(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        outer, trailer_bytes = AUTH_ENVELOPED_DATA, 2 + _GCM_TAG_BYTES
    else:
        nonce = secrets.token_bytes(forms.block_bytes)
        parameters = der(OCTET_STRING, nonce)
        authenticator = None
        outer = ENVELOPED_DATA
        padding_bytes = forms.block_bytes - size % forms.block_bytes
    # Every length is known beforehand, so the content goes through the cipher straight into the sink.
    sealed_bytes = size + padding_bytes
    kind = der(OBJECT_IDENTIFIER, DATA) + algorithm(forms.identifier, parameters) + header(0x80, sealed_bytes)
    inner = header(SEQUENCE, len(kind) + sealed_bytes) + kind
    body = b"\x02\x01\x00" + recipient_infos + inner
    body = header(SEQUENCE, len(body) + sealed_bytes + trailer_bytes) + body
    body = header(CONTEXT_0, len(body) + sealed_bytes + trailer_bytes) + body
    body = der(OBJECT_IDENTIFIER, outer) + body
    sink = scratch()
    sink.write(header(SEQUENCE, len(body) + sealed_bytes + trailer_bytes) + body)
    sealer = authenticator or Primitive(algorithms.AES(key), modes.CBC(nonce)).encryptor()
    for piece in content:
        if sealed := sealer.update(piece):
            sink.write(sealed)
    sink.write(sealer.update(bytes((padding_bytes,)) * padding_bytes) + sealer.finalize())
    if authenticator is not None:
        sink.write(der(OCTET_STRING, authenticator.tag))
    return sink.view()


def _recipient_info(recipient: Certificate, key: bytes, transport: KeyTransport) -> bytes:
    public_key = recipient.public_key
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise ValueError(f"{recipient.subject} has no RSA key: nothing can be encrypted for it")  # noqa: TRY004 - the value is at fault
    if transport is KeyTransport.RSA_V1_5:
        wrapped = public_key.encrypt(key, padding.PKCS1v15())
        transport_algorithm = algorithm(RSA_ENCRYPTION, NULL)
    else:
        sha256 = DIGESTS[Digest.SHA256]
        wrapped = public_key.encrypt(key, padding.OAEP(padding.MGF1(sha256.hash()), sha256.hash(), None))
        digest_algorithm = algorithm(sha256.identifier)
        parameters = der(CONTEXT_0, digest_algorithm) + der(CONTEXT_1, algorithm(MASK_GENERATION, digest_algorithm))
        transport_algorithm = algorithm(RSA_OAEP, der(SEQUENCE, parameters))
    return der(SEQUENCE, b"\x02\x01\x00", issuer_and_serial(recipient), transport_algorithm, der(OCTET_STRING, wrapped))
