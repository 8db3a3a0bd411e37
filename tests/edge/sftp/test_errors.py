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
    more = terms.pop("more", ADDRESSED)
    async with open_office(tmp_path, mailbox(more=more, **terms)) as office:
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


async def report_on(client, name):
    """A report as one line, from where it says what is wrong."""
    text = (await get(client, b"/errors/" + name + b".report.txt")).decode()
    assert max(map(len, text.splitlines())) <= 88
    return " ".join(text.partition("What is wrong")[2].split())


async def test_the_same_file_once_more_under_another_name_is_said_to_be_here(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"v1.edi", acknowledgment_855(1))
        await drop(office, client, b"v1-other.edi", acknowledgment_855(1))
        report = await report_on(client, b"v1-other.edi")
        assert "- ISA13, byte 90 [TA105 025] this interchange was received already, in the file v1.edi of 20" in report
        assert "value: 000000001" in report
        assert "This is, byte by byte, the file v1.edi of 20" in report
        assert "There is nothing to do: send nothing again." in report
        assert "Correct what" not in report
        assert "errors/" not in report


async def test_another_file_under_a_number_that_was_used_needs_another_number(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"v1.edi", acknowledgment_855(1))
        await drop(office, client, b"v2.edi", acknowledgment_855(2, interchange=1))
        report = await report_on(client, b"v2.edi")
        assert "ISA13, byte 90 [TA105 025] this number was used before, in the file v1.edi of 20" in report
        assert "give the interchange one that was not used before" in report
        assert "Give what is named above a control number (ISA13) that was not used before and send the file" in report
        assert "Correct what" not in report


async def test_a_number_that_was_used_in_part_of_a_file_is_named_there(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        first = acknowledgment_855(1)
        await drop(office, client, b"v1.edi", first)
        await drop(office, client, b"both.edi", acknowledgment_855(2) + first)
        report = await report_on(client, b"both.edi")
        assert f"ISA13, byte {len(first) + 90}" in report
        assert "leave it out if it is the one that you sent then" in report
        assert "send the documents that were not accepted, and only those, again" in report
        assert "nothing to do" not in report
        # Both once more: what was accepted then, and what was not.
        await drop(office, client, b"both-again.edi", acknowledgment_855(2) + first)
        report = await report_on(client, b"both-again.edi")
        assert "byte by byte, the file both.edi" in report
        assert "of which a part was accepted" in report
        assert "nothing to do" not in report


async def test_what_was_accepted_in_part_is_not_said_to_need_nothing(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        part = many_855(3, bad=frozenset({1}))
        await drop(office, client, b"part.edi", part)
        await drop(office, client, b"part-other.edi", part)
        report = await report_on(client, b"part-other.edi")
        assert "the file part.edi of 20" in report
        assert "of which a part was accepted" in report
        assert "Send only that again, corrected" in report
        assert "nothing to do" not in report


@pytest.mark.parametrize(
    ("duplicates", "words"),
    [
        ({"action": "process"}, "- GS06, byte 107 [AK905 6] GS06 is no valid control number, or was used before"),
        (
            {"action": "process", "group": "process"},
            "- ST02 [AK502 23] ST02 was used before: number the sets without repetition value: 0001",
        ),
    ],
    ids=["group", "set"],
)
async def test_numbers_of_groups_and_sets_that_were_used_are_named(tmp_path, duplicates, words):
    rules = {"action": "reject", "group": "reject", "transaction_set": "reject"} | duplicates
    async with deciding_office(tmp_path, more=ADDRESSED | {"duplicates": rules}) as office, office.session() as client:
        await drop(office, client, b"v1.edi", acknowledgment_855(1))
        await drop(office, client, b"v2.edi", acknowledgment_855(2, interchange=1))
        report = await report_on(client, b"v2.edi")
        assert words in report
        assert "Correct what is named above" in report


async def test_remedies_are_what_who_sent_it_can_do(tmp_path):
    async with deciding_office(tmp_path) as office, office.session() as client:
        await drop(office, client, b"newer.edi", acknowledgment_855(1).replace(b"X*004010", b"X*005010"))
        report = await report_on(client, b"newer.edi")
        assert "is not agreed; agreed is 004010: send that, or ask for an agreement on it" in report
        foreign = acknowledgment_855(2).replace(b"ACMESUPPLY     ", b"SOMEBODYELSE   ")
        await drop(office, client, b"foreign.edi", foreign)
        report = await report_on(client, b"foreign.edi")
        assert "agreed is `ZZ/ACMESUPPLY`: send from that, or ask for an agreement on this one" in report
        assert report.count("TA105 006") == 1  # the finding tells it, and nothing tells it again
        assert "ISA06, byte 35" in report
