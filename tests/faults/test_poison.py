"""A message that cannot be processed: the partner's fault is told to the partner, ours becomes a case and no answer."""

import asyncio
import json

import pytest

from tests.faults.oracle import Store, check_nothing_lost
from tests.faults.posting import Parcel, as2_parcel, attempt, deliver, rest_parcel
from tests.site import RunningGateway, Site, acknowledgment_855

ATTEMPTS_MAX = 3


@pytest.fixture
def site(tmp_path, broker_url):
    limits = {"processing_attempts_max": ATTEMPTS_MAX}
    return Site(tmp_path / "site", {"broker_url": broker_url, "limits": limits, "profiles_reload_s": 3600})


async def test_our_own_fault_is_tried_so_often_then_becomes_a_case_and_blocks_nobody_else(
    site, http, gateway, store, erp, ledger
):
    await asyncio.to_thread(gateway.start)
    # The profile that the messages name is gone from the store, as after a restore that forgot a table.
    [profile] = store.rows("SELECT * FROM profile WHERE partner_id = 'acme-supply'")
    store.change("DELETE FROM profile WHERE partner_id = 'acme-supply'")
    stuck = as2_parcel(site, 1)
    assert (await deliver(http, gateway, stuck, ledger)).is_positive  # receipt and security were fine
    await deliver(http, gateway, rest_parcel(1), ledger)
    await erp.wait_for_count(1)
    await store.wait_for("SELECT state FROM exception_case", "stopped")
    [case] = [json.loads(line) for line in gateway.command("exceptions", "list", "--format", "json").splitlines()]
    assert case["partner"] == "acme-supply"
    assert "profile" in case["reason"]
    assert case["attempts"] == ATTEMPTS_MAX
    assert store.value("SELECT state FROM message WHERE transport_id = :id", id=stuck.key) == "parked"
    assert store.value("SELECT count(*) FROM acknowledgment") == 0, "an acknowledgment rejected for our own fault"
    store.change(
        "INSERT INTO profile (digest, partner_id, packed, loaded_at_ms) VALUES (:digest, :partner, :packed, :at)",
        digest=profile.digest,
        partner=profile.partner_id,
        packed=profile.packed,
        at=profile.loaded_at_ms,
    )
    gateway.command("exceptions", "retry", case["id"])
    await store.wait_until_published()
    await check_nothing_lost(store, ledger, erp)
    assert store.value("SELECT state FROM exception_case") == "resolved"


async def test_a_worker_that_never_ends_is_stopped_and_its_message_becomes_a_case(tmp_path, broker_url, http, ledger):
    limits = {"inline_body_bytes_max": 0, "worker_timeout_s": 0.001, "processing_attempts_max": 2}
    site = Site(tmp_path / "site", {"broker_url": broker_url, "limits": limits})
    store = Store(site)
    with RunningGateway(site) as gateway:
        await deliver(http, gateway, rest_parcel(1), ledger)
        await store.wait_for("SELECT count(*) FROM exception_case WHERE state = 'stopped'", 1)
        assert "took longer than" in store.value("SELECT reason FROM exception_case")
        assert store.value("SELECT count(*) FROM acknowledgment") == 0


async def test_the_partners_fault_is_rejected_and_acknowledged_and_is_no_case(site, http, gateway, store, ledger):
    await asyncio.to_thread(gateway.start)
    broken = acknowledgment_855(1).replace(b"BAK*00*AC*", b"BAK*ZZ*AC*").replace(b"CTT*1", b"CTT*9*9*9*9*9*9*9*9*9")
    written = site.as2_message(broken, "<broken@acme.example>")
    parcel = Parcel("<broken@acme.example>", "as2", "/as2", tuple(written.headers), written.body, "PO-1")
    assert (await attempt(http, gateway, parcel)).is_positive
    await store.wait_for("SELECT state FROM message", "rejected")
    assert store.value("SELECT count(*) FROM exception_case") == 0
    [acknowledgment] = store.rows("SELECT kinds, body FROM acknowledgment")
    assert "997" in acknowledgment.kinds
    assert b"AK5*R" in acknowledgment.body
