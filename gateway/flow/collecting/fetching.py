"""One file of theirs: read whole, looked at again, made durable, and only then removed there.

A process may be killed behind every line. Before the commit nothing happened; behind it the file's row says which
message it became, so the next look only removes it there. Were even the row lost, the same content under the same path
is recognised as a duplicate.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from sqlalchemy import Connection

from gateway.buffers import Buffer, Scratch, Sink
from gateway.carriers.sftp_connection import RemoteFailed, RemoteServer, Step, Trouble
from gateway.carriers.sftp_failures import BREAKS_CONNECTION
from gateway.flow.collecting import troubles
from gateway.flow.collecting.schedule import FAILURES_UNTIL_TOLD
from gateway.flow.collecting.sights import Sight, below
from gateway.flow.holding import why_held
from gateway.flow.receive import Arrival, Reception
from gateway.model.file_identity import transport_id_of
from gateway.sftp import shown
from gateway.store import remote_files, remote_folders
from gateway.store.database import Database
from gateway.store.messages import Acceptance
from gateway.store.remote_files import SeenFile
from gateway.store.remote_folders import StoredFolder
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile
from partners.sftp_server_terms import SftpFetch

CHANNEL = "sftp"
FILENAME_CHARACTERS_MAX = 255
# Where files are moved to, names that are taken get a number; past these the time, which nobody has used yet.
NUMBERS_MAX = 9
GONE = "the file is gone there"

log = logging.getLogger(__name__)


class Fate(StrEnum):
    """What became of a file in one look."""

    FETCHED = "fetched"
    DUPLICATE = "duplicate"
    GREW = "grew"  # it was not at rest after all
    GONE = "gone"  # before it was read
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Desk:
    """What fetching stands on.

    Attributes:
        owner: name of this process, for its claims.
        partner: a profile as it is now, by its id.
        bytes_max: of one file.
        rate_bytes_per_s_min: a file that comes slower is given up for this look; 0: however slow.
    """

    database: Database
    reception: Reception
    partner: Callable[[str], LoadedProfile | None]
    scratch: Scratch
    metrics: Metrics
    now_ms: Callable[[], int]
    owner: str
    bytes_max: int
    rate_bytes_per_s_min: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A look under way: whose folder, by which terms, over which connection."""

    desk: Desk
    partner: LoadedProfile
    terms: SftpFetch
    folder: StoredFolder
    remote: RemoteServer
    timeout_s: float


class _Measured:
    """A sink that knows the digest of what it was given."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._seen = hashlib.sha256()

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end."""
        self._seen.update(piece)
        self._sink.write(piece)

    def view(self) -> Buffer:
        """Everything that was written."""
        return self._sink.view()

    @property
    def sha256(self) -> str:
        """Of everything that was written, in hex."""
        return self._seen.hexdigest()


@dataclass(frozen=True, slots=True)
class _Whole:
    content: Buffer
    sha256: str


async def fetch(visit: Visit, sight: Sight, seen: SeenFile | None, turn: AbstractAsyncContextManager[None]) -> Fate:
    """Fetch a file, and remove it there as the terms say.

    Args:
        visit: the look that it belongs to.
        sight: the file.
        seen: what was known of it.
        turn: in which it is made durable: behind the files before it, so that they are processed in their order.

    Raises:
        RemoteFailed: the connection is of no more use.
        Refused: it cannot be kept here now, whatever file it is.
        StoreUnavailable, SpoolUnavailable: the same.
    """
    try:
        whole = await _read(visit, sight)
    except RemoteFailed as failed:
        if failed.trouble in BREAKS_CONNECTION:
            raise
        if failed.trouble is Trouble.MISSING:
            whole = Fate.GONE
        elif failed.trouble is Trouble.TOO_LARGE:
            whole = Fate.GREW
        else:
            await _note_failure(visit, sight, seen, failed.words)
            whole = Fate.FAILED
    if not isinstance(whole, _Whole):
        if whole is Fate.GREW:
            await _note_growth(visit, sight, seen)
        elif whole is Fate.GONE and seen is not None:
            await _forget(visit, seen, GONE)
        visit.desk.metrics.sftp_fetches.add(whole.value)
        return whole
    async with turn:
        acceptance = await _keep(visit, sight, seen, whole)
    kept = _row(visit, sight, acceptance.message_id)
    fate = Fate.DUPLICATE if acceptance.duplicate else Fate.FETCHED
    visit.desk.metrics.sftp_fetches.add(fate.value)
    (visit.desk.metrics.duplicates if acceptance.duplicate else visit.desk.metrics.accepted).add(CHANNEL)
    facts = {"partner": visit.partner.id, "folder": visit.folder.name, "file": shown(sight.name), "bytes": sight.size}
    log.info("a file was fetched", extra=facts | {"message_id": acceptance.message_id, "outcome": fate.value})
    if visit.terms.then != "leave":
        await clear(visit, sight, kept)
    return fate


