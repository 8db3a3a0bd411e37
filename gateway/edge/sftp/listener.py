"""The SFTP port: accepts connections, decides what each is offered, and ends them in good order.

It opens once a profile has a mailbox, and follows profiles and host keys from then on. What a connection is offered
depends on where it comes from, so every one begins on the doorstep: the ban and the number of connections are looked at
before any byte is said, then what a balancer of ours says of it is read, then SSH begins.
"""

import asyncio
import logging
import os
from functools import partial

import asyncssh

from gateway.edge.connection import log_fault
from gateway.edge.context import Edge
from gateway.edge.rest.identity.proxies import Proxies
from gateway.edge.sftp.algorithms import opened, options_with
from gateway.edge.sftp.bans import Bans
from gateway.edge.sftp.channel import NewSession
from gateway.edge.sftp.connections import Connections, VisitorConnection
from gateway.edge.sftp.login import Login, Logins
from gateway.edge.sftp.openings import in_networks
from gateway.edge.sftp.proxy import NotProxied, read_preface
from gateway.edge.sftp.wire import Wire
from gateway.flow.ssh_keys import HostKey, SshKeys
from gateway.store import sftp_bans
from gateway.store.credentials.sealing import SealError, SealingUnavailable
from gateway.store.database import StoreUnavailable
from partners.directory import Directory

BACKLOG = 256
# What is written and not taken by the network yet, before sessions are told to wait.
WRITE_BUFFER_BYTES = 1_048_576
BANS_OVERLAP_MS = 60_000
# Networks that are so wide as these are no address of anybody.
_LISTED_PREFIX_MIN = {4: 16, 6: 32}

log = logging.getLogger("gateway.edge.sftp")


class SftpPort:
    """The port.

    Args:
        edge: what it stands on.
        keys: our SSH keys.
        new_session: makes the session of SFTP for whoever has logged in.
    """

    def __init__(self, edge: Edge, keys: SshKeys, new_session: NewSession) -> None:
        limits = edge.settings.limits
        self._edge = edge
        self._keys = keys
        self.proxies = Proxies(edge.settings.trusted_proxies)
        self.connections = Connections(limits, edge.metrics)
        self.bans = Bans(edge.now_ms, limits.sftp_ban_s, self._is_listed)
        self._bans_from_ms = 0
        self.logins = Logins(edge, self.connections, self.bans, new_session)
        self._server: asyncio.Server | None = None
        self._shown: tuple[HostKey, ...] = ()
        self._host_keys: tuple[asyncssh.SSHKey, ...] = ()
        self._old: tuple[Directory | None, list[tuple[tuple[str, ...], frozenset[str]]]] = (None, [])
        self._listed: tuple[Directory | None, tuple[str, ...]] = (None, ())
        self._closed_because: str | None = None
        self._warned: set[str] = set()
        self._stopping = False

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port that it listens on; None while it is closed."""
        if self._server is None or not self._server.sockets:
            return None
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    @property
    def not_ready(self) -> list[str]:
        """What is in its way, a sentence each; nothing where nobody has a mailbox."""
        return [self._closed_because] if self._closed_because is not None else []

    async def start(self) -> None:
        """Listen, where a profile has a mailbox.

        Raises:
            OSError: the address cannot be listened on.
            StoreUnavailable: the host keys cannot be read now.
        """
        if self._server is not None:
            return
        if not self._is_wanted():
            self._closed_because = None
            return
        if not await self._follow_host_keys():
            return
        await self._follow_bans()
        settings = self._edge.settings
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Doorstep(self), settings.sftp_host, settings.sftp_port, backlog=BACKLOG
        )
        self.connections.start_sweeping()
        self._closed_because = None

    async def follow(self) -> None:
        """Follow profiles and host keys: open where it is wanted by now, and end what is open to nobody any more."""
        if self._stopping:
            return
        if self._server is None:
            await self._try_to_open()
            return
        try:
            if await self._follow_host_keys():
                self._closed_because = None
        except StoreUnavailable as unavailable:
            log.warning("the SSH host keys cannot be read; those known go on", extra={"cause": str(unavailable)})
        self.connections.follow(self.logins.why_not)
        try:
            await self._follow_bans()
        except StoreUnavailable as unavailable:
            log.warning("who is shut out of SFTP elsewhere cannot be read", extra={"cause": str(unavailable)})
        text = "Networks that are shut out of SFTP for failed logins."
        self._edge.metrics.gauge("gateway_sftp_banned_networks", text, self.bans.banned())

    async def stop(self, timeout_s: float) -> None:
        """Accept no more, let what is open end within the time, then cut."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        await self.connections.drain(timeout_s)
        await self.logins.close()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def begin(self, transport: asyncio.Transport, connection: VisitorConnection) -> Wire:
        """SSH with somebody whose address is known."""
        login = Login(self.logins, connection)
        options = options_with(self._host_keys, self._old_for(connection.address), lambda: login)
        wire = connection.wire = Wire(asyncio.get_running_loop(), options, connection, login)
        transport.set_protocol(wire)
        wire.connection_made(transport)
        return wire

    async def _try_to_open(self) -> None:
        settings = self._edge.settings
        where = f"{settings.sftp_host}:{settings.sftp_port}"
        try:
            await self.start()
        except OSError as error:
            why = os.strerror(error.errno or 0)
            words = f"SFTP: cannot listen on {where} ({why}); free the port, or set sftp_port to another"
            if self._closed_because != words:
                log.error(words)  # noqa: TRY400  # where it happened tells nothing
            self._closed_because = words
            return
        if self.address is not None:
            log.info("SFTP is open", extra={"sftp": f"{self.address[0]}:{self.address[1]}"})

    def _is_wanted(self) -> bool:
        return any(
            partner.profile.sftp is not None and partner.profile.status != "draft" for partner in self._edge.directory()
        )

    async def _follow_host_keys(self) -> bool:
        """Bring the host keys up to date; False: there are none to show."""
        try:
            found = tuple(await self._keys.host_keys())
        except SealingUnavailable as unavailable:
            self.warn(f"SFTP stays closed: {unavailable}")
            return False
        except SealError as error:
            self._closed_because = f"SFTP: {error}"
            self.warn(self._closed_because)
            return False
        if found != self._shown:
            self._shown, self._host_keys = found, opened(found)
        return True

    async def _follow_bans(self) -> None:
        """Learn whom others have shut out, and whom a person has let in again."""
        now_ms = self._edge.now_ms()
        self.bans.follow(await self._edge.database.read(partial(sftp_bans.changed_since, at_ms=self._bans_from_ms)))
        # Again what is a moment old: clocks differ, and what is being written now is not there yet.
        self._bans_from_ms = now_ms - BANS_OVERLAP_MS

    def _old_for(self, address: str) -> frozenset[str]:
        """The old algorithms that profiles name for an address."""
        directory = self._edge.directory()
        if self._old[0] is not directory:
            named = [
                (terms.networks, frozenset[str](terms.algorithms))
                for partner in directory
                if (terms := partner.profile.sftp) is not None and terms.algorithms
                if partner.profile.status != "draft"
            ]
            self._old = (directory, named)
        return frozenset[str]().union(*[old for networks, old in self._old[1] if in_networks(networks, address)])

    def _is_listed(self, address: str) -> bool:
        """Whether a profile lists an address, in a network that is not half of the world."""
        directory = self._edge.directory()
        if self._listed[0] is not directory:
            named = tuple(
                network
                for partner in directory
                if partner.profile.sftp is not None and partner.profile.status != "draft"
                for network in partner.profile.sftp.networks
                if _is_narrow(network)
            )
            self._listed = (directory, named)
        return in_networks(self._listed[1], address)

    def warn(self, words: str) -> None:
        """Say something in the log, once."""
        if words not in self._warned:
            self._warned.add(words)
            log.warning(words)


