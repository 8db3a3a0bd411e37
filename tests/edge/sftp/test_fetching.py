"""Fetching from a mailbox: what is listed, what reading and closing settles, and what nothing settles."""

import asyncio
import os
from functools import partial

import asyncssh
import pytest

from gateway.edge.sftp.mailbox.progress import Progress
from gateway.flow.evidence import gather
from gateway.model.delivery import DeliveryEvent
from gateway.sftp import Coverage
from gateway.store import deliveries
from tests.edge.sftp.laying import OWNER, lay, lay_many, new_delivery, receipt, seen, steps
from tests.edge.sftp.mailboxes import mailbox, open_office, until
from tests.edge.sftp.port import client_key, with_mailbox

LARGE = os.urandom(2_600_000)


async def names(client, folder):
    return sorted(name for name in await client.listdir(folder) if name not in {".", "..", "archive"})


async def get(client, path):
    async with client.open(path, "rb") as file:
        return await file.read()


async def test_what_was_read_whole_and_closed_is_delivered(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        new = new_delivery(LARGE)
        (name,) = await lay(office, new)
        assert await names(client, "/outbox") == [name]
        assert (await client.stat(f"/outbox/{name}")).size == len(LARGE)
        async with client.open(f"/outbox/{name}", "rb") as file:
            assert await file.read() == LARGE
            assert (await seen(office, new.id)).state == "queued"
        assert (await seen(office, new.id)).state == "delivered"
        assert await names(client, "/outbox") == []
        assert await names(client, "/outbox/archive") == [name]
        assert await get(client, f"/outbox/archive/{name}") == LARGE
        queued, delivered, fetched = await steps(office, new.id)
        assert (queued[0], delivered[0], fetched[0]) == ("queued", "delivered", "fetched")
        assert delivered[1]["by"] == "fetch"
        assert delivered[1]["credentials"]["sftp_key"] == "first"
        assert f"sha256: {(await seen(office, new.id)).payload_sha256}" in await receipt(office, new.id)
        assert office.house.woken


async def test_the_evidence_says_what_the_server_saw(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        new = new_delivery()
        (name,) = await lay(office, new)
        await get(client, f"/outbox/{name}")
        folder = tmp_path / "evidence"
        folder.mkdir()
        await office.house.database.read(
            partial(gather, subject_id=new.id, folder=folder, our_keys=(), decompressed_bytes_max=1)
        )
        assert (folder / "payload").read_bytes() == new.payload
        said = (folder / "fetched.txt").read_text()
        assert "SFTP: all of the file was read, and closed\n" in said
        assert "sftp_key: first\n" in said
        assert f"file: {name}\n" in said
        text = (folder / "README.txt").read_text()
        commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
        assert len(commands) == 2
        for command in commands:
            process = await asyncio.create_subprocess_shell(command, cwd=folder, stdout=asyncio.subprocess.DEVNULL)
            assert await process.wait() == 0, command


async def test_after_the_fetch_it_may_be_looked_at_and_removed_which_changes_nothing(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        new = new_delivery()
        (name,) = await lay(office, new)
        await get(client, f"/outbox/{name}")
        assert (await client.stat(f"/outbox/{name}")).size == len(new.payload)
        await client.remove(f"/outbox/{name}")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.remove(f"/outbox/{name}")
        assert await get(client, f"/outbox/archive/{name}") == new.payload
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="stays here for 30 days"):
            await client.remove(f"/outbox/archive/{name}")


async def test_a_part_settles_nothing_and_neither_does_a_connection_that_ends(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(LARGE)
        (name,) = await lay(office, new)
        async with office.session() as client:
            async with client.open(f"/outbox/{name}", "rb") as file:
                await file.read(1_000_000)
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="was not fetched yet"):
                await client.remove(f"/outbox/{name}")
            file = await client.open(f"/outbox/{name}", "rb")
            assert await file.read() == LARGE
        await until(lambda: len(office.premises.port.connections) == 0)
        assert (await seen(office, new.id)).state == "queued"
        async with office.session() as client:
            # They have every byte of it, and go on where they are: at the end.
            file = await client.open(f"/outbox/{name}", "rb")
            assert await file.read(1, len(LARGE)) == b""
            await file.close()
        assert (await seen(office, new.id)).state == "delivered"


async def test_a_download_is_gone_on_with(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(LARGE)
        (name,) = await lay(office, new)
        async with office.session() as client:
            file = await client.open(f"/outbox/{name}", "rb")
            assert await file.read(1_500_000) == LARGE[:1_500_000]
        await until(lambda: len(office.premises.port.connections) == 0)
        async with office.session() as client, client.open(f"/outbox/{name}", "rb") as file:
            assert await file.read(-1, 1_400_000) == LARGE[1_400_000:]
        assert (await seen(office, new.id)).state == "delivered"


async def test_who_reads_a_little_of_what_another_connection_lost_has_not_got_it(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(LARGE)
        (name,) = await lay(office, new)
        async with office.session() as client:
            file = await client.open(f"/outbox/{name}", "rb")
            await file.read()
        await until(lambda: len(office.premises.port.connections) == 0)
        async with office.session() as client, client.open(f"/outbox/{name}", "rb") as file:
            await file.read(100)
        assert (await seen(office, new.id)).state == "queued"


async def test_several_connections_each_read_a_part(tmp_path):
    async with open_office(tmp_path) as office, office.session() as one, office.session() as two:
        new = new_delivery(LARGE)
        (name,) = await lay(office, new)
        first, second = await one.open(f"/outbox/{name}", "rb"), await two.open(f"/outbox/{name}", "rb")
        assert await second.read(-1, 1_300_000) == LARGE[1_300_000:]
        assert await first.read(1_300_000, 0) == LARGE[:1_300_000]
        await second.close()
        assert (await seen(office, new.id)).state == "queued"
        await first.close()
        assert (await seen(office, new.id)).state == "delivered"


async def test_where_removal_is_agreed_reading_is_noted_and_removing_settles(tmp_path):
    async with open_office(tmp_path, mailbox(delivered_on="removal")) as office, office.session() as client:
        one, two, three = news = [new_delivery() for _ in range(3)]
        laid = await lay(office, *news)
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="was not fetched yet"):
            await client.remove(f"/outbox/{laid[0]}")
        for name in laid:
            await get(client, f"/outbox/{name}")
        assert await names(client, "/outbox") == sorted(laid)
        assert [step for step, _ in await steps(office, one.id)] == ["queued", "fetched"]
        await client.remove(f"/outbox/{laid[0]}")
        await client.rename(f"/outbox/{laid[1]}", f"/outbox/archive/{laid[1]}")
        await client.posix_rename(f"/outbox/{laid[2]}", "/outbox/done")
        assert [(await seen(office, new.id)).state for new in (one, two, three)] == ["delivered"] * 3
        assert (await steps(office, two.id))[-1][1]["by"] == "removal"
        assert await names(client, "/outbox") == []
        assert await names(client, "/outbox/archive") == sorted(laid)


async def test_what_is_withdrawn_while_it_is_read_is_not_confirmed_and_they_are_told(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        new = new_delivery()
        (name,) = await lay(office, new)
        file = await client.open(f"/outbox/{name}", "rb")
        await file.read()
        withdraw = partial(deliveries.cancel, delivery_id=new.id, now_ms=5, actor="operator:me", why="by mail")
        await office.house.database.write(withdraw)
        with pytest.raises(asyncssh.SFTPFailure, match="withdrawn"):
            await file.close()
        assert (await seen(office, new.id)).state == "cancelled"
        assert await names(client, "/outbox") == []
        with pytest.raises(asyncssh.SFTPFailure, match="withdrawn"):
            await get(client, f"/outbox/{name}")


async def test_nothing_in_it_can_be_written_or_moved_away(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        (name,) = await lay(office, new_delivery())
        for mode in ("wb", "ab", "r+b"):
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="is for fetching"):
                await client.open(f"/outbox/{name}", mode)
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.rename(f"/outbox/{name}", f"/inbox/{name}")
        with pytest.raises(asyncssh.SFTPOpUnsupported):
            await client.symlink("/inbox", f"/outbox/{name}")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.stat(f"/outbox/{name}x")
        # Whoever overwrites it meanwhile changes nothing of what is read.
        async with client.open(f"/outbox/{name}", "rb") as file:
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await client.open(f"/outbox/{name}", "wb")
            assert await file.read() == b"ISA*order~"


async def test_each_sees_its_own_and_acknowledgments_lie_apart(tmp_path):
    others = client_key("globex")
    globex = with_mailbox("globex", user="globex", keys={"first": others})
    async with open_office(tmp_path, mailbox(), globex) as office:
        mine = new_delivery()
        earned = new_delivery(kind="acknowledgment", document_type="997", number="12")
        laid = await lay(office, mine, earned)
        async with office.session() as client, office.session(user="globex", key=others) as other:
            assert await names(client, "/outbox") == laid[:1]
            assert await names(client, "/acknowledgments") == laid[1:]
            assert await names(other, "/outbox") == []
            for folder in ("outbox", "acknowledgments", "outbox/archive"):
                with pytest.raises(asyncssh.SFTPNoSuchFile):
                    await get(other, f"/{folder}/{laid[0]}")
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await get(client, f"/outbox/{laid[1]}")
            await get(client, f"/acknowledgments/{laid[1]}")
            await client.remove(f"/acknowledgments/{laid[1]}")
        assert (await seen(office, earned.id)).state == "delivered"
        assert (await seen(office, mine.id)).state == "queued"


async def test_what_is_for_those_who_come_by_a_connection_lies_in_its_mailbox(tmp_path):
    small = with_mailbox(
        "small", user="small", status="suspended", more={"via": OWNER, "x12": {"qualifier": "ZZ", "id": "S"}}
    )
    van = mailbox(more={"speaks_for": [{"qualifier": "ZZ", "id": "S"}]})
    async with open_office(tmp_path, van, small) as office, office.session() as client:
        (name,) = await lay(office, new_delivery(partner_id="small"))
        assert await names(client, "/outbox") == []
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await get(client, f"/outbox/{name}")
        office.house.reload(
            van, with_mailbox("small", user="small", more={"via": OWNER, "x12": {"qualifier": "ZZ", "id": "S"}})
        )
        assert await names(client, "/outbox") == [name]


async def test_of_the_suspended_nothing_is_shown_but_acknowledgments(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        laid = await lay(office, new_delivery(), new_delivery(kind="acknowledgment", document_type="997"))
        office.house.reload(mailbox(status="suspended"))
        assert await names(client, "/outbox") == []
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await get(client, f"/outbox/{laid[0]}")
        assert await get(client, f"/acknowledgments/{laid[1]}") == b"ISA*order~"


async def test_content_that_is_gone_is_told(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        new = new_delivery()
        (name,) = await lay(office, new)
        await office.house.database.write(
            lambda connection: deliveries.apply(connection, new.id, DeliveryEvent.CONFIRM, 1_764_000_000_000)
        )
        assert await names(client, "/outbox/archive") == []  # it was fetched too long ago
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await get(client, f"/outbox/archive/{name}")


async def test_ten_thousand_files_are_listed(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        laid = await lay_many(office, 10_000)
        assert await names(client, "/outbox") == sorted(laid)


async def test_many_requests_at_once_get_their_bytes(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        (name,) = await lay(office, new_delivery(LARGE))
        async with client.open(f"/outbox/{name}", "rb") as file:
            places = [(at, 70_000) for at in range(0, len(LARGE), 70_000)]
            found = await asyncio.gather(*(file.read(size, at) for at, size in reversed(places)))
        assert b"".join(reversed(found)) == LARGE


def test_what_was_read_is_forgotten_in_time():
    class Part:
        def __init__(self):
            self.coverage, self.size, self.bytes_read, self.has_seen_end = Coverage(50), 100, 50, False

    now = [0]
    progress = Progress(lambda: now[0])
    progress.note_closed("one", Part())
    rest = Part()
    rest.coverage.contiguous = 0
    rest.coverage.add(50, 50)
    assert progress.is_whole("one", rest)
    assert not progress.is_whole("two", rest)
    now[0] = 2 * 86_400_000
    progress.note_closed("two", Part())
    assert not progress.is_whole("one", rest)
