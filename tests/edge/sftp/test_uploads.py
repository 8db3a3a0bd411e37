"""Uploads: accepted exactly once, when they are complete."""

import asyncio
import os
from functools import partial

import asyncssh
import pytest
from asyncssh import FXF_APPEND as APPEND
from asyncssh import FXF_CREAT as CREAT
from asyncssh import FXF_TRUNC as TRUNC
from asyncssh import FXF_WRITE as WRITE

from gateway.flow import operations
from gateway.sftp import answers
from gateway.store.oversight import cases
from tests.edge.sftp.mailboxes import Taken, mailbox, open_office

LARGE = os.urandom(3_000_000)
VERY_LARGE = os.urandom(1_000_003) * 21


async def test_a_small_file_is_taken_once_it_is_closed(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        async with client.open(b"/inbox/order.edi", "wb") as file:
            await file.write(b"ISA*")
            assert await office.taken() == []
            assert (await client.stat(b"/inbox/order.edi")).size == 4
            await file.write(b"00~")
        assert await office.taken() == [Taken("order.edi", b"ISA*00~", "received")]
        assert (await client.stat(b"/inbox/order.edi")).size == 7
        assert office.parts() == []


async def test_a_large_file_is_taken(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        async with client.open(b"/inbox/large.edi", "wb") as file:
            await file.write(LARGE)
        (taken,) = await office.taken()
        assert taken.payload == LARGE
        await office.mailboxes.settled()
        assert office.parts() == []


def _open(client, name, flags, **options):
    return client.open(name, flags, encoding=None, **options)


async def _write(client, name, content, flags=WRITE | CREAT | TRUNC, *, at=0, close=True):
    file = await _open(client, name, flags)
    await file.write(content, at)
    if close:
        await file.close()
    return file


async def _size(client, name):
    return (await client.stat(name)).size


async def test_an_upload_that_breaks_off_is_no_message_and_can_be_gone_on_with(tmp_path):
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/large.edi", LARGE[:2_000_000], close=False)
            await office.cut()
        assert await office.taken() == []
        async with office.session() as client:
            assert await _size(client, b"/inbox/large.edi") == 2_000_000
            await _write(client, b"/inbox/large.edi", LARGE[2_000_000:], WRITE, at=2_000_000)
        (taken,) = await office.taken()
        assert taken.payload == LARGE


@pytest.mark.parametrize("killed", [False, True])
async def test_it_can_be_gone_on_with_by_the_next_process(tmp_path, killed):
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/large.edi", LARGE[:2_000_000], close=False)
            await office.cut()
        await office.restart(killed=killed)
        async with office.session() as client:
            assert await _size(client, b"/inbox/large.edi") == 2_000_000
            await _write(client, b"/inbox/large.edi", LARGE[2_000_000:], WRITE | APPEND)
        (taken,) = await office.taken()
        assert taken.payload == LARGE


async def test_small_ones_outlive_the_process_too(tmp_path):
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/small.edi", b"half", close=False)
            await office.cut()
        await office.restart()
        async with office.session() as client:
            assert await _size(client, b"/inbox/small.edi") == 4


async def test_a_temporary_name_is_taken_when_it_is_renamed(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        for number, name in enumerate((b"a.edi.part", b"a.edi.filepart", b"a.edi.tmp", b".in.a.edi")):
            await _write(client, b"/inbox/" + name, b"%d" % number)
            assert len(await office.taken()) == number
            assert len(office.parts()) == 1
            rename = client.posix_rename if number % 2 else client.rename
            await rename(b"/inbox/" + name, b"/inbox/a.edi")
            assert (await office.taken())[-1] == Taken("a.edi", b"%d" % number, "received")
            assert await _size(client, b"/inbox/a.edi") == 1
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.stat(b"/inbox/" + name)
            await office.mailboxes.settled()
        assert office.parts() == []


async def test_a_temporary_file_that_broke_off_cannot_be_made_whole_by_a_name(tmp_path):
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/a.part", b"half", close=False)
            await office.cut()
        async with office.session() as client:
            with pytest.raises(asyncssh.SFTPFailure, match="broke off after 4 bytes"):
                await client.rename(b"/inbox/a.part", b"/inbox/a.edi")
            await client.rename(b"/inbox/a.part", b"/inbox/b.part")
            await _write(client, b"/inbox/b.part", b" and half", WRITE | APPEND)
            await client.rename(b"/inbox/b.part", b"/inbox/a.edi")
        assert [taken.payload for taken in await office.taken()] == [b"half and half"]


async def test_closed_files_are_not_complete_where_the_profile_says_so(tmp_path):
    async with open_office(tmp_path, mailbox(complete_on="rename")) as office, office.session() as client:
        await _write(client, b"/inbox/a.edi", b"whole")
        assert await office.taken() == []
        await client.rename(b"/inbox/a.edi", b"/inbox/b.edi")
        assert [taken.filename for taken in await office.taken()] == ["b.edi"]


async def test_the_same_again_is_a_duplicate_and_other_content_a_new_message(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        for content in (b"one", b"one", b"other", b"one"):
            await _write(client, b"/inbox/a.edi", content)
            assert await _size(client, b"/inbox/a.edi") == len(content)
        await _write(client, b"/inbox/b.edi", b"one")
        assert [(taken.filename, taken.payload) for taken in await office.taken()] == [
            ("a.edi", b"one"),
            ("a.edi", b"other"),
            ("b.edi", b"one"),
        ]
        assert sorted(await client.listdir(b"/inbox")) == [b".", b"..", b"a.edi", b"b.edi"]


async def test_appending_ignores_offsets_and_is_declined_for_what_was_taken(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi", WRITE | CREAT | APPEND)
        await file.write(b"one ", 0)
        await file.write(b"two", 0)
        await file.close()
        assert [taken.payload for taken in await office.taken()] == [b"one two"]
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="taken already"):
            await _open(client, b"/inbox/a.edi", WRITE | APPEND)
        with pytest.raises(asyncssh.SFTPFailure, match="nothing can be added"):
            await _write(client, b"/inbox/a.edi", b"more", WRITE, at=7)
        assert len(await office.taken()) == 1


async def test_as_scp_does_it(tmp_path):
    """Opened without truncating, written from the start, its size set at the end."""
    async with open_office(tmp_path) as office:
        for content in (b"a longer one", b"short"):
            async with office.session() as client:
                await _write(client, b"/inbox/a.edi", b"half of something long", close=False)
                await office.cut()
            async with office.session() as client:
                file = await _write(client, b"/inbox/a.edi", content, WRITE | CREAT, close=False)
                await file.setstat(asyncssh.SFTPAttrs(size=len(content)))
                await file.close()
        assert [taken.payload for taken in await office.taken()] == [b"a longer one", b"short"]


async def test_pieces_in_any_order(tmp_path):
    pieces = [(at, LARGE[at : at + 100_000]) for at in range(0, 1_000_000, 100_000)]
    pieces[3:8] = reversed(pieces[3:8])
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi", WRITE | CREAT | TRUNC)
        for at, piece in pieces:
            await file.write(piece, at)
        await file.write(b"over it", 250_000)
        await file.close()
        (taken,) = await office.taken()
        assert taken.payload == LARGE[:250_000] + b"over it" + LARGE[250_007:1_000_000]


async def test_what_was_shortened_or_has_a_hole_is_not_complete(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _write(client, b"/inbox/a.edi", b"0123456789", close=False)
        await file.setstat(asyncssh.SFTPAttrs(size=6))
        with pytest.raises(asyncssh.SFTPFailure, match="interrupted"):
            await file.close()
        file = await _write(client, b"/inbox/b.edi", b"0123", close=False)
        await file.write(b"89", 8)
        with pytest.raises(asyncssh.SFTPFailure, match="missing from 4 on"):
            await file.close()
        file = await _write(client, b"/inbox/c.edi", b"0123", WRITE | CREAT | APPEND, close=False)
        await file.setstat(asyncssh.SFTPAttrs(size=0))
        with pytest.raises(asyncssh.SFTPFailure, match="interrupted"):
            await file.close()
        assert await office.taken() == []
        # Who does not look at the answer to CLOSE, looks at the file afterwards.
        for name, size in ((b"a", 6), (b"b", 4), (b"c", 4)):
            with pytest.raises(asyncssh.SFTPFailure):
                await client.stat(b"/inbox/" + name + b".edi")
            assert await _size(client, b"/inbox/" + name + b".edi") == size


async def test_an_interrupted_put_of_openssh_ends_with_a_block(tmp_path):
    block = os.urandom(answers.WRITE_BYTES_MAX)
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi", WRITE | CREAT | TRUNC, block_size=len(block))
        await file.write(block * 2, 0)
        with pytest.raises(asyncssh.SFTPFailure, match="ends with a whole block"):
            await file.close()
        assert await office.taken() == []
        await _write(client, b"/inbox/a.edi", b"the end", WRITE | APPEND)
        assert [taken.payload for taken in await office.taken()] == [block * 2 + b"the end"]


async def test_a_handle_without_a_write_ends_nothing(tmp_path):
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/a.edi", b"half", close=False)
            await office.cut()
        async with office.session() as client:
            file = await _open(client, b"/inbox/a.edi", WRITE | APPEND)
            with pytest.raises(asyncssh.SFTPFailure, match="broke off before"):
                await file.close()
            assert await office.taken() == []
            # lftp sets the size that is there where nothing was left to be sent.
            file = await _open(client, b"/inbox/a.edi", WRITE | CREAT)
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="no owner, permissions or times"):
                await file.setstat(asyncssh.SFTPAttrs(size=4, atime=1, mtime=1))
            await file.close()
        assert [taken.payload for taken in await office.taken()] == [b"half"]


async def test_an_empty_file_is_no_message(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        async with client.open(b"/inbox/a.edi", "wb"):
            pass
        assert await _size(client, b"/inbox/a.edi") == 0
        assert await office.taken() == []
        await _write(client, b"/inbox/a.edi", b"whole", WRITE)
        assert len(await office.taken()) == 1


async def test_two_sessions_at_one_name(tmp_path):
    clock = [1_800_000_000_000]
    async with open_office(tmp_path, now_ms=lambda: clock[0], restart_stall_s=30) as office:
        async with office.session() as first, office.session() as second:
            file = await _write(first, b"/inbox/a.edi", b"first half, ", close=False)
            for act in (
                _open(second, b"/inbox/a.edi", WRITE | CREAT | TRUNC),
                second.remove(b"/inbox/a.edi"),
                second.rename(b"/inbox/a.edi", b"/inbox/b.edi"),
            ):
                with pytest.raises(asyncssh.SFTPFailure, match="worked on already"):
                    await act
            clock[0] += 30_000
            await _write(second, b"/inbox/a.edi", b"second half", WRITE | APPEND)
            with pytest.raises(asyncssh.SFTPFailure, match="another session"):
                await file.write(b"too late", 12)
            with pytest.raises(asyncssh.SFTPFailure):
                await file.close()
        assert [taken.payload for taken in await office.taken()] == [b"first half, second half"]


async def test_a_rename_sent_behind_a_close_finds_the_file_whole(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _write(client, b"/inbox/a.part", LARGE, close=False)
        closing, renaming = (
            asyncio.ensure_future(file.close()),
            asyncio.ensure_future(client.rename(b"/inbox/a.part", b"/inbox/a.edi")),
        )
        await asyncio.gather(closing, renaming)
        (taken,) = await office.taken()
        assert taken.payload == LARGE


async def test_removing_and_what_cannot_be_renamed(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        await _write(client, b"/inbox/a.part", b"whole")
        await client.remove(b"/inbox/a.part")
        assert office.parts() == []
        await _write(client, b"/inbox/a.edi", b"whole")
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="taken"):
            await client.rename(b"/inbox/a.edi", b"/inbox/b.edi")
        await client.remove(b"/inbox/a.edi")
        for gone in (b"/inbox/a.part", b"/inbox/a.edi"):
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.stat(gone)
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.remove(gone)
        assert len(await office.taken()) == 1
        await _write(client, b"/inbox/a.part", b"one")
        await _write(client, b"/inbox/b.part", b"two")
        with pytest.raises(asyncssh.SFTPFailure, match="remove it first"):
            await client.rename(b"/inbox/a.part", b"/inbox/b.part")
        await client.posix_rename(b"/inbox/a.part", b"/inbox/b.part")
        await client.rename(b"/inbox/b.part", b"/inbox/a.edi")
        assert [taken.payload for taken in await office.taken()] == [b"whole", b"one"]


async def test_what_was_taken_is_shown_for_its_time(tmp_path):
    clock = [1_800_000_000_000]
    two_hours = mailbox(shown_hours=2)
    async with open_office(tmp_path, two_hours, now_ms=lambda: clock[0]) as office, office.session() as client:
        await _write(client, b"/inbox/a.edi", b"whole")
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="cannot be read back"):
            await _open(client, b"/inbox/a.edi", "rb")
        clock[0] += 2 * 3_600_000 + 1
        assert await client.listdir(b"/inbox") == [b".", b".."]


async def test_old_unfinished_ones_are_given_up_and_that_is_told(tmp_path):
    clock = [1_800_000_000_000]
    async with open_office(tmp_path, mailbox(unfinished_hours=1), now_ms=lambda: clock[0]) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/a.part", b"whole")
            held = await _write(client, b"/inbox/b.part", b"under way", close=False)
            clock[0] += 3_600_001
            await office.mailboxes.look_after()
            assert await client.listdir(b"/inbox") == [b".", b"..", b"b.part"]
            await held.close()
        (act,) = await office.house.acts("sftp.upload.abandoned")
        assert (act.subject, act.detail["bytes"]) == ("a.part", 5)


async def _open_cases(office):
    return {case.reason.partition(":")[0]: case for case in await office.house.database.read(cases.find)}


async def test_a_person_hears_of_what_was_given_up_and_closes_the_case(tmp_path):
    clock = [1_800_000_000_000]
    async with open_office(tmp_path, mailbox(unfinished_hours=1), now_ms=lambda: clock[0]) as office:
        async with office.session() as client:
            await _write(client, b"/inbox/whole.part", b"whole")
            await _write(client, b"/inbox/empty.part", b"")
            await _write(client, b"/inbox/half.edi", b"half", close=False)
        await office.cut()
        clock[0] += 3_600_001
        await office.mailboxes.look_after()
        open_cases = await _open_cases(office)
        assert set(open_cases) == {"whole.part", "half.edi"}
        whole = open_cases["whole.part"]
        assert (whole.kind, whole.state, whole.partner_id) == ("upload_given_up", "stopped", "acme-supply")
        assert whole.reason == "whole.part: 5 bytes were given up after 1 h without another one"
        assert "not renamed" in whole.detail
        assert "broke off" in open_cases["half.edi"].detail

        async def act(what, **more):
            await office.house.database.write(
                partial(what, case_id=whole.id, actor=operations.Actor("operator:x"), now_ms=clock[0], **more)
            )

        with pytest.raises(operations.NotPossible, match="nothing that could be tried again"):
            await act(operations.retry_case)
        await act(operations.give_up, why="it was sent again")
        assert set(await _open_cases(office)) == {"half.edi"}
        # Given up once more under the same name it is news.
        async with office.session() as client:
            await _write(client, b"/inbox/whole.part", b"once more")
        clock[0] += 3_600_001
        await office.mailboxes.look_after()
        assert "9 bytes" in (await _open_cases(office))["whole.part"].reason


async def test_a_suspended_partner_s_files_are_held(tmp_path):
    async with open_office(tmp_path, mailbox(status="suspended")) as office, office.session() as client:
        await _write(client, b"/inbox/a.edi", b"whole")
        assert [taken.state for taken in await office.taken()] == ["held"]


async def test_a_partner_who_was_removed_is_declined(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _write(client, b"/inbox/a.edi", b"whole", close=False)
        office.premises.reload()
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="no mailbox"):
            await file.close()
        assert await office.taken() == []


async def _staged(office):
    """Rows of bodies that belong to no message."""

    def count(connection):
        text = "SELECT count(*) FROM message_body WHERE message_id NOT IN (SELECT id FROM message)"
        return connection.exec_driver_sql(text).scalar()

    return await office.house.database.read(count)


async def test_what_is_very_large_goes_into_the_store_while_it_comes(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _write(client, b"/inbox/a.edi", VERY_LARGE, close=False)
        async with asyncio.timeout(20):
            while not await _staged(office):
                await asyncio.sleep(0.01)
        assert await office.taken() == []
        await file.close()
        (taken,) = await office.taken()
        assert taken.payload == VERY_LARGE
        await _write(client, b"/inbox/a.edi", VERY_LARGE)  # a duplicate
        await _write(client, b"/inbox/b.part", VERY_LARGE)
        await client.rename(b"/inbox/b.part", b"/inbox/b.edi")
        assert [taken.payload == VERY_LARGE for taken in await office.taken()] == [True, True]
        assert await _staged(office) == 0


async def test_what_went_there_in_vain_is_taken_back(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _write(client, b"/inbox/a.edi", VERY_LARGE, close=False)
        await file.write(b"over it", 5)
        await file.close()
        (taken,) = await office.taken()
        assert taken.payload == VERY_LARGE[:5] + b"over it" + VERY_LARGE[12:]
        await _write(client, b"/inbox/b.edi", VERY_LARGE, close=False)
        await office.cut()
        assert await _staged(office) == 0
