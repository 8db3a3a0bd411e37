"""The exceptions list: what waits for a person or for the next attempt."""

from dataclasses import dataclass, fields
from enum import StrEnum

from sqlalchemy import Connection, Select, and_, func, select, update

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import ExceptionCase

_CASE = table_of(ExceptionCase)
_insert_case = Insert(ExceptionCase, or_ignore=True)


class CaseKind(StrEnum):
    """Why a case was opened."""

    PROCESSING = "processing"  # a message could not be processed, by our fault
    UNROUTABLE = "unroutable"  # no queue of the broker wants the event
    PUBLISHING = "publishing"  # the event could not be published
    CERTIFICATE = "certificate"  # a partner sent a new certificate, and a person decides on it
    CERTIFICATE_ENDS = "certificate_ends"  # a certificate ends soon or has ended, and no successor is known
    DELIVERY_REFUSED = "delivery_refused"  # the partner said no to a delivery
    DELIVERY_GIVEN_UP = "delivery_given_up"  # every attempt of its schedule failed
    DELIVERY_FAILING = "delivery_failing"  # it is tried again, and fails until a person puts something right
    DELIVERY_UNCONFIRMED = "delivery_unconfirmed"  # it lies in their inbox for longer than agreed
    OUTBOUND_REFUSED = "outbound_refused"  # what the ERP or an operator wanted sent cannot be
    DELIVERY_HELD = "delivery_held"  # it cannot be sent now; looked at again by itself
    WEBHOOK = "webhook"  # an address of a partner is not called for now, or one event is not taken there
    REMOTE_SERVER = "remote_server"  # a partner's SFTP server cannot be reached; tried again by itself
    REMOTE_FOLDER = "remote_folder"  # a folder there cannot be looked into; looked into again by itself
    REMOTE_FILE = "remote_file"  # a file there is not fetched, or not removed once it is durable here
    UPLOAD_GIVEN_UP = "upload_given_up"  # an upload into a mailbox was never complete, and nobody went on with it
    FETCHED_REJECTED = "fetched_rejected"  # what was fetched there is wrong, and nothing of ours tells the partner
    PARTNER_SUSPENDED = "partner_suspended"  # what goes to and fro is held; one case a partner


class CaseState(StrEnum):
    """Open: the gateway still tries by itself. Stopped: only a person moves it. Resolved: over."""

    OPEN = "open"
    STOPPED = "stopped"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the exceptions list."""

    id: str
    kind: str
    partner_id: str
    message_id: str | None
    event_id: str | None
    reason: str
    detail: str
    state: str
    attempts: int
    opened_at_ms: int
    updated_at_ms: int
    resolution: str


_COLUMNS = [_CASE.c[field.name] for field in fields(Case)]


def raise_case(  # noqa: PLR0913  # one row of the list
    connection: Connection,
    kind: CaseKind,
    state: CaseState,
    now_ms: int,
    *,
    partner_id: str,
    message_id: str | None = None,
    event_id: str | None = None,
    subject: str | None = None,
    reason: str,
    detail: str = "",
    attempts: int = 0,
) -> str:
    """Open the case of this message, event or other subject, or bring it up to date; each has one case of a kind."""
    case_id = f"{kind.value}:{subject or event_id or message_id}"
    values: dict[str, object] = {
        "reason": reason,
        "detail": detail,
        "state": state.value,
        "attempts": attempts,
        "updated_at_ms": now_ms,
        "resolution": "",
    }
    fixed: dict[str, object] = {
        "id": case_id,
        "kind": kind.value,
        "partner_id": partner_id,
        "message_id": message_id,
        "event_id": event_id,
        "opened_at_ms": now_ms,
    }
    if not _insert_case.run(connection, fixed | values):
        connection.execute(update(_CASE).where(_CASE.c.id == case_id).values(values))
    return case_id


def resolve(
    connection: Connection,
    now_ms: int,
    resolution: str,
    *,
    message_id: str | None = None,
    event_id: str | None = None,
    case_id: str | None = None,
) -> None:
    """Close the open cases of a message or an event, or one case by its id."""
    if event_id is not None:
        subject = _CASE.c.event_id == event_id
    elif message_id is not None:
        subject = _CASE.c.message_id == message_id
    else:
        subject = _CASE.c.id == case_id
    connection.execute(
        update(_CASE)
        .where(subject, _CASE.c.state != CaseState.RESOLVED.value)
        .values(state=CaseState.RESOLVED.value, resolution=resolution, updated_at_ms=now_ms)
    )


def resolve_among(
    connection: Connection, kind: CaseKind, message_ids: Select[tuple[str]], now_ms: int, resolution: str
) -> None:
    """Close the open cases of a kind whose messages a query finds."""
    theirs = and_(_CASE.c.kind == kind.value, _CASE.c.message_id.in_(message_ids))
    connection.execute(
        update(_CASE)
        .where(theirs, _CASE.c.state != CaseState.RESOLVED.value)
        .values(state=CaseState.RESOLVED.value, resolution=resolution, updated_at_ms=now_ms)
    )


def get(connection: Connection, case_id: str) -> Case | None:
    """One case."""
    row = connection.execute(select(*_COLUMNS).where(_CASE.c.id == case_id)).one_or_none()
    return Case(*row) if row is not None else None


def find(connection: Connection, *, state: str | None = None, limit: int = 100) -> list[Case]:
    """The cases last touched first; without a state those that are not resolved."""
    query = select(*_COLUMNS).order_by(_CASE.c.updated_at_ms.desc()).limit(limit)
    query = query.where(_CASE.c.state == state if state else _CASE.c.state != CaseState.RESOLVED.value)
    return [Case(*row) for row in connection.execute(query)]


def open_of_kind(connection: Connection, kind: CaseKind) -> set[str]:
    """The ids of the cases of a kind that are not resolved."""
    query = select(_CASE.c.id).where(_CASE.c.kind == kind.value, _CASE.c.state != CaseState.RESOLVED.value)
    return set(connection.scalars(query))


def count_open(connection: Connection) -> int:
    """How many cases are not resolved."""
    query = select(func.count()).select_from(_CASE).where(_CASE.c.state != CaseState.RESOLVED.value)
    return connection.scalar(query) or 0
