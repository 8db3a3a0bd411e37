"""What the ERP wants sent: written by the agreement, numbered, recorded once; or refused with a case."""

import asyncio
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from gateway.flow import operations
from gateway.flow.outward import composing
from gateway.model.dispatch import DispatchState
from gateway.store.database import StoreUnavailable
from gateway.store.deliveries.dispatches import SourceIdReused
from gateway.store.messages import documents
from gateway.store.oversight import audit
from gateway.store.partners import profiles
from partners.loader import LoadedProfile, unpack
from tests.flow.dispatching import HOST, NOTICE, OPERATOR, desk_over, key, order
from translators.catalog import TranslationResult, translate
from translators.guide import ReadingRules

EACH = ("sqlite", "postgresql")
FIXTURES = Path(__file__).parents[1] / "fixtures" / "canonical"


@pytest.fixture(params=EACH)
def url(request, tmp_path):
    return (
        f"sqlite:///{tmp_path / 'o.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_database_url")
    )


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'o.db'}"


@pytest.fixture
async def desk(url):
    async with desk_over(url) as desk:
        yield desk


@pytest.fixture
async def small_desk(sqlite_url):
    """For what no database does in a way of its own."""
    async with desk_over(sqlite_url) as desk:
        yield desk


def segments(x12: bytes) -> list[list[str]]:
    return [segment.split("*") for segment in x12.decode().split("~") if segment]


def elements(x12: bytes, code: str) -> list[list[str]]:
    return [segment for segment in segments(x12) if segment[0] == code]


def read_back(x12: bytes) -> list[dict]:
    *items, result = translate(x12, ReadingRules())
    assert isinstance(result, TranslationResult)
    assert result.accepted, result
    return [orjson.loads(item.document) for item in items]


async def test_a_canonical_order_becomes_an_850_that_our_own_reader_accepts(desk):
    sent = await desk.send(order("PO-7"), source_key=key(), correlation_id="C-1")
    assert (sent.state, sent.duplicate) == (DispatchState.ACCEPTED, False)
    assert desk.woken

    x12 = await desk.payload(sent.id)
    (document,) = read_back(x12)
    assert (document["document_type"], document["number"]) == ("purchase_order", "PO-7")
    isa, gs, st = (elements(x12, code)[0] for code in ("ISA", "GS", "ST"))
    assert [isa[5], isa[6].strip(), isa[7], isa[8].strip(), isa[13]] == ["ZZ", "BIGCORP", "ZZ", "ACME", "000000500"]
    assert gs[1:4] + gs[6:9] == ["PO", "BIGGS", "ACMEGS", "1", "X", "004010"]
    assert st == ["ST", "850", "7000"]

    delivery = await desk.delivery(sent.id)
    assert (delivery.partner_id, delivery.kind, delivery.channel, delivery.identity, delivery.lane) == (
        "acme",
        "document",
        "as2",
        "bigcorp",
        "acme/PO-7",
    )
    assert delivery.transport_id == f"<{sent.id}@{HOST}>"
    assert (delivery.content_type, delivery.filename) == ("application/edi-x12", "purchase_order-PO-7.edi")
    assert (delivery.correlation_id, delivery.document_type, delivery.number) == ("C-1", "purchase_order", "PO-7")
    packed = await desk.database.read(partial(profiles.get, digest=delivery.profile_digest))
    assert isinstance(unpack(packed), LoadedProfile)

    dispatch = await desk.dispatch(sent.id)
    assert json.loads(dispatch.control_numbers) == {"interchange": 500, "groups": [1], "sets": [7000]}
    assert await desk.steps(sent.id) == ["wanted", "translated", "queued"]


async def test_the_documents_of_a_body_go_as_one_interchange_a_group_for_each_kind(desk):
    change = json.loads((FIXTURES / "860-004010.json").read_text())[0]
    body = b"[" + b",".join([order("PO-1"), order("PO-2"), json.dumps(change).encode()]) + b"]"
    sent = await desk.send(body)
    assert sent.is_accepted, (sent.reason, sent.findings)
    x12 = await desk.payload(sent.id)
    assert [document["document_type"] for document in read_back(x12)] == [
        "purchase_order",
        "purchase_order",
        "purchase_order_change",
    ]
    assert [gs[1] + gs[6] for gs in elements(x12, "GS")] == ["PO1", "PC2"]
    assert [st[2] for st in elements(x12, "ST")] == ["7000", "7001", "7002"]
    assert [se[2] for se in elements(x12, "SE")] == ["7000", "7001", "7002"]
    # Two orders: nothing says behind which of them it would have to wait.
    assert (await desk.delivery(sent.id)).lane == f"acme/{sent.id}"
    following = await desk.send(order("PO-3"))
    numbers = json.loads((await desk.dispatch(following.id)).control_numbers)
    assert numbers == {"interchange": 501, "groups": [3], "sets": [7003]}


