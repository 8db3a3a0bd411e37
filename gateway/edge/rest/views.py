"""What a partner sees of what it sent: its own and nothing else, without what is only ours to know.

A submission is seen by whoever sent it: of what a VAN brought that is the VAN. A partner whose documents it brought
sees each of these by its id, and of the submission no more than where it stands: the others in it are none of its
business.
"""

import re

from sqlalchemy import Connection

from gateway.flow.views import document_view, message_row, message_view
from gateway.model.message import MessageState
from gateway.store import messages
from gateway.store.messages import StoredMessage, documents
from gateway.store.messages.documents import Tally

DOCUMENTS_PATH = "/v1/documents"
# A message may hold a hundred thousand; each has its own address.
DOCUMENTS_SHOWN_MAX = 1_000
MESSAGE_ID = re.compile(r"[0-9A-Z]{26}")
DOCUMENT_ID = re.compile(r"[0-9A-Z]{26}-[0-9]{1,9}(?:-r[0-9]{1,9})?")
# What our own people wrote or did stays with them.
_INTERNAL_MEMBERS = ("remote", "security", "profile", "attempts", "deliveries")
_INTERNAL_STEP_MEMBERS = ("actor", "case", "remote", "claim_owner")

# Where a submission stands, in the words of business.
OUTCOMES: dict[str, str] = {
    MessageState.RECEIVED: "in_progress",
    MessageState.PROCESSING: "in_progress",
    MessageState.QUEUED: "accepted",
    MessageState.PUBLISHED: "accepted",
    MessageState.REJECTED: "rejected",
    MessageState.PARKED: "delayed",
    MessageState.HELD: "on_hold",
}
_MEANINGS = {
    "in_progress": "We have it and are reading it. Nothing is to be done.",
    "rejected": "Nothing of it was accepted. Correct what the findings name and send it again.",
    "delayed": "It could not be read by a fault of ours. We have it and see to it; do not send it again.",
    "on_hold": "We have it. It is processed once your profile is live or testing again; do not send it again.",
}


def is_decided(state: str) -> bool:
    """Whether there is more to say than that it is there."""
    return OUTCOMES[state] != "in_progress"


def row(message: StoredMessage) -> dict[str, object]:
    """A submission in a list."""
    return _row(message_row(message), message)


def own_message(connection: Connection, partner_id: str, name: str) -> StoredMessage | None:
    """The submission of this id, or that a document of this id came in, where this partner sent it."""
    if not MESSAGE_ID.fullmatch(name) and not DOCUMENT_ID.fullmatch(name):
        return None
    if MESSAGE_ID.fullmatch(name) is None and documents.get(connection, name) is None:
        return None
    message = messages.get(connection, name.partition("-")[0])
    return message if message is not None and message.partner_id == partner_id else None


def view(connection: Connection, partner_id: str, name: str) -> dict[str, object] | None:
    """A submission or a document of a partner's by its id; None where it has none of this id."""
    if MESSAGE_ID.fullmatch(name):
        return _submission(connection, partner_id, name)
    if DOCUMENT_ID.fullmatch(name):
        return _document(connection, partner_id, name)
    return None


def _submission(connection: Connection, partner_id: str, name: str) -> dict[str, object] | None:
    message = messages.get(connection, name)
    if message is None or message.partner_id != partner_id:
        return None
    seen = message_view(connection, name, DOCUMENTS_SHOWN_MAX)
    if seen is None:
        return None
    shown = _row(for_partner(seen), message)
    held = shown["documents"]
    assert isinstance(held, list)  # noqa: S101  # for the type
    tally = documents.tally(connection, name)
    if shown["outcome"] == "accepted":
        shown["meaning"] = _accepted(tally)
    shown["documents"] = [_held(one, partner_id) for one in held]
    shown["documents_omitted"] = max(0, tally.total - len(held))
    return shown | {"links": _links(name, acknowledged=bool(shown["acknowledgments"]))}


def _held(document: dict[str, object], partner_id: str) -> dict[str, object]:
    """A document in its submission; what else those have sent for whom a connection speaks is not the connection's."""
    same = document["same_number"] if document["partner"] == partner_id else []
    return document | {"same_number": same, "links": {"self": f"{DOCUMENTS_PATH}/{document['id']}"}}


def _document(connection: Connection, partner_id: str, name: str) -> dict[str, object] | None:
    document = documents.get(connection, name)
    message = messages.get(connection, document.message_id) if document is not None else None
    if document is None or message is None or partner_id not in {document.partner_id, message.partner_id}:
        return None
    seen = document_view(connection, name)
    if seen is None:
        return None
    shown = for_partner(seen)
    if document.partner_id != partner_id:
        shown["same_number"] = []
    is_own = message.partner_id == partner_id
    links: dict[str, object] = {"self": f"{DOCUMENTS_PATH}/{name}"}
    if is_own:
        links = _links(name, acknowledged=message.acknowledged) | {"submission": f"{DOCUMENTS_PATH}/{message.id}"}
    elif isinstance(steps := shown["timeline"], list):
        # Reasons of the whole may quote what others sent.
        shown["timeline"] = [step for step in steps if step.get("document") == name]
    return shown | {"links": links}


def _row(shown: dict[str, object], message: StoredMessage) -> dict[str, object]:
    outcome = OUTCOMES[message.state]
    meaning = _MEANINGS.get(outcome, "It was read, and what was accepted is on its way to our people.")
    seen = {name: value for name, value in shown.items() if name not in _INTERNAL_MEMBERS}
    return seen | {"outcome": outcome, "meaning": meaning, "links": {"self": f"{DOCUMENTS_PATH}/{message.id}"}}


def _accepted(tally: Tally) -> str:
    if not tally.current:
        return "It was read. It holds no business documents."
    if tally.rejected:
        return (
            f"{tally.current - tally.rejected} of {tally.current} documents were accepted. Correct the others as their "
            "findings say, and send only those again."
        )
    return "It was accepted." if tally.current == 1 else f"All {tally.current} documents were accepted."


def _links(name: str, *, acknowledged: bool) -> dict[str, object]:
    path = f"{DOCUMENTS_PATH}/{name}"
    return {
        "self": path,
        "raw": f"{path}/raw",
        "acknowledgment": f"{path}/acknowledgment" if acknowledged else None,
    }


def for_partner(seen: dict[str, object]) -> dict[str, object]:
    """A view without what is only ours to know: our operators, our addresses, our broker's errors."""
    shown = {name: value for name, value in seen.items() if name not in _INTERNAL_MEMBERS}
    if isinstance(steps := shown.get("timeline"), list):
        shown["timeline"] = [
            {name: value for name, value in step.items() if name not in _INTERNAL_STEP_MEMBERS} for step in steps
        ]
    if isinstance(held := shown.get("documents"), list):
        shown["documents"] = [_without_event_errors(document) for document in held]
    return _without_event_errors(shown)


def _without_event_errors(document: dict[str, object]) -> dict[str, object]:
    event = document.get("event")
    if not isinstance(event, dict):
        return document
    return document | {
        "event": {name: event[name] for name in ("id", "state", "published_at", "test") if name in event}
    }
