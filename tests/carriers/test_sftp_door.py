"""The client of partners' SFTP servers against OpenSSH's own: whom it believes, what it bears, what it tells."""

import asyncio
import mmap
import os
import re
import shutil
import sys
from pathlib import Path

import asyncssh
import pytest

from gateway.buffers import MemorySink
from gateway.carriers.sftp_connection import CannotConnect, RemoteFailed, SftpDoor, Step, Trouble
from partners.loader import LoadedProfile
from tests.carriers.remote import odd_server, opened, partner, pins, talking
from tests.services.openssh import PASSWORD, RemoteFolder, SshServer
from tests.services.processes import free_port

NO_PIN = "SHA256:" + "A" * 43


async def refusal(door: SftpDoor, to: LoadedProfile) -> CannotConnect:
    with pytest.raises(CannotConnect) as refused:
        async with door.connected(to):
            pass
    return refused.value


def path(folder, name: str | bytes) -> bytes:
    return folder.remote.encode() + b"/" + (name if isinstance(name, bytes) else name.encode())


def put(folder: RemoteFolder, name: bytes, content: bytes) -> None:
    Path(os.fsdecode(os.fsencode(folder.local) + b"/" + name)).write_bytes(content)


# --- what is done there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 32_768, 261_120, 3_000_001])
async def test_what_is_written_is_there_and_read_back_the_same(openssh, there, size):
    content = os.urandom(size)
    async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
        written = await remote.write(path(there, "a"), content)
        assert (written.size, written.is_synced) == (size, True)
        assert (there.local / "a").read_bytes() == content
        sink = MemorySink()
        assert await remote.read(path(there, "a"), sink, size) == size
        assert sink.view() == content
        assert remote.facts.host_key == pins(openssh, "ed25519")[0]
        assert remote.facts.software.startswith("SSH-2.0-OpenSSH")


async def test_names_are_bytes_and_folders_and_links_are_told_apart(openssh, there):
    for name in (b"order.edi", b"\xff\xfe", "größe.edi".encode()):
        put(there, name, b"four")
    (there.local / "sub").mkdir()
    (there.local / "link").symlink_to("order.edi")
    async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
        found = {entry.name: entry for entry in await remote.list(there.remote.encode())}
        assert set(found) == {b"order.edi", b"\xff\xfe", "größe.edi".encode(), b"sub", b"link"}
        assert [name for name, entry in found.items() if entry.is_folder] == [b"sub"]
        assert [name for name, entry in found.items() if entry.is_link] == [b"link"]
        assert found[b"\xff\xfe"].size == 4
        assert found[b"order.edi"].modified_s == int((there.local / "order.edi").stat().st_mtime)
        assert await remote.attributes(path(there, "nothing")) is None
        followed = await remote.attributes(path(there, "link"))
        assert (followed.size, followed.is_link) == (4, False)
        with pytest.raises(RemoteFailed, match="more than 4 names") as failed:
            await remote.list(there.remote.encode(), entries_max=4)
        assert failed.value.trouble is Trouble.TOO_LARGE
        assert remote.is_usable


async def test_a_file_that_is_there_is_never_replaced_by_renaming(openssh, there):
    (there.local / "theirs").write_bytes(b"theirs")
    async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
        await remote.write(path(there, "ours"), b"ours")
        with pytest.raises(RemoteFailed, match="already") as failed:
            await remote.rename(path(there, "ours"), path(there, "theirs"))
        assert failed.value.trouble is Trouble.EXISTS
        await remote.rename(path(there, "ours"), path(there, "new"))
        await remote.remove(path(there, "new"))
    assert {file.name: file.read_bytes() for file in there.local.iterdir()} == {"theirs": b"theirs"}


async def test_no_more_is_read_than_is_wanted(openssh, there):
    (there.local / "large").write_bytes(bytes(600_000))
    sink = MemorySink()
    async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
        with pytest.raises(RemoteFailed) as failed:
            await remote.read(path(there, "large"), sink, 300_000)
        assert failed.value.trouble is Trouble.TOO_LARGE
        assert len(sink.view()) <= 300_000
        assert await remote.read(path(there, "large"), MemorySink(), 600_000) == 600_000


async def test_failures_say_the_step_and_the_path_and_leave_the_connection_usable(openssh, there):
    async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
        for ask, step, trouble in (
            (remote.list(path(there, "no")), Step.LIST, Trouble.MISSING),
            (remote.write(path(there, "no/file"), b"x"), Step.WRITE, Trouble.MISSING),
            (remote.read(path(there, "no"), MemorySink(), 1), Step.READ, Trouble.MISSING),
            (remote.remove(path(there, "no")), Step.REMOVE, Trouble.MISSING),
            (remote.rename(path(there, "no"), path(there, "yes")), Step.RENAME, Trouble.MISSING),
        ):
            with pytest.raises(RemoteFailed, match=f"{there.remote}/no") as failed:
                await ask
            assert (failed.value.step, failed.value.trouble) == (step, trouble)
        assert await remote.list(there.remote.encode()) == []


