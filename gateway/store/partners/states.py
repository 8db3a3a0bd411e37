"""Which profile of each partner is in force since when, and what is wrong with the one that would take its place.

Every node keeps these rows current; one that brings nothing new changes nothing, so each change is told once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from gateway.store.engine.statements import Insert, Prepared, given, storable, table_of
from gateway.store.tables import PartnerState
from partners.loader import LoadedProfile

PROBLEM_LINES_MAX = 20
_STATE = table_of(PartnerState)
_insert_state = Insert(PartnerState, or_ignore=True)
_COLUMNS = (
    _STATE.c.partner_id,
    _STATE.c.digest,
    _STATE.c.status,
    _STATE.c.in_force_since_ms,
    _STATE.c.problems,
    _STATE.c.problems_since_ms,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the gateway knows of a partner's profile.

    Attributes:
        partner_id: the partner.
        digest: of the profile in force, to be found in store/profiles; None while there never was a good one.
        status: of the profile in force; None without one.
        in_force_since_ms: since when; None without one.
        problems: why the newest profile is refused, one line each; empty when it is in force.
        problems_since_ms: since when it is refused.
    """

    partner_id: str
    digest: str | None
    status: str | None
    in_force_since_ms: int | None
    problems: tuple[str, ...] = ()
    problems_since_ms: int | None = None


_take_over = Prepared(
    lambda _: (
        update(_STATE)
        .where(_STATE.c.partner_id == given("partner_id"), _STATE.c.digest != given("digest"))
        .values(digest=given("digest"), status=given("status"), in_force_since_ms=given("now_ms"))
    )
)
_tell_problems = Prepared(
    lambda _: (
        update(_STATE)
        .where(_STATE.c.partner_id == given("partner_id"), _STATE.c.problems != given("problems"))
        .values(problems=given("problems"), problems_since_ms=given("now_ms"))
    )
)


def put_in_force(connection: Connection, loaded: LoadedProfile, now_ms: int) -> bool:
    """A profile is in force from now on; False when it was so already. Problems of another one stay."""
    values = {"partner_id": loaded.id, "digest": loaded.digest, "status": loaded.profile.status}
    if _insert_state.run(connection, values | {"in_force_since_ms": now_ms}):
        return True
    return bool(_take_over.count(connection, **values, now_ms=now_ms))


def put_problems(connection: Connection, partner_id: str, lines: Iterable[str], now_ms: int) -> bool:
    """The newest profile is refused for these reasons, for none once there are no lines; False when that was known."""
    kept = kept_lines(partner_id, lines)
    text, since_ms = "\n".join(kept), now_ms if kept else None
    if kept:
        row = {"partner_id": partner_id, "digest": "", "status": "", "in_force_since_ms": now_ms}
        if _insert_state.run(connection, row | {"problems": text, "problems_since_ms": since_ms}):
            return True
    return bool(_tell_problems.count(connection, partner_id=partner_id, problems=text, now_ms=since_ms))


def kept_lines(partner_id: str, lines: Iterable[str]) -> tuple[str, ...]:
    """The lines as they are kept: not too many, and each in one line."""
    kept = tuple(str(storable(" ".join(line.splitlines()))) for line in lines)
    if len(kept) <= PROBLEM_LINES_MAX:
        return kept
    more = len(kept) - PROBLEM_LINES_MAX + 1
    return (*kept[: PROBLEM_LINES_MAX - 1], f"and {more} more; see `gateway partner check {partner_id}`")


def remove(connection: Connection, partner_id: str) -> bool:
    """The partner is gone; False when nothing was known of them."""
    return bool(connection.execute(delete(_STATE).where(_STATE.c.partner_id == partner_id)).rowcount)


def get(connection: Connection, partner_id: str) -> Known | None:
    """What is known of one partner."""
    row = connection.execute(select(*_COLUMNS).where(_STATE.c.partner_id == partner_id)).one_or_none()
    return _known(row) if row is not None else None


def every(connection: Connection) -> dict[str, Known]:
    """What is known of each partner, by id."""
    rows = connection.execute(select(*_COLUMNS).order_by(_STATE.c.partner_id))
    return {row.partner_id: _known(row) for row in rows}


def suspended(connection: Connection) -> dict[str, str]:
    """The digest of the profile in force of each partner whom the last node to change it suspended."""
    query = select(_STATE.c.partner_id, _STATE.c.digest).where(_STATE.c.status == "suspended")
    return {row.partner_id: row.digest for row in connection.execute(query)}


def _known(row: Any) -> Known:  # noqa: ANN401  # a row of SQLAlchemy, whose type depends on its version
    problems = tuple(row.problems.split("\n")) if row.problems else ()
    if not row.digest:
        return Known(row.partner_id, None, None, None, problems, row.problems_since_ms)
    return Known(row.partner_id, row.digest, row.status, row.in_force_since_ms, problems, row.problems_since_ms)
