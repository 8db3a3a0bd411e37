"""The one door to partners' SFTP servers, on asyncssh's client. Nothing else of the gateway connects to them.

The way in, each step within its time: the address is judged right before it is connected to (`addresses`), and what was
judged is what is connected to; the host key has a fingerprint that the profile names, else nothing more is said; then
we log in as the profile says, with a key of ours or a password by reference. A connection is kept for a few seconds for
whoever comes next, and belongs to the terms that it was made with: another profile, key or password makes another one.
"""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TypeAlias

import asyncssh

from gateway.carriers.call_failures import AddressRefused, Unresolved
from gateway.carriers.credentials import SecretMissing, read_secret
from gateway.carriers.guard import Guard, Resolve, SystemNames
from gateway.carriers.probing import dial
from gateway.carriers.sftp_failures import (
    CannotConnect,
    RemoteFailed,
    Step,
    Trouble,
    address_refused,
    failure_of,
    no_ssh,
    said,
    unreachable,
    unresolved,
)
from gateway.carriers.sftp_remote import RemoteAttributes, RemoteEntry, RemoteServer, ServerFacts, Written
from gateway.carriers.ssh_client import Offer, client_options, offer_with, prepare_process
from gateway.settings import Limits
from gateway.store.credentials.sealing import SealError, SealingUnavailable
from partners.loader import LoadedProfile
from partners.sftp_server_terms import SftpServer

__all__ = [
    "CannotConnect",
    "RemoteAttributes",
    "RemoteEntry",
    "RemoteFailed",
    "RemoteServer",
    "SftpDoor",
    "Step",
    "Trouble",
    "Written",
]

# The private key of this name in OpenSSH's format; None where there is none of use.
ClientKey: TypeAlias = Callable[[str], Awaitable[bytes | None]]

IDLE_S = 15.0
IDLE_PER_SERVER_MAX = 4
IDLE_MAX = 64
# Kinds of host keys a server may have; a connection for each where the first it shows is not the one that is pinned.
HOST_KEY_KINDS_MAX = 5


@dataclass(frozen=True, slots=True)
class _Login:
    """What we log in with; its repr shows nothing of it."""

    key: asyncssh.SSHKey | None = field(repr=False)
    password: str | None = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Line:
    """What a connection belongs to: whoever has all of it may use it."""

    partner_id: str
    terms: SftpServer
    login_digest: bytes = field(repr=False)


class _Witness(asyncssh.SSHClient):
    """Looks at the host key, hands over our key once, and knows how far a connection has come."""

    def __init__(self, terms: SftpServer, login: _Login, deadline: asyncio.Timeout) -> None:
        self._pins = frozenset(terms.host_keys)
        self._timeout_s = terms.timeout_s
        self._key = login.key
        self._deadline = deadline
        self.seen: asyncssh.SSHKey | None = None
        self.is_pinned = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's face
        is_first, self.seen = self.seen is None, key
        self.is_pinned = fingerprint_of(key) in self._pins
        # Later ones come when new keys are agreed on, in the middle of whatever is under way.
        if is_first and self.is_pinned and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._timeout_s)
        return self.is_pinned

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        key, self._key = self._key, None
        return key


