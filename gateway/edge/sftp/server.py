"""Mailboxes by SFTP as one thing: the port, and what lies behind it."""

import asyncssh

from gateway.edge.context import Edge
from gateway.edge.sftp.connections import VisitorConnection
from gateway.edge.sftp.listener import SftpPort
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.session import MailboxSession
from gateway.edge.sftp.visitors import Visitor
from gateway.flow.ssh_keys import SshKeys


class MailboxServer:
    """What runs in a process with the role `sftp`.

    Args:
        edge: what it stands on.
        keys: our SSH keys.
    """

    def __init__(self, edge: Edge, keys: SshKeys) -> None:
        self._edge = edge
        self.port = SftpPort(edge, keys, self._new_session)
        self._mailboxes: Mailboxes | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port that it listens on; None while no profile has a mailbox."""
        return self.port.address

    @property
    def not_ready(self) -> list[str]:
        """What keeps it closed, a sentence each."""
        return self.port.not_ready

    async def start(self) -> None:
        """Take up what uploads were left unfinished, and listen where a profile has a mailbox.

        Raises:
            OSError: the address cannot be listened on, or the folder of unfinished uploads cannot be used.
            StoreUnavailable: the host keys cannot be read now.
        """
        self._mailboxes = Mailboxes(self._edge)
        await self.port.start()

    async def follow(self) -> None:
        """Follow profiles and host keys, and give up what nobody went on with; to be called now and then."""
        if self._mailboxes is not None:
            await self.port.follow()
            await self._mailboxes.look_after()

    async def stop(self, timeout_s: float) -> None:
        """Let what is open end within the time, then cut; what is unfinished stays for the next process."""
        await self.port.stop(timeout_s)
        if self._mailboxes is not None:
            await self._mailboxes.close()
            self._mailboxes = None

    def _new_session(self, visitor: Visitor, connection: VisitorConnection) -> "asyncssh.SSHServerSession[bytes]":
        if self._mailboxes is None:
            raise RuntimeError("the server has not started")
        return MailboxSession(self._edge, visitor, self._mailboxes, connection)
