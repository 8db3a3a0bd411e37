"""What was fetched from a partner's own server and is wrong: a person hears of it where nothing of ours tells them.

By every other way the partner learns it: by the status of a request, by the report in errors/ of a mailbox, by the
acknowledgment of what can be acknowledged. A file that was taken off their own server and is no X12, or X12 too damaged
to be answered, is gone there without a word.
"""

import orjson
from sqlalchemy import Connection

from gateway.model.delivery import DeliveryKind
from gateway.store import deliveries
from gateway.store.messages import StoredMessage
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState

# What the edge of fetching writes beside a message, and no other way in does.
FETCHED_FROM = "fetched_from"
_NOTHING_ACCEPTED = "nothing in it was accepted"
_TO_DO = (
    "it was fetched from the folder {folder} of {owner}'s own server, as message {message}, and nothing tells them "
    "what is wrong: it earned no acknowledgment that goes back. Tell the partner (`gateway messages show {message}` "
    "has every finding), and resolve this; what they lay out anew is fetched as any file is. If their profile is what "
    "was wrong, correct it, and have them lay the file out under another name: under the same one it is a duplicate. "
    "`gateway messages reprocess {message}` reads it again by the profile that it came under, and ends this once "
    "all of it is accepted"
)


def tell_rejected(connection: Connection, message: StoredMessage, why: str, now_ms: int) -> None:
    """Have a person tell the partner of a message that was not accepted as a whole, if nothing else does.

    In the unit of work of the decision, behind what it closes and acknowledges.

    Args:
        connection: to the store.
        message: that was decided; nothing happens to one that was not fetched.
        why: what is wrong, in the words of the decision; empty where it has none.
        now_ms: the clock, milliseconds since 1970.
    """
    facts = orjson.loads(message.security)
    if FETCHED_FROM not in facts or _is_answered(connection, message.id):
        return
    folder, owner = facts.get("folder", ""), facts.get("brought_by", message.partner_id)
    cases.raise_case(
        connection,
        CaseKind.FETCHED_REJECTED,
        CaseState.STOPPED,
        now_ms,
        partner_id=message.partner_id,
        message_id=message.id,
        reason=f"{folder}: {facts.get('path', message.filename)}: {why or _NOTHING_ACCEPTED}",
        detail=_TO_DO.format(folder=folder, owner=owner, message=message.id),
        attempts=message.attempts + 1,
    )


def _is_answered(connection: Connection, message_id: str) -> bool:
    """Whether an acknowledgment of it is on its way; one that is only kept reaches nobody."""
    found = deliveries.of_message(connection, message_id)
    return any(delivery.kind == DeliveryKind.ACKNOWLEDGMENT for delivery in found)
