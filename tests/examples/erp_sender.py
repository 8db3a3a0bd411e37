"""An ERP that has a document sent to a partner: one file, for an ERP team to copy.

    python erp_sender.py amqp://user:password@host/vhost acme-supply order.json

The gateway records the document together with its delivery before it acknowledges it. Whoever is not sure that a
publish arrived publishes the same again under the same id: it changes nothing.
"""

import asyncio
import sys
from pathlib import Path

import aio_pika

QUEUE = "erp.outbound"
SOURCE = "/erp/example"  # ids are unique within a source


async def send(broker_url: str, partner: str, document: bytes, document_id: str) -> None:
    """Return once the broker has the document safe.

    Args:
        document: canonical JSON, or a list of documents that go as one interchange.
        document_id: yours, the same for a repetition: the number of the document and of its version, say.
    """
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        message = aio_pika.Message(
            document,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={
                "cloudEvents_specversion": "1.0",
                "cloudEvents_id": document_id,
                "cloudEvents_source": SOURCE,
                "cloudEvents_partner": partner,
                "cloudEvents_correlationid": document_id,
            },
        )
        # Mandatory: without its queue, which the gateway declares, the document must not vanish.
        await channel.default_exchange.publish(message, QUEUE, mandatory=True, timeout=30)


if __name__ == "__main__":
    url, to, file = sys.argv[1:]
    asyncio.run(send(url, to, Path(file).read_bytes(), Path(file).stem))