async def clear(visit: Visit, sight: Sight, kept: SeenFile) -> bool:
    """Remove or move a file there that is durable here; whether it is done with.

    Raises:
        RemoteFailed: the connection is of no more use.
    """
    try:
        now = await visit.remote.attributes(sight.path)
        if now is None:
            how = GONE
        elif (now.size, now.modified_s or 0) != (sight.size, sight.modified_s):
            # Something else has this name by now: it is fetched as any file is, and not lost.
            how = "another file has its name"
        elif visit.terms.then == "move" and visit.terms.move_to is not None:
            how = await _move(visit, sight, visit.terms.move_to)
        else:
            await visit.remote.remove(sight.path)
            how = "the file was removed there"
    except RemoteFailed as failed:
        if failed.trouble in BREAKS_CONNECTION:
            raise
        if failed.trouble is not Trouble.MISSING or visit.terms.then == "move":
            attempts = kept.attempts + 1 if kept.reason else 1
            noted = replace(kept, attempts=attempts, reason=failed.words, seen_at_ms=visit.desk.now_ms())
            await _put(visit, noted, tells=True)
            return False
        how = GONE
    await _forget(visit, kept, how)
    return True


async def _read(visit: Visit, sight: Sight) -> _Whole | Fate:
    """A file that was the same before and after it was read, or what it is instead."""
    sink = _Measured(visit.desk.scratch())
    slowest = visit.desk.rate_bytes_per_s_min
    within_s = visit.timeout_s + sight.size / slowest if slowest else None
    try:
        async with asyncio.timeout(within_s):
            # Not a byte more than was listed: what has more grows still, or has no end.
            size = await visit.remote.read(sight.path, sink, sight.size)
    except TimeoutError:
        words = f"{shown(sight.path)} comes with less than {slowest} bytes a second"
        raise RemoteFailed(Step.READ, words, Trouble.LATE) from None
    now = await visit.remote.attributes(sight.path)
    if now is None:
        return Fate.GONE
    after = (now.size if now.size is not None else size, now.modified_s or 0)
    if size != sight.size or after != (sight.size, sight.modified_s):
        return Fate.GREW
    return _Whole(sink.view(), sink.sha256)


async def _keep(visit: Visit, sight: Sight, seen: SeenFile | None, whole: _Whole) -> Acceptance:
    """Durable when this returns, with the row that says so."""
    desk, facts = visit.desk, visit.remote.facts
    partner = desk.partner(visit.partner.id) or visit.partner
    arrival = Arrival(
        partner_id=partner.id,
        profile_digest=partner.digest,
        channel=CHANNEL,
        payload=whole.content,
        payload_sha256=whole.sha256,
        transport_id=transport_id_of(sight.path, whole.sha256),
        filename=shown(sight.name, FILENAME_CHARACTERS_MAX),
        remote=facts.address,
        security={
            "fetched_from": f"{facts.user}@{facts.address}",
            "path": shown(sight.path, FILENAME_CHARACTERS_MAX),
            "folder": visit.folder.name,
            "host_key": facts.host_key,
            "host_key_kind": facts.host_key_kind,
        },
        held=why_held(partner),
    )

    def also(connection: Connection, acceptance: Acceptance) -> None:
        remote_files.put(connection, partner.id, visit.folder.name, _row(visit, sight, acceptance.message_id))
        if seen is not None and seen.reason:
            case_id = troubles.file_case(partner.id, visit.folder.name, sight.path)
            troubles.over(
                connection, case_id, desk.now_ms(), f"the file was fetched, as message {acceptance.message_id}"
            )
        if not acceptance.duplicate:
            remote_folders.count_fetched(connection, visit.folder)

    return await desk.reception.keep(arrival, also=also)


