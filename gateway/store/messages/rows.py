"""A message as a row and as a value, and how its claimant is told from others."""

from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, and_

from gateway.model.message import MessageState
from gateway.store.engine.statements import constant, table_of
from gateway.store.tables import Message

_MESSAGE = table_of(Message)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row of `message`, as the rooms above see it."""

    id: str
    partner_id: str
    profile_digest: str
    identity: str
    channel: str
    transport_id: str | None
    remote: str
    received_at_ms: int
    state: str
    revision: int
    attempts: int
    next_attempt_at_ms: int | None
    claim_owner: str | None
    payload_bytes: int
    payload_sha256: str
    content_type: str
    filename: str
    security: str
    syntax: str | None
    reason: str
    report: str | None
    acknowledged: bool
    by_hand: bool
    apart_from: str | None
    set_apart: str

    @property
    def was_tried(self) -> bool:
        """Whether an earlier attempt may have left staged documents or a case behind."""
        return self.attempts > 0 or bool(self.reason)


STORED_COLUMNS = [_MESSAGE.c[field.name] for field in fields(StoredMessage)]


class ClaimLost(Exception):  # noqa: N818  # an event between processes
    """The lease ran out and another process took the message; whatever this one did with it is void."""


def held_by(owner: str | ColumnElement[str]) -> ColumnElement[bool]:
    """That a message is worked on by this process: what every statement of the claimant asks for."""
    return and_(_MESSAGE.c.state == constant(MessageState.PROCESSING.value), _MESSAGE.c.claim_owner == owner)
