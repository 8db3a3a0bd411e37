"""The identity of a file that came by SFTP, which has no id of its own: its name and what is in it."""

import hashlib

_LENGTH_BYTES = 8


def transport_id_of(name: bytes, content_sha256: str) -> str:
    """What tells one file from all others of a partner; the same again for the same content under the same name.

    Args:
        name: as it was where it was dropped, or the whole path where it was fetched.
        content_sha256: of its content, in hexadecimal digits.

    Returns:
        SHA-256 in hexadecimal digits. The length stands before the name, so no name can pass for another one.
    """
    return hashlib.sha256(len(name).to_bytes(_LENGTH_BYTES, "big") + name + bytes.fromhex(content_sha256)).hexdigest()
