"""`gateway sftp mailbox` as people call it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gateway.edge.sftp.mailbox.parts import PartsFolder, Record
from gateway.model.delivery import DeliveryEvent
from gateway.settings import load_settings
from gateway.store import deliveries, mailbox_files, refused_files
from gateway.store.database import Database
from tests.commands.conftest import Ended, Run
from tests.edge.sftp.laying import new_delivery
from tests.migrated import migrate

Call = Callable[..., Ended]
PROFILE = {
    "id": "acme-supply",
    "name": "ACME",
    "status": "suspended",
    "sftp": {"user": "acme"},
    "agreements": [{"document": "invoice", "direction": "inbound", "syntax": "json"}],
}


@pytest.fixture
def call(run: Run, tmp_path: Path) -> Call:
    folder = tmp_path / "partners"
    for partner, profile in (("acme-supply", PROFILE), ("globex", {"id": "globex", "name": "G", "status": "draft"})):
        (folder / partner).mkdir(parents=True)
        (folder / partner / "profile.yaml").write_text(yaml.safe_dump(profile))
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump({"data_dir": str(tmp_path / "data"), "partners_dir": str(folder)}))
    (tmp_path / "data").mkdir(mode=0o700)
    return lambda *words: run(*words, "--config", config)


def fill(tmp_path: Path) -> dict[str, str]:
    """A file in each folder; the ids of deliveries by folder."""
    settings = load_settings(tmp_path / "gateway.yaml", {}).settings
    now_ms = time.time_ns() // 1_000_000
    made = {name: new_delivery(created_at_ms=now_ms) for name in ("outbox", "archive")}
    made["acknowledgments"] = new_delivery(kind="acknowledgment", document_type="997", created_at_ms=now_ms)
    database = Database(settings.resolved_database_url())
    migrate(database)

    def unit(connection):
        for new in made.values():
            deliveries.enqueue(connection, new)
        deliveries.apply(connection, made["archive"].id, DeliveryEvent.CONFIRM, now_ms)
        for key, name in (("1", b"good.edi"), ("2", b"bad\x1b.edi")):
            mailbox_files.note(connection, "acme-supply", name, key, bytes_count=9, received_at_ms=now_ms)
        refused_files.mark(connection, "2", now_ms)

    database.write_now(unit)
    database.close()
    parts = PartsFolder(settings.spool_dir, 0)
    for partner in ("acme-supply", "globex"):
        part = parts.create(Record(partner, b"half.edi", now_ms))
        part.append([b"abc"])
        part.settle()
        part.close()
    parts.close()
    return {folder: new.id for folder, new in made.items()}


def fill_nothing(tmp_path: Path) -> None:
    """A database without a file in it."""
    settings = load_settings(tmp_path / "gateway.yaml", {}).settings
    database = Database(settings.resolved_database_url())
    migrate(database)
    database.close()


def test_everything_that_lies_there_is_told(call: Call, tmp_path: Path) -> None:
    ids = fill(tmp_path)
    rows = call("sftp", "mailbox", "acme-supply", "--format", "json").rows
    assert {row["partner"] for row in rows} == {"acme-supply"}
    assert [(row["folder"], row["name"], row["bytes"], row["state"]) for row in rows] == [
        ("outbox", f"purchase_order-7-{ids['outbox']}.edi", 10, "waiting"),
        ("acknowledgments", f"997-7-{ids['acknowledgments']}.edi", 10, "waiting"),
        ("errors", "bad\\x1b.edi", 9, "refused"),
        ("inbox", "bad\\x1b.edi", 9, "taken"),
        ("inbox", "good.edi", 9, "taken"),
        ("archive", f"purchase_order-7-{ids['archive']}.edi", 10, "fetched"),
        ("unfinished", "half.edi", 3, "unfinished"),
    ]
    told = call("sftp", "mailbox", "acme-supply", "--folder", "inbox", "--limit", "1")
    assert "--limit shows them" in told.err
    assert "acme-supply is suspended" in told.err
    assert told.code == 0


def test_an_empty_folder_is_told_by_its_name(call: Call, tmp_path: Path) -> None:
    fill_nothing(tmp_path)
    for folder in ("outbox", "acknowledgments", "errors", "inbox", "unfinished", "archive"):
        told = call("sftp", "mailbox", "acme-supply", "--folder", folder)
        assert (told.code, told.out) == (0, f"nothing lies in {folder}/ of the mailbox of acme-supply\n")
    told = call("sftp", "mailbox", "acme-supply")
    assert (told.out, "unfinished" in told.err) == ("nothing lies in the mailbox of acme-supply\n", False)


def test_a_node_that_takes_no_uploads_says_where_they_are(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_nothing(tmp_path)
    monkeypatch.setenv("GATEWAY_ROLES", '["edge", "worker"]')
    words = "unfinished uploads lie on the disk of the node that took them"
    for more in ((), ("--folder", "unfinished"), ("--format", "json")):
        assert words in call("sftp", "mailbox", "acme-supply", *more).err
    assert words not in call("sftp", "mailbox", "acme-supply", "--folder", "outbox").err
    fill(tmp_path)  # a folder that is shared
    told = call("sftp", "mailbox", "acme-supply", "--folder", "unfinished", "--format", "json")
    assert ([row["name"] for row in told.rows], words in told.err) == (["half.edi"], False)


def test_an_empty_mailbox_and_none(call: Call, tmp_path: Path) -> None:
    fill(tmp_path)
    none = call("sftp", "mailbox", "globex")
    assert (none.code, "globex has no mailbox" in none.err) == (2, True)
    assert call("sftp", "mailbox", "nobody").code == 2
