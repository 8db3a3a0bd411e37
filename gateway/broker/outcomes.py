"""Reading what the ERP made of an event. Pure: bytes and properties in, an `Outcome` or the reason why not out."""

from collections.abc import Mapping
from typing import Final

import orjson

from gateway.model.events import Outcome

OUTCOME_BYTES_MAX: Final = 65_536
STATUSES: Final = ("posted", "refused")
# A structured CloudEvent: everything in the body, the document under ``data`` (CloudEvents JSON format, 3).
STRUCTURED_PREFIX: Final = "application/cloudevents"
CHARACTERS_MAX: Final[Mapping[str, int]] = {"event_id": 255, "code": 100, "text": 4_000}


class MalformedOutcome(Exception):  # noqa: N818  # it is one
    """Not an outcome; the text says what is wrong, for the ERP team that finds it in the dead letters."""


def read_outcome(body: bytes, content_type: str | None = None) -> Outcome:
    """The outcome in a plain JSON body, a binary CloudEvent (the same body) or a structured one.

    Raises:
        MalformedOutcome: with the member and the remedy.
    """
    if len(body) > OUTCOME_BYTES_MAX:
        raise MalformedOutcome(f"the body has {len(body)} bytes, at most {OUTCOME_BYTES_MAX} are read")
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedOutcome(f"the body is not JSON: {error}") from error
    if (content_type or "").startswith(STRUCTURED_PREFIX):
        read = read.get("data") if isinstance(read, dict) else None
    if not isinstance(read, dict):
        raise MalformedOutcome("expected a JSON object with event_id, status, code and text")
    status = read.get("status")
    if status not in STATUSES:
        raise MalformedOutcome(f"status must be one of {', '.join(STATUSES)}")
    return Outcome(
        event_id=_text(read, "event_id", required=True),
        status=status,
        code=_text(read, "code"),
        text=_text(read, "text"),
    )


def _text(members: Mapping[str, object], name: str, *, required: bool = False) -> str:
    value = members.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise MalformedOutcome(f"{name} must be a string{' and not empty' if required else ''}")
    if len(value) > CHARACTERS_MAX[name]:
        raise MalformedOutcome(f"{name} has {len(value)} characters, at most {CHARACTERS_MAX[name]} are kept")
    if "\x00" in value:  # no database column keeps it
        raise MalformedOutcome(f"{name} contains a NUL character")
    return value
