"""The message integrity check: over which bytes, with which digest, and when two agree (RFC 4130 7.3.1, RFC 5402 4)."""

import binascii
from base64 import b64encode
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.as2.cms.algorithms import Digest, digest_named
from gateway.as2.cms.signed_data import Content
from gateway.as2.mime import Entity

MIC_LENGTH_MAX = 256

STRONGEST_FIRST = (Digest.SHA512, Digest.SHA384, Digest.SHA256, Digest.SHA224, Digest.SHA1)


@dataclass(frozen=True, slots=True)
class Mic:
    """A Received-Content-MIC; `algorithm` is None where the label names none that we speak."""

    digest: bytes
    algorithm: Digest | None
    label: str

    def __str__(self) -> str:
        return f"{b64encode(self.digest).decode('ascii')}, {self.label}"


def parse_mic(value: str) -> Mic | None:
    """A Received-Content-MIC field; None when it holds no base64 digest."""
    if len(value) > MIC_LENGTH_MAX:
        return None
    encoded, _, label = value.partition(",")
    label = label.strip(" \t\"'")
    try:
        digest = binascii.a2b_base64("".join(encoded.split()).strip("\"'"), strict_mode=True)
    except ValueError:  # binascii.Error, or characters outside ASCII
        return None
    return Mic(digest, digest_named(label), label) if digest else None


def choose_algorithm(
    requested: Sequence[str], allowed: Collection[Digest], default: Digest = Digest.SHA256
) -> tuple[Digest, str]:
    """The strongest digest requested that is allowed, with the label as the sender spelled it; never MD5.

    Peers compare the label literally often enough that their own spelling is the safest answer.
    """
    named = {digest_named(label): label.strip(" \t\"'") for label in reversed(requested)}
    for digest in STRONGEST_FIRST:
        if digest in named and digest in allowed:
            return digest, named[digest]
    return default, default.value


def covered_content(*, signed: Content | None, payload: Entity, secured: bool) -> Content:
    """The bytes that the MIC is over.

    Signed: headers and content of the signed part, compressed or not (RFC 5402 4.1). Encrypted or compressed but not
    signed: headers and content of the innermost part (RFC 4130 7.3.1, RFC 5402 4.2 and 4.3). Plain: the content
    without headers and before transfer encoding.
    """
    if signed is not None:
        return signed
    if secured:
        return Content(payload.encoded)
    data, start, end = payload.decoded()
    return Content(memoryview(data)[start:end])


def mics_of(contents: Iterable[Content]) -> tuple[Mic, ...]:
    """Every MIC that a receipt for these contents may state: peers choose the algorithm by rules of their own."""
    mics: list[Mic] = []
    for content in contents:
        content.work_out(STRONGEST_FIRST)
        mics += [Mic(content.digest(digest), digest, digest.value) for digest in STRONGEST_FIRST]
    return tuple(mics)


def agrees(returned: Mic, expected: Iterable[Mic]) -> bool:
    """Whether a returned MIC is one of the expected, by the algorithm that its label names."""
    return any(
        mic.digest == returned.digest and (mic.algorithm is returned.algorithm or not returned.label)
        for mic in expected
    )
