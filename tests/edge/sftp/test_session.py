"""Sessions, byte by byte: versions, what cannot be understood, the order of answers, and ends."""

import asyncio
from contextlib import asynccontextmanager
from struct import pack, unpack_from

from gateway.sftp import Status
from tests.edge.sftp.mailboxes import mailbox, open_office, until

INIT, VERSION, OPEN, CLOSE, WRITE, SETSTAT, FSETSTAT, STAT, RENAME = 1, 2, 3, 4, 6, 9, 10, 17, 18
STATUS, HANDLE, ATTRS, EXTENDED = 101, 102, 105, 200
NEW = 0x02 | 0x08 | 0x10


def packet(kind, *fields):
    """A packet of numbers and strings."""
    body = b"".join(pack(">I", field) if isinstance(field, int) else text(field) for field in fields)
    return pack(">IB", 1 + len(body), kind) + body


def text(field):
    return field.raw if isinstance(field, Raw) else pack(">I", len(field)) + field


class Raw:
    """Bytes without a length before them."""

    def __init__(self, raw):
        self.raw = raw


def write(identity, handle, offset, data):
    return packet(WRITE, identity, handle, Raw(pack(">Q", offset)), data)


class Talk:
    """A channel of SFTP, and what comes back on it."""

    def __init__(self, reader, writer, errors):
        self._reader, self._writer, self.errors = reader, writer, errors

    def say(self, *packets):
        self._writer.write(b"".join(packets))

    def say_no_more(self):
        self._writer.write_eof()

    async def hear(self):
        """The next answer: its kind, its id and the rest."""
        async with asyncio.timeout(20):
            length = unpack_from(">I", await self._reader.readexactly(4))[0]
            answer = await self._reader.readexactly(length)
        return answer[0], unpack_from(">I", answer, 1)[0], answer[5:]

    async def open(self, identity, name):
        self.say(packet(OPEN, identity, name, NEW, 0))
        kind, told, rest = await self.hear()
        assert (kind, told) == (HANDLE, identity)
        return rest[4:]

    async def ends(self):
        async with asyncio.timeout(20):
            return await self._reader.read()


@asynccontextmanager
async def talk(office, version=3):
    async with office.premises.connect() as connection:
        writer, reader, errors = await connection.open_session(subsystem="sftp", encoding=None)
        spoken = Talk(reader, writer, errors)
        spoken.say(packet(INIT, version))
        yield spoken


async def test_versions(tmp_path):
    async with open_office(tmp_path) as office:
        for version in (3, 6):
            async with talk(office, version) as spoken:
                assert (await spoken.hear())[:2] == (VERSION, 3)
        async with talk(office, 2) as spoken:
            assert await spoken.ends() == b""


