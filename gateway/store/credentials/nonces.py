"""The nonces of signed requests: each once for its key while its signature could come again (RFC 9421, 7.2.2).

A nonce is spent in the transaction of what its request asks for, so that one survives exactly as the other does, and
between processes the primary key decides.
"""

from sqlalchemy import Connection, and_, delete, select, tuple_

from gateway.store.api_tables import RequestNonce
from gateway.store.engine.statements import Prepared, given, table_of

PURGE_ROWS_MAX = 2_000

_NONCE = table_of(RequestNonce)


def _spend() -> Prepared:
    def build(insert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the dialect's own insert
        new = insert(_NONCE).values(key_id=given("key_id"), nonce=given("nonce"), expires_at_ms=given("expires_at_ms"))
        return new.on_conflict_do_update(
            index_elements=["key_id", "nonce"],
            set_={"expires_at_ms": new.excluded.expires_at_ms},
            # One that is over and was not removed yet keeps nobody from using it again.
            where=_NONCE.c.expires_at_ms < given("now_ms"),
        )

    return Prepared(build)


_SPEND = _spend()
_RELEASE = Prepared(
    lambda _insert: delete(_NONCE).where(and_(_NONCE.c.key_id == given("key_id"), _NONCE.c.nonce == given("nonce")))
)


def spend(connection: Connection, key_id: str, nonce: str, expires_at_ms: int, now_ms: int) -> bool:
    """Use a nonce. False: it was used before, and its time is not over.

    Args:
        connection: in the transaction of what the request asks for.
        key_id: of the signature that is right.
        nonce: of the same.
        expires_at_ms: from then on the signature would not pass any more.
        now_ms: the clock.
    """
    return bool(_SPEND.count(connection, key_id=key_id, nonce=nonce, expires_at_ms=expires_at_ms, now_ms=now_ms))


def release(connection: Connection, key_id: str, nonce: str) -> None:
    """Nothing came of the request that used it: it may come again."""
    _RELEASE.count(connection, key_id=key_id, nonce=nonce)


def purge(connection: Connection, now_ms: int) -> int:
    """Remove some of those whose time is over; how many went, so that the caller knows when to come back."""
    key = tuple_(_NONCE.c.key_id, _NONCE.c.nonce)
    over = select(_NONCE.c.key_id, _NONCE.c.nonce).where(_NONCE.c.expires_at_ms < now_ms)
    return connection.execute(delete(_NONCE).where(key.in_(over.limit(PURGE_ROWS_MAX)))).rowcount
