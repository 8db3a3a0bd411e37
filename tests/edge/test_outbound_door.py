"""`POST /outbound`: what an ERP without a broker has sent, and sending again on an operator's word."""

import json
import time
from functools import partial

import pytest

from gateway.model.delivery import DeliveryEvent
from gateway.store import deliveries
from gateway.store.deliveries import dispatches
from gateway.store.oversight import cases
from gateway.store.oversight.operators import Role
from tests.flow.dispatching import NOTICE

URL = "  our_identity: bigcorp\n  url: https://as2.acme.example/as2\n"
AGREEMENT = "agreements: [{document: ship_notice, direction: outbound, syntax: json}]\n"
DOCUMENT = json.dumps(NOTICE).encode()
EVENT = {"ce-id": "M-1", "ce-source": "/erp", "ce-partner": "acme", "Content-Type": "application/json"}


@pytest.fixture
async def house(at_acmes):
    async with at_acmes(as2=URL, extra=AGREEMENT) as house:
        yield house


@pytest.fixture
def post(house, client):
    async def post(body=DOCUMENT, headers=EVENT, *, role=Role.OPERATOR, path="/outbound"):
        token = await house.token(role)
        async with client.post(house.operator_url + path, data=body, headers=token | headers) as answer:
            return answer.status, await answer.json(), answer.headers

    return post


async def test_a_document_is_recorded_with_its_delivery(house, post, client):
    status, told, headers = await post(headers=EVENT | {"ce-correlationid": "C%201"})
    assert (status, told["status"], told["duplicate"]) == (202, "accepted", False)
    assert headers["Location"] == told["links"]["self"] == f"/messages/{told['id']}"
    assert house.woken
    delivery = await house.database.read(partial(deliveries.get, delivery_id=told["id"]))
    assert (delivery.partner_id, delivery.correlation_id, delivery.source_key) == ("acme", "C 1", "/erp M-1")
    (act,) = await house.acts("outbound.send")
    assert (act.actor, act.subject, act.detail["partner"]) == ("operator:operator", told["id"], "acme")

    token = await house.token(Role.VIEWER)
    async with client.get(house.operator_url + told["links"]["self"], headers=token) as answer:
        view = await answer.json()
    assert (view["direction"], view["status"], view["document"]["number"]) == ("out", "queued", "SN-1")
    async with client.get(house.operator_url + "/messages?direction=out&state=queued", headers=token) as answer:
        assert [row["id"] for row in (await answer.json())["messages"]] == [told["id"]]
    async with client.get(house.operator_url + "/messages?direction=in", headers=token) as answer:
        assert (await answer.json())["messages"] == []


@pytest.mark.parametrize(
    ("body", "headers", "path"),
    [
        (DOCUMENT, {"Idempotency-Key": "M-1"}, "/outbound?partner=acme"),
        (
            json.dumps(
                {"specversion": "1.0", "id": "M-1", "source": "/erp", "partner": "acme", "data": NOTICE}
            ).encode(),
            {"Content-Type": "application/cloudevents+json"},
            "/outbound",
        ),
    ],
)
async def test_the_id_may_stand_elsewhere_and_a_repetition_changes_nothing(post, body, headers, path):
    first = await post(body, headers, path=path)
    again = await post(body, headers, path=path)
    assert (first[0], again[0]) == (202, 202)
    assert (first[1]["duplicate"], again[1]["duplicate"]) == (False, True)
    assert first[1]["id"] == again[1]["id"]


async def test_the_same_id_for_other_content_is_refused_and_audited(house, post):
    await post()
    status, problem, _ = await post(DOCUMENT.replace(b"SN-1", b"SN-2"))
    assert (status, problem["type"]) == (422, "urn:partner-gateway:problem:idempotency-key-reused")
    (act,) = await house.acts("refused.idempotency-key-reused")
    assert act.subject == "M-1"


async def test_what_cannot_be_sent_is_a_problem_and_a_case(house, post):
    status, problem, _ = await post(headers=EVENT | {"ce-partner": "globex"})
    assert (status, problem["type"]) == (422, "urn:partner-gateway:problem:not-sendable")
    assert "globex has no outbound agreement" in problem["detail"] or "how globex is reached" in problem["detail"]
    (case,) = await house.database.read(cases.find)
    assert case.id == f"outbound_refused:{problem['id']}"
    status, problem, _ = await post(b'{"document_type": "ship_notice"', EVENT | {"ce-id": "M-2"})
    assert status == 422
    assert problem["findings"]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"ce-source": "/erp", "ce-partner": "acme"}, "ce-id is missing"),
        ({"ce-id": "1", "ce-partner": "acme"}, "ce-source is missing"),
        ({"ce-id": "1", "ce-source": "/erp"}, "ce-partner is missing"),
        ({"ce-id": "1", "ce-source": "/erp", "path": "/outbound?partner=a%00"}, "partner holds a control character"),
        ({"ce-id": "1", "ce-source": "/erp", "path": f"/outbound?partner={'a' * 201}"}, "partner has 201 characters"),
    ],
)
async def test_a_request_that_names_too_little_or_nonsense_is_told_what(house, post, headers, words):
    path = headers.get("path", "/outbound")
    status, problem, _ = await post(headers={name: headers[name] for name in headers if name != "path"}, path=path)
    assert status == 400
    assert words in problem["detail"]
    assert await house.database.read(dispatches.find) == []


async def test_only_operators_send(house, post):
    status, _, _ = await post(role=Role.VIEWER)
    assert status == 403
    assert await house.database.read(dispatches.find) == []


async def test_what_waits_for_its_next_attempt_is_tried_now_on_an_operators_word(house, post):
    _, told, _ = await post()
    later_ms = time.time_ns() // 1_000_000 + 3_600_000

    def wait(connection):
        change = "UPDATE delivery SET next_attempt_at_ms = ?, attempts = 1"
        connection.exec_driver_sql(change, (later_ms,))

    await house.database.write(wait)
    house.woken.clear()
    for _ in range(2):
        status, made, _ = await post(b"", {}, path=f"/messages/{told['id']}/resend")
        assert (status, made["delivery"]) == (202, told["id"])
    assert house.woken
    (row,) = await house.database.read(deliveries.find)
    assert (row.id, row.next_attempt_at_ms < later_ms) == (told["id"], True)
    (act,) = await house.acts("message.resend")
    assert (act.subject, act.actor) == (told["id"], "operator:operator")


async def test_what_was_delivered_is_sent_again_on_an_operators_word(house, post):
    _, told, _ = await post()
    status, problem, _ = await post(b"", {}, path=f"/messages/{told['id']}/resend")
    assert status == 409
    assert "is queued" in problem["detail"]
    assert (await post(b"", {}, path="/messages/nothing/resend"))[0] == 404

    confirm = partial(deliveries.apply, delivery_id=told["id"], event=DeliveryEvent.CONFIRM, now_ms=2)
    await house.database.write(confirm)
    status, made, _ = await post(b"", {}, path=f"/messages/{told['id']}/resend")
    assert status == 202
    first, again = [
        await house.database.read(partial(deliveries.get, delivery_id=one)) for one in (told["id"], made["delivery"])
    ]
    assert again.transport_id not in (first.transport_id, "")
    assert (again.payload_sha256, again.correlation_id, again.lane) == (
        first.payload_sha256,
        first.correlation_id,
        first.lane,
    )
    assert (await house.database.read(partial(dispatches.get, dispatch_id=again.id))).causation_id == first.id
    (act,) = await house.acts("message.resend")
    assert (act.subject, act.detail) == (first.id, {"as": again.id})
