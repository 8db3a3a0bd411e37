"""errors/: what was refused, readable again, with a report that says what to do."""

import asyncio
from contextlib import asynccontextmanager

import asyncssh
import pytest

from gateway.edge.sftp.mailbox.errors import report_name
from gateway.flow.acknowledging import WaysOut
from gateway.flow.process import Processing
from gateway.flow.terms import terms_of
from gateway.settings import IdentitySettings
from gateway.store import mailbox_files, refused_files
from gateway.store.refused_files import RefusedFile
from gateway.workers import WorkerPool
from tests.edge.sftp.mailboxes import mailbox, open_office
from tests.flow.test_process import many_855
from tests.site import IDENTITY, acknowledgment_855

ADDRESSED = {
    "x12": {"qualifier": "ZZ", "id": "ACMESUPPLY", "group_id": "ACMESUPPLY"},
    "agreements": [
        {
            "document": "purchase_order_acknowledgment",
            "direction": "inbound",
            "syntax": "x12",
            "releases": ["004010"],
        }
    ],
}
BAD = acknowledgment_855(1).replace(b"BAK*00*AC", b"BAK*00*")


@asynccontextmanager
async def deciding_office(tmp_path, **terms):
    """Mailboxes, and what reads the files that are dropped there."""
    async with open_office(tmp_path, mailbox(more=ADDRESSED, **terms)) as office:
        house = office.house
        edge, ours = house.edge, (IdentitySettings.model_validate(IDENTITY),)
        pool = WorkerPool(processes_max=1, memory_bytes_max=edge.settings.limits.worker_memory_bytes_max, timeout_s=30)
        ways = WaysOut(edge.directory, ours, host="us.example")

        async def terms_for(message):
            directory = edge.directory()
            return terms_of(directory.by_id(message.partner_id), directory, ours, ways.of)

        processing = Processing(
            house.database,
            pool,
            terms_for,
            owner="test",
            source="/gateway/bigcorp",
            now_ms=edge.now_ms,
            limits=edge.settings.limits,
            metrics=house.metrics,
            decided=lambda: None,
        )
        running = asyncio.create_task(processing.run())
        try:
            yield office
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await processing.drain()
            await pool.close()


async def drop(office, client, name, content, states=("published", "rejected", "queued")):
    async with client.open(b"/inbox/" + name, "wb") as file:
        await file.write(content)
    async with asyncio.timeout(20):
        while (await office.taken())[-1].state not in states:
            await asyncio.sleep(0.01)


async def shown(client):
    return {
        bytes(entry.filename): entry.attrs.size
        for entry in await client.readdir(b"/errors")
        if entry.filename not in {b".", b".."}
    }


async def get(client, path):
    async with client.open(path, "rb") as file:
        return await file.read()


async def test_a_refused_file_lies_there_with_a_report(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"good.edi", acknowledgment_855(2))
        await drop(office, client, b"bad \xff.edi", BAD)
        sizes = await shown(client)
        assert set(sizes) == {b"bad \xff.edi", b"bad \xff.edi.report.txt"}
        assert await get(client, b"/errors/bad \xff.edi") == BAD
        text = await get(client, b"/errors/bad \xff.edi.report.txt")
        assert (
            len(text)
            == sizes[b"bad \xff.edi.report.txt"]
            == (await client.stat(b"/errors/bad \xff.edi.report.txt")).size
        )
        report = text.decode()
        assert report.startswith("bad \\xff.edi\n")
        assert "nothing of it was accepted" in report
        assert "BAK02" in report
        assert "[AK403 1]" in report
        assert "(interchange 000000001, group 1, transaction set 0001): rejected" in report.replace("\n  ", " ")
        assert "The acknowledgment (997, our interchange 000000002) in acknowledgments/" in report.replace("\n  ", " ")
        assert max(map(len, report.splitlines())) <= 88
        acknowledged = [name for name in await client.listdir("/acknowledgments") if name.startswith("997-")]
        assert len(acknowledged) == 2


async def test_a_file_that_was_accepted_in_part_has_a_report_on_the_rest(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"part.edi", many_855(40, bad=frozenset(range(2, 40))))
        report = (await get(client, b"/errors/part.edi.report.txt")).decode()
        assert "refused in part: 2 of 40 documents in it were accepted" in report
        assert "send the documents that were not accepted, and only those" in report.replace("\n  ", " ")
        assert "38 documents were refused in all" in report
        assert report.count("Document ") == 20


async def test_both_can_be_removed_and_nothing_else_can_be_done_with_them(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"bad.edi", BAD)
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.rename(b"/errors/bad.edi", b"/inbox/bad.edi")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.open(b"/errors/bad.edi", "wb")
        await client.remove(b"/errors/bad.edi")
        assert set(await shown(client)) == {b"bad.edi.report.txt"}
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.stat(b"/errors/bad.edi")
        await client.remove(b"/errors/bad.edi.report.txt")
        assert await shown(client) == {}
        # The same file once more is known, and tells the same.
        await drop(office, client, b"bad.edi", BAD)
        assert len(await shown(client)) == 2
        assert len(await office.taken()) == 1


async def test_what_is_no_text_cannot_write_on_a_terminal(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"bad.edi", BAD.replace(b"PO1*1*10*EA", b"PO1*1*\x1b[2J*EA"))
        report = await get(client, b"/errors/bad.edi.report.txt")
        assert b"\x1b" not in report
        await drop(office, client, b"noise.bin", b"\x00\xff\x1b" * 400)
        assert b"\x1b" not in await get(client, b"/errors/noise.bin.report.txt")


async def test_names_that_leave_no_room_or_are_those_of_reports(tmp_path):
    long = b"x" * 250

    def unit(connection):
        for number, name in enumerate((b"a.edi", b"a.edi.report.txt", long), start=1):
            key = f"{number:026d}"
            mailbox_files.note(connection, "acme-supply", name, key, bytes_count=3, received_at_ms=1)
            refused_files.mark(connection, key, 1_764_000_000_000 + number)

    async with open_office(tmp_path, now_ms=lambda: 1_764_000_000_999) as office, office.session() as client:
        await office.house.database.write(unit)
        of_long = report_name(RefusedFile(f"{3:026d}", long, 3, 1, 0))
        assert len(of_long) == 255
        sizes = await shown(client)
        assert set(sizes) == {b"a.edi", b"a.edi.report.txt", b"a.edi.report.txt.report.txt", long, of_long}
        assert sizes[b"a.edi.report.txt"] == 3  # what they sent
        assert b"no longer kept" in await get(client, b"/errors/" + of_long)
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.stat(b"/errors/b" + of_long[1:])
        with pytest.raises(asyncssh.SFTPFailure, match="no longer kept"):
            await get(client, b"/errors/a.edi")
