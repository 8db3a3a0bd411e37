"""What a profile says of SFTP: who they are there."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from pydantic import Field

from partners.fields import DateText, FileName, Network, OneOrMany, Slug
from partners.parts import Contradiction, Part, repeated


class SftpKey(Part):
    """A public key that opens their mailbox."""

    label: Slug
    """A name for the key, as it appears in the audit."""
    file: FileName
    """The public key in OpenSSH's format, a file beside profile.yaml, such as acme.pub."""
    expires_on: Annotated[date, DateText] | None = None
    """Last day (UTC) on which the key opens the mailbox."""


class Sftp(Part):
    """Their mailbox at our SFTP server."""

    user: Slug
    """The user name that they log in with."""
    keys: tuple[SftpKey, ...] = Field(default=(), max_length=16)
    """Their public keys."""
    networks: Annotated[tuple[Network, ...], OneOrMany()] = Field(default=(), max_length=64)
    """Addresses that they come from; any when empty."""

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        yield from (key.file for key in self.keys)

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `sftp`."""
        yield from repeated(("keys",), [key.label for key in self.keys], "label", below="sftp.")
        yield from repeated(("keys",), [key.file for key in self.keys], "file", below="sftp.")
