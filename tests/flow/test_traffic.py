"""Lists of what goes either way: merged by age, narrowed, page by page."""

from functools import partial

import pytest

from gateway.flow import traffic
from gateway.flow.traffic import Wanted
from gateway.store import messages
from gateway.store.messages import NewMessage
from tests.flow.dispatching import desk_over, order


@pytest.fixture
async def mixed(tmp_path, monkeypatch):
    """A refused wish, a delivery and a message, three times each; their ids by what they are, oldest first."""
    monkeypatch.setattr(traffic, "PAGE", 2)
    async with desk_over(f"sqlite:///{tmp_path / 't.db'}") as desk:
        ids = []
        for number in range(3):
            ids.append(("refused", (await desk.send(order(), "sketch")).id))
            ids.append(("queued", (await desk.send(order(f"PO-{number}"))).id))
            one = NewMessage(
                desk.outbound.new_id(), "acme", "d", "bigcorp", "as2", None, "", 1_000 + number, "s", b"x", "s", None,
                None, "", "", "{}",
            )  # fmt: skip
            await desk.database.write(partial(messages.accept, new=one))
            ids.append(("received", one.id))
        yield desk, ids


async def listed(desk, limit=99, **wanted):
    found = await desk.database.read(partial(traffic.rows, wanted=Wanted(**wanted), limit=limit))
    return [(row["status"], row["id"]) for row in found]


async def test_the_newest_come_first_whichever_way_they_go(mixed):
    desk, ids = mixed
    newest = ids[::-1]
    assert await listed(desk) == newest
    assert await listed(desk, limit=4) == newest[:4]
    assert await listed(desk, before=newest[3][1], limit=3) == newest[4:7]


@pytest.mark.parametrize(
    ("wanted", "states"),
    [
        ({"direction": "in"}, {"received"}),
        ({"direction": "out"}, {"refused", "queued"}),
        ({"partner_id": "sketch"}, {"refused"}),
        ({"partner_id": "acme"}, {"queued", "received"}),
        ({"channel": "as2"}, {"queued", "received"}),
        ({"state": "queued"}, {"queued"}),
        ({"state": "queued", "direction": "in"}, set()),
        ({"state": "refused"}, {"refused"}),
        ({"since_ms": 10_000}, {"refused", "queued"}),  # the messages are of 1970
        ({"partner_id": "nobody"}, set()),
    ],
)
async def test_lists_are_narrowed(mixed, wanted, states):
    desk, ids = mixed
    assert await listed(desk, **wanted) == [one for one in ids[::-1] if one[0] in states]


async def test_each_is_shown_with_its_parts(mixed):
    desk, ids = mixed
    for status, one in ids[:3]:
        view = await desk.database.read(partial(traffic.view, item_id=one))
        assert (view["id"], view["status"]) == (one, status)
        assert view["timeline"]
        part = "payload" if status != "refused" else "document"

        def read(connection, one=one, part=part):
            pieces = traffic.part_of(connection, one, part)
            assert pieces is not None
            return b"".join(pieces), b"".join(traffic.part_of(connection, one, "receipt") or ())

        held, receipt = await desk.database.read(read)
        assert held
        assert receipt == b""
    assert await desk.database.read(partial(traffic.view, item_id="nothing")) is None
    assert await desk.database.read(partial(traffic.part_of, item_id="nothing", part="payload")) is None