# --- whom it believes ------------------------------------------------------------------------------------------------


async def test_nothing_is_said_to_a_server_whose_host_key_is_not_pinned(openssh):
    async with opened(openssh) as door:
        refused = await refusal(door, partner(openssh, host_keys=pins(openssh, "stranger")))
    assert refused.step is Step.HOST_KEY
    assert not refused.is_ours
    assert pins(openssh, "ed25519")[0] in refused.reason
    assert "Accepted" not in openssh.log().splitlines()[-1]


async def test_a_host_key_may_follow_another_while_both_are_pinned(openssh):
    to = partner(openssh, host_keys=pins(openssh, "ed25519", "next"))
    async with opened(openssh) as door:
        async with door.connected(to) as remote:
            assert remote.facts.host_key == pins(openssh, "ed25519")[0]
        openssh.serve_host_keys("next")
        async with door.connected(to) as remote:
            assert remote.facts.host_key == pins(openssh, "next")[0]
        refused = await refusal(door, partner(openssh))
    assert pins(openssh, "next")[0] in refused.reason


async def test_the_kind_of_host_key_that_is_pinned_is_asked_for(start):
    server = start(host_keys=("ed25519", "ecdsa"))
    async with opened(server) as door:
        for name in ("ecdsa", "ed25519"):
            async with door.connected(partner(server, host_keys=pins(server, name))) as remote:
                assert remote.facts.host_key == pins(server, name)[0]
        refused = await refusal(door, partner(server, host_keys=pins(server, "stranger")))
        assert refused.step is Step.HOST_KEY
        assert all(pin in refused.reason for pin in pins(server, "ed25519", "ecdsa"))


async def test_a_host_key_of_another_kind_may_follow(start):
    server = start(host_keys=("ed25519", "ecdsa"))
    to = partner(server, host_keys=pins(server, "ecdsa", "next"))
    async with opened(server) as door:
        async with door.connected(to) as remote:
            assert remote.facts.host_key_kind == "ecdsa-sha2-nistp256"
        server.serve_host_keys("next")
        async with door.connected(to) as remote:
            assert remote.facts.host_key == pins(server, "next")[0]


