"""A restore from a backup of the running gateway: nothing is given out twice, and repetitions are recognised."""

import asyncio
import shutil

import pytest

from tests.faults.oracle import Store
from tests.faults.posting import as2_parcel, attempt, deliver, rest_parcel
from tests.site import RunningGateway, Site, acknowledgment_855


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")  # SQLite and the embedded event log: what `gateway backup` holds whole


async def test_after_a_restore_numbers_go_on_and_repetitions_are_recognised(site, tmp_path, http, ledger):
    store, archive = Store(site), tmp_path / "backup.tar.gz"
    with RunningGateway(site) as gateway:
        before = [as2_parcel(site, 1), rest_parcel(1)]
        for parcel in before:
            await deliver(http, gateway, parcel, ledger)
        await store.wait_until_published()
        await asyncio.to_thread(gateway.command, "backup", str(archive))
        after = as2_parcel(site, 2)
        await deliver(http, gateway, after, ledger)
        await store.wait_until_published()
        given_out = store.value("SELECT max(control_number) FROM acknowledgment")
        gateway.kill()
        shutil.rmtree(site.data_dir)
        shutil.rmtree(site.partners_dir)
        await asyncio.to_thread(gateway.command, "restore", str(archive))
        await asyncio.to_thread(gateway.start)
        for parcel in before:
            again = await attempt(http, gateway, parcel)
            assert again.body == ledger.answers[parcel.key].body, "a repetition was answered anew"
        assert store.value("SELECT count(*) FROM message") == len(before)
        # What came after the backup is gone, and the partner's retry is taken as new.
        await deliver(http, gateway, after, ledger)
        await store.wait_until_published()
        lowest = store.value("SELECT min(control_number) FROM acknowledgment WHERE message_id = :id", id=newest(store))
        assert lowest > given_out, "a control number was given out twice"
        # The same interchange under a new Message-ID: known by its ISA13, from before the restore.
        repeated = site.as2_message(acknowledgment_855(1), "<repeated@acme.example>")
        async with http.post(f"{gateway.edge_url}/as2", data=repeated.body, headers=list(repeated.headers)) as response:
            assert response.status == 200
        await store.wait_for("SELECT count(*) FROM message WHERE state = 'rejected'", 1)


def newest(store):
    return store.value("SELECT max(id) FROM message")
