"""A file that was taken off a partner's own server and is wrong: somebody hears of it, whoever has to."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import text

from gateway.flow.operations import Actor, NotPossible, give_up, reprocess, retry_case
from gateway.store.oversight import cases, timeline
from tests.flow.line import Line, line_over, now_ms
from tests.site import Site, acknowledgment_855, ship_notice_json

ANN = Actor("operator:ann")
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
SERVER = {
    "host": "sftp.acme.example",
    "user": "us",
    "host_keys": ["SHA256:" + "A" * 43],
    "key": "ours",
    "push": {"folder": "/incoming"},
}
FETCHED = {"fetched_from": "us@192.0.2.1:22", "folder": "orders"}


@pytest.fixture(params=["sqlite", "postgresql"])
async def line(request, tmp_path) -> AsyncIterator[Line]:
    url = None if request.param == "sqlite" else request.getfixturevalue("migrated_database_url")
    async with line_over(Site(tmp_path), url) as one:
        one.run()
        yield one


async def keep(line: Line, payload: bytes, partner: str, name: str, *, fetched: bool = True) -> str:
    """A file that was fetched, or laid into a mailbox here; its message."""
    loaded = line.housekeeping.directory.by_id(partner)
    security = FETCHED | {"path": f"/outgoing/{name}"} if fetched else {"path": f"/inbox/{name}"}
    arrival = line.arrival(loaded, payload, filename=name, security=security, transport_id=name)
    arrival = type(arrival)(**{field: getattr(arrival, field) for field in arrival.__slots__} | {"channel": "sftp"})
    return (await line.reception.keep(arrival)).message_id


async def listed(line: Line) -> list[cases.Case]:
    return await line.database.read(cases.find)


async def do(line: Line, act, *arguments, **named) -> None:
    await line.database.write(partial(_run, act=act, arguments=arguments, named=named))


def _run(connection, act, arguments, named):
    return act(connection, *arguments, actor=ANN, now_ms=now_ms(), **named)


async def test_a_file_that_nothing_answers_is_a_case_until_the_partner_was_told(line):
    key = await keep(line, PDF, "northwind-parts", "unknown.pdf")
    view = await line.decided(key)
    assert view["status"] == "rejected"
    (case,) = await listed(line)
    assert (case.id, case.state, case.partner_id) == (f"fetched_rejected:{key}", "stopped", "northwind-parts")
    assert case.reason == f"orders: /outgoing/unknown.pdf: {view['reason']}"
    assert f"gateway messages reprocess {key}" in case.detail
    with pytest.raises(NotPossible, match="tell them"):
        await do(line, retry_case, case.id)
    await do(line, give_up, case.id, why="told by phone")
    assert await listed(line) == []
    steps = await line.database.read(lambda connection: timeline.of_message(connection, key))
    assert steps[-1].step == "case-closed"


async def test_a_second_try_opens_it_again_or_ends_it(line):
    northwind = line.housekeeping.directory.by_id("northwind-parts")
    agreements = northwind.profile.model_dump(mode="json", exclude_unset=True)["agreements"]
    await line.change("northwind-parts", agreements=[])
    key = await keep(line, ship_notice_json(1), "northwind-parts", "notice.json")
    await line.decided(key)
    (case,) = await listed(line)
    for restored in (False, True):
        if restored:
            await line.change("northwind-parts", agreements=agreements)
            # As if it had come under this profile: what a message is judged by does not change for a second try.
            digest = line.housekeeping.directory.by_id("northwind-parts").digest
            change = text("UPDATE message SET profile_digest = :digest").bindparams(digest=digest)
            await line.database.write(lambda connection, change=change: connection.execute(change))
        await do(line, reprocess, key)
        line.processing.wake()
        assert (await line.decided(key))["status"] == ("published" if restored else "rejected")
        found = [(one.id, one.opened_at_ms, one.reason) for one in await listed(line)]
        assert found == ([] if restored else [(case.id, case.opened_at_ms, case.reason)])


@pytest.mark.parametrize(
    ("payload", "partner", "fetched", "told"),
    [
        (acknowledgment_855(1).replace(b"BAK*00*AC", b"BAK*00*"), "acme-supply", True, False),
        (acknowledgment_855(1)[:60], "acme-supply", True, True),
        (PDF, "northwind-parts", False, False),
        (ship_notice_json(1), "northwind-parts", True, False),
    ],
    ids=["a 997 goes back", "X12 that earns none", "a mailbox has a report", "nothing is wrong"],
)
async def test_only_what_nothing_tells_them_is_a_case(line, payload, partner, fetched, told):
    await line.change("acme-supply", sftp_server=SERVER)
    await line.decided(await keep(line, payload, partner, "file", fetched=fetched))
    assert bool(await listed(line)) == told
