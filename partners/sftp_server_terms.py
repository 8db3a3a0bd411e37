"""What a profile says of the partner's own SFTP server: how we know it, what we fetch there and where we put things."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from partners.fields import HostName, Network, OneOrMany, SecretReference, Slug, number
from partners.parts import Contradiction, Part, repeated
from partners.sftp_fields import (
    CronExpression,
    FileGlob,
    FileNamePattern,
    HostKeyFingerprint,
    NameSuffix,
    RemoteFolder,
    SshUser,
    TimeZone,
)
from partners.sftp_terms import OLD_ALGORITHMS, OldAlgorithm


class SftpFetch(Part):
    """A folder of theirs that we look into."""

    name: Slug
    """A name for it, as it appears in lists and logs."""
    folder: RemoteFolder
    """The folder, such as /outgoing/orders; its last part may have the wildcards * and ?, such as /outgoing/*."""
    files: Annotated[tuple[FileGlob, ...], OneOrMany()] = Field(default=("*",), max_length=16)
    """Which files, by patterns with * and ?, such as *.edi."""
    except_files: Annotated[tuple[FileGlob, ...], OneOrMany()] = Field(
        default=("*.part", "*.filepart", "*.tmp", ".*"), max_length=16
    )
    """Which files not, though `files` would take them."""
    every_minutes: Annotated[int, *number(1, 10_080)] | None = None
    """How often we look, in minutes; 15 where there is no `cron` either."""
    cron: CronExpression | None = None
    """When we look, in the five fields of cron, such as "0 6-18 * * mon-fri"."""
    time_zone: TimeZone = "UTC"
    """The time zone of `cron`, such as America/Chicago."""
    then: Literal["delete", "move", "leave"] = "delete"
    """What becomes of a file there, once it is durable here. leave: it stays, and is known again."""
    move_to: RemoteFolder | None = None
    """The folder for `then: move`."""
    stable_s: Annotated[int, *number(0, 3_600)] = 10
    """A file is fetched when its size and time have not changed for so many seconds; 0: at once."""
    files_at_once: Annotated[int, *number(1, 16)] = 4
    """Files that are fetched at the same time."""
    files_per_look_max: Annotated[int, *number(1, 100_000)] = 1_000
    """Files of one look; the others come with the next, which follows at once."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not."""
        if self.cron is not None and self.every_minutes is not None:
            yield ("cron",), "two schedules", "keep `cron` or `every_minutes`"
        if (self.then == "move") != (self.move_to is not None):
            yield ("move_to",), "a folder to move to and `then: move` belong together", "write both or neither"
        if self.move_to is not None and self.move_to == self.folder:
            yield ("move_to",), "the folder that is looked into", "name another folder"


class SftpPush(Part):
    """Where we put what we have for them."""

    folder: RemoteFolder
    """The folder, such as /incoming; {document} in it stands for the kind of document, such as /incoming/{document}."""
    file_name: FileNamePattern = "{document}-{number}-{id}.{extension}"
    """How files are named: {document}, {number}, {id}, {date}, {time}, {extension}; {id} must be there: by it we know
    what is ours."""
    temporary_suffix: NameSuffix = ".part"
    """The ending of the name while the file is written; then it is renamed."""
    temporary_folder: RemoteFolder | None = None
    """A folder in which files are written, in place of the ending; it must be on the same disk of theirs."""


class SftpServer(Part):
    """The partner's SFTP server, where we are the client."""

    host: HostName
    """Its host name or address."""
    port: Annotated[int, *number(1, 65_535)] = 22
    """Its port."""
    user: SshUser
    """Our user name there."""
    host_keys: Annotated[tuple[HostKeyFingerprint, ...], OneOrMany()] = Field(min_length=1, max_length=8)
    """Fingerprints of its host keys, as they told you them: `gateway sftp scan HOST` shows what it answers with.
    Several while one takes the place of another."""
    key: Slug | None = None
    """Our SSH key, by the name that `gateway sftp keys new NAME` gave it; its public part is what they need."""
    password: SecretReference | None = None
    """Our password, by reference, where they have no use for keys: env:VARIABLE or file:/absolute/path."""
    private_networks: Annotated[tuple[Network, ...], OneOrMany()] = Field(default=(), max_length=16)
    """Addresses of private networks that we may connect to for this partner, such as 10.20.0.0/16; without any only
    public addresses."""
    algorithms: Annotated[tuple[OldAlgorithm, ...], OneOrMany()] = Field(default=(), max_length=len(OLD_ALGORITHMS))
    """Old SSH algorithms that their server needs."""
    timeout_s: Annotated[int, *number(1, 300)] = 30
    """How long their server may take for one answer, in seconds."""
    push: SftpPush | None = None
    """Where we put what we have for them."""
    fetch: tuple[SftpFetch, ...] = Field(default=(), max_length=16)
    """What we fetch."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `sftp_server`."""
        if self.key is None and self.password is None:
            right = "add `key:` (`gateway sftp keys new NAME` makes one) or `password:`"
            yield ("key",), "nothing to log in with", right
        if self.push is None and not self.fetch:
            yield (), "a server that nothing is fetched from and nothing put on", "add `push:` or `fetch:`"
        yield from repeated(("fetch",), [item.name for item in self.fetch], "name", below="sftp_server.")
        for index, item in enumerate(self.fetch):
            for part, what, right in item.contradictions():
                yield ("fetch", index, *part), what, right
