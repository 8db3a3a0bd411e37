"""What goes wrong with a partner's SFTP server: the step it happened at, what kind it is, and words for people.

    RemoteFailed        an answer of theirs, or none: with the step and the kind
    └── CannotConnect   there is no connection; `is_ours` where nothing was tried, since it cannot be now

Foreign errors end here. The words hold hosts, paths and fingerprints, and never a secret.
"""

import errno
import re
from collections.abc import Collection
from enum import StrEnum

import asyncssh

from gateway.carriers.call_failures import AddressRefused, Unresolved
from partners.sftp_server_terms import SftpServer
from partners.sftp_terms import OLD_ALGORITHMS

THEIR_WORDS_CHARACTERS_MAX = 200


class Step(StrEnum):
    """Where on the way it failed."""

    PROFILE = "profile"
    DNS = "dns"
    TCP = "tcp"
    SSH = "ssh"
    HOST_KEY = "host-key"
    LOGIN = "login"
    SFTP = "sftp"
    LIST = "list"
    LOOK = "look"
    READ = "read"
    WRITE = "write"
    RENAME = "rename"
    REMOVE = "remove"


class Trouble(StrEnum):
    """What kind of failure it is, for whoever decides what to do next."""

    MISSING = "missing"
    DENIED = "denied"
    EXISTS = "exists"
    FULL = "full"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"  # their server says no more than that
    TOO_LARGE = "too large"
    LATE = "late"
    LOST = "lost"
    UNUSABLE = "unusable"  # no connection, or not one that can be gone on with


# After these nobody knows what the connection is good for.
BREAKS_CONNECTION = frozenset({Trouble.LATE, Trouble.LOST, Trouble.UNUSABLE})

_KINDS: dict[int, tuple[Trouble, str]] = {
    asyncssh.FX_NO_SUCH_FILE: (Trouble.MISSING, "is not there"),
    asyncssh.FX_NO_SUCH_PATH: (Trouble.MISSING, "is not there"),
    asyncssh.FX_PERMISSION_DENIED: (Trouble.DENIED, "is not permitted to us"),
    asyncssh.FX_WRITE_PROTECT: (Trouble.DENIED, "is write-protected"),
    asyncssh.FX_CANNOT_DELETE: (Trouble.DENIED, "cannot be removed"),
    asyncssh.FX_FILE_ALREADY_EXISTS: (Trouble.EXISTS, "is there already"),
    asyncssh.FX_NO_SPACE_ON_FILESYSTEM: (Trouble.FULL, "finds no room: their disk is full"),
    asyncssh.FX_QUOTA_EXCEEDED: (Trouble.FULL, "finds no room: our quota there is used up"),
    asyncssh.FX_OP_UNSUPPORTED: (Trouble.UNSUPPORTED, "is asked for something that their server does not know"),
    asyncssh.FX_NO_CONNECTION: (Trouble.LOST, ""),
    asyncssh.FX_CONNECTION_LOST: (Trouble.LOST, ""),
    asyncssh.FX_BAD_MESSAGE: (Trouble.UNUSABLE, ""),
}
_TCP: dict[int, str] = {
    errno.ECONNREFUSED: "nothing listens there: check host and port, or their server is down",
    errno.EHOSTUNREACH: "no route leads there: check the host, the network and its firewall",
    errno.ENETUNREACH: "no route leads there: check the host, the network and its firewall",
    errno.ECONNRESET: "the connection was reset while it was made: a firewall, or our address is not allowed there",
    errno.EACCES: "this machine's own firewall forbids it",
    errno.EPERM: "this machine's own firewall forbids it",
    errno.EMFILE: "this process has too many files open",
}


class RemoteFailed(Exception):  # noqa: N818  # an outcome that callers turn into theirs
    """Something that was asked of a partner's server did not come about.

    Attributes:
        step: where it failed.
        reason: for people.
        trouble: what kind of failure it is.
    """

    def __init__(self, step: Step, reason: str, trouble: Trouble = Trouble.FAILED) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.trouble = trouble

    @property
    def words(self) -> str:
        """Step and reason, for people."""
        return f"{self.step}: {self.reason}"


class CannotConnect(RemoteFailed):
    """There is no connection to a partner's server.

    Attributes:
        is_ours: nothing was tried: a key or a secret of ours is missing, or the profile names no server.
    """

    def __init__(self, words: str, step: Step, *, is_ours: bool = False) -> None:
        super().__init__(step, words, Trouble.UNUSABLE)
        self.is_ours = is_ours


