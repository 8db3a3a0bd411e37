"""Profiles by digest, packed with their files, so that every node reads a message by the profile it started with."""

from sqlalchemy import Connection, select

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import Profile

_PROFILE = table_of(Profile)
_insert_profile = Insert(Profile, or_ignore=True)


def keep(connection: Connection, digest: str, partner_id: str, packed: bytes, now_ms: int) -> bool:
    """Keep a profile; False when this very content is kept already."""
    return _insert_profile.run(
        connection, {"digest": digest, "partner_id": partner_id, "packed": packed, "loaded_at_ms": now_ms}
    )


def get(connection: Connection, digest: str) -> bytes | None:
    """The packed profile with this digest."""
    packed = connection.scalar(select(_PROFILE.c.packed).where(_PROFILE.c.digest == digest))
    return bytes(packed) if packed is not None else None


def digests_of_partner(connection: Connection, *, partner_id: str, limit: int) -> list[str]:
    """The digests of a partner's profiles, the newest first, for whoever looks at one after the other."""
    query = select(_PROFILE.c.digest).where(_PROFILE.c.partner_id == partner_id)
    return list(connection.scalars(query.order_by(_PROFILE.c.loaded_at_ms.desc()).limit(limit)))


def of_partner(connection: Connection, *, partner_id: str, digest_begins: str = "", limit: int) -> list[bytes]:
    """The packed profiles of a partner whose digest begins so, the newest first."""
    query = select(_PROFILE.c.packed).where(
        _PROFILE.c.partner_id == partner_id, _PROFILE.c.digest.startswith(digest_begins, autoescape=True)
    )
    return [bytes(packed) for packed in connection.scalars(query.order_by(_PROFILE.c.loaded_at_ms.desc()).limit(limit))]
