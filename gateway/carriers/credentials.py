"""Secrets by reference: a profile says where one is found, and it is read at the moment of its use."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

SECRET_BYTES_MAX = 4_096
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")


class SecretMissing(Exception):  # noqa: N818  # said of the reference; it never holds the secret
    """A secret cannot be read where the profile says; the words name the reference and what to do."""


def read_secret(reference: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret behind `env:NAME` or `file:/PATH`, without the line end that editors add.

    Raises:
        SecretMissing: it is not there, empty, too long, or cannot stand in a header.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise SecretMissing(f"the variable {place} is not set; set it where the gateway is started")
        found = environment[place]
    else:
        found = _read(Path(place))
    secret = found.removesuffix("\n").removesuffix("\r")
    if len(secret.encode("utf-8", "surrogateescape")) > SECRET_BYTES_MAX:
        raise SecretMissing(f"{reference} holds more than {SECRET_BYTES_MAX} bytes; this is no password")
    if not _PRINTABLE.fullmatch(secret):
        raise SecretMissing(f"{reference} is empty or holds more than one line; put the secret alone there")
    return secret


def _read(path: Path) -> str:
    try:
        # A pipe in its place must not hold the reader up, and no device is a password.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SecretMissing(f"{path} is no regular file; put the secret into one")
            data = os.read(handle, SECRET_BYTES_MAX + 3)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or "a broken path"
        raise SecretMissing(f"{path} cannot be read ({words}); check the path and its owner") from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SecretMissing(f"{path} holds no text; put the secret there as UTF-8") from None
