"""Receive: what a partner sent becomes durable, and only then may anybody say so."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from gateway.model.ids import IdSource
from gateway.model.refusals import Reason, Refused
from gateway.store import audit, messages
from gateway.store.database import Database, StoreUnavailable
from gateway.store.messages import Acceptance, NewMessage, TransportIdReused

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Arrival:
    """One authenticated delivery, as an edge hands it in.

    Attributes:
        partner_id: who sent it; authenticated.
        profile_digest: the profile that was in force, so that processing reads by the same one.
        identity: name of our identity it was sent to; empty when the transport names none.
        channel: ``as2``, ``rest`` or ``sftp``.
        transport_id: AS2 Message-ID or Idempotency-Key; None when the sender gave none.
        payload: the business content, opened.
        wire: the bytes as they came, when they differ from the payload (evidence).
        authenticated: the bytes that decide whether a second arrival is the same; the payload by default.
        security: how it was protected, for the timeline and as evidence.
    """

    partner_id: str
    profile_digest: str
    channel: str
    payload: bytes
    transport_id: str | None = None
    identity: str = ""
    wire: bytes | None = None
    authenticated: bytes | None = None
    content_type: str = ""
    filename: str = ""
    remote: str = ""
    security: Mapping[str, object] | None = None


class Reception:
    """Where every edge brings what it received.

    Args:
        database: the store.
        ids: gives message ids.
        now_ms: the clock, milliseconds since 1970.
        arrived: called after each durable commit of something new; wakes the processing.
        disk_is_low: whether to accept nothing more for now.
    """

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        now_ms: Callable[[], int],
        arrived: Callable[[], None],
        disk_is_low: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._ids = ids
        self._now_ms = now_ms
        self._arrived = arrived
        self._disk_is_low = disk_is_low

    def new_id(self) -> str:
        """The id for a message, for edges whose answer names it before it is kept (an MDN, say)."""
        return self._ids.next()

    async def keep(self, arrival: Arrival, *, message_id: str | None = None, answer: bytes | None = None) -> Acceptance:
        """Make an arrival durable, or recognise it as a duplicate of one that is.

        Args:
            arrival: what was received.
            message_id: from `new_id`; drawn here when absent.
            answer: what the sender will be told, byte for byte; a duplicate is told the same again.

        Returns:
            The message that stands for this arrival; `duplicate` tells whether it was there before, and `answer` is the
            stored one.

        Raises:
            Refused: IDEMPOTENCY_CONFLICT, same transport id with other bytes (audited); STORE_UNAVAILABLE, nothing was
                kept and the sender should try again.
        """
        if self._disk_is_low():
            raise store_unavailable(StoreUnavailable("the disk is low"))
        payload_sha256 = hashlib.sha256(arrival.payload).hexdigest()
        digest = payload_sha256 if arrival.authenticated is None else hashlib.sha256(arrival.authenticated).hexdigest()
        new = NewMessage(
            id=message_id or self._ids.next(),
            partner_id=arrival.partner_id,
            profile_digest=arrival.profile_digest,
            identity=arrival.identity,
            channel=arrival.channel,
            transport_id=arrival.transport_id,
            remote=arrival.remote,
            received_at_ms=self._now_ms(),
            sha256=digest,
            payload=arrival.payload,
            payload_sha256=payload_sha256,
            wire=arrival.wire,
            answer=answer,
            content_type=arrival.content_type,
            filename=arrival.filename,
            security=orjson.dumps(arrival.security or {}).decode(),
        )
        try:
            acceptance = await self._database.write(lambda connection: messages.accept(connection, new))
        except TransportIdReused as reused:
            await self.record_refusal(
                Reason.IDEMPOTENCY_CONFLICT,
                actor=f"partner:{arrival.partner_id}",
                subject=arrival.transport_id or "",
                remote=arrival.remote,
                detail={"message_id": reused.message_id, "channel": arrival.channel},
            )
            raise Refused(
                Reason.IDEMPOTENCY_CONFLICT,
                "this id was used before for other content; send the same bytes again, or use a new id",
                audit=str(reused),
            ) from None
        except StoreUnavailable as unavailable:
            raise store_unavailable(unavailable) from unavailable
        if not acceptance.duplicate:
            self._arrived()
        return acceptance

    async def record_refusal(
        self, reason: Reason, *, actor: str, subject: str, remote: str, detail: Mapping[str, object]
    ) -> None:
        """Put a refusal into the audit.

        A store that cannot write now must not turn a clear refusal into another error, so its failure is left to the
        metrics and the log of whoever reads the store's health.
        """
        act = audit.Act(self._now_ms(), actor, f"refused.{reason.value}", subject, remote, detail)
        try:
            await self._database.write(lambda connection: audit.record(connection, act))
        except StoreUnavailable:
            return


def store_unavailable(cause: StoreUnavailable) -> Refused:
    """The refusal for a store that cannot commit or read now."""
    return Refused(
        Reason.STORE_UNAVAILABLE,
        "the message could not be kept, so it was not accepted; send it again later",
        audit=str(cause),
        retry_after_s=RETRY_AFTER_S,
    )
