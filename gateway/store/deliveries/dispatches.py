"""Dispatches: what the ERP or an operator wanted sent, recorded once for each source and id, sendable or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, select, update

from gateway.buffers import Buffer
from gateway.model.dispatch import DISPATCH_TRANSITIONS, DispatchEvent, DispatchState
from gateway.model.machine import IllegalTransition, advance
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.engine.statements import Insert, Prepared, constant, given, storable, table_of
from gateway.store.tables import Dispatch

DOCUMENT = "document"  # the part of its body, beside those of its delivery
REASON_CHARACTERS_MAX = 4_000

_DISPATCH = table_of(Dispatch)
_insert = Insert(Dispatch, or_ignore=True)


@dataclass(frozen=True, slots=True)
class NewDispatch:
    """What is wanted.

    Attributes:
        source: CloudEvents source; with `source_id` it tells a repetition. None where nothing does.
        kind: one of DeliveryKind.
        actor: ``erp``, ``operator:LABEL`` or ``command:USER``.
        sha256: of the body.
        identity: ours that was asked for; empty where the agreement picks.
        causation_id: the delivery whose payload it repeats.
    """

    id: str
    partner_id: str
    kind: str
    actor: str
    received_at_ms: int
    sha256: str
    body_bytes: int
    source: str | None = None
    source_id: str | None = None
    content_type: str = ""
    filename: str = ""
    subject: str = ""
    identity: str = ""
    correlation_id: str = ""
    causation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about it when it was translated.

    Attributes:
        number: of the first document, as are type and order number.
        control_numbers: of its interchange: ISA13, GS06 and ST02.
        findings: as JSON can say them.
    """

    document_type: str = ""
    number: str = ""
    purchase_order_number: str = ""
    documents: int = 0
    control_numbers: Mapping[str, object] = field(default_factory=dict)
    findings: Sequence[Mapping[str, object]] = ()
    findings_omitted: int = 0


@dataclass(frozen=True, slots=True)
class StoredDispatch:
    """One row of `dispatch`."""

    id: str
    source: str | None
    source_id: str | None
    partner_id: str
    kind: str
    actor: str
    received_at_ms: int
    sha256: str
    body_bytes: int
    content_type: str
    filename: str
    subject: str
    identity: str
    correlation_id: str
    causation_id: str | None
    document_type: str
    number: str
    purchase_order_number: str
    documents: int
    control_numbers: str
    state: str
    reason: str
    findings: str
    findings_omitted: int


_COLUMNS = [_DISPATCH.c[item.name] for item in fields(StoredDispatch)]
_due = Prepared(
    lambda _: (
        select(_DISPATCH.c.id)
        .where(_DISPATCH.c.state == constant(DispatchState.RECEIVED.value))
        .order_by(_DISPATCH.c.id)
        .limit(given("limit"))
    )
)


class SourceIdReused(Exception):  # noqa: N818  # an event of the outside world
    """The source gave an id a second time, for other content or another partner."""

    def __init__(self, dispatch_id: str) -> None:
        super().__init__(f"the id was used before, for {dispatch_id} with other content")
        self.dispatch_id = dispatch_id


def record(connection: Connection, new: NewDispatch) -> StoredDispatch | None:
    """Keep it as received, for the caller to settle in the same transaction; None when it is new.

    What stands for this source and id already is returned. It may be this very one, when a commit was in doubt and is
    made again.

    Raises:
        SourceIdReused: same source and id, other content.
    """
    row = {item.name: getattr(new, item.name) for item in fields(NewDispatch)}
    if _insert.run(connection, row | {"state": DispatchState.RECEIVED.value}):
        return None
    known = None
    if new.source is not None:
        known = _one(
            connection, _DISPATCH.c.source == storable(new.source), _DISPATCH.c.source_id == storable(new.source_id)
        )
    known = known or get(connection, new.id)
    if known is None:
        raise LookupError(f"dispatch {new.id} is neither new nor there")
    if known.id != new.id and (known.sha256, known.partner_id, known.kind) != (new.sha256, new.partner_id, new.kind):
        raise SourceIdReused(known.id)
    return known


