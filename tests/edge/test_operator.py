import asyncio

import aiohttp
import orjson
import pytest

from gateway.model.events import BusinessEvent
from gateway.model.message import EventState
from gateway.store import messages
from gateway.store.events import event_log
from gateway.store.messages import documents
from gateway.store.messages.documents import StagedDocument, StoredDocument
from gateway.store.oversight import cases, operators
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.oversight.operators import Role
from tests.edge.house import ACME_KEY, IDLE_KEY, X12, House, acme, open_house

READS = ["/metrics", "/messages", "/messages/x", "/exceptions", "/exceptions/x", "/partners", "/events"]
ACTS = [
    "/messages/x/replay",
    "/messages/x/reprocess",
    "/messages/x/resend",
    "/exceptions/x/retry",
    "/exceptions/x/resolve",
    "/outcomes",
    "/outbound",
]


async def submitted(house: House, client: aiohttp.ClientSession) -> str:
    async with client.post(f"{house.url}/v1/documents", data=X12, headers={"X-API-Key": ACME_KEY}) as answer:
        return (await answer.json())["id"]


def stored(message_id: str, number: int) -> StagedDocument:
    document_id = f"{message_id}-{number}"
    body = orjson.dumps({"number": f"PO-{number}"})
    document = StoredDocument(
        document_id, message_id, "acme", 1, number, "purchase_order", f"PO-{number}", f"PO-{number}", "accepted",
        "{}", "[]", 0, "1", body, 1,
    )  # fmt: skip
    event = BusinessEvent(
        f"{document_id}.received", "acme", "purchase_order", "received", f"PO-{number}", "/gateway/x",
        "2026-03-01T12:00:00Z", f"acme/PO-{number}", 0, message_id, None, 1, message_id, document_id, "1", body,
    )  # fmt: skip
    return StagedDocument(document, event)


async def published(house: House, message_id: str, numbers: range = range(1, 2)) -> list[str]:
    """Documents of a message whose events went into the log, as the relay would put them there."""
    batch = [stored(message_id, number) for number in numbers]

    def work(connection):
        documents.stage(connection, batch, 1)
        for item in batch:
            event_log.append(connection, item.event.id, 1)
        connection.exec_driver_sql(f"UPDATE outbox_event SET state = '{EventState.PUBLISHED.value}'")
        connection.exec_driver_sql("UPDATE message SET state = 'published'")

    await house.database.write(work)
    return [item.event.id for item in batch]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "x"}]
)
async def test_without_a_token_nothing_is_shown_or_done(house, client, headers):
    for path in READS:
        async with client.get(house.operator_url + path, headers=headers) as answer:
            assert answer.status == 401, path
    for path in ACTS:
        async with client.post(house.operator_url + path, headers=headers) as answer:
            assert answer.status == 401, path
    acts = await house.acts("refused.unauthenticated")
    assert {act.subject for act in acts} == {f"GET {path}" for path in READS} | {f"POST {path}" for path in ACTS}


async def test_a_partners_key_opens_nothing_here(house, client):
    async with client.get(f"{house.operator_url}/messages", headers={"Authorization": f"Bearer {ACME_KEY}"}) as answer:
        assert answer.status == 401


async def test_health_asks_for_no_token(house, client):
    for path in ("/health/live", "/health/ready"):
        async with client.get(house.operator_url + path) as answer:
            assert answer.status == 200


async def test_a_viewer_reads_and_does_nothing(house, client):
    viewer = await house.token(Role.VIEWER)
    message_id = await submitted(house, client)
    for path in ("/metrics", "/messages", f"/messages/{message_id}", "/exceptions", "/partners", "/events"):
        async with client.get(house.operator_url + path, headers=viewer) as answer:
            assert answer.status == 200, path
    for path in ACTS:
        async with client.post(house.operator_url + path, headers=viewer) as answer:
            assert answer.status == 403, path
    async with client.get(f"{house.operator_url}/audit", headers=viewer) as answer:
        assert answer.status == 403
    acts = await house.acts("refused.forbidden")
    assert {act.actor for act in acts} == {"operator:viewer"}
    assert len(acts) == len(ACTS) + 1


