"""Events that partners may be told of: kept once for each cause, in order, listed page by page, and gone with age."""

import pytest

from gateway.model.partner_events import PartnerEvent, partner_event
from gateway.store import partner_events


@pytest.fixture
def keep(stock):
    def keep(cause, *, partner="acme", at_ms=1_000, type_="document.accepted") -> PartnerEvent:
        event = partner_event(partner, type_, "PO-1", at_ms, {"cause": cause}, cause=cause)
        stock.do(partner_events.record, event)
        return event

    return keep


def test_a_cause_is_recorded_once(stock, keep):
    event = keep("a")
    assert not stock.do(partner_events.record, event)
    (kept,) = stock.see(partner_events.untold, 10)
    assert kept.id == event.id
    assert kept.body == event.body


def test_one_cause_tells_each_partner_of_an_event_of_its_own(keep):
    assert keep("a").id != keep("a", partner="globex").id


def test_they_keep_the_order_in_which_they_were_recorded_also_within_a_millisecond(stock, keep):
    ids = [keep(str(number)).id for number in range(20)]
    assert [event.id for event in stock.see(partner_events.untold, 100)] == ids
    assert [event.id for event in stock.see(partner_events.find, "acme", limit=100)] == ids[::-1]


def test_what_was_told_is_not_told_again(stock, keep):
    first, second = keep("a"), keep("b")
    stock.do(partner_events.mark_told, [first.id])
    assert [event.id for event in stock.see(partner_events.untold, 10)] == [second.id]
    assert stock.see(partner_events.get, "acme", first.id).told


def test_a_page_goes_on_where_the_one_before_ended(stock, keep):
    ids = [keep(str(number)).id for number in range(5)][::-1]
    pages, before = [], None
    while page := stock.see(partner_events.find, "acme", before=before, limit=2):
        pages += [event.id for event in page]
        before = pages[-1]
    assert pages == ids
    assert stock.see(partner_events.find, "acme", before="evt_unknown") == []


def test_nobody_reads_or_goes_on_from_another_partners_events(stock, keep):
    theirs, own = keep("a", partner="globex"), keep("b")
    assert stock.see(partner_events.get, "acme", theirs.id) is None
    assert [event.id for event in stock.see(partner_events.find, "acme")] == [own.id]
    assert stock.see(partner_events.since, "acme", event_id=theirs.id, limit=9) == []


def test_events_are_found_since_a_moment_or_an_event_and_by_type(stock, keep):
    keep("a", at_ms=1)
    second, third = keep("b", at_ms=2), keep("c", at_ms=3, type_="document.posted")
    since = [event.id for event in stock.see(partner_events.since, "acme", at_ms=2, limit=9)]
    assert since == [second.id, third.id]
    assert [event.id for event in stock.see(partner_events.since, "acme", event_id=third.id, limit=9)] == [third.id]
    until = stock.see(partner_events.since, "acme", at_ms=0, until_ms=3, types=["document.accepted"], limit=9)
    assert [event.at_ms for event in until] == [1, 2]
    assert [event.id for event in stock.see(partner_events.find, "acme", types=["document.posted"])] == [third.id]


def test_only_what_was_told_goes_with_age(stock, keep):
    told, untold = keep("a", at_ms=1), keep("b", at_ms=1)
    stock.do(partner_events.mark_told, [told.id])
    assert stock.do(partner_events.purge, 10, rows_max=10) == 1
    assert [event.id for event in stock.see(partner_events.find, "acme")] == [untold.id]
