"""Warnings before a certificate ends: each once, whichever node gives it, however often the gateway starts."""

from sqlalchemy import Connection, delete, select

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import CertificateWarning

_WARNING = table_of(CertificateWarning)
_insert_warning = Insert(CertificateWarning, or_ignore=True)

Given = tuple[str, str, int]  # owner, fingerprint, days ahead


def add(connection: Connection, warning: Given, now_ms: int) -> bool:
    """Give a warning; False when it was given before."""
    owner, fingerprint, days_ahead = warning
    return _insert_warning.run(
        connection,
        {"owner": owner, "fingerprint": fingerprint, "days_ahead": days_ahead, "warned_at_ms": now_ms},
    )


def forget(connection: Connection, owner: str, fingerprint: str) -> None:
    """The warnings of a certificate, by the beginning of its fingerprint: there is no more reason for any."""
    these = (_WARNING.c.owner == owner, _WARNING.c.fingerprint.startswith(fingerprint, autoescape=True))
    connection.execute(delete(_WARNING).where(*these))


def given(connection: Connection) -> set[Given]:
    """Every warning that was given."""
    rows = connection.execute(select(_WARNING.c.owner, _WARNING.c.fingerprint, _WARNING.c.days_ahead))
    return {(row[0], row[1], row[2]) for row in rows}
