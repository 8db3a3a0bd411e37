"""One file of theirs: read whole, looked at again, made durable, and only then removed there.

A process may be killed behind every line. Before the commit nothing happened; behind it the file's row says which
message it became, so the next look only removes it there. Were even the row lost, the same content under the same path
is recognised as a duplicate.
"""

import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import Connection

from gateway.carriers.sftp_connection import RemoteFailed
from gateway.carriers.sftp_failures import BREAKS_CONNECTION
from gateway.flow.collecting import troubles
from gateway.flow.collecting.clearing import GONE, clear, forget_one, put
from gateway.flow.collecting.reading import Missed, Whole, read_whole
from gateway.flow.collecting.rejections import FETCHED_FROM
from gateway.flow.collecting.schedule import FAILURES_UNTIL_TOLD
from gateway.flow.collecting.sights import Sight
from gateway.flow.collecting.visits import Visit
from gateway.flow.holding import why_held
from gateway.flow.receive import Arrival
from gateway.model.file_identity import transport_id_of
from gateway.sftp import shown
from gateway.store import remote_files, remote_folders
from gateway.store.messages import Acceptance
from gateway.store.remote_files import SeenFile

CHANNEL = "sftp"
FILENAME_CHARACTERS_MAX = 255

log = logging.getLogger(__name__)


class Fate(StrEnum):
    """What became of a file in one look."""

    FETCHED = "fetched"
    DUPLICATE = "duplicate"
    GREW = Missed.GREW.value
    GONE = Missed.GONE.value
    FAILED = "failed"


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
        whole = await read_whole(visit, sight, was_listed_so=changes_of(sight, seen) > 1)
    except RemoteFailed as failed:
        if failed.trouble in BREAKS_CONNECTION:
            raise
        await _note_failure(visit, sight, seen, failed.words)
        visit.desk.metrics.sftp_fetches.add(Fate.FAILED.value)
        return Fate.FAILED
    if not isinstance(whole, Whole):
        visit.desk.metrics.sftp_fetches.add(whole.value)
        if whole is Missed.GREW:
            await _note_growth(visit, sight, seen)
            return Fate.GREW
        if seen is not None:
            await forget_one(visit, seen, GONE)
        return Fate.GONE
    async with turn:
        acceptance = await _keep(visit, sight, seen, whole)
    kept = _row(visit, sight, acceptance.message_id)
    fate = Fate.DUPLICATE if acceptance.duplicate else Fate.FETCHED
    visit.desk.metrics.sftp_fetches.add(fate.value)
    (visit.desk.metrics.duplicates if acceptance.duplicate else visit.desk.metrics.accepted).add(CHANNEL)
    facts = {"partner": visit.partner.id, "folder": visit.folder.name, "file": shown(sight.name), "bytes": sight.size}
    log.info("a file was fetched", extra=facts | {"message_id": acceptance.message_id, "outcome": fate.value})
    if visit.terms.then != "leave":
        await clear(visit, sight, kept, whole.modified_s)
    return fate


async def _keep(visit: Visit, sight: Sight, seen: SeenFile | None, whole: Whole) -> Acceptance:
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
            FETCHED_FROM: f"{facts.user}@{facts.address}",
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


def changes_of(sight: Sight, seen: SeenFile | None) -> int:
    """How often by now a file was listed like this, and was something else when it was read."""
    return seen.attempts + 1 if seen is not None and sight.is_as(seen) and not seen.message_id else 1


async def _note_growth(visit: Visit, sight: Sight, seen: SeenFile | None) -> None:
    """Its time of rest begins anew. Where the listing says the same again and again, it is the listing that errs."""
    now_ms, changes = visit.desk.now_ms(), changes_of(sight, seen)
    noted = SeenFile(sight.path, sight.size, sight.modified_s, now_ms, now_ms, attempts=changes)
    if changes >= FAILURES_UNTIL_TOLD:
        noted = replace(noted, reason=f"it is listed with {sight.size:,} bytes, and whoever reads it finds others")
    await put(visit, noted, tells=bool(noted.reason))


async def _note_failure(visit: Visit, sight: Sight, seen: SeenFile | None, words: str) -> None:
    now_ms = visit.desk.now_ms()
    attempts = seen.attempts + 1 if seen is not None and seen.reason and not seen.message_id else 1
    since_ms = seen.unchanged_since_ms if seen is not None and sight.is_as(seen) else now_ms
    noted = SeenFile(sight.path, sight.size, sight.modified_s, since_ms, now_ms, attempts=attempts, reason=words)
    await put(visit, noted, tells=True)