class Doorstep(asyncio.Protocol):
    """A connection before SSH: refused without a word, or placed and handed on.

    Args:
        port: that it came to.
    """

    def __init__(self, port: SftpPort) -> None:
        self._port = port
        self._connection: VisitorConnection | None = None
        self._transport: asyncio.Transport | None = None
        self._preface = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look whether there is room, and where it comes from."""
        wire: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's transports have their own base
        peer = wire.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) and peer else "local"
        connection = VisitorConnection(wire, address, asyncio.get_running_loop().time())
        self._transport = wire
        port = self._port
        by_proxy = port.proxies.trusts(address)
        is_banned = not by_proxy and port.bans.is_banned(connection.network, address)
        if is_banned or not port.connections.admit(connection):
            wire.abort()
            return
        wire.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._connection = connection
        if not by_proxy:
            self._begin(address)

    def data_received(self, data: bytes) -> None:
        """What a balancer says before SSH begins."""
        connection = self._connection
        if connection is None:
            return
        self._preface += data
        try:
            preface = read_preface(self._preface)
        except NotProxied as error:
            self._port.warn(
                "a balancer of `trusted_proxies` speaks no PROXY protocol to the SFTP port, so nobody comes in by it: "
                f"have it send the header, version 1 or 2 ({error})"
            )
            connection.cut()
            return
        if preface is None:
            return
        connection.is_scored = preface.address is not None
        self._begin(preface.address or connection.address, self._preface[preface.length :])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own signature
        """It ended before SSH began."""
        if self._connection is not None:
            self._port.connections.dismiss(self._connection)

    def _begin(self, address: str, rest: bytes = b"") -> None:
        connection, transport, port = self._connection, self._transport, self._port
        if connection is None or transport is None:
            return
        if not port.connections.place(connection, address) or port.bans.is_banned(connection.network, address):
            connection.cut()
            return
        try:
            wire = port.begin(transport, connection)
        except Exception as error:  # noqa: BLE001  # one connection must not end the accepting of others
            log_fault("a connection of SFTP could not begin", error)
            connection.cut()
            return
        if rest:
            wire.data_received(rest)


def _is_narrow(network: str) -> bool:
    address, _, prefix = network.partition("/")
    return not prefix or int(prefix) >= _LISTED_PREFIX_MIN[6 if ":" in address else 4]
