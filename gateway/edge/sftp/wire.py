"""asyncssh's connection, with what it leaves to others: bounds before the login, and no signature over SHA-1.

asyncssh takes what comes without end while it works on something, verifies signatures of any algorithm of a key
whatever it was told to offer, does not say which key exchange was agreed on, and sends two packets for each.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.packet import PacketDecodeError, SSHPacket, SSHPacketLogger

from gateway.edge.sftp.connections import VisitorConnection
from gateway.model.ssh_algorithms import SHA1_SIGNATURE

if TYPE_CHECKING:
    from gateway.edge.sftp.login import Login


_RSA_PROOF = b"rsa-sha2-512"
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

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Parse, unless it is more than anybody has to say."""
        if self._connection.note_received(len(data)):
            super().data_received(data, datatype)
        else:
            self._connection.cut()

    def pause_writing(self) -> None:
        """The other side reads slower than we write."""
        self._login.pause_writing()

    def resume_writing(self) -> None:
        """It caught up."""
        self._login.resume_writing()

    def choose_server_host_key(self, peer_host_key_algs: Sequence[bytes]) -> bool:
        """The host key that signs, and how."""
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
