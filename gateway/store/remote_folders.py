"""Folders of partners' servers: when each is looked into, who does it now, how it went; and servers out of reach.

A folder is claimed by a lease, so that one process of several looks into it. A server that cannot be reached has a row
of its own until it can: meanwhile none of its folders is looked into, and one process at a time tries one connection.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, delete, exists, literal, select, update

from gateway.store.engine.statements import Insert, storable, table_of
from gateway.store.sftp_tables import RemoteFolder, RemoteServer

CANDIDATES_MAX = 1_000

_FOLDER = table_of(RemoteFolder)
_SERVER = table_of(RemoteServer)
_insert_folder = Insert(RemoteFolder, or_ignore=True)
_insert_server = Insert(RemoteServer, or_ignore=True)


@dataclass(frozen=True, slots=True)
class StoredFolder:
    """One row, as `sftp_tables.RemoteFolder` says."""

    partner_id: str
    name: str
    terms: str
    next_look_at_ms: int | None
    held: str
    claimed_by: str
    claimed_until_ms: int
    looked_at_ms: int | None
    succeeded_at_ms: int | None
    failures: int
    failing_since_ms: int | None
    reason: str
    files_fetched: int
    files_waiting: int
    files_growing: int
    files_stuck: int
    files_empty: int


@dataclass(frozen=True, slots=True)
class StoredServer:
    """One row, as `sftp_tables.RemoteServer` says."""

    partner_id: str
    failures: int
    failing_since_ms: int
    next_try_at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A folder as a profile has it now.

    Attributes:
        terms: digest of what the profile says of it and its server.
        first_look_at_ms: when it is looked into if that is new.
    """

    partner_id: str
    name: str
    terms: str
    first_look_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What a look left behind, in files."""

    waiting: int = 0
    growing: int = 0
    stuck: int = 0
    empty: int = 0


_FOLDER_COLUMNS = [_FOLDER.c[field.name] for field in fields(StoredFolder)]
_SERVER_COLUMNS = [_SERVER.c[field.name] for field in fields(StoredServer)]


def every(connection: Connection, partner_id: str | None = None) -> list[StoredFolder]:
    """All folders, or those of a partner, by their names."""
    query = select(*_FOLDER_COLUMNS).order_by(_FOLDER.c.partner_id, _FOLDER.c.name)
    if partner_id is not None:
        query = query.where(_FOLDER.c.partner_id == partner_id)
    return [StoredFolder(*row) for row in connection.execute(query)]


def any_known(connection: Connection) -> bool:
    """Whether there is a folder at all."""
    return connection.execute(select(_FOLDER.c.name).limit(1)).first() is not None


def get(connection: Connection, partner_id: str, name: str) -> StoredFolder | None:
    """One folder."""
    row = connection.execute(select(*_FOLDER_COLUMNS).where(_is(partner_id, name))).one_or_none()
    return StoredFolder(*row) if row is not None else None


def servers(connection: Connection) -> list[StoredServer]:
    """Those that could not be reached the last time."""
    return [StoredServer(*row) for row in connection.execute(select(*_SERVER_COLUMNS).order_by(_SERVER.c.partner_id))]


def follow(connection: Connection, wanted: Iterable[Wanted], *, removes: bool = True) -> list[StoredFolder]:
    """Have the folders that profiles name and, if it `removes`, no others; returns those that are gone.

    One whose terms changed is looked into as a new one is, and its server is tried at once: most likely somebody put
    something right.
    """
    known = {(folder.partner_id, folder.name): folder for folder in every(connection)}
    changed: set[str] = set()
    for one in wanted:
        before = known.pop((one.partner_id, one.name), None)
        if before is not None and before.terms == one.terms:
            continue
        values = {"terms": one.terms, "next_look_at_ms": one.first_look_at_ms}
        if before is not None or not _insert_folder.run(
            connection, {"partner_id": one.partner_id, "name": one.name, **values}
        ):
            connection.execute(update(_FOLDER).where(_is(one.partner_id, one.name)).values(values))
        changed.add(one.partner_id)
    gone = list(known.values()) if removes else []
    for folder in gone:
        connection.execute(delete(_FOLDER).where(_is(folder.partner_id, folder.name)))
    for partner_id in changed | {folder.partner_id for folder in gone}:
        connection.execute(delete(_SERVER).where(_SERVER.c.partner_id == partner_id))
    return gone


def due(connection: Connection, now_ms: int) -> list[StoredFolder]:
    """Folders that may be looked into now, those that wait longest first."""
    query = select(*_FOLDER_COLUMNS).where(_is_due(now_ms)).order_by(_FOLDER.c.next_look_at_ms).limit(CANDIDATES_MAX)
    return [StoredFolder(*row) for row in connection.execute(query)]


def due_servers(connection: Connection, now_ms: int) -> list[StoredServer]:
    """Servers that may be tried again now."""
    query = select(*_SERVER_COLUMNS).where(_SERVER.c.next_try_at_ms <= now_ms)
    rows = connection.execute(query.order_by(_SERVER.c.next_try_at_ms).limit(CANDIDATES_MAX))
    return [StoredServer(*row) for row in rows]


def claim(connection: Connection, folder: StoredFolder, owner: str, now_ms: int, until_ms: int) -> bool:
    """Take a folder that is due; False where another process was first, or it is not due any more."""
    mine = and_(_is(folder.partner_id, folder.name), _is_due(now_ms), _FOLDER.c.terms == folder.terms)
    return bool(
        connection.execute(update(_FOLDER).where(mine).values(claimed_by=owner, claimed_until_ms=until_ms)).rowcount
    )


def claim_server(connection: Connection, server: StoredServer, now_ms: int, until_ms: int) -> bool:
    """Take the next try of a server; False where another process was first. Nobody else tries before `until_ms`."""
    mine = and_(_SERVER.c.partner_id == server.partner_id, _SERVER.c.next_try_at_ms <= now_ms)
    return bool(connection.execute(update(_SERVER).where(mine).values(next_try_at_ms=until_ms)).rowcount)


def renew(connection: Connection, folder: StoredFolder, owner: str, until_ms: int) -> bool:
    """Lengthen a claim; False where it is lost."""
    held = and_(_is(folder.partner_id, folder.name), _FOLDER.c.claimed_by == owner)
    return bool(connection.execute(update(_FOLDER).where(held).values(claimed_until_ms=until_ms)).rowcount)


def release_claims(connection: Connection, owner: str | None) -> None:
    """Give back what a process has claimed; owner None: what all have."""
    held = _FOLDER.c.claimed_by != "" if owner is None else _FOLDER.c.claimed_by == owner
    connection.execute(update(_FOLDER).where(held).values(claimed_by="", claimed_until_ms=0))


def looked(
    connection: Connection,
    folder: StoredFolder,
    owner: str,
    now_ms: int,
    *,
    next_at_ms: int | None,
    counts: Counts,
    reason: str = "",
) -> None:
    """A look went well.

    Args:
        connection: to the store.
        folder: as it was claimed; a time that somebody set meanwhile stands.
        owner: who looked.
        now_ms: when it ended.
        next_at_ms: when to look again.
        counts: what is there still.
        reason: why something waits there although the look went well.
    """
    values: dict[str, object] = {
        "looked_at_ms": now_ms,
        "succeeded_at_ms": now_ms,
        "failures": 0,
        "failing_since_ms": None,
        "reason": storable(reason),
        "files_waiting": counts.waiting,
        "files_growing": counts.growing,
        "files_stuck": counts.stuck,
        "files_empty": counts.empty,
    }
    _settle(connection, folder, owner, values, next_at_ms)


def failed(
    connection: Connection, folder: StoredFolder, owner: str, now_ms: int, *, next_at_ms: int | None, reason: str
) -> None:
    """A look went wrong by what their server did; it counts."""
    values: dict[str, object] = {
        "looked_at_ms": now_ms,
        "failures": folder.failures + 1,
        "failing_since_ms": now_ms if folder.failing_since_ms is None else folder.failing_since_ms,
        "reason": storable(reason),
    }
    _settle(connection, folder, owner, values, next_at_ms)


def put_off(
    connection: Connection, folder: StoredFolder, owner: str, *, next_at_ms: int | None, reason: str = ""
) -> None:
    """A look did not take place, or not to its end, for another reason than the folder; it does not count."""
    _settle(connection, folder, owner, {"reason": storable(reason)} if reason else {}, next_at_ms)


def unreachable(connection: Connection, server: StoredServer) -> None:
    """A server could not be reached: keep what is known of that now."""
    values = {
        "failures": server.failures,
        "next_try_at_ms": server.next_try_at_ms,
        "reason": storable(server.reason),
    }
    fixed = {"partner_id": server.partner_id, "failing_since_ms": server.failing_since_ms}
    if not _insert_server.run(connection, fixed | values):
        connection.execute(update(_SERVER).where(_SERVER.c.partner_id == server.partner_id).values(values))


def get_server(connection: Connection, partner_id: str) -> StoredServer | None:
    """What is known of a server that cannot be reached; None of one that can."""
    row = connection.execute(select(*_SERVER_COLUMNS).where(_SERVER.c.partner_id == partner_id)).one_or_none()
    return StoredServer(*row) if row is not None else None


def reached(connection: Connection, partner_id: str) -> bool:
    """A server can be reached; whether that is news."""
    return bool(connection.execute(delete(_SERVER).where(_SERVER.c.partner_id == partner_id)).rowcount)


def count_fetched(connection: Connection, folder: StoredFolder) -> None:
    """One more file of a folder is durable here."""
    more = {"files_fetched": _FOLDER.c.files_fetched + 1}
    connection.execute(update(_FOLDER).where(_is(folder.partner_id, folder.name)).values(more))


def look_now(connection: Connection, partner_id: str, names: Collection[str], now_ms: int) -> None:
    """Have folders looked into at once, and their server tried at once if it could not be reached."""
    theirs = and_(_FOLDER.c.partner_id == partner_id, _FOLDER.c.name.in_(names))
    connection.execute(update(_FOLDER).where(theirs).values(next_look_at_ms=now_ms))
    connection.execute(update(_SERVER).where(_SERVER.c.partner_id == partner_id).values(next_try_at_ms=now_ms))


def hold(connection: Connection, partner_id: str, names: Collection[str], why: str) -> None:
    """Do not look into folders any more; `why` empty: do again."""
    theirs = and_(_FOLDER.c.partner_id == partner_id, _FOLDER.c.name.in_(names))
    connection.execute(update(_FOLDER).where(theirs).values(held=storable(why)))


def _is(partner_id: str, name: str) -> ColumnElement[bool]:
    return and_(_FOLDER.c.partner_id == partner_id, _FOLDER.c.name == name)


def _is_due(now_ms: int) -> ColumnElement[bool]:
    return and_(
        _FOLDER.c.next_look_at_ms <= now_ms,
        _FOLDER.c.claimed_until_ms < now_ms,
        _FOLDER.c.held == "",
        ~exists().where(_SERVER.c.partner_id == _FOLDER.c.partner_id),
    )


def _settle(
    connection: Connection, folder: StoredFolder, owner: str, values: dict[str, object], next_at_ms: int | None
) -> None:
    mine = and_(_is(folder.partner_id, folder.name), _FOLDER.c.claimed_by == owner)
    is_same = _FOLDER.c.next_look_at_ms == folder.next_look_at_ms
    following = case((is_same, literal(next_at_ms, BigInteger)), else_=_FOLDER.c.next_look_at_ms)
    done = {"claimed_by": "", "claimed_until_ms": 0, "next_look_at_ms": following}
    connection.execute(update(_FOLDER).where(mine).values(values | done))
