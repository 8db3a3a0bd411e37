"""Answers under an Idempotency-Key, in both databases."""

from functools import partial

import pytest

from gateway.store import idempotency, retention
from gateway.store.idempotency import LEASE_MS, Answer, KeyReused, Reservation, StillRunning
from gateway.store.messages import TransportIdReused, accept
from tests.store.stock import new_message

NOW_MS = 1_800_000_000_000
reserve = partial(idempotency.reserve, partner_id="acme", key="k", sha256="a" * 64, now_ms=NOW_MS)
finish = partial(idempotency.finish, status=201, headers={"Location": "/v1/x"}, body=b"{}", sealed=False)


def test_a_key_is_reserved_finished_and_answered_again(store):
    reservation = store.write_now(reserve)
    assert reservation == Reservation("acme", "k", NOW_MS)
    with pytest.raises(StillRunning):
        store.write_now(partial(reserve, now_ms=NOW_MS + LEASE_MS - 1))
    store.write_now(partial(finish, reservation=reservation))
    answer = store.write_now(partial(reserve, now_ms=NOW_MS + 1))
    assert answer == Answer(201, {"Location": "/v1/x"}, b"{}", sealed=False, created_at_ms=NOW_MS)
    # What is answered stays: neither a second answer nor a release changes it.
    store.write_now(partial(finish, reservation=reservation, status=500))
    store.write_now(partial(idempotency.release, reservation=reservation))
    assert store.write_now(reserve) == answer


def test_a_key_stands_for_one_request(store):
    store.write_now(reserve)
    with pytest.raises(KeyReused):
        store.write_now(partial(reserve, sha256="b" * 64))
    assert store.write_now(partial(reserve, partner_id="globex", sha256="b" * 64)).partner_id == "globex"


def test_what_came_of_nothing_may_be_tried_with_other_content(store):
    store.write_now(partial(idempotency.release, reservation=store.write_now(reserve)))
    assert isinstance(store.write_now(partial(reserve, sha256="b" * 64)), Reservation)


def test_a_call_whose_process_is_gone_may_be_taken_over_once(store):
    first = store.write_now(reserve)
    later = NOW_MS + LEASE_MS
    second = store.write_now(partial(reserve, now_ms=later))
    assert second == Reservation("acme", "k", later)
    with pytest.raises(StillRunning):
        store.write_now(partial(reserve, now_ms=later + 1))
    # The one that was given up comes back and finds itself replaced.
    with pytest.raises(StillRunning):  # which takes back what it changed
        store.write_now(partial(finish, reservation=first))
    store.write_now(partial(idempotency.release, reservation=first))
    with pytest.raises(StillRunning):
        store.write_now(partial(reserve, now_ms=later + 1))
    store.write_now(partial(finish, reservation=second))
    with pytest.raises(StillRunning):
        store.write_now(partial(finish, reservation=first))


def test_a_key_never_stands_for_a_submission_and_for_a_call(store):
    new = new_message(1, transport_id="sent")
    store.write_now(partial(accept, new=new))
    with pytest.raises(KeyReused):
        store.write_now(partial(reserve, key="sent"))
    store.write_now(partial(reserve, key="called"))
    again = new_message(2, transport_id="called")
    with pytest.raises(TransportIdReused):
        store.write_now(partial(accept, new=again))


def test_a_key_is_forgotten_with_the_duplicates(store):
    store.write_now(partial(finish, reservation=store.write_now(reserve)))
    assert store.read_now(partial(retention.count, kind="duplicates_days", before_ms=NOW_MS + 1)) == 2
    assert store.write_now(partial(retention.step, kind="duplicates_days", before_ms=NOW_MS)) == 0
    assert store.write_now(partial(retention.step, kind="duplicates_days", before_ms=NOW_MS + 1)) == 2
    assert isinstance(store.write_now(partial(reserve, sha256="b" * 64)), Reservation)
