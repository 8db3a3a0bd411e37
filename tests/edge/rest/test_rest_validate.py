"""A dry run says what the line would do, and leaves nothing behind."""

from functools import partial

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel

from gateway.store.engine.statements import table_of
from gateway.store.tables import ControlNumber, ControlNumberUse, Document
from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.whole import ACME, NORTHWIND, whole
from tests.site import acknowledgment_855, ship_notice_json

GOOD = acknowledgment_855(1)
TWO = GOOD.replace(
    b"GE*1*1~", b"ST*855*0002~\nBAK*00*AC*PO-2*20260301~\nPO1*1*10*EA*12.5**BP*AX-100~\nSE*4*0002~\nGE*2*1~"
)
SAMPLES = {
    "good": (GOOD, ACME),
    "an order number is missing": (GOOD.replace(b"*PO-1*", b"**"), ACME),
    "one of two": (TWO.replace(b"BAK*00*AC*PO-2", b"BAK*00*AC*"), ACME),
    "both": (TWO, ACME),
    "a segment too many": (GOOD.replace(b"CTT*1~", b"CTT*1~\nCTT*1~"), ACME),
    "wrong counts": (GOOD.replace(b"SE*6*0001", b"SE*9*0001").replace(b"GE*1*1", b"GE*4*1"), ACME),
    "a foreign sender": (GOOD.replace(b"*ZZ*ACMESUPPLY     *", b"*ZZ*SOMEBODY       *"), ACME),
    "an unknown document": (GOOD.replace(b"ST*855", b"ST*864").replace(b"GS*PR", b"GS*TX"), ACME),
    "cut off": (GOOD[:-60], ACME),
    "no interchange": (b"ISA*nonsense", ACME),
    "x12 of one with json alone": (GOOD, NORTHWIND),
    "canonical": (ship_notice_json(1), NORTHWIND),
    "canonical with a fault": (ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": "many"'), NORTHWIND),
    "canonical, not agreed on": (ship_notice_json(1).replace(b"ship_notice", b"invoice"), NORTHWIND),
    "broken json": (b'{"document_type": "ship_notice", ', NORTHWIND),
    "json of another kind": (b"[1, 2, 3]", NORTHWIND),
    "broken xml": (b"<Order><a></Order>", NORTHWIND),
    "xml with a document type": (b'<!DOCTYPE a [<!ENTITY b "c">]><Order>&b;</Order>', NORTHWIND),
}
LARGE = acknowledgment_855(7).replace(b"CTT*1~", b"".join([b"PID*F****%s~\n" % (b"x" * 70)] * 1_200) + b"CTT*1~")


@pytest.fixture
async def house_and_line(tmp_path):
    async with whole(tmp_path) as running:
        yield running


def counted(connection):
    return {name: connection.scalar(select(func.count()).select_from(table)) for name, table in TABLES.items()}


TABLES = dict(SQLModel.metadata.tables)
# What the gateway keeps of itself, whoever calls.
UPKEEP = {"credential_use", "rate_bucket", "daily_use", "claim"}


async def kept(running):
    counts = await running.gateway.database.read(counted)
    return {name: number for name, number in counts.items() if name not in UPKEEP}


def judgement(view):
    documents = [
        {name: one[name] for name in ("type", "number", "purchase_order_number", "status", "location", "findings")}
        for one in view["documents"]
    ]
    return {
        "outcome": view["outcome"],
        "reason": view["reason"],
        "syntax": view["syntax"],
        "report": view["report"],
        "documents": documents,
        "acknowledgments": [without_our_numbers(body) for body in view["acknowledgments"]],
    }


def without_our_numbers(body):
    """The interchange but for control numbers of ours and the time."""
    x12 = body["x12"] if isinstance(body, dict) else body
    segments = [segment.split("*") for segment in x12.strip().replace("\n", "").split("~")]
    places = {"ISA": (9, 10, 13), "GS": (4, 5, 6), "GE": (2,), "IEA": (2,), "ST": (2,), "SE": (2,)}
    for segment in segments:
        for place in places.get(segment[0], ()):
            segment[place] = ""
    return segments


async def test_it_says_what_the_line_does_with_the_same_bytes(house_and_line):
    running = house_and_line
    for number, (name, (body, headers)) in enumerate(SAMPLES.items(), start=1):
        # Each under a control number of its own.
        sent = body.replace(b"*000000001", b"*%09d" % number)
        answer, told = await running.post("/v1/validate", sent, headers)
        answer_sent, view = await running.post("/v1/documents", sent, headers, Prefer="wait=20")
        assert (answer.status, answer_sent.status) == (200, 200), name
        assert judgement(told) == judgement(view), name
        assert told["valid"] == (name in {"good", "both", "canonical"}), name
        assert told["documents"] or told["report"]["findings"] or told["report"]["interchanges"], name


def rows_of(connection, table):
    return connection.execute(select(table_of(table))).all()


async def test_a_control_number_that_was_used_is_told_and_none_is_used_up(house_and_line):
    running = house_and_line
    before = await kept(running)
    for _ in range(2):
        _, told = await running.post("/v1/validate", GOOD)
        assert told["valid"]
    _, told = await running.post("/v1/validate", SAMPLES["a foreign sender"][0])
    assert not told["valid"]
    assert await kept(running) == before
    await running.post("/v1/documents", GOOD, Prefer="wait=20")
    uses = await running.gateway.database.read(partial(rows_of, table=ControlNumberUse))
    ours = await running.gateway.database.read(partial(rows_of, table=ControlNumber))
    _, told = await running.post("/v1/validate", GOOD)
    assert (told["valid"], told["outcome"]) == (False, "rejected")
    assert told["reason"] == "interchange control number 000000001 was used before (TA105 025)"
    assert [one["status"] for one in told["documents"]] == ["rejected"]
    assert await running.gateway.database.read(partial(rows_of, table=ControlNumberUse)) == uses
    assert await running.gateway.database.read(partial(rows_of, table=ControlNumber)) == ours


async def test_a_large_one_is_judged_in_a_worker_alike(house_and_line):
    running = house_and_line
    assert len(LARGE) > running.gateway.settings.limits.inline_body_bytes_max
    _, told = await running.post("/v1/validate", LARGE)
    _, view = await running.post("/v1/documents", LARGE, Prefer="wait=30")
    assert judgement(told) == judgement(view)
    assert len(await running.gateway.database.read(partial(rows_of, table=Document))) == 1


async def test_it_is_answered_as_promised(house, client):
    key = {"Authorization": "Bearer acme-key-0123456789"}
    async with client.post(f"{house.url}/v1/validate", data=GOOD, headers=key) as answer:
        told = await assert_as_promised("validate_document", answer)
    assert told["acknowledgments"]
    async with client.post(f"{house.url}/v1/validate", data=b"", headers=key) as answer:
        assert (await assert_as_promised("validate_document", answer))["status"] == 400
    async with client.post(f"{house.url}/v1/validate", data=b"hello", headers=key) as answer:
        assert (await assert_as_promised("validate_document", answer))["status"] == 415
    async with client.post(f"{house.url}/v1/validate", data=GOOD) as answer:
        assert (await assert_as_promised("validate_document", answer))["status"] == 401


async def test_what_a_suspended_partner_would_send_is_judged_and_would_wait(house, client):
    key = {"X-API-Key": "idle-key-0123456789"}
    async with client.post(f"{house.url}/v1/validate", data=b"[]", headers=key) as answer:
        told = await assert_as_promised("validate_document", answer)
    assert told["held"] == "idle is suspended; it goes on by itself once they are live or testing again"