def _row(visit: Visit, sight: Sight, message_id: str) -> SeenFile:
    now_ms = visit.desk.now_ms()
    return SeenFile(sight.path, sight.size, sight.modified_s, now_ms, now_ms, message_id)


async def _move(visit: Visit, sight: Sight, folder: str) -> str:
    """Move a file to a name that is free.

    Raises:
        RemoteFailed: it stays where it is.
    """
    stem, dot, extension = sight.name.rpartition(b".")
    if not stem:
        stem, dot, extension = sight.name, b"", b""
    numbers = [b"", *(b".%d" % number for number in range(1, NUMBERS_MAX + 1)), b".%d" % visit.desk.now_ms()]
    for index, number in enumerate(numbers):
        to = below(folder.encode(), stem + number + dot + extension)
        try:
            await visit.remote.rename(sight.path, to)
        except RemoteFailed as failed:
            if failed.trouble is not Trouble.EXISTS or index == len(numbers) - 1:
                raise
        else:
            break
    return f"the file was moved to {shown(to)}"


def changes_of(sight: Sight, seen: SeenFile | None) -> int:
    """How often by now a file was listed like this, and was something else when it was read."""
    return seen.attempts + 1 if seen is not None and sight.is_as(seen) and not seen.message_id else 1


async def _note_growth(visit: Visit, sight: Sight, seen: SeenFile | None) -> None:
    """Its time of rest begins anew. Where the listing says the same again and again, it is the listing that errs."""
    now_ms, changes = visit.desk.now_ms(), changes_of(sight, seen)
    noted = SeenFile(sight.path, sight.size, sight.modified_s, now_ms, now_ms, attempts=changes)
    if changes >= FAILURES_UNTIL_TOLD:
        noted = replace(noted, reason=f"it is listed with {sight.size:,} bytes, and whoever reads it finds others")
    await _put(visit, noted, tells=bool(noted.reason))


async def _note_failure(visit: Visit, sight: Sight, seen: SeenFile | None, words: str) -> None:
    now_ms = visit.desk.now_ms()
    attempts = seen.attempts + 1 if seen is not None and seen.reason and not seen.message_id else 1
    since_ms = seen.unchanged_since_ms if seen is not None and sight.is_as(seen) else now_ms
    noted = SeenFile(sight.path, sight.size, sight.modified_s, since_ms, now_ms, attempts=attempts, reason=words)
    await _put(visit, noted, tells=True)


async def _put(visit: Visit, file: SeenFile, *, tells: bool = False) -> None:
    partner_id, folder, now_ms = visit.partner.id, visit.folder.name, visit.desk.now_ms()

    def unit(connection: Connection) -> None:
        remote_files.put(connection, partner_id, folder, file)
        if tells:
            troubles.tell_file(connection, partner_id, folder, file, now_ms)

    await visit.desk.database.write(unit, durable=False)


async def _forget(visit: Visit, seen: SeenFile, how: str) -> None:
    unit = partial(
        forget,
        partner_id=visit.partner.id,
        folder=visit.folder.name,
        files=(seen,),
        now_ms=visit.desk.now_ms(),
        how=how,
    )
    await visit.desk.database.write(unit, durable=False)


def forget(
    connection: Connection, partner_id: str, folder: str, files: tuple[SeenFile, ...], now_ms: int, how: str
) -> None:
    """Nothing has to be known of files any longer, and nobody has to hear of them."""
    remote_files.forget(connection, partner_id, folder, [file.path for file in files])
    for file in files:
        if file.reason:
            troubles.over(connection, troubles.file_case(partner_id, folder, file.path), now_ms, how)
