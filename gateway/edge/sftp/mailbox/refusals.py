"""What is known of a refused file: its message, what it held, and what used its control numbers before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from gateway.edge.sftp.mailbox import repeated
from gateway.edge.sftp.mailbox.repeated import Earlier
from gateway.model.delivery import MAILBOX
from gateway.store import deliveries, messages
from gateway.store.messages import StoredMessage, acknowledgments, documents
from gateway.store.messages.documents import REJECTED, StoredDocument, Tally
from gateway.store.refused_files import RefusedFile
from translators.x12.faults import InterchangeError

DOCUMENTS_MAX: Final = 20
ENVELOPES_MAX: Final = 20
TA1_REJECTED: Final = "R"  # TA104


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known of a refused file.

    Attributes:
        message: None where it is no longer kept.
        refused: documents in it that were refused or had faults, the first so many.
        acknowledged: the acknowledgments that lie in acknowledgments/, as (kinds, our control number).
        told: the report on the message.
        earlier: what used the control numbers of its interchanges before, by these numbers.
    """

    file: RefusedFile
    message: StoredMessage | None = None
    tally: Tally = field(default_factory=lambda: Tally(0, 0, 0))
    refused: tuple[StoredDocument, ...] = ()
    acknowledged: tuple[tuple[str, int], ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    earlier: Mapping[str, Earlier] = field(default_factory=dict)

    @property
    def interchanges(self) -> list[Mapping[str, Any]]:
        """Those that were refused, or that hold groups that were."""
        return [one for one in self.told.get("interchanges") or [] if is_refused(one)]

    @property
    def repeats(self) -> Earlier | None:
        """What was sent before with the very same bytes."""
        found = [self.earlier.get(one["control_number"]) for one in self.interchanges if is_repeated(one)]
        return next((one for one in found if one is not None and one.is_same), None)


def load(connection: Connection, file: RefusedFile) -> Refusal:
    """What is known of a refused file."""
    message = messages.get(connection, file.message_id)
    if message is None:
        return Refusal(file)
    laid_out = {item.id for item in deliveries.of_message(connection, message.id) if item.channel == MAILBOX}
    earned = [item for item in acknowledgments.of_message(connection, message.id) if item.id in laid_out]
    told: dict[str, Any] = orjson.loads(message.report) if message.report else {}
    again = [one for one in told.get("interchanges") or [] if is_repeated(one)][:ENVELOPES_MAX]
    return Refusal(
        file,
        message,
        documents.tally(connection, message.id),
        tuple(documents.faulty(connection, message.id, message.revision, DOCUMENTS_MAX)),
        tuple((item.kinds, item.control_number) for item in earned[:ENVELOPES_MAX]),
        told,
        repeated.find(connection, message, again),
    )


def is_refused(interchange: Mapping[str, Any]) -> bool:
    """Whether an interchange of a report was refused, or a group in it."""
    return interchange["status"] == REJECTED or any(one["status"] == REJECTED for one in interchange["groups"])


def is_repeated(interchange: Mapping[str, Any]) -> bool:
    """Whether it was refused because its control number was used before."""
    ta1 = interchange["ta1"]
    return bool(ta1["code"] == TA1_REJECTED and ta1["note"] == InterchangeError.DUPLICATE)