async def test_metrics_are_prometheus_text(house, client):
    viewer = await house.token(Role.VIEWER)
    await submitted(house, client)
    async with client.get(f"{house.operator_url}/metrics", headers=viewer) as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'gateway_messages_accepted_total{channel="rest"} 1' in text
    assert "gateway_body_bytes_held 0" in text
    assert "gateway_edge_connections 1" in text


async def test_messages_are_listed_and_shown(house, client):
    viewer = await house.token(Role.VIEWER)
    ids = [await submitted(house, client) for _ in range(3)]
    async with client.get(f"{house.operator_url}/messages?limit=2&partner=acme", headers=viewer) as answer:
        page = await answer.json()
    assert [row["id"] for row in page["messages"]] == ids[:0:-1]
    async with client.get(f"{house.operator_url}/messages?before={page['next']}", headers=viewer) as answer:
        assert [row["id"] for row in (await answer.json())["messages"]] == ids[:1]
    async with client.get(f"{house.operator_url}/messages?state=parked", headers=viewer) as answer:
        assert (await answer.json())["messages"] == []
    async with client.get(f"{house.operator_url}/messages?state=nonsense", headers=viewer) as answer:
        assert answer.status == 400
    async with client.get(f"{house.operator_url}/messages/{ids[0]}", headers=viewer) as answer:
        view = await answer.json()
    assert view["security"]["api_key"] == "main"
    # What no text of a database can hold finds nothing, and is no fault.
    for query in ("partner=%00", "partner=a%00&before=%00", "partner=%ED%A0%80"):
        async with client.get(f"{house.operator_url}/messages?{query}", headers=viewer) as answer:
            assert (answer.status, (await answer.json())["messages"]) == (200, [])
    async with client.get(f"{house.operator_url}/messages/none", headers=viewer) as answer:
        assert answer.status == 404


async def test_replay_publishes_again_and_stands_in_the_audit(house, client):
    operator = await house.token(Role.OPERATOR)
    message_id = await submitted(house, client)
    events = await published(house, message_id)
    async with client.post(f"{house.operator_url}/messages/{message_id}/replay", headers=operator) as answer:
        assert (answer.status, (await answer.json())["events"]) == (202, events)
    (act,) = await house.acts("message.replay")
    assert (act.actor, act.subject, act.remote) == ("operator:operator", message_id, "127.0.0.1")
    assert house.woken == [1]


async def test_reprocess_makes_the_next_revision(house, client):
    operator = await house.token(Role.OPERATOR)
    message_id = await submitted(house, client)
    await published(house, message_id)
    async with client.post(f"{house.operator_url}/messages/{message_id}/reprocess", headers=operator) as answer:
        assert (answer.status, (await answer.json())["revision"]) == (202, 2)
    message = await house.database.read(lambda c: messages.get(c, message_id))
    assert message.state == "received"


async def test_what_cannot_be_done_is_told_and_audited(house, client):
    operator = await house.token(Role.OPERATOR)
    message_id = await submitted(house, client)
    cases_of = [
        (f"/messages/{message_id}/replay", 409, "refused.message.replay"),
        ("/messages/none/replay", 404, "refused.message.replay"),
        ("/messages/none/reprocess", 404, "refused.message.reprocess"),
        ("/exceptions/none/retry", 404, "refused.exception.retry"),
    ]
    for path, status, action in cases_of:
        async with client.post(house.operator_url + path, headers=operator) as answer:
            assert answer.status == status, path
            assert "none" in (await answer.text()) or status == 409
        assert (await house.acts(action))[0].actor == "operator:operator"


async def test_a_case_is_shown_and_retried(house, client):
    operator = await house.token(Role.OPERATOR)
    message_id = await submitted(house, client)

    def park(connection):
        connection.exec_driver_sql("UPDATE message SET state = 'parked', next_attempt_at_ms = NULL")
        return cases.raise_case(
            connection, CaseKind.PROCESSING, CaseState.STOPPED, 1, partner_id="acme", message_id=message_id, reason="x"
        )

    case_id = await house.database.write(park)
    async with client.get(f"{house.operator_url}/exceptions", headers=operator) as answer:
        assert [case["id"] for case in (await answer.json())["exceptions"]] == [case_id]
    async with client.get(f"{house.operator_url}/exceptions/{case_id}", headers=operator) as answer:
        assert (await answer.json())["state"] == "stopped"
    async with client.post(f"{house.operator_url}/exceptions/{case_id}/retry", headers=operator) as answer:
        assert answer.status == 202
    message = await house.database.read(lambda c: messages.get(c, message_id))
    assert message.next_attempt_at_ms is not None
    assert (await house.acts("exception.retry"))[0].subject == case_id


