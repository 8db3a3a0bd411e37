"""Profiles, disk, backlog and retention, as the running gateway keeps them."""

import pytest

from gateway.flow.housekeeping import purge_limits
from gateway.model.instants import DAY_MS
from gateway.model.refusals import Reason, Refused
from gateway.settings import load_settings
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery
from tests.flow.line import line_over, now_ms
from tests.site import acknowledgment_855


async def test_a_low_disk_stops_acceptance_and_room_opens_it_again(site):
    async with line_over(site, disk_free_bytes_min=2**62) as line:
        line.housekeeping.look_at_disk()
        line.reception._disk_is_low = lambda: line.housekeeping.disk_is_low
        with pytest.raises(Refused) as refused:
            await line.keep(acknowledgment_855(1))
        assert refused.value.reason is Reason.STORE_UNAVAILABLE
        assert refused.value.retry_after_s

        line.housekeeping._settings = line.settings.model_copy(
            update={"limits": line.settings.limits.model_copy(update={"disk_free_bytes_min": 0})}
        )
        line.housekeeping.look_at_disk()
        assert (await line.keep(acknowledgment_855(1))).duplicate is False


async def test_the_backlog_is_measured(line):
    await line.keep(acknowledgment_855(1))
    await line.housekeeping.measure()
    assert line.metrics.gauges["gateway_messages_received"][1] == 1
    assert line.metrics.gauges["gateway_outbox_events"][1] == 0
    exposed = line.metrics.expose()
    assert "gateway_messages_received 1" in exposed.splitlines()


async def test_deliveries_are_measured(line):
    due_at_ms = now_ms() - 60_000
    new = NewDelivery("1", "acme-supply", "", "", "as2", "file", "L", "<1@us>", "", "", "", b"", due_at_ms, due_at_ms)
    await line.database.write(lambda connection: deliveries.enqueue(connection, new))
    await line.housekeeping.measure()
    assert line.metrics.gauges["gateway_deliveries_queued"][1] == 1
    assert line.metrics.gauges["gateway_deliveries_refused"][1] == 0
    assert line.metrics.gauges["gateway_deliveries_oldest_due_seconds"][1] >= 60


async def test_purge_leaves_what_is_young_and_what_is_not_over(line):
    line.run()
    done = await line.keep(acknowledgment_855(1))
    await line.decided(done.message_id)
    assert await line.housekeeping.purge() == {}
    assert (await line.view(done.message_id))["status"] == "published"


async def test_purge_removes_what_is_older_than_its_kind_is_kept(line):
    line.run()
    done = await line.keep(acknowledgment_855(1))
    await line.decided(done.message_id)
    far = now_ms() + 10_000 * DAY_MS
    line.housekeeping._now_ms = lambda: far
    removed = await line.housekeeping.purge()
    assert removed["documents_days"] == removed["events_days"] == 1
    assert removed["messages_days"] == 2  # the message, and the order that it answered
    with pytest.raises(AssertionError):
        await line.view(done.message_id)


def test_each_kind_has_its_own_limit(site):
    kept = load_settings(site.config, {}).settings.retention
    limits = purge_limits(kept, 0)
    assert limits["events_days"] == -kept.events_days * DAY_MS
    assert limits["audit_days"] < limits["messages_days"]
