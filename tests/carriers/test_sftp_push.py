"""Documents on partners' servers: whole, once, and nobody's file in their place."""

import asyncio
import hashlib
import os

import asyncssh
import pytest

from gateway.carriers.parcels import Delivered, Failed, Held, Parcel, Refused
from gateway.carriers.sftp import SftpCarrier
from gateway.model.delivery import DeliveryKind
from tests.carriers.remote import DELIVERY_ID, consignment, odd_server, opened, partner
from tests.services.openssh import RemoteFolder, SshServer

NAME = f"purchase_order-4711-{DELIVERY_ID}.edi"
CONTENT = b"ISA*00*..~"


def to(server: SshServer, folder: str, **push: object):
    return partner(server, push={"folder": folder, **push})


async def push(carrier: SftpCarrier, what, payload: bytes | memoryview = CONTENT, parcel: Parcel | None = None):
    """One attempt, as the line makes it."""
    sent = consignment(what, payload)
    if parcel is None:
        packed = await carrier.pack(sent)
        assert isinstance(packed, Parcel), packed
        parcel = packed
    return await carrier.carry(sent, parcel)


def left(folder: RemoteFolder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.local.iterdir() if file.is_file()}


def leave(folder: RemoteFolder, name: str, content: bytes, *, mode: int = 0o644) -> int:
    """A file of theirs; its inode tells whether it was replaced."""
    file = folder.local / name
    file.write_bytes(content)
    os.chown(file, folder.local.stat().st_uid, folder.local.stat().st_gid)
    file.chmod(mode)
    return file.stat().st_ino


