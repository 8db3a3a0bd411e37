"""What several processes share of partners' limits: buckets, documents a day, and which processes there are."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select

from gateway.store.api_tables import DailyUse, RateBucket, RateProcess
from gateway.store.engine.statements import Insert, Prepared, given, table_of

_BUCKET, _USE, _PROCESS = table_of(RateBucket), table_of(DailyUse), table_of(RateProcess)

_new_bucket = Insert(RateBucket, or_ignore=True)
_locked_bucket = Prepared(
    lambda _: (
        select(_BUCKET.c.tokens, _BUCKET.c.at_ms)
        .where(_BUCKET.c.partner_id == given("partner_id"), _BUCKET.c.name == given("name"))
        .with_for_update()
    )
)
_keep_bucket = Prepared(
    lambda _: (
        _BUCKET.update()
        .where(_BUCKET.c.partner_id == given("partner_id"), _BUCKET.c.name == given("name"))
        .values(tokens=given("tokens"), at_ms=given("at_ms"))
    )
)


def _add_up() -> Prepared:
    def build(insert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the dialect's own insert
        new = insert(_USE).values(partner_id=given("partner_id"), day=given("day"), used=given("used"))
        return new.on_conflict_do_update(
            index_elements=["partner_id", "day"], set_={"used": _USE.c.used + new.excluded.used}
        ).returning(_USE.c.used)

    return Prepared(build)


def _see() -> Prepared:
    def build(insert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the dialect's own insert
        new = insert(_PROCESS).values(name=given("name"), seen_at_ms=given("seen_at_ms"))
        return new.on_conflict_do_update(index_elements=["name"], set_={"seen_at_ms": new.excluded.seen_at_ms})

    return Prepared(build)


_used = _add_up()
_seen = _see()


def lock_bucket(connection: Connection, partner_id: str, name: str, *, full: float, now_ms: int) -> tuple[float, int]:
    """The tokens of a bucket and since when; nobody else changes it before this transaction ends.

    Whoever locks several does so in the order of partner and name, lest two wait for each other.

    One that nobody has used yet is `full`.
    """
    _new_bucket.post(connection, {"partner_id": partner_id, "name": name, "tokens": full, "at_ms": now_ms})
    ((tokens, at_ms),) = _locked_bucket.rows(connection, partner_id=partner_id, name=name)
    return float(tokens), int(at_ms)


def keep_bucket(connection: Connection, partner_id: str, name: str, tokens: float, at_ms: int) -> None:
    """Put a locked bucket back."""
    _keep_bucket.post(connection, partner_id=partner_id, name=name, tokens=tokens, at_ms=at_ms)


def count_documents(connection: Connection, partner_id: str, day: str, number: int) -> int:
    """Add documents to those of a day; the sum."""
    return int(_used.rows(connection, partner_id=partner_id, day=day, used=number)[0][0])


def used_on(connection: Connection, day: str, partners: Sequence[str] | None = None) -> dict[str, int]:
    """The documents of a day by partner, of all or of some."""
    if partners is not None and not partners:
        return {}
    wanted = select(_USE.c.partner_id, _USE.c.used).where(_USE.c.day == day)
    if partners is not None:
        wanted = wanted.where(_USE.c.partner_id.in_(partners))
    return {row[0]: row[1] for row in connection.execute(wanted)}


def note_process(connection: Connection, name: str, now_ms: int) -> None:
    """This process is there."""
    _seen.post(connection, name=name, seen_at_ms=now_ms)


def forget_process(connection: Connection, name: str) -> None:
    """This process ends."""
    connection.execute(delete(_PROCESS).where(_PROCESS.c.name == name))


def count_processes(connection: Connection, since_ms: int) -> int:
    """How many were there since then."""
    seen = select(func.count()).select_from(_PROCESS).where(_PROCESS.c.seen_at_ms >= since_ms)
    return int(connection.execute(seen).scalar_one())


def remove_old(connection: Connection, *, before_ms: int, before_day: str) -> None:
    """Remove what no limit asks for any more."""
    connection.execute(delete(_USE).where(_USE.c.day < before_day))
    connection.execute(delete(_BUCKET).where(_BUCKET.c.at_ms < before_ms))
    connection.execute(delete(_PROCESS).where(_PROCESS.c.seen_at_ms < before_ms))
