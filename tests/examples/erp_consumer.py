"""An ERP that consumes business events from the gateway. Copy it; replace `post`.

    python erp_consumer.py amqp://user:password@host/vhost erp.sqlite3
    python erp_consumer.py amqp://user:password@host/vhost erp-test.sqlite3 erp.test   # of partners in testing

What it shows, and why:
- Events come at least once: the event id is written down in the transaction that posts the document; a second one
  changes nothing, and gets the same answer.
- A message processed again comes as a new event that names the old one (`causationid`), one `revision` higher: the
  old one is superseded, whichever arrives first.
- The answer (posted or refused) is written down in the same transaction too, and goes to `erp.outcomes`; the event is
  acknowledged last. After a crash anywhere the event comes again, and the answer with it.
- An event without a `documentid` is a notice of the gateway itself (a certificate ends, say): people have to see it.
- An event with `test` is one: filed with that mark, so that nobody ships or pays because of it. Those of partners in
  testing never come this way, but to `erp.test`, for a system of its own.
- What is refused is the document's fault and is answered. What raises is our own trouble: the event goes back to the
  queue, and after the queue's delivery limit to `b2b.dead`.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

INBOUND = "erp.inbound"
OUTCOMES = "erp.outcomes"
PREFETCH = 20
RECONNECT_SECONDS = 2.0

TABLES = """
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY,
    superseded_by TEXT,
    status TEXT, code TEXT, text TEXT
);
CREATE TABLE IF NOT EXISTS documents (
    event_id TEXT PRIMARY KEY,
    document_type TEXT, number TEXT, body TEXT,
    is_test INTEGER NOT NULL
);
"""

log = logging.getLogger("erp_consumer")


@dataclass(frozen=True)
class Answer:
    status: str  # posted | refused
    code: str = ""
    text: str = ""


# Posts a document within the transaction of the connection; the last says whether it is a test.
Post = Callable[[sqlite3.Connection, str, dict, bool], Answer]


def post(database: sqlite3.Connection, event_id: str, document: dict, is_test: bool) -> Answer:
    """The ERP's own business; here it files the document."""
    if not document.get("number"):
        return Answer("refused", "NUMBER", "the document has no number")
    database.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
        (event_id, document.get("document_type"), document["number"], json.dumps(document), is_test),
    )
    return Answer("posted", "OK", f"filed as {document['number']}{', a test' if is_test else ''}")


def show(notice: dict) -> Answer:
    """Bring a notice to whoever looks after the gateway; here it is a line of the log."""
    log.warning("the gateway says: %s", notice.get("reason", notice))
    return Answer("posted", "SEEN", "shown to people")


def take(database: sqlite3.Connection, message: AbstractIncomingMessage, post: Post) -> Answer:
    """Post the event once; what was decided before is decided the same way again."""
    event_id = message.headers["cloudEvents_id"]
    supersedes = message.headers.get("cloudEvents_causationid")
    with database:
        known = database.execute("SELECT status, code, text FROM events WHERE event_id = ?", (event_id,)).fetchone()
        if known is not None:
            return Answer(*known)
        if supersedes is not None:
            supersede(database, supersedes, event_id)
        content = json.loads(message.body)
        is_notice = message.headers.get("cloudEvents_documentid") is None
        is_test = bool(message.headers.get("cloudEvents_test", False))
        answer = show(content) if is_notice else post(database, event_id, content, is_test)
        database.execute(
            "INSERT INTO events VALUES (?, NULL, ?, ?, ?)", (event_id, answer.status, answer.code, answer.text)
        )
        return answer


def supersede(database: sqlite3.Connection, old: str, new: str) -> None:
    """The old event's document is void. Should the old event arrive only now, it is known and changes nothing."""
    database.execute("DELETE FROM documents WHERE event_id = ?", (old,))
    database.execute(
        "INSERT INTO events VALUES (?, ?, 'refused', 'SUPERSEDED', ?) "
        "ON CONFLICT (event_id) DO UPDATE SET superseded_by = excluded.superseded_by",
        (old, new, f"superseded by {new}"),
    )


async def consume(url: str, database: sqlite3.Connection, post: Post = post, queue_name: str = INBOUND) -> None:
    """Consume until the connection is lost. One event after the other: their order within a partition key counts."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(queue_name)
        async with queue.iterator() as messages:
            async for message in messages:
                try:
                    answer = take(database, message, post)
                except Exception:
                    log.exception("event %s was not posted", message.message_id)
                    # reject and not nack: only a reject counts against the delivery limit from RabbitMQ 4.3 on.
                    await message.reject(requeue=True)
                    continue
                await tell(channel, message.headers["cloudEvents_id"], answer)
                await message.ack()


async def tell(channel: aio_pika.abc.AbstractChannel, event_id: str, answer: Answer) -> None:
    """Publish the outcome, with the broker's confirm."""
    outcome = {"event_id": event_id, "status": answer.status, "code": answer.code, "text": answer.text}
    await channel.default_exchange.publish(
        aio_pika.Message(
            json.dumps(outcome).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            correlation_id=event_id,
        ),
        OUTCOMES,
        mandatory=True,
    )


def open_database(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(TABLES)
    return database


async def main(url: str, path: str, queue_name: str = INBOUND) -> None:
    with contextlib.closing(open_database(path)) as database:
        while True:
            try:
                await consume(url, database, queue_name=queue_name)
            except (AMQPError, OSError) as lost:
                log.warning("connection lost, trying again: %s", lost)
            await asyncio.sleep(RECONNECT_SECONDS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:4]))
