"""Brings what the sandbox has to send to the reception when it is due, as though it came over the wire.

A process that dies between the reception's commit and its own note hands a reply over again: it bears the same id and
the same bytes, so the reception recognises it. The lease only keeps two nodes from doing the same work.
"""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.flow.outward.ways import SANDBOX
from gateway.flow.receive import Arrival, Reception
from gateway.flow.rounds import Rounds
from gateway.model.refusals import Reason, Refused
from gateway.store import claims
from gateway.store.database import Database
from gateway.store.deliveries import sandbox_replies
from gateway.store.deliveries.sandbox_replies import Reply
from gateway.telemetry import Metrics
from partners.directory import Directory

POLL_S = 0.5
AT_ONCE_MAX = 20
LEASE_MS = 3_000
_CLAIM = "sandbox:replies"

log = logging.getLogger(__name__)


class SandboxReplies:
    """Hands over what is due, until stopped.

    Args:
        database: the store.
        reception: where everything comes in.
        directory: the partners now.
        owner: name of this process, for its lease.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts what was handed over.
    """

    def __init__(
        self,
        database: Database,
        reception: Reception,
        directory: Callable[[], Directory],
        *,
        owner: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._reception = reception
        self._directory = directory
        self._owner = owner
        self._now_ms = now_ms
        self._metrics = metrics
        self._rounds = Rounds(POLL_S, log, "replies of the sandbox cannot be read now")

    def wake(self) -> None:
        """Something was kept."""
        self._rounds.wake()

    async def run(self) -> None:
        """Hand over until cancelled."""
        await self._rounds.run(self._round)

    async def _round(self) -> float:
        return POLL_S if await self.hand_over() < AT_ONCE_MAX else 0.0

    async def hand_over(self) -> int:
        """Hand over what is due; returns how much it was.

        Raises:
            StoreUnavailable: what was not noted yet is handed over again.
        """
        now_ms = self._now_ms()
        next_ms = await self._database.read(sandbox_replies.next_due)
        if next_ms is None or next_ms > now_ms:
            return 0
        # A claim that a loss of power takes back is only made again.
        taken = await self._database.write(partial(self._take, now_ms=now_ms), durable=False)
        over = []
        for reply in taken:
            if not await self._hand_over(reply):
                break
            over.append(reply.id)
        if over:
            await self._database.write(partial(sandbox_replies.mark_sent, reply_ids=over), durable=False)
        return len(over)

    def _take(self, connection: Connection, now_ms: int) -> list[Reply]:
        if not claims.take(connection, _CLAIM, self._owner, now_ms, now_ms + LEASE_MS):
            return []
        return sandbox_replies.due(connection, now_ms, AT_ONCE_MAX)

    async def _hand_over(self, reply: Reply) -> bool:
        """Whether this one is done with."""
        partner = self._directory().by_id(reply.partner_id)
        if partner is None or not partner.profile.sandbox:
            log.warning("nobody is played any more who would send this", extra={"reply": reply.id})
            return True
        arrival = Arrival(
            partner_id=partner.id,
            profile_digest=partner.digest,
            channel=SANDBOX,
            payload=reply.payload,
            transport_id=reply.id,
            identity=reply.identity,
            content_type=reply.content_type,
            remote=SANDBOX,
            security={"sandbox": reply.about, "answers": reply.delivery_id},
        )
        try:
            await self._reception.keep(arrival)
        except Refused as refused:
            if refused.reason is Reason.STORE_UNAVAILABLE:
                return False
            log.warning("a reply of the sandbox is refused", extra={"reply": reply.id, "reason": refused.reason.value})
            return True
        self._metrics.sandbox_replies.add(reply.about.rpartition(": ")[2])
        return True
