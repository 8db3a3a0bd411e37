"""Our SSH keys: one of an algorithm signs on all nodes, the next is announced, what is over is gone for good."""

import asyncio
from functools import cache

import asyncssh
import pytest
from sqlalchemy import update

from gateway.flow import ssh_keys
from gateway.flow.operations import Actor
from gateway.flow.ssh_keys import ALGORITHMS, ANNOUNCED_MS, SshKeyError, SshKeys, fingerprint_of, make_key
from gateway.store import ssh_keys as stored
from gateway.store.credentials import sealing as sealing_key
from gateway.store.credentials.sealing import SealError, Sealing, SealingUnavailable
from gateway.store.engine.statements import table_of
from gateway.store.oversight import audit
from gateway.store.sftp_tables import SshKey

NOW_MS = 1_772_000_000_000
ME = Actor("command:tests")


class Clock:
    def __init__(self):
        self.ms = NOW_MS

    def __call__(self):
        return self.ms


@cache
def made(algorithm, number):
    return make_key(algorithm)


@pytest.fixture(autouse=True)
def _keys_at_hand(monkeypatch):
    """Making a key of RSA takes half a second: a session makes a few."""
    counts = dict.fromkeys(ALGORITHMS, 0)

    def next_one(algorithm):
        counts[algorithm] += 1
        return made(algorithm, counts[algorithm])

    monkeypatch.setattr(ssh_keys, "make_key", next_one)
    monkeypatch.setattr(sealing_key, "SCRYPT_LOG2_N", 10)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sealing(store):
    one = Sealing(store, lambda: b"the passphrase of the day")
    one.start_now()
    return one


@pytest.fixture
def keys(store, sealing, clock):
    return SshKeys(store, sealing, clock)


def acts(store):
    return [(act.action, act.subject, act.actor) for act in store.read_now(audit.find)]


async def test_several_nodes_make_the_first_keys_once(keys, store):
    found = await asyncio.gather(*(keys.host_keys() for _ in range(3)))
    assert found[0] == found[1] == found[2]
    assert [(key.algorithm, key.signs) for key in found[0]] == [("ssh-ed25519", True), ("ssh-rsa", True)]
    for key in found[0]:
        pair = asyncssh.import_private_key(key.private_key)
        assert pair.get_fingerprint() == key.fingerprint == fingerprint_of(key.public_key)
        assert asyncssh.import_public_key(key.public_key).public_data == pair.public_data
    assert len(acts(store)) == 2
    assert all(b"OPENSSH" not in row.sealed_key for row in store.read_now(lambda c: stored.all_of(c, stored.HOST)))


def test_the_next_key_is_announced_then_signs_and_the_old_one_goes(keys, store, clock):
    first = keys.host_keys_now()[0]
    second = keys.new_host_key_now("ssh-ed25519", actor=ME)
    assert second.used_from_ms == NOW_MS + ANNOUNCED_MS
    shown = [(key.fingerprint, key.signs) for key in keys.host_keys_now()[:2]]
    assert shown == [(first.fingerprint, True), (second.fingerprint, False)]
    with pytest.raises(SshKeyError, match="is the next ssh-ed25519 key already"):
        keys.new_host_key_now("ssh-ed25519", actor=ME)
    with pytest.raises(SshKeyError, match="signs now"):
        keys.retire_now(first.fingerprint, ME)
    clock.ms += ANNOUNCED_MS
    shown = [(key.fingerprint, key.signs) for key in keys.host_keys_now()[:2]]
    assert shown == [(second.fingerprint, True), (first.fingerprint, False)]
    keys.retire_now(first.fingerprint[:14], ME)
    assert keys.host_keys_now()[0].fingerprint == second.fingerprint
    (gone,) = [row for row in store.read_now(lambda c: stored.all_of(c, stored.HOST)) if row.retired_at_ms]
    assert (gone.fingerprint, gone.sealed_key) == (first.fingerprint, b"")
    assert acts(store)[0] == ("ssh_host_key.retire", first.fingerprint, "command:tests")


def test_the_day_of_the_next_key_can_be_moved(keys, clock):
    first = keys.host_keys_now()[0]
    second = keys.new_host_key_now("ssh-ed25519", used_from_ms=NOW_MS + 1_000, actor=ME)
    keys.use_from_now(second.fingerprint, NOW_MS + 5_000, ME)
    clock.ms += 2_000
    assert keys.host_keys_now()[0].fingerprint == first.fingerprint
    clock.ms += 3_000
    assert keys.host_keys_now()[0].fingerprint == second.fingerprint
    with pytest.raises(SshKeyError, match="signs already"):
        keys.use_from_now(second.fingerprint, clock.ms + 1, ME)
    # Back to the one before, which is still announced.
    clock.ms += 1
    keys.use_from_now(first.fingerprint, clock.ms, ME)
    assert keys.host_keys_now()[0].fingerprint == first.fingerprint


@pytest.mark.parametrize("called", ["SHA256:", "", "SHA256:----", "x"])
def test_a_key_is_named_by_enough_of_its_fingerprint(keys, called):
    keys.host_keys_now()
    with pytest.raises(SshKeyError, match="no key is called"):
        keys.use_from_now(called, NOW_MS, ME)


def test_keys_to_log_in_with(keys, store):
    assert keys.client_key_now("acme") is None
    key = keys.new_client_key_now("acme", actor=ME)
    opened = keys.client_key_now("acme")
    assert asyncssh.import_private_key(opened).get_fingerprint() == key.fingerprint
    with pytest.raises(SshKeyError, match="acme is the name of SHA256:"):
        keys.new_client_key_now("acme", actor=ME)
    keys.retire_now(key.fingerprint, ME, purpose=stored.CLIENT)
    assert keys.client_key_now("acme") is None
    assert [act[0] for act in acts(store)] == ["ssh_client_key.retire", "ssh_client_key.new"]


def test_without_a_passphrase_there_are_no_keys(store, clock):
    keys = SshKeys(store, Sealing(store, lambda: None), clock)
    with pytest.raises(SealingUnavailable):
        keys.host_keys_now()
    with pytest.raises(SealingUnavailable):
        keys.new_client_key_now("acme")


def test_a_key_that_does_not_open_is_not_followed_by_another_one_of_itself(keys, store, clock, caplog):
    keys.host_keys_now()
    broken = update(table_of(SshKey)).values(sealed_key=b"broken")
    store.write_now(lambda connection: connection.execute(broken.where(table_of(SshKey).c.algorithm == "ssh-ed25519")))
    assert [key.algorithm for key in keys.host_keys_now()] == ["ssh-rsa"]
    assert "does not open" in caplog.text
    store.write_now(lambda connection: connection.execute(broken))
    with pytest.raises(SealError, match="host-keys new"):
        keys.host_keys_now()
    clock.ms += 1_000
    new = keys.new_host_key_now("ssh-ed25519", used_from_ms=clock.ms, actor=ME)
    assert [key.fingerprint for key in keys.host_keys_now()] == [new.fingerprint]


def test_private_parts_stand_in_no_log_that_shows_a_value():
    key = made("ssh-ed25519", 1)
    shown = ssh_keys.HostKey(key.fingerprint, key.algorithm, key.public_key, key.private_key, signs=True)
    assert "PRIVATE" not in repr(key) + repr(shown)