async def test_a_case_is_given_up_with_a_reason_and_only_once(house, client):
    operator, viewer = await house.token(Role.OPERATOR), await house.token(Role.VIEWER)
    message_id = await submitted(house, client)
    case_id = await house.database.write(
        lambda connection: cases.raise_case(
            connection, CaseKind.PROCESSING, CaseState.STOPPED, 1, partner_id="acme", message_id=message_id, reason="x"
        )
    )
    url = f"{house.operator_url}/exceptions/{case_id}/resolve"
    given = [
        (viewer, {"reason": "no"}, 403),
        (operator, {}, 400),
        (operator, {"reason": " "}, 400),
        (operator, {"reason": "sent by mail"}, 200),
        (operator, {"reason": "again"}, 409),
    ]
    for token, body, status in given:
        async with client.post(url, headers=token, json=body) as answer:
            assert answer.status == status, await answer.text()
    case = await house.database.read(lambda connection: cases.get(connection, case_id))
    assert case.state == "resolved"
    assert case.resolution.endswith("sent by mail")
    (act,) = await house.acts("exception.resolve")
    assert act.detail["reason"] == "sent by mail"


async def test_partners_are_listed_without_their_secrets(house, client):
    viewer = await house.token(Role.VIEWER)
    async with client.get(f"{house.operator_url}/partners", headers=viewer) as answer:
        text = await answer.text()
    partners = {row["id"]: row for row in orjson.loads(text)["partners"]}
    assert partners["idle"]["status"] == "suspended"
    assert partners["acme"]["as2_id"] == "ACME-AS2"
    assert "sha256" not in text
    facts = {"broken": False, "problems": [], "in_force": None, "last_in": None, "last_out": None, "expiring": []}
    assert facts.items() <= partners["acme"].items()


async def test_partners_are_narrowed_by_their_stage(house, client):
    viewer = await house.token(Role.VIEWER)
    for status, expected in (("suspended", ["idle"]), ("broken", []), ("live", ["acme", "globex"])):
        async with client.get(f"{house.operator_url}/partners?status={status}", headers=viewer) as answer:
            assert [row["id"] for row in (await answer.json())["partners"]] == expected
    async with client.get(f"{house.operator_url}/partners?status=alive", headers=viewer) as answer:
        assert answer.status == 400


async def test_an_outcome_goes_onto_the_timeline(house, client):
    operator = await house.token(Role.OPERATOR)
    message_id = await submitted(house, client)
    (event_id,) = await published(house, message_id)
    told = {"event_id": event_id, "status": "refused", "code": "E1", "text": "unknown material"}
    async with client.post(f"{house.operator_url}/outcomes", json=told, headers=operator) as answer:
        assert answer.status == 200
    async with client.get(f"{house.operator_url}/messages/{message_id}", headers=operator) as answer:
        view = await answer.json()
    assert "erp-refused" in {step["step"] for step in view["timeline"]}
    assert view["documents"][0]["erp"]["code"] == "E1"
    (act,) = await house.acts("outcome.record")
    assert (act.subject, act.detail) == (event_id, {"status": "refused", "code": "E1"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"event_id": "x", "status": "eaten"}', 400),
        (b'{"event_id": "x\\u0000", "status": "posted"}', 400),
        (b'{"event_id": "none", "status": "posted"}', 404),
        (b" " * 70_000, 413),
    ],
)
async def test_a_senseless_outcome_is_refused(house, client, body, status):
    operator = await house.token(Role.OPERATOR)
    async with client.post(f"{house.operator_url}/outcomes", data=body, headers=operator) as answer:
        assert answer.status == status


async def test_events_are_read_page_by_page(house, client):
    viewer = await house.token(Role.VIEWER)
    events = await published(house, await submitted(house, client), range(1, 6))
    seen, after = [], 0
    for _ in range(4):
        async with client.get(f"{house.operator_url}/events?after={after}&limit=2", headers=viewer) as answer:
            page = await answer.json()
        seen += [entry["event"] for entry in page["events"]]
        after = page["next"]
    assert [event["id"] for event in seen] == events
    assert seen[0]["type"] == "b2b.purchase_order.received"
    assert seen[0]["specversion"] == "1.0"
    assert seen[0]["data"] == {"number": "PO-1"}


