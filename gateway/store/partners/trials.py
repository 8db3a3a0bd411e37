"""Trials: what each run of a partner's sample through the real transports came to, and what the store shows of it."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Select, delete, func, select

from gateway.model.message import MessageState
from gateway.store.engine.statements import Insert, storable, table_of
from gateway.store.tables import ControlNumberSeen, ControlNumberUse, Document, Message
from gateway.store.tables import Trial as TrialRow

Way = Literal["loopback", "partner"]
KEPT_MAX = 100  # of one sample and way
DETAIL_CHARACTERS_MAX = 4_000

CAME_MAX = 100
_FUNCTIONAL_ACKNOWLEDGMENT = "functional_acknowledgment"
_DECIDED = tuple(state.value for state in (MessageState.QUEUED, MessageState.PUBLISHED, MessageState.REJECTED))

_TRIAL = table_of(TrialRow)
_DOCUMENT = table_of(Document)
_MESSAGE = table_of(Message)
_USE = table_of(ControlNumberUse)
_SEEN = table_of(ControlNumberSeen)
_insert_trial = Insert(TrialRow)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of one sample.

    Attributes:
        id: ascends with time.
        way: ``loopback``, or ``partner`` for their test endpoint.
        digest: of the profile that it ran with.
        detail: what it came to, in words.
        actor: who ran it, such as ``command:USER``.
    """

    id: str
    partner_id: str
    sample: str
    way: Way
    digest: str
    passed: bool
    detail: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Came:
    """A document of a partner that was decided on."""

    message_id: str
    document_type: str
    number: str
    status: str


_COLUMNS = [_TRIAL.c[field.name] for field in fields(Trial)]


def record(connection: Connection, trial: Trial) -> None:
    """Keep a trial; the oldest of very many of the same sample and way go."""
    row: dict[str, object] = {field.name: storable(getattr(trial, field.name)) for field in fields(Trial)}
    _insert_trial.run(connection, row | {"detail": storable(trial.detail)[:DETAIL_CHARACTERS_MAX]})
    same = (_TRIAL.c.partner_id == trial.partner_id) & (_TRIAL.c.sample == trial.sample) & (_TRIAL.c.way == trial.way)
    beyond = select(_TRIAL.c.id).where(same).order_by(_TRIAL.c.id.desc()).offset(KEPT_MAX).limit(KEPT_MAX)
    connection.execute(delete(_TRIAL).where(_TRIAL.c.id.in_(beyond)))


def latest(connection: Connection, partner_id: str) -> tuple[Trial, ...]:
    """The last trial of each sample and way, in the order of their names."""
    last = (
        select(func.max(_TRIAL.c.id)).where(_TRIAL.c.partner_id == partner_id).group_by(_TRIAL.c.sample, _TRIAL.c.way)
    )
    return _of(connection, select(*_COLUMNS).where(_TRIAL.c.id.in_(last)).order_by(_TRIAL.c.sample, _TRIAL.c.way))


def history(connection: Connection, partner_id: str, *, limit: int = 100) -> tuple[Trial, ...]:
    """The trials of a partner, the newest first."""
    query = select(*_COLUMNS).where(_TRIAL.c.partner_id == partner_id).order_by(_TRIAL.c.id.desc()).limit(limit)
    return _of(connection, query)


def came_since(
    connection: Connection, partner_id: str, document_types: Collection[str], since_ms: int
) -> tuple[Came, ...]:
    """The documents of a partner of these types that came since, the newest first."""
    query = (
        select(_DOCUMENT.c.message_id, _DOCUMENT.c.document_type, _DOCUMENT.c.number, _DOCUMENT.c.status)
        .join(_MESSAGE, _MESSAGE.c.id == _DOCUMENT.c.message_id)
        .where(
            _DOCUMENT.c.partner_id == partner_id,
            _DOCUMENT.c.document_type.in_(list(document_types)),
            _MESSAGE.c.received_at_ms >= since_ms,
            _MESSAGE.c.state.in_(_DECIDED),
        )
        .order_by(_DOCUMENT.c.id.desc())
        .limit(CAME_MAX)
    )
    return tuple(Came(*row) for row in connection.execute(query))


def acknowledgments_since(
    connection: Connection, partner_id: str, group_control_number: str, since_ms: int
) -> tuple[bytes, ...]:
    """The functional acknowledgments of a partner for a group of ours that came since, as canonical JSON."""
    query = (
        select(_DOCUMENT.c.body)
        .where(
            _DOCUMENT.c.partner_id == partner_id,
            _DOCUMENT.c.document_type == _FUNCTIONAL_ACKNOWLEDGMENT,
            _DOCUMENT.c.number == storable(group_control_number),
            _DOCUMENT.c.created_at_ms >= since_ms,
            _DOCUMENT.c.body.is_not(None),
        )
        .order_by(_DOCUMENT.c.id)
        .limit(CAME_MAX)
    )
    return tuple(bytes(row.body) for row in connection.execute(query))


def message_with(connection: Connection, transport_id: str) -> str | None:
    """The message that came under a transport id."""
    query = select(_MESSAGE.c.id).where(_MESSAGE.c.transport_id == storable(transport_id)).limit(1)
    found: str | None = connection.scalar(query)
    return found


def forget_their_numbers(connection: Connection) -> None:
    """Forget every control number of partners, in a store that is thrown away: its samples may repeat them."""
    connection.execute(delete(_USE))
    connection.execute(delete(_SEEN))


def _of(connection: Connection, query: Select[Any]) -> tuple[Trial, ...]:
    return tuple(Trial(*row) for row in connection.execute(query))
