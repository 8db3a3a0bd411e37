"""Orders as the line meets them: which documents belong to them, and when each of these counts.

Only orders of ours to a supplier are followed: of what a partner sends the answers to them, of what we send the orders
themselves, their changes, and what tells that goods or money arrived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.model.order import OrderEvent
from gateway.model.partner_events import WantsEvents
from gateway.store import orders
from gateway.store.messages.documents import StagedDocument
from gateway.store.orders import Belonging
from translators.catalog import TranslatedDocument
from translators.order_facts import OrderFacts

ANSWERS = frozenset({"purchase_order_acknowledgment", "purchase_order_change_acknowledgment", "ship_notice", "invoice"})
OURS = frozenset({"purchase_order", "purchase_order_change", "receipt", "remittance_advice"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A document of a message with what it does to its orders.

    Attributes:
        counts: whether it was accepted.
    """

    ordinal: int
    counts: bool
    belongings: tuple[Belonging, ...]


def stage_answers(
    connection: Connection, batch: Iterable[tuple[TranslatedDocument, StagedDocument]], *, again: bool
) -> list[Answer]:
    """Keep which orders documents belong to, as they are staged; nothing moves yet.

    `again` is whether they may have been staged before, by an attempt that came to nothing.
    """
    answers = [_answer(item, staged) for item, staged in batch if item.document_type in ANSWERS and item.orders]
    if again:
        orders.forget_belonging(connection, [answer.belongings[0].document_id for answer in answers])
    for answer in answers:
        for belonging in answer.belongings:
            orders.belongs(connection, belonging)
    return answers


def _answer(item: TranslatedDocument, staged: StagedDocument) -> Answer:
    # What an earlier reading of the same document shipped is counted already.
    is_counted = staged.event is not None and staged.event.causation_id is not None
    belongings = _belongings(
        staged.document.id, staged.document.partner_id, item.orders, moves=staged.event is not None, counted=is_counted
    )
    return Answer(item.ordinal, staged.event is not None, belongings)


def _belongings(
    document_id: str, partner_id: str, facts: OrderFacts | None, *, moves: bool = True, counted: bool = False
) -> tuple[Belonging, ...]:
    if facts is None:
        return ()
    event = OrderEvent(facts.deed) if facts.deed is not None and moves else None
    return tuple(
        Belonging(document_id, number, partner_id, event, 0 if counted else facts.lines_of(index))
        for index, number in enumerate(facts.orders)
    )


def note_answers(
    connection: Connection,
    message_id: str,
    revision: int,
    answers: Sequence[Answer],
    first_ordinal: int,
    refused: Sequence[tuple[int, int]],
    now_ms: int,
    wants: WantsEvents,
) -> None:
    """Move the orders that a message answers, now that it is decided.

    `answers` are those of its last batch, which began at `first_ordinal`; the others are in the store. `refused` are
    first and last ordinal of documents that read well and are rejected with what they stand in.
    """
    moving = list(orders.staged_before(connection, message_id, revision, first_ordinal)) if first_ordinal else []
    for answer in answers:
        if answer.counts and not any(first <= answer.ordinal <= last for first, last in refused):
            moving += answer.belongings
    # Rows are locked in one order by everybody; documents of one order stay in theirs.
    for item in sorted(moving, key=lambda item: (item.partner_id, item.number)):
        orders.note(connection, item, now_ms, tells=wants(item.partner_id))


def note_sent(
    connection: Connection,
    dispatch_id: str,
    partner_id: str,
    sent: Sequence[OrderFacts],
    now_ms: int,
    wants: WantsEvents,
) -> None:
    """Move the orders that a dispatch holds or speaks of, now that there is a delivery of it."""
    tells = wants(partner_id)
    for facts in sorted(sent, key=lambda facts: facts.orders):
        for item in sorted(_belongings(dispatch_id, partner_id, facts), key=lambda item: item.number):
            orders.belongs(connection, item)
            orders.note(connection, item, now_ms, tells=tells, ordered_on=facts.issued_on)
