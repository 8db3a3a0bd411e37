"""Tables of SFTP: what lies in mailboxes, our SSH keys, who is shut out, and what we have seen on partners' servers.

Times are milliseconds since 1970, identifiers are strings, as in `tables`. Names of files are bytes: nobody says in
which encoding another machine writes them.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


def _name() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


class MailboxFile(SQLModel, table=True):
    """A file that a partner dropped into its mailbox and that was accepted, under the name it had there."""

    __tablename__ = "mailbox_file"
    __table_args__ = (
        Index("mailbox_file_by_name", "partner_id", "name", "received_at_ms", "message_id"),
        Index(
            "mailbox_file_shown",
            "partner_id",
            "received_at_ms",
            "message_id",
            sqlite_where=text("removed_at_ms IS NULL"),
            postgresql_where=text("removed_at_ms IS NULL"),
        ),
        Index(
            "mailbox_file_refused",
            "partner_id",
            "refused_at_ms",
            "message_id",
            sqlite_where=text("refused_at_ms IS NOT NULL"),
            postgresql_where=text("refused_at_ms IS NOT NULL"),
        ),
    )
    message_id: str = Field(primary_key=True)
    partner_id: str
    name: bytes = Field(sa_column=_name())
    bytes_count: int = Field(sa_column=_big())
    # The first time; a duplicate that comes later moves it, so that its sender sees the file again.
    received_at_ms: int = Field(sa_column=_big())
    # When they removed it from where it was shown; what it brought stays.
    removed_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # When it was decided that it, or a document in it, is refused; None while it is not.
    refused_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # What they removed of it from errors/, in bits: 1 the file, 2 the report on it.
    refused_removed: int = 0


class SshKey(SQLModel, table=True):
    """A key pair of ours for SSH, its private part sealed: of our server, or with which we log in at theirs."""

    __tablename__ = "ssh_key"
    # SHA-256 of the public key, as ssh-keygen shows it.
    fingerprint: str = Field(primary_key=True)
    # host or client.
    purpose: str
    # Of a client key, as profiles name it; empty for a host key.
    name: str = ""
    # ssh-ed25519, ssh-rsa, ..
    algorithm: str
    # In OpenSSH's format, without a comment.
    public_key: str = Field(sa_column=_text())
    sealed_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at_ms: int = Field(sa_column=_big())
    # From when a host key is the one that the server shows first; announced to clients before.
    used_from_ms: int = Field(sa_column=_big())
    # When it is of no more use; None while it is.
    retired_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))


class SftpBan(SQLModel, table=True):
    """A network that is shut out of our SFTP port for failed logins, or was within the last day."""

    __tablename__ = "sftp_ban"
    # What counts as one address: an IPv4 address, or the first of a /64.
    network: str = Field(primary_key=True)
    # Where the failure came from that was once too often.
    address: str
    # How often, each soon after the one before.
    in_a_row: int
    banned_at_ms: int = Field(sa_column=_big())
    until_ms: int = Field(sa_column=_big())
    # When a person ended it before its time; None where nobody did.
    lifted_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # Of the two above the later one: processes ask for what is new to them.
    changed_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class RemoteFolder(SQLModel, table=True):
    """A folder of a partner's server that we look into: when we did, when we will, and how it went."""

    __tablename__ = "remote_folder"
    partner_id: str = Field(primary_key=True)
    # As the profile names it.
    name: str = Field(primary_key=True)
    # Digest of what the profile says of the folder and its server: who knows it otherwise does not look.
    terms: str = ""
    # None: never by itself, since its schedule names no time that will come.
    next_look_at_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    # Why a person stopped it, in words; empty while it is looked into.
    held: str = Field(default="", sa_column=_text())
    claimed_by: str = ""
    claimed_until_ms: int = Field(default=0, sa_column=_big())
    looked_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    succeeded_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # In a row; 0 after a success.
    failures: int = 0
    failing_since_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # What went wrong last, for people.
    reason: str = Field(default="", sa_column=_text())
    files_fetched: int = Field(default=0, sa_column=_big())
    # As the last look left them: due at once again, not yet at rest, with a reason of their own, without content.
    files_waiting: int = 0
    files_growing: int = 0
    files_stuck: int = 0
    files_empty: int = 0


class RemoteServer(SQLModel, table=True):
    """A partner's server that could not be reached the last time; it has a row until it can be."""

    __tablename__ = "remote_server"
    partner_id: str = Field(primary_key=True)
    # In a row.
    failures: int
    failing_since_ms: int = Field(sa_column=_big())
    # When a single connection is tried; none of its folders is looked into before.
    next_try_at_ms: int = Field(sa_column=_big())
    # What went wrong last, for people.
    reason: str = Field(default="", sa_column=_text())


class RemoteFile(SQLModel, table=True):
    """A file on a partner's server, as we saw it: growing, fetched, or to be removed there."""

    __tablename__ = "remote_file"
    __table_args__ = (Index("remote_file_by_age", "seen_at_ms"),)
    partner_id: str = Field(primary_key=True)
    # The folder that was looked into, as the profile names it.
    folder: str = Field(primary_key=True)
    # SHA-256 of the whole path, in hex.
    path_sha256: str = Field(primary_key=True)
    path: bytes = Field(sa_column=_name())
    # As it was when we last looked; a change of either makes it another file.
    bytes_count: int = Field(sa_column=_big())
    modified_s: int = Field(sa_column=_big())
    # Since when it has been like this.
    unchanged_since_ms: int = Field(sa_column=_big())
    seen_at_ms: int = Field(sa_column=_big())
    # The message that it became; empty before it was fetched.
    message_id: str = ""
    attempts: int = 0
    # Why it was not fetched, or not moved afterwards; for people.
    reason: str = Field(default="", sa_column=_text())