async def test_a_document_becomes_one_file_under_its_own_name(openssh, there):
    async with opened(openssh) as door:
        outcome = await push(SftpCarrier(door), to(openssh, there.remote))
    assert isinstance(outcome, Delivered)
    assert left(there) == {NAME: CONTENT}
    assert outcome.facts["path"] == f"{there.remote}/{NAME}"
    assert outcome.facts["bytes"] == len(CONTENT)
    assert outcome.facts["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert outcome.facts["host_key"].startswith("SHA256:")
    assert outcome.facts["synced"] is True


async def test_it_is_written_under_a_temporary_name_synced_and_renamed(start):
    server = start(log_requests=True)
    there = server.fresh_folder()
    async with opened(server) as door:
        assert isinstance(await push(SftpCarrier(door), to(server, there.remote)), Delivered)
    path = f"{there.remote}/{NAME}"
    text = "\n".join(server.requests())
    steps = (f'open "{path}.part"', "fsync", f'close "{path}.part"', f'rename old "{path}.part" new "{path}"')
    places = [text.find(step) for step in steps]
    assert -1 not in places, text
    assert places == sorted(places), text
    assert f'open "{path}"' not in text


async def test_a_folder_for_the_unfinished_and_a_folder_for_each_kind_of_document(openssh, there):
    for name in ("größe", "größe/purchase_order", "unfinished"):
        (there.local / name).mkdir()
        os.chown(there.local / name, there.local.stat().st_uid, there.local.stat().st_gid)
    what = to(
        openssh,
        f"{there.remote}/größe/{{document}}/",
        file_name="PO_{number}_{id}.txt",
        temporary_folder=f"{there.remote}/unfinished",
    )
    async with opened(openssh) as door:
        outcome = await push(SftpCarrier(door), what)
    assert isinstance(outcome, Delivered), outcome
    assert (there.local / "größe" / "purchase_order" / f"PO_4711_{DELIVERY_ID}.txt").read_bytes() == CONTENT
    assert list((there.local / "unfinished").iterdir()) == []


async def test_a_folder_without_a_slash_is_below_the_one_they_start_us_in(openssh, there):
    below = there.remote.rpartition("/")[2]
    async with opened(openssh) as door:
        assert isinstance(await push(SftpCarrier(door), to(openssh, below)), Delivered)
    assert left(there) == {NAME: CONTENT}


async def test_what_an_attempt_left_unfinished_is_written_anew(openssh, there):
    leave(there, f"{NAME}.part", b"the longer beginning of something else" * 9)
    async with opened(openssh) as door:
        assert isinstance(await push(SftpCarrier(door), to(openssh, there.remote)), Delivered)
    assert left(there) == {NAME: CONTENT}


async def test_what_is_delivered_already_is_not_delivered_again(openssh, there):
    """As after a kill between the renaming and our note of it."""
    async with opened(openssh) as door:
        carrier, what = SftpCarrier(door), to(openssh, there.remote)
        parcel = await carrier.pack(consignment(what, CONTENT))
        assert isinstance(await push(carrier, what, parcel=parcel), Delivered)
        before = (there.local / NAME).stat()
        again = await push(carrier, what, parcel=parcel)
        assert isinstance(again, Delivered)
        assert again.facts["found"] == "by name and content"
        assert (there.local / NAME).stat().st_ino == before.st_ino
        assert (there.local / NAME).stat().st_mtime_ns == before.st_mtime_ns
    assert left(there) == {NAME: CONTENT}


async def test_what_we_may_not_read_is_known_by_name_and_size(openssh, there):
    inode = leave(there, NAME, CONTENT, mode=0o200)
    async with opened(openssh) as door:
        outcome = await push(SftpCarrier(door), to(openssh, there.remote))
    assert isinstance(outcome, Delivered)
    assert outcome.facts["found"] == "by name and size"
    assert (there.local / NAME).stat().st_ino == inode


@pytest.mark.parametrize("content", [b"ISA*99*..~", b"shorter", b"longer than ours is"], ids=["other", "less", "more"])
async def test_a_file_of_somebody_else_is_never_replaced(openssh, there, content):
    inode = leave(there, NAME, content)
    async with opened(openssh) as door:
        outcome = await push(SftpCarrier(door), to(openssh, there.remote))
    assert isinstance(outcome, Refused)
    assert NAME in outcome.reason
    assert left(there) == {NAME: content}
    assert (there.local / NAME).stat().st_ino == inode


async def test_a_folder_of_this_name_is_refused(openssh, there):
    (there.local / NAME).mkdir()
    async with opened(openssh) as door:
        assert isinstance(await push(SftpCarrier(door), to(openssh, there.remote)), Refused)


async def test_where_the_profile_names_another_folder_since_it_is_looked_for_in_both(openssh, there):
    (there.local / "new").mkdir()
    os.chown(there.local / "new", there.local.stat().st_uid, there.local.stat().st_gid)
    async with opened(openssh) as door:
        carrier = SftpCarrier(door)
        old, new = to(openssh, there.remote), to(openssh, f"{there.remote}/new")
        wrong = to(openssh, f"{there.remote}/misspelt")
        delivered = await carrier.pack(consignment(old, CONTENT))
        assert isinstance(await push(carrier, old, parcel=delivered), Delivered)
        found = await push(carrier, new, parcel=delivered)
        assert isinstance(found, Delivered)
        assert found.facts["path"] == f"{there.remote}/{NAME}"
        assert left(RemoteFolder(there.local / "new", "")) == {}
        misspelt = await carrier.pack(consignment(wrong, CONTENT))
        assert isinstance(await push(carrier, wrong, parcel=misspelt), Failed)
        assert isinstance(await push(carrier, new, parcel=misspelt), Delivered)
        assert left(RemoteFolder(there.local / "new", "")) == {NAME: CONTENT}


async def test_what_is_in_the_way_is_told_and_tried_again(openssh, there):
    async with opened(openssh) as door:
        missing = await push(SftpCarrier(door), to(openssh, f"{there.remote}/no"))
        assert isinstance(missing, Failed)
        assert missing.facts["step"] == "write"
        assert "sftp_server.push" in missing.reason
        there.local.chmod(0o555)
        denied = await push(SftpCarrier(door), to(openssh, there.remote))
        assert isinstance(denied, Failed)
        assert "may write into this folder" in denied.reason
        there.local.chmod(0o755)
        assert isinstance(await push(SftpCarrier(door), to(openssh, there.remote)), Delivered)


async def test_a_server_that_takes_nothing(start):
    server = start(read_only=True)
    async with opened(server) as door:
        outcome = await push(SftpCarrier(door), to(server, "/files"))
    assert isinstance(outcome, Failed)
    assert outcome.facts["step"] == "write"


async def test_a_full_disk_leaves_nothing_half(start):
    server = start(disk_bytes_max=1_048_576)
    async with opened(server) as door:
        carrier, what = SftpCarrier(door), to(server, "/files")
        outcome = await push(carrier, what, os.urandom(3_000_000))
        assert isinstance(outcome, Failed)
        assert "disk may be full" in outcome.reason
        assert list(server.files.iterdir()) == []
        assert isinstance(await push(carrier, what), Delivered)


async def test_a_line_that_breaks_in_the_middle(openssh, there):
    payload = os.urandom(30_000_000)
    async with opened(openssh) as door:
        carrier, what = SftpCarrier(door), to(openssh, there.remote)
        parcel = await carrier.pack(consignment(what, payload))
        attempt = asyncio.create_task(push(carrier, what, payload, parcel))
        part = there.local / f"{NAME}.part"
        async with asyncio.timeout(20):
            while not (part.exists() and part.stat().st_size):
                await asyncio.sleep(0.001)
        openssh.cut_sessions()
        outcome = await attempt
        assert isinstance(outcome, Failed)
        assert outcome.facts["step"] == "write"
        assert set(left(there)) == {f"{NAME}.part"}
        assert isinstance(await push(carrier, what, payload, parcel), Delivered)
    assert left(there) == {NAME: payload}


class CutsAtRenaming(asyncssh.SFTPServer):
    """Renames, and is gone before it says so."""

    def __init__(self, channel, chroot) -> None:
        super().__init__(channel, chroot=str(chroot))

    def rename(self, oldpath, newpath):
        super().rename(oldpath, newpath)
        self.connection.abort()


async def test_a_renaming_whose_answer_is_lost_is_found_to_have_come_about(tmp_path):
    (tmp_path / "incoming").mkdir()
    terms = {"key": None, "password": "env:HOME", "timeout_s": 10}
    async with odd_server(lambda channel: CutsAtRenaming(channel, tmp_path)) as profile, opened() as door:
        outcome = await push(SftpCarrier(door), profile(**terms))
    assert isinstance(outcome, Delivered)
    assert outcome.facts["found"] == "by name and content"
    assert [file.name for file in (tmp_path / "incoming").iterdir()] == [NAME]


class RewritesLineEnds(asyncssh.SFTPServer):
    """As servers do that are set to text."""

    def __init__(self, channel, chroot) -> None:
        super().__init__(channel, chroot=str(chroot))

    def write(self, file_obj, offset, data):
        super().write(file_obj, offset, data.replace(b"\n", b"\r\n"))
        return len(data)


async def test_a_server_that_changes_what_it_is_given_is_found_out(tmp_path):
    (tmp_path / "incoming").mkdir()
    terms = {"key": None, "password": "env:HOME", "timeout_s": 10}
    async with odd_server(lambda channel: RewritesLineEnds(channel, tmp_path)) as profile, opened() as door:
        outcome = await push(SftpCarrier(door), profile(**terms), b"one\ntwo\n")
    assert isinstance(outcome, Failed)
    assert "line ends" in outcome.reason
    assert list((tmp_path / "incoming").iterdir()) == []


class KnowsLittle(asyncssh.SFTPServer):
    """Neither looks nor syncs, and renames the plain way alone."""

    def __init__(self, channel, chroot) -> None:
        super().__init__(channel, chroot=str(chroot))

    def stat(self, path):
        raise asyncssh.SFTPPermissionDenied("no looking")

    def fstat(self, file_obj):
        raise asyncssh.SFTPOpUnsupported("no looking")

    def fsync(self, file_obj):
        raise asyncssh.SFTPOpUnsupported("no syncing")


async def test_a_server_that_lets_us_do_little_still_gets_its_files(tmp_path):
    (tmp_path / "incoming").mkdir()
    terms = {"key": None, "password": "env:HOME", "timeout_s": 10}
    async with odd_server(lambda channel: KnowsLittle(channel, tmp_path)) as profile, opened() as door:
        outcome = await push(SftpCarrier(door), profile(**terms))
    assert isinstance(outcome, Delivered)
    assert outcome.facts["synced"] is False
    assert (tmp_path / "incoming" / NAME).read_bytes() == CONTENT


async def test_without_a_key_or_a_place_it_waits(openssh, there):
    fetching = [{"name": "orders", "folder": "/outgoing"}]
    async with opened(openssh) as door:
        carrier = SftpCarrier(door)
        nowhere = await carrier.pack(consignment(partner(openssh, push=None, fetch=fetching)))
        assert isinstance(nowhere, Held)
        keyless = partner(openssh, key="missing", push={"folder": there.remote})
        outcome = await push(carrier, keyless)
        assert isinstance(outcome, Held)
        assert "gateway sftp keys new missing" in outcome.reason
    assert left(there) == {}


async def test_a_file_of_the_operators_keeps_its_own_name(openssh, there):
    what = to(openssh, there.remote, file_name="{number}-{id}.{extension}")
    sent = consignment(
        what, CONTENT, kind=DeliveryKind.FILE, filename="../Prices 2026.csv", document_type="", number=""
    )
    async with opened(openssh) as door:
        carrier = SftpCarrier(door)
        parcel = await carrier.pack(sent)
        assert isinstance(parcel, Parcel)
        assert isinstance(await carrier.carry(sent, parcel), Delivered)
    assert set(left(there)) == {f"Prices_2026-{DELIVERY_ID}.csv"}
