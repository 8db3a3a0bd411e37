"""Finds out who comes in by SSH: by a public key or a password of a profile, from an address that the profile allows.

Whoever is not let in gets one answer after the same work, whether the user, the key, the password, the day, the address
or the profile was wrong; what it was stands in the audit. How it ends for the network is with `bans`.
"""

import asyncio
import logging
import math
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime

import asyncssh
from sqlalchemy import Connection

from gateway.edge.audit_gate import AuditGate
from gateway.edge.context import Edge
from gateway.edge.sftp.algorithms import BY_PROFILE_ALONE, SIGNATURES
from gateway.edge.sftp.bans import Bans, Fault
from gateway.edge.sftp.channel import ChannelSession, NewSession
from gateway.edge.sftp.connections import Connections, VisitorConnection
from gateway.edge.sftp.openings import NotOpened, Opening, comes_from_there, opening_by_key, read_key, terms_of
from gateway.edge.sftp.passwords import Passwords, TooBusy
from gateway.edge.sftp.visitors import Visitor
from gateway.edge.sftp.wire import Wire
from gateway.model.refusals import Reason
from gateway.model.ssh_algorithms import SHA1_SIGNATURE
from gateway.store import sftp_bans
from gateway.store.database import StoreUnavailable
from gateway.store.engine.statements import storable
from gateway.store.oversight import audit
from gateway.store.sftp_bans import StoredBan
from partners.directory import Directory
from partners.loader import LoadedProfile

# Programs try every key that they have; passwords are typed.
KEYS_TRIED_MAX = 12
PASSWORDS_TRIED_MAX = 4
USERS_TRIED_MAX = 4
CHANNELS_MAX = 4
CAUSES_MAX = 8
USER_CHARACTERS_SHOWN = 64
# Answers that are held back at the same time; beyond it the connection ends instead.
DELAYED_MAX = 256
KEY, PASSWORD = "sftp_key", "sftp_password"

log = logging.getLogger("gateway.edge.sftp")


