"""The whole gateway fetches from a server of a VAN, and people see and steer it by commands."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gateway.app import Gateway
from gateway.flow.collecting.views import folder_views
from gateway.flow.ssh_keys import SshKeys
from gateway.store import messages
from tests.commands.conftest import run  # noqa: F401 - a fixture
from tests.edge.rest.whole import Whole, whole
from tests.flow.collecting.visiting import KEY, WITHIN_S, left, put, server_terms
from tests.services.openssh import RemoteFolder, SshServer
from tests.site import acknowledgment_855

VAN = "trade-van"


def sent_by(address: str, number: int) -> bytes:
    return acknowledgment_855(number).replace(b"ACMESUPPLY     ", address.ljust(15).encode())


def of_the_van(partner: str, address: str, **more: object) -> dict[str, object]:
    inbound = {"direction": "inbound", "syntax": "x12", "releases": ["004010"]}
    return {
        "via": VAN,
        "x12": {"qualifier": "ZZ", "id": address},
        "agreements": [{"document": "purchase_order_acknowledgment", **inbound}],
    } | more


@pytest.fixture
def there(openssh: SshServer) -> RemoteFolder:
    return openssh.fresh_folder()


@pytest.fixture
async def fetching(tmp_path, openssh, there) -> AsyncIterator[Whole]:
    """A gateway that fetches from the VAN's server; of both partners that it carries one is suspended."""
    van = {
        "sftp_server": server_terms(openssh, {"folder": there.remote, "every_minutes": 10_080}),
        "speaks_for": [{"qualifier": "ZZ", "id": name} for name in ("SMALLPARTS", "BIGBOLTS")],
    }
    partners = {
        VAN: van,
        "small-parts": of_the_van("small-parts", "SMALLPARTS", status="suspended"),
        "big-bolts": of_the_van("big-bolts", "BIGBOLTS"),
    }
    async with whole(tmp_path, partners=partners) as site:
        keys = SshKeys(site.gateway.database, site.gateway.sealing, lambda: time.time_ns() // 1_000_000)
        openssh.authorize((await keys.new_client_key(KEY)).public_key)
        # The first look may have come before the key.
        await view(site.gateway, "unreachable", "ok")
        yield site


async def view(gateway: Gateway, *states: str) -> dict[str, object]:
    """The folder, once it is in one of the states."""
    now_ms = time.time_ns() // 1_000_000
    read = partial(folder_views, directory=gateway.directory(), now_ms=now_ms, partner_id=VAN)
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await gateway.database.read(read)
            if found and found[0]["state"] in states:
                return found[0]
            await asyncio.sleep(0.01)


async def kept(gateway: Gateway) -> dict[str, messages.StoredMessage]:
    found = await gateway.database.read(partial(messages.find, limit=10))
    return {message.partner_id: message for message in found}


async def test_what_a_van_lays_out_is_its_message_and_commands_steer_it(fetching, there, tmp_path, run):  # noqa: F811 - the fixture
    gateway = fetching.gateway
    put(there, "both.edi", sent_by("BIGBOLTS", 1) + sent_by("SMALLPARTS", 2))

    async def command(*words: str):
        return await asyncio.to_thread(run, "sftp", *words, "--config", tmp_path / "gateway.yaml")

    looked = await command("look", VAN, "orders", "--wait", "30", "--format", "json")
    assert (looked.code, looked.json["looked"], looked.json["state"]) == (0, True, "ok"), looked.err
    assert left(there) == []
    by_partner = await kept(gateway)
    async with asyncio.timeout(WITHIN_S):
        while by_partner[VAN].state != "published":
            await asyncio.sleep(0.01)
            by_partner = await kept(gateway)
    apart = by_partner["small-parts"]
    assert (apart.state, apart.apart_from, apart.filename) == ("held", by_partner[VAN].id, "both.edi")
    assert by_partner[VAN].channel == "sftp"

    listing = await command("folders", "--format", "json")
    assert listing.json["files"] == {"fetched": 1, "waiting": 0, "growing": 0, "stuck": 0, "empty": 0}
    assert listing.json["folder"] == there.remote
    table = await command("folders")
    assert [f"{VAN}/orders", "ok"] == table.out.splitlines()[1].split()[:2]

    held = await command("hold", VAN, "--reason", "they move")
    assert (held.code, held.out) == (0, f"{VAN}/orders is not looked into until `gateway sftp resume`\n")
    refused = await command("look", VAN)
    assert (refused.code, "they move" in refused.err) == (2, True)
    unknown = await command("look", VAN, "order")
    assert (unknown.code, "there are: orders" in unknown.err) == (2, True)
    put(there, "later.edi", sent_by("BIGBOLTS", 3))
    resumed = await command("resume", VAN, "--format", "json")
    assert resumed.json == {"partner": VAN, "folders": ["orders"], "resumed": True}
    after = await view(gateway, "ok")
    async with asyncio.timeout(WITHIN_S):
        while left(there):
            await asyncio.sleep(0.01)
    assert after["reason"] is None

    await gateway.collecting.upkeep()
    exposed = gateway.metrics.expose()
    assert 'gateway_sftp_fetches_total{outcome="fetched"} 2' in exposed
    assert f'gateway_sftp_look_age_seconds{{partner="{VAN}",folder="orders"}}' in exposed


async def test_a_look_that_fails_says_why(fetching, there, tmp_path, run, openssh):  # noqa: F811 - the fixture
    openssh.stop()
    words = ("sftp", "look", VAN, "--wait", "30", "--config", tmp_path / "gateway.yaml")
    looked = await asyncio.to_thread(run, *words)
    assert looked.code == 1
    assert "nothing listens there" in looked.out
    await view(fetching.gateway, "unreachable")


async def test_a_file_that_is_nothing_is_gone_there_and_stands_in_the_exceptions_list(fetching, there, tmp_path, run):  # noqa: F811 - the fixture
    put(there, "unknown.pdf", b"%PDF-1.7")
    words = ("sftp", "look", VAN, "--wait", "30", "--config", tmp_path / "gateway.yaml")
    await asyncio.to_thread(run, *words)
    async with asyncio.timeout(WITHIN_S):
        while (await kept(fetching.gateway))[VAN].state != "rejected":
            await asyncio.sleep(0.01)
    listing = await asyncio.to_thread(
        run, "exceptions", "list", "--format", "json", "--config", tmp_path / "gateway.yaml"
    )
    message = (await kept(fetching.gateway))[VAN]
    assert (left(there), listing.json["kind"], listing.json["message"]) == ([], "fetched_rejected", message.id)
    assert listing.json["reason"] == f"orders: {there.remote}/unknown.pdf: {message.reason}"
