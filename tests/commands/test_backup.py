"""Backup and restore: nothing that was given out is given out again, nothing that was seen is taken for new."""

import fcntl
import json
import shutil
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from certs.keyring import seal
from gateway.store import messages
from gateway.store.backup import BackupError, check_archive, copy_database, count_keys
from gateway.store.events import event_log
from gateway.store.messages import TransportIdReused
from gateway.store.partners import control_numbers
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked
from tests.site import PASSPHRASE, acknowledgment_855

STEP = 50


@pytest.fixture
def archive(stocked: Stocked, tmp_path: Path, run: Run) -> Path:
    target = tmp_path / "backup.tar.gz"
    ended = run("backup", target, "--config", stocked.site.config)
    assert ended.code == 0, ended.err
    return target


def _lose_everything(stocked: Stocked) -> None:
    shutil.rmtree(stocked.site.data_dir)
    shutil.rmtree(stocked.site.partners_dir)


def _restore(run: Run, stocked: Stocked, archive: Path, *more: str):
    return run("restore", archive, "--config", stocked.site.config, "--step", STEP, "--format", "json", *more)


def test_an_archive_holds_database_keys_and_profiles_and_nobody_else_may_read_it(archive: Path):
    manifest = check_archive(archive)
    names = {file.name for file in manifest.files}
    assert "database/gateway.db" in names
    assert {"partners/acme-supply/profile.yaml", "partners/acme-supply/acme.pem"} <= names
    assert archive.stat().st_mode & 0o077 == 0
    assert list(archive.parent.glob(".*")) == []


def test_private_keys_are_encrypted_in_the_archive(archive: Path, tmp_path: Path):
    with tarfile.open(archive) as opened:
        opened.extract("database/gateway.db", tmp_path, filter="data")
    database = tmp_path / "database" / "gateway.db"
    assert count_keys(database) == 1
    with closing(sqlite3.connect(database)) as connection:
        ((key,),) = connection.execute("SELECT wrapped_key FROM own_key")
    assert key.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY")
    assert b"-BEGIN PRIVATE KEY" not in database.read_bytes()


def test_a_backup_of_an_earlier_version_brings_its_folder_of_keys(stocked: Stocked, tmp_path: Path, run: Run):
    site = stocked.site
    with stocked.sqlite() as connection:
        connection.execute("DELETE FROM own_key")
    folder = site.data_dir / "keys" / "bigcorp"
    folder.mkdir(parents=True)
    stem = site.ours.certificate.fingerprint
    (folder / f"{stem}.key").write_bytes(seal(site.ours.private_key, PASSPHRASE.encode()))
    (folder / f"{stem}.crt").write_bytes(site.ours.certificate.pem())
    target = tmp_path / "backup.tar.gz"
    assert run("backup", target, "--config", site.config, "--format", "json").json["keys"] == 0
    _lose_everything(stocked)
    assert _restore(run, stocked, target).code == 0
    for path in (site.data_dir / "keys").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    listed = run("certs", "list", "bigcorp", "--config", site.config, "--format", "json")
    assert [row["fingerprint"] for row in listed.rows] == [stem]
    assert "in the database now" in listed.err


def test_what_was_backed_up_comes_back(stocked: Stocked, archive: Path, run: Run):
    before = run("messages", "list", "--config", stocked.site.config, "--format", "json").rows
    profile = (stocked.site.partners_dir / "acme-supply" / "profile.yaml").read_bytes()
    _lose_everything(stocked)
    ended = _restore(run, stocked, archive)
    assert ended.code == 0, ended.err
    assert ended.json["step"] == STEP
    assert run("messages", "list", "--config", stocked.site.config, "--format", "json").rows == before
    assert (stocked.site.partners_dir / "acme-supply" / "profile.yaml").read_bytes() == profile
    assert run("partner", "check", "--config", stocked.site.config).code == 0
    (key,) = run("certs", "list", "bigcorp", "--config", stocked.site.config, "--format", "json").rows
    assert key["fingerprint"] == stocked.site.ours.certificate.fingerprint


def test_control_numbers_sequences_and_positions_move_ahead(stocked: Stocked, archive: Path, run: Run):
    with stocked.sqlite() as connection:
        numbers = dict(connection.execute("SELECT scope, last FROM control_number"))
        lanes = dict(connection.execute("SELECT lane, last_sequence FROM lane"))
    with stocked.database() as database:
        position = database.read_now(event_log.last_position)
    assert numbers
    assert lanes
    _lose_everything(stocked)
    ended = _restore(run, stocked, archive)
    assert ended.json["moved_ahead"] == {"scopes": len(numbers), "lanes": len(lanes)}
    with stocked.sqlite() as connection:
        assert dict(connection.execute("SELECT lane, last_sequence FROM lane")) == {
            lane: last + STEP for lane, last in lanes.items()
        }
    with stocked.database() as database:
        for scope, last in numbers.items():
            given = database.write_now(lambda connection, scope=scope: control_numbers.allocate(connection, scope))
            assert given == last + STEP + 1
    stocked.receive(acknowledgment_855(9), "<9@acme>")
    stocked.process()
    stocked.publish()
    with stocked.database() as database:
        after = database.read_now(lambda connection: event_log.read(connection, position, 10))
    assert [entry.position > position + STEP for entry in after] == [True]


