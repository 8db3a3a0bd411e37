"""Whom the sandbox plays: the built-in partner, partners in testing, and nobody where it is off."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from gateway.flow.acknowledging import WaysOut
from gateway.model.delivery import DeliveryState
from gateway.model.ids import event_id
from gateway.sandbox.partner import built_in_partners
from gateway.sandbox.samples import sample_order
from gateway.settings import IdentitySettings
from gateway.store import retention
from gateway.store.deliveries import sandbox_replies
from gateway.store.events import outbox
from partners.directory import Directory, load_directory
from partners.loader import LoadedProfile, parse_profile, unpack
from tests.sandbox.playing import TODAY, US, playing, settings_for
from translators.shapes import to_bytes

BUILT_IN = built_in_partners(sandbox=True)
FACTS = """\
id: acme
name: ACME
as2: {id: ACME, require_signed: false, url: https://acme.invalid/as2, sending: {sign: false, encrypt: false}}
"""
# What ACME agrees to, and how: another release, separators of its own, and JSON for invoices, which are not X12 then.
PLAYED = (
    FACTS
    + """\
status: testing
testing: {sandbox: true}
x12: {qualifier: "01", id: "123456789", group_id: ACME}
framing: {separators: {element: "|", terminator: "'"}}
agreements:
  - {document: purchase_order, direction: outbound, syntax: x12, releases: 005010}
  - {document: purchase_order_acknowledgment, direction: inbound, syntax: x12, releases: 005010}
  - {document: ship_notice, direction: inbound, syntax: x12, releases: 004010}
"""
)
IN_JSON = """\
id: globex
name: Globex
status: testing
sandbox: true
agreements:
  - {document: purchase_order, direction: outbound, syntax: json}
  - {document: purchase_order_acknowledgment, direction: inbound, syntax: json}
  - {document: ship_notice, direction: inbound, syntax: json}
  - {document: invoice, direction: inbound, syntax: json}
"""


def write(folder: Path, partner: str, text: str) -> None:
    (folder / "partner-profiles" / partner).mkdir(parents=True)
    (folder / "partner-profiles" / partner / "profile.yaml").write_text(text)


def test_the_built_in_profile_is_sound_and_the_same_on_every_node():
    (loaded,) = BUILT_IN
    assert loaded.id == "sandbox"
    assert loaded.profile.is_test
    again = unpack(loaded.pack())
    assert isinstance(again, LoadedProfile)
    assert again.digest == loaded.digest
    assert built_in_partners(sandbox=False) == ()


def test_a_folder_of_its_name_is_a_problem_while_it_is_on(tmp_path: Path):
    write(tmp_path, "sandbox", FACTS.replace("acme", "sandbox"))
    folder = tmp_path / "partner-profiles"
    directory, problems = load_directory(folder, built_in=BUILT_IN)
    assert directory.by_id("sandbox") is BUILT_IN[0]
    assert ["built in" in problem.what for problem in problems] == [True]
    directory, problems = load_directory(folder)
    assert not problems
    assert directory.by_id("sandbox").profile.name == "ACME"


def test_who_claims_its_address_yields_to_it(tmp_path: Path):
    claims = "x12: {qualifier: ZZ, id: SANDBOX}\n"
    write(tmp_path, "acme", FACTS + claims)
    directory, problems = load_directory(tmp_path / "partner-profiles", built_in=BUILT_IN)
    assert problems
    assert [loaded.id for loaded in directory] == ["sandbox"]


def test_the_sandbox_takes_no_orders_of_a_live_partner():
    problems = parse_profile({"profile.yaml": (FACTS + "sandbox: true\n").encode()})
    assert isinstance(problems, tuple)
    assert "swallow" in problems[0].what
    for status in ("draft", "testing", "suspended"):
        played = parse_profile({"profile.yaml": f"{FACTS}status: {status}\nsandbox: true\n".encode()})
        assert isinstance(played, LoadedProfile), played
        assert played.profile.sandbox
    live = parse_profile({"profile.yaml": PLAYED.replace("status: testing", "status: live").encode()})
    assert isinstance(live, LoadedProfile)
    assert not live.profile.sandbox


@pytest.fixture
async def play(tmp_path: Path):
    write(tmp_path, "acme", PLAYED)
    write(tmp_path, "globex", IN_JSON)
    async with playing(settings_for(tmp_path)) as play:
        yield play


async def test_a_partner_in_testing_is_played_by_its_own_agreements(play):
    await play.send("1-HALF", partner="acme")
    await play.until(play.at_rest)
    came = await play.came("1-HALF")
    kinds = [[document.document_type for document in inside] for _, inside, _ in came]
    assert kinds == [["functional_acknowledgment"], ["purchase_order_acknowledgment"], ["ship_notice"]]
    releases = [orjson.loads(inside[0].location)["release"] for _, inside, _ in came]
    assert releases == ["005010", "005010", "004010"]
    delivery = await play.delivery("1-HALF")
    assert delivery.state == DeliveryState.DELIVERED
    trace = await play.trace("1-HALF")
    assert "no 810, since acme has no inbound agreement on invoice" in str(trace["timeline"])


async def test_a_partner_of_json_is_played_in_json(play):
    await play.send("1-HALF", partner="globex")
    await play.send("2-BROKEN855", partner="globex")
    await play.until(play.at_rest)
    came = [(inside, acknowledged) for _, inside, acknowledged in await play.came("1-HALF")]
    assert [inside[0].document_type for inside, _ in came] == [
        "purchase_order_acknowledgment",
        "ship_notice",
        "invoice",
    ]
    assert not any(acknowledged for _, acknowledged in came)
    (broken, _, _), *_ = await play.came("2-BROKEN855")
    assert broken.state == "rejected"


async def test_what_it_answers_never_counts_as_real(play):
    await play.send("1-NO-SHIP")
    await play.until(play.at_rest)
    for message, inside, _ in await play.came("1-NO-SHIP"):
        assert message.partner_id == "sandbox"
        for document in inside:
            event = await play.gateway.database.read(partial(outbox.get, event_id=event_id(document.id, "received")))
            assert event is not None
            assert event.test


async def test_its_answers_go_with_the_bytes_that_they_answer(play):
    await play.send("1-HALF")
    await play.until(play.at_rest)
    far = play.clock() + 10**12
    while await play.gateway.database.write(partial(retention.step, kind="bodies_days", before_ms=far)):
        pass
    replies = partial(sandbox_replies.of_delivery, delivery_id=play.sent["1-HALF"])
    assert await play.gateway.database.read(replies) == []


@pytest.mark.parametrize(("played", "way"), [(True, {"as2": "as2", "sandbox": "sandbox"}), (False, {"as2": "as2"})])
def test_what_they_send_themselves_is_not_acknowledged_to_the_sandbox(played: bool, way: dict[str, str]):
    text = PLAYED if played else PLAYED.replace("testing: {sandbox: true}", "")
    loaded = parse_profile({"profile.yaml": text.encode()})
    assert isinstance(loaded, LoadedProfile)
    us = IdentitySettings(name="bigcorp", as2_id="BIGCORP", x12=US)
    ways = WaysOut(lambda: Directory([loaded]), [us], host="us")
    found = {
        channel: ways.of(SimpleNamespace(channel=channel, identity="bigcorp"), "acme")  # type: ignore[arg-type]
        for channel in ("as2", "sandbox")
    }
    assert {channel: out.channel for channel, out in found.items() if out is not None} == way


async def test_where_it_is_off_what_waits_for_it_is_held_and_says_why(tmp_path: Path):
    write(tmp_path, "acme", PLAYED)
    async with playing(settings_for(tmp_path, sandbox=False)) as play:
        answer = await play.gateway.outbound.accept_document("sandbox", to_bytes(sample_order("1", TODAY)))
        assert not answer.is_accepted
        await play.send("1-HALF", partner="acme")

        async def held() -> bool:
            return (await play.delivery("1-HALF")).state == DeliveryState.HELD

        await play.until(held, moving=False)
        assert "set `sandbox: true` in gateway.yaml" in (await play.delivery("1-HALF")).reason
