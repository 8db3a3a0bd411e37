"""A claim that does not hold is told as such: the scenario against gateways that lie, lose or are not there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from gateway.demo import scenario as scenario_module
from gateway.demo import story
from gateway.demo.premises import Premises, furnish
from gateway.demo.scenario import Act, Scenario, Stage
from partners.directory import load_directory
from translators.catalog import TranslatedDocument, translate
from translators.guide import ReadingRules

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="module")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Premises:
    return furnish(tmp_path_factory.mktemp("demo"), edge_port=0, operator_port=0, now=datetime.now(UTC))


@asynccontextmanager
async def _gateway_that(handler: Handler, premises: Premises) -> AsyncIterator[Stage]:
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = site.name
    try:
        yield Stage(url, url, "token", premises)
    finally:
        await runner.cleanup()


async def _play(stage: Stage) -> list[Act]:
    async with ClientSession() as client:
        return [act async for act in Scenario(stage, client).play()]


async def test_a_gateway_that_says_yes_to_everything_is_not_believed(premises: Premises):
    async def always_fine(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"id": "x", "status": "published", "events": []})

    async with _gateway_that(always_fine, premises) as stage:
        acts = await _play(stage)
    assert [act.claim for act in acts if act.held] == ["The gateway says that it is ready"]


async def test_a_gateway_that_is_not_there_holds_no_claim(premises: Premises):
    acts = await _play(Stage("http://127.0.0.1:1", "http://127.0.0.1:1", "token", premises))
    assert len(acts) == 11
    assert not any(act.held for act in acts)
    told = [line.text for line in story.verdict(acts)]
    assert "11 of 11 claims do not hold:" in told


async def test_a_gateway_that_loses_what_it_took_is_noticed(premises: Premises, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scenario_module, "SETTLED_WITHIN_S", 0.2)

    async def loses(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "POST" and request.path == "/v1/documents":
            return web.json_response({"id": "x"}, status=202)
        return web.json_response({"status": "received"})

    async with _gateway_that(loses, premises) as stage:
        acts = await _play(stage)
    (settled,) = [act for act in acts if act.claim == "Every message reaches its end"]
    assert not settled.held
    assert "only 1 of 4" in settled.seen


async def test_an_answer_that_never_ends_is_waited_for_only_so_long(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scenario_module, "ANSWER_TIMEOUT_S", 0.05)

    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with _gateway_that(never, premises) as stage:
        acts = await _play(stage)
    assert not any(act.held for act in acts)


def test_the_premises_hold_profiles_that_load_and_no_secret_in_them(premises: Premises):
    directory, problems = load_directory(premises.folder / "partner-profiles")
    assert problems == ()
    assert [loaded.id for loaded in directory] == ["acme-supply", "northwind-parts"]
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
        ("order-response-broken.edi", False),
    ],
)
def test_the_samples_are_what_their_names_say(name: str, accepted: bool):
    *documents, result = translate(scenario_module.sample(name), ReadingRules())
    assert result.accepted is accepted  # type: ignore[union-attr]  # the last is the result
    assert [isinstance(item, TranslatedDocument) for item in documents] == [True]


def test_what_to_try_next_quotes_folders_with_blanks(premises: Premises):
    stage = Stage(
        "http://e",
        "http://o",
        "token",
        Premises(Path("/tmp/a b"), Path("/tmp/a b/gateway.yaml"), premises.ours, premises.acme, premises.api_keys),
    )
    text = "\n".join(line.text for line in story.what_next(stage, []))
    assert "--config '/tmp/a b/gateway.yaml'" in text