def test_the_windows_of_duplicates_go_on(stocked: Stocked, archive: Path, run: Run):
    _lose_everything(stocked)
    assert _restore(run, stocked, archive).code == 0
    # The same transport id and bytes: recognised. Other bytes under it: refused.
    assert stocked.receive(acknowledgment_855(1), "<1@acme>") == stocked.published
    with pytest.raises(TransportIdReused):
        stocked.receive(acknowledgment_855(8), "<1@acme>")
    # The same ISA13 in a new message: refused as it would have been.
    again = stocked.receive(acknowledgment_855(1), "<new@acme>")
    stocked.process()
    with stocked.database() as database:
        message = database.read_now(lambda connection: messages.get(connection, again))
    assert message is not None
    assert message.state == "rejected"


def test_the_restore_stands_in_the_audit(stocked: Stocked, archive: Path, run: Run):
    _lose_everything(stocked)
    _restore(run, stocked, archive)
    with stocked.sqlite() as connection:
        actor, detail = connection.execute("SELECT actor, detail FROM audit WHERE action = 'restore'").fetchone()
    assert actor.startswith("command:")
    assert json.loads(detail)["step"] == STEP


def test_an_existing_database_is_moved_aside_only_by_force(stocked: Stocked, archive: Path, run: Run):
    stocked.receive(acknowledgment_855(9), "<after the backup@acme>")
    refused = _restore(run, stocked, archive)
    assert refused.code == 2
    assert "--force" in refused.err
    ended = _restore(run, stocked, archive, "--force")
    assert ended.code == 0, ended.err
    rows = run("messages", "list", "--config", stocked.site.config, "--format", "json").rows
    assert len(rows) == 4
    aside = ended.json["moved_aside"][str(stocked.site.data_dir / "gateway.db")]
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (5,)


def test_a_backup_of_a_newer_program_changes_nothing(stocked: Stocked, tmp_path: Path, run: Run):
    with stocked.sqlite() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    archive = tmp_path / "newer.tar.gz"
    assert run("backup", archive, "--config", stocked.site.config).code == 0
    _lose_everything(stocked)
    ended = _restore(run, stocked, archive)
    assert ended.code == 2
    assert "run the newer program" in ended.err
    assert [path.name for path in stocked.site.data_dir.iterdir()] == ["gateway.lock"]
    assert not stocked.site.partners_dir.exists()


def test_a_restored_database_is_one_file(stocked: Stocked, archive: Path, run: Run):
    _lose_everything(stocked)
    assert _restore(run, stocked, archive).code == 0
    names = sorted(path.name for path in stocked.site.data_dir.iterdir())
    assert names == ["gateway.db", "gateway.lock"]


def test_profiles_from_elsewhere_are_left_alone(stocked: Stocked, archive: Path, run: Run):
    shutil.rmtree(stocked.site.data_dir)
    profile = stocked.site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(profile.read_text() + "# changed since\n")
    assert _restore(run, stocked, archive).code == 2
    assert _restore(run, stocked, archive, "--without-profiles").code == 0
    assert profile.read_text().endswith("# changed since\n")
    assert (stocked.site.data_dir / "gateway.db").is_file()


