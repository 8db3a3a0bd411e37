"""Files with public SSH keys as partners send them: OpenSSH's line, and the other forms that programs save."""

import base64
import re
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

# RFC 4716 3.2 and 3.3: what PuTTYgen saves as public key. One block, and nothing beside it.
_BEGIN: Final = b"---- BEGIN SSH2 PUBLIC KEY ----"
_BLOCK: Final = re.compile(
    rb"\s*%b\r?\n(?P<inner>(?:(?!----)[^\n]*\n)+)---- END SSH2 PUBLIC KEY ----\s*\Z" % re.escape(_BEGIN)
)
_HEADER: Final = re.compile(rb"^[^\n:]+:(?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE)
# What a file begins with -> how ssh-keygen reads it.
_OTHERS: Final = MappingProxyType(
    {_BEGIN: "", b"-----BEGIN PUBLIC KEY-----": " -m PKCS8", b"-----BEGIN RSA PUBLIC KEY-----": " -m PEM"}
)
_PRIVATE: Final = (b"PRIVATE KEY-----", b"PRIVATE KEY ----", b"PuTTY-User-Key-File")


def holds_private_key(content: bytes) -> bool:
    """Whether a private key lies in a file, in the form of OpenSSH, of RFC 4716's authors or of PuTTY."""
    return any(mark in content for mark in _PRIVATE)


def conversion(content: bytes) -> str | None:
    """The options with which ``ssh-keygen -i`` makes OpenSSH's line of a file; None where no form of its is known."""
    begins = content.lstrip()
    return next((options for mark, options in _OTHERS.items() if begins.startswith(mark)), None)


def as_openssh(content: bytes) -> bytes:
    """OpenSSH's line of a key in the form of RFC 4716, without its comment; anything else comes back as it is."""
    found = _BLOCK.match(content)
    if found is None:
        return content
    # Behind the headers, each of which a backslash at its end goes on with (RFC 4716 3.3), stands base64 alone.
    encoded = b"".join(_HEADER.sub(b"", found["inner"].replace(b"\r\n", b"\n")).split())
    try:
        blob = base64.b64decode(encoded, validate=True)
        line = blob[4 : 4 + int.from_bytes(blob[:4], "big")] + b" " + encoded + b"\n"  # RFC 4253 6.6: its name is first
        load_ssh_public_key(line)
    except (ValueError, UnsupportedAlgorithm):
        return content
    return line
