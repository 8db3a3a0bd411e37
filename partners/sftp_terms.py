"""What a profile says of SFTP with us: who they are there, what opens their mailbox, and how it behaves."""

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field

from partners.api_terms import Dated
from partners.fields import FileName, Network, OneOrMany, Slug, number
from partners.parts import Contradiction, Part, repeated
from partners.sftp_fields import FileNamePattern, NamePrefix, NameSuffix, PasswordHash

# What we speak with nobody but those whose software knows nothing better; all others are refused these.
OldAlgorithm = Literal[
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha256",
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
    "3des-cbc",
    "hmac-sha1",
    "ssh-rsa",
]
OLD_ALGORITHMS: tuple[OldAlgorithm, ...] = get_args(OldAlgorithm)


class SftpKey(Dated):
    """A public key that opens their mailbox."""

    label: Slug
    """A name for the key, as it appears in the audit."""
    file: FileName
    """The public key in OpenSSH's format, a file beside profile.yaml, such as acme.pub."""


class SftpPassword(Dated):
    """A password that opens their mailbox, for those who cannot use a key."""

    label: Slug
    """A name for the password, as it appears in the audit."""
    scrypt: PasswordHash
    """What `gateway sftp password` prints: the password itself is kept nowhere."""


class Sftp(Part):
    """Their mailbox at our SFTP server."""

    user: Slug
    """The user name that they log in with."""
    keys: tuple[SftpKey, ...] = Field(default=(), max_length=16)
    """Their public keys; each of them opens the mailbox."""
    passwords: tuple[SftpPassword, ...] = Field(default=(), max_length=4)
    """Passwords that open it as well; better none, since a key cannot be guessed or told."""
    networks: Annotated[tuple[Network, ...], OneOrMany()] = Field(default=(), max_length=64)
    """Addresses that they come from; any when empty."""
    algorithms: Annotated[tuple[OldAlgorithm, ...], OneOrMany()] = Field(default=(), max_length=len(OLD_ALGORITHMS))
    """Old SSH algorithms that their software needs; offered to the addresses of `networks` alone."""
    sessions_max: Annotated[int, *number(1, 256)] = 8
    """Connections at the same time."""
    handles_max: Annotated[int, *number(1, 1_024)] = 64
    """Files and folders open at the same time, over all their connections."""
    unfinished_files_max: Annotated[int, *number(1, 10_000)] = 100
    """Uploads that broke off and may be gone on with, at the same time."""
    unfinished_bytes_max: Annotated[int, *number(1_024, 1_099_511_627_776)] = 1_073_741_824
    """Bytes of uploads that are under way or broke off, all together."""
    unfinished_hours: Annotated[int, *number(1, 720)] = 72
    """How long an upload that broke off can be gone on with, in hours."""
    complete_on: Literal["close", "rename"] = "close"
    """When a file is complete. close: when they close it, or rename it from a temporary name; rename: only when they
    rename it from a temporary name, for software that closes files it has not finished."""
    temporary_suffixes: Annotated[tuple[NameSuffix, ...], OneOrMany()] = Field(
        default=(".part", ".filepart", ".tmp"), max_length=16
    )
    """Endings of temporary names: such a file is not looked at before it is renamed."""
    temporary_prefixes: Annotated[tuple[NamePrefix, ...], OneOrMany()] = Field(default=(".in.",), max_length=16)
    """Beginnings of temporary names; .in. is what lftp writes."""
    delivered_on: Literal["fetch", "removal"] = "fetch"
    """What tells that they have a document. fetch: that they read all of it; removal: that they removed or renamed
    the file in outbox/, for those who remove only what they have made sure of."""
    attributes: Literal["refused", "ignored"] = "refused"
    """Requests to set times, owners and permissions, which files here do not have. ignored: they are answered as
    though they were done, for software that breaks off otherwise."""
    file_name: FileNamePattern = "{document}-{number}-{id}.{extension}"
    """How files in outbox/ are named: {document}, {number}, {id}, {date}, {time}, {extension}; {id} must be there."""
    shown_hours: Annotated[int, *number(0, 8_760)] = 24
    """How long a file that we have taken is still shown in inbox/, in hours: many clients look after an upload."""
    archive_days: Annotated[int, *number(1, 400)] = 30
    """How long what they fetched is shown in outbox/archive/, and a refused file in errors/, in days."""

    def is_temporary(self, name: bytes) -> bool:
        """Whether a file in inbox/ has a name under which it is never complete."""
        suffixes = tuple(suffix.encode() for suffix in self.temporary_suffixes)
        return name.endswith(suffixes) or name.startswith(tuple(prefix.encode() for prefix in self.temporary_prefixes))

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        yield from (key.file for key in self.keys)

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `sftp`."""
        yield from repeated(("keys",), [key.label for key in self.keys], "label", below="sftp.")
        yield from repeated(("keys",), [key.file for key in self.keys], "file", below="sftp.")
        yield from repeated(("passwords",), [item.label for item in self.passwords], "label", below="sftp.")
        for name, items in (("keys", self.keys), ("passwords", self.passwords)):
            for index, item in enumerate(items):
                for part, what, right in item.window_contradictions():
                    yield (name, index, *part), what, right
        if self.algorithms and not self.networks:
            right = "add `networks:` with their addresses"
            yield ("algorithms",), "old algorithms would be offered to everybody", right
        if self.complete_on == "rename" and not self.temporary_suffixes and not self.temporary_prefixes:
            right = "name the endings of their temporary names"
            yield ("temporary_suffixes",), "files are complete when they are renamed, and no name is temporary", right
