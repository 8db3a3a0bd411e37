"""What a connection brought of several partners: each of them sees its own, and nothing of the others."""

import hashlib

import pytest

from tests.edge.rest.whole import NORTHWIND, whole
from tests.site import acknowledgment_855

KEYS = {name: f"a throw-away api key of {name}" for name in ("van", "small", "big")}
VAN, SMALL, BIG = ({"Authorization": f"Bearer {key}"} for key in KEYS.values())
AGREED = {"document": "purchase_order_acknowledgment", "direction": "inbound", "syntax": "x12", "releases": ["004010"]}


HOOKS = {"hosts": "hooks.example"}


def by_key(name, **more):
    return {"api_keys": [{"label": "tests", "sha256": hashlib.sha256(KEYS[name].encode()).hexdigest()}]} | more


PARTNERS = {
    "van": by_key("van", speaks_for=[{"qualifier": "ZZ", "id": name} for name in ("SMALL", "BIG")]),
    "small": by_key("small", via="van", x12={"qualifier": "ZZ", "id": "SMALL"}, agreements=[AGREED], webhooks=HOOKS),
    "big": by_key("big", via="van", x12={"qualifier": "ZZ", "id": "BIG"}, agreements=[AGREED], webhooks=HOOKS),
}


def of(name, number, order):
    return acknowledgment_855(number, order=order).replace(b"ACMESUPPLY     ", name.ljust(15).encode())


@pytest.fixture
async def brought(tmp_path):
    """The gateway, and the submission of the VAN: one good document of `small`, one of `big` that is refused."""
    async with whole(tmp_path, partners=PARTNERS) as running:
        body = of("SMALL", 1, "PO-1") + of("BIG", 2, "SECRET").replace(b"BAK*00*AC*SECRET", b"BAK*00*XX*SECRET")
        answer, view = await running.post("/v1/documents", body, VAN, Prefer="wait=20")
        assert answer.status == 200
        yield running, view


async def test_who_sent_it_sees_all_of_it(brought):
    running, view = brought
    assert [document["partner"] for document in view["documents"]] == ["small", "big"]
    assert len(view["acknowledgments"]) == 2
    for path in (view["links"]["self"], view["links"]["raw"], view["links"]["acknowledgment"]):
        assert (await running.get(path, VAN)).status == 200
    for document in view["documents"]:
        assert (await running.get(document["links"]["self"], VAN)).told["links"]["submission"] == view["links"]["self"]
    found = await running.get("/v1/documents?purchase_order=PO-1", VAN)
    assert [row["id"] for row in found.told["submissions"]] == [view["id"]]


async def test_whose_documents_they_are_sees_each_of_its_own(brought):
    running, view = brought
    (small, big), own = view["documents"], {"small": SMALL, "big": BIG}
    for mine, other in ((small, big), (big, small)):
        headers = own[mine["partner"]]
        shown = (await running.get(mine["links"]["self"], headers)).told
        assert (shown["id"], shown["came_by"], shown["status"]) == (mine["id"], "van", mine["status"])
        assert shown["links"] == {"self": mine["links"]["self"]}
        earned = await running.get(f"{mine['links']['self']}/acknowledgment", headers)
        assert earned.status == 200
        assert f"*ZZ*{mine['partner'].upper():15}*".encode() in earned.body
        assert f"*ZZ*{other['partner'].upper():15}*".encode() not in earned.body
        # Neither the others' documents nor the bytes in which they stand.
        for path in (other["links"]["self"], f"{mine['links']['self']}/raw", *view["links"].values()):
            assert (await running.get(path, headers)).status == 404
        assert (await running.get("/v1/documents", headers)).told["submissions"] == []
        assert (await running.get(f"/v1/documents?type={mine['type']}", headers)).told["submissions"] == []
    assert b"SECRET" not in (await running.get(small["links"]["self"], SMALL)).body
    for document in view["documents"]:
        assert (await running.get(document["links"]["self"], NORTHWIND)).status == 404


async def test_a_number_that_others_used_is_not_told(brought):
    running, view = brought
    # The same number, sent by the partner itself: that is its own affair and not that of the connection.
    again = of("SMALL", 3, "PO-1").replace(b"SO-3", b"SO-1")
    _, own = await running.post("/v1/documents", again, SMALL, Prefer="wait=20")
    assert own["outcome"] == "accepted"
    small = view["documents"][0]["links"]["self"]
    assert (await running.get(view["links"]["self"], VAN)).told["documents"][0]["same_number"] == []
    assert (await running.get(small, VAN)).told["same_number"] == []
    assert (await running.get(small, SMALL)).told["same_number"] == [own["documents"][0]["id"]]


async def decided(running, headers):
    """What a partner hears of decisions."""
    told = (await running.get("/v1/events", headers)).told["events"]
    return [event for event in told if event["type"].startswith("document.")]


async def test_events_tell_each_of_its_own(brought):
    """And not why the whole was rejected, which may quote what others sent."""
    running, view = brought
    for headers, document, became in (
        (SMALL, view["documents"][0], "accepted"),
        (BIG, view["documents"][1], "rejected"),
    ):
        (event,) = await decided(running, headers)
        assert (event["type"], event["data"]["status"]) == (f"document.{became}", became)
        assert [one["id"] for one in event["data"]["documents"]] == [document["id"]]
    body = b"".join(of(name, 4, "SECRET").replace(b"BAK*00*AC", b"BAK*00*XX") for name in ("SMALL", "BIG"))
    _, refused = await running.post("/v1/documents", body, VAN, Prefer="wait=20")
    assert refused["outcome"] == "rejected"
    for headers in (SMALL, BIG):
        newest, _ = await decided(running, headers)
        assert newest["data"]["id"] == refused["id"]
        assert "reason" not in newest["data"]
