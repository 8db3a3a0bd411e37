"""Digest Fields (RFC 9530): what Content-Digest says of a body, and whether a body is that."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Final

from gateway.buffers import Buffer, windows
from gateway.signatures.refusals import Cause, SignatureRefused, malformed
from gateway.signatures.structured_fields import (
    Item,
    StructuredFieldError,
    parse_dictionary,
    serialize_dictionary,
)

CONTENT_DIGEST_CHARACTERS_MAX = 2_048
DIGESTS_MAX = 8


class DigestAlgorithm(StrEnum):
    """What is good enough today; of the registry's others (md5, sha, crc32c and more) none is (RFC 9530 5)."""

    SHA_256 = "sha-256"
    SHA_512 = "sha-512"


_FUNCTIONS: Final = {DigestAlgorithm.SHA_256: sha256, DigestAlgorithm.SHA_512: sha512}
_KNOWN: Final = {one.value: (one, function().digest_size) for one, function in _FUNCTIONS.items()}


@dataclass(frozen=True, slots=True)
class ExpectedDigest:
    """What the body has to be: at least one of the two is there, and each that is there has to match."""

    sha256: bytes | None
    sha512: bytes | None

    def matches(self, body: Buffer, body_sha256: bytes | None = None) -> bool:
        """Whether the bytes as they came (before any content coding is undone) are the ones that were announced.

        Args:
            body: any size; it is gone over in windows, once, for the digests that are asked for.
            body_sha256: its SHA-256, where the caller has it already: then the body is only read for a SHA-512.
        """
        expected = {DigestAlgorithm.SHA_256: self.sha256, DigestAlgorithm.SHA_512: self.sha512}
        known = {} if body_sha256 is None else {DigestAlgorithm.SHA_256: body_sha256}
        hashing = {
            algorithm: _FUNCTIONS[algorithm]()
            for algorithm, digest in expected.items()
            if digest is not None and algorithm not in known
        }
        if hashing:
            for piece in windows(body):
                for running in hashing.values():
                    running.update(piece)
            known |= {algorithm: running.digest() for algorithm, running in hashing.items()}
        equal = [
            compare_digest(digest, known[algorithm]) for algorithm, digest in expected.items() if digest is not None
        ]
        return bool(equal) and all(equal)

    def check(self, body: Buffer, body_sha256: bytes | None = None) -> None:
        """As `matches`.

        Raises:
            SignatureRefused: cause DIGEST.
        """
        if not self.matches(body, body_sha256):
            raise SignatureRefused(
                Cause.DIGEST,
                f"The body of {len(body):,} bytes is not the one that Content-Digest names. Compute the digest over "
                "the bytes exactly as they are sent, after any compression, and sign after that.",
            )


def read_content_digest(value: str) -> ExpectedDigest:
    """A Content-Digest field (RFC 9530 2), its lines joined with commas.

    Algorithms that we do not know are passed over; one that we know has to be there.

    Raises:
        SignatureRefused: cause MALFORMED.
    """
    if len(value) > CONTENT_DIGEST_CHARACTERS_MAX:
        raise malformed(f"Content-Digest has more than {CONTENT_DIGEST_CHARACTERS_MAX:,} characters.")
    try:
        members = parse_dictionary(value)
    except StructuredFieldError as error:
        raise malformed(
            f"Content-Digest, {error}. It looks like this: sha-256=:base64 of the digest: (RFC 9530, 2)."
        ) from None
    if len(members) > DIGESTS_MAX:
        raise malformed(f"Content-Digest has more than {DIGESTS_MAX} digests.")
    digests: dict[DigestAlgorithm, bytes] = {}
    for name, (algorithm, size) in _KNOWN.items():
        member = members.get(name)
        if member is None:
            continue
        if not isinstance(member, Item) or not isinstance(member.value, bytes) or len(member.value) != size:
            raise malformed(
                f"Content-Digest: {name} is not a digest of {size} bytes, written as base64 between colons."
            )
        digests[algorithm] = member.value
    if not digests:
        raise malformed("Content-Digest has neither a sha-256 nor a sha-512 digest; send one of the two.")
    return ExpectedDigest(digests.get(DigestAlgorithm.SHA_256), digests.get(DigestAlgorithm.SHA_512))


def content_digest(body: Buffer, algorithms: Sequence[DigestAlgorithm] = (DigestAlgorithm.SHA_256,)) -> str:
    """The value of a Content-Digest field for a body as it is sent."""
    hashing = {algorithm.value: _FUNCTIONS[algorithm]() for algorithm in algorithms}
    for piece in windows(body):
        for running in hashing.values():
            running.update(piece)
    return serialize_dictionary({name: Item(running.digest(), {}) for name, running in hashing.items()})
