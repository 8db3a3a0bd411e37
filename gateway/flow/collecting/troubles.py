"""What a person hears of: servers out of reach, folders that cannot be looked into, files that stay where they are.

A case is opened once for a trouble, brought up to date while it lasts, and ends by itself with it. One that a person
has closed stays closed until the trouble was over and came back.
"""

from sqlalchemy import Connection

from gateway.carriers.sftp_failures import Step
from gateway.flow.collecting.schedule import FAILURES_UNTIL_TOLD
from gateway.sftp import shown
from gateway.store import remote_files
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.remote_files import SeenFile, sha256_of
from gateway.store.remote_folders import StoredFolder, StoredServer

_NAMED_BY_DIGITS = 16
FILES_OVER_MAX = 1_000
_SERVER = (
    "it is tried again by itself, at most an hour apart, and what lies there is fetched once it can be reached: "
    "`gateway partner ping {partner}` shows each step of the way, `gateway sftp look {partner}` has it tried at once"
)
_HOST_KEY = (
    "nothing is fetched or sent until a person has decided: have the partner name the fingerprint of their key by "
    "another way than this server (by phone, say), and only if it is the same add it to `sftp_server.host_keys` in the "
    "profile; if it is not, somebody may stand between us. It is tried again by itself, and this case ends once the "
    "server shows a key that the profile names"
)
_FOLDER = (
    "it is looked into again by itself, at most an hour apart; check the folder's name in the profile, and ask the "
    "partner whether our user may list, read and remove there"
)
_NOT_FETCHED = "it stays where it is, and the others are fetched; ask the partner about it, or have it removed there"
_NOT_CLEARED = (
    "it is durable here, as message {message}, and is not fetched again; it should have been removed or moved there: "
    "ask the partner for the right to do so, or write `then: leave` in the profile"
)


def server_case(partner_id: str) -> str:
    """The id of the case of a server."""
    return f"{CaseKind.REMOTE_SERVER.value}:{partner_id}"


def folder_case(partner_id: str, folder: str) -> str:
    """The id of the case of a folder."""
    return f"{CaseKind.REMOTE_FOLDER.value}:{partner_id}/{folder}"


def file_case(partner_id: str, folder: str, path: bytes) -> str:
    """The id of the case of a file."""
    return f"{CaseKind.REMOTE_FILE.value}:{partner_id}/{folder}/{sha256_of(path)[:_NAMED_BY_DIGITS]}"


def shows_strange_key(reason: str) -> bool:
    """Whether a server cannot be reached since its host key is another one: waiting does not cure that."""
    return reason.startswith(f"{Step.HOST_KEY}: ")  # as `RemoteFailed.words` puts it


def tell_server(connection: Connection, server: StoredServer, now_ms: int, *, before: str = "") -> None:
    """It could not be reached once more; `before`: why not the last time.

    Another host key is told at once, whatever was told and closed of a server that was down before.
    """
    detail, after, is_news = _SERVER.format(partner=server.partner_id), FAILURES_UNTIL_TOLD, False
    if shows_strange_key(server.reason):
        detail, after, is_news = _HOST_KEY, 1, not shows_strange_key(before)
    case_id = server_case(server.partner_id)
    _tell(
        connection,
        case_id,
        server.partner_id,
        server.reason,
        detail,
        server.failures,
        now_ms,
        after=server.failures if is_news else after,
    )


def tell_folder(connection: Connection, folder: StoredFolder, failures: int, reason: str, now_ms: int) -> None:
    """It could not be looked into once more."""
    case_id = folder_case(folder.partner_id, folder.name)
    _tell(connection, case_id, folder.partner_id, f"{folder.name}: {reason}", _FOLDER, failures, now_ms)


def tell_file(
    connection: Connection, partner_id: str, folder: str, file: SeenFile, now_ms: int, *, at_once: bool = False
) -> None:
    """It could not be fetched, or not be removed there, once more.

    Args:
        connection: to the store.
        partner_id: whose it is.
        folder: by its name in the profile.
        file: what is known of it now.
        now_ms: the clock, milliseconds since 1970.
        at_once: nothing that happens by itself will change it.
    """
    detail = _NOT_CLEARED.format(message=file.message_id) if file.message_id else _NOT_FETCHED
    case_id, reason = file_case(partner_id, folder, file.path), f"{shown(file.path)}: {file.reason}"
    after = 1 if at_once else FAILURES_UNTIL_TOLD
    _tell(connection, case_id, partner_id, reason, detail, file.attempts, now_ms, after=after)


def over(connection: Connection, case_id: str, now_ms: int, how: str) -> None:
    """A trouble is over, if there was one."""
    cases.resolve(connection, now_ms, how, case_id=case_id)


def files_over(connection: Connection, partner_id: str, folder: str, now_ms: int, how: str) -> None:
    """Nobody looks after the files of a folder any more."""
    for file in remote_files.stuck(connection, partner_id, folder, FILES_OVER_MAX):
        over(connection, file_case(partner_id, folder, file.path), now_ms, how)


def _tell(
    connection: Connection,
    case_id: str,
    partner_id: str,
    reason: str,
    detail: str,
    attempts: int,
    now_ms: int,
    *,
    after: int = FAILURES_UNTIL_TOLD,
) -> None:
    case = cases.get(connection, case_id)
    if case is None or case.state == CaseState.RESOLVED:
        is_closed = case is not None and attempts > after
        if attempts < after or is_closed:
            return
    kind, _, subject = case_id.partition(":")
    cases.raise_case(
        connection,
        CaseKind(kind),
        CaseState.OPEN,
        now_ms,
        partner_id=partner_id,
        subject=subject,
        reason=reason,
        detail=detail,
        attempts=attempts,
    )
