"""`gateway sftp folders` and its neighbours beside a gateway that does not run; with one: tests/flow/collecting."""

import json

import pytest

from gateway.store import remote_files, remote_folders
from gateway.store.remote_files import SeenFile
from gateway.store.remote_folders import Wanted
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
