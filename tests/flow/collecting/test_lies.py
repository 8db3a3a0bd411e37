"""Servers that lie: what they name is never followed, what they promise is looked at, what has no end is ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh
import pytest

from tests.flow.collecting.lying import Liar, Lie, lying
from tests.flow.collecting.visiting import KEY, Here, here_over, profile

OUR_KEY = asyncssh.generate_private_key("ssh-ed25519").export_private_key()


@asynccontextmanager
async def looking(liar: Liar, tmp_path, fetch: dict[str, object] | None = None, **limits) -> AsyncIterator[Here]:
    async with lying(liar):
        server = {
            "host": "127.0.0.1",
            "port": liar.port,
            "user": "us",
            "host_keys": liar.fingerprint(),
            "key": KEY,
            "private_networks": "127.0.0.1/32",
            "timeout_s": 10,
            "fetch": [{"name": "orders", "folder": "/out", "stable_s": 0, "except_files": []} | (fetch or {})],
        }
        url = f"sqlite:///{tmp_path / 's.db'}"
        async with here_over(url, OUR_KEY, tmp_path, profile("acme", server), **limits) as here:
            yield here


async def test_names_lead_nowhere(tmp_path):
    names = [b"../../etc/passwd", b"..", b".", b"/etc/passwd", b"sub/order.edi", b"", b"nul\x00", b"..\\x", b"x" * 300]
    liar = Liar({name: Lie(b"%d" % number) for number, name in enumerate(names)} | {b"good.edi": Lie(b"good")})
    async with looking(liar, tmp_path) as here:
        await here.round()
        assert sorted(await here.contents()) == [b"7", b"good"]
        assert sorted(liar.opened) == [b"/out/..\\x", b"/out/good.edi"]
        assert sorted(liar.removed) == sorted(liar.opened)
        assert (await here.folder()).failures == 0


async def test_what_is_no_file_is_left_alone(tmp_path):
    link, folder = Lie(mode=0o120777), Lie(mode=0o040755)
    unknown = Lie(modified_s=None)
    async with looking(Liar({b"link": link, b"folder": folder, b"old": unknown}), tmp_path) as here:
        await here.round()
        assert await here.names() == ["old"]


@pytest.mark.parametrize("stable_s", [0, 10])
async def test_a_file_without_an_end_is_ended_and_told(tmp_path, stable_s):
    liar = Liar({b"endless.edi": Lie(size=100_000, endless=True), b"good.edi": Lie()})
    async with looking(liar, tmp_path, {"stable_s": stable_s, "then": "leave"}) as here:
        await here.round()
        for _ in range(12):
            await here.pass_s(900)
        assert await here.names() == ["good.edi"]
        assert liar.opened.count(b"/out/endless.edi") >= 5
        case = (await here.open_cases())["remote_file"]
        assert "listed with 100,000 bytes" in case.reason
        assert (await here.folder()).files_stuck == 1
        assert (await here.folder()).next_look_at_ms > here.clock.now_ms + 1_000
        liar.files[b"endless.edi"] = Lie(b"honest now")
        for _ in range(2):
            await here.pass_s(900)
        assert await here.contents() == [b"order", b"honest now"]
        assert await here.open_cases() == {}


async def test_a_file_that_ends_before_its_size_or_grew_meanwhile_is_not_taken(tmp_path):
    liar = Liar({b"short.edi": Lie(size=9), b"grown.edi": Lie(sizes=[7, 5]), b"early.edi": Lie(b"xx", size=1)})
    async with looking(liar, tmp_path) as here:
        await here.round()
        assert await here.kept() == []
        assert liar.removed == []
        assert here.metrics.sftp_fetches.values == {("grew",): 3}
        await here.pass_s(900)
        assert await here.names() == ["grown.edi"]


async def test_what_changed_before_it_is_removed_is_not_removed(tmp_path):
    # The same when it was read, another one when it would be removed.
    liar = Liar({b"order.edi": Lie(sizes=[5, 6, 5])})
    async with looking(liar, tmp_path) as here:
        await here.round()
        assert (await here.contents(), liar.removed) == ([b"order"], [])
        await here.pass_s(900)
        assert (await here.contents(), liar.removed) == ([b"order"], [b"/out/order.edi"])


async def test_a_listing_without_an_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.carriers.sftp_remote.RemoteServer.list.__kwdefaults__", {"entries_max": 2_000})
    async with looking(Liar(endless_listing=True), tmp_path) as here:
        await here.round()
        folder = await here.folder()
        assert (folder.failures, "more than 2000 names" in folder.reason) == (1, True)
        assert await here.kept() == []


async def test_a_connection_that_ends_in_the_middle_loses_nothing(tmp_path):
    files = {b"%d.edi" % number: Lie(b"%d" % number, modified_s=number) for number in range(1, 6)}
    large = Lie(b"x" * 300_000, breaks_after=100_000, modified_s=3)
    async with looking(Liar(files | {b"large.edi": large}), tmp_path, {"files_at_once": 2}) as here:
        await here.round()
        folder = await here.folder()
        assert (folder.failures, "ended" in folder.reason) == (1, True)
        large.breaks_after = None
        for _ in range(3):
            await here.pass_s(3_600)
        assert sorted(len(content) for content in await here.contents()) == [1, 1, 1, 1, 1, 300_000]
        assert (await here.folder()).files_fetched == 6


async def test_what_vanishes_once_it_was_read_is_taken(tmp_path):
    """Mailboxes count a file as delivered then: nobody would see it again."""
    liar = Liar(
        {b"one.edi": Lie(b"one", vanishes=True), b"two.edi": Lie(b"two", hangs_up=True, modified_s=1_700_000_001)}
    )
    async with looking(liar, tmp_path, {"files_at_once": 1}) as here:
        await here.round()
        assert await here.contents() == [b"one", b"two"]
        assert (await here.folder()).failures == 1
        await here.pass_s(3_600)
        assert (await here.contents(), liar.removed) == ([b"one", b"two"], [b"/out/two.edi"])
        assert await here.files() == {}


async def test_what_goes_before_it_is_read_is_no_trouble(tmp_path):
    liar = Liar({b"one.edi": Lie(b"one", is_gone=True), b"two.edi": Lie(b"two")})
    async with looking(liar, tmp_path, {"stable_s": 10}) as here:
        await here.round()
        await here.pass_s(10)
        assert await here.contents() == [b"two"]
        assert (await here.files(), (await here.folder()).failures) == ({}, 0)
        assert here.metrics.sftp_fetches.values == {("gone",): 1, ("fetched",): 1}


async def test_a_server_that_tells_times_in_two_ways(tmp_path):
    liar = Liar({b"order.edi": Lie(stat_s=1_700_003_600)})
    async with looking(liar, tmp_path) as here:
        await here.round()
        assert await here.kept() == []
        await here.pass_s(900)
        assert (await here.contents(), liar.removed) == ([b"order"], [b"/out/order.edi"])


async def test_where_nothing_can_be_moved_files_stay_and_are_known(tmp_path):
    liar = Liar({b"order.edi": Lie()})
    async with looking(liar, tmp_path, {"then": "move", "move_to": "/done"}) as here:
        await here.round()
        assert liar.renamed == [(b"/out/order.edi", b"/done/order.edi")]
        # It says yes, and does nothing: the file is known, and asked to go again.
        await here.pass_s(900)
        assert (await here.contents(), len(liar.renamed)) == ([b"order"], 2)


async def test_ten_thousand_files(tmp_path):
    liar = Liar({b"%05d.edi" % number: Lie(modified_s=number) for number in range(10_000)})
    async with looking(liar, tmp_path, {"stable_s": 10, "files_per_look_max": 20}) as here:
        await here.round()
        folder = await here.folder()
        assert (folder.files_growing, folder.files_fetched) == (10_000, 0)
        await here.pass_s(10)
        folder = await here.folder()
        assert (folder.files_growing, folder.files_waiting, folder.files_fetched) == (0, 9_980, 20)
        assert await here.names() == [f"{number:05}.edi" for number in range(20)]


async def test_sizes_that_cannot_be_keep_no_neighbour_from_being_fetched(tmp_path):
    liar = Liar({b"a.edi": Lie(size=2**64 - 1), b"b.edi": Lie(size=2**63 - 1), b"good.edi": Lie(b"good")})
    async with looking(liar, tmp_path) as here:
        await here.round()
        assert await here.names() == ["good.edi"]
        assert (await here.folder()).failures == 0
