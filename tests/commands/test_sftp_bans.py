"""`gateway sftp bans` and `gateway sftp unban`."""

import time

import pytest

from gateway.store import sftp_bans
from gateway.store.oversight import audit
from gateway.store.sftp_bans import StoredBan
from tests.site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def sftp(site, database, run):
    return lambda *words: run("sftp", *words, "--config", site.config)


@pytest.fixture
def shut_out(database):
    """Two networks that are shut out, and one whose ban is over."""
    now_ms = round(time.time() * 1_000)
    for number, (network, address, until_ms) in enumerate(
        (
            ("192.0.2.7", "192.0.2.7", now_ms + 900_000),
            ("2001:db8:1:2::", "2001:db8:1:2::beef", now_ms + 900_000),
            ("198.51.100.9", "198.51.100.9", now_ms - 1),
        ),
        start=1,
    ):
        ban = StoredBan(network, address, number, now_ms - 10 * number, until_ms)
        database.write_now(lambda connection, ban=ban: sftp_bans.put(connection, ban))


def test_nobody_is_shut_out(sftp):
    assert sftp("bans").out == "nobody is shut out\n"
    refused = sftp("unban", "192.0.2.7")
    assert (refused.code, "gateway sftp bans" in refused.err) == (2, True)


def test_who_is_shut_out_and_was(sftp, shut_out):
    listed = sftp("bans")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NETWORK", "192.0.2.7", "2001:db8:1:2::"]
    assert "gateway sftp unban" in listed.err
    rows = sftp("bans", "--all", "--format", "json").rows
    assert [(row["network"], row["state"], row["in_a_row"]) for row in rows] == [
        ("192.0.2.7", "shut out", 1),
        ("2001:db8:1:2::", "shut out", 2),
        ("198.51.100.9", "over", 3),
    ]


@pytest.mark.parametrize("named", ["2001:db8:1:2::beef", "2001:db8:1:2::"])
def test_one_is_let_in_again_by_any_address_of_it(sftp, shut_out, database, named):
    assert "2001:db8:1:2:: may log in again" in sftp("unban", named).out
    assert [row["network"] for row in sftp("bans", "--format", "json").rows] == ["192.0.2.7"]
    (act,) = database.read_now(lambda connection: audit.find(connection, action="sftp.unban"))
    assert (act.subject, act.actor.partition(":")[0]) == ("2001:db8:1:2::", "command")
    assert sftp("unban", named).code == 2


def test_what_is_no_address_is_said_so(sftp):
    refused = sftp("unban", "acme")
    assert (refused.code, "'acme' is no address" in refused.err) == (2, True)
