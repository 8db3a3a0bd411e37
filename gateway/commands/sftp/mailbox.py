"""`gateway sftp mailbox`: what lies in a partner's mailbox, and since when."""

import argparse
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, size
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, count, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import now_ms, reading
from gateway.edge.sftp.mailbox.fetching import name_of
from gateway.edge.sftp.mailbox.parts import PartsFolder
from gateway.flow.holding import why_held
from gateway.flow.outward.ways import destination_of
from gateway.flow.views import instant
from gateway.model.delivery import MAILBOX
from gateway.model.instants import DAY_MS
from gateway.settings import Settings
from gateway.sftp import shown
from gateway.store import mailbox_files, refused_files
from gateway.store.deliveries import mailbox
from gateway.store.deliveries.mailbox import MailboxDelivery
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp

_HOUR_MS = 3_600_000
_SHOWN = 50


def build(under: Verbs) -> None:
    """Add the verb."""
    shows = verb(
        under,
        "mailbox",
        _show,
        does="what lies in a partner's mailbox: what waits, what was fetched, what was refused, what they dropped",
        example="gateway sftp mailbox acme-supply\ngateway sftp mailbox acme-supply --folder outbox --format json",
    )
    shows.add_argument("partner", metavar="PARTNER", help="its id")
    shows.add_argument("--folder", choices=_FOLDERS, help="only this folder")
    shows.add_argument(
        "--limit", type=count, default=_SHOWN, metavar="N", help=f"files of each folder, at most (default {_SHOWN})"
    )
    add_format(shows, "one object a line, one line a file")
    add_config(shows)


def _show(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    terms = loaded.profile.sftp
    if terms is None:
        raise Unusable(f"{loaded.id} has no mailbox; a profile says so under `sftp`")
    folders = [called.folder] if called.folder is not None else list(_FOLDERS)
    with reading(settings) as database:

        def unit(connection: Connection) -> list[dict[str, Any]]:
            look = _Look(connection, settings, loaded, terms, called.limit)
            return [file for folder in folders for file in look.into(folder)]

        files = database.read_now(unit)
    if "unfinished" in folders:
        files += _unfinished(settings, loaded.id)[: called.limit]
    if called.format == "json":
        for file in files:
            print_json(file)
        return 0
    print_table(
        ("FOLDER", "SINCE", "SIZE", "STATE", "NAME"),
        [(one["folder"], one["since"] or "", size(one["bytes"]), one["state"], one["name"]) for one in files],
        empty=f"nothing lies in {f'{called.folder}/ of ' if called.folder else ''}the mailbox of {loaded.id}",
    )
    for folder in folders:
        if sum(one["folder"] == folder for one in files) == called.limit:
            note(f"{folder}: there may be more; --limit shows them")
    if held := why_held(loaded):
        note(f"what waits in outbox/ is not shown to them now: {held}")
    return 0


class _Look:
    """What lies in the folders of one mailbox."""

    def __init__(
        self, connection: Connection, settings: Settings, loaded: LoadedProfile, terms: Sftp, files_max: int
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._id = loaded.id
        self._terms = terms
        self._max = files_max
        self._where = destination_of(loaded.profile, MAILBOX)
        self._now_ms = now_ms()

    def into(self, folder: str) -> Iterator[dict[str, Any]]:
        """The files of a folder."""
        since_ms = self._now_ms - self._terms.archive_days * DAY_MS
        match folder:
            case "inbox":
                shown_since_ms = self._now_ms - self._terms.shown_hours * _HOUR_MS
                for file in mailbox_files.shown(self._connection, self._id, shown_since_ms, limit=self._max):
                    yield _file(
                        folder,
                        self._id,
                        shown(file.name),
                        file.bytes_count,
                        file.received_at_ms,
                        "taken",
                        file.message_id,
                    )
            case "outbox" | "acknowledgments":
                waiting = mailbox.waiting(
                    self._connection, self._where, acknowledgments=folder == "acknowledgments", limit=self._max
                )
                for item in waiting:
                    yield self._delivery(folder, item, item.created_at_ms)
            case "archive":
                for item in mailbox.fetched(
                    self._connection,
                    self._where,
                    since_ms=since_ms,
                    kept_since_ms=self._now_ms - self._settings.retention.bodies_days * DAY_MS,
                    limit=self._max,
                ):
                    yield self._delivery(folder, item, item.settled_at_ms or 0)
            case "errors":
                for refused in refused_files.shown(self._connection, self._id, since_ms, limit=self._max):
                    yield _file(
                        folder,
                        self._id,
                        shown(refused.name),
                        refused.bytes_count,
                        refused.refused_at_ms,
                        "refused",
                        refused.message_id,
                    )

    def _delivery(self, folder: str, item: MailboxDelivery, since_ms: int) -> dict[str, Any]:
        state = "fetched" if folder == "archive" else _STATES.get(item.state, "waiting")
        name = name_of(item, self._terms).decode("ascii")
        return _file(folder, item.partner_id, name, item.payload_bytes, since_ms, state, item.id)


def _unfinished(settings: Settings, partner_id: str) -> list[dict[str, Any]]:
    """Uploads that broke off or are under way, as far as they are on the disk of this machine."""
    try:
        parts = PartsFolder(settings.spool_dir, 0).seen()
    except OSError as error:
        note(f"unfinished uploads cannot be looked at: {error.strerror}")
        return []
    if not parts and "sftp" not in settings.roles:
        note(_ELSEWHERE)
    return [
        _file("unfinished", partner_id, shown(part.record.name), part.size, part.modified_ms, "unfinished", "")
        for part in parts
        if part.record.partner_id == partner_id
    ]


def _file(
    folder: str, partner_id: str, name: str, number_bytes: int, since_ms: int, state: str, key: str
) -> dict[str, Any]:
    """One file as it is shown; the partner is who dropped it or whom it is for, which a connection's mailbox tells."""
    return {
        "folder": folder,
        "partner": partner_id,
        "name": name,
        "bytes": number_bytes,
        "since": instant(since_ms),
        "state": state,
        "id": key or None,
    }


_FOLDERS = ("outbox", "acknowledgments", "errors", "inbox", "unfinished", "archive")
_STATES = {"given_up": "overdue", "held": "held"}
_ELSEWHERE = (
    "unfinished uploads lie on the disk of the node that took them, and this one, whose `roles` lack sftp, took none: "
    "call `gateway sftp mailbox` there to see them"
)
