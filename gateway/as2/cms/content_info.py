"""ContentInfo, the wrapper around every CMS structure (RFC 5652 3)."""

from enum import Enum

from gateway.as2.cms.ber import CONTEXT_0, OBJECT_IDENTIFIER, SEQUENCE, BerError, Element, der, read_element
from gateway.buffers import Buffer

_LINE_ENDS_MAX = 1_000


class Fault(Enum):
    """What is wrong with a CMS structure, as far as an answer depends on it."""

    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"  # an algorithm or a form the gateway does not speak or the agreement does not allow
    UNKNOWN_SIGNER = "unknown signer"  # nobody signed, or nobody whose certificate is agreed
    BAD_SIGNATURE = "bad signature"
    BAD_DIGEST = "bad digest"  # signed by the right key, but another content
    NO_RECIPIENT = "no recipient"  # encrypted, but for none of our keys
    TOO_LARGE = "too large"


class CmsError(ValueError):
    """A CMS structure that cannot be used: the kind of fault, and a sentence for our own audit."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


def read_content_info(data: Buffer, start: int = 0, end: int | None = None) -> tuple[bytes, Element]:
    """The content type and the content of a ContentInfo that fills the whole range.

    A line end behind it is allowed, as some products append one. Anything else is refused: bytes that no one signed
    or authenticated would give an attacker room to play with (see `gateway.as2.opening`).
    """
    limit = len(data) if end is None else end
    try:
        outer = read_element(data, start, limit)
        kind, content = outer.members(2)
        content_type = kind.object_identifier()
        inner = content.expect(CONTEXT_0).only_child().expect(SEQUENCE)
    except BerError as error:
        raise CmsError(Fault.MALFORMED, f"no CMS: {error}") from None
    if limit - outer.end > _LINE_ENDS_MAX or bytes(data[outer.end : limit]).strip(b"\r\n"):
        raise CmsError(Fault.MALFORMED, "bytes behind the CMS structure")
    return content_type, inner


def write_content_info(content_type: bytes, content: bytes) -> bytes:
    """A ContentInfo around an encoded structure."""
    return der(SEQUENCE, der(OBJECT_IDENTIFIER, content_type), der(CONTEXT_0, content))
