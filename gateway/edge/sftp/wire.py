"""asyncssh's connection, with what it leaves to others: bounds for what strangers cost, no signature over SHA-1.

asyncssh takes what comes without end while it works on something, agrees on new keys and signs for host keys as often
as it is asked to, verifies signatures of any algorithm of a key whatever it was told to offer, does not say which key
exchange was agreed on, and sends two packets for each.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

import asyncssh
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_DISCONNECT, MSG_IGNORE
from asyncssh.packet import PacketDecodeError, SSHPacket, SSHPacketLogger

from gateway.edge.sftp.algorithms import PACKET_BYTES, WINDOW_BYTES
from gateway.edge.sftp.channel import BoundedChannel
from gateway.edge.sftp.connections import VisitorConnection
from gateway.model.ssh_algorithms import SHA1_SIGNATURE

if TYPE_CHECKING:
    from gateway.edge.sftp.login import Login


_RSA_PROOF = b"rsa-sha2-512"
# New keys cost some milliseconds: clients want them after a gigabyte or an hour, at most.
REKEYS_AT_ONCE_MAX = 8
REKEY_EVERY_S = 10.0
# Clients ask once for a proof of the host keys that they do not know.
PROOFS_MAX = 4
_SHA1 = SHA1_SIGNATURE.encode("ascii")


class Wire(asyncssh.SSHServerConnection):
    """SSH over one connection.

    Args:
        loop: that it runs in.
        options: see `algorithms`.
        connection: the socket and who is behind it.
        login: finds out who that is.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        connection: VisitorConnection,
        login: "Login",
    ) -> None:
        super().__init__(loop, options)
        self._connection = connection
        self._login = login
        self._host_keys = options.server_host_keys
        for pair in options.all_server_host_keys.values():
            if _RSA_PROOF in pair.host_key_algorithms:
                # With which it is proven that an announced key is ours, whatever was agreed on (OpenSSH PROTOCOL 2.5).
                pair.set_sig_algorithm(_RSA_PROOF)
        self.key_exchange = ""
        self._chains = True
        self._exchanges = 0
        self._began_at_s = loop.time()
        self._proofs = 0

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Parse, unless it is more than anybody has to say."""
        if self._connection.note_received(len(data)):
            super().data_received(data, datatype)
        else:
            self._connection.cut()

    def process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        """Tell sessions when the other side says that it leaves: afterwards that looks like any other end."""
        if pkttype == MSG_DISCONNECT:
            for told in list(self._connection.at_goodbye):
                told()
        return super().process_packet(pkttype, pktid, packet)

    def pause_writing(self) -> None:
        """The other side reads slower than we write."""
        self._login.pause_writing()

    def resume_writing(self) -> None:
        """It caught up."""
        self._login.resume_writing()

    def choose_server_host_key(self, peer_host_key_algs: Sequence[bytes]) -> bool:
        """The host key that signs, and how: called at the beginning of each key exchange."""
        self._exchanges += 1
        passed_s = self._loop.time() - self._began_at_s
        allowed = 1 if self._connection.visitor is None else REKEYS_AT_ONCE_MAX + passed_s / REKEY_EVERY_S
        if self._exchanges > allowed:
            raise asyncssh.ProtocolError("new keys were asked for too often")
        first = next((name for name in peer_host_key_algs if name in self._host_keys), None)
        if first == _SHA1:
            self._host_keys[first].set_sig_algorithm(_SHA1)
        return super().choose_server_host_key(peer_host_key_algs)

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """Note how the keys were agreed on before they are used."""
        if self._kex is not None:
            self.key_exchange = self._kex.algorithm.decode("ascii")
        super().send_newkeys(k, h)
        self._chains = str(self.get_extra_info("send_cipher")).endswith("-cbc")
        self._login.keys_agreed()

    def send_packet(self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        """Send a packet, and nothing that means nothing before it.

        asyncssh has an empty IGNORE go before each, which hides the vector that the next packet of a CBC mode begins
        with (RFC 4251 9.3.1). Other modes have no use for it, and each costs a system call and wakes the client up.
        """
        if pkttype != MSG_IGNORE or self._chains:
            super().send_packet(pkttype, *args, handler=handler)

    def create_server_channel(
        self, encoding: str | None = None, errors: str = "strict", window: int = 0, max_pktsize: int = 0
    ) -> "asyncssh.SSHServerChannel[bytes]":
        """A channel without a terminal, with bounds of ours."""
        del encoding, errors, window, max_pktsize
        self._update_recv_pktlen(PACKET_BYTES)
        return BoundedChannel(
            self,
            self._loop,
            allow_pty=False,
            line_editor=False,
            line_echo=False,
            line_history=0,
            max_line_length=0,
            encoding=None,
            errors="strict",
            window=WINDOW_BYTES,
            max_pktsize=PACKET_BYTES,
        )

    def _finish_recv_packet(
        self, pkttype: int, seq: int, _task: "asyncio.Task[None] | None" = None, is_async: bool = False
    ) -> None:
        """A packet was looked at. Before a login there are few, and afterwards few that ask for nothing."""
        if not self._connection.note_packet(is_data=pkttype == MSG_CHANNEL_DATA):
            self._connection.cut()
            raise asyncssh.ProtocolError("too many packets that ask for nothing")
        super()._finish_recv_packet(pkttype, seq, _task, is_async)

    def _process_hostkeys_prove_00_at_openssh_dot_com_global_request(self, packet: SSHPacket) -> None:
        """Prove that host keys are ours (OpenSSH PROTOCOL 2.5): each once in a request, in few requests."""
        self._proofs += 1
        once_each = sum(4 + len(public_data) for public_data in self._all_server_host_keys)
        if self._proofs > PROOFS_MAX or len(packet.get_remaining_payload()) > once_each:
            self._report_global_response(False)
        else:
            super()._process_hostkeys_prove_00_at_openssh_dot_com_global_request(packet)

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """Whether this key may log in, and where it signed, whether it did so well."""
        algorithm = ""
        if msg:
            try:
                algorithm = SSHPacket(signature).get_string().decode("ascii", "replace")
            except PacketDecodeError:
                return False
        self._login.signed_with(algorithm)
        return await super().validate_public_key(username, key_data, msg, signature)
