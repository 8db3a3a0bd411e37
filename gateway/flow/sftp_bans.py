"""What a person does about networks that are shut out of the SFTP port."""

from sqlalchemy import Connection

from gateway.flow.operations import Actor, Unknown
from gateway.store import sftp_bans
from gateway.store.oversight import audit
from gateway.store.sftp_bans import StoredBan


def lift(connection: Connection, network: str, actor: Actor, now_ms: int) -> StoredBan:
    """Let a network in again, with its audit entry; returns the ban, lifted.

    Raises:
        Unknown: it is not shut out.
    """
    ban = sftp_bans.lift(connection, network, now_ms)
    if ban is None:
        raise Unknown(f"{network} is not shut out; `gateway sftp bans` shows who is")
    audit.record(connection, audit.Act(now_ms, actor.name, "sftp.unban", network, actor.remote, {}))
    return ban
