"""A claim that does not hold is told as such: the scenario against gateways that lie, lose or are not there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from gateway.as2.mdn import read_mdn
from gateway.as2.message import Encryption, MdnRequest, Signing, write_message
from gateway.demo import mailbox as mailbox_module
from gateway.demo import orders as orders_module
from gateway.demo import scenario as scenario_module
from gateway.demo import stage as stage_module
from gateway.demo import story
from gateway.demo.claims import Act
from gateway.demo.premises import ACME_AS2_ID, OUR_AS2_ID, Premises, furnish, sample
from gateway.demo.scenario import Scenario
from gateway.demo.stage import Stage
from gateway.demo.supplier import SupplierServer, reserve
from partners.directory import load_directory
from tests.site import key_pair
from translators.catalog import TranslatedDocument, translate
from translators.guide import ReadingRules

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these gateways do not do at once they never do."""
    for module in (scenario_module, orders_module, mailbox_module):
        monkeypatch.setattr(module, "SETTLED_WITHIN_S", 0.2)


@pytest.fixture(scope="module")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Premises:
    folder = tmp_path_factory.mktemp("demo")
    return furnish(folder, edge_port=0, operator_port=0, sftp_port=0, acme_port=1, harbor_port=2, now=datetime.now(UTC))


@pytest.fixture
def acme(premises: Premises) -> Iterator[SupplierServer]:
    with reserve() as bound:
        yield SupplierServer(premises.acme, premises.ours, bound)


@pytest.fixture
def harbor(premises: Premises) -> Iterator[SupplierServer]:
    with reserve() as bound:
        yield SupplierServer(premises.harbor, premises.ours, bound)


@pytest.fixture
def nowhere(premises: Premises, acme: SupplierServer, harbor: SupplierServer) -> Stage:
    return Stage("http://127.0.0.1:1", "http://127.0.0.1:1", "token", 1, (), premises, acme, harbor)


@asynccontextmanager
async def _gateway_that(handler: Handler, stage: Stage) -> AsyncIterator[Stage]:
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = site.name
    try:
        yield replace(stage, edge_url=url, operator_url=url)
    finally:
        await runner.cleanup()
        await stage.acme.close()
        await stage.harbor.close()


async def _play(stage: Stage) -> list[Act]:
    async with ClientSession() as client:
        return [act async for act in Scenario(stage, client).play()]


async def test_a_gateway_that_says_yes_to_everything_is_not_believed(nowhere: Stage):
    async def always_fine(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"id": "x", "status": "published", "events": []})

    async with _gateway_that(always_fine, nowhere) as stage:
        acts = await _play(stage)
    assert [act.claim for act in acts if act.held] == ["The gateway says that it is ready"]


async def test_a_gateway_that_is_not_there_holds_no_claim(nowhere: Stage):
    acts = await _play(nowhere)
    assert len(acts) == 24
    assert not any(act.held for act in acts)
    told = [line.text for line in story.verdict(acts)]
    assert "24 of 24 claims do not hold:" in told


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        (
            {"segment": "BAK", "element": 2, "position": 2, "byte_offset": 180},
            "    BAK02, segment 2, byte 180, code x: wrong",
        ),
        (
            {"segment": None, "element": None, "position": None, "byte_offset": None, "pointer": "/lines/0"},
            "    /lines/0, code x: wrong",
        ),
        ({"segment": None, "element": None, "position": None, "byte_offset": None}, "    code x: wrong"),
    ],
    ids=["x12", "json", "the-whole"],
)
def test_a_finding_is_told_with_the_places_that_it_has(finding, told):
    document = {"type": "invoice", "number": "1", "purchase_order_number": None, "status": "accepted"}
    view = {
        "documents": [document | {"findings": [finding | {"code": "x", "message": "wrong"}]}],
        "acknowledgments": [],
    }
    assert [line.text for line in story.contents(view)][1:] == [told]