class SftpDoor:
    """Connects to partners' servers, and keeps connections for whoever comes next.

    Args:
        limits: `connect_timeout_s` of the settings.
        client_key: opens a key of ours by its name.
        resolve: (host, port) -> addresses; the system's own by default.
    """

    def __init__(self, limits: Limits, client_key: ClientKey, *, resolve: Resolve | None = None) -> None:
        prepare_process()
        self._connect_timeout_s = limits.connect_timeout_s
        self._client_key = client_key
        self._names = SystemNames()
        self._resolve: Resolve = resolve if resolve is not None else self._names
        self._idle: dict[_Line, list[RemoteServer]] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._is_closed = False
        # Which algorithms brought the host key that is pinned, where a server has several.
        self._offers: dict[tuple[str, SftpServer], Offer] = {}

    async def close(self) -> None:
        """Close the connections that nobody uses; the others are closed by whoever has them."""
        self._is_closed = True
        for timer in self._timers:
            timer.cancel()
        idle, self._idle = self._idle, {}
        await asyncio.gather(*(remote.close() for kept in idle.values() for remote in kept), *self._ends)
        self._names.close()

    @asynccontextmanager
    async def connected(self, partner: LoadedProfile) -> AsyncIterator[RemoteServer]:
        """A session at the server of a partner, for one user at a time; it may do several things at once there.

        Raises:
            CannotConnect: there is none, and why.
        """
        terms = partner.profile.sftp_server
        if terms is None:
            words = f"the profile of {partner.id} names no server of theirs: add `sftp_server`"
            raise CannotConnect(words, Step.PROFILE, is_ours=True)
        login = await self._login(terms)
        line = _Line(partner.id, terms, login.digest)
        remote = await self._kept(line) or await self._connect(line, login)
        is_through = False
        try:
            yield remote
            is_through = True
        except RemoteFailed:
            is_through = True
            raise
        finally:
            if is_through and remote.is_usable:
                self._keep(line, remote)
            else:
                # A broken one is cut off at once; one that its user left in the middle of something is as good as that.
                remote.is_broken = True
                await remote.close()

    async def _login(self, terms: SftpServer) -> _Login:
        digest = hashlib.sha256()
        key: asyncssh.SSHKey | None = None
        password: str | None = None
        if terms.key is not None:
            try:
                opened = await self._client_key(terms.key)
            except (SealingUnavailable, SealError) as error:
                words = f"our key {terms.key} cannot be opened: {error}"
                raise CannotConnect(words, Step.LOGIN, is_ours=True) from None
            if opened is None:
                words = (
                    f"there is no SSH key {terms.key} of ours, or it was retired: `gateway sftp keys new {terms.key}` "
                    "makes one, and its public part has to be set up at the partner's"
                )
                raise CannotConnect(words, Step.LOGIN, is_ours=True)
            digest.update(b"key" + hashlib.sha256(opened).digest())
            try:
                key = asyncssh.import_private_key(opened)
            except (asyncssh.KeyImportError, ValueError):
                raise CannotConnect(f"our key {terms.key} cannot be read", Step.LOGIN, is_ours=True) from None
        if terms.password is not None:
            try:
                password = await asyncio.to_thread(read_secret, terms.password)
            except SecretMissing as missing:
                raise CannotConnect(f"our password: {missing}", Step.LOGIN, is_ours=True) from None
            digest.update(b"password" + password.encode("utf-8", "surrogateescape"))
        return _Login(key, password, digest.digest())

    async def _kept(self, line: _Line) -> RemoteServer | None:
        """A connection that was kept and still answers."""
        while kept := self._idle.get(line):
            remote = kept.pop()
            if not kept:
                del self._idle[line]
            try:
                is_alive = remote.is_usable and await remote.answers()
            except BaseException:
                await remote.close()  # it is broken, so this is at once
                raise
            if is_alive:
                return remote
            await remote.close()
        return None

    def _keep(self, line: _Line, remote: RemoteServer) -> None:
        kept = self._idle.setdefault(line, [])
        kept.append(remote)
        if self._is_closed or len(kept) > IDLE_PER_SERVER_MAX or sum(map(len, self._idle.values())) > IDLE_MAX:
            self._end(line, remote)
            return

        def ended() -> None:
            self._timers.discard(timer)
            self._end(line, remote)

        timer = asyncio.get_running_loop().call_later(IDLE_S, ended)
        self._timers.add(timer)

    def _end(self, line: _Line, remote: RemoteServer) -> None:
        """Close a connection unless somebody has taken it meanwhile."""
        kept = self._idle.get(line, [])
        if remote not in kept:
            return
        kept.remove(remote)
        if not kept:
            del self._idle[line]
        end = asyncio.create_task(remote.close())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _connect(self, line: _Line, login: _Login) -> RemoteServer:
        """Connect, and where the server shows a host key of a kind that is not pinned, ask it for one of another kind.

        Which kind a fingerprint is of it does not say, and a server shows the one that we put first.

        Raises:
            CannotConnect: none of its host keys is pinned, among other reasons.
        """
        terms = line.terms
        usual = offer_with(terms.algorithms)
        known = self._offers.get((line.partner_id, terms))
        offer = known or usual
        shown: dict[str, str] = {}
        while True:
            witnessed = await self._attempt(terms, login, offer, other_keys=bool(shown) or offer is known)
            if isinstance(witnessed, RemoteServer):
                if offer is not usual:
                    self._offers = {key: kept for key, kept in self._offers.items() if key[0] != line.partner_id}
                    self._offers[line.partner_id, terms] = offer
                return witnessed
            if witnessed is not None:
                shown[witnessed.get_algorithm()] = fingerprint_of(witnessed)
            elif offer is known:
                offer = known = usual  # the kind of key that was pinned is gone there: all of them are looked at again
                continue
            offer = usual.without_host_keys(shown)
            if witnessed is None or not offer.host_keys or len(shown) >= HOST_KEY_KINDS_MAX:
                raise _strange_host_key(terms, shown)

    async def _attempt(
        self, terms: SftpServer, login: _Login, offer: Offer, *, other_keys: bool
    ) -> RemoteServer | asyncssh.SSHKey | None:
        """A session; else the host key that the server showed and nobody pinned, or None where it has no other one."""
        connection, address = await self._dial(terms)
        witness: _Witness | None = None
        try:
            async with asyncio.timeout(terms.timeout_s) as deadline:
                witness = _Witness(terms, login, deadline)
                session = await asyncssh.connect(
                    terms.host,
                    terms.port,
                    sock=connection,
                    client_factory=lambda made=witness: made,
                    username=terms.user,
                    password=login.password,
                    preferred_auth=_methods(login),
                    **client_options(offer),
                )
        except Exception as error:  # noqa: BLE001 - bytes of strangers may bring asyncssh to raise anything
            connection.close()
            if witness is not None and witness.seen is not None and not witness.is_pinned:
                return witness.seen
            if other_keys and (witness is None or witness.seen is None):
                return None  # it has no other kind; some say so, some hang up
            raise no_ssh(error, terms, logging_in=witness is not None and witness.is_pinned) from None
        except BaseException:
            connection.close()
            raise
        return await self._session(session, terms, address)

    async def _dial(self, terms: SftpServer) -> tuple[socket.socket, str]:
        guard = Guard(
            tuple(ip_network(text) for text in terms.private_networks), self._resolve, self._connect_timeout_s
        )
        try:
            judged = await guard.judged(terms.host, terms.port)
        except Unresolved as error:
            raise unresolved(error) from None
        addresses = [address for address, reason in judged if reason is None]
        if not addresses:
            raise address_refused(AddressRefused(terms.host, judged))
        dialled = await dial(guard, addresses, terms.port, self._connect_timeout_s)
        if dialled.connection is None:
            raise unreachable(terms.host, terms.port, dialled.refused[-1][1], self._connect_timeout_s)
        return dialled.connection, dialled.address

    async def _session(self, connection: asyncssh.SSHClientConnection, terms: SftpServer, address: str) -> RemoteServer:
        try:
            async with asyncio.timeout(terms.timeout_s):
                client = await connection.start_sftp_client(path_encoding=None)
        except (asyncssh.Error, OSError, EOFError, ValueError) as error:
            connection.abort()
            if isinstance(error, asyncssh.ChannelOpenError):
                words = f"{terms.host} let {terms.user} in, but not to SFTP: the partner has to permit it"
                raise CannotConnect(words, Step.SFTP) from None
            raise CannotConnect(failure_of(error, Step.SFTP, "the session").reason, Step.SFTP) from None
        except BaseException:
            connection.abort()
            raise
        key = connection.get_server_host_key()
        facts = ServerFacts(
            address,
            fingerprint_of(key) if key is not None else "",
            key.get_algorithm() if key is not None else "",
            said(str(connection.get_extra_info("server_version", ""))),
            terms.user,
        )
        return RemoteServer(connection, client, facts, terms.timeout_s)


def fingerprint_of(key: asyncssh.SSHKey) -> str:
    """The fingerprint of a public key as `ssh-keygen -l` shows it."""
    return key.get_fingerprint("sha256")


def _methods(login: _Login) -> list[str]:
    """How we log in; a server may ask for both, one after the other (RFC 4252 5.1)."""
    by_key = ["publickey"] if login.key is not None else []
    by_password = ["password", "keyboard-interactive"] if login.password is not None else []
    return [*by_key, *by_password]


def _strange_host_key(terms: SftpServer, seen: dict[str, str]) -> CannotConnect:
    listed = ", ".join(f"{fingerprint} ({kind})" for kind, fingerprint in seen.items())
    return CannotConnect(
        f"{terms.host}, port {terms.port}, shows the host key {listed}, and `sftp_server.host_keys` does not name it. "
        "Nothing was sent and nobody logged in: it may be somebody else's machine. Ask the partner whether they "
        "changed it, and only if their answer names this fingerprint add it beside the others",
        Step.HOST_KEY,
    )
