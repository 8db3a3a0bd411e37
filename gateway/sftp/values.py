"""What the messages of SFTP are made of: status codes, file attributes, names in a listing, the flags of OPEN."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from functools import lru_cache

# What OpenSSH's server takes and its client sends at most (SFTP_MAX_MSG_LENGTH).
PACKET_BYTES_MAX = 262_144
# The kind of a file stands in the same word as its permissions (section 5, as in `struct stat`).
KIND_MASK = 0o170_000
DIRECTORY = 0o040_000
REGULAR_FILE = 0o100_000

_KIND_LETTERS = {DIRECTORY: "d", REGULAR_FILE: "-", 0o120_000: "l"}
_PERMISSION_LETTERS = "rwxrwxrwx"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# As `ls` does: what is older than half a year, or lies in the future, shows its year instead of the time of day.
_RECENT_S = 15_778_476
# A line of a listing must stay one line, and must not write on the terminal of who reads it.
_CONTROLS_SHOWN = bytes.maketrans(bytes([*range(0x20), 0x7F]), b"?" * 33)


class Status(IntEnum):
    """How a request ended (draft-ietf-secsh-filexfer-02, section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class OpenFlag(IntFlag):
    """What a file is opened for (section 6.3)."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20


class Declined(Exception):  # noqa: N818 - a refusal, which carries its answer
    """A request is answered with this status and these words, and the session goes on."""

    def __init__(self, status: Status, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of a file; None is "not said" (section 5).

    `uid` and `gid` travel together, as do the two times: where one of a pair is None, neither is written.
    `permissions` holds the kind of the file as well; times are seconds since 1970.
    """

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    accessed_s: int | None = None
    modified_s: int | None = None
    extended: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def is_directory(self) -> bool:
        """Whether the permissions say that this is a directory."""
        return self.permissions is not None and self.permissions & KIND_MASK == DIRECTORY


NOTHING_SAID = Attributes()


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of an answer NAME (section 7): `long_name` is what people are shown, `name` what programs use."""

    name: bytes
    attributes: Attributes = NOTHING_SAID
    long_name: bytes = b""


def listed(name: bytes, attributes: Attributes, now_s: int, owner: str = "mailbox") -> Entry:
    """A name as a listing shows it, with its line in the form of `ls -l`."""
    return Entry(name, attributes, long_name(name, attributes, now_s, owner))


def long_name(name: bytes, attributes: Attributes, now_s: int, owner: str = "mailbox") -> bytes:
    """The line of a name in the form of `ls -l`, times in UTC; control characters of the name become question marks.

    `curl` and `sftp` print it as it comes and `lftp` reads owner and permissions out of it, so it has to be one line of
    the usual columns whatever the name is (section 7 recommends them).
    """
    modified_s = attributes.modified_s or 0
    moment = datetime.fromtimestamp(modified_s, UTC)
    recent = now_s - _RECENT_S < modified_s <= now_s
    when = f"{moment.hour:02}:{moment.minute:02}" if recent else f"{moment.year:5}"
    columns = (
        f"{_mode_letters(attributes.permissions or 0)} {1:4} {owner:<8} {owner:<8} {attributes.size or 0:>8}"
        f" {_MONTHS[moment.month - 1]} {moment.day:2} {when} "
    )
    return columns.encode() + name.translate(_CONTROLS_SHOWN)


@lru_cache(maxsize=64)
def _mode_letters(permissions: int) -> str:
    kind = _KIND_LETTERS.get(permissions & KIND_MASK, "-")
    return kind + "".join(
        letter if permissions >> 8 - bit & 1 else "-" for bit, letter in enumerate(_PERMISSION_LETTERS)
    )
