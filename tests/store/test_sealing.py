"""Secrets of ours at rest: one data key for all nodes, wrapped under the passphrase, each secret for its purpose."""

import threading
from functools import partial

import pytest
from sqlalchemy import select

from certs.keyring import KeyRingError
from gateway.app import Gateway
from gateway.flow.certificates import key_acts
from gateway.flow.operations import Actor
from gateway.settings import Settings, SettingsError
from gateway.starting import CannotStart
from gateway.store.api_tables import SealingKey
from gateway.store.backup import move_ahead
from gateway.store.credentials import sealing as sealing_key
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.database import Database
from gateway.store.engine.statements import table_of

pytestmark = pytest.mark.usefixtures("cheap_scrypt")
PASSPHRASE, NEXT = b"the passphrase of the day", b"the passphrase of tomorrow"


@pytest.fixture
def cheap_scrypt(monkeypatch):
    monkeypatch.setattr(sealing_key, "SCRYPT_LOG2_N", 10)


def sealing(database, passphrase=PASSPHRASE):
    one = Sealing(database, lambda: passphrase, now_ms=lambda: 7)
    one.start_now()
    return one


def wrapped(database):
    return database.read_now(
        lambda connection: [bytes(one) for one in connection.scalars(select(table_of(SealingKey).c.wrapped))]
    )


async def test_what_one_node_seals_another_opens(store):
    one = Sealing(store, lambda: PASSPHRASE)
    await one.start()
    sealed = one.seal(b"secret", "webhook")
    assert b"secret" not in sealed
    assert sealed != one.seal(b"secret", "webhook")
    assert sealing(store).open(sealed, "webhook") == b"secret"
    assert len(wrapped(store)) == 1


def test_several_nodes_that_start_at_once_agree(store, store_url):
    nodes = [Database(store_url) for _ in range(3)]
    ready, found = threading.Barrier(len(nodes)), []

    def begin(node):
        ready.wait()
        found.append(sealing(node))

    threads = [threading.Thread(target=begin, args=(node,)) for node in nodes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for node in nodes:
            node.close()
    first, *others = found
    assert [other.open(first.seal(b"x", "p"), "p") for other in others] == [b"x", b"x"]


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: b"\x02" + sealed[1:],
        lambda sealed: sealed[:13],
        lambda _: b"",
        lambda _: b"\x01",
    ],
    ids=["tag", "version", "cut", "empty", "head"],
)
def test_what_was_changed_does_not_open(store, change):
    one = sealing(store)
    with pytest.raises(SealError, match="webhook"):
        one.open(change(one.seal(b"secret", "webhook")), "webhook")


def test_what_is_sealed_for_one_purpose_does_not_open_for_another(store):
    one = sealing(store)
    with pytest.raises(SealError):
        one.open(one.seal(b"secret", "webhook/1"), "webhook/2")


def test_without_a_passphrase_only_sealing_fails(store):
    none = sealing(store, None)
    assert not none.is_available
    assert wrapped(store) == []
    with pytest.raises(SealingUnavailable, match="key_passphrase_file"):
        none.seal(b"x", "p")
    with pytest.raises(SealingUnavailable, match="GATEWAY_KEY_PASSPHRASE"):
        Sealing().open(b"x", "p")


def test_a_wrong_passphrase_and_a_damaged_key_are_told(store):
    sealing(store)
    with pytest.raises(KeyRingError, match="last wrapped under") as told:
        sealing(store, b"wrong")
    assert "wrong" not in str(told.value)
    (kept,) = wrapped(store)
    for damaged in (b"", b"\x01", b"\x01no", b"\x02" + kept[1:], kept[:1] + b"\xff" + kept[2:], kept[:-1], kept[:30]):
        values = table_of(SealingKey).update().values(wrapped=damaged)
        store.write_now(lambda connection, values=values: connection.execute(values))
        with pytest.raises(KeyRingError, match="restore the database"):
            sealing(store)

    def unreadable():
        raise SettingsError(["key_passphrase_file: no such file"])

    with pytest.raises(KeyRingError, match="no such file"):
        Sealing(store, unreadable).start_now()


def test_another_passphrase_opens_what_was_sealed_before(store):
    one = sealing(store)
    sealed = one.seal(b"secret", "p")
    rewrap = partial(key_acts.rewrap, new=NEXT, actor=Actor("command:test"), now_ms=9)
    with pytest.raises(KeyRingError):
        store.write_now(partial(rewrap, old=b"wrong"))
    assert store.write_now(partial(rewrap, old=PASSPHRASE)) == 0
    assert sealing(store, NEXT).open(sealed, "p") == b"secret"
    assert one.open(sealed, "p") == b"secret"
    assert store.read_now(partial(key_acts.opens, passphrase=NEXT))
    assert not store.read_now(partial(key_acts.opens, passphrase=PASSPHRASE))
    with pytest.raises(KeyRingError):
        sealing(store, PASSPHRASE)


def test_there_may_be_nothing_to_rewrap(store):
    assert not store.write_now(partial(sealing_key.rewrap, old=PASSPHRASE, new=NEXT))


def test_a_restored_database_keeps_its_seals(store):
    sealed = sealing(store).seal(b"secret", "p")
    store.write_now(lambda connection: move_ahead(connection, 1, 7, "command:test"))
    assert sealing(store).open(sealed, "p") == b"secret"


async def test_a_gateway_with_another_passphrase_does_not_start(tmp_path):
    async def start_with(passphrase):
        settings = Settings(
            data_dir=tmp_path / "data",
            partners_dir=tmp_path / "partners",
            key_passphrase=passphrase,
            edge_port=0,
            operator_port=0,
        )
        gateway = Gateway(settings, database_synchronous="OFF")
        try:
            await gateway.start()
            return gateway.sealing.is_available
        finally:
            await gateway.stop()

    (tmp_path / "partners").mkdir()
    assert await start_with("the first")
    with pytest.raises(CannotStart, match="last wrapped under"):
        await start_with("the second")
    assert not await start_with(None)
    assert await start_with("the first")
