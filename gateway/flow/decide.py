"""The decision on a message: one short transaction that makes its documents visible, or says why not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import Connection

from gateway.flow.terms import Terms
from gateway.model.events import BusinessEvent
from gateway.model.ids import document_id, event_id
from gateway.model.instants import DAY_MS, moment, rfc3339
from gateway.model.message import MessageEvent, MessageState
from gateway.store import acknowledgments, cases, control_numbers, documents, messages, outbox, timeline
from gateway.store.acknowledgments import StoredAcknowledgment
from gateway.store.cases import CaseKind, CaseState
from gateway.store.documents import StagedDocument, StoredDocument
from gateway.store.messages import StoredMessage
from translators.catalog import TranslatedDocument, TranslationResult
from translators.documents import SCHEMA_VERSION
from translators.findings import Severity
from translators.x12.acknowledgment import (
    InterchangeResult,
    earned_by,
    group_keys,
    interchange_key,
    reject_duplicate_group,
    reject_duplicate_interchange,
    write_acknowledgment,
)
from translators.x12.faults import InterchangeError
from translators.x12.reading import Status

RECEIVED = "received"  # the event that a document from a partner causes
_PUBLISHABLE = frozenset({Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS, Status.PARTIALLY_ACCEPTED})


class OutOfTurn(Exception):  # noqa: N818  # said of a message
    """An earlier message of the same partner is not decided yet; this one waits, so that order is kept."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What processing found out about a message.

    Attributes:
        last_batch: the documents that are not staged yet.
        result: what the translation says of the whole.
        terms: of the partner's profile.
    """

    message: StoredMessage
    source: str
    last_batch: Sequence[TranslatedDocument]
    result: TranslationResult
    terms: Terms
    now_ms: int


def stage(
    connection: Connection, message: StoredMessage, source: str, batch: Sequence[TranslatedDocument], now_ms: int
) -> None:
    """Write documents and their events, invisible until the message is decided."""
    superseded: frozenset[str] = frozenset()
    if message.revision > 1:
        earlier = outbox.of_message(connection, message.id)
        superseded = frozenset(event.id for event in earlier if event.published_at_ms is not None)
    documents.stage(connection, [_staged(message, source, item, superseded, now_ms) for item in batch], now_ms)


def decide(connection: Connection, owner: str, decision: Decision) -> MessageState:
    """Decide a message: its documents become visible, its acknowledgment is written and kept; returns its new state.

    Raises:
        OutOfTurn: an earlier message of the partner comes first.
        ClaimLost: another process has taken the message over.
    """
    message, now_ms = decision.message, decision.now_ms
    if messages.has_earlier_claimed(connection, owner, message):
        raise OutOfTurn(f"message {message.id} waits for an earlier one of {message.partner_id}")
    stage(connection, message, decision.source, decision.last_batch, now_ms)
    if message.was_tried:
        documents.drop_staged_after(connection, message.id, message.revision, decision.result.documents)
    interchanges = _without_repetitions(connection, decision)
    refused_ids = _refused_documents(connection, message, interchanges)
    published = documents.release(connection, message.id, message.revision, refused_ids, now_ms)
    is_accepted = decision.result.accepted and not refused_ids
    is_rejected = published == 0 and not is_accepted
    reason = _reason(connection, decision, interchanges) if is_rejected else ""
    step: dict[str, object] = {"documents": decision.result.documents, "accepted": published}
    timeline.note(
        connection,
        message.id,
        now_ms,
        "rejected" if is_rejected else "translated",
        step | {"reason": reason} if reason else step,
    )
    state = messages.finish(
        connection,
        owner,
        message.id,
        MessageEvent.REJECT if is_rejected else MessageEvent.ACCEPT,
        reason=reason,
        syntax=decision.result.syntax,
        report=_report(decision.result, interchanges),
        acknowledged=_acknowledge(connection, decision, interchanges),
    )
    if message.was_tried:
        cases.resolve(connection, now_ms, "processed", message_id=message.id)
    if state is MessageState.QUEUED and published == 0:
        # Acknowledgments of envelopes (TA1) and empty files: there is nothing to publish.
        messages.confirm(connection, message.id, now_ms)
        return MessageState.PUBLISHED
    return state


def park(
    connection: Connection,
    owner: str,
    message: StoredMessage,
    *,
    attempts: int,
    reason: str,
    detail: str,
    now_ms: int,
    retry_at_ms: int | None,
) -> None:
    """Our own fault: the partner is told nothing, the message waits for its next attempt or, at the limit, a person.

    Raises:
        ClaimLost: another process has taken the message over.
    """
    messages.finish(connection, owner, message.id, MessageEvent.PARK, reason=reason, next_attempt_at_ms=retry_at_ms)
    cases.raise_case(
        connection,
        CaseKind.PROCESSING,
        CaseState.OPEN if retry_at_ms is not None else CaseState.STOPPED,
        now_ms,
        partner_id=message.partner_id,
        message_id=message.id,
        reason=reason,
        detail=detail,
        attempts=attempts,
    )
    step: dict[str, object] = {"reason": reason, "attempt": attempts}
    if retry_at_ms is not None:
        step["next_attempt_at"] = rfc3339(retry_at_ms)
    timeline.note(connection, message.id, now_ms, "parked", step)


def _staged(
    message: StoredMessage, source: str, item: TranslatedDocument, superseded: frozenset[str], now_ms: int
) -> StagedDocument:
    key = document_id(message.id, item.ordinal, message.revision)
    document = StoredDocument(
        id=key,
        message_id=message.id,
        partner_id=message.partner_id,
        revision=message.revision,
        ordinal=item.ordinal,
        document_type=item.document_type,
        number=item.number or "",
        purchase_order_number=item.purchase_order_number or "",
        status=item.status.value,
        location=orjson.dumps(asdict(item.location)).decode(),
        findings=orjson.dumps([finding.as_json() for finding in item.findings]).decode(),
        findings_omitted=item.findings_omitted,
        schema_version=SCHEMA_VERSION,
        body=item.document,
        created_at_ms=now_ms,
    )
    if item.document is None or item.status not in _PUBLISHABLE:
        return StagedDocument(document, None)
    before = event_id(document_id(message.id, item.ordinal, message.revision - 1), RECEIVED)
    event = BusinessEvent(
        id=event_id(key, RECEIVED),
        partner=message.partner_id,
        document_type=item.document_type,
        event=RECEIVED,
        subject=item.number or key,
        source=source,
        time=rfc3339(message.received_at_ms),
        # Without an order number a document is alone in its lane.
        lane=f"{message.partner_id}/{item.purchase_order_number or key}",
        sequence=0,  # given by the lane while staging
        correlation_id=message.id,
        causation_id=before if before in superseded else None,
        revision=message.revision,
        message_id=message.id,
        document_id=key,
        schema_version=SCHEMA_VERSION,
        body=item.document,
    )
    return StagedDocument(document, event)


def _without_repetitions(connection: Connection, decision: Decision) -> list[InterchangeResult]:
    """Remember every control number of the partner; what repeats one earns what the agreement says."""
    action = decision.terms.reading.duplicate_action
    interchanges = []
    for interchange in decision.result.interchanges:
        if interchange.status is Status.REJECTED:
            # A rejected interchange does not use its number up: the partner sends it again, mended.
            interchanges.append(interchange)
            continue
        checked = interchange
        if not _is_new(connection, decision, interchange_key(interchange)):
            checked = reject_duplicate_interchange(checked, action)
        for index, key in enumerate(group_keys(interchange)):
            if not _is_new(connection, decision, key):
                checked = reject_duplicate_group(checked, index, action)
        interchanges.append(checked)
    return interchanges


def _is_new(connection: Connection, decision: Decision, key: str) -> bool:
    window_ms = decision.terms.duplicate_window_days * DAY_MS
    return control_numbers.remember(
        connection,
        f"{decision.message.partner_id}|{key}",
        decision.message.id,
        decision.now_ms,
        window_from_ms=decision.now_ms - window_ms,
    )


def _refused_documents(
    connection: Connection, message: StoredMessage, interchanges: Sequence[InterchangeResult]
) -> list[str]:
    """The documents that read well but stand in an interchange or group that is rejected as a whole; marks them so."""
    refused = {
        (index, number)
        for index, interchange in enumerate(interchanges)
        for number, group in enumerate(interchange.groups)
        if Status.REJECTED in (interchange.status, group.status)
    }
    if not refused:
        return []
    ids = [
        document.id
        for document in documents.of_message(connection, message.id)
        if document.revision == message.revision
        and document.status != Status.REJECTED.value
        and _place(document) in refused
    ]
    documents.reject(connection, ids)
    return ids


def _place(document: StoredDocument) -> tuple[int, int]:
    location = orjson.loads(document.location)
    return location["interchange_index"], location["group_index"]


def _acknowledge(connection: Connection, decision: Decision, interchanges: Sequence[InterchangeResult]) -> bool:
    """Write what the interchanges earn and keep it for delivery; a message is acknowledged once, not per revision."""
    message = decision.message
    if message.acknowledged:
        return True
    earned = list(earned_by(interchanges, ta1=decision.terms.ta1, functional=decision.terms.functional))
    for number, item in enumerate(earned, start=1):
        isa = control_numbers.allocate(connection, f"ISA|{item.scope}")
        groups = [control_numbers.allocate(connection, f"GS|{item.scope}") for _ in range(item.groups)]
        body = write_acknowledgment(item, interchange_number=isa, group_numbers=groups, now=moment(decision.now_ms))
        acknowledgments.keep(
            connection,
            StoredAcknowledgment(
                id=f"{message.id}-ack-{number}",
                message_id=message.id,
                partner_id=message.partner_id,
                kinds=" ".join(item.kinds),
                control_number=isa,
                state=acknowledgments.KEPT,
                body=body,
                created_at_ms=decision.now_ms,
            ),
        )
        timeline.note(
            connection, message.id, decision.now_ms, "acknowledged", {"kinds": list(item.kinds), "control_number": isa}
        )
    return bool(earned)


def _reason(connection: Connection, decision: Decision, interchanges: Sequence[InterchangeResult]) -> str:
    """Why a message was rejected, in one sentence: the envelope's fault before that of the first bad document."""
    for interchange in interchanges:
        if interchange.note == InterchangeError.DUPLICATE:
            return f"interchange control number {interchange.header.control_number} was used before (TA105 025)"
    found = [*decision.result.findings, *(finding for item in decision.last_batch for finding in item.findings)]
    first = next((finding.message for finding in found if finding.severity is Severity.ERROR), None)
    return first or documents.first_error(connection, decision.message.id) or "nothing in it was accepted"


def _report(result: TranslationResult, interchanges: Sequence[InterchangeResult]) -> dict[str, object]:
    """What is kept of the envelopes for people: numbers, parties and verdicts, not the documents themselves."""
    return {
        "syntax": result.syntax,
        "bytes_total": result.bytes_total,
        "bytes_in_segments": result.bytes_in_segments,
        "bytes_unaccounted": result.bytes_unaccounted,
        "findings": [finding.as_json() for finding in result.findings],
        "interchanges": [
            {
                "control_number": item.header.control_number,
                "sender": f"{item.header.sender_qualifier}/{item.header.sender_id}",
                "receiver": f"{item.header.receiver_qualifier}/{item.header.receiver_id}",
                "usage": item.header.usage,
                "status": item.status.value,
                "ta1": {"code": item.code, "note": item.note},
                "groups": [
                    {
                        "control_number": group.header.control_number,
                        "functional_id": group.header.functional_id,
                        "release": group.header.release,
                        "status": group.status.value,
                        "sets_received": group.sets_received,
                        "sets_accepted": group.sets_accepted,
                        "codes": list(group.codes),
                    }
                    for group in item.groups
                ],
            }
            for item in interchanges
        ],
    }