class Logins:
    """What all logins of the port share.

    Args:
        edge: what it stands on.
        connections: that are open.
        bans: of those who fail too often.
        new_session: makes the session of SFTP for whoever has logged in.
    """

    def __init__(self, edge: Edge, connections: Connections, bans: Bans, new_session: NewSession) -> None:
        self.edge = edge
        self.connections = connections
        self.bans = bans
        self.new_session = new_session
        self.passwords = Passwords()
        self._gate = AuditGate(edge.reception, edge.metrics, edge.now_ms)
        self._most: tuple[Directory | None, date, int] = (None, date.min, 0)
        self._delayed = 0
        self._telling: set[asyncio.Task[None]] = set()

    def today(self) -> date:
        """The day (UTC)."""
        return datetime.fromtimestamp(self.edge.now_ms() / 1_000, UTC).date()

    def partner_of(self, user: str, address: str, agreed: frozenset[str]) -> LoadedProfile:
        """Whose user name it is, if they may log in from there at all.

        Raises:
            NotOpened: nobody's, or not like this.
        """
        partner = self.edge.directory().by_sftp_user(user)
        if partner is None:
            raise NotOpened("unknown user")
        if partner.profile.status == "draft":
            raise NotOpened("the partner is a draft")
        terms = terms_of(partner)
        if not comes_from_there(terms, address):
            raise NotOpened("an address that the profile does not list")
        if strange := sorted(agreed - set(terms.algorithms)):
            raise NotOpened(f"old algorithms that the profile does not name: {', '.join(strange)}")
        return partner

    def why_not(self, visitor: Visitor) -> str | None:
        """Why somebody who has logged in could not do so any more, in words for them; None where they could."""
        partner, today = self.edge.directory().by_sftp_user(visitor.user), self.today()
        if partner is None or partner.id != visitor.partner.id or partner.profile.status == "draft":
            return "this mailbox is closed"
        terms = terms_of(partner)
        if not comes_from_there(terms, visitor.address):
            return "this mailbox is not open to your address any more"
        keys = [read_key(partner.file(key.file)) for key in terms.keys if key.opens_on(today)]
        proofs = {key.get_fingerprint() for key in keys if key is not None}
        proofs |= {item.scrypt for item in terms.passwords if item.opens_on(today)}
        return None if visitor.proof in proofs else "what you logged in with does not open this mailbox any more"

    def passwords_max(self) -> int:
        """How many passwords the profile has that has most; 0: nobody may log in with one."""
        directory, today = self.edge.directory(), self.today()
        if self._most[:2] != (directory, today):
            numbers = [
                sum(item.opens_on(today) for item in partner.profile.sftp.passwords)
                for partner in directory
                if partner.profile.sftp is not None and partner.profile.status != "draft"
            ]
            self._most = (directory, today, max(numbers, default=0))
        return self._most[2]

    async def hold_back(self, network: str) -> bool:
        """Wait before a failure is answered; False: too many wait already, and the connection is to end."""
        delay_s = self.bans.delay_s(network)
        if not delay_s:
            return True
        if self._delayed >= DELAYED_MAX:
            return False
        self._delayed += 1
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._delayed -= 1
        return True

    def failed(self, connection: VisitorConnection, fault: Fault) -> None:
        """Count a failure; whoever is shut out by it is told to nobody but the audit."""
        if not connection.is_scored:
            return
        ban = self.bans.failed(connection.network, connection.address, fault)
        if ban is not None:
            self.edge.metrics.sftp_bans.add()
            log.warning("a network is shut out of SFTP", extra={"network": ban.network, "in_a_row": ban.in_a_row})
            self._tell(self._record_ban(ban))
            self.connections.end_waiting(connection.network)

    def refused(self, connection: VisitorConnection, user: str, causes: tuple[str, ...]) -> None:
        """A connection ended without a login: into metrics and audit."""
        self.edge.metrics.sftp_logins.add("refused")
        suppressed = self._gate.admit(connection.network, Reason.UNAUTHENTICATED)
        if suppressed is None:
            return
        detail: dict[str, object] = {"cause": storable("; ".join(causes)), "port": "sftp"}
        if suppressed:
            detail["not_recorded_before"] = suppressed
        self._tell(
            self.edge.reception.record_refusal(
                Reason.UNAUTHENTICATED,
                actor="unknown",
                subject=storable(user[:USER_CHARACTERS_SHOWN]),
                remote=connection.address,
                detail=detail,
            )
        )

    async def close(self) -> None:
        """Wait for what is being told."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    def _tell(self, telling: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _record_ban(self, ban: StoredBan) -> None:
        seconds = math.ceil((ban.until_ms - ban.banned_at_ms) / 1_000)
        detail: Mapping[str, object] = {"seconds": seconds, "in_a_row": ban.in_a_row}
        act = audit.Act(ban.banned_at_ms, "gateway", "sftp.ban", ban.network, ban.address, detail)

        def unit(store: Connection) -> None:
            sftp_bans.put(store, ban)
            audit.record(store, act)

        with suppress(StoreUnavailable):  # it holds in this process
            await self.edge.database.write(unit)


class Login(asyncssh.SSHServer):
    """One connection on its way in, and what it may open afterwards.

    Args:
        logins: what all share.
        connection: whose login it is.
    """

    def __init__(self, logins: Logins, connection: VisitorConnection) -> None:
        self._logins = logins
        self._connection = connection
        self._wire: Wire | None = None
        self._user = ""
        self._users = 0
        self._signature = ""
        self._opening: Opening | None = None
        self._causes: dict[str, None] = {}
        self._keys_tried = 0
        self._passwords_tried = 0
        self._sessions: list[ChannelSession] = []
        self._passwords_offered = logins.passwords_max()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """SSH begins."""
        assert isinstance(conn, Wire)  # noqa: S101  # for the type
        self._wire = conn

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncssh's own signature
        """It ended; without a login that counts."""
        connection = self._connection
        self._logins.connections.dismiss(connection)
        if connection.visitor is not None:
            return
        if self._keys_tried:
            unknown = self._logins.edge.directory().by_sftp_user(self._user) is None
            self._logins.failed(connection, Fault.UNKNOWN_USER if unknown else Fault.WRONG_KEY)
        elif not self._passwords_tried:
            self._logins.failed(connection, Fault.LEFT)
        if self._causes:
            self._logins.refused(connection, self._user, tuple(self._causes))

    def begin_auth(self, username: str) -> bool:
        """A user name; every one has to show something."""
        self._user = username
        self._users += 1
        if self._users > USERS_TRIED_MAX:
            raise _too_many("user names")
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys are offered to everybody."""
        return True

    def password_auth_supported(self) -> bool:
        """Passwords are offered to everybody as soon as one profile has one: who has one is nobody's business."""
        return self._passwords_offered > 0

    def signed_with(self, algorithm: str) -> None:
        """With which algorithm the attempt that comes now was signed; empty: only asked whether the key would do."""
        self._signature = algorithm

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether a key opens a mailbox."""
        self._opening = None
        self._keys_tried += 1
        if self._keys_tried > KEYS_TRIED_MAX:
            raise _too_many("keys")
        try:
            agreed = self._agreed() | ({self._signature} & {SHA1_SIGNATURE})
            partner = self._logins.partner_of(username, self._connection.address, agreed)
            label, fingerprint = opening_by_key(partner, key.public_data, self._logins.today())
            if self._signature and self._signature not in {*SIGNATURES, SHA1_SIGNATURE}:
                raise NotOpened(f"key {label}: signed with {self._signature}")  # noqa: TRY301  # told as the others
        except NotOpened as cause:
            return await self._refuse(str(cause))
        self._opening = Opening(partner, KEY, label, fingerprint)
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether a password opens a mailbox."""
        self._opening = None
        self._passwords_tried += 1
        if self._passwords_tried > PASSWORDS_TRIED_MAX:
            raise _too_many("passwords")
        if self._logins.bans.withholds_passwords(self._connection.network):
            return await self._refuse("a password, and too many fail from there for any to be looked at")
        today = self._logins.today()
        partner, cause = None, "a password that the profile does not have"
        try:
            partner = self._logins.partner_of(username, self._connection.address, self._agreed())
            terms = terms_of(partner)
        except NotOpened as not_opened:
            terms, cause = None, str(not_opened)
        good = [item for item in terms.passwords if item.opens_on(today)] if terms is not None else []
        try:
            which = await self._logins.passwords.which(
                password, [item.scrypt for item in good], at_least=max(1, self._passwords_offered)
            )
        except asyncio.CancelledError:
            # They hung up, or sent the next one, before this one was answered: it counts as what it most likely was.
            self._logins.failed(self._connection, Fault.WRONG_PASSWORD)
            raise
        except TooBusy:
            words = "too many are logging in at the moment; come again later"
            raise asyncssh.DisconnectError(asyncssh.DISC_TOO_MANY_CONNECTIONS, words) from None
        if which is None or partner is None:
            unknown = self._logins.edge.directory().by_sftp_user(username) is None
            self._logins.failed(self._connection, Fault.UNKNOWN_USER if unknown else Fault.WRONG_PASSWORD)
            return await self._refuse(cause)
        self._opening = Opening(partner, PASSWORD, good[which].label, good[which].scrypt)
        return True

    def auth_completed(self) -> None:
        """Logged in."""
        opening, wire, logins = self._opening, self._wire, self._logins
        if opening is None or wire is None:
            self._connection.cut()
            return
        terms, edge, connection = terms_of(opening.partner), logins.edge, self._connection
        if logins.connections.of_partner(opening.partner.id) >= terms.sessions_max:
            edge.metrics.sftp_logins.add("too_many")
            # Not logged in for us, and none of their failures either.
            self._causes.clear()
            self._passwords_tried = 1
            self._keys_tried = 0
            words = f"as many connections as were agreed on are open already ({terms.sessions_max}); close one first"
            log.warning(
                "a partner has too many connections of SFTP open for one more",
                extra={
                    "partner": opening.partner.id,
                    "address": connection.address,
                    "sessions_max": terms.sessions_max,
                },
            )
            wire.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, words)
            return
        visitor = Visitor(opening.partner, self._user, connection.address, self._security(opening), opening.proof)
        logins.connections.logged_in(connection, visitor)
        logins.bans.succeeded(connection.network)
        edge.metrics.sftp_logins.add(opening.means.removeprefix("sftp_"))
        edge.credential_uses.note(opening.partner.id, opening.means, opening.label, edge.now_ms())
        log.info(
            "a partner logged in by SFTP",
            extra={"partner": opening.partner.id, "address": connection.address, opening.means: opening.label},
        )

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        """A channel."""
        connection = self._connection
        if connection.visitor is None or connection.channels_open >= CHANNELS_MAX:
            return False
        self._sessions = [one for one in self._sessions if one.is_open]
        session = ChannelSession(connection, self._logins.new_session)
        self._sessions.append(session)
        return session

    def keys_agreed(self) -> None:
        """Session keys were agreed on; anew in the middle, by no other algorithms than at the login."""
        visitor = self._connection.visitor
        if visitor is not None and self._agreed() - set(terms_of(visitor.partner).algorithms):
            self._connection.end("an old algorithm that was not agreed on")

    def pause_writing(self) -> None:
        """The other side reads slower than we write."""
        for session in self._sessions:
            session.pause_wire()

    def resume_writing(self) -> None:
        """It caught up."""
        for session in self._sessions:
            session.resume_wire()

    async def _refuse(self, cause: str) -> bool:
        if len(self._causes) < CAUSES_MAX:
            self._causes[cause] = None
        if not await self._logins.hold_back(self._connection.network):
            self._connection.cut()
        return False

    def _agreed(self) -> frozenset[str]:
        """The old algorithms that this connection speaks."""
        wire = self._wire
        if wire is None:
            return frozenset()
        names = {str(wire.get_extra_info(name)) for name in ("send_cipher", "recv_cipher", "send_mac", "recv_mac")}
        host_key = wire.get_server_host_key()
        if host_key is not None:
            names.add(host_key.sig_algorithm.decode("ascii"))
        return BY_PROFILE_ALONE & {*names, wire.key_exchange}

    def _security(self, opening: Opening) -> dict[str, object]:
        said: dict[str, object] = {opening.means: opening.label}
        if opening.means == KEY:
            said["fingerprint"] = opening.proof
        wire = self._wire
        if wire is not None:
            said |= {"key_exchange": wire.key_exchange, "cipher": wire.get_extra_info("recv_cipher")}
        return said


def _too_many(what: str) -> asyncssh.DisconnectError:
    words = f"too many {what} were tried; connect again with the right one"
    return asyncssh.DisconnectError(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, words)