async def test_what_cannot_be_understood_ends_the_session(tmp_path, caplog):
    async with open_office(tmp_path) as office:
        async with talk(office) as spoken:
            await spoken.hear()
            spoken.say(packet(EXTENDED, 7, b"fsync@openssh.com", b"x"), packet(99, 8), packet(CLOSE, 9, b"none"))
            told = [
                (kind, identity, unpack_from(">I", rest)[0])
                for kind, identity, rest in [await spoken.hear() for _ in range(3)]
            ]
            assert sorted(told) == [
                (STATUS, 7, Status.OP_UNSUPPORTED),
                (STATUS, 8, Status.OP_UNSUPPORTED),
                (STATUS, 9, Status.FAILURE),
            ]
            await spoken.open(10, b"/inbox/a.edi")
            spoken.say(b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n")
            assert await spoken.ends() == b""
        assert "a session of SFTP was broken off" in caplog.text
        await office.mailboxes.settled()
        assert await office.taken() == []


async def test_a_slow_close_holds_up_its_own_path_alone(tmp_path, monkeypatch):
    async with open_office(tmp_path) as office, talk(office) as spoken:
        await spoken.hear()
        reception, goes_on = type(office.house.edge.reception), asyncio.Event()
        keep = reception.keep

        async def slow(*arguments, **named):
            await goes_on.wait()
            return await keep(*arguments, **named)

        monkeypatch.setattr(reception, "keep", slow)
        handle = await spoken.open(1, b"/inbox/a.edi")
        spoken.say(
            write(2, handle, 0, b"whole"),
            packet(CLOSE, 3, handle),
            packet(STAT, 4, b"/inbox/a.edi"),
            packet(STAT, 5, b"/outbox"),
        )
        # What was asked of the other path is answered, of this one only what lies before.
        assert [(await spoken.hear())[:2] for _ in range(2)] == [(STATUS, 2), (ATTRS, 5)]
        goes_on.set()
        assert [(await spoken.hear())[:2] for _ in range(2)] == [(STATUS, 3), (ATTRS, 4)]
        assert len(await office.taken()) == 1


async def test_everything_at_once_goes_in_order(tmp_path):
    async with open_office(tmp_path) as office, talk(office) as spoken:
        await spoken.hear()
        handle = await spoken.open(1, b"/inbox/a.part")
        writes = [write(100 + number, handle, number * 1_000, b"%1000d" % number) for number in range(300)]
        spoken.say(*writes, packet(CLOSE, 2, handle), packet(RENAME, 3, b"/inbox/a.part", b"/inbox/a.edi"))
        told = [await spoken.hear() for _ in range(302)]
        assert [identity for _, identity, _ in told] == [*range(100, 400), 2, 3]
        assert {unpack_from(">I", rest)[0] for _, _, rest in told} == {Status.OK}
        assert [taken.payload for taken in await office.taken()] == [b"".join(b"%1000d" % n for n in range(300))]


async def test_an_end_without_a_close_completes_nothing(tmp_path):
    async with open_office(tmp_path) as office, talk(office) as spoken:
        await spoken.hear()
        handle = await spoken.open(1, b"/inbox/a.edi")
        spoken.say(write(2, handle, 0, b"half"))
        await spoken.hear()
        spoken.say_no_more()
        assert await spoken.ends() == b""
        await office.mailboxes.settled()
        assert await office.taken() == []
        assert len(office.parts()) == 1


async def test_people_are_told_why(tmp_path):
    async with open_office(tmp_path, mailbox(handles_max=1)) as office, talk(office) as spoken:
        await spoken.hear()
        await spoken.open(1, b"/inbox/a.edi")
        for identity in range(2, 60):
            spoken.say(packet(OPEN, identity, b"/inbox/b.edi", NEW, 0))
            await spoken.hear()
        spoken.say_no_more()
        assert await spoken.errors.read() == b"1 files and folders are open, as many as may be; close some of them\r\n"


async def test_an_open_that_comes_too_late_leaves_nothing_open(tmp_path, monkeypatch):
    async with open_office(tmp_path) as office:
        read, goes_on = type(office.house.database).read, asyncio.Event()

        async def slow(self, unit):
            await goes_on.wait()
            return await read(self, unit)

        async with talk(office) as spoken:
            await spoken.hear()
            monkeypatch.setattr(type(office.house.database), "read", slow)
            spoken.say(packet(OPEN, 1, b"/inbox/a.edi", 0x02 | 0x08, 0))
            await until(lambda: office.mailboxes._handles)
        await office.cut()
        goes_on.set()
        await until(lambda: not office.mailboxes._handles)
        file = office.mailboxes._files.find("acme-supply", b"a.edi")
        await until(lambda: file is None or file.holder is None)


PERMISSIONS = Raw(pack(">II", 0x04, 0o644))


async def test_attributes_that_are_refused_are_told_to_people_once_a_session(tmp_path):
    async with open_office(tmp_path) as office:
        async with talk(office) as spoken:
            await spoken.hear()
            for number in range(3):
                handle = await spoken.open(1, b"/inbox/%d.edi" % number)
                spoken.say(
                    write(2, handle, 0, b"whole %d" % number),
                    packet(FSETSTAT, 3, handle, PERMISSIONS),
                    packet(CLOSE, 4, handle),
                )
                told = {
                    identity: unpack_from(">I", rest)[0]
                    for _, identity, rest in [await spoken.hear() for _ in range(3)]
                }
                assert told == {2: Status.OK, 3: Status.PERMISSION_DENIED, 4: Status.OK}
            spoken.say(packet(SETSTAT, 5, b"/inbox/1.edi", PERMISSIONS))
            assert unpack_from(">I", (await spoken.hear())[2])[0] == Status.PERMISSION_DENIED
            spoken.say_no_more()
            await spoken.ends()
            (line,) = (await spoken.errors.read()).decode().splitlines()
            assert "the file itself is not affected: leave out -p" in line
        assert len(await office.taken()) == 3


async def _told_of(office, *files):
    """What people are told when files of these names and contents are closed."""
    async with talk(office) as spoken:
        await spoken.hear()
        for name, content in files:
            handle = await spoken.open(1, b"/inbox/" + name)
            spoken.say(*([write(2, handle, 0, content)] if content else []), packet(CLOSE, 3, handle))
            for _ in range(2 if content else 1):
                assert unpack_from(">I", (await spoken.hear())[2])[0] == Status.OK
        spoken.say_no_more()
        await spoken.ends()
        return (await spoken.errors.read()).decode().splitlines()


async def test_an_empty_file_is_said_to_be_none_once_a_session(tmp_path):
    async with open_office(tmp_path) as office:
        told = await _told_of(office, (b"a.edi", b""), (b"b.edi", b""), (b"c.edi", b"whole"))
        assert [line.partition(";")[0] for line in told] == ["an empty file is not taken as a document"]
        assert [file.filename for file in await office.taken()] == ["c.edi"]


async def test_who_has_to_rename_is_told_so_unless_the_name_shows_that_it_is_known(tmp_path):
    async with open_office(tmp_path, mailbox(complete_on="rename")) as office:
        (told,) = await _told_of(office, (b"a.edi", b"whole"), (b"b.edi", b"whole"))
        assert "renamed from a temporary name" in told
        assert "NAME.part" in told
        assert await _told_of(office, (b"c.edi.part", b"whole")) == []
        assert await office.taken() == []
    (tmp_path / "other").mkdir()
    async with open_office(tmp_path / "other") as office:
        assert await _told_of(office, (b"a.edi", b"whole"), (b"b.part", b"whole")) == []
