"""kill -9 at each step of fetching: each file is in the store once, and none is removed there before it is here."""

import asyncio
import subprocess
import sys
import time

from gateway.app import Gateway
from gateway.flow.ssh_keys import SshKeys
from gateway.settings import load_settings
from gateway.store import messages, remote_folders
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from tests.faults.killed_while_fetching import STEPS
from tests.flow.collecting.visiting import KEY, left, server_terms
from tests.site import PROJECT, Site

WITHIN_S = 60


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_kills_at_each_step_of_fetching(tmp_path, openssh):
    there = openssh.fresh_folder()
    server = server_terms(openssh, {"folder": there.remote, "every_minutes": 10_080})
    site = Site(tmp_path / "site", acme_profile={"sftp_server": server})
    settings = load_settings(site.config, {}).settings
    database = Database(settings.resolved_database_url())
    sealing = Sealing(database, settings.passphrase, now_ms=now_ms)
    sealing.start_now()
    openssh.authorize(SshKeys(database, sealing, now_ms).new_client_key_now(KEY).public_key)
    command = [sys.executable, "-m", "tests.faults.killed_while_fetching", str(site.config), str(there.local), *STEPS]
    lives = await asyncio.to_thread(
        subprocess.run, command, cwd=PROJECT, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert lives.stdout.splitlines() == list(STEPS), lives.stderr[-5_000:]
    # What the last one left is finished by the next life.
    last = Gateway(settings)
    try:
        await last.start()
        async with asyncio.timeout(WITHIN_S):
            while left(there) or not (await folder_of(last)).succeeded_at_ms:
                await asyncio.sleep(0.01)
            assert (await folder_of(last)).files_fetched == len(STEPS)
    finally:
        await last.stop()
    kept = database.read_now(lambda connection: messages.find(connection, limit=100))
    assert sorted(message.filename for message in kept) == [f"{number}.edi" for number in range(1, len(STEPS) + 1)]
    assert not {message.state for message in kept} & {"rejected", "parked", "held"}
    database.close()


async def folder_of(gateway: Gateway) -> remote_folders.StoredFolder:
    found = await gateway.database.read(lambda connection: remote_folders.get(connection, "acme-supply", "orders"))
    assert found is not None
    return found
