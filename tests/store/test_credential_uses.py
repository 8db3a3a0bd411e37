"""Last uses of credentials: noted in memory, the latest kept, whoever writes first."""

from functools import partial

import pytest

from gateway.flow.credential_upkeep import FLUSH_EVERY_MS, PURGE_EVERY_MS, CredentialUpkeep
from gateway.store.credentials import nonces, uses
from gateway.store.credentials.uses import CredentialUses
from gateway.store.database import StoreUnavailable

NOW_MS = 1_800_000_000_000


def test_the_latest_use_is_kept(store):
    store.write_now(partial(uses.keep, uses={("acme", "api_key", "main"): 5, ("acme", "signature", "k1"): 7}))
    store.write_now(partial(uses.keep, uses={("acme", "api_key", "main"): 4, ("globex", "api_key", "main"): 9}))
    assert store.read_now(partial(uses.of_partner, partner_id="acme")) == {
        ("api_key", "main"): 5,
        ("signature", "k1"): 7,
    }
    assert store.read_now(uses.every) == {
        "acme": {("api_key", "main"): 5, ("signature", "k1"): 7},
        "globex": {("api_key", "main"): 9},
    }
    assert store.read_now(partial(uses.of_partner, partner_id="nobody")) == {}


def test_what_was_noted_is_taken_once_and_put_back():
    noted = CredentialUses()
    noted.note("acme", "api_key", "main", 1)
    noted.note("acme", "api_key", "main", 2)
    noted.note("globex", "oauth", "c1", 3)
    assert noted.newest("acme") == {("api_key", "main"): 2}
    taken = noted.take()
    assert taken == {("acme", "api_key", "main"): 2, ("globex", "oauth", "c1"): 3}
    assert noted.take() == {}
    noted.note("acme", "api_key", "main", 9)
    noted.put_back(taken)
    assert noted.take() == {("acme", "api_key", "main"): 9, ("globex", "oauth", "c1"): 3}


async def test_uses_are_written_down_and_nonces_removed_now_and_then(writer):
    clock = [NOW_MS]
    noted = CredentialUses()
    upkeep = CredentialUpkeep(writer, noted, now_ms=lambda: clock[0])
    await writer.write(lambda connection: nonces.spend(connection, "k", "old-nonce", NOW_MS + 1, NOW_MS))
    noted.note("acme", "api_key", "main", NOW_MS)
    await upkeep.round()
    read = partial(uses.of_partner, partner_id="acme")
    assert await writer.read(read) == {("api_key", "main"): NOW_MS}
    noted.note("acme", "api_key", "main", NOW_MS + 5)
    await upkeep.round()
    assert await writer.read(read) == {("api_key", "main"): NOW_MS}, "not due yet"
    clock[0] += FLUSH_EVERY_MS
    await upkeep.round()
    assert await writer.read(read) == {("api_key", "main"): NOW_MS + 5}
    clock[0] += PURGE_EVERY_MS
    assert await upkeep.purge() == 1
    assert await upkeep.purge() == 0


async def test_uses_that_could_not_be_written_are_kept(store):
    noted = CredentialUses()
    noted.note("acme", "api_key", "main", 1)
    upkeep = CredentialUpkeep(store, noted, now_ms=lambda: NOW_MS)
    store.close()
    with pytest.raises(StoreUnavailable):
        await upkeep.flush()
    assert noted.take() == {("acme", "api_key", "main"): 1}
