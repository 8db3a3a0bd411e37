"""Samples between two whole gateways on loopback: over AS2 both ways, over REST, over a connection."""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest

from gateway.app import CannotStart, Gateway
from gateway.onboarding.samples.live.houses import House
from gateway.onboarding.samples.live.loopback import PlayedLive
from gateway.onboarding.samples.live.loopback_profiles import NotPlayable
from gateway.onboarding.samples.throwaway import throwaway_folder
from gateway.settings import Settings
from tests.onboarding.sampled import AGREEMENTS, AS2, BROKEN, NOTICE, ORDER, RESPONSE, X12, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    partners = tmp_path / "partners"
    partners.mkdir()
    return Stage(partners)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "houses").mkdir()
    return tmp_path / "houses"


def proven(played: dict[str, PlayedLive]) -> dict[str, str]:
    return {name: one.outcome.rpartition(" (")[0] if one.judged.passed else one.detail for name, one in played.items()}


async def test_both_ways_over_as2(stage: Stage, folder: Path) -> None:
    stage.add(
        "acme-supply",
        {
            "response/received.edi": RESPONSE,
            "again/received.edi": RESPONSE,
            "broken/received.edi": BROKEN,
            "nobody/received.edi": RESPONSE.replace(b"BIGCORP        *260105", b"NOBODY         *260105"),
            "order/document.json": ORDER,
            "notice/document.json": NOTICE,
        },
        as2=AS2,
        x12=X12,
        agreements=AGREEMENTS,
        acknowledgment={"expected_within_hours": 24},
        # Nothing of these two leads out of this machine.
        status="draft",
        extends="as2-x12",
    )
    played = await stage.play("acme-supply", folder)
    assert proven(played) == {
        # A control number that was used before: each sample is the first.
        "again": "signed receipt, published, acknowledgment delivered",
        "response": "signed receipt, published, acknowledgment delivered",
        "broken": "signed receipt, rejected, acknowledgment delivered",
        "nobody": "signed receipt, rejected, acknowledgment delivered",
        "order": "signed receipt, acknowledged",
        "notice": "refused at the door of the ERP",
    }


async def test_what_comes_out_otherwise_fails(stage: Stage, folder: Path) -> None:
    samples = {"response/received.edi": RESPONSE, "order/document.json": ORDER}
    stage.add("acme-supply", samples, as2=AS2, x12=X12, agreements=AGREEMENTS)
    _, recorded = await stage.samples("acme-supply")
    sent = recorded["order"].expected["sent.edi"].replace(b"*24*EA*", b"*25*EA*")
    answered = recorded["response"].expected["acknowledgment.edi"].replace(b"AK5*A", b"AK5*E")
    document = recorded["response"].expected["documents.json"].replace(b'"AC-1002"', b'"AC-1009"')
    changes = {"order__sent_edi": sent, "response__acknowledgment_edi": answered, "response__documents_json": document}
    played = await stage.play("acme-supply", folder, **changes)
    assert proven(played)["order"] == "sent.edi segment 8 (PO1), element 2: expected 25, came 24"
    files = [item.file for item in played["response"].judged.differences]
    assert files == ["acknowledgment.edi", "documents.json"]
    assert not played["response"].judged.passed


async def test_old_algorithms_and_receipts_that_come_later(stage: Stage, folder: Path) -> None:
    as2 = AS2 | {
        "digests": ["sha-1"],
        "ciphers": ["3des-cbc"],
        "receipts_to": "receipts.acme.example",
        "sending": {"receipt_by": "request", "digest": "sha-256", "cipher": "aes128-cbc", "compress": "before-signing"},
        "connection": {"username": "us", "password": "env:NOT_SET_ANYWHERE", "proxy": "http://proxy.example:3128"},
    }
    samples = {"response/received.edi": RESPONSE, "order/document.json": ORDER}
    stage.add("acme-supply", samples, as2=as2, x12=X12, agreements=AGREEMENTS)
    assert proven(await stage.play("acme-supply", folder)) == {
        "response": "signed receipt, published, acknowledgment delivered",
        "order": "signed receipt",
    }


async def test_over_rest(stage: Stage, folder: Path) -> None:
    key = {"label": "tests", "sha256": hashlib.sha256(b"their own key").hexdigest()}
    agreements = [
        {"document": "ship_notice", "direction": "inbound", "syntax": "json"},
        {"document": "purchase_order_acknowledgment", "direction": "inbound", "syntax": "x12"},
        {"document": "purchase_order", "direction": "outbound", "syntax": "json"},
    ]
    samples = {
        "notice/received.json": NOTICE,
        "wrong/received.json": orjson.dumps({"document_type": "ship_notice"}),
        "broken/received.edi": BROKEN,
        "order/document.json": ORDER,
    }
    stage.add("northwind-parts", samples, api_keys=[key], x12=X12, agreements=agreements)
    told = proven(await stage.play("northwind-parts", folder))
    assert stage.opened == 1
    assert told == {
        "order": "fetched from the inbox, confirmed",
        "notice": "202 by REST, published, told under its address",
        "wrong": "202 by REST, rejected, told under its address",
        "broken": "202 by REST, rejected, told under its address",
    }


