"""A partner's words on the line: what they send reaches the ERP in ours, what the ERP wants sent leaves in theirs."""

import json
from dataclasses import replace

import orjson
import pytest

from partners.loader import LoadedProfile, parse_profile
from tests.flow.dispatching import Desk, desk_over, order
from tests.flow.line import Line, line_over
from tests.flow.test_process import many_855
from tests.site import Site, acknowledgment_855

ITEMS = b"theirs,ours\nACME-7,000123\n"
WORDS = {
    "tables": [{"file": "items.csv", "of": "product_ids", "theirs": "VP", "ours": "BP", "missing": "reject"}],
    "units": [{"theirs": "CA", "ours": "EA", "factor": "12"}],
    "qualifiers": [{"of": "dates", "theirs": "068", "ours": "010"}],
}


def in_cases(number: int) -> bytes:
    return acknowledgment_855(number).replace(b"*10*EA", b"*10*CA").replace(b"BP*AX-100*", b"")


@pytest.fixture
async def line(tmp_path, store_url):
    site = Site(tmp_path)
    (site.partners_dir / "acme-supply" / "items.csv").write_bytes(ITEMS)
    async with line_over(site, store_url) as line:
        await line.change("acme-supply", vocabulary=WORDS)
        line.run()
        yield line


def lines_of(line: Line) -> list[dict]:
    """The lines of every document that was published."""
    events = [event for event in line.collector.events if event.event == "received"]
    return [one for event in events for one in orjson.loads(event.body)["lines"]]


async def test_what_they_send_reaches_the_erp_in_our_words(line):
    kept = await line.keep(in_cases(1))
    view = await line.decided(kept.message_id)
    assert view["status"] == "published"
    (one,) = lines_of(line)
    assert (one["quantity"], one["unit"], one["quantity_as_sent"]) == ("120", "EA", "10")
    assert [(held["qualifier"], held["id"]) for held in one["product_ids"]] == [("VP", "ACME-7"), ("BP", "000123")]
    (said,) = one["acknowledgments"]
    assert (said["quantity"], said["dates"][0]["qualifier"], said["dates"][0]["qualifier_as_sent"]) == (
        "120",
        "010",
        "068",
    )


async def test_an_item_that_nobody_knows_is_rejected_and_told_in_the_997(line):
    kept = await line.keep(in_cases(1).replace(b"ACME-7", b"ACME-8"))
    view = await line.decided(kept.message_id)
    assert view["status"] == "rejected"
    assert "the item VP ACME-8 is not known here" in view["reason"]
    (acknowledgment,) = view["acknowledgments"]
    assert "AK4*7*234*7*ACME-8~" in acknowledgment["x12"]
    assert "AK5*R*5~" in acknowledgment["x12"]


async def test_a_message_keeps_the_words_it_started_with_and_workers_know_them(line):
    many = many_855(600).replace(b"*10*EA", b"*10*CA").replace(b"BP*AX-100*", b"")
    assert len(many) > line.settings.limits.inline_body_bytes_max
    kept = await line.keep(many)
    await line.change("acme-supply", vocabulary={})
    view = await line.decided(kept.message_id)
    assert view["status"] == "published"
    assert {(one["quantity"], one["product_ids"][-1]["id"]) for one in lines_of(line)} == {("120", "000123")}


def ordered(quantity: str, item: str) -> bytes:
    whole = json.loads(order())
    whole["lines"][0] |= {"quantity": quantity, "unit_price": "1.5", "product_ids": [{"qualifier": "BP", "id": item}]}
    return json.dumps(whole).encode()


def with_words(desk: Desk) -> None:
    """From now on the partner `acme` has words of its own."""
    loaded = desk.profiles["acme"]
    text = loaded.files["profile.yaml"].decode() + "vocabulary: " + json.dumps(WORDS) + "\n"
    made = parse_profile({**loaded.files, "profile.yaml": text.encode(), "items.csv": ITEMS})
    assert isinstance(made, LoadedProfile), made
    desk.profiles["acme"] = replace(made, path=loaded.path)


async def test_what_the_erp_wants_sent_leaves_in_their_words(tmp_path):
    async with desk_over(f"sqlite:///{tmp_path / 'o.db'}") as desk:
        with_words(desk)
        sent = await desk.send(ordered("24", "000123"))
        assert sent.is_accepted, (sent.reason, sent.findings)
        assert b"PO1*1*2*CA*18.0**VP*ACME-7~" in await desk.payload(sent.id)
        uneven = await desk.send(ordered("30", "000123"))
        assert not uneven.is_accepted
        assert "quantity 30 EA is no whole number of CA (each 12 EA)" in uneven.reason
        unknown = await desk.send(ordered("24", "9"))
        assert "the item BP 9 has no name of theirs in the table" in unknown.reason