async def test_waiting_ends_when_something_comes(house, client):
    viewer = await house.token(Role.VIEWER)
    message_id = await submitted(house, client)
    waiting = asyncio.create_task(client.get(f"{house.operator_url}/events?wait=30", headers=viewer))
    await asyncio.sleep(0)
    events = await published(house, message_id)
    async with await waiting as answer:
        assert [entry["event"]["id"] for entry in (await answer.json())["events"]] == events


async def test_the_stream_goes_on_where_it_was(house, client):
    viewer = await house.token(Role.VIEWER)
    events = await published(house, await submitted(house, client), range(1, 4))
    headers = viewer | {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    async with client.get(f"{house.operator_url}/events", headers=headers) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        blocks = [await answer.content.readuntil(b"\n\n") for _ in range(2)]
    assert [block.splitlines()[0] for block in blocks] == [b"id: 2", b"id: 3"]
    data = [orjson.loads(line[6:]) for block in blocks for line in block.splitlines() if line.startswith(b"data: ")]
    assert [event["id"] for event in data] == events[1:]


async def test_a_stream_ends_with_the_server(house, client):
    viewer = await house.token(Role.VIEWER)
    async with client.get(f"{house.operator_url}/events", headers=viewer | {"Accept": "text/event-stream"}) as answer:
        assert answer.status == 200
        async with asyncio.timeout(5):
            await house.operator.stop(4)
            await answer.read()


@pytest.mark.parametrize("query", ["after=-1", "after=x", "wait=61", "limit=0", "after=99999999999999999999"])
async def test_a_senseless_position_is_refused(house, client, query):
    viewer = await house.token(Role.VIEWER)
    async with client.get(f"{house.operator_url}/events?{query}", headers=viewer) as answer:
        assert answer.status == 400


async def test_the_use_of_a_token_is_noted(house, client):
    viewer = await house.token(Role.VIEWER)
    async with client.get(f"{house.operator_url}/partners", headers=viewer):
        pass
    ((label, role, _, last_used),) = await house.database.read(operators.all_tokens)
    assert (label, role) == ("viewer", "viewer")
    assert last_used is not None


async def test_an_admin_reads_the_audit(house, client):
    admin = await house.token(Role.ADMIN)
    async with client.get(f"{house.operator_url}/messages"):
        pass
    async with client.get(f"{house.operator_url}/audit?action=refused.unauthenticated", headers=admin) as answer:
        (entry,) = (await answer.json())["audit"]
    assert entry["subject"] == "GET /messages"


async def test_a_held_message_is_released(house, client):
    headers = {"X-API-Key": IDLE_KEY}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        held = (await answer.json())["id"]
    operator = await house.token(Role.OPERATOR)
    async with client.post(f"{house.operator_url}/messages/{held}/release", headers=operator) as answer:
        assert answer.status == 202
    async with client.get(f"{house.operator_url}/messages/{held}", headers=operator) as answer:
        assert (await answer.json())["status"] == "received"
    async with client.post(f"{house.operator_url}/messages/{held}/release", headers=operator) as answer:
        assert answer.status == 409
    assert [act.action for act in await house.acts("message.release")] == ["message.release"]


async def test_what_waits_to_be_sent_is_cancelled(tmp_path, client):
    suspended = acme("status: suspended\n", as2="  url: https://edi.acme.example/as2\n  our_identity: bigcorp\n")
    async with open_house(tmp_path, profiles=[suspended]) as house:
        operator = await house.token(Role.OPERATOR)
        wanted = await house.edge.outbound.accept_file("acme", b"prices", "prices.txt")
        assert wanted.state == "held", wanted.reason
        url = f"{house.operator_url}/messages/{wanted.id}"
        async with client.post(f"{url}/cancel", data=b"{}", headers=operator) as answer:
            assert answer.status == 400
        async with client.post(f"{url}/cancel", json={"reason": "sent by mail"}, headers=operator) as answer:
            assert answer.status == 200
        async with client.get(url, headers=operator) as answer:
            assert (await answer.json())["status"] == "abandoned"
        (act,) = await house.acts("message.cancel")
        assert (act.subject, act.detail) == (wanted.id, {"reason": "sent by mail"})
