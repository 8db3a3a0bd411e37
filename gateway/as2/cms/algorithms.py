"""The algorithms of CMS and S/MIME that the gateway speaks, with their object identifiers and their names in AS2."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives import hashes

from gateway.as2.cms.ber import OBJECT_IDENTIFIER, SEQUENCE, der, der_object_identifier

NULL = b"\x05\x00"


def oid(dotted: str) -> bytes:
    """An object identifier as the reader hands it on: its encoded value."""
    return der_object_identifier(dotted)


def algorithm(identifier: bytes, parameters: bytes = b"") -> bytes:
    """An AlgorithmIdentifier (RFC 5280 4.1.1.2)."""
    return der(SEQUENCE, der(OBJECT_IDENTIFIER, identifier), parameters)


# Content types and attributes (RFC 5652, RFC 5083, RFC 3274, RFC 6211)
DATA = oid("1.2.840.113549.1.7.1")
SIGNED_DATA = oid("1.2.840.113549.1.7.2")
ENVELOPED_DATA = oid("1.2.840.113549.1.7.3")
COMPRESSED_DATA = oid("1.2.840.113549.1.9.16.1.9")
AUTH_ENVELOPED_DATA = oid("1.2.840.113549.1.9.16.1.23")
CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
SIGNING_TIME = oid("1.2.840.113549.1.9.5")
ALGORITHM_PROTECTION = oid("1.2.840.113549.1.9.52")
ZLIB = oid("1.2.840.113549.1.9.16.3.8")

RSA_ENCRYPTION = oid("1.2.840.113549.1.1.1")
RSA_OAEP = oid("1.2.840.113549.1.1.7")
MASK_GENERATION = oid("1.2.840.113549.1.1.8")
P_SPECIFIED = oid("1.2.840.113549.1.1.9")
RSA_PSS = oid("1.2.840.113549.1.1.10")
EC_PUBLIC_KEY = oid("1.2.840.10045.2.1")


class Digest(StrEnum):
    """A digest algorithm by its name in MIME (RFC 8551 3.5.3.2)."""

    SHA1 = "sha-1"
    SHA224 = "sha-224"
    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"


@dataclass(frozen=True, slots=True)
class DigestForms:
    """One digest in the shapes its users want."""

    identifier: bytes
    hash: Callable[[], hashes.HashAlgorithm]
    hashlib_name: str
    size: int  # bytes
    rsa_signature: bytes  # shaNNNWithRSAEncryption
    ecdsa_signature: bytes


DIGESTS = {
    Digest.SHA1: DigestForms(
        oid("1.3.14.3.2.26"), hashes.SHA1, "sha1", 20, oid("1.2.840.113549.1.1.5"), oid("1.2.840.10045.4.1")
    ),
    Digest.SHA224: DigestForms(
        oid("2.16.840.1.101.3.4.2.4"),
        hashes.SHA224,
        "sha224",
        28,
        oid("1.2.840.113549.1.1.14"),
        oid("1.2.840.10045.4.3.1"),
    ),
    Digest.SHA256: DigestForms(
        oid("2.16.840.1.101.3.4.2.1"),
        hashes.SHA256,
        "sha256",
        32,
        oid("1.2.840.113549.1.1.11"),
        oid("1.2.840.10045.4.3.2"),
    ),
    Digest.SHA384: DigestForms(
        oid("2.16.840.1.101.3.4.2.2"),
        hashes.SHA384,
        "sha384",
        48,
        oid("1.2.840.113549.1.1.12"),
        oid("1.2.840.10045.4.3.3"),
    ),
    Digest.SHA512: DigestForms(
        oid("2.16.840.1.101.3.4.2.3"),
        hashes.SHA512,
        "sha512",
        64,
        oid("1.2.840.113549.1.1.13"),
        oid("1.2.840.10045.4.3.4"),
    ),
}
DIGEST_OF = {forms.identifier: digest for digest, forms in DIGESTS.items()}
RSA_SIGNATURE_OF = {forms.rsa_signature: digest for digest, forms in DIGESTS.items()}
ECDSA_SIGNATURE_OF = {forms.ecdsa_signature: digest for digest, forms in DIGESTS.items()}

# How partners spell them; RFC 4130 wrote sha1, RFC 5751 sha-1, and older Java peers rsa-sha1.
_SPELLINGS = {
    spelling: digest
    for digest in Digest
    for spelling in (
        digest.value,
        digest.value.replace("-", ""),
        "rsa-" + digest.value,
        "rsa-" + digest.value.replace("-", ""),
    )
}


def digest_named(name: str) -> Digest | None:
    """The digest a partner names, in whatever spelling; None for MD5 and everything else we do not speak."""
    return _SPELLINGS.get(name.strip(" \t\"'").replace("_", "-").lower())


class Cipher(StrEnum):
    """A content encryption algorithm."""

    AES128_CBC = "aes128-cbc"
    AES192_CBC = "aes192-cbc"
    AES256_CBC = "aes256-cbc"
    AES128_GCM = "aes128-gcm"
    AES192_GCM = "aes192-gcm"
    AES256_GCM = "aes256-gcm"
    TRIPLE_DES = "3des-cbc"  # on receipt only


@dataclass(frozen=True, slots=True)
class CipherForms:
    """A cipher's identifier and sizes in bytes."""

    identifier: bytes
    key_bytes: int
    block_bytes: int
    authenticated: bool = False


CIPHERS = {
    Cipher.AES128_CBC: CipherForms(oid("2.16.840.1.101.3.4.1.2"), 16, 16),
    Cipher.AES192_CBC: CipherForms(oid("2.16.840.1.101.3.4.1.22"), 24, 16),
    Cipher.AES256_CBC: CipherForms(oid("2.16.840.1.101.3.4.1.42"), 32, 16),
    Cipher.AES128_GCM: CipherForms(oid("2.16.840.1.101.3.4.1.6"), 16, 16, authenticated=True),
    Cipher.AES192_GCM: CipherForms(oid("2.16.840.1.101.3.4.1.26"), 24, 16, authenticated=True),
    Cipher.AES256_GCM: CipherForms(oid("2.16.840.1.101.3.4.1.46"), 32, 16, authenticated=True),
    Cipher.TRIPLE_DES: CipherForms(oid("1.2.840.113549.3.7"), 24, 8),
}
CIPHER_OF = {forms.identifier: cipher for cipher, forms in CIPHERS.items()}


class KeyTransport(StrEnum):
    """How the content key travels to the recipient."""

    RSA_V1_5 = "rsa-v1.5"
    RSA_OAEP = "rsa-oaep"


class SignatureScheme(StrEnum):
    """How a signer signs."""

    RSA_V1_5 = "rsa-v1.5"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"
