"""Folders of partners' servers as people and programs see them."""

from typing import Any

from sqlalchemy import Connection

from gateway.flow.collecting.troubles import shows_strange_key
from gateway.flow.views import instant
from gateway.sftp import shown
from gateway.store import remote_files, remote_folders
from gateway.store.remote_folders import StoredFolder, StoredServer
from partners.directory import Directory

STUCK_SHOWN_MAX = 10


def folder_views(
    connection: Connection, directory: Directory, now_ms: int, partner_id: str | None = None
) -> list[dict[str, Any]]:
    """All folders, or those of a partner: when they were looked into, when they will be, what lies there and why."""
    down = {server.partner_id: server for server in remote_folders.servers(connection)}
    return [
        _view(connection, folder, down.get(folder.partner_id), directory, now_ms)
        for folder in remote_folders.every(connection, partner_id)
    ]


def state_of(folder: StoredFolder, server: StoredServer | None, now_ms: int) -> str:
    """One word for how a folder stands."""
    if folder.held:
        return "held"
    if folder.claimed_until_ms >= now_ms:
        return "looking"
    if server is not None:
        return "host key changed" if shows_strange_key(server.reason) else "unreachable"
    if folder.failures:
        return "failing"
    return "waiting" if folder.succeeded_at_ms is None else "ok"


def _view(
    connection: Connection, folder: StoredFolder, server: StoredServer | None, directory: Directory, now_ms: int
) -> dict[str, Any]:
    state = state_of(folder, server, now_ms)
    next_at_ms = None if folder.held else folder.next_look_at_ms
    if server is not None and next_at_ms is not None:
        next_at_ms = max(server.next_try_at_ms, next_at_ms)
    partner = directory.by_id(folder.partner_id)
    named = partner.profile.sftp_server.fetch if partner is not None and partner.profile.sftp_server is not None else ()
    path = next((one.folder for one in named if one.name == folder.name), None)
    reason = folder.held or (server.reason if server is not None else folder.reason)
    return {
        "partner": folder.partner_id,
        "name": folder.name,
        "folder": path,
        "state": state,
        "last_look_at": instant(folder.looked_at_ms),
        "last_success_at": instant(folder.succeeded_at_ms),
        "next_look_at": instant(next_at_ms),
        "failures": server.failures if server is not None else folder.failures,
        "failing_since": instant(server.failing_since_ms if server is not None else folder.failing_since_ms),
        "reason": reason or None,
        "files": {
            "fetched": folder.files_fetched,
            "waiting": folder.files_waiting,
            "growing": folder.files_growing,
            "stuck": folder.files_stuck,
            "empty": folder.files_empty,
        },
        "stuck": [
            {
                "file": shown(file.path),
                "bytes": file.bytes_count,
                "attempts": file.attempts,
                "message": file.message_id or None,
                "reason": file.reason,
            }
            for file in remote_files.stuck(connection, folder.partner_id, folder.name, STUCK_SHOWN_MAX)
        ],
    }
