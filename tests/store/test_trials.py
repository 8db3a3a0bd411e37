from dataclasses import replace

import pytest

from gateway.store import trials
from gateway.store.trials import Trial

FIRST = Trial("01A", "acme-supply", "order", "loopback", "d1", passed=True, detail="", actor="command:jo", at_ms=7)


def kept(store, *recorded):
    for trial in recorded:
        store.write_now(lambda connection, trial=trial: trials.record(connection, trial))


def test_latest_of_each_sample_and_way(store):
    later = replace(FIRST, id="01B", passed=False, detail="the receipt never came", at_ms=8)
    by_partner = replace(FIRST, id="01C", way="partner")
    response = replace(FIRST, id="01D", sample="order-response")
    of_another = replace(FIRST, id="01E", partner_id="harbor-tools")
    kept(store, FIRST, later, by_partner, response, of_another)
    assert store.read_now(lambda connection: trials.latest(connection, "acme-supply")) == (later, by_partner, response)
    history = store.read_now(lambda connection: trials.history(connection, "acme-supply", limit=3))
    assert history == (response, by_partner, later)
    assert store.read_now(lambda connection: trials.latest(connection, "nobody")) == ()


def test_very_many_do_not_stay(store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trials, "KEPT_MAX", 2)
    kept(store, replace(FIRST, sample="other"), *(replace(FIRST, id=f"02{number}") for number in range(4)))
    history = store.read_now(lambda connection: trials.history(connection, "acme-supply"))
    assert [trial.id for trial in history] == ["023", "022", "01A"]


def test_whatever_was_found_out_can_be_kept(store):
    kept(store, replace(FIRST, detail="\0" + "x" * 5_000))
    (only,) = store.read_now(lambda connection: trials.latest(connection, "acme-supply"))
    assert (only.detail[:5], len(only.detail)) == ("\\x00x", trials.DETAIL_CHARACTERS_MAX)
