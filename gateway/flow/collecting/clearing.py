"""What is durable here goes there, as the terms say: removed, or moved to a name that is free."""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from gateway.carriers.sftp_connection import RemoteFailed, Trouble
from gateway.carriers.sftp_failures import BREAKS_CONNECTION
from gateway.flow.collecting import troubles
from gateway.flow.collecting.sights import Sight, below
from gateway.flow.collecting.visits import Visit
from gateway.sftp import shown
from gateway.store import remote_files
from gateway.store.remote_files import SeenFile

# Where files are moved to, names that are taken get a number; past these the time, which nobody has used yet.
NUMBERS_MAX = 9
GONE = "the file is gone there"


async def clear(visit: Visit, sight: Sight, kept: SeenFile, modified_s: int | None = None) -> bool:
    """Remove or move a file there that is durable here; whether it is done with.

    Args:
        visit: the look that it belongs to.
        sight: the file.
        kept: what is known of it: the message that it became.
        modified_s: its time when it was read, where that is another than in the listing.

    Raises:
        RemoteFailed: the connection is of no more use.
    """
    expected_s = sight.modified_s if modified_s is None else modified_s
    try:
        now = await visit.remote.attributes(sight.path)
        if now is None:
            how = GONE
        elif now.size not in (None, sight.size) or now.modified_s not in (None, expected_s):
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
            await put(visit, noted, tells=True)
            return False
        how = GONE
    await forget_one(visit, kept, how)
    return True


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


async def put(visit: Visit, file: SeenFile, *, tells: bool = False) -> None:
    """Keep what is known of a file now; `tells`: a person may have to hear of it."""
    partner_id, folder, now_ms = visit.partner.id, visit.folder.name, visit.desk.now_ms()

    def unit(connection: Connection) -> None:
        remote_files.put(connection, partner_id, folder, file)
        if tells:
            troubles.tell_file(connection, partner_id, folder, file, now_ms)

    await visit.desk.database.write(unit, durable=False)


async def forget_one(visit: Visit, seen: SeenFile, how: str) -> None:
    """Nothing has to be known of a file any longer."""
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
