"""The decision on a message: one short transaction that makes its documents visible, or says why not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import Connection

from gateway.flow.acknowledging import hand_over
from gateway.flow.collecting.rejections import tell_rejected
from gateway.flow.envelopes import envelope_fault, envelope_report
from gateway.flow.orders import Answer, note_answers, stage_answers
from gateway.flow.outward.ways import SFTP
from gateway.flow.repetitions import KeptNumbers, judge_all, refused_documents
from gateway.flow.terms import PartnerTerms, Terms
from gateway.flow.webhooks.causes import tell_decided
from gateway.model.events import BusinessEvent
from gateway.model.ids import document_id, event_id
from gateway.model.instants import moment, rfc3339
from gateway.model.message import MessageEvent, MessageState
from gateway.model.partner_events import WantsEvents, nobody
from gateway.store import messages, refused_files
from gateway.store.events import outbox
from gateway.store.messages import StoredMessage, acknowledgments, documents
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from gateway.store.messages.documents import StagedDocument, StoredDocument
from gateway.store.oversight import audit, cases, timeline
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.partners import control_numbers
from partners.x12_terms import ControlNumbers, NumberRange
from translators.catalog import TranslatedDocument, TranslationResult
from translators.documents import SCHEMA_VERSION
from translators.x12.acknowledgment import Earned, Numbers, earned_by, write_acknowledgment
from translators.x12.reading import Status
from translators.x12.results import InterchangeResult

FOREIGN_SENDER = "refused.foreign-interchange-sender"  # as the audit names it
SENDERS_REPORTED_MAX = 20
RECEIVED = "received"  # the event that a document from a partner causes
_TEST_USAGE = "T"  # ISA15
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
        wants_events: who may hear of it.
    """

    message: StoredMessage
    source: str
    last_batch: Sequence[TranslatedDocument]
    result: TranslationResult
    terms: Terms
    now_ms: int
    wants_events: WantsEvents = nobody


def stage(
    connection: Connection,
    message: StoredMessage,
    terms: Terms,
    source: str,
    batch: Sequence[TranslatedDocument],
    now_ms: int,
) -> list[Answer]:
    """Write documents and their events, invisible until the message is decided; what of them answers orders."""
    superseded: frozenset[str] = frozenset()
    if message.revision > 1:
        earlier = [_event_before(message, item.ordinal) for item in batch]
        superseded = outbox.published_among(connection, earlier)
    staged = [
        _staged(message, terms.of(item.location.sender), source, item, superseded, now_ms, terms.own) for item in batch
    ]
    documents.stage(connection, staged, now_ms)
    return stage_answers(connection, zip(batch, staged, strict=True), again=message.was_tried)