async def test_nothing_of_the_machine_or_its_user_is_read(openssh, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    shutil.copy(openssh.client_key, home / ".ssh" / "id_ed25519")
    (home / ".ssh" / "config").write_text(f"Host *\n  User {openssh.user}\n  ProxyCommand false\n")
    host = f"[127.0.0.1]:{openssh.port}"
    (home / ".ssh" / "known_hosts").write_text(f"{host} {openssh.public_host_key('ed25519')}\n")
    monkeypatch.setenv("HOME", str(home))
    asked = []
    agent = await asyncio.start_unix_server(lambda *_: asked.append(1), tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    async with agent, opened(openssh) as door:
        assert (await refusal(door, partner(openssh, key="stranger"))).step is Step.LOGIN
        assert (await refusal(door, partner(openssh, host_keys=pins(openssh, "stranger")))).step is Step.HOST_KEY
        async with door.connected(partner(openssh)):
            pass
    assert not asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.1.2.3", "169.254.169.254"]])
async def test_private_addresses_are_not_connected_to_unless_the_profile_names_them(openssh, addresses):
    asked = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return addresses

    to = partner(openssh, host="sftp.acme.example", private_networks=["10.20.0.0/16"])
    async with opened(openssh, resolve=resolve) as door:
        refused = await refusal(door, to)
    assert refused.step is Step.DNS
    assert addresses[0] in refused.reason
    assert "sftp_server.private_networks" in refused.reason
    assert asked == ["sftp.acme.example"]


async def test_what_was_judged_is_what_is_connected_to(openssh):
    """Nobody resolves a second time: a name that leads elsewhere from then on changes nothing."""
    answers = [["10.1.2.3", "127.0.0.1"], ["10.1.2.3"]]

    async def resolve(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    to = partner(openssh, host="sftp.acme.example")
    async with opened(openssh, resolve=resolve) as door:
        async with door.connected(to) as remote:
            assert remote.facts.address == "127.0.0.1"
        assert answers == [["10.1.2.3"]]


# --- how we log in ---------------------------------------------------------------------------------------------------


async def test_without_a_key_nothing_is_tried(openssh):
    async with opened(openssh, keys={"broken": Path(__file__)}) as door:
        for key, words in (("missing", "sftp keys new missing"), ("broken", "cannot be read")):
            refused = await refusal(door, partner(openssh, key=key, port=1))
            assert refused.is_ours
            assert words in refused.reason


async def test_a_key_that_they_do_not_know_is_told(openssh):
    async with opened(openssh) as door:
        refused = await refusal(door, partner(openssh, key="stranger"))
    assert (refused.step, refused.is_ours) == (Step.LOGIN, False)
    assert "sftp keys show stranger" in refused.reason


async def test_passwords_come_by_reference(start, monkeypatch):
    server = start(passwords=True)
    to = partner(server, key=None, password="env:ACME_SFTP")
    async with opened(server) as door:
        missing = await refusal(door, to)
        assert missing.is_ours
        assert "ACME_SFTP" in missing.reason
        monkeypatch.setenv("ACME_SFTP", "wrong")
        wrong = await refusal(door, to)
        assert (wrong.step, wrong.is_ours) == (Step.LOGIN, False)
        assert "wrong" not in wrong.reason
        monkeypatch.setenv("ACME_SFTP", PASSWORD)
        async with door.connected(to) as remote:
            assert await remote.list(b"/files") == []


async def test_a_server_may_ask_for_key_and_password(start, monkeypatch):
    server = start(passwords=True, options={"AuthenticationMethods": "publickey,password"})
    monkeypatch.setenv("ACME_SFTP", PASSWORD)
    async with opened(server) as door:
        async with door.connected(partner(server, password="env:ACME_SFTP")):
            pass
        assert (await refusal(door, partner(server))).step is Step.LOGIN


async def test_old_algorithms_are_spoken_where_the_profile_names_them(start):
    server = start(options={"KexAlgorithms": "diffie-hellman-group14-sha256"})
    async with opened(server) as door:
        for _ in range(20):
            refused = await refusal(door, partner(server))
            assert refused.step is Step.SSH
            # Where sshd hangs up before we have read what it offers, nobody can tell more than where to look.
            if "no algorithm in common" not in refused.reason:
                break
        assert "diffie-hellman-group14-sha256 in sftp_server.algorithms" in refused.reason
        async with door.connected(partner(server, algorithms=["diffie-hellman-group14-sha256"])) as remote:
            assert await remote.attributes(b"/") is not None


async def test_who_may_log_in_and_not_use_sftp_is_told(start):
    server = start(options={"MaxSessions": "0"})
    async with opened(server) as door:
        refused = await refusal(door, partner(server))
    assert refused.step is Step.SFTP


# --- servers that are gone, stuck or no servers ----------------------------------------------------------------------


async def test_nobody_listens():
    to = partner(None, port=free_port(), user="us", host_keys=[NO_PIN], key=None, password="env:HOME")
    async with opened() as door:
        assert (await refusal(door, to)).step is Step.TCP


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"", "SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2_000, "ended|hung up|no SSH"),
        (b"SSH-2.0-x\r\n" + bytes(40_000), "ended|hung up|no SSH"),
        (b"SSH-1.5-old\r\n", "ended|hung up|no SSH"),
    ],
    ids=["silence", "http", "zeros", "ssh-1"],
)
async def test_what_answers_is_no_ssh_server(says, words):
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)

    async with talking(talk) as port, opened() as door:
        pinned = {"host_keys": [NO_PIN], "key": None, "password": "env:HOME"}
        refused = await refusal(door, partner(None, port=port, user="us", timeout_s=1, **pinned))
    assert refused.step is Step.SSH
    assert re.search(words, refused.reason)


async def test_a_server_that_stops_is_told_and_one_that_is_back_is_used(openssh, there):
    to = partner(openssh)
    async with opened(openssh) as door:
        async with door.connected(to) as remote:
            openssh.stop()
            with pytest.raises(RemoteFailed) as failed:
                await remote.write(path(there, "a"), b"x")
            assert failed.value.trouble is Trouble.LOST
        assert (await refusal(door, to)).step is Step.TCP
        openssh.start()
        async with door.connected(to) as remote:
            await remote.write(path(there, "a"), b"x")


async def test_a_black_hole_is_left_after_its_time(openssh, there):
    to = partner(openssh, timeout_s=1)
    async with opened(openssh) as door:
        async with door.connected(to) as remote:
            openssh.suspend()
            with pytest.raises(RemoteFailed) as failed:
                await remote.write(path(there, "a"), bytes(9_000_000))
            assert failed.value.trouble is Trouble.LATE
            assert not remote.is_usable
        assert (await refusal(door, to)).step is Step.SSH


