"""What happened, and what people do about it: messages, exceptions, events, tokens, purge."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Connection, text

from gateway.settings import DATABASE_FILE
from gateway.store.database import Database
from gateway.store.events.outbox import of_message
from gateway.store.oversight import cases, operators
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.partners import control_numbers
from tests.commands.conftest import Ended, Run
from tests.commands.stocked import NOW_MS, Stocked
from tests.site import acknowledgment_855

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(stocked: Stocked, run: Run):
    """A command on the stocked site."""

    def call(*words: object) -> Ended:
        return run(*words, "--config", stocked.site.config)

    return call


def _audit(stocked: Stocked) -> list[tuple[str, str, str]]:
    with stocked.sqlite() as connection:
        return list(connection.execute("SELECT actor, action, subject FROM audit ORDER BY id"))


# --- control numbers -------------------------------------------------------------------------------------------------


def test_control_numbers_are_listed_with_those_that_were_left_out(call, stocked: Stocked):
    before = call("partner", "numbers", "acme-supply", "--format", "json").json
    assert {one["scope"] for one in before["given_out"]} == {
        "GS|ZZ/BIGCORP|ZZ/ACMESUPPLY|P",
        "ISA|ZZ/BIGCORP|ZZ/ACMESUPPLY|P",
    }
    assert before["left_out"] == []
    with stocked.database() as database:
        database.write_now(partial(control_numbers.jump_ahead, step=1_000, now_ms=NOW_MS))
    after = call("partner", "numbers", "acme-supply", "--format", "json").json
    last = {one["scope"]: one["last"] for one in before["given_out"]}
    assert {gap["scope"]: gap["first"] for gap in after["left_out"]} == {key: last[key] + 1 for key in last}
    assert {gap["reason"] for gap in after["left_out"]} == {"restored from a backup"}
    shown = call("partner", "numbers", "acme-supply").out
    assert "restored from a backup" in shown
    assert "1 to 999999999" in shown
    assert call("partner", "numbers", "northwind-parts").code == 0


# --- messages --------------------------------------------------------------------------------------------------------


def test_the_newest_messages_come_first_a_line_each(call, stocked: Stocked):
    rows = call("messages", "list", "--format", "json").rows
    assert [row["status"] for row in rows] == ["parked", "published", "rejected", "published"]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    text = call("messages", "list").out
    assert all(row["id"] in text for row in rows)


@pytest.mark.parametrize(
    ("filters", "states"),
    [
        (("--state", "rejected"), ["rejected"]),
        (("--partner", "northwind-parts"), ["published"]),
        (("--channel", "rest"), ["published"]),
        (("--limit", "2"), ["parked", "published"]),
        (("--since", "2026-03-01T09:00:00.500Z"), ["parked"]),
        (("--since", "2026-03-01T08:00"), ["parked", "published", "rejected", "published"]),
        (("--since", "1h"), []),
    ],
)
def test_lists_are_narrowed(call, filters: tuple[str, ...], states: list[str]):
    rows = call("messages", "list", *filters, "--format", "json").rows
    assert [row["status"] for row in rows] == states


def test_a_list_goes_on_where_it_stopped_also_through_many_pages(call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.flow.traffic.PAGE", 1)
    rows = call("messages", "list", "--format", "json").rows
    assert len(rows) == 4
    assert call("messages", "list", "--before", rows[1]["id"], "--format", "json").rows == rows[2:]
    assert call("messages", "list", "--partner", "acme-supply", "--limit", "2", "--format", "json").rows == [
        rows[0],
        rows[2],
    ]


def test_a_message_shows_state_documents_findings_and_acknowledgment(call, stocked: Stocked):
    view = call("messages", "show", stocked.rejected, "--format", "json").json
    assert view["status"] == "rejected"
    (document,) = view["documents"]
    assert document["findings"][0]["segment"] == "BAK"
    assert view["acknowledgments"][0]["kinds"] == ["997"]
    text = call("messages", "show", stocked.rejected).out
    for part in ("rejected", "BAK02 (segment 2, byte ", "AK5*R", "aes256-cbc", "192.0.2.7", "<2@acme>"):
        assert part in text


@pytest.mark.parametrize(
    ("part", "expected"),
    [("payload", acknowledgment_855(1)), ("wire", b"wire of ISA*00*          *00"), ("answer", b"receipt")],
)
def test_raw_writes_the_bytes_of_a_part(call, stocked: Stocked, part: str, expected: bytes):
    assert call("messages", "show", stocked.published, "--raw", part).out.encode() == expected


def test_a_trace_goes_from_bytes_to_the_published_event(call, stocked: Stocked):
    trace = call("messages", "trace", stocked.published, "--format", "json").json
    steps = [step["step"] for step in trace["timeline"]]
    assert steps[0] == "received"
    assert steps[-2:] == ["event-published", "published"]
    text = call("messages", "trace", stocked.published).out
    assert f"{stocked.published}-0.received" in text
    assert " ms  " in text
    assert text.index("received") < text.index("translated") < text.index("event-published")


def test_replay_publishes_the_same_event_again_and_stands_in_the_audit(call, stocked: Stocked):
    ended = call("messages", "replay", stocked.published, "--format", "json")
    assert ended.code == 0, ended.err
    assert ended.json["events"] == [f"{stocked.published}-0.received"]
    stocked.publish()
    events = call("events", "--format", "json").rows
    ours = [row["event"] for row in events if row["event"]["documentid"] == f"{stocked.published}-0"]
    assert len(ours) == 2
    assert ours[0] == ours[1]
    ((actor, action, subject),) = _audit(stocked)
    assert actor.startswith("command:")
    assert (action, subject) == ("message.replay", stocked.published)


def test_reprocess_makes_the_next_revision(call, stocked: Stocked):
    assert call("messages", "reprocess", stocked.published, "--format", "json").json["revision"] == 2
    stocked.process()
    with stocked.database() as database:
        rows = database.read_now(lambda connection: of_message(connection, stocked.published))
    assert [row.revision for row in rows] == [1, 2]
    assert [action for _, action, _ in _audit(stocked)] == ["message.reprocess"]


@pytest.mark.parametrize("verb", ["show", "trace", "replay", "reprocess"])
def test_an_unknown_message_ends_with_2(call, verb: str):
    ended = call("messages", verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert ended.code == 2
    assert "there is no message" in ended.err


def test_what_makes_no_sense_now_ends_with_2_and_says_what_would(call, stocked: Stocked):
    ended = call("messages", "replay", stocked.rejected)
    assert ended.code == 2
    assert "use reprocess" in ended.err
    assert _audit(stocked) == []


def test_partners_content_cannot_drive_the_terminal(call, stocked: Stocked):
    evil = stocked.receive(acknowledgment_855(9), "<\x1b]0;owned\x07@acme>")
    ended = call("messages", "show", evil)
    assert "\x1b" not in ended.out
    assert "\\x1b]0;owned\\x07" in ended.out


# --- exceptions ------------------------------------------------------------------------------------------------------


def test_the_findings_of_a_case_stand_line_by_line(call, stocked: Stocked):
    database = Database(stocked.settings.resolved_database_url())
    raised = partial(
        cases.raise_case,
        kind=CaseKind.OUTBOUND_REFUSED,
        state=CaseState.STOPPED,
        now_ms=NOW_MS,
        partner_id="acme",
        message_id="01",
        reason="it cannot\nbe written",
        detail="BEG03 is missing\nPO102 is negative",
    )
    case_id = database.write_now(raised)
    database.close()
    lines = call("exceptions", "show", case_id).out.splitlines()
    assert [line.split(maxsplit=1)[-1] for line in lines if line.startswith("reason")] == [r"it cannot\nbe written"]
    first = next(line for line in lines if line.startswith("detail"))
    second = lines[lines.index(first) + 1]
    assert second.strip() == "PO102 is negative"
    assert second.index("PO102") == first.index("BEG03")


def test_a_case_is_listed_shown_and_tried_again(call, stocked: Stocked):
    (row,) = call("exceptions", "list", "--format", "json").rows
    assert (row["kind"], row["state"], row["message"]) == ("processing", "stopped", stocked.parked)
    assert row["id"] in call("exceptions", "list").out
    assert call("exceptions", "show", row["id"], "--format", "json").json == row
    assert "gateway exceptions retry" in call("exceptions", "show", row["id"]).out
    assert call("exceptions", "retry", row["id"]).code == 0
    stocked.process()
    stocked.publish()
    assert call("messages", "show", stocked.parked, "--format", "json").json["status"] == "published"
    assert call("exceptions", "list", "--format", "json").rows == []
    assert call("exceptions", "list", "--state", "resolved", "--format", "json").rows[0]["id"] == row["id"]
    assert [action for _, action, _ in _audit(stocked)] == ["exception.retry"]
    assert "nothing waits" in call("exceptions", "list").out


def test_a_case_is_given_up_with_its_reason(call, stocked: Stocked):
    (row,) = call("exceptions", "list", "--format", "json").rows
    assert call("exceptions", "resolve", row["id"]).code == 2
    given_up = call("exceptions", "resolve", row["id"], "--reason", "sent by mail", "--format", "json")
    assert given_up.json == {"case": row["id"], "resolved": True}
    assert call("exceptions", "list", "--format", "json").rows == []
    assert "sent by mail" in call("messages", "trace", stocked.parked).out
    assert call("exceptions", "retry", row["id"]).code == 2
    assert [action for _, action, _ in _audit(stocked)] == ["exception.resolve"]


def test_an_unknown_case_ends_with_2(call):
    assert call("exceptions", "show", "processing:nope").code == 2
    assert call("exceptions", "retry", "processing:nope").code == 2


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_are_cloud_events_with_their_document(call, stocked: Stocked):
    first, second = call("events", "--format", "json").rows
    assert (first["position"], second["position"]) == (1, 2)
    event = first["event"]
    assert event["id"] == f"{stocked.published}-0.received"
    assert event["data"]["purchase_order_number"] == "PO-1"
    assert first["routing_key"] == "purchase_order_acknowledgment.received.acme-supply"
    assert call("events", "--after", "1", "--format", "json").rows == [second]
    assert call("events", "--limit", "1", "--format", "json").rows == [first]
    assert event["id"] in call("events").out
    assert "no events behind position 2" in call("events", "--after", "2").err


def _read_line(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def test_follow_prints_what_comes_and_ctrl_c_ends_it_with_0(stocked: Stocked):
    command = [sys.executable, "-m", "gateway", "events", "--follow", "--after", "1", "--format", "json"]
    with subprocess.Popen(
        [*command, "--config", str(stocked.site.config)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert _read_line(process)["position"] == 2
        key = stocked.receive(acknowledgment_855(9), "<9@acme>")
        stocked.process()
        stocked.publish()
        assert _read_line(process)["event"]["correlationid"] == key
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_following_makes_no_sense_with_rabbitmq(call, stocked: Stocked):
    stocked.site.config.write_text(stocked.site.config.read_text() + "broker_url: amqp://localhost/\n")
    ended = call("events", "--follow")
    assert ended.code == 2
    assert "erp.inbound" in ended.err
    assert call("events").code == 0


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_its_digest(call, stocked: Stocked):
    ended = call("operator", "token", "new", "--label", "ops@plant-2", "--role", "operator")
    token = ended.out.strip()
    assert len(token) == 43
    assert "only time" in ended.err
    with stocked.database() as database:
        found = database.read_now(lambda connection: operators.find(connection, operators.token_sha256(token)))
    assert found == operators.Operator("ops@plant-2", operators.Role.OPERATOR)
    assert token.encode() not in (stocked.site.data_dir / "gateway.db").read_bytes()
    (row,) = call("operator", "token", "list", "--format", "json").rows
    assert (row["label"], row["role"], row["last_used_at"]) == ("ops@plant-2", "operator", None)
    assert token not in call("operator", "token", "list").out
    again = call("operator", "token", "new", "--label", "ops@plant-2")
    assert again.code == 2
    assert "already" in again.err
    assert call("operator", "token", "remove", "ops@plant-2").code == 0
    assert call("operator", "token", "remove", "ops@plant-2").code == 2
    assert call("operator", "token", "list", "--format", "json").rows == []
    assert [action for _, action, _ in _audit(stocked)] == ["token.new", "token.remove"]


def test_a_token_can_be_made_before_the_first_start(run: Run, tmp_path: Path):
    config = tmp_path / "gateway.yaml"
    config.write_text(f"data_dir: {tmp_path / 'fresh'}\n")
    assert run("operator", "token", "new", "--label", "first", "--config", config).code == 0
    assert len(run("operator", "token", "list", "--config", config, "--format", "json").rows) == 1
    assert (tmp_path / "fresh").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("label", ["", "Über", "a b", "x" * 64])
def test_a_label_is_a_plain_word(call, label: str):
    assert call("operator", "token", "new", "--label", label).code == 2


# --- purge -----------------------------------------------------------------------------------------------------------


def _age(stocked: Stocked, days: int) -> None:
    """Make everything look older."""
    ms = days * 86_400_000
    with stocked.sqlite() as connection:
        for table, column in (
            ("message", "received_at_ms"),
            ("document", "created_at_ms"),
            ("outbox_event", "published_at_ms"),
            ("transport_identity", "created_at_ms"),
            ("control_number_use", "created_at_ms"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} - ?", (ms,))


def test_a_dry_run_counts_and_removes_nothing(call, stocked: Stocked):
    _age(stocked, 2_000)
    counted = call("purge", "--dry-run", "--format", "json").json
    assert counted["events"]["would_remove"] == 2
    assert counted["bodies"]["would_remove"] == 3  # the parked message keeps its own
    assert counted["duplicates"]["would_remove"] > 4
    assert counted["messages"]["kept_days"] == 800
    assert len(call("messages", "list", "--format", "json").rows) == 4
    assert "nothing was removed" in call("purge", "--dry-run").out


def test_a_purge_removes_what_is_over_and_keeps_what_is_open(call, stocked: Stocked, monkeypatch: pytest.MonkeyPatch):
    _age(stocked, 2_000)
    counted = call("purge", "--dry-run", "--format", "json").json
    monkeypatch.setattr("gateway.store.retention.STEP_ROWS_MAX", 1)
    purged = call("purge", "--format", "json").json
    assert {kind: row["removed"] for kind, row in purged.items()} == {
        kind: row["would_remove"] for kind, row in counted.items()
    }
    (row,) = call("messages", "list", "--format", "json").rows
    assert row["id"] == stocked.parked
    assert call("messages", "show", stocked.parked, "--raw", "payload").out
    assert [action for _, action, _ in _audit(stocked)] == ["purge"]


def test_what_is_young_stays(call, stocked: Stocked):
    with stocked.sqlite() as connection:  # as if all of it had come just now
        since = time.time_ns() // 1_000_000 - NOW_MS
        for table, column in (("message", "received_at_ms"), ("outbox_event", "published_at_ms")):
            connection.execute(f"UPDATE {table} SET {column} = {column} + ?", (since,))
    purged = call("purge", "--format", "json").json
    assert {row["removed"] for row in purged.values()} == {0}


def test_a_message_whose_bytes_were_purged_says_so(call, stocked: Stocked):
    with stocked.sqlite() as connection:
        connection.execute("DELETE FROM message_body")
    ended = call("messages", "show", stocked.published, "--raw", "payload")
    assert ended.code == 2
    assert "purged" in ended.err
    again = call("messages", "reprocess", stocked.published)
    assert again.code == 2
    assert "send it again" in again.err


def test_a_locked_database_is_a_sentence(call, stocked: Stocked, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.commands.storing.Database", partial(Database, busy_timeout_ms=10))
    with stocked.sqlite() as connection:
        connection.execute("BEGIN EXCLUSIVE")
        ended = call("messages", "replay", stocked.published)
    assert ended.code == 2
    assert "the database cannot be used now" in ended.err


def test_the_commands_work_on_postgresql_too(call, stocked: Stocked, database_url: str):
    plain = database_url.replace("postgresql+pg8000://", "postgresql://")
    stocked.site.config.write_text(stocked.site.config.read_text() + f"database_url: {plain}\n")
    early = call("messages", "list")
    assert early.code == 2
    assert "gateway serve" in early.err
    assert call("operator", "token", "new", "--label", "ops").code == 0
    assert [row["label"] for row in call("operator", "token", "list", "--format", "json").rows] == ["ops"]
    for words in (("messages", "list"), ("exceptions", "list"), ("events",), ("purge", "--dry-run"), ("purge",)):
        assert call(*words).code == 0, words


def test_a_database_that_is_not_there_is_a_sentence(call, stocked: Stocked):
    url = "postgresql://nobody:secret@127.0.0.1:1/nothing"
    stocked.site.config.write_text(stocked.site.config.read_text() + f"database_url: {url}\n")
    ended = call("messages", "list")
    assert ended.code == 2
    assert "the database cannot be used now" in ended.err
    assert "secret" not in ended.err


def _set_version(stocked: Stocked, version: str) -> None:
    def unit(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        connection.execute(text("ALTER TABLE delivery RENAME TO delivery_of_another_version"))

    database = Database(f"sqlite:///{stocked.site.data_dir / DATABASE_FILE}")
    database.write_now(unit)
    database.close()


def test_a_database_of_another_version_is_named_as_what_it_is(call, stocked: Stocked):
    _set_version(stocked, "0002")
    ended = call("messages", "list")
    assert ended.code == 2
    assert "the database is at version 0002" in ended.err
    assert "gateway serve" in ended.err
    assert "no such table" not in ended.err


def test_a_server_refuses_a_newer_database_at_once(stocked: Stocked):
    _set_version(stocked, "9999")
    config = stocked.site.config
    settings = yaml.safe_load(config.read_text())
    # Nothing was begun, so there is nothing that a shutdown would have to wait for.
    settings["limits"] = settings.get("limits", {}) | {"shutdown_timeout_s": 3_600}
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert "the database is at version 9999" in ended.stderr