def settle(
    connection: Connection,
    dispatch_id: str,
    event: DispatchEvent,
    *,
    reason: str = "",
    found: Found | None = None,
) -> DispatchState:
    """Say what became of it.

    Raises:
        IllegalTransition: somebody else has settled it meanwhile.
    """
    row = connection.execute(
        select(_DISPATCH.c.state).where(_DISPATCH.c.id == dispatch_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise IllegalTransition(DispatchState.ABANDONED, event)
    state = advance(DISPATCH_TRANSITIONS, DispatchState(row.state), event)
    values: dict[str, object] = {"state": state.value}
    if found is not None:  # what a person decides changes nothing of it
        values |= {
            "reason": storable(reason[:REASON_CHARACTERS_MAX]),
            "document_type": found.document_type,
            "number": storable(found.number),
            "purchase_order_number": storable(found.purchase_order_number),
            "documents": found.documents,
            "control_numbers": json.dumps(found.control_numbers) if found.control_numbers else "",
            # ASCII, so that both databases keep whatever a document held.
            "findings": json.dumps(list(found.findings)),
            "findings_omitted": found.findings_omitted,
        }
    connection.execute(update(_DISPATCH).where(_DISPATCH.c.id == dispatch_id).values(values))
    return state


def keep_body(connection: Connection, dispatch_id: str, body: Buffer) -> None:
    """Keep what it held."""
    delivery_bodies.keep(connection, dispatch_id, DOCUMENT, body)


def body(connection: Connection, dispatch_id: str) -> bytes | None:
    """What it held; None when that was purged, or is the payload of its delivery itself."""
    return delivery_bodies.body(connection, dispatch_id, DOCUMENT)


def drop_body(connection: Connection, dispatch_id: str) -> None:
    """Forget what it held: the delivery has it now."""
    delivery_bodies.drop(connection, dispatch_id, DOCUMENT)


def due(connection: Connection, limit: int) -> list[str]:
    """The ids of those that are to be translated again, oldest first."""
    return [str(row[0]) for row in _due.rows(connection, limit=limit)]


def retry(connection: Connection, dispatch_id: str) -> bool:
    """A person has it translated again; False where it is not refused."""
    return _by_a_person(connection, dispatch_id, DispatchEvent.RETRY)


def abandon(connection: Connection, dispatch_id: str) -> bool:
    """A person decided that it is not to be sent; False where it is over already."""
    return _by_a_person(connection, dispatch_id, DispatchEvent.ABANDON)


def _by_a_person(connection: Connection, dispatch_id: str, event: DispatchEvent) -> bool:
    try:
        settle(connection, dispatch_id, event)
    except IllegalTransition:
        return False
    return True


def get(connection: Connection, dispatch_id: str) -> StoredDispatch | None:
    """One dispatch."""
    return _one(connection, _DISPATCH.c.id == storable(dispatch_id))


def find(
    connection: Connection,
    *,
    partner_id: str | None = None,
    states: Sequence[str] = (),
    before: str | None = None,
    limit: int = 50,
) -> list[StoredDispatch]:
    """The newest first; `before` is the id to go on from."""
    query = select(*_COLUMNS).order_by(_DISPATCH.c.id.desc()).limit(limit)
    if partner_id is not None:
        query = query.where(_DISPATCH.c.partner_id == partner_id)
    if states:
        query = query.where(_DISPATCH.c.state.in_(states))
    if before is not None:
        query = query.where(_DISPATCH.c.id < before)
    return [_stored(row) for row in connection.execute(query)]


def caused_by(connection: Connection, delivery_id: str) -> list[str]:
    """The deliveries that repeat the payload of this one."""
    query = select(_DISPATCH.c.id).where(_DISPATCH.c.causation_id == delivery_id).order_by(_DISPATCH.c.id)
    return [str(found) for found in connection.scalars(query)]


def _one(connection: Connection, *conditions: Any) -> StoredDispatch | None:  # noqa: ANN401  # SQLAlchemy's own
    row = connection.execute(select(*_COLUMNS).where(*conditions)).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Sequence[Any]) -> StoredDispatch:
    return StoredDispatch(*row)
