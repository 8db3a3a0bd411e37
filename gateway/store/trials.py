"""Trials: what each run of a partner's sample through the real transports came to."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Select, delete, func, select

from gateway.store.statements import Insert, storable, table_of
from gateway.store.tables import Trial as TrialRow

Way = Literal["loopback", "partner"]
KEPT_MAX = 100  # of one sample and way
DETAIL_CHARACTERS_MAX = 4_000

_TRIAL = table_of(TrialRow)
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


def _of(connection: Connection, query: Select[Any]) -> tuple[Trial, ...]:
    return tuple(Trial(*row) for row in connection.execute(query))
