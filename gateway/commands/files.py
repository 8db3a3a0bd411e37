"""Files that are named in a call, `-` being standard input."""

import sys
from pathlib import Path

from gateway.commands.parsing import Unusable

FILE_BYTES_MAX = 2_147_483_647


def read_input(name: str, bytes_max: int = FILE_BYTES_MAX) -> bytes:
    """A file's bytes, `-` being standard input.

    Raises:
        Unusable: it cannot be read, or is larger than `bytes_max`.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(bytes_max + 1)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(bytes_max + 1)
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror}; name a file that can be read, or - for standard input") from None
    if len(data) > bytes_max:
        raise Unusable(f"{name}: has more than {bytes_max} bytes ; split it")
    return data