async def test_a_gateway_that_loses_what_it_took_is_noticed(nowhere: Stage):
    async def loses(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "POST" and request.path == "/v1/documents":
            return web.json_response({"id": "x"}, status=202)
        return web.json_response({"status": "received"})

    async with _gateway_that(loses, nowhere) as stage:
        acts = await _play(stage)
    (settled,) = [act for act in acts if act.claim == "Every message reaches its end"]
    assert not settled.held
    assert "only 1 of 7" in settled.seen


async def test_what_is_called_delivered_and_never_came_is_noticed(nowhere: Stage):
    async def lies(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "POST":
            return web.json_response({"id": "x"}, status=202)
        view = {"status": "delivered", "reason": None, "attempts": 1, "transport_id": "<x@gateway>"}
        return web.json_response(view | {"receipt_bytes": 1, "control_numbers": {"interchange": 1}})

    async with _gateway_that(lies, nowhere) as stage, ClientSession() as client:
        acts = [act async for act in Scenario(stage, client).play()]
    (order,) = [act for act in acts if act.claim.startswith("The ERP orders from ACME")]
    assert not order.held
    assert order.seen == "it is delivered, and the supplier never had <x@gateway>"


async def test_an_answer_that_never_ends_is_waited_for_only_so_long(nowhere: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stage_module, "ANSWER_TIMEOUT_S", 0.05)

    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with _gateway_that(never, nowhere) as stage:
        acts = await _play(stage)
    assert not any(act.held for act in acts)


def test_the_premises_hold_profiles_that_load_and_no_secret_in_them(premises: Premises):
    directory, problems = load_directory(premises.folder / "partner-profiles")
    assert problems == ()
    assert [loaded.id for loaded in directory] == ["acme-supply", "delta-castings", "harbor-tools", "northwind-parts"]
    for key in premises.api_keys.values():
        for loaded in directory:
            assert key.encode() not in loaded.files["profile.yaml"]
    assert (premises.folder / "key-passphrase").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("order-response.edi", True),
        ("ship-notice.edi", True),
        ("ship-notice.json", True),
        ("purchase-order.json", True),
        ("rush-order.json", True),
        ("order-response-broken.edi", False),
    ],
)
def test_the_samples_are_what_their_names_say(name: str, accepted: bool):
    *documents, result = translate(sample(name), ReadingRules())
    assert result.accepted is accepted  # type: ignore[union-attr]  # the last is the result
    assert [isinstance(item, TranslatedDocument) for item in documents] == [True]


def test_what_to_try_next_quotes_folders_with_blanks(premises: Premises, nowhere: Stage):
    moved = replace(premises, folder=Path("/tmp/a b"), config=Path("/tmp/a b/gateway.yaml"))
    text = "\n".join(line.text for line in story.what_next(replace(nowhere, premises=moved), [], []))
    assert "--config '/tmp/a b/gateway.yaml'" in text


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_supplier_takes_only_what_the_gateway_signed(premises: Premises, acme: SupplierServer, is_ours: bool):
    ours = key_pair("bigcorp")
    server = SupplierServer(premises.acme, ours.certificate, acme._bound)
    message = write_message(
        b"ISA*",
        as2_from=OUR_AS2_ID,
        as2_to=ACME_AS2_ID,
        message_id="<1@us>",
        content_type="application/edi-x12",
        now=datetime.now(UTC),
        signing=Signing(ours if is_ours else key_pair("acme-supply")),
        encryption=Encryption([premises.acme.certificate]),
        mdn_request=MdnRequest("edi@us", signed=True),
    )
    await server.open()
    try:
        async with ClientSession() as client:
            async with client.get(server.url) as looked:
                assert looked.status == 405
            async with client.post(server.url, data=message.body, headers=dict(message.headers)) as answer:
                receipt = read_mdn(
                    answer.headers,
                    await answer.read(),
                    partner_certificates=[premises.acme.certificate],
                    now=datetime.now(UTC),
                    require_signed=True,
                )
    finally:
        await server.close()
    assert receipt.disposition.successful is is_ours
    assert [taken.message_id for taken in server.taken] == (["<1@us>"] if is_ours else [])
    (arrived,) = server.arrived
    assert (arrived.message_id, arrived.status) == ("<1@us>", 200)
    assert arrived.sha256 == hashlib.sha256(message.body).hexdigest()


async def test_a_receipt_that_nobody_takes_is_told(premises: Premises, harbor: SupplierServer):
    ours = key_pair("bigcorp")
    server = SupplierServer(premises.harbor, ours.certificate, harbor._bound)
    server.holds_receipts = True
    message = write_message(
        b"ISA*",
        as2_from=OUR_AS2_ID,
        as2_to="HARBOR-AS2",
        message_id="<1@us>",
        content_type="application/edi-x12",
        now=datetime.now(UTC),
        signing=Signing(ours),
        encryption=Encryption([premises.harbor.certificate]),
        mdn_request=MdnRequest("edi@us", signed=True, delivery_url="http://127.0.0.1:1/as2"),
    )
    await server.open()
    try:
        async with (
            ClientSession() as client,
            client.post(server.url, data=message.body, headers=dict(message.headers)) as answer,
        ):
            assert (answer.status, await answer.read()) == (200, b"")
        assert await server.send_receipts() == [0]
        assert await server.send_receipts() == []
    finally:
        await server.close()