def said(text: str) -> str:
    """What their server said, printable, on one line and short."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= THEIR_WORDS_CHARACTERS_MAX else line[: THEIR_WORDS_CHARACTERS_MAX - 1] + "…"


def failure_of(error: Exception, step: Step, what: str) -> RemoteFailed:
    """A foreign error of an exchange as the failure that it means.

    Args:
        error: of asyncssh, of the system, or of what cannot be read in an answer.
        step: what was asked for.
        what: the path or thing that it was about.
    """
    if isinstance(error, TimeoutError):
        return RemoteFailed(step, f"no answer about {what} within the time of `timeout_s`", Trouble.LATE)
    if isinstance(error, asyncssh.SFTPError):
        trouble, words = _KINDS.get(error.code, (Trouble.FAILED, "failed"))
        theirs = f' (their server says: "{said(error.reason)}")' if said(error.reason) else ""
        if trouble is Trouble.LOST:
            return RemoteFailed(step, f"the connection ended while {what} was under way{theirs}", trouble)
        if trouble is Trouble.UNUSABLE:
            return RemoteFailed(step, f"their server answered something else than was asked about {what}", trouble)
        return RemoteFailed(step, f"{what} {words}{theirs}", trouble)
    if isinstance(error, (asyncssh.Error, OSError, EOFError)):
        return RemoteFailed(step, f"the connection ended while {what} was under way", Trouble.LOST)
    return RemoteFailed(step, f"what their server answered about {what} cannot be read", Trouble.UNUSABLE)


def unreachable(host: str, port: int, error: OSError, timeout_s: float) -> CannotConnect:
    """Why no socket came about."""
    if isinstance(error, TimeoutError) and error.errno is None:
        words = (
            f"no connection to {host}, port {port}, within {timeout_s:g} s: a firewall, theirs or ours, most likely "
            "drops the packets; ask the partner to allow our address"
        )
        return CannotConnect(words, Step.TCP)
    known = _TCP.get(error.errno) if error.errno is not None else None
    known = known or (error.strerror or type(error).__name__).lower()
    return CannotConnect(f"{host}, port {port}, cannot be reached: {known}", Step.TCP)


def unresolved(error: Unresolved, *, remedy: str = "check `sftp_server.host` in the profile") -> CannotConnect:
    """A name without addresses; the remedy depends on where the name was taken from."""
    return CannotConnect(f"{error.host} cannot be resolved ({error.words}); {remedy}", Step.DNS)


def address_refused(refused: AddressRefused) -> CannotConnect:
    """A host that leads where we do not go."""
    words = (
        f"{refused.host} leads to no public address ({refused.words}); if it is meant to, name the network in "
        "sftp_server.private_networks"
    )
    return CannotConnect(words, Step.DNS)


def no_ssh(error: Exception, terms: SftpServer, *, logging_in: bool) -> CannotConnect:
    """Why no session came about on a connection: versions, algorithms, or who we are."""
    where = f"{terms.host}, port {terms.port},"
    step = Step.LOGIN if logging_in else Step.SSH
    if isinstance(error, TimeoutError):
        doing = "let us in or refused us" if logging_in else "agreed on anything: is it an SSH server?"
        return CannotConnect(f"{where} has not within {terms.timeout_s} s {doing}", step)
    if isinstance(error, asyncssh.PermissionDenied):
        return CannotConnect(_denied(terms), Step.LOGIN)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return CannotConnect(nothing_in_common(terms.host, error.reason, terms.algorithms), Step.SSH)
    if isinstance(error, asyncssh.DisconnectError) and said(error.reason) and not just_ended(error):
        return CannotConnect(f'{where} ended the connection: "{said(error.reason)}"', step)
    if isinstance(error, (asyncssh.Error, OSError, EOFError)):
        remedy = (
            "our address may not be allowed there, there were too many connections, or it has no algorithm in common "
            f"with us (`gateway sftp scan {terms.host}` tells)"
            if not logging_in
            else "the user may not exist there, or there were too many attempts"
        )
        return CannotConnect(f"{where} hung up: {remedy}; ask the partner", step)
    return CannotConnect(f"what {where} answers is no SSH", Step.SSH)


def just_ended(error: Exception) -> bool:
    """Whether a connection ended without a word of theirs; what such an error says are asyncssh's own words."""
    return isinstance(error, (asyncssh.ConnectionLost, OSError, EOFError)) and not isinstance(error, TimeoutError)


def _denied(terms: SftpServer) -> str:
    tried = []
    if terms.key is not None:
        tried.append(f"the key {terms.key} (`gateway sftp keys show {terms.key}` prints its public part for them)")
    if terms.password is not None:
        tried.append("the password")
    return (
        f"{terms.host} does not let {terms.user} in with {' nor '.join(tried)}: ask the partner whether they have set "
        "it up for this user"
    )


def nothing_in_common(host: str, reason: str, named: Collection[str]) -> str:
    """Words for what asyncssh says of two lists without a common entry, or of a host key that proves nothing.

    Args:
        host: the server.
        reason: asyncssh's words.
        named: the old algorithms that the profile names.
    """
    what = re.match(r"No matching (.{1,40}?) algorithm found", reason)
    if what is None and not reason.startswith("Unable to find compatible"):
        return f"{host} could not prove that it has the key it shows; somebody may stand between us"
    theirs = re.search(r"received (\S+)", reason)
    offered = theirs[1].split(",") if theirs is not None else []
    old = [name for name in OLD_ALGORITHMS if name in offered and name not in named]
    words = f"{host} has no algorithm for {what[1] if what is not None else 'host keys'} in common with us"
    if old:
        return f"{words}; if they cannot bring it up to date, name one of {', '.join(old)} in sftp_server.algorithms"
    offers = f" (it offers {said(', '.join(offered))})" if offered else ""
    return f"{words}{offers}; they have to bring their server up to date"
