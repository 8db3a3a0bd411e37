"""`gateway sftp folders` and its neighbours beside a gateway that does not run; with one: tests/flow/collecting."""

import json
import threading
import time

import pytest

from gateway.store import remote_files, remote_folders
from gateway.store.remote_files import SeenFile
from gateway.store.remote_folders import Counts, Wanted
from tests.site import Site

SERVER = {
    "host": "sftp.acme.example",
    "user": "us",
    "host_keys": "SHA256:" + "A" * 43,
    "key": "acme",
    "fetch": [{"name": "orders", "folder": "/out"}, {"name": "invoices", "folder": "/out/invoices"}],
}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, acme_profile={"sftp_server": SERVER})


@pytest.fixture
def sftp(site, database, run):
    return lambda *words: run("sftp", *words, "--config", site.config)


def test_what_no_gateway_has_read_yet(sftp):
    listed = sftp("folders")
    assert (listed.code, listed.out.count("nothing is fetched")) == (0, 1)
    assert [line.split()[0] for line in listed.err.splitlines()] == ["acme-supply/orders", "acme-supply/invoices"]
    for verb in ("look", "hold", "resume"):
        refused = sftp(verb, "acme-supply")
        assert (refused.code, "sftp_server.fetch" in refused.err) == (2, True)


@pytest.mark.parametrize("verb", ["look", "hold", "resume"])
def test_nobody_of_this_name_is_told_with_who_was_meant(sftp, verb):
    refused = sftp(verb, "acme-suply")
    assert (refused.code, "there is no partner 'acme-suply'" in refused.err) == (2, True)
    assert "did you mean acme-supply?" in refused.err


def test_a_folder_of_this_name_is_not_there(sftp, database):
    wanted = [Wanted("acme-supply", "orders", "terms", None)]
    database.write_now(lambda connection: remote_folders.follow(connection, wanted))
    refused = sftp("hold", "acme-supply", "order")
    assert (
        refused.code,
        "acme-supply has no folder 'order' that is looked into; there are: orders" in refused.err,
    ) == (
        2,
        True,
    )


NEXT_WEEK_MS = 4_100_000_000_000


@pytest.mark.parametrize(
    ("counts", "reason", "said"),
    [
        (
            Counts(growing=2),
            "",
            "2 files still growing, or not yet unchanged for long enough (`stable_s`); looked at again at 2099",
        ),
        (
            Counts(waiting=1, stuck=3),
            "no room",
            "1 file waiting to be fetched, 3 files stuck: `gateway sftp folders` tells why; no room; looked at again",
        ),
        (Counts(), "", "looked into, 0 files fetched\n"),
    ],
    ids=["growing", "waiting", "nothing"],
)
def test_a_look_that_leaves_files_there_says_so(sftp, database, counts, reason, said):
    wanted = [Wanted("acme-supply", "orders", "terms", NEXT_WEEK_MS)]
    database.write_now(lambda connection: remote_folders.follow(connection, wanted))
    stop = threading.Event()

    def look_once(connection):
        """As a gateway does: whatever is due is claimed and looked into."""
        now_ms = time.time_ns() // 1_000_000
        due = remote_folders.due(connection, now_ms)
        for folder in due:
            assert remote_folders.claim(connection, folder, "tests", now_ms, now_ms + 60_000)
            remote_folders.looked(
                connection, folder, "tests", now_ms, next_at_ms=NEXT_WEEK_MS, counts=counts, reason=reason
            )
        return bool(due)

    def serve():
        while not stop.wait(0.01) and not database.write_now(look_once):
            pass

    gateway = threading.Thread(target=serve)
    gateway.start()
    try:
        looked = sftp("look", "acme-supply", "--wait", "20")
    finally:
        stop.set()
        gateway.join()
    assert (looked.code, looked.out.startswith("acme-supply/orders: looked into, ")) == (0, True), looked.out
    assert said in looked.out


def test_folders_with_what_stays_there(sftp, database):
    wanted = [Wanted("acme-supply", name, "terms", 1_700_000_000_000) for name in ("orders", "invoices")]
    stuck = SeenFile(b"/out/\xff\x1b[31m.edi", 9, 1, 0, 0, "01J9", 5, "remove: it is not permitted to us")
    database.write_now(lambda connection: remote_folders.follow(connection, wanted))
    database.write_now(lambda connection: remote_files.put(connection, "acme-supply", "orders", stuck))
    invoices, orders = sftp("folders", "--format", "json").rows
    assert (invoices["name"], invoices["stuck"], invoices["state"]) == ("invoices", [], "waiting")
    assert (orders["folder"], orders["next_look_at"], orders["last_look_at"]) == (
        "/out",
        "2023-11-14T22:13:20.000Z",
        None,
    )
    assert orders["stuck"] == [
        {
            "file": "/out/\\xff\\x1b[31m.edi",
            "bytes": 9,
            "attempts": 5,
            "message": "01J9",
            "reason": "remove: it is not permitted to us",
        }
    ]
    assert "not permitted" in sftp("folders").out
    assert sftp("folders", "--partner", "other", "--format", "json").rows == []
    asked = sftp("look", "acme-supply", "orders")
    assert (asked.code, "once `gateway serve` does" in asked.err) == (0, True)
    waited = sftp("look", "acme-supply", "--wait", "1", "--format", "json")
    assert (waited.code, [row["looked"] for row in waited.rows]) == (1, [False, False])
    held = sftp("hold", "acme-supply", "orders", "--reason", "later", "--format", "json")
    assert held.json == {"partner": "acme-supply", "folders": ["orders"], "held": True}
    assert sftp("hold", "acme-supply", "order").code == 2
    assert [json.loads(line)["state"] for line in sftp("folders", "--format", "json").out.splitlines()] == [
        "waiting",
        "held",
    ]
    assert sftp("resume", "acme-supply").code == 0
    assert sftp("resume", "acme-supply").code == 2
