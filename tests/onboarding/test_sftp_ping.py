"""`partner ping` for a partner's SFTP server, against OpenSSH's own."""

import os

import pytest

from gateway.onboarding.pinging.sftp_ping import SftpPing
from gateway.settings import Limits
from partners.directory import Directory
from tests.carriers.remote import partner, pins
from tests.partners.profiles import loaded


@pytest.fixture
def there(openssh):
    folder = openssh.fresh_folder()
    for name in ("in", "in/purchase_order", "out", "done"):
        (folder.local / name).mkdir()
        os.chown(folder.local / name, folder.local.stat().st_uid, folder.local.stat().st_gid)
    return folder


async def ping(openssh, *profiles, partner_id="acme", writes=False):
    async def client_key(name: str) -> bytes | None:
        known = {"ours": openssh.client_key, "stranger": openssh.stranger_key}
        return known[name].read_bytes() if name in known else None

    walked = SftpPing(Limits(connect_timeout_s=5), Directory(profiles), client_key, lambda _: None)
    over = await walked.whole(partner_id, writes=writes)
    return over, {step.name: step for step in over.steps}


def results(steps):
    return {name: step.result.value for name, step in steps.items()}


async def test_a_way_that_works_and_folders_that_are_there(openssh, there):
    (there.local / "out" / "order.edi").write_bytes(b"x")
    fetch = {"name": "orders", "folder": f"{there.remote}/out", "then": "move", "move_to": f"{there.remote}/done"}
    acme = partner(openssh, push={"folder": f"{there.remote}/in"}, fetch=[fetch])
    over, steps = await ping(openssh, acme)
    assert over.worked, results(steps)
    assert list(steps) == ["profile", "dns", "tcp", "ssh", "host-key", "login", "sftp", "folders"]
    assert pins(openssh, "ed25519")[0] in steps["host-key"].words[0]
    assert any("holds 1 file" in word for word in steps["folders"].words)
    assert sorted(file.name for file in there.local.rglob("*") if file.is_file()) == ["order.edi"]


async def test_writing_leaves_nothing_behind(openssh, there):
    over, steps = await ping(openssh, partner(openssh, push={"folder": f"{there.remote}/in"}), writes=True)
    assert over.worked
    assert "removed again" in steps["write"].words[0]
    assert [file for file in there.local.rglob("*") if file.is_file()] == []


async def test_folders_that_are_not_there_or_none_are_told(openssh, there):
    (there.local / "file").write_bytes(b"x")
    fetch = [{"name": "orders", "folder": f"{there.remote}/no"}, {"name": "all", "folder": f"{there.remote}/*"}]
    acme = partner(openssh, push={"folder": f"{there.remote}/file"}, fetch=fetch)
    over, steps = await ping(openssh, acme)
    assert not over.worked
    told = " ".join(steps["folders"].words)
    assert f"{there.remote}/no is not there" in told
    assert f"{there.remote}/file is no folder" in told
    assert f"{there.remote} holds 1 file" in told


@pytest.mark.parametrize(
    ("terms", "failed", "skipped"),
    [
        ({"private_networks": None}, "dns", 6),
        ({"port": 1}, "tcp", 5),
        ({"host_keys": ["SHA256:" + "A" * 43]}, "host-key", 3),
        ({"key": "stranger"}, "login", 2),
    ],
)
async def test_the_step_that_does_not_work_is_told(openssh, terms, failed, skipped):
    over, steps = await ping(openssh, partner(openssh, **terms))
    assert not over.worked
    assert [name for name, result in results(steps).items() if result == "failed"] == [failed]
    assert list(results(steps).values()).count("skipped") == skipped


async def test_without_a_key_nothing_is_tried(openssh):
    _, steps = await ping(openssh, partner(openssh, key="missing"))
    assert results(steps)["tcp"] == "skipped"
    assert "gateway sftp keys new missing" in steps["login"].words[0]


async def test_who_comes_via_a_connection_is_reached_by_its_server(openssh, there):
    van = partner(openssh, name="van", push={"folder": f"{there.remote}/in"})
    text = "id: acme\nname: ACME\nvia: van\nx12: {qualifier: ZZ, id: ACME, group_id: ACME}\n"
    over, steps = await ping(openssh, van, loaded(text))
    assert over.worked
    assert "carried by van" in steps["profile"].words[1]
    _, steps = await ping(openssh, loaded(text))
    assert results(steps)["profile"] == "failed"