class Odd(asyncssh.SFTPServer):
    """Answers as no server should."""

    def __init__(self, channel, chroot) -> None:
        super().__init__(channel, chroot=str(chroot))

    async def scandir(self, path):
        if path.endswith(b"endless"):
            while True:
                await asyncio.sleep(0)
                yield asyncssh.SFTPName(b"x", b"x", asyncssh.SFTPAttrs())
        for name in (b".", b"..", b"../evil", b"/etc/passwd", b"", b"fine"):
            yield asyncssh.SFTPName(name, b"d--------- " + name, asyncssh.SFTPAttrs())

    def read(self, file_obj, offset, size):
        return bytes(size + 1)

    def open(self, path, pflags, attrs):
        if path.endswith(b"late"):
            return asyncio.Event().wait()
        return super().open(path, pflags, attrs)


async def test_answers_that_no_server_should_give_are_no_harm(tmp_path):
    async with odd_server(lambda channel: Odd(channel, tmp_path)) as profile, opened() as door:
        to = profile(key=None, password="env:HOME")
        (tmp_path / "file").write_bytes(b"x")
        async with door.connected(to) as remote:
            assert [(entry.name, entry.is_folder, entry.size) for entry in await remote.list(b"/")] == [
                (b"fine", True, None)
            ]
            with pytest.raises(RemoteFailed, match="more than 1000 names"):
                await remote.list(b"/endless", entries_max=1_000)
            sink = MemorySink()
            with pytest.raises(RemoteFailed) as failed:
                await remote.read(b"/file", sink, 1_000_000)
            assert failed.value.trouble in {Trouble.UNUSABLE, Trouble.TOO_LARGE}
        async with door.connected(to) as remote:
            with pytest.raises(RemoteFailed) as failed:
                await remote.read(b"/late", sink, 1_000_000)
            assert failed.value.trouble is Trouble.LATE
            assert not remote.is_usable


# --- connections that are kept ---------------------------------------------------------------------------------------


def logins(server: SshServer) -> int:
    return server.log().count("Accepted publickey")


async def test_one_connection_serves_those_who_come_one_after_the_other(start):
    server = start()
    to = partner(server)
    async with opened(server) as door:
        for _ in range(3):
            async with door.connected(to) as remote:
                await remote.list(b"/files")
        assert logins(server) == 1
        async with door.connected(to), door.connected(to):
            pass
        assert logins(server) == 2
        async with door.connected(partner(server, timeout_s=11)):
            pass  # a profile that was changed
        async with door.connected(partner(server, name="globex")):
            pass  # another partner at the same server
        assert logins(server) == 4


async def test_a_connection_does_not_outlive_our_key(start):
    server = start()
    keys: dict[str, Path | None] = {"ours": server.client_key}
    async with opened(server, keys=keys) as door:
        async with door.connected(partner(server)):
            pass
        keys["ours"] = None
        assert (await refusal(door, partner(server))).is_ours
        keys["ours"] = server.stranger_key
        assert (await refusal(door, partner(server))).step is Step.LOGIN


async def test_a_kept_connection_that_died_meanwhile_is_no_failure(start):
    server = start()
    to = partner(server)
    async with opened(server) as door:
        async with door.connected(to):
            pass
        server.cut_sessions()
        async with door.connected(to) as remote:
            assert await remote.list(b"/files") == []
        assert logins(server) == 2


async def test_whoever_breaks_off_leaves_no_connection_behind(start):
    server = start()
    to = partner(server)
    async with opened(server) as door:
        with pytest.raises(ValueError, match="ours"):
            async with door.connected(to):
                raise ValueError("ours")
        async with door.connected(to):
            pass
        assert logins(server) == 2


async def test_a_large_file_is_held_nowhere_whole(openssh, there, tmp_path):
    size = 64 * 1_048_576
    with (tmp_path / "large").open("wb+") as file:
        file.truncate(size)
        mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        async with opened(openssh) as door, door.connected(partner(openssh)) as remote:
            before = peak_from_now_on()
            written = await remote.write(path(there, "large"), memoryview(mapping))
            assert written.size == size
            assert peak_bytes() - before < size // 2
    assert (there.local / "large").stat().st_size == size


def peak_from_now_on() -> int:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5)
    return peak_bytes()


def peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM"))


async def test_a_process_without_user_name_and_home_can_connect_too(tmp_path):
    """As in containers that run under any number."""
    script = (
        "import os\nfor name in ('HOME', 'USER', 'LOGNAME', 'LNAME', 'USERNAME'):\n    os.environ.pop(name, None)\n"
        "os.getuid = lambda: 4_242_424\n"
        "from gateway.carriers.ssh_client import client_options, offer_with, prepare_process\nimport asyncssh\n"
        "prepare_process()\n"
        "asyncssh.SSHClientConnectionOptions(**client_options(offer_with()), username='us')\n"
    )
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stderr=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    _, errors = await run.communicate()
    assert run.returncode == 0, errors.decode()
