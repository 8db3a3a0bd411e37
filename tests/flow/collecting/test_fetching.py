"""Fetching from OpenSSH's own server: what is there, what becomes of it there, and what is here afterwards."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.store import remote_files, remote_folders
from tests.flow.collecting.visiting import Here, here_over, left, make, profile, put, server_terms
from tests.services.openssh import RemoteFolder, SshServer

LARGE = 3_000_000


@pytest.fixture
def there(openssh: SshServer) -> RemoteFolder:
    return openssh.fresh_folder()


@pytest.fixture
def visit(openssh, there, tmp_path):
    """Opens a gateway's collecting that looks into the folder by terms of the test's."""

    @asynccontextmanager
    async def visit(*fetch: dict[str, object], **more: object) -> AsyncIterator[Here]:
        limits = more.pop("limits", {})
        items = fetch or ({},)
        server = server_terms(openssh, *({"folder": there.remote} | item for item in items))
        acme = profile("acme", server, **more)
        async with here_over(f"sqlite:///{tmp_path / 's.db'}", openssh.client_key, tmp_path, acme, **limits) as here:
            yield here

    return visit


async def test_files_are_fetched_in_their_order_and_removed_there(visit, there):
    put(there, "second.edi", b"two", modified_s=1_700_000_200)
    put(there, "first.edi", b"one", modified_s=1_700_000_100)
    put(there, "third.edi", os.urandom(LARGE), modified_s=1_700_000_300)
    put(there, "fourth.edi", b"four", modified_s=1_700_000_400)
    async with visit() as here:
        await here.round()
        assert await here.names() == ["first.edi", "second.edi", "third.edi", "fourth.edi"]
        first, *_, fourth = await here.kept()
        assert (await here.content(first.id), await here.content(fourth.id)) == (b"one", b"four")
        assert (first.partner_id, first.channel, first.state, first.remote) == ("acme", "sftp", "received", "127.0.0.1")
        assert left(there) == []
        assert await here.files() == {}
        folder = await here.folder()
        assert (folder.files_fetched, folder.files_waiting, folder.failures, folder.reason) == (4, 0, 0, "")
        assert folder.succeeded_at_ms == here.clock.now_ms
        assert 0 < folder.next_look_at_ms - here.clock.now_ms <= 15 * 60_000


async def test_moved_files_get_a_number_where_their_name_is_taken(visit, there, openssh):
    done = openssh.fresh_folder()
    for content in (b"monday", b"tuesday", b"wednesday"):
        put(there, "orders.edi", content)
        put(there, "README", content)
        async with visit({"then": "move", "move_to": done.remote}) as here:
            here.clock.pass_s(3_600 * (len(left(done)) + 1))
            await here.round()
    assert left(there) == []
    assert left(done) == ["README", "README.1", "README.2", "orders.1.edi", "orders.2.edi", "orders.edi"]
    assert (done.local / "orders.2.edi").read_bytes() == b"wednesday"
    async with visit() as here:
        assert sorted(await here.contents()) == sorted([b"monday", b"tuesday", b"wednesday"] * 2)


async def test_what_stays_is_known_again_until_it_changes(visit, there):
    put(there, "orders.edi", b"first", modified_s=1_700_000_100)
    async with visit({"then": "leave"}) as here:
        await here.round()
        await here.pass_s(900)
        assert await here.contents() == [b"first"]
        assert left(there) == ["orders.edi"]
        put(there, "orders.edi", b"other", modified_s=1_700_000_200)
        await here.pass_s(900)
        assert await here.contents() == [b"first", b"other"]
        # The same again under the same name is the one that was there.
        put(there, "orders.edi", b"first", modified_s=1_700_000_300)
        await here.pass_s(900)
        assert await here.contents() == [b"first", b"other"]
        assert here.metrics.sftp_fetches.values == {("fetched",): 2, ("duplicate",): 1}
        assert (await here.folder()).files_fetched == 2
        # Seen once a day, it does not go with age; unseen it does.
        path = f"{there.remote}/orders.edi".encode()
        await here.pass_s(86_400)
        assert (await here.files())[path].seen_at_ms == here.clock.now_ms
        (there.local / "orders.edi").unlink()
        await here.pass_s(89 * 86_400)
        await here.collecting.upkeep()
        assert path in await here.files()
        here.clock.pass_s(2 * 86_400)
        here.collecting._purged_at_s = None
        await here.collecting.upkeep()
        assert await here.files() == {}


async def test_a_file_is_fetched_once_it_has_not_changed_for_its_time(visit, there):
    put(there, "large.edi", b"begin", modified_s=1_700_000_100)
    async with visit({"stable_s": 10}) as here:
        await here.round()
        folder = await here.folder()
        assert (folder.files_growing, folder.next_look_at_ms) == (1, here.clock.now_ms + 10_000)
        put(there, "large.edi", b"begin, more", modified_s=1_700_000_105)
        await here.pass_s(10)
        assert await here.kept() == []
        put(there, "large.edi", b"begin, less", modified_s=1_700_000_109)
        await here.pass_s(10)
        # What goes on growing is looked at less often.
        assert (await here.folder()).next_look_at_ms == here.clock.now_ms + 20_000
        await here.pass_s(9)
        assert await here.kept() == []
        await here.pass_s(11)
        assert await here.contents() == [b"begin, less"]
        assert left(there) == []
        assert (await here.folder()).files_growing == 0


async def test_patterns_say_which_files_and_folders(visit, there):
    inside = {name: make(there, name) for name in ("acme-1", "acme-2", "other", ".hidden", "done")}
    (there.local / "acme-link").symlink_to(there.local / "other")
    put(inside["acme-1"], "a.edi", b"a")
    put(inside["acme-1"], "a.EDI", b"another case")
    put(inside["acme-2"], "b.xml", b"b")
    put(inside["acme-2"], "b.edi.part", b"half")
    put(inside["acme-2"], "c[1].edi", b"c")
    put(inside["acme-2"], "empty.edi", b"")
    put(inside["other"], "d.edi", b"d")
    (inside["acme-2"].local / "link.edi").symlink_to(inside["other"].local / "d.edi")
    make(inside["acme-2"], "folder.edi")
    terms = {"files": ["?.edi", "*.xml", "c[1]*"], "folder": f"{there.remote}/acme-*", "then": "delete"}
    async with visit(terms) as here:
        await here.round()
        assert sorted(await here.names()) == ["a.edi", "b.xml", "c[1].edi"]
        assert left(inside["acme-1"]) == ["a.EDI"]
        assert left(inside["acme-2"]) == ["b.edi.part", "empty.edi", "folder.edi", "link.edi"]
        assert left(inside["other"]) == ["d.edi"]
        terms = {"files": "*", "folder": f"{there.remote}/*", "then": "move", "move_to": f"{there.remote}/done"}
    async with visit(terms) as here:
        here.clock.pass_s(3_600)
        await here.round()
        assert left(inside["done"]) == ["a.EDI", "d.edi"]
        assert (await here.folder()).files_empty == 1
        assert left(there) == [".hidden", "acme-1", "acme-2", "acme-link", "done", "other"]


async def test_names_are_data(visit, there):
    names = [b"caf\xe9.edi", "café.edi".encode(), b"a b;rm -rf.edi", b"-rf", b"..edi", b"back\\slash.edi", b"x" * 255]
    for number, name in enumerate(names):
        put(there, name, b"%d" % number)
    put(there, b"line\nbreak.edi", b"never")
    async with visit({"except_files": "*.part"}) as here:
        await here.round()
        assert sorted(await here.contents()) == [b"%d" % number for number in range(len(names))]
        assert set(await here.names()) == {
            "caf\\xe9.edi",
            "café.edi",
            "a b;rm -rf.edi",
            "-rf",
            "..edi",
            "back\\x5cslash.edi",
            "x" * 255,
        }
        assert left(there) == ["line\nbreak.edi"]
        assert (await here.folder()).files_stuck == 1


async def test_a_file_that_is_too_large_stays_and_is_told_once(visit, there):
    put(there, "large.edi", b"x" * 2_000, modified_s=1_700_000_100)
    put(there, "small.edi", b"small")
    async with visit(limits={"body_bytes_max": 1_024}) as here:
        await here.round()
        assert await here.contents() == [b"small"]
        case = (await here.open_cases())["remote_file"]
        assert "large.edi" in case.reason
        assert "2,000 bytes" in case.reason
        assert (await here.folder()).files_stuck == 1
        await here.pass_s(900)
        assert (await here.open_cases())["remote_file"].opened_at_ms == case.opened_at_ms
        put(there, "large.edi", b"x" * 1_000, modified_s=1_700_000_200)
        await here.pass_s(900)
        assert await here.open_cases() == {}
        assert len(await here.kept()) == 2


async def test_what_may_not_be_removed_is_not_fetched_again_and_goes_once_it_can(visit, there):
    put(there, "orders.edi", b"order")
    there.local.chmod(0o555)
    try:
        async with visit() as here:
            for looks in range(1, 6):
                await here.round()
                assert await here.contents() == [b"order"]
                file = (await here.files())[f"{there.remote}/orders.edi".encode()]
                assert (file.attempts, (await here.folder()).files_stuck) == (looks, 1)
                assert ("remote_file" in await here.open_cases()) == (looks == 5)
                here.clock.pass_s(900)
            case = (await here.open_cases())["remote_file"]
            assert file.message_id in case.detail
            assert (await here.folder()).failures == 0
            there.local.chmod(0o777)
            await here.round()
            assert left(there) == []
            assert await here.open_cases() == {}
            assert (await here.folder()).files_stuck == 0
    finally:
        there.local.chmod(0o777)


async def test_another_file_under_the_name_is_never_removed(visit, there):
    """It came between our reading and our removing: it is fetched as any file is."""
    path = put(there, "orders.edi", b"first", modified_s=1_700_000_100)
    async with visit({"then": "delete"}) as here:
        keep = here.reception.keep

        async def slowly(*arguments, **named):
            acceptance = await keep(*arguments, **named)
            if path.read_bytes() == b"first":
                put(there, "orders.edi", b"other", modified_s=1_700_000_200)
            return acceptance

        here.reception.keep = slowly
        await here.round()
        assert path.read_bytes() == b"other"
        await here.pass_s(900)
        assert await here.contents() == [b"first", b"other"]
        assert left(there) == []


async def test_what_was_durable_before_the_end_is_only_removed(visit, there):
    """The process ended between the commit and the removal; with its row, and without it."""
    put(there, "orders.edi", b"order")
    path = f"{there.remote}/orders.edi".encode()
    async with visit({"then": "leave"}) as here:
        await here.round()
    async with visit() as here:
        here.clock.pass_s(900)
        await here.round()
        assert (await here.contents(), left(there)) == ([b"order"], [])
        put(there, "orders.edi", b"order")
        await here.do(remote_files.forget, "acme", "orders", [path])
        await here.pass_s(900)
        assert (await here.contents(), left(there)) == ([b"order"], [])
        assert here.metrics.sftp_fetches.values == {("duplicate",): 1}


async def test_many_files_come_in_several_looks_at_once(visit, there):
    for number in range(25):
        put(there, f"{number:02}.edi", b"%d" % number, modified_s=1_700_000_000 + number)
    async with visit({"files_per_look_max": 10, "files_at_once": 16}) as here:
        await here.round()
        folder = await here.folder()
        assert (folder.files_fetched, folder.files_waiting, folder.next_look_at_ms) == (10, 15, here.clock.now_ms)
        await here.round()
        await here.round()
        assert await here.contents() == [b"%d" % number for number in range(25)]
        assert (await here.folder()).next_look_at_ms > here.clock.now_ms


async def test_of_suspended_partners_files_are_fetched_and_held_and_of_drafts_not(visit, there, openssh):
    put(there, "orders.edi", b"order")
    async with visit({}, status="draft") as here:
        await here.round()
        assert left(there) == ["orders.edi"]
        assert await here.see(remote_folders.every) == []
        here.change(profile("acme", server_terms(openssh, {"folder": there.remote}), status="suspended"))
        await here.round()
        [message] = await here.kept()
        assert (message.state, left(there)) == ("held", [])


async def test_a_file_that_may_not_be_read_keeps_nobody_from_the_others(visit, there):
    path = put(there, "closed.edi", modified_s=1_700_000_100)
    path.chmod(0)
    async with visit() as here:
        for looks in range(1, 6):
            put(there, "open.edi", b"%d" % looks)
            await here.round()
            assert left(there) == ["closed.edi"]
            assert (await here.folder()).files_stuck == 1
            assert ("remote_file" in await here.open_cases()) == (looks == 5)
            here.clock.pass_s(900)
        assert "permitted" in (await here.open_cases())["remote_file"].reason
        path.chmod(0o644)
        await here.round()
        assert (left(there), await here.open_cases(), len(await here.kept())) == ([], {}, 6)
