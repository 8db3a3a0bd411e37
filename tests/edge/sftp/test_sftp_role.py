"""`gateway serve --role sftp`: mailboxes in a process of their own, beside the others over one PostgreSQL."""

import asyncio
import os
from pathlib import Path

import asyncssh
import pytest
import yaml

from gateway.app import BULK_NICENESS
from gateway.settings import Settings
from gateway.starting import CannotStart, locked_data_dir
from tests.edge.sftp.port import USER, client_key
from tests.edge.sftp.served import until
from tests.site import LOOPBACK, SERVE, RunningGateway, Site, acknowledgment_855

PARTNER = "acme-supply"


def mailbox_of(site: Site) -> None:
    """Give acme-supply one."""
    folder = site.partners_dir / PARTNER
    profile = yaml.safe_load((folder / "profile.yaml").read_text())
    profile["sftp"] = {"user": USER, "keys": [{"label": "first", "file": "first.pub"}]}
    (folder / "first.pub").write_bytes(client_key().export_public_key())
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))


async def drop(port: int, name: str, content: bytes) -> None:
    """Put a file into the inbox."""
    async with (
        asyncssh.connect(
            LOOPBACK,
            port,
            username=USER,
            client_keys=[client_key()],
            known_hosts=None,
            config=None,
            agent_path=None,
        ) as connection,
        connection.start_sftp_client() as client,
        client.open(f"/inbox/{name}", "wb") as file,
    ):
        await file.write(content)


def _decided(gateway: RunningGateway) -> float:
    """How many messages a process translated, whatever came of it."""
    return sum(value for name, value in gateway.metrics().items() if name.startswith("gateway_messages_decided_total"))


def test_mailboxes_in_a_process_of_their_own(tmp_path: Path, database_url: str):
    site = Site(tmp_path, {"database_url": database_url})
    mailbox_of(site)
    others, own = RunningGateway(site), RunningGateway(site)
    with others.start(program=(*SERVE, "--role", "edge,worker")), own.start(program=(*SERVE, "--role", "sftp")):
        assert (others.sftp_port, own.edge_port) == (0, 0)
        assert own.sftp_port
        niceness = [os.getpriority(os.PRIO_PROCESS, gateway.process.pid) for gateway in (others, own)]
        assert niceness[1] - niceness[0] == BULK_NICENESS
        asyncio.run(drop(own.sftp_port, "response.edi", acknowledgment_855(1)))
        assert own.metrics()['gateway_messages_accepted_total{channel="sftp"}'] == 1
        # Translated by the other one.
        until(lambda: _decided(others) == 1)
        assert _decided(own) == 0
        assert own.stop() == 0
        assert others.stop() == 0


def test_a_second_process_on_sqlite_is_told_what_would_be_right(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    lock = locked_data_dir(settings)
    assert lock is not None
    with lock, pytest.raises(CannotStart, match="PostgreSQL: set database_url"):
        locked_data_dir(settings.model_copy(update={"roles": ("sftp",)}))
