"""Uploads against what goes wrong: full disks, a store that is away, ends in between, names that mean ill."""

import errno
import os
from contextlib import suppress

import asyncssh
import pytest
from asyncssh import FXF_APPEND as APPEND
from asyncssh import FXF_CREAT as CREAT
from asyncssh import FXF_READ as READ
from asyncssh import FXF_TRUNC as TRUNC
from asyncssh import FXF_WRITE as WRITE

from gateway.edge.sftp.mailbox.parts import HEADER_BYTES, PartFile, Record, read_record
from gateway.model.refusals import Reason, Refused
from tests.edge.sftp.mailboxes import mailbox, open_office

MIB = 1_048_576
LARGE = os.urandom(3 * MIB)
NEW = WRITE | CREAT | TRUNC


def _open(client, name, flags=NEW):
    return client.open(name, flags, encoding=None)


async def _put(client, name, content, flags=NEW, at=0):
    file = await _open(client, name, flags)
    try:
        await file.write(content, at)
    except asyncssh.SFTPError:
        with suppress(asyncssh.SFTPError):
            await file.close()
        raise
    await file.close()


NAMES = {
    b"/inbox/../../etc/passwd": asyncssh.SFTPNoSuchFile,
    b"/../etc/passwd": asyncssh.SFTPNoSuchFile,
    b"/passwd": asyncssh.SFTPPermissionDenied,
    b"/inbox": asyncssh.SFTPFailure,
    b"/outbox/a.edi": asyncssh.SFTPError,
    b"/inbox/new/a.edi": asyncssh.SFTPNoSuchFile,
    b"/inbox/nul\0.edi": asyncssh.SFTPFailure,
    b"/inbox/line\nfeed": asyncssh.SFTPFailure,
    b"/inbox/" + b"n" * 256: asyncssh.SFTPFailure,
}