def decide(connection: Connection, owner: str, decision: Decision) -> MessageState:
    """Decide a message: its documents become visible, its acknowledgment is written and kept; returns its new state.

    Raises:
        OutOfTurn: an earlier message of the partner comes first.
        ClaimLost: another process has taken the message over.
    """
    message, now_ms = decision.message, decision.now_ms
    if messages.has_earlier_claimed(connection, owner, message):
        raise OutOfTurn(f"message {message.id} waits for an earlier one of {message.partner_id}")
    answers = stage(connection, message, decision.terms, decision.source, decision.last_batch, now_ms)
    if message.was_tried:
        documents.drop_staged_after(connection, message.id, message.revision, decision.result.documents)
    read = decision.result.interchanges
    interchanges = judge_all(KeptNumbers(connection, message.id), message, read, decision.terms, now_ms)
    ranges = refused_documents(read, interchanges)
    refused = documents.refuse(connection, message.id, message.revision, ranges)
    published = documents.release(connection, message.id, message.revision, now_ms)
    staged_before = decision.result.documents - len(decision.last_batch)
    note_answers(
        connection, message.id, message.revision, answers, staged_before, ranges, now_ms, decision.wants_events
    )
    is_accepted = decision.result.accepted and not refused
    is_rejected = published == 0 and not is_accepted
    reason = ""
    if is_rejected:
        why = envelope_fault(decision.result, read, interchanges) or documents.first_error(connection, message.id)
        reason = why or "nothing in it was accepted"
    step: dict[str, object] = {"documents": decision.result.documents, "accepted": published}
    timeline.note(
        connection,
        message.id,
        now_ms,
        "rejected" if is_rejected else "translated",
        step | {"reason": reason} if reason else step,
    )
    _note_tests(connection, decision, interchanges)
    state = messages.finish(
        connection,
        owner,
        message.id,
        MessageEvent.REJECT if is_rejected else MessageEvent.ACCEPT,
        reason=reason,
        syntax=decision.result.syntax,
        report=envelope_report(decision.result, interchanges),
        acknowledged=_acknowledge(connection, decision, interchanges),
    )
    theirs = [decision.terms.of(item.header.sender).partner_id for item in interchanges]
    tell_decided(connection, message, theirs, now_ms, decision.wants_events, rejected=is_rejected, reason=reason)
    _report_foreign_senders(connection, decision, interchanges)
    is_whole = is_accepted and published == decision.result.documents
    if message.channel == SFTP:
        refused_files.mark(connection, message.id, None if is_whole else now_ms)
    if message.was_tried:
        cases.resolve(connection, now_ms, "processed", message_id=message.id)
    if message.channel == SFTP and not is_whole:
        why = reason or envelope_fault(decision.result, read, interchanges)
        tell_rejected(connection, message, why or documents.first_error(connection, message.id) or "", now_ms)
    if state is MessageState.QUEUED and published == 0:
        # Acknowledgments of envelopes (TA1) and empty files: there is nothing to publish.
        messages.confirm(connection, message.id, now_ms)
        return MessageState.PUBLISHED
    return state


def decide_empty(connection: Connection, owner: str, message: StoredMessage, now_ms: int) -> MessageState:
    """Decide a message of which everything was set apart for others: there is nothing to translate or to answer.

    Raises:
        OutOfTurn: an earlier message of the partner comes first.
        ClaimLost: another process has taken the message over.
    """
    if messages.has_earlier_claimed(connection, owner, message):
        raise OutOfTurn(f"message {message.id} waits for an earlier one of {message.partner_id}")
    timeline.note(connection, message.id, now_ms, "translated", {"documents": 0, "accepted": 0})
    messages.finish(connection, owner, message.id, MessageEvent.ACCEPT, syntax="x12")
    if message.was_tried:
        cases.resolve(connection, now_ms, "processed", message_id=message.id)
    messages.confirm(connection, message.id, now_ms)
    return MessageState.PUBLISHED


def _report_foreign_senders(
    connection: Connection, decision: Decision, interchanges: Sequence[InterchangeResult]
) -> None:
    """Somebody's credentials with another's address: refused as any wrong address is, and a security event."""
    message = decision.message
    foreign = [item.header for item in interchanges if not decision.terms.may_speak(item.header)]
    if not foreign:
        return
    senders = list(dict.fromkeys(header.sender for header in foreign))
    detail: dict[str, object] = {
        "message_id": message.id,
        "channel": message.channel,
        "senders": senders[:SENDERS_REPORTED_MAX],
        "interchanges": len(foreign),
        "cause": "the interchange is sent from an address that this partner may not speak for",
    }
    act = audit.Act(
        decision.now_ms, f"partner:{message.partner_id}", FOREIGN_SENDER, senders[0], message.remote, detail
    )
    audit.record(connection, act)
    timeline.note(connection, message.id, decision.now_ms, "foreign-sender", {"interchanges": len(foreign)})


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


def _event_before(message: StoredMessage, ordinal: int) -> str:
    """The event of the same document in the revision before."""
    return event_id(document_id(message.id, ordinal, message.revision - 1), RECEIVED)


