"""What an agreement demands of a partner's messages and allows in them."""

from dataclasses import dataclass

from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme

DIGESTS_DEFAULT = frozenset({Digest.SHA256, Digest.SHA384, Digest.SHA512})
CIPHERS_DEFAULT = frozenset(Cipher) - {Cipher.TRIPLE_DES}


@dataclass(frozen=True, slots=True)
class Policy:
    """The security side of an agreement; the defaults are the strict ones.

    Attributes:
        digests: digests a signature may use; `Digest.SHA1` only for a partner that can do no better.
        ciphers: content encryption that may come; `Cipher.TRIPLE_DES` likewise.
        key_transports: how the content key may come.
        signatures: how a signature may be made.
        mic_digests: digests a receipt's MIC may use when the sender asks for them. SHA-1 is among them: the MIC tells
            the sender what arrived, and whoever could forge it is the sender.
        require_valid_certificate: refuse a signer whose certificate is expired or not yet valid.
        decompressed_bytes_max: limit on what decompression may make of a message.
        decompression_ratio_max: limit on its growth past the first MiB.
    """

    require_signed: bool = True
    require_encrypted: bool = True
    digests: frozenset[Digest] = DIGESTS_DEFAULT
    ciphers: frozenset[Cipher] = CIPHERS_DEFAULT
    key_transports: frozenset[KeyTransport] = frozenset(KeyTransport)
    signatures: frozenset[SignatureScheme] = frozenset(SignatureScheme)
    mic_digests: frozenset[Digest] = frozenset(Digest)
    require_valid_certificate: bool = True
    decompressed_bytes_max: int = 104_857_600
    decompression_ratio_max: int = 200
