"""The audit: who did or tried what. Never payload, never secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from gateway.store.engine.statements import Insert, storable, table_of
from gateway.store.tables import AuditEntry

_AUDIT = table_of(AuditEntry)
_insert_entry = Insert(AuditEntry, omit=("id",))
SUBJECT_CHARACTERS_MAX = 256


@dataclass(frozen=True, slots=True)
class Act:
    """One entry of the audit.

    Attributes:
        actor: ``partner:ID``, ``operator:LABEL``, ``command:USER`` or ``unknown``.
        action: what was done or refused, such as ``refused.unauthenticated`` or ``message.replay``.
        subject: what it was done to.
    """

    at_ms: int
    actor: str
    action: str
    subject: str
    remote: str
    detail: Mapping[str, object]


def record(connection: Connection, act: Act) -> None:
    """Add an entry."""
    _insert_entry.post(
        connection,
        {
            "at_ms": act.at_ms,
            "actor": act.actor[:SUBJECT_CHARACTERS_MAX],
            "action": act.action,
            "subject": act.subject[:SUBJECT_CHARACTERS_MAX],
            "remote": act.remote,
            "detail": orjson.dumps(act.detail).decode(),
        },
    )


def find(
    connection: Connection,
    *,
    action: str | None = None,
    actor: str | None = None,
    subject: str | None = None,
    limit: int = 100,
) -> list[Act]:
    """The newest entries first; `action` and `actor` also by what they begin with, such as `partner` or `command:`."""
    query = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit)
    for column, begins in ((_AUDIT.c.action, action), (_AUDIT.c.actor, actor)):
        if begins is not None:
            query = query.where(column.startswith(storable(begins), autoescape=True))
    if subject is not None:
        query = query.where(_AUDIT.c.subject == storable(subject))
    return [
        Act(row.at_ms, row.actor, row.action, row.subject, row.remote, orjson.loads(row.detail))
        for row in connection.execute(query)
    ]


def about(
    connection: Connection, words: Iterable[str], *, chosen: tuple[str, str] | None = None, limit: int = 1_000
) -> list[Act]:
    """Entries on one thing, the oldest first: those that have one of the words as subject, or in their detail.

    Args:
        connection: to the store.
        words: of our own making, such as the id of a message.
        chosen: (actor, word) for a word that the actor chose, such as a Message-ID. It could be anything, also what
            entries on others hold; so it finds the actor's own acts alone.
        limit: how many at most.
    """
    conditions = [_speaks_of(word) for word in words if word]
    if chosen is not None and chosen[1]:
        conditions.append(and_(_AUDIT.c.actor == storable(chosen[0]), _speaks_of(chosen[1])))
    if not conditions:
        return []
    query = select(_AUDIT).where(or_(*conditions)).order_by(_AUDIT.c.id).limit(limit)
    return [
        Act(row.at_ms, row.actor, row.action, row.subject, row.remote, orjson.loads(row.detail))
        for row in connection.execute(query)
    ]


def _speaks_of(word: str) -> ColumnElement[bool]:
    text = storable(word)
    # In the detail it stands as JSON writes it.
    return or_(_AUDIT.c.subject == text, _AUDIT.c.detail.contains(orjson.dumps(text).decode(), autoescape=True))
