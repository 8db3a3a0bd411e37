"""The list of submissions: its cursor, its filters, and what is refused."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from gateway.edge.rest.lists import cursor_of, read_cursor, read_instant
from gateway.model.instants import rfc3339
from gateway.model.refusals import Refused
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, open_house
from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.whole import NORTHWIND, whole
from tests.site import acknowledgment_855, ship_notice_json

ACME = {"Authorization": f"Bearer {ACME_KEY}"}
GLOBEX = {"X-API-Key": GLOBEX_KEY}


class Asked:
    def __init__(self, **query):
        self.query = MultiDict(query)


async def send(house, client, number, body=X12, headers=ACME):
    ids = []
    for _ in range(number):
        async with client.post(f"{house.url}/v1/documents", data=body, headers=headers) as answer:
            ids.append((await answer.json())["id"])
    return ids


async def walk(house, client, query="limit=2", headers=ACME):
    seen, address = [], f"/v1/documents?{query}"
    while address:
        async with client.get(house.url + address, headers=headers) as answer:
            page = await assert_as_promised("list_documents", answer)
            assert answer.status == 200, page
        seen.append([row["id"] for row in page["submissions"]])
        address = page["links"]["next"]
    return seen


async def test_the_cursor_leads_through_everything_once(house, client):
    ids = await send(house, client, 5)
    await send(house, client, 2, b"{}", GLOBEX)
    assert await walk(house, client) == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    # It is the partner's own list also with the cursor of somebody else.
    cursor = cursor_of(ids[4])
    assert len(await walk(house, client, f"limit=2&cursor={cursor}", GLOBEX)) == 1


async def test_the_cursor_of_the_first_release_goes_on_working(house, client):
    ids = await send(house, client, 4)
    assert await walk(house, client, f"limit=2&before={ids[3]}") == [[ids[2], ids[1]], [ids[0]]]


async def test_filters_stay_on_the_way_through_the_pages(house, client):
    ids = await send(house, client, 5)
    assert await walk(house, client, "limit=2&status=in_progress&channel=rest") == [
        [ids[4], ids[3]],
        [ids[2], ids[1]],
        [ids[0]],
    ]
    assert await walk(house, client, "status=received&limit=5") == [ids[::-1]]
    for nothing in ("status=rejected", "channel=as2", "type=invoice", "number=1", "purchase_order=1"):
        assert await walk(house, client, nothing) == [[]]


async def test_moments_bound_the_list(tmp_path, client):
    now = [1_800_000_000_000]
    async with open_house(tmp_path, now_ms=lambda: now[0]) as house:
        ids = []
        for _ in range(4):
            now[0] += 60_000
            ids += await send(house, client, 1)
        at = [rfc3339(1_800_000_000_000 + 60_000 * minute) for minute in range(6)]
        assert await walk(house, client, f"since={at[2]}&until={at[4]}") == [[ids[2], ids[1]]]
        assert await walk(house, client, f"since={at[5]}") == [[]]
        assert await walk(house, client, f"until={at[1]}") == [[]]
        assert await walk(house, client, f"since={at[4].replace('Z', '+00:00')}") == [[ids[3]]]


async def test_submissions_are_found_by_what_they_hold(tmp_path):
    async with whole(tmp_path) as running:
        first, _ = await running.post("/v1/documents", acknowledgment_855(1, order="A"), Prefer="wait=20")
        second, _ = await running.post("/v1/documents", acknowledgment_855(2, order="B"), Prefer="wait=20")
        await running.post("/v1/documents", ship_notice_json(1, order="A"), NORTHWIND, Prefer="wait=20")
        ids = [answer.headers["Location"].rpartition("/")[2] for answer in (first, second)]

        async def found(query):
            return [row["id"] for row in (await running.get(f"/v1/documents?{query}")).told["submissions"]]

        assert await found("purchase_order=A") == [ids[0]]
        assert await found("type=purchase_order_acknowledgment") == ids[::-1]
        assert await found("type=purchase_order_acknowledgment&purchase_order=B&status=accepted") == [ids[1]]
        assert await found("type=ship_notice") == []
        assert await found("status=rejected&purchase_order=A") == []


@pytest.mark.parametrize(
    "query",
    [
        "cursor=",
        "cursor=nonsense",
        "cursor=%00",
        "cursor=" + "A" * 600,
        "cursor=" + cursor_of("x" * 26),
        "cursor=" + cursor_of("0" * 26 + "-1-x"),
        "cursor=" + base64.b64encode(b"\xff\xfe").decode(),
        "status=nonsense",
        "status=",
        "channel=x",
        "type=",
        "type=%00",
        "number=" + "1" * 256,
        "purchase_order=a%0Ab",
        "since=yesterday",
        "since=2026-03-01",
        "since=2026-03-01T00:00:00",
        "until=2026-02-30T00:00:00Z",
        "until=9999-99-99T00:00:00Z",
        "limit=5&limit=6",
        "status=held&status=held",
        "cursor=a&cursor=b",
    ],
)
async def test_a_question_without_sense_is_refused(house, client, query):
    async with client.get(f"{house.url}/v1/documents?{query}", headers=ACME) as answer:
        told = await assert_as_promised("list_documents", answer)
    assert answer.status == 400
    assert told["type"].endswith("invalid-request")


@given(st.text(max_size=60))
def test_any_cursor_is_a_position_or_refused(text):
    with contextlib.suppress(Refused):
        assert read_cursor(Asked(cursor=text), lambda decoded: decoded) is not None


@given(st.text(alphabet="0123456789-:TtZz+. ", max_size=30))
def test_any_moment_is_one_or_refused(text):
    with contextlib.suppress(Refused):
        assert (read_instant(Asked(since=text), "since") or 0) >= 0


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001  # the zone comes beside
def test_what_is_written_is_read(moment):
    whole_ms = moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
    read = read_instant(Asked(since=moment.isoformat()), "since")
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=read) == whole_ms
