"""Our keys in a running gateway: taken over once, followed without a restart, and the last good ones stay."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from certs import wrapping
from certs.key_folder import TAKEN_OVER_FILE
from certs.keyring import KeyRingError, seal
from certs.lives import Life
from gateway.flow.certificates import key_acts
from gateway.flow.certificates.keys import Keys, first_pair, stored_of, take_over
from gateway.flow.operations import Actor
from gateway.settings import Settings
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.telemetry import Metrics
from tests.certs import pairs
from tests.certs.pairs import pair
from tests.migrated import migrate

OLD, NEW = b"the passphrase of the day", b"the passphrase of tomorrow"
NOW = pairs.NOW + timedelta(days=10)
NOW_MS = round(NOW.timestamp() * 1_000)
DAY_MS = 86_400_000
WHO = Actor("command:test")


class Clock:
    def __init__(self):
        self.ms = NOW_MS

    def __call__(self):
        return self.ms


class Node:
    """One gateway's keys over a store that others share."""

    def __init__(self, url, folder, passphrase=OLD, **settings):
        self.database = Database(url)
        self.clock, self.metrics = Clock(), Metrics()
        self.file = folder / "passphrase"
        self.file.write_bytes(passphrase)
        self.settings = Settings(data_dir=folder, **({"key_passphrase_file": self.file} | settings))
        self.keys = Keys(self.database, self.settings, now_ms=self.clock, metrics=self.metrics)

    def signer(self):
        return self.keys.ring().keys_of("plant").signing

    def stale(self):
        return self.metrics.gauges["gateway_key_ring_stale"][1]

    def do(self, unit, *arguments, **named):
        return self.database.write_now(lambda connection: unit(connection, *arguments, **named))

    def add(self, number, *, passphrase=OLD):
        life = Life("plant", pair(number).certificate, (), NOW)
        row = stored_of(life, pair(number), passphrase)
        self.do(key_acts.add, row, passphrase, WHO, action="key.new")

    def roll(self, number, *, days=0):
        on = NOW + timedelta(days=days)
        fingerprint = pair(number).certificate.fingerprint
        self.do(key_acts.roll, "plant", fingerprint, on=on, decrypt_until=None, actor=WHO, now_ms=self.clock.ms)


@pytest.fixture(autouse=True)
def _quick_wrapping(monkeypatch):
    """How long guessing takes is tested elsewhere."""
    monkeypatch.setattr(wrapping, "ROUNDS", 1_000)


@pytest.fixture
def node(tmp_path, request):
    made = Node(f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path)
    migrate(made.database)
    made.do(keys.add, stored_of(first_pair("plant", pair(0), NOW), pair(0), OLD))
    yield made
    made.database.close()


async def test_a_cut_over_comes_by_the_clock(node):
    node.add(1)
    await node.keys.start()
    assert node.signer() == pair(0)
    node.roll(1, days=2)
    await node.keys.refresh()
    assert node.signer() == pair(0)
    node.clock.ms += 2 * DAY_MS - 1
    assert node.signer() == pair(0)
    node.clock.ms += 1
    assert node.signer() == pair(1)
    assert set(node.keys.ring().keys_of("plant").decryption) == {pair(0), pair(1)}
    assert node.stale() == 0


