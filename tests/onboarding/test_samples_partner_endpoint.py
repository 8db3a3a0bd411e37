"""Samples with the partner's own endpoint: a second gateway plays their test system, the store is a real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.app import CannotStart, Gateway
from gateway.flow.operations import Actor
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.live.houses import Houses, houses
from gateway.onboarding.samples.live.loopback import Loopback, PlayedLive
from gateway.onboarding.samples.live.partner_endpoint import PartnerEndpoint
from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.rehearsal import rehearsal
from gateway.onboarding.samples.staging import cast
from gateway.onboarding.samples.trying import try_sample
from gateway.settings import Settings
from gateway.store import deliveries
from partners.directory import load_directory
from tests.onboarding.sampled import AGREEMENTS, AS2, BROKEN, NOTICE, ORDER, RESPONSE, X12, Stage, pair


@dataclass
class Trading:
    """A gateway with a partner in testing, and the partner's."""

    stage: Stage
    both: Houses
    endpoint: PartnerEndpoint
    samples: dict[str, Sample]
    loopback: Loopback
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def rehearsed(self, name: str) -> Judged:
        directory, _ = load_directory(self.stage.root)
        loaded = directory.by_id("acme-supply")
        assert loaded is not None
        with rehearsal(self.stage.settings, directory) as played_in:
            return await try_sample(played_in, loaded, self.samples[name], ())

    async def play(self, name: str) -> PlayedLive:
        return await self.endpoint.play(await self.rehearsed(name))

    async def they_send(self, name: str) -> None:
        assert (await self.loopback.play(self.samples[name])).judged.fault == ""


@pytest.fixture
def trading(tmp_path: Path) -> Any:
    @asynccontextmanager
    async def trading(wait_s: float = 20, **profile: object) -> AsyncIterator[Trading]:
        (tmp_path / "partners").mkdir()
        stage = Stage(tmp_path / "partners")
        samples = {
            "order/document.json": ORDER,
            "notice/document.json": NOTICE,
            "response/received.edi": RESPONSE,
            "broken/received.edi": BROKEN,
        }
        told = {"as2": AS2, "x12": X12, "agreements": AGREEMENTS, "status": "testing"} | profile
        stage.add("acme-supply", samples, **told)
        loaded, recorded = await stage.samples("acme-supply")
        actors = cast(loaded, load_directory(stage.root)[0], stage.settings.identities, reachable=False)
        made: list[Gateway] = []

        def house(settings: Settings) -> Gateway:
            made.append(Gateway(settings, database_synchronous="OFF"))
            return made[-1]

        (tmp_path / "houses").mkdir()
        async with houses(tmp_path / "houses", actors, house, CannotStart, pair) as both:
            ours = made[0]
            partner = ours.directory().by_id("acme-supply")
            assert partner is not None
            asked: list[tuple[str, tuple[str, ...]]] = []
            endpoint = PartnerEndpoint(
                ours.database,
                ours.outbound,
                partner,
                ours.directory(),
                0,
                wait_s,
                Actor("command:test"),
                lambda sample, types: asked.append((sample.name, types)),
            )
            # What they send needs no HTTP client of ours.
            yield Trading(stage, both, endpoint, recorded, Loopback(both, actors, None), asked)  # type: ignore[arg-type]

    return trading


async def test_ours_are_sent_and_proven(trading: Any) -> None:
    async with trading(acknowledgment={"expected_within_hours": 24}) as house:
        played = await house.play("order")
        assert (played.judged.passed, played.outcome.partition(":")[0]) == (True, "signed receipt, acknowledged")
        delivery_id = played.outcome.rpartition(" ")[2]
        delivery = await house.both.ours.database.read(partial(deliveries.get, delivery_id=delivery_id))
        assert delivery.state == "delivered"


async def test_what_is_refused_here_is_not_sent(trading: Any) -> None:
    async with trading() as house:
        played = await house.play("notice")
        assert (played.judged.passed, played.outcome) == (True, "refused here, as it has to be; nothing was sent")
        broken = await house.rehearsed("order")
        wrong = replace(broken, sample=house.samples["order"], unrecorded=("sent.edi",))
        not_played = await house.endpoint.play(wrong)
        assert "by itself it does not come out as recorded" in not_played.detail
        assert await house.both.ours.database.read(lambda connection: deliveries.find(connection, limit=5)) == []


async def test_theirs_have_to_come(trading: Any) -> None:
    async with trading() as house:
        waiting = asyncio.create_task(house.play("response"))
        while not house.asked:
            await asyncio.sleep(0.02)
        await house.they_send("broken")
        await house.they_send("response")
        played = await waiting
        assert (played.judged.passed, "SO-9001 accepted" in played.outcome) == (True, True)
        assert house.asked == [("response", ("purchase_order_acknowledgment",))]
        rejected = await house.play("broken")
        assert (rejected.judged.passed, "rejected as it has to be" in rejected.outcome) == (True, True)
        assert len(house.asked) == 1  # it was there already


async def test_what_does_not_come_in_time(trading: Any) -> None:
    async with trading(wait_s=0.1) as house:
        played = await house.play("response")
        assert played.detail == "no purchase_order_acknowledgment of theirs came that was accepted within 0.1 s"
        await house.both.theirs.stop()
        unsent = await house.play("order")
        assert "it was not delivered" in unsent.detail


async def test_an_acknowledgment_that_rejects(trading: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # They read by a rule that we do not write by.
    path = "gateway.onboarding.samples.live.loopback_profiles._seen_from_there"
    rules = [{"segment": "DTM", "usage": "not_used"}]
    theirs = AGREEMENTS[0] | {"direction": "inbound", "rules": rules}
    monkeypatch.setattr(path, lambda _agreement, _profile: theirs)
    async with trading(acknowledgment={"expected_within_hours": 24}) as house:
        played = await house.play("order")
        assert "their acknowledgment of group 1 says rejected: DTM at 3" in played.detail