def _staged(
    message: StoredMessage,
    speaking: PartnerTerms,
    source: str,
    item: TranslatedDocument,
    superseded: frozenset[str],
    now_ms: int,
    bringing: PartnerTerms,
) -> StagedDocument:
    """A document under the partner whose it is: of a connection's message the one for whom it speaks."""
    partner_id, from_testing = speaking.partner_id, speaking.is_test or bringing.is_test
    key = document_id(message.id, item.ordinal, message.revision)
    document = StoredDocument(
        id=key,
        message_id=message.id,
        partner_id=partner_id,
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
    before = _event_before(message, item.ordinal)
    event = BusinessEvent(
        id=event_id(key, RECEIVED),
        partner=partner_id,
        document_type=item.document_type,
        event=RECEIVED,
        subject=item.number or key,
        source=source,
        time=rfc3339(message.received_at_ms),
        # Without an order number a document is alone in its lane.
        lane=f"{partner_id}/{item.purchase_order_number or key}",
        sequence=0,  # given by the lane while staging
        correlation_id=message.id,
        causation_id=before if before in superseded else None,
        revision=message.revision,
        message_id=message.id,
        document_id=key,
        schema_version=SCHEMA_VERSION,
        body=item.document,
        # ISA15 of X12; other syntaxes have no such word.
        test=from_testing or item.location.usage == _TEST_USAGE,
        from_testing=from_testing,
    )
    return StagedDocument(document, event)


def _note_tests(connection: Connection, decision: Decision, interchanges: Sequence[InterchangeResult]) -> None:
    """Say that what was read is a test, and where an interchange says otherwise (no finding: they have it right)."""
    message, terms = decision.message, decision.terms
    tests = [item.header for item in interchanges if item.header.usage == _TEST_USAGE]
    production = [
        item.header
        for item in interchanges
        if item.header.usage != _TEST_USAGE and (terms.own.is_test or terms.of(item.header.sender).is_test)
    ]
    step: dict[str, object] = {}
    if terms.own.is_test or production:
        step["reason"] = "the partner is in testing: its events go to the tests' queue"
    elif tests:
        step["reason"] = "marked as a test by the partner (ISA15 T), who is live: routed as ever, with the mark"
    if production:
        numbers = [header.control_number for header in production[:SENDERS_REPORTED_MAX]]
        step["although_production"] = numbers  # ISA15 says P or I
    if step:
        timeline.note(connection, message.id, decision.now_ms, "test", step)


def _acknowledge(connection: Connection, decision: Decision, interchanges: Sequence[InterchangeResult]) -> bool:
    """Write what the interchanges earn and keep it for delivery; a message is acknowledged once, not per revision.

    Each by the terms of the partner whose interchange it is, under whom its answer stands; it goes back the way that
    the message came.
    """
    message = decision.message
    if message.acknowledged:
        return True
    earned = [
        (speaking, item)
        for result in interchanges
        for speaking in (decision.terms.of(result.header.sender),)
        for item in earned_by([result], speaking.acknowledgment)
    ]
    for number, (speaking, item) in enumerate(earned, start=1):
        numbers = _numbers(connection, speaking.control_numbers, item)
        body = write_acknowledgment(item, numbers, now=moment(decision.now_ms), framing=speaking.framing)
        kept = StoredAcknowledgment(
            id=f"{message.id}-ack-{number}",
            message_id=message.id,
            partner_id=speaking.partner_id,
            kinds=" ".join(item.kinds),
            control_number=numbers.interchange,
            state=acknowledgments.KEPT,
            body=body,
            created_at_ms=decision.now_ms,
        )
        acknowledgments.keep(connection, kept)
        way = decision.terms.way_out(message, kept.partner_id)
        if way is not None:
            hand_over(connection, kept, way, decision.now_ms)
        step = {"kinds": list(item.kinds), "control_number": numbers.interchange}
        timeline.note(connection, message.id, decision.now_ms, "acknowledged", step)
    return bool(earned)


def _numbers(connection: Connection, ranges: ControlNumbers, earned: Earned) -> Numbers:
    """Control numbers of ours for one interchange, each from the range that the partner's profile names."""

    def allocate(kind: str, numbers: NumberRange) -> int:
        scope = f"{kind}|{earned.scope}"
        return control_numbers.allocate(connection, scope, least=numbers.min, most=numbers.max)

    sets = ranges.transaction_set
    return Numbers(
        interchange=allocate("ISA", ranges.interchange),
        groups=[allocate("GS", ranges.group) for _ in range(earned.groups)],
        sets=[allocate("ST", sets) for _ in range(earned.groups)] if sets is not None else [],
    )