async def test_a_roll_on_one_node_is_in_force_on_the_other(database_url, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Node(database_url, tmp_path / "one"), Node(database_url, tmp_path / "two")
    try:
        migrate(one.database)
        one.do(keys.add, stored_of(first_pair("plant", pair(0), NOW), pair(0), OLD))
        for node in (one, two):
            await node.keys.start()
        one.add(1)
        one.roll(1)
        await two.keys.refresh()
        assert two.signer() == pair(1)
        assert pair(0) in two.keys.ring().keys_of("plant").decryption
    finally:
        one.database.close()
        two.database.close()


async def test_what_cannot_be_opened_leaves_the_last_good_keys_and_is_said(node, caplog):
    await node.keys.start()
    foreign = replace(stored_of(first_pair("plant", pair(1), NOW), pair(1), NEW), signs_from_ms=NOW_MS)
    node.do(keys.add, foreign)
    for _ in range(3):
        await node.keys.refresh()
    assert node.signer() == pair(0)
    assert node.stale() == 1
    assert [record.message for record in caplog.records].count("the stored keys cannot be used") == 1
    assert "wrong passphrase" in caplog.records[-1].problem
    node.do(keys.change, "plant", foreign.fingerprint, {"retired_at_ms": NOW_MS})
    await node.keys.refresh()
    assert node.stale() == 0
    another = Keys(node.database, node.settings, now_ms=node.clock, metrics=Metrics())
    await another.start()  # what is retired does not have to open


@pytest.mark.parametrize("damage", [{"wrapped_key": b"garbage"}, {"certificates": b"garbage"}])
async def test_a_damaged_row_keeps_a_gateway_from_starting_and_a_running_one_going(node, damage):
    await node.keys.start()
    node.do(keys.change, "plant", pair(0).certificate.fingerprint, damage)
    await node.keys.refresh()
    assert node.signer() == pair(0)
    assert node.stale() == 1
    another = Keys(node.database, node.settings, now_ms=node.clock, metrics=Metrics())
    with pytest.raises(KeyRingError, match="Key plant"):
        await another.start()


async def test_a_new_passphrase_does_not_stop_who_runs(node, caplog):
    await node.keys.start()
    node.add(1)
    await node.keys.refresh()
    node.do(key_acts.rewrap, OLD, NEW, WHO, NOW_MS)
    await node.keys.refresh()
    assert node.signer() == pair(0)
    assert node.stale() == 1
    assert "its next start would fail" in caplog.records[-1].problem
    node.roll(1)  # times are followed all the same
    await node.keys.refresh()
    assert node.signer() == pair(1)
    node.file.write_bytes(NEW + b"\n")
    await node.keys.refresh()
    assert node.stale() == 0
    assert "passphrase of" not in caplog.text


@pytest.mark.parametrize("content", [b"", b"x" * 2_000])
async def test_without_a_passphrase_nothing_starts(node, content):
    node.file.write_bytes(content)
    with pytest.raises(KeyRingError, match="1 to 1023 bytes"):
        await node.keys.start()
    nowhere = Settings(data_dir=node.settings.data_dir)
    with pytest.raises(KeyRingError, match="key_passphrase_file"):
        await Keys(node.database, nowhere, now_ms=node.clock, metrics=Metrics()).start()


async def test_without_keys_no_passphrase_is_wanted(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'gateway.db'}")
    migrate(database)
    own = Keys(database, Settings(data_dir=tmp_path), now_ms=Clock(), metrics=Metrics())
    await own.start()
    assert own.ring().identities == {}
    database.close()


# --- the folder of earlier versions ----------------------------------------------------------------------------------


def folder_with(node, number, *, signing=False):
    folder = node.settings.key_ring_dir / "plant"
    folder.mkdir(parents=True, exist_ok=True)
    stem = pair(number).certificate.fingerprint
    (folder / f"{stem}.key").write_bytes(seal(pair(number).private_key, OLD))
    (folder / f"{stem}.crt").write_bytes(pair(number).certificate.pem())
    if signing:
        (folder / "signing").write_text(stem)
    return folder.parent


async def test_the_folder_is_taken_over_once_and_then_left_alone(node):
    node.do(keys.change, "plant", pair(0).certificate.fingerprint, {"retired_at_ms": NOW_MS})
    folder = folder_with(node, 1)
    folder_with(node, 2, signing=True)
    await node.keys.start()
    assert node.signer() == pair(2)
    assert node.keys.ring().keys_of("plant").decryption == (pair(2), pair(1))
    assert "taken over" in (folder / TAKEN_OVER_FILE).read_text()
    assert [act.action for act in node.database.read_now(audit.find)] == ["key.taken-over"] * 2
    node.do(
        key_acts.retire,
        "plant",
        pair(1).certificate.fingerprint,
        erase=True,
        even_if_used=True,
        uses={},
        actor=WHO,
        now_ms=NOW_MS,
    )
    (folder / TAKEN_OVER_FILE).unlink()  # cut off before the note, or restored from elsewhere
    assert take_over(node.database, node.settings, NOW_MS) == 0
    await node.keys.refresh()
    assert node.keys.ring().keys_of("plant").decryption == (pair(2),)


async def test_a_folder_that_does_not_open_is_not_taken_over_in_part(node):
    folder_with(node, 1)
    (folder_with(node, 2) / "plant" / f"{pair(2).certificate.fingerprint}.key").write_text("garbage")
    with pytest.raises(KeyRingError, match="wrong passphrase"):
        await node.keys.start()
    assert node.database.read_now(keys.count) == 1


def test_rewrapping_is_all_or_nothing(node):
    node.do(keys.add, stored_of(first_pair("office", pair(1), NOW), pair(1), NEW))
    before = node.database.read_now(keys.every)
    with pytest.raises(KeyRingError, match="wrong passphrase"):
        node.do(partial(key_acts.rewrap, old=OLD, new=b"x", actor=WHO, now_ms=NOW_MS))
    assert node.database.read_now(keys.every) == before