def test_what_cannot_be_replaced_is_noticed_before_anything_is_moved(
    stocked: Stocked, archive: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    partners_dir = stocked.site.partners_dir
    monkeypatch.setattr(Path, "is_mount", lambda path: path == partners_dir)
    before = {path: path.stat().st_ino for path in (stocked.site.data_dir, *stocked.site.data_dir.glob("*.db"))}
    ended = _restore(run, stocked, archive, "--force")
    assert ended.code == 2
    assert "--without-profiles" in ended.err
    assert {path: path.stat().st_ino for path in before} == before
    assert not list(stocked.site.data_dir.glob("*before-restore*"))


def test_who_could_read_what_is_as_before(stocked: Stocked, archive: Path, run: Run):
    profile = stocked.site.partners_dir / "acme-supply" / "profile.yaml"
    mode = profile.stat().st_mode
    _lose_everything(stocked)
    assert _restore(run, stocked, archive).code == 0
    assert profile.stat().st_mode == mode
    for path in stocked.site.data_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_running_gateway_keeps_its_database(stocked: Stocked, archive: Path, run: Run):
    with (stocked.site.data_dir / "gateway.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = _restore(run, stocked, archive, "--force")
    assert ended.code == 2
    assert "stop it first" in ended.err


@pytest.mark.parametrize("damage", ["flipped", "cut", "not an archive", "foreign"])
def test_a_damaged_archive_changes_nothing(stocked: Stocked, archive: Path, run: Run, damage: str):
    data = bytearray(archive.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "not an archive":
        data[:] = b"hello"
    archive.write_bytes(data)
    if damage == "foreign":
        with tarfile.open(archive, "w:gz") as opened:
            opened.add(stocked.site.config, "../../gateway.yaml")
    before = run("messages", "list", "--config", stocked.site.config, "--format", "json").out
    ended = _restore(run, stocked, archive, "--force")
    assert ended.code == 2
    assert str(archive) in ended.err
    assert run("messages", "list", "--config", stocked.site.config, "--format", "json").out == before
    assert not list(stocked.site.data_dir.glob("*before-restore*"))


def test_a_file_that_is_not_in_the_manifest_is_noticed(archive: Path, tmp_path: Path):
    inside = tmp_path / "inside"
    with tarfile.open(archive) as opened:
        opened.extractall(inside, filter="data")
    (inside / "partners" / "acme-supply" / "profile.yaml").write_text("id: acme-supply\n")
    with tarfile.open(archive, "w:gz") as opened:
        for path in sorted(inside.rglob("*")):
            if path.is_file():
                opened.add(path, path.relative_to(inside).as_posix())
    with pytest.raises(BackupError, match="damaged"):
        check_archive(archive)


def test_a_failed_backup_leaves_the_earlier_one(stocked: Stocked, archive: Path, run: Run):
    before = archive.read_bytes()
    database = stocked.site.data_dir / "gateway.db"
    database.write_bytes(b"this is no database" * 1_000)
    ended = run("backup", archive, "--config", stocked.site.config)
    assert ended.code == 2
    assert "the backup could not be made" in ended.err
    assert archive.read_bytes() == before
    assert sorted(path.name for path in archive.parent.iterdir()) == ["backup.tar.gz", "here", "site"]


def test_a_copy_is_consistent_while_others_write(stocked: Stocked, tmp_path: Path):
    """Two tables that are always changed together: a copy never sees one without the other."""
    source = stocked.site.data_dir / "gateway.db"
    with stocked.sqlite() as connection:
        connection.execute("CREATE TABLE one (n INTEGER, pad TEXT)")
        connection.execute("CREATE TABLE two (n INTEGER, pad TEXT)")
    ended = threading.Event()

    def write() -> None:
        writer = sqlite3.connect(source, isolation_level=None, timeout=30)
        number = 0
        while not ended.is_set():
            number += 1
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO one VALUES (?, ?)", (number, "x" * 3_000))
            writer.execute("INSERT INTO two VALUES (?, ?)", (number, "x" * 3_000))
            writer.execute("COMMIT")
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for attempt in range(5):
            copy = tmp_path / f"copy-{attempt}.db"
            copy_database(source, copy)
            with closing(sqlite3.connect(copy)) as connection:
                ones = connection.execute("SELECT count(*), max(n) FROM one").fetchone()
                assert connection.execute("SELECT count(*), max(n) FROM two").fetchone() == ones
    finally:
        ended.set()
        thread.join()


def test_postgresql_is_left_to_pg_dump_and_the_jump_is_offered(
    stocked: Stocked, tmp_path: Path, run: Run, database_url: str
):
    plain = database_url.replace("postgresql+pg8000://", "postgresql://")
    stocked.site.config.write_text(stocked.site.config.read_text() + f"database_url: {plain}\n")
    target = tmp_path / "backup.tar.gz"
    ended = run("backup", target, "--config", stocked.site.config, "--format", "json")
    assert ended.code == 0, ended.err
    assert ended.json["database"] == "postgresql"
    assert ended.json["keys"] is None
    assert "pg_dump" in ended.err
    jumped = run(
        "restore", "--after-database-restore", "--config", stocked.site.config, "--step", STEP, "--format", "json"
    )
    assert jumped.code == 0, jumped.err
    assert jumped.json["moved_ahead"] == {"scopes": 0, "lanes": 0}
    _lose_everything(stocked)
    back = run("restore", target, "--config", stocked.site.config, "--format", "json")
    assert back.code == 0, back.err
    assert back.json["moved_ahead"] is None
    assert (stocked.site.partners_dir / "acme-supply" / "profile.yaml").is_file()


@pytest.mark.parametrize("words", [(), ("x.tar.gz", "--after-database-restore"), ("missing.tar.gz", "--force")])
def test_a_call_that_makes_no_sense_says_what_would(stocked: Stocked, run: Run, words: tuple[str, ...]):
    ended = run("restore", *words, "--config", stocked.site.config)
    assert ended.code == 2
    assert ended.err.count("\n") <= 2


def test_what_is_to_be_looked_at_after_a_restore_stands_line_by_line(stocked: Stocked, archive: Path, run: Run):
    ended = run("restore", archive, "--config", stocked.site.config, "--force")
    assert ended.code == 0, ended.err
    assert "before you start the gateway:" in ended.out.splitlines()
    assert "\\n" not in ended.out
