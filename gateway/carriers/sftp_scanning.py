"""What an SSH server shows of itself before anybody logs in: its host keys, for a person who compares them."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncssh

from gateway.carriers.addresses import Network
from gateway.carriers.call_failures import Unresolved
from gateway.carriers.guard import Guard, Resolve, SystemNames
from gateway.carriers.probing import dial
from gateway.carriers.sftp_failures import (
    CannotConnect,
    Step,
    just_ended,
    nothing_in_common,
    said,
    unreachable,
    unresolved,
)
from gateway.carriers.ssh_client import Offer, client_options, kind_of, offer_with, prepare_process
from partners.sftp_terms import OLD_ALGORITHMS

# A scan is a person's own call: it may look into each network.
EVERYWHERE = ("0.0.0.0/0", "::/0")
# Host and port come from whoever calls, not from a profile.
_CHECK_NAME = "check how the host is spelled; if it is right, ask the partner, or look at the DNS of this machine"
_CHECK_PORT = "is this the host and port of an SSH server?"


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A host key as a server shows it.

    Attributes:
        fingerprint: as `ssh-keygen -l` writes it.
        public_key: in OpenSSH's format, without a comment.
    """

    kind: str
    bits: int | None
    fingerprint: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a server shows.

    Attributes:
        address: the one that was connected to.
        software: what it calls itself, such as SSH-2.0-OpenSSH_9.2; empty where it does not.
        keys: its host keys, one a kind.
        old: the old algorithms that are needed to speak with it at all, as profiles name them.
    """

    address: str
    software: str
    keys: tuple[ShownKey, ...]
    old: tuple[str, ...] = ()


class _Looker(asyncssh.SSHClient):
    """Takes the host key down and believes nothing."""

    def __init__(self) -> None:
        self.connection: asyncssh.SSHClientConnection | None = None
        self.key: asyncssh.SSHKey | None = None
        self.software = ""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's face
        self.key = key
        if self.connection is not None:
            self.software = str(self.connection.get_extra_info("server_version", ""))
        return False


class Scan:
    """One look at a server.

    Args:
        connect_timeout_s: for names and each connection.
        timeout_s: for what the server answers on one.
        networks: private networks that may be connected to.
        resolve: (host, port) -> addresses; the system's own by default.
    """

    def __init__(
        self,
        connect_timeout_s: float,
        timeout_s: float,
        networks: tuple[Network, ...],
        resolve: Resolve | None = None,
    ) -> None:
        prepare_process()
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._networks = networks
        self._names = SystemNames()
        self._resolve: Resolve = resolve if resolve is not None else self._names

    async def of(self, host: str, port: int) -> Scanned:
        """Ask a server for a host key of each kind.

        Raises:
            CannotConnect: it cannot be reached, or shows none.
        """
        try:
            return await self._of(host, port)
        finally:
            self._names.close()

    async def _of(self, host: str, port: int) -> Scanned:
        offer = offer_with()
        old: tuple[str, ...] = ()
        try:
            address, software, key = await self._look(host, port, offer)
        except (asyncssh.KeyExchangeFailed, CannotConnect) as failed:
            # A server may be gone before its list of algorithms is read.
            if isinstance(failed, CannotConnect) and failed.step is not Step.SSH:
                raise
            offer = offer_with(OLD_ALGORITHMS)
            address, software, key, old = await self._with_old(host, port)
        found = {key.get_algorithm(): key}
        for kind in dict.fromkeys(kind_of(name) for name in offer.host_keys):
            if kind in found:
                continue
            others = {kind_of(name) for name in offer.host_keys} - {kind}
            try:
                *_, key = await self._look(host, port, offer.without_host_keys(others))
            except (asyncssh.KeyExchangeFailed, CannotConnect):
                continue  # it has none of this kind; some say so, some hang up
            found[key.get_algorithm()] = key
        return Scanned(address, software, tuple(_shown(item) for item in found.values()), old)

    async def _with_old(self, host: str, port: int) -> tuple[str, str, asyncssh.SSHKey, tuple[str, ...]]:
        """With every old algorithm; then which of them it needs, each tried without."""
        everything = offer_with(OLD_ALGORITHMS)
        try:
            address, software, key = await self._look(host, port, everything)
        except asyncssh.KeyExchangeFailed as failed:
            raise CannotConnect(nothing_in_common(host, failed.reason, ()), Step.SSH) from None
        needed: list[str] = list(OLD_ALGORITHMS)
        for name in OLD_ALGORITHMS[::-1]:
            fewer = [other for other in needed if other != name]
            try:
                await self._look(host, port, offer_with(fewer))
            except (asyncssh.KeyExchangeFailed, CannotConnect):
                continue
            needed = fewer
        return address, software, key, tuple(needed)

    async def _look(self, host: str, port: int, offer: Offer) -> tuple[str, str, asyncssh.SSHKey]:
        """The host key that it shows for an offer.

        Raises:
            asyncssh.KeyExchangeFailed: it has no algorithm in common with the offer.
            CannotConnect: anything else.
        """
        guard = Guard(self._networks, self._resolve, self._connect_timeout_s)
        try:
            judged = await guard.judged(host, port)
        except Unresolved as error:
            raise unresolved(error, remedy=_CHECK_NAME) from None
        addresses = [text for text, reason in judged if reason is None]
        if not addresses:
            listed = "; ".join(f"{text} is {reason}" for text, reason in judged)
            raise CannotConnect(f"{host} leads nowhere that can be connected to ({listed})", Step.DNS)
        dialled = await dial(guard, addresses, port, self._connect_timeout_s)
        if dialled.connection is None:
            raise unreachable(host, port, dialled.refused[-1][1], self._connect_timeout_s)
        looker = _Looker()
        options: dict[str, Any] = client_options(offer) | {"client_factory": lambda: looker}
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncssh.connect(host, port, sock=dialled.connection, username="scan", **options)
        except asyncssh.KeyExchangeFailed:
            raise
        except Exception as error:  # noqa: BLE001 - bytes of strangers may bring asyncssh to raise anything
            if looker.key is None:
                raise CannotConnect(_no_key(host, port, error, self._timeout_s), Step.SSH) from None
        finally:
            dialled.connection.close()
        if looker.key is None:
            raise CannotConnect(f"{host}, port {port}, shows no host key", Step.SSH)
        return dialled.address, said(looker.software), looker.key


def _no_key(host: str, port: int, error: Exception, timeout_s: float) -> str:
    where = f"{host}, port {port},"
    if isinstance(error, TimeoutError):
        return f"{where} says nothing that is SSH within {timeout_s:g} s: {_CHECK_PORT}"
    if just_ended(error):
        return (
            f"{where} ended the connection before it showed a host key: {_CHECK_PORT} If it is, our address may not be "
            "allowed there, or there were too many connections: ask the partner"
        )
    if isinstance(error, asyncssh.DisconnectError) and said(error.reason):
        return f'{where} shows no host key ("{said(error.reason)}"): {_CHECK_PORT}'
    return f"what {where} answers is no SSH: {_CHECK_PORT}"


def _shown(key: asyncssh.SSHKey) -> ShownKey:
    public = key.export_public_key("openssh").decode("ascii").split()
    bits = getattr(getattr(key, "pyca_key", None), "key_size", None)
    return ShownKey(key.get_algorithm(), bits, key.get_fingerprint("sha256"), " ".join(public[:2]))
