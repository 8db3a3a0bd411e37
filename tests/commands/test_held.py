"""What people see of a suspended partner by command, and what they may do."""

from functools import partial
from pathlib import Path

import pytest

from gateway.flow.holding import why_held
from gateway.settings import load_settings
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.messages import NewMessage
from gateway.store.oversight import audit, timeline
from partners.loader import LoadedProfile, load_profile
from tests.commands.conftest import Run
from tests.site import Site, acknowledgment_855

MESSAGE = "01J9ZK4T3M8Q6W2E7R5Y1X0ABC"
CASE = "partner_suspended:acme-supply"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    url = "https://acme.example/as2"
    as2 = {"id": "ACME-AS2", "certificate": "acme.pem", "our_identity": "bigcorp", "url": url}
    return Site(tmp_path / "site", acme_profile={"status": "suspended", "as2": as2})


@pytest.fixture
def call(site: Site, run: Run) -> Run:
    return lambda *words: run(*words, "--config", site.config)


def do(site: Site, unit):
    database = Database(load_settings(site.config, {}).settings.resolved_database_url())
    try:
        return database.write_now(unit)
    finally:
        database.close()


@pytest.fixture
def held(site: Site) -> str:
    loaded = load_profile(site.partners_dir / "acme-supply")
    assert isinstance(loaded, LoadedProfile), loaded
    payload = acknowledgment_855(1)
    new = NewMessage(
        MESSAGE, loaded.id, loaded.digest, "bigcorp", "as2", None, "", 1_772_355_600_000, "", payload, "",
        (), None, "", "", "{}", held=why_held(loaded),
    )  # fmt: skip
    do(site, partial(messages.accept, new=new))
    return MESSAGE


def test_what_is_held_is_listed_and_traced(call: Run, held: str):
    (row,) = call("messages", "list", "--state", "held", "--format", "json").rows
    assert (row["id"], row["status"]) == (held, "held")
    traced = call("messages", "trace", held)
    assert "acme-supply is suspended; it goes on by itself once they are live or testing again" in traced.out
    (case,) = call("exceptions", "list", "--format", "json").rows
    assert (case["id"], case["kind"], case["message"]) == (CASE, "partner_suspended", None)
    shown = " ".join(call("exceptions", "show", CASE).out.split())
    assert "gateway messages list --partner acme-supply --state held" in shown
    for verb in (("retry",), ("resolve", "--reason", "tired")):
        ended = call("exceptions", verb[0], CASE, *verb[1:])
        assert (ended.code, "status: live" in ended.err) == (2, True)


def test_one_message_is_released(site: Site, call: Run, held: str):
    assert call("messages", "release", held, "--format", "json").json == {"message": held, "released": True}
    message = do(site, partial(messages.get, message_id=held))
    assert (message.state, message.by_hand, message.next_attempt_at_ms is not None) == ("received", True, True)
    assert [step.step for step in do(site, partial(timeline.of_message, message_id=held))] == ["held", "released"]
    again = call("messages", "release", held)
    assert (again.code, "is received, not held" in again.err) == (2, True)
    (act,) = do(site, audit.find)
    assert (act.action, act.subject) == ("message.release", held)


def test_what_is_sent_to_them_is_held_and_can_be_taken_back(call: Run, tmp_path: Path):
    file = tmp_path / "prices.txt"
    file.write_text("AX-100 12.5")
    sent = call("send", file, "--partner", "acme-supply", "--as-is", "--wait", "1")
    assert "held: acme-supply is suspended" in sent.out
    assert sent.code == 1  # followed, and not delivered by then
    (row,) = call("messages", "list", "--state", "held", "--format", "json").rows
    assert (row["direction"], row["reason"].split(";")[0]) == ("out", "acme-supply is suspended")
    assert call("messages", "cancel", row["id"], "--reason", "not any more").code == 0
    assert call("messages", "show", row["id"], "--format", "json").json["status"] == "abandoned"
    assert call("messages", "cancel", row["id"], "--reason", "again").code == 2
    alone = call("send", file, "--partner", "acme-supply", "--as-is", "--format", "json")
    assert (alone.code, alone.json["status"]) == (0, "held")