async def test_names_that_mean_ill_name_nothing(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        for name, refusal in NAMES.items():
            with pytest.raises(refusal):
                await _open(client, name)
        with pytest.raises(asyncssh.SFTPBadMessage):
            await _open(client, b"/inbox/" + b"n" * 4_096)
        assert await office.taken() == []
        assert office.parts() == []


async def test_names_are_data(tmp_path):
    names = [
        b"CON",
        b"nul.edi",
        b"-rf",
        b" ",
        b"a\\b",
        b"%2e%2e",
        b"caf\xe9",
        b"\xce\xbf.edi",
        b"o.edi",
        b"~",
        b"$(id)",
    ]
    async with open_office(tmp_path) as office, office.session() as client:
        for name in names:
            await _put(client, b"/inbox/" + name, b"content of " + name)
        shown = {taken.payload: taken.filename for taken in await office.taken()}
        assert len(shown) == len(set(shown.values())) == len(names)
        assert shown[b"content of caf\xe9"] == "caf\\xe9"
        listed = {entry.filename: entry.attrs.size for entry in await client.readdir(b"/inbox")}
        for name in names:
            assert listed[name] == len(b"content of " + name)
        # The other ways to write a path mean the same position.
        assert (await client.stat(b"inbox/./../inbox//CON/../CON")).size == 14
        inside = {path.name for path in office.house.edge.settings.data_dir.rglob("*")}
        assert not inside & {os.fsdecode(name) for name in names}


async def test_what_no_mailbox_has(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi")
        for act in (
            client.symlink(b"/etc/passwd", b"/inbox/l"),
            client.readlink(b"/inbox/a.edi"),
            client.link(b"/inbox/a.edi", b"/inbox/l"),
            client.chmod(b"/inbox/a.edi", 0o777),
            client.chown(b"/inbox/a.edi", 0, 0),
            client.utime(b"/inbox/a.edi", (1, 1)),
            client.truncate(b"/inbox/a.edi", 5),
            client.mkdir(b"/new"),
            client.mkdir(b"/inbox"),
            client.rmdir(b"/inbox"),
            client.remove(b"/inbox"),
            client.rename(b"/inbox", b"/mine"),
            client.statvfs(b"/"),
            client.rename(b"/inbox/a.edi", b"/outbox/a.edi"),
            client.rename(b"/inbox/a.edi", b"/a.edi"),
            file.truncate(10_000_000),
            file.fsync(),
            client.open(b"/inbox/a.edi", READ, encoding=None),
        ):
            with pytest.raises(asyncssh.SFTPError):
                await act
        await file.write(b"whole", 0)
        await file.close()
        assert [taken.filename for taken in await office.taken()] == ["a.edi"]


async def test_attributes_are_passed_over_where_the_profile_says_so(tmp_path):
    async with open_office(tmp_path, mailbox(attributes="ignored")) as office, office.session() as client:
        await _put(client, b"/inbox/a.edi", b"whole")
        await client.chmod(b"/inbox/a.edi", 0o777)
        await client.utime(b"/inbox/a.edi", (1, 1))
        assert (await client.stat(b"/inbox/a.edi")).permissions & 0o777 == 0o400


async def test_sparse_writes_are_declined(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi")
        await file.write(b"begin", 0)
        with pytest.raises(asyncssh.SFTPFailure, match="send in order"):
            await file.write(b"end", 20 * MIB)
        with pytest.raises(asyncssh.SFTPFailure):
            await file.close()
        assert await office.taken() == []
        assert sum(part.stat().st_blocks for part in office.parts()) * 512 < MIB


async def test_only_so_many_handles(tmp_path):
    async with open_office(tmp_path, mailbox(handles_max=3)) as office:
        async with office.session() as first, office.session() as second:
            files = [await _open(first, b"/inbox/%d" % number) for number in range(3)]
            for act in (_open(second, b"/inbox/4"), second.listdir(b"/inbox")):
                with pytest.raises(asyncssh.SFTPFailure, match="3 files and folders are open"):
                    await act
            await files[0].close()
            await _open(second, b"/inbox/4")
        await office.cut()
        assert not office.mailboxes._handles
        async with office.session() as client:
            for number in range(3):
                await _open(client, b"/inbox/again-%d" % number)


async def test_a_file_that_is_too_large(tmp_path):
    async with open_office(tmp_path, body_bytes_max=100_000) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi")
        await file.write(b"x" * 90_000, 0)
        with pytest.raises(asyncssh.SFTPFailure, match="larger than 100000 bytes"):
            await file.write(b"x" * 20_000, 90_000)
        with pytest.raises(asyncssh.SFTPFailure, match="larger than"):
            await file.close()
        await office.mailboxes.settled()
        assert await client.listdir(b"/inbox") == [b".", b".."]
        assert office.parts() == []
        assert await office.taken() == []
        (act,) = await office.house.acts("refused.body-too-large")
        assert (act.actor, act.subject) == ("partner:acme-supply", "a.edi")


async def test_quotas_of_what_is_unfinished(tmp_path):
    few = mailbox(unfinished_files_max=2, unfinished_bytes_max=200_000)
    async with open_office(tmp_path, few) as office, office.session() as client:
        await _put(client, b"/inbox/a.part", b"x" * 90_000)
        await _put(client, b"/inbox/b.part", b"x" * 90_000)
        with pytest.raises(asyncssh.SFTPFailure, match="2 uploads are unfinished"):
            await _open(client, b"/inbox/c.part")
        with pytest.raises(asyncssh.SFTPFailure, match="200000 bytes together"):
            await _put(client, b"/inbox/b.part", b"x" * 30_000, WRITE | APPEND)
        await client.remove(b"/inbox/a.part")
        await _put(client, b"/inbox/b.part", b"x" * 30_000, WRITE | APPEND)
        await client.rename(b"/inbox/b.part", b"/inbox/b.edi")
        await _put(client, b"/inbox/c.edi", b"x" * 200_000)
        assert [len(taken.payload) for taken in await office.taken()] == [120_000, 200_000]
        files = office.mailboxes._files
        assert (files._all_bytes, files._bytes, files.ahead_bytes) == (0, {}, 0)


async def test_the_room_of_the_node(tmp_path):
    async with open_office(tmp_path, sftp_unfinished_bytes_max=100_000) as office, office.session() as client:
        await _put(client, b"/inbox/a.part", b"x" * 90_000)
        with pytest.raises(asyncssh.SFTPFailure, match="no room"):
            await _put(client, b"/inbox/b.part", b"x" * 20_000)


@pytest.mark.parametrize("after", [0, 1])
async def test_a_disk_that_is_full(tmp_path, monkeypatch, after):
    """What the kernel says is put in its mouth; a real one is in tests/faults."""
    async with open_office(tmp_path) as office, office.session() as client:
        written, write = [], os.pwrite

        def full(file, data, offset):
            if offset >= HEADER_BYTES:
                if len(written) >= after:
                    raise OSError(errno.ENOSPC, "No space left on device")
                written.append(1)
            return write(file, data, offset)

        monkeypatch.setattr("gateway.edge.sftp.mailbox.parts.os.pwrite", full)
        file = await _open(client, b"/inbox/a.edi")
        with suppress(asyncssh.SFTPFailure):
            await file.write(LARGE, 0)
        with pytest.raises(asyncssh.SFTPFailure, match="No space left on device"):
            await file.close()
        monkeypatch.undo()
        assert await office.taken() == []
        with pytest.raises(asyncssh.SFTPFailure):
            await client.stat(b"/inbox/a.edi")
        there = (await client.stat(b"/inbox/a.edi")).size
        assert there < len(LARGE)
        assert (there > 0) == bool(after)
        # It has room again.
        await _put(client, b"/inbox/a.edi", LARGE[there:], WRITE, there)
        assert [taken.payload for taken in await office.taken()] == [LARGE]


async def test_a_disk_that_is_low(tmp_path):
    async with open_office(tmp_path, disk_free_bytes_min=1 << 60) as office, office.session() as client:
        file = await _open(client, b"/inbox/a.edi")
        with suppress(asyncssh.SFTPFailure):
            await file.write(LARGE, 0)
        with pytest.raises(asyncssh.SFTPFailure, match="disk is low"):
            await file.close()
        assert await office.taken() == []


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("renamed", [False, True])
async def test_a_store_that_is_away_when_a_file_is_complete(tmp_path, monkeypatch, content, renamed):
    name = b"/inbox/a.part" if renamed else b"/inbox/a.edi"
    async with open_office(tmp_path) as office:

        async def away(*_, **__):
            raise Refused(Reason.STORE_UNAVAILABLE, "the message could not be kept", retry_after_s=5)

        async with office.session() as client:
            if renamed:
                await _put(client, name, content)
            with monkeypatch.context() as patched:
                patched.setattr(type(office.house.edge.reception), "keep", away)
                with pytest.raises(asyncssh.SFTPFailure, match="could not be kept; again in 5 s"):
                    await (client.rename(name, b"/inbox/a.edi") if renamed else _put(client, name, content))
        assert await office.taken() == []
        await office.restart(killed=True)
        async with office.session() as client:
            assert (await client.stat(name)).size == len(content)
            if renamed:
                await client.rename(name, b"/inbox/a.edi")
            else:
                await (await _open(client, name, WRITE)).close()
        assert [(taken.filename, taken.payload) for taken in await office.taken()] == [("a.edi", content)]
        await office.mailboxes.settled()
        assert office.parts() == []


@pytest.mark.parametrize("renamed", [False, True])
async def test_an_end_between_keeping_and_removing_the_part(tmp_path, monkeypatch, renamed):
    name = b"/inbox/a.part" if renamed else b"/inbox/a.edi"
    async with open_office(tmp_path) as office:
        async with office.session() as client:
            with monkeypatch.context() as patched:
                patched.setattr(PartFile, "remove", PartFile.close)
                await _put(client, name, LARGE)
                if renamed:
                    await client.rename(name, b"/inbox/a.edi")
                await office.mailboxes.settled()
        assert len(office.parts()) == len(await office.taken()) == 1
        await office.restart(killed=True)
        async with office.session() as client:
            assert await client.listdir(b"/inbox") == [b".", b"..", b"a.edi"]
            assert (await client.stat(b"/inbox/a.edi")).size == len(LARGE)
            await _put(client, b"/inbox/a.edi", LARGE)
        await office.mailboxes.settled()
        assert office.parts() == []
        assert len(await office.taken()) == 1


async def test_too_many_files_are_declined_early_and_late(tmp_path):
    slow = mailbox(more={"throttling": {"submit": {"per_second": 1, "burst": 1}}})
    async with open_office(tmp_path, slow, now_ms=lambda: 1_800_000_000_000) as office, office.session() as client:
        first, second = await _open(client, b"/inbox/a.edi"), await _open(client, b"/inbox/b.edi")
        for file in (first, second):
            await file.write(b"whole", 0)
        await first.close()
        with pytest.raises(asyncssh.SFTPFailure, match="again in"):
            await second.close()
        with pytest.raises(asyncssh.SFTPFailure, match="again in"):
            await _open(client, b"/inbox/c.edi")
        assert len(await office.taken()) == 1
        with pytest.raises(asyncssh.SFTPFailure):
            await client.stat(b"/inbox/b.edi")
        assert (await client.stat(b"/inbox/b.edi")).size == 5


def test_a_record_whose_writing_was_cut_off_is_none():
    whole = Record("acme", b"caf\xe9\n", 5, held=7, boot="b", is_closed=True, sha256="ab", goes_as=b"x", turn=3)
    written = whole.written()
    assert read_record(written) == whole
    length = written.rindex(b"}") + 1
    for end in range(length):
        assert read_record(written[:end].ljust(len(written), b"\0")) is None


def test_the_longest_record_fits(tmp_path):
    longest = Record("p" * 64, b"\xff" * 255, 1 << 50, 1 << 50, "b" * 36, True, "a" * 64, b"\xff" * 255, 1 << 30)
    part = PartFile.create(tmp_path, longest, 0)
    assert read_record(part.record.written()) == part.record
    assert len(part.record.written()) * 2 == HEADER_BYTES
    part.remove()
