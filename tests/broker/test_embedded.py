import pytest

from gateway.broker import EmbeddedLog, RabbitBroker
from tests.broker.conftest import event_of


async def test_events_are_appended_and_counted():
    events = []

    async def append(event):
        events.append(event)

    log = EmbeddedLog(append)
    await log.start()
    await log.wait_connected()
    await log.publish(event_of(1))
    await log.close()
    assert events == [event_of(1)]
    assert log.connected
    assert log.last_error is None
    assert (log.counters.published, log.counters.failures) == (1, 0)


async def test_what_the_store_raises_passes_through():
    async def append(event):
        raise OSError("disk full")

    log = EmbeddedLog(append)
    with pytest.raises(OSError, match="disk full"):
        await log.publish(event_of(1))
    assert (log.counters.published, log.counters.failures) == (0, 1)


def test_the_log_has_the_face_of_the_broker():
    face = {"publish", "connected", "wait_connected", "start", "close", "last_error"}
    for broker in (EmbeddedLog, RabbitBroker):
        assert face <= set(dir(broker))
