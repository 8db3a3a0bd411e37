"""Interchanges whose control number was used before: by what, and what whoever sent it does now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from gateway.model.instants import moment
from gateway.store import messages
from gateway.store.messages import StoredMessage, documents
from gateway.store.partners import control_numbers
from translators.x12.repetitions import interchange_key_of

NOTHING_TO_DO: Final = "What is named above was received already. There is nothing to do: send nothing again."


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message that used a control number first.

    Attributes:
        name: of its file, or what is known of it else.
        is_same: whether it had the very same bytes.
        was_whole: whether all documents in it were accepted.
    """

    message_id: str
    name: str
    received_at_ms: int
    is_same: bool
    was_whole: bool


def find(
    connection: Connection, message: StoredMessage, interchanges: Sequence[Mapping[str, Any]]
) -> dict[str, Earlier]:
    """What used the numbers of these interchanges of a message before, by the numbers, as far as it is still known."""
    keys = {_key(message, one): str(one["control_number"]) for one in interchanges}
    found = {}
    for key, message_id in control_numbers.used_by(connection, keys).items():
        before = messages.get(connection, message_id) if message_id != message.id else None
        # Much later the number may have been used once more.
        if before is None or before.received_at_ms > message.received_at_ms:
            continue
        if before.partner_id == message.partner_id:
            found[keys[key]] = Earlier(
                before.id,
                f"the file {before.filename}" if before.filename else f"message {before.id}",
                before.received_at_ms,
                is_same=before.payload_sha256 == message.payload_sha256,
                was_whole=not documents.tally(connection, before.id).rejected,
            )
    return found


def words_of(earlier: Earlier) -> str:
    """What is wrong."""
    if earlier.is_same:
        return f"this interchange was received already, in {_named(earlier)}; it needs nothing more"
    return (
        f"this number was used before, in {_named(earlier)}, which had other content; give the interchange one that "
        "was not used before, or leave it out if it is the one that you sent then"
    )


def to_do(same: Earlier) -> str:
    """What to do about a file that was sent again."""
    begins = f"This is, byte by byte, {_named(same)} (message id {same.message_id})"
    if same.was_whole:
        return f"{begins}, which was received and accepted. There is nothing to do: send nothing again."
    return (
        f"{begins}, of which a part was accepted. What was accepted then needs nothing more; what was not is told in "
        "the report on that file. Send only that again, corrected, under a control number (ISA13) that was not used "
        "before."
    )


def _key(message: StoredMessage, one: Mapping[str, Any]) -> str:
    number = interchange_key_of(one["sender"], one["receiver"], one["usage"], one["control_number"])
    return f"{message.partner_id}|{number}"


def _named(earlier: Earlier) -> str:
    return f"{earlier.name} of {moment(earlier.received_at_ms):%Y-%m-%d %H:%M:%S} UTC"
