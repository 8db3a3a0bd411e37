"""Documents that are meant to hurt: each is kept as what it is or refused, and everything goes on."""

import asyncio
from functools import partial

from gateway.store import messages
from tests.edge.rest.whole import ACME, NORTHWIND, whole
from tests.site import acknowledgment_855, ship_notice_json

BILLION = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">%s]><Order>&j;</Order>' % b"".join(
    b'<!ENTITY %s "%s">' % (name.encode(), b"&%s;" % before.encode() * 10)
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
# Faults 19 and 20.
BAD = {
    "an XML bomb": BILLION,
    "quadratic entities": b'<!DOCTYPE a [<!ENTITY b "%s">]><Order>%s</Order>' % (b"x" * 10_000, b"&b;" * 1_000),
    "an external entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><Order>&b;</Order>',
    "an external entity over HTTP": b'<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1:9/x">]><Order>&b;</Order>',
    "an external DTD": b'<!DOCTYPE Order SYSTEM "http://127.0.0.1:9/x.dtd"><Order/>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]><Order/>',
    "a stylesheet": b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><Order/>',
    "an XInclude": b'<Order xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="file:///etc/hostname"/></Order>',
    "deep XML": b"<a>" * 20_000 + b"</a>" * 20_000,
    "deep JSON": b"[" * 50_000 + b"]" * 50_000,
    "deep JSON in a document": ship_notice_json(1)[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "a huge number": ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": 1e999999999'),
    "a long number": ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": ' + b"9" * 100_000),
    "a huge number in quotes": ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": "1e999999999"'),
    "a name twice": ship_notice_json(1).replace(b'{"document_type"', b'{"number": "X", "document_type"'),
    "not a number": ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": NaN'),
    "infinity": ship_notice_json(1).replace(b'"quantity": "5"', b'"quantity": -Infinity'),
    "half a pair": ship_notice_json(1).replace(b"SN-1", b"\\ud800"),
    "no UTF-8": ship_notice_json(1).replace(b"SN-1", b"\xff\xfe"),
    "a NUL": ship_notice_json(1).replace(b"SN-1", b"\\u0000"),
}


async def test_each_is_rejected_with_its_reason_and_nothing_is_fetched_or_expanded(tmp_path):
    async with whole(tmp_path) as running:
        for number, (name, body) in enumerate(BAD.items(), start=2):
            answer, view = await running.post("/v1/documents", body, NORTHWIND, Prefer="wait=20")
            assert (answer.status, view["outcome"]) == (200, "rejected"), name
            assert view["reason"], name
            assert len(answer.body) < 50_000, name
            _, told = await running.post("/v1/validate", body, NORTHWIND)
            assert (told["outcome"], told["reason"]) == ("rejected", view["reason"]), name
            raw = await running.get(view["links"]["raw"], NORTHWIND)
            assert raw.body == body, name
            # The next one is read as ever.
            _, view = await running.post("/v1/documents", ship_notice_json(number), NORTHWIND, Prefer="wait=20")
            assert view["outcome"] == "accepted", name


async def test_the_same_document_under_a_new_id_is_flagged(tmp_path):
    async with whole(tmp_path) as running:
        first, told = await running.post(
            "/v1/documents", ship_notice_json(1), NORTHWIND, Prefer="wait=20", Idempotency_Key="a"
        )
        again, retold = await running.post(
            "/v1/documents", ship_notice_json(1), NORTHWIND, Prefer="wait=20", Idempotency_Key="b"
        )
        assert (first.status, again.status) == (200, 200)
        assert told["documents"][0]["same_number"] == []
        assert retold["documents"][0]["same_number"] == [told["documents"][0]["id"]]
        seen = await running.get(told["documents"][0]["links"]["self"], NORTHWIND)
        assert seen.told["same_number"] == [retold["documents"][0]["id"]]
        # X12 says so by its control number.
        await running.post("/v1/documents", acknowledgment_855(1), ACME, Prefer="wait=20", Idempotency_Key="a")
        _, told = await running.post(
            "/v1/documents", acknowledgment_855(1), ACME, Prefer="wait=20", Idempotency_Key="b"
        )
        assert (told["outcome"], told["report"]["interchanges"][0]["ta1"]["note"]) == ("rejected", "025")


async def test_of_many_at_once_under_one_key_one_is_processed(tmp_path):
    async with whole(tmp_path) as running:
        calls = [
            running.post("/v1/documents", ship_notice_json(1), NORTHWIND, Prefer="wait=20", Idempotency_Key="k")
            for _ in range(8)
        ]
        answers = await asyncio.gather(*calls)
        assert {answer.status for answer, _ in answers} <= {200, 202, 409}
        assert len({told["id"] for answer, told in answers if answer.status != 409}) == 1
        for answer, told in answers:
            if answer.status == 409:
                assert (answer.headers["Retry-After"], told["status"]) == ("1", 409)
        found = await running.gateway.database.read(partial(messages.find, partner_id="northwind-parts"))
        assert len(found) == 1
