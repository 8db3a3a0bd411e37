"""`partner list`: stages, the last traffic, what ends soon, and what lies on the disk but is not in force."""

import shutil
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from certs.creation import create_key_pair
from gateway.flow.partner_overview import Expiry, Stored, overview
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery
from gateway.store.engine.statements import table_of
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from gateway.store.tables import Delivery
from partners.directory import Directory, load_directory
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked
from tests.partners.profiles import ACME, KEY_DIGEST, loaded, write

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
_DELIVERY = table_of(Delivery)


def put_in_force(stocked: Stocked, at_ms: int = 1_000) -> None:
    """As a gateway does that looks at the folder now."""
    directory, _ = load_directory(stocked.site.partners_dir)
    with stocked.database() as database:
        for one in directory:
            database.write_now(
                partial(profiles.keep, digest=one.digest, partner_id=one.id, packed=one.pack(), now_ms=1)
            )
            database.write_now(partial(partner_states.put_in_force, loaded=one, now_ms=at_ms))


@pytest.fixture
def rows(stocked: Stocked, run: Run):
    def rows(*words: str) -> dict[str, dict]:
        ended = run("partner", "list", "--format", "json", "--config", stocked.site.config, *words)
        assert ended.code == 0
        return {row["id"]: row for row in ended.rows}

    return rows


def test_the_last_traffic_either_way(stocked: Stocked, rows) -> None:
    put_in_force(stocked)
    with stocked.database() as database:
        for number, attempts in ((1, 1), (2, 0)):
            key = f"{number}"
            new = NewDelivery(
                key, "acme-supply", "", "", "as2", "file", "L", f"<{key}@us>", "", "", "", b"", number, number
            )
            database.write_now(partial(deliveries.enqueue, new=new))
            tried = _DELIVERY.update().where(_DELIVERY.c.id == key).values(attempts=attempts)
            database.write_now(lambda connection, tried=tried: connection.execute(tried))
    found = rows()
    assert found["acme-supply"]["last_in"].startswith("2026-03-01T09:0")
    assert found["acme-supply"]["last_out"] == "1970-01-01T00:00:00.001Z", "what was never tried is no traffic"
    assert found["northwind-parts"]["last_out"] is None


def test_what_is_in_force_and_what_differs(stocked: Stocked, rows, run: Run) -> None:
    partners_dir = stocked.site.partners_dir
    found = rows()
    assert found["acme-supply"]["in_force"] is None
    assert found["acme-supply"]["drift"] == "not in force yet: no gateway has seen it"
    put_in_force(stocked)
    in_force = rows()["acme-supply"]
    assert in_force["in_force"] == {
        "profile": in_force["digest"],
        "status": "live",
        "since": "1970-01-01T00:00:01.000Z",
    }
    assert in_force["drift"] is None

    profile = partners_dir / "acme-supply" / "profile.yaml"
    good = profile.read_text()
    profile.write_text(good + "status: suspended\n")
    changed = rows()["acme-supply"]
    assert (changed["status"], changed["in_force"]["status"]) == ("suspended", "live")
    assert changed["drift"] == "changed on the disk, and no gateway has seen that yet"

    profile.write_text(good + "stauts: live\n")
    write(partners_dir, "newcomer", "id: [")
    shutil.rmtree(partners_dir / "northwind-parts")
    found = rows()
    broken = found["acme-supply"]
    assert (broken["broken"], broken["name"], broken["status"], broken["digest"]) == (
        True,
        in_force["name"],
        "live",
        in_force["digest"],
    )
    assert "there is no key `stauts`" in broken["problems"][0]
    assert broken["drift"] == "the newest is refused, the last good one is in force"
    assert (found["newcomer"]["status"], found["newcomer"]["drift"]) == (
        None,
        "the newest is refused, none is in force",
    )
    assert found["northwind-parts"]["drift"] == "its folder is gone, and no gateway has seen that yet"
    assert list(rows("--status", "broken")) == ["acme-supply", "newcomer"]
    assert list(rows("--status", "live")) == ["acme-supply", "northwind-parts"]
    assert list(rows("--status", "draft")) == []
    text = run("partner", "list", "--config", stocked.site.config)
    assert "broken; the newest is refused, the last good one is in force" in text.out
    assert "the profiles have problems (2)" in text.err


def test_without_a_store_the_files_are_listed(stocked: Stocked, run: Run) -> None:
    shutil.rmtree(stocked.site.data_dir)
    ended = run("partner", "list", "--config", stocked.site.config)
    assert ended.code == 0
    assert "acme-supply" in ended.out
    assert "not in force" not in ended.out


def test_a_folder_that_is_not_there_is_unusable(stocked: Stocked, run: Run) -> None:
    shutil.rmtree(stocked.site.partners_dir)
    ended = run("partner", "list", "--config", stocked.site.config)
    assert ended.code == 2
    assert "the folder of the partners cannot be read" in ended.err


def ends(text: str, **files: bytes) -> tuple[Expiry, ...]:
    (row,) = overview(Directory([loaded(text, **files)]), Stored(), NOW)
    return row.expiring


def certificate(days: int) -> bytes:
    return create_key_pair("ACME-AS2", now=NOW - timedelta(days=100), valid_days=100 + days).certificate.pem()


def test_what_ends_within_thirty_days() -> None:
    keys = (
        "api_keys:\n"
        f"  - {{label: old, sha256: {KEY_DIGEST}, expires_on: 2026-03-02}}\n"
        "sftp:\n  user: acme\n  keys: [{label: laptop, file: acme.pub, expires_on: 2026-02-01}]\n"
    )
    found = ends(ACME + keys, acme_pem=certificate(29), acme_pub=b"ssh-ed25519 AAAA")
    assert found == (
        Expiry("certificate", "acme.pem", date(2026, 3, 30)),
        Expiry("api_key", "old", date(2026, 3, 2)),
        Expiry("sftp_key", "laptop", date(2026, 2, 1)),
    )
    assert [one.words(NOW.date()) for one in found] == [
        "certificate acme.pem ends in 29 days",
        "api key old ends tomorrow",
        "sftp key laptop has ended",
    ]


def test_what_is_followed_by_another_ends_for_nobody() -> None:
    other = KEY_DIGEST.replace("5", "6")
    keys = (
        f"api_keys:\n  - {{label: old, sha256: {KEY_DIGEST}, expires_on: 2026-03-02}}\n"
        f"  - {{label: new, sha256: {other}}}\n"
    )
    two = ACME.replace("certificate: acme.pem", "certificates: [acme.pem, next.pem]")
    assert ends(two + keys, acme_pem=certificate(10), next_pem=certificate(200)) == ()


def test_each_partner_stands_once_whatever_is_known(tmp_path: Path) -> None:
    write(tmp_path / "partners", "acme-supply", ACME)
    write(tmp_path / "partners", "broken", "id: [")
    directory, _ = load_directory(tmp_path / "partners")
    known = {name: partner_states.Known(name, "d" * 64, "live", 1) for name in ("acme-supply", "gone", "broken")}
    rows = overview(directory, Stored(known), NOW)
    assert [(row.partner_id, row.status, bool(row.problems)) for row in rows] == [
        ("acme-supply", "live", False),
        ("broken", "live", True),
        ("gone", "live", False),
    ]


def test_a_message_names_the_version_that_it_goes_by(stocked: Stocked, run: Run) -> None:
    digest = stocked.profile("acme-supply").digest
    for verb in ("show", "trace"):
        words = ("messages", verb, stocked.published, "--config", stocked.site.config)
        assert f"version {digest[:12]}" in run(*words).out
        assert run(*words, "--format", "json").json["profile"] == digest
