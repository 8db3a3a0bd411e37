"""The open connections of the SFTP port: how many there may be, how long each may take, and how they end.

A connection has a deadline for its login from the moment on it is accepted, whatever it sends or does not, and one for
idleness afterwards. Those who have not logged in yet share a number of places: where all are taken, the network that
holds most of them loses its oldest, so that silent sockets keep nobody out.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from asyncssh import DISC_BY_APPLICATION

from gateway.edge.connection import network_of
from gateway.settings import Limits
from gateway.telemetry import Metrics

if TYPE_CHECKING:
    from gateway.edge.sftp.visitors import Visitor
    from gateway.edge.sftp.wire import Wire

SWEEPS_PER_DEADLINE = 4
SWEEP_S_MAX = 1.0
# What may come in before the login, and afterwards between two requests: more is no SFTP.
BYTES_BEFORE_LOGIN_MAX = 131_072
BYTES_UNASKED_MAX = 32 * 1_048_576
# A login takes about ten packets, and one for each key and password that is tried.
PACKETS_BEFORE_LOGIN_MAX = 100
# Packets that ask for nothing, such as IGNORE and window adjustments, between two requests: each costs as much as one.
PACKETS_UNASKED_MAX = 2_048
# What the other side has not read yet; the session is told to pause long before.
UNREAD_BYTES_MAX = 64 * 1_048_576
_SHUTTING_DOWN = "the server is about to stop; come again in a moment"

log = logging.getLogger("gateway.edge.sftp")


class VisitorConnection:
    """One connection, from the moment on it is accepted.

    Attributes:
        address: where it comes from; what a proxy of ours says, where one speaks for it.
        network: what counts as one address.
        visitor: who it is, once logged in.
        files_open: how many files its sessions have open; with none it may end at any moment.
        channels_open: how many sessions it has.
        at_goodbye: called when the other side says that it ends it (RFC 4253 11.1), before anything is cleared away.
        is_scored: whether a failure counts against where it comes from; not for a balancer that looks after us.
    """

    def __init__(self, transport: asyncio.Transport, address: str, now_s: float) -> None:
        self.transport = transport
        self.address = address
        self.network = network_of(address)
        self.visitor: Visitor | None = None
        self.wire: Wire | None = None
        self.files_open = 0
        self.channels_open = 0
        self.at_goodbye: set[Callable[[], None]] = set()
        self.is_scored = True
        self.is_placed = False
        self.accepted_at_s = now_s
        self._touched_at_s = now_s
        self._clock = asyncio.get_running_loop().time
        self._unasked_bytes = 0
        self._unasked_packets = 0
        self._ended_at_s: float | None = None

    def touch(self) -> None:
        """A request came: called by the session for each."""
        self._touched_at_s = self._clock()
        self._unasked_bytes = 0
        self._unasked_packets = 0

    def note_received(self, count: int) -> bool:
        """Count what came in; False where it is more than anybody has to say."""
        self._unasked_bytes += count
        return self._unasked_bytes <= (BYTES_BEFORE_LOGIN_MAX if self.visitor is None else BYTES_UNASKED_MAX)

    def note_packet(self, *, is_data: bool) -> bool:
        """Count a packet: each before the login, and afterwards each without data; False where there are too many."""
        if self.visitor is not None and is_data:
            return True
        self._unasked_packets += 1
        return self._unasked_packets <= (PACKETS_BEFORE_LOGIN_MAX if self.visitor is None else PACKETS_UNASKED_MAX)

    def logged_in(self, visitor: "Visitor") -> None:
        """Somebody showed who they are."""
        self.visitor = visitor
        self.touch()

    def end(self, words: str) -> None:
        """End it, and say why to whom it can be said; what is open in it is abandoned."""
        if self._ended_at_s is not None:
            return
        self._ended_at_s = self._clock()
        if self.wire is not None and self.visitor is not None:
            self.wire.disconnect(DISC_BY_APPLICATION, words)
        else:
            self.cut()

    def cut(self) -> None:
        """End it this moment, without a word."""
        if self.wire is not None:
            self.wire.abort()
        self.transport.abort()

    def enforce(self, now_s: float, limits: Limits) -> None:
        """End it if it is past its deadline."""
        if self._ended_at_s is not None:
            if now_s - self._ended_at_s > limits.sftp_login_timeout_s:
                self.cut()
        elif self.visitor is None:
            if now_s - self.accepted_at_s > limits.sftp_login_timeout_s:
                self.cut()
        elif now_s - self._touched_at_s > limits.sftp_idle_timeout_s:
            self.end("nothing was asked for too long; log in again when there is something to do")
        elif self.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self.cut()


class Connections:
    """All connections of the port.

    Args:
        limits: the settings' limits.
        metrics: of the process.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        # In the order in which they were accepted: dicts keep it.
        self._open: dict[VisitorConnection, None] = {}
        self._waiting: dict[VisitorConnection, None] = {}
        self._by_network: Counter[str] = Counter()
        self._by_partner: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._draining = False

    def __len__(self) -> int:
        return len(self._open)

    def of_partner(self, partner_id: str) -> int:
        """How many connections a partner has."""
        return self._by_partner[partner_id]

    def admit(self, connection: VisitorConnection) -> bool:
        """Let one in; False: there are too many."""
        if self._draining or len(self._open) >= self._limits.sftp_connections_max:
            return False
        if len(self._waiting) >= self._limits.sftp_logins_max and not self._make_room(connection):
            return False
        self._open[connection] = None
        self._waiting[connection] = None
        self._empty.clear()
        self._tell()
        return True

    def place(self, connection: VisitorConnection, address: str) -> bool:
        """Note where one comes from, once that is known; False: too many come from there."""
        connection.address, connection.network = address, network_of(address)
        if self._by_network[connection.network] >= self._limits.sftp_connections_per_address_max:
            return False
        self._by_network[connection.network] += 1
        connection.is_placed = True
        return True

    def logged_in(self, connection: VisitorConnection, visitor: "Visitor") -> None:
        """Somebody has logged in: the place for logins is free."""
        self._waiting.pop(connection, None)
        if connection in self._open and connection.visitor is None:
            self._by_partner[visitor.partner.id] += 1
        connection.logged_in(visitor)

    def dismiss(self, connection: VisitorConnection) -> None:
        """One ended."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._waiting.pop(connection, None)
        if connection.is_placed:
            _less(self._by_network, connection.network)
        if connection.visitor is not None:
            _less(self._by_partner, connection.visitor.partner.id)
        if not self._open:
            self._empty.set()
        self._tell()

    def end_waiting(self, network: str) -> None:
        """End those of a network who have not logged in."""
        for connection in [one for one in self._waiting if one.network == network]:
            connection.cut()

    def follow(self, why_not: "Callable[[Visitor], str | None]") -> None:
        """End the connections of those who could not log in any more.

        Args:
            why_not: the words for whoever could not; None for all others.
        """
        for connection in list(self._open):
            if connection.visitor is not None and (words := why_not(connection.visitor)) is not None:
                connection.end(words)

    def start_sweeping(self) -> None:
        """Begin to look after deadlines."""
        limits = self._limits
        shortest_s = min(limits.sftp_login_timeout_s, limits.sftp_idle_timeout_s)
        self._sweep(min(SWEEP_S_MAX, shortest_s / SWEEPS_PER_DEADLINE))

    async def drain(self, timeout_s: float) -> None:
        """End those with nothing open, wait for the others, and cut what is left after the time."""
        self._draining = True
        loop = asyncio.get_running_loop()
        ends_at_s = loop.time() + timeout_s
        while self._open and (left_s := ends_at_s - loop.time()) > 0:
            for connection in list(self._open):
                if not connection.files_open:
                    connection.end(_SHUTTING_DOWN)
            try:
                async with asyncio.timeout(min(left_s, SWEEP_S_MAX / SWEEPS_PER_DEADLINE)):
                    await self._empty.wait()
            except TimeoutError:
                continue
        if self._open:
            log.warning("SFTP connections cut at the end", extra={"connections": len(self._open)})
        for connection in list(self._open):
            connection.cut()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _sweep(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for connection in list(self._open):
            connection.enforce(now_s, self._limits)
        self._sweeping = loop.call_later(every_s, self._sweep, every_s)

    def _make_room(self, newcomer: VisitorConnection) -> bool:
        """Take the place of the oldest of the network that has most; False: the newcomer's own has most."""
        held = Counter(one.network for one in self._waiting)
        network, number = held.most_common(1)[0]
        if network == newcomer.network and number > 1:
            return False
        oldest = next(one for one in self._waiting if one.network == network)
        del self._waiting[oldest]
        oldest.cut()
        return True

    def _tell(self) -> None:
        self._metrics.gauge("gateway_sftp_connections", "Connections of the SFTP port.", len(self._open))


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
