"""Instants: milliseconds since 1970 inside, RFC 3339 in UTC outside."""

from datetime import UTC, datetime

DAY_MS = 86_400_000


def rfc3339(at_ms: int) -> str:
    """Such as ``2026-03-01T09:30:00.125Z``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at_ms: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
