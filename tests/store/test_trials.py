from dataclasses import replace
from functools import partial

import pytest

from gateway.store.messages import documents
from gateway.store.messages.documents import StagedDocument
from gateway.store.partners import control_numbers, trials
from gateway.store.partners.trials import Came, Trial
from tests.store.stock import message_id, staged_document

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


def test_what_came_and_was_decided(store, stock):
    for number in (1, 2):
        stock.queued(number, "acme/PO")
    stock.accept(3)
    look = partial(trials.came_since, partner_id="acme", document_types=("invoice",), since_ms=2)
    (came,) = store.read_now(look)
    assert came == Came(message_id(2), "invoice", "0", "accepted")
    others = partial(trials.came_since, partner_id="acme", document_types=("receipt",), since_ms=0)
    assert store.read_now(others) == ()
    assert len(store.read_now(partial(look, since_ms=0))) == 2


def test_their_acknowledgments_of_a_group(store):
    def kept(number, group, at_ms):
        document = replace(
            staged_document(number, created_at_ms=at_ms, body=str(number).encode()).document,
            document_type="functional_acknowledgment",
            number=group,
        )
        store.write_now(partial(documents.stage, batch=[StagedDocument(document, None)], now_ms=at_ms))

    kept(1, "7", 10)
    kept(2, "7", 20)
    kept(3, "8", 20)
    look = partial(trials.acknowledgments_since, partner_id="acme", group_control_number="7")
    assert store.read_now(partial(look, since_ms=11)) == (b"2",)
    assert store.read_now(partial(look, since_ms=0)) == (b"1", b"2")


def test_a_message_by_its_transport_id(store, stock):
    stock.accept(1)
    assert store.read_now(partial(trials.message_with, transport_id="t-1")) == message_id(1)
    assert store.read_now(partial(trials.message_with, transport_id="t-2")) is None


def test_numbers_of_theirs_are_forgotten(store):
    def use(connection):
        control_numbers.note_seen(connection, "ISA|acme", 7, "m")
        return control_numbers.remember(connection, "ISA|acme|7", "m", 1, window_from_ms=0)

    assert store.write_now(use)
    store.write_now(trials.forget_their_numbers)
    assert store.write_now(lambda connection: control_numbers.last_seen(connection, "ISA|acme", 7, "other")) is None
    assert store.write_now(
        lambda connection: control_numbers.remember(connection, "ISA|acme|7", "other", 1, window_from_ms=0)
    )