async def test_a_mailbox_is_played_by_the_api(stage: Stage, folder: Path) -> None:
    samples = {"response/received.edi": RESPONSE, "order/document.json": ORDER}
    stage.add("acme-supply", samples, sftp={"user": "acme"}, x12=X12, agreements=AGREEMENTS)
    assert proven(await stage.play("acme-supply", folder)) == {
        "response": "202 by REST, published, told under its address",
        "order": "fetched from the inbox, confirmed",
    }


async def test_over_a_connection(stage: Stage, folder: Path) -> None:
    stage.add("van", as2=AS2 | {"id": "VAN"}, speaks_for=[X12, {"qualifier": "ZZ", "id": "OTHER"}])
    samples = {"response/received.edi": RESPONSE, "order/document.json": ORDER}
    expected = {"expected_within_hours": 1}
    stage.add("acme-supply", samples, via="van", x12=X12, agreements=AGREEMENTS, acknowledgment=expected)
    assert proven(await stage.play("acme-supply", folder)) == {
        "response": "signed receipt, published, acknowledgment delivered",
        "order": "signed receipt, acknowledged",
    }


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"status": "draft"}, "neither `as2` nor `api_keys`"),
        ({"as2": AS2 | {"our_identity": "somebody"}}, "none of our identities"),
    ],
    ids=["nothing", "identity"],
)
async def test_what_cannot_be_played(stage: Stage, folder: Path, profile: dict[str, object], why: str) -> None:
    stage.add("acme-supply", {"response/received.edi": RESPONSE}, x12=X12, agreements=AGREEMENTS, **profile)
    loaded, _ = await stage.samples("acme-supply")
    async with AsyncExitStack() as stack:
        with pytest.raises(NotPlayable, match=why):
            await stage.open(stack, folder, loaded)
    assert stage.opened == 0


async def test_cancelled_nothing_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stage.add("acme-supply", {"response/received.edi": RESPONSE}, as2=AS2, x12=X12, agreements=AGREEMENTS)
    loaded, _ = await stage.samples("acme-supply")
    before = set(tmp_path.iterdir())  # noqa: ASYNC240  # a folder of the test's own
    opened = asyncio.Event()

    async def play() -> None:
        with throwaway_folder() as folder:
            async with AsyncExitStack() as stack:
                await stage.open(stack, folder, loaded)
                opened.set()
                await asyncio.Event().wait()

    playing = asyncio.create_task(play())
    await opened.wait()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert set(tmp_path.iterdir()) == before  # noqa: ASYNC240  # as above
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_ports_that_were_taken_meanwhile(stage: Stage, folder: Path) -> None:
    stage.add("acme-supply", {"response/received.edi": RESPONSE}, as2=AS2, x12=X12, agreements=AGREEMENTS)
    loaded, samples = await stage.samples("acme-supply")
    failed = 0

    def house(settings: Settings) -> House:
        nonlocal failed
        if failed < 1:
            failed += 1
            raise CannotStart("the port is taken")
        return Gateway(settings, database_synchronous="OFF")

    stage.house = house  # type: ignore[method-assign]
    async with AsyncExitStack() as stack:
        played = await (await stage.open(stack, folder, loaded)).play(samples["response"])
    assert (failed, played.judged.passed) == (1, True)


async def test_the_step_that_failed_is_named(stage: Stage, folder: Path) -> None:
    samples = {"response/received.edi": RESPONSE, "notice/document.json": NOTICE}
    limits = {"body_bytes_max": 1_024}
    stage.add("acme-supply", samples, as2=AS2, x12=X12, agreements=AGREEMENTS, limits=limits)
    told = proven(await stage.play("acme-supply", folder, notice__sent_edi=b"ISA"))
    assert told["response"].startswith("their message to us: it was not delivered (")
    assert "no outbound agreement on ship_notice" in told["notice"]
    assert told["notice"].startswith("it is refused at the door of the ERP: ")


async def test_acknowledgments_to_who_has_no_url_are_kept(stage: Stage, folder: Path) -> None:
    as2 = {name: value for name, value in AS2.items() if name != "url"}
    samples = {"response/received.edi": RESPONSE}
    stage.add("acme-supply", samples, as2=as2, x12=X12, agreements=AGREEMENTS[1:])
    told = proven(await stage.play("acme-supply", folder))
    assert told == {"response": "signed receipt, published, acknowledgment kept: nothing says where it is sent to"}
