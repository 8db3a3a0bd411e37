"""What people do to folders of partners' servers: look now, stop, go on. Each act is one unit with its audit entry."""

from sqlalchemy import Connection

from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.store import remote_folders
from gateway.store.oversight import audit
from gateway.store.remote_folders import StoredFolder


def folders_of(connection: Connection, partner_id: str, name: str | None) -> list[StoredFolder]:
    """The folders that a person means: one by its name, or all of a partner.

    Raises:
        Unknown: there is none.
    """
    theirs = remote_folders.every(connection, partner_id)
    found = [folder for folder in theirs if name in (None, folder.name)]
    if found:
        return found
    if theirs:
        named = ", ".join(folder.name for folder in theirs)
        raise Unknown(f"{partner_id} has no folder {name!r} that is looked into; there are: {named}")
    raise Unknown(
        f"nothing is fetched from {partner_id}: their profile says so under `sftp_server.fetch`, and is in force once "
        "the running gateway has read it"
    )


def look_now(
    connection: Connection, partner_id: str, name: str | None, actor: Actor, now_ms: int
) -> list[StoredFolder]:
    """Have folders looked into at once, whatever their schedule says; returns them as they were.

    Raises:
        Unknown: there is none.
        NotPossible: a person stopped all of them.
    """
    found = folders_of(connection, partner_id, name)
    may = [folder for folder in found if not folder.held]
    if not may:
        raise NotPossible(f"nobody looks there for now ({found[0].held}); `gateway sftp resume {partner_id}` ends that")
    remote_folders.look_now(connection, partner_id, [folder.name for folder in may], now_ms)
    _note(connection, "sftp.look", partner_id, may, actor, now_ms)
    return may


def hold(
    connection: Connection, partner_id: str, name: str | None, actor: Actor, now_ms: int, *, why: str
) -> list[StoredFolder]:
    """Do not look into folders until somebody resumes them; what is under way ends by itself.

    Raises:
        Unknown: there is none.
    """
    found = folders_of(connection, partner_id, name)
    words = f"{why} ({actor.name})" if why else f"stopped by {actor.name}"
    remote_folders.hold(connection, partner_id, [folder.name for folder in found], words)
    _note(connection, "sftp.hold", partner_id, found, actor, now_ms, why)
    return found


def resume(connection: Connection, partner_id: str, name: str | None, actor: Actor, now_ms: int) -> list[StoredFolder]:
    """Look into folders again that a person stopped, beginning now; returns those.

    Raises:
        Unknown: there is none.
        NotPossible: none of them is stopped.
    """
    found = [folder for folder in folders_of(connection, partner_id, name) if folder.held]
    if not found:
        raise NotPossible(f"nothing of {partner_id} is stopped; `gateway sftp look {partner_id}` looks there at once")
    names = [folder.name for folder in found]
    remote_folders.hold(connection, partner_id, names, "")
    remote_folders.look_now(connection, partner_id, names, now_ms)
    _note(connection, "sftp.resume", partner_id, found, actor, now_ms)
    return found


def _note(
    connection: Connection,
    action: str,
    partner_id: str,
    folders: list[StoredFolder],
    actor: Actor,
    now_ms: int,
    why: str = "",
) -> None:
    detail: dict[str, object] = {"folders": [folder.name for folder in folders]} | ({"reason": why} if why else {})
    audit.record(connection, audit.Act(now_ms, actor.name, action, partner_id, actor.remote, detail))
