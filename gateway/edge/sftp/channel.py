"""One channel of somebody who has logged in: SFTP, or a sentence that says that there is nothing else."""

from collections.abc import Callable

import asyncssh
from asyncssh.packet import SSHPacket

from gateway.edge.sftp.connections import VisitorConnection
from gateway.edge.sftp.visitors import Visitor

NewSession = Callable[[Visitor, VisitorConnection], "asyncssh.SSHServerSession[bytes]"]
SUBSYSTEM = "sftp"
_NOTHING_ELSE = b"this server speaks SFTP only, and runs no commands; call sftp, or scp without -O\r\n"
# Everybody takes packets of 32 KB (RFC 4253 6.1). An answer in very small ones would take seconds of the loop.
PACKET_BYTES_TAKEN_MIN = 4_096
# What may wait for a session that is busy, in packets; in bytes it is the window.
PACKETS_WAITING_MAX = 8_192


class BoundedChannel(asyncssh.SSHServerChannel[bytes]):
    """asyncssh's channel, without what costs us much and a client little."""

    def process_open(
        self, send_chan: int, send_window: int, send_pktsize: int, session: "asyncssh.misc.MaybeAwait[object]"
    ) -> None:
        """Open it, unless its client takes a few bytes at a time only."""
        if send_pktsize < PACKET_BYTES_TAKEN_MIN:
            raise asyncssh.ProtocolError(f"packets of {send_pktsize} bytes are too small")
        super().process_open(send_chan, send_window, send_pktsize, session)  # type: ignore[arg-type]  # handed on

    def _accept_data(self, data: bytes, datatype: int | None = None) -> None:
        """Data: while the session reads no more asyncssh keeps each packet for itself, however small it is."""
        if len(self._recv_buf) >= PACKETS_WAITING_MAX:
            raise asyncssh.ProtocolError("data comes in too many small packets")
        super()._accept_data(data, datatype)

    def _process_env_request(self, packet: SSHPacket) -> bool:
        """A variable: there is nothing that would look at it, so it is not kept."""
        del packet
        return False


class ChannelSession(asyncssh.SSHServerSession[bytes]):
    """Waits for what a channel is to be, and hands everything on to the session of SFTP once it is that.

    Args:
        connection: that it belongs to.
        new_session: makes the session.
    """

    def __init__(self, connection: VisitorConnection, new_session: NewSession) -> None:
        self._connection = connection
        self._new_session = new_session
        self._inner: asyncssh.SSHServerSession[bytes] | None = None
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._is_full = False
        self._wire_is_full = False
        self.is_open = True
        connection.channels_open += 1

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        """The channel is open."""
        self._channel = chan

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        if self.is_open:
            self.is_open = False
            self._connection.channels_open -= 1
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def subsystem_requested(self, subsystem: str) -> bool:
        """SFTP and nothing else."""
        visitor, channel = self._connection.visitor, self._channel
        if subsystem != SUBSYSTEM or visitor is None or channel is None:
            return False
        self._connection.touch()
        self._inner = inner = self._new_session(visitor, self._connection)
        # From now on each packet goes there without a step here.
        self.data_received = inner.data_received  # type: ignore[method-assign]
        inner.connection_made(channel)
        return inner.subsystem_requested(subsystem)

    def shell_requested(self) -> bool:
        """Nothing that there is; `session_started` says so."""
        return True

    def exec_requested(self, command: str) -> bool:  # noqa: ARG002  # whatever it is
        """Nothing that there is; `session_started` says so."""
        return True

    def session_started(self) -> None:
        """Begin, or say that there is nothing to begin."""
        if self._inner is not None:
            self._inner.session_started()
        elif self._channel is not None:
            self._channel.write_stderr(_NOTHING_ELSE)
            self._channel.exit(1)

    def eof_received(self) -> bool:
        """The other side sends no more."""
        return self._inner is not None and self._inner.eof_received()

    def pause_writing(self) -> None:
        """The channel's window is full."""
        self._pause(is_full=True, wire_is_full=self._wire_is_full)

    def resume_writing(self) -> None:
        """The channel's window has room."""
        self._pause(is_full=False, wire_is_full=self._wire_is_full)

    def pause_wire(self) -> None:
        """The connection itself is full: asyncssh takes no notice of that."""
        self._pause(is_full=self._is_full, wire_is_full=True)

    def resume_wire(self) -> None:
        """The connection has room."""
        self._pause(is_full=self._is_full, wire_is_full=False)

    def _pause(self, *, is_full: bool, wire_is_full: bool) -> None:
        before, self._is_full, self._wire_is_full = self._is_full or self._wire_is_full, is_full, wire_is_full
        after = is_full or wire_is_full
        if self._inner is None or before == after:
            return
        if after:
            self._inner.pause_writing()
        else:
            self._inner.resume_writing()
