"""Mailboxes behind the port, in process: what clients of SFTP do, and what it came to in the store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from sqlalchemy import Connection, select

from gateway.edge.sftp.channel import NewSession
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.session import MailboxSession
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.engine.statements import table_of
from gateway.store.tables import Message
from partners.loader import LoadedProfile
from tests.edge.house import House
from tests.edge.sftp.port import Premises, open_premises, with_mailbox

UNHINDERED = {
    "throttling": {"submit": {"per_second": 1000, "burst": 5000}, "read": {"per_second": 1000, "burst": 5000}}
}
WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a file became."""

    filename: str
    payload: bytes
    state: str


class Office:
    """The port, the mailboxes behind it and the store."""

    def __init__(self, premises: Premises, mailboxes: list[Mailboxes]) -> None:
        self.premises = premises
        self.house: House = premises.house
        self._mailboxes = mailboxes

    @property
    def mailboxes(self) -> Mailboxes:
        """Those of the process that runs now."""
        return self._mailboxes[0]

    async def cut(self) -> None:
        """All connections die, with everything that is open in them."""
        self.premises.port.connections.follow(lambda _: "the line is cut")
        await until(lambda: len(self.premises.port.connections) == 0)
        await self.mailboxes.settled()

    async def restart(self, *, killed: bool = False) -> None:
        """The process ends and another one begins; with `killed` it does nothing before it ends."""
        await self.cut()
        if killed:
            self.mailboxes._files._folder.close()
        else:
            await self.mailboxes.close()
        self._mailboxes[0] = Mailboxes(self.house.edge)

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[asyncssh.SFTPClient]:
        """A client's session."""
        async with self.premises.connect(**options) as connection, connection.start_sftp_client() as client:
            yield client

    async def taken(self) -> list[Taken]:
        """All messages that came by SFTP, the oldest first."""
        return await taken_of(self.house.database)

    def parts(self) -> list[Path]:
        """The files of parts on our disk."""
        return sorted((self.house.edge.settings.spool_dir / "uploads").glob("part-*"))


async def taken_of(database: Database, partner_id: str | None = None) -> list[Taken]:
    """All messages that came by SFTP, of one partner or of all, the oldest first."""
    table = table_of(Message)

    def read(connection: Connection) -> list[Taken]:
        query = select(table.c.id, table.c.filename, table.c.state).where(table.c.channel == "sftp")
        if partner_id is not None:
            query = query.where(table.c.partner_id == partner_id)
        return [
            Taken(row.filename, messages.body(connection, row.id, "payload") or b"", row.state)
            for row in connection.execute(query.order_by(table.c.id))
        ]

    return await database.read(read)


async def until(holds: Callable[[], object]) -> None:
    """Wait for something, not for ever."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.005)


def mailbox(**terms: Any) -> LoadedProfile:
    """A partner whose limits are no trouble."""
    return with_mailbox(more=UNHINDERED | terms.pop("more", {}), **terms)


@asynccontextmanager
async def open_office(
    tmp_path: Path, *profiles: LoadedProfile, now_ms: Any = None, **limits: Any
) -> AsyncIterator[Office]:
    """Mailboxes of these partners, open."""
    made: list[Mailboxes] = []

    def sessions(house: House) -> NewSession:
        made.append(Mailboxes(house.edge))
        return lambda visitor, connection: MailboxSession(house.edge, visitor, made[0], connection)

    async with open_premises(
        tmp_path, *(profiles or (mailbox(),)), session=sessions, now_ms=now_ms, **limits
    ) as premises:
        office = Office(premises, made)
        try:
            yield office
        finally:
            await office.cut()
            await made[0].close()