async def test_json_and_xml_go_as_canonical_documents(small_desk):
    sent = await small_desk.send(json.dumps(NOTICE).encode())
    delivery = await small_desk.delivery(sent.id)
    assert (delivery.content_type, delivery.filename) == ("application/json", "ship_notice-SN-1.json")
    assert delivery.lane == "acme/PO-1"
    assert orjson.loads(await small_desk.payload(sent.id))["number"] == "SN-1"

    receipt = NOTICE | {"document_type": "receipt", "number": "R-1", "lines": []}
    bodies = (json.dumps(receipt).encode(), json.dumps([receipt, receipt | {"number": "R-2"}]).encode())
    for body, count in zip(bodies, (1, 2), strict=True):
        sent = await small_desk.send(body)
        assert sent.is_accepted, (sent.reason, sent.findings)
        *items, result = translate(await small_desk.payload(sent.id), ReadingRules())
        assert result.accepted
        assert (result.syntax, len(items)) == ("xml", count)
    assert await small_desk.last_numbers() == {}


async def test_the_agreement_picks_who_of_us_speaks(small_desk):
    invoice = json.loads((FIXTURES / "810-004010.json").read_text())[0]
    sent = await small_desk.send(json.dumps(invoice).encode())
    assert sent.is_accepted, (sent.reason, sent.findings)
    assert (await small_desk.delivery(sent.id)).identity == "plant"
    x12 = await small_desk.payload(sent.id)
    isa, gs = (elements(x12, code)[0] for code in ("ISA", "GS"))
    assert (isa[5], isa[6].strip(), gs[2], gs[8]) == ("01", "PLANT1", "PLANT", "005010")

    # Over a connection, by an identity without an AS2 id: X12 speaks as it, AS2 as the one that the connection knows.
    sent = await small_desk.send(order(), "carried")
    delivery = await small_desk.delivery(sent.id)
    assert (delivery.partner_id, delivery.identity) == ("carried", "bigcorp")
    isa = elements(await small_desk.payload(sent.id), "ISA")[0]
    assert (isa[5], isa[6].strip(), isa[8].strip()) == ("12", "SHOP", "CARRIED")


async def test_an_answer_repeats_what_its_order_says(desk):
    def keep(connection):
        connection.execute(
            text(
                "INSERT INTO document (id, message_id, partner_id, revision, ordinal, document_type, number,"
                " purchase_order_number, status, location, findings, findings_omitted, schema_version, body,"
                " created_at_ms) VALUES ('d', 'm', 'acme', 1, 0, 'purchase_order', 'PO-9', 'PO-9', 'accepted', '{}',"
                " '[]', 0, '1.0', :body, 1)"
            ),
            {"body": order("PO-9", issued_on="2026-02-02")},
        )
        return documents.orders(connection, "acme", ["PO-9", "PO-8"])

    assert set(await desk.database.write(keep)) == {"PO-9"}
    answer = {
        "document_type": "purchase_order_acknowledgment",
        "schema_version": "1.0",
        "purchase_order_number": "PO-9",
        "number": "SO-1",
        "purpose": "original",
        "status_code": "AC",
        "issued_on": "2026-03-01",
        "lines": [{"line_id": "1", "acknowledgments": [{"code": "IA", "quantity": "10"}]}],
    }
    sent = await desk.send(json.dumps(answer).encode())
    assert sent.is_accepted, (sent.reason, sent.findings)
    x12 = await desk.payload(sent.id)
    assert elements(x12, "BAK")[0][3:5] == ["PO-9", "20260202"]
    assert elements(x12, "PO1")[0][2:5] == ["10", "EA", "12.5"]


REFUSED = [
    (order(), "nobody", "no partner 'nobody'"),
    (order(), "sketch", "sketch is a draft"),
    (order(), "stray", "sketch, the connection of stray, is a draft"),
    (order(), "unreachable", "nothing says how unreachable is reached"),
    (json.dumps(NOTICE).encode(), "carried", "no outbound agreement on ship_notice"),
    (order(number=None), "acme", "not sound"),
    (b"{", "acme", "not sound"),
    (b"", "acme", "not sound"),
    (b"ISA*00*", "acme", "this is X12"),
    (order("P" * 40), "acme", "cannot be written as x12"),
    (b"[" + order() + b"," + json.dumps(NOTICE).encode() + b"]", "acme", "by different terms"),
]


