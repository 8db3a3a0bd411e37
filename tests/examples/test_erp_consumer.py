import asyncio
import contextlib
import dataclasses
import json
import sys
from pathlib import Path

import pytest

from tests.broker.conftest import event_of
from tests.examples import erp_consumer

SECONDS_MAX = 30


def document(number):
    return json.dumps({"document_type": "ship_notice", "number": number}).encode()


@pytest.fixture
def database(tmp_path):
    with contextlib.closing(erp_consumer.open_database(str(tmp_path / "erp.sqlite3"))) as opened:
        yield opened


@pytest.fixture
async def consumer(gateway_broker, broker_url, database):
    """Starts consumers with a posting function of the test's choice, and ends them."""
    tasks = []

    def start(post=erp_consumer.post, queue_name=erp_consumer.INBOUND):
        tasks.append(asyncio.create_task(erp_consumer.consume(broker_url, database, post, queue_name)))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def filed(database):
    return [number for (number,) in database.execute("SELECT number FROM documents ORDER BY number")]


async def next_outcome(outcomes):
    return await asyncio.wait_for(outcomes.get(), SECONDS_MAX)


async def test_an_event_is_posted_and_answered(gateway_broker, consumer, database):
    broker, outcomes = gateway_broker
    consumer()
    await broker.publish(event_of(1, body=document("ASN-1")))
    outcome = await next_outcome(outcomes)
    assert (outcome.event_id, outcome.status) == ("EV-1.received", "posted")
    assert filed(database) == ["ASN-1"]


async def test_the_same_event_twice_is_posted_once_and_answered_alike(gateway_broker, consumer, database):
    broker, outcomes = gateway_broker
    consumer()
    await broker.publish(event_of(1, body=document("ASN-1")))
    await broker.publish(event_of(1, body=document("ASN-1")))
    assert await next_outcome(outcomes) == await next_outcome(outcomes)
    assert filed(database) == ["ASN-1"]


async def test_a_test_is_filed_as_one_wherever_it_comes_from(gateway_broker, consumer, database):
    broker, outcomes = gateway_broker
    consumer()
    consumer(queue_name="erp.test")
    marked = dataclasses.replace(event_of(1, body=document("ASN-1")), test=True)
    of_testing = dataclasses.replace(event_of(2, body=document("ASN-2")), test=True, from_testing=True)
    for event in (marked, of_testing, event_of(3, body=document("ASN-3"))):
        await broker.publish(event)
    assert {(await next_outcome(outcomes)).status for _ in range(3)} == {"posted"}
    found = dict(database.execute("SELECT number, is_test FROM documents"))
    assert found == {"ASN-1": 1, "ASN-2": 1, "ASN-3": 0}


async def test_a_document_without_a_number_is_refused(gateway_broker, consumer, database):
    broker, outcomes = gateway_broker
    consumer()
    await broker.publish(event_of(1, body=document("")))
    outcome = await next_outcome(outcomes)
    assert (outcome.status, outcome.code) == ("refused", "NUMBER")
    assert filed(database) == []


async def test_a_notice_is_shown_and_files_nothing(gateway_broker, consumer, database, caplog):
    broker, outcomes = gateway_broker
    consumer()
    body = b'{"document_type": "certificate", "reason": "the certificate of partner acme ends on 2027-01-31"}'
    await broker.publish(dataclasses.replace(event_of(1, body=body), document_id=None, document_type="certificate"))
    outcome = await next_outcome(outcomes)
    assert (outcome.status, outcome.code) == ("posted", "SEEN")
    assert "ends on 2027-01-31" in caplog.text
    assert filed(database) == []


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_higher_revision_supersedes_whichever_comes_first(gateway_broker, consumer, database, newest_first):
    broker, outcomes = gateway_broker
    consumer()
    old = event_of(1, body=document("ASN-WRONG"))
    new = dataclasses.replace(
        event_of(2, body=document("ASN-RIGHT")), causation_id=old.id, revision=2, subject=old.subject
    )
    for event in (new, old) if newest_first else (old, new):
        await broker.publish(event)
        await next_outcome(outcomes)
    assert filed(database) == ["ASN-RIGHT"]


async def test_trouble_of_our_own_sends_the_event_round_again(gateway_broker, consumer, database):
    broker, outcomes = gateway_broker
    calls = 0

    def busy_at_first(*arguments):
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TimeoutError("month-end closing")
        return erp_consumer.post(*arguments)

    consumer(busy_at_first)
    await broker.publish(event_of(1, body=document("ASN-1")))
    assert (await next_outcome(outcomes)).status == "posted"
    assert calls == 2
    assert filed(database) == ["ASN-1"]


async def test_the_program_runs_as_it_lies_there(gateway_broker, broker_url, tmp_path):
    broker, outcomes = gateway_broker
    path = tmp_path / "erp.sqlite3"
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(erp_consumer.__file__)), broker_url, str(path), cwd=tmp_path
    )
    try:
        await broker.publish(event_of(1, body=document("ASN-1")))
        assert (await next_outcome(outcomes)).status == "posted"
    finally:
        program.kill()
        await program.wait()
    with contextlib.closing(erp_consumer.open_database(str(path))) as database:
        assert filed(database) == ["ASN-1"]
