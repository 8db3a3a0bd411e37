"""Identifiers, delays, instants and the business event."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.backoff import BASE_MS, CAP_MS, delay_ms
from gateway.model.events import BusinessEvent
from gateway.model.ids import ID_LENGTH, IdSource, document_id, event_id, ulid
from gateway.model.instants import moment, rfc3339
from gateway.model.refusals import Reason, Refused

CROCKFORD = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
MILLISECONDS = st.integers(0, 2**48 - 1)
CHANCE = st.integers(0, 2**80 - 1)


def test_a_ulid_is_written_as_its_specification_says():
    # The largest value, and the example's time part (ulid/spec: 01ARZ3NDEK is 1469922850259).
    assert ulid(2**48 - 1, 2**80 - 1) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    assert ulid(1469922850259, 0)[:10] == "01ARZ3NDEK"


@given(MILLISECONDS, CHANCE, MILLISECONDS, CHANCE)
def test_ids_sort_as_their_time_and_chance_do(first_ms, first, second_ms, second):
    one, two = ulid(first_ms, first), ulid(second_ms, second)
    assert len(one) == ID_LENGTH
    assert set(one) <= CROCKFORD
    assert (one < two) == ((first_ms, first) < (second_ms, second))


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=200), st.booleans())
def test_ids_ascend_strictly_however_the_clock_steps(readings, highest_chance):
    clock = iter(readings)
    chance = (lambda bits: 2**bits - 1) if highest_chance else random.Random(1).getrandbits
    source = IdSource(lambda: next(clock), chance)
    ids = [source.next() for _ in readings]
    assert ids == sorted(set(ids))
    assert all(len(name) == ID_LENGTH for name in ids)


def test_ids_of_a_later_time_carry_that_time():
    clock = iter([5, 9])
    source = IdSource(lambda: next(clock), lambda _: 0)
    assert [source.next(), source.next()] == [ulid(5, 0), ulid(9, 0)]


def test_documents_and_events_have_one_id_however_often_they_are_staged():
    assert document_id("M", 3, 1) == "M-3"
    assert document_id("M", 3, 2) == "M-3-r2"
    assert event_id("M-3", "received") == "M-3.received"


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.integers(1, 10_000), st.integers(1, 10**7))
def test_a_delay_lies_in_the_upper_half_of_its_doubling_and_never_beyond_the_cap(attempts, chance, base_ms, cap_ms):
    longest = min(cap_ms, base_ms * 2 ** min(attempts - 1, 40))
    if attempts <= 20:
        assert longest // 2 <= delay_ms(attempts, chance, base_ms=base_ms, cap_ms=cap_ms) <= longest
    assert 0 <= delay_ms(attempts, chance, base_ms=base_ms, cap_ms=cap_ms) <= cap_ms


def test_delays_double_from_the_base_to_the_cap():
    assert [delay_ms(attempts, 0) for attempts in (1, 2, 3)] == [BASE_MS // 2, BASE_MS, BASE_MS * 2]
    assert delay_ms(1_000, 0.999999) == pytest.approx(CAP_MS, rel=1e-3)


EVENT = BusinessEvent(
    id="M-0.received",
    partner="acme",
    document_type="invoice",
    event="received",
    subject="INV-1",
    source="/gateway/bigcorp",
    time="2026-03-01T09:30:00.125Z",
    lane="acme/PO-1",
    sequence=12,
    correlation_id="M",
    causation_id=None,
    revision=1,
    message_id="M",
    document_id="M-0",
    schema_version="1.0",
    body=b"{}",
)


def test_an_event_carries_the_required_attributes_of_cloudevents():
    attributes = EVENT.attributes()
    assert attributes["specversion"] == "1.0"
    assert attributes["type"] == "b2b.invoice.received"
    assert attributes["dataschema"] == "urn:partner-gateway:schema:invoice:1.0"
    assert attributes["partitionkey"] == "acme/PO-1"
    assert EVENT.routing_key == "invoice.received.acme"
    # CloudEvents 1.0, 3.1: names of lower-case letters and digits alone.
    assert all(name.isascii() and name.isalnum() and name.islower() for name in attributes)
    assert "causationid" not in attributes


def test_an_event_that_supersedes_another_names_it():
    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    assert BusinessEvent(**fields | {"causation_id": "old", "revision": 2}).attributes()["causationid"] == "old"


def test_a_test_says_so_and_one_of_a_partner_in_testing_goes_another_way():
    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    assert "test" not in EVENT.attributes()
    marked = BusinessEvent(**fields | {"test": True})
    assert (marked.attributes()["test"], marked.routing_key) == (True, "invoice.received.acme")
    testing = BusinessEvent(**fields | {"test": True, "from_testing": True})
    assert (testing.attributes()["test"], testing.routing_key) == (True, "test.invoice.received.acme")


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_sequences_sort_as_text(one, two):
    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    texts = [BusinessEvent(**fields | {"sequence": number}).attributes()["sequence"] for number in (one, two)]
    assert (texts[0] < texts[1]) == (one < two)


def test_instants_are_written_in_utc_with_milliseconds():
    assert rfc3339(1772357400125) == "2026-03-01T09:30:00.125Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert moment(1772357400125).isoformat() == "2026-03-01T09:30:00.125000+00:00"


def test_a_refusal_keeps_what_is_for_the_audit_from_the_caller():
    refused = Refused(Reason.UNAUTHENTICATED, "unknown credentials", audit="no partner has this key")
    assert "no partner" not in str(refused)
    assert refused.audit == "no partner has this key"
    assert Refused(Reason.NOT_FOUND, "gone").audit == "gone"