@pytest.mark.parametrize(("body", "partner", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
async def test_what_cannot_be_sent_is_recorded_with_a_case_and_takes_no_number(small_desk, body, partner, words):
    sent = await small_desk.send(body, partner, source_key=key())
    assert sent.state is DispatchState.REFUSED
    assert words in sent.reason
    assert not small_desk.woken
    assert await small_desk.last_numbers() == {}
    assert await small_desk.delivery(sent.id) is None
    (case,) = await small_desk.cases()
    assert (case.id, case.state, case.message_id) == (f"outbound_refused:{sent.id}", "stopped", sent.id)
    assert case.reason == sent.reason
    dispatch = await small_desk.dispatch(sent.id)
    assert (dispatch.state, dispatch.body_bytes) == ("refused", len(body))
    assert await small_desk.steps(sent.id) == ["wanted", "not-sendable"]

    again = await small_desk.send(body, partner, source_key=key())
    assert (again.id, again.duplicate, again.reason) == (sent.id, True, sent.reason)
    assert len(await small_desk.cases()) == 1


async def test_a_fault_of_ours_is_a_case_too(small_desk, monkeypatch):
    def fail(*_):
        raise RuntimeError("what a document holds")

    monkeypatch.setattr(composing, "write_outgoing", fail)
    sent = await small_desk.send(order())
    assert sent.reason == "the document could not be translated, by our own fault (RuntimeError)"
    assert [case.message_id for case in await small_desk.cases()] == [sent.id]


async def test_a_large_document_is_written_in_a_worker(sqlite_url):
    async with desk_over(sqlite_url, inline_body_bytes_max=1_000) as desk:
        sent = await desk.send(order("PO-LARGE", lines=120))
        assert sent.is_accepted, (sent.reason, sent.findings)
        (document,) = read_back(await desk.payload(sent.id))
        assert len(document["lines"]) == 120


async def test_a_repetition_changes_nothing(desk):
    first = await desk.send(order(), source_key=key())
    again = await desk.send(order(), source_key=key())
    assert (again.id, again.duplicate, again.is_accepted) == (first.id, True, True)
    assert (await desk.last_numbers())["ISA|ZZ/BIGCORP|ZZ/ACME|P"] == 500
    assert len(desk.woken) == 1
    other_source = await desk.send(order(), source_key=replace(key(), source="/erp/other"))
    assert not other_source.duplicate


@pytest.mark.parametrize(("body", "partner"), [(order("OTHER"), "acme"), (order(), "carried")])
async def test_the_same_id_for_something_else_is_refused_and_audited(desk, body, partner):
    first = await desk.send(order(), source_key=key())
    with pytest.raises(SourceIdReused):
        await desk.send(body, partner, source_key=key())
    (act,) = await desk.database.read(audit.find)
    assert (act.actor, act.action, act.subject) == ("erp", "refused.idempotency-key-reused", "message-1")
    assert act.detail["dispatch"] == first.id
    assert (await desk.last_numbers())["ISA|ZZ/BIGCORP|ZZ/ACME|P"] == 500


async def test_concurrent_repetitions_are_one_and_orders_keep_their_order(desk):
    bodies = [order("PO-1", purpose=purpose) for purpose in ("original",)] * 4
    answers = await asyncio.gather(*(desk.send(body, source_key=key(1)) for body in bodies))
    assert len({answer.id for answer in answers}) == 1
    assert [answer.duplicate for answer in answers].count(False) == 1

    numbers = range(2, 22)
    answers = await asyncio.gather(*(desk.send(order(lines=22 - n), source_key=key(n)) for n in numbers))
    found = [await desk.delivery(answer.id) for answer in answers]
    # All of one lane: the first wanted goes first, however long it took to write it.
    assert [delivery.sequence for delivery in found] == list(range(2, 22))
    given = [json.loads((await desk.dispatch(answer.id)).control_numbers)["interchange"] for answer in answers]
    assert given == list(range(501, 521))


async def test_two_processes_give_each_number_once(url):
    async with desk_over(url) as one, desk_over(url) as other:
        answers = await asyncio.gather(
            *(desk.send(order(f"PO-{n}"), source_key=key(n)) for n in range(12) for desk in (one, other))
        )
        ids = {answer.id for answer in answers}
        assert len(ids) == 12
        given = [json.loads((await one.dispatch(one_id)).control_numbers)["interchange"] for one_id in ids]
        assert sorted(given) == list(range(500, 512))


async def test_a_commit_that_fails_leaves_no_trace_and_no_gap(small_desk):
    def fail(connection):
        connection.execute(text("DROP TABLE delivery_body"))

    await small_desk.database.write(fail)
    with pytest.raises(Exception, match="delivery_body"):
        await small_desk.send(order(), source_key=key())
    assert await small_desk.last_numbers() == {}
    assert await small_desk.cases() == []


async def test_nothing_is_taken_while_the_disk_is_low(small_desk):
    small_desk.outbound._disk_is_low = lambda: True
    with pytest.raises(StoreUnavailable):
        await small_desk.send(order())


async def test_a_refused_one_is_translated_again_when_a_person_asks(desk):
    desk.change("acme", "draft")
    sent = await desk.send(order(), source_key=key())
    desk.change("acme", "live")
    (case,) = await desk.cases()
    retry = partial(operations.retry_case, case_id=case.id, actor=OPERATOR, now_ms=2)
    await desk.database.write(retry)
    running = asyncio.create_task(desk.outbound.run())
    desk.outbound.wake()
    async with asyncio.timeout(20):
        while await desk.delivery(sent.id) is None:
            await asyncio.sleep(0.01)
    running.cancel()
    assert await desk.cases() == []
    assert (await desk.dispatch(sent.id)).state == "accepted"
    read_back(await desk.payload(sent.id))
    assert (await desk.send(order(), source_key=key())).duplicate
    with pytest.raises(operations.NotPossible):
        await desk.database.write(retry)


async def test_a_refused_one_can_be_given_up(desk):
    sent = await desk.send(order(), "sketch")
    (case,) = await desk.cases()
    give_up = partial(operations.give_up, case_id=case.id, actor=OPERATOR, now_ms=2, why="sent by mail")
    await desk.database.write(give_up)
    assert (await desk.dispatch(sent.id)).state == "abandoned"
    assert await desk.cases() == []


# --- files ------------------------------------------------------------------------------------------------------------


async def x12_file(desk, number="PO-F"):
    return await desk.payload((await desk.send(order(number))).id)


async def test_x12_goes_byte_for_byte_to_whom_it_is_addressed(desk):
    data = await x12_file(desk)
    sent = await desk.outbound.accept_file("acme", data, "order.edi", actor=OPERATOR)
    assert sent.is_accepted, sent.reason
    assert await desk.payload(sent.id) == data
    delivery = await desk.delivery(sent.id)
    assert (delivery.kind, delivery.filename, delivery.content_type) == ("file", "order.edi", "application/edi-x12")
    assert (delivery.identity, delivery.lane) == ("bigcorp", f"acme/{sent.id}")
    (act,) = await desk.database.read(audit.find)
    assert (act.actor, act.action, act.subject) == (OPERATOR.name, "outbound.send", sent.id)

    elsewhere = re.sub(rb"ACME {11}", b"GLOBEX         ", data)
    for payload in (elsewhere, data + elsewhere, b"ISA*00*no header at all"):
        sent = await desk.outbound.accept_file("acme", payload, "order.edi")
        assert sent.state is DispatchState.REFUSED
    reasons = {case.reason for case in await desk.cases()}
    assert any("is addressed to ZZ/GLOBEX" in reason and "ZZ/ACME" in reason for reason in reasons)


async def test_the_sender_of_a_file_says_who_of_us_speaks(small_desk):
    data = (await x12_file(small_desk)).replace(b"*ZZ*BIGCORP        *", b"*01*PLANT1         *")
    sent = await small_desk.outbound.accept_file("acme", memoryview(data))
    assert (await small_desk.delivery(sent.id)).identity == "plant"


@pytest.mark.parametrize(
    ("data", "more", "content_type", "subject"),
    [
        (b"\x00\x01 anything", {}, "application/octet-stream", "File"),
        (b"%PDF-1.7", {"content_type": "application/pdf", "subject": "Terms"}, "application/pdf", "Terms"),
        (b'{"a": 1}', {"filename": "a\r\nb.json"}, "application/json", "a__b.json"),
    ],
)
async def test_any_other_file_goes_as_it_is(small_desk, data, more, content_type, subject):
    sent = await small_desk.outbound.accept_file("acme", data, **more)
    delivery = await small_desk.delivery(sent.id)
    assert await small_desk.payload(sent.id) == data
    assert (delivery.content_type, delivery.subject) == (content_type, subject)
    assert "\r" not in delivery.filename


async def test_a_file_that_cannot_be_sent_keeps_its_bytes_for_another_try(desk):
    for partner, payload, words in (
        ("sketch", b"x", "is a draft"),
        ("acme", b"", "empty"),
        ("nobody", b"x", "no partner"),
    ):
        sent = await desk.outbound.accept_file(partner, payload)
        assert words in sent.reason
    desk.change("sketch", "live")
    (case,) = [case for case in await desk.cases() if case.partner_id == "sketch"]
    await desk.database.write(partial(operations.retry_case, case_id=case.id, actor=OPERATOR, now_ms=2))
    await desk.outbound._again(case.message_id)
    assert await desk.payload(case.message_id) == b"x"
