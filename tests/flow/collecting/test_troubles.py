"""When something is wrong there, or here: tries that come later, cases that end by themselves, nothing lost."""

import asyncio

import pytest

from gateway.flow.collecting import acts
from gateway.flow.collecting.views import folder_views
from gateway.flow.held_room import HeldRoom
from gateway.flow.operations import Actor, NotPossible, Unknown, give_up, retry_case
from gateway.flow.receive import Reception
from gateway.store import remote_folders
from gateway.store.oversight import audit
from tests.flow.collecting.visiting import WITHIN_S, here_over, left, make, profile, put, server_terms
from tests.services.openssh import RemoteFolder, SshServer

ANN = Actor("operator:ann")


@pytest.fixture
def there(openssh: SshServer) -> RemoteFolder:
    return openssh.fresh_folder()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 's.db'}"
    return request.getfixturevalue("migrated_database_url")


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 's.db'}"


async def test_a_server_that_is_down_is_tried_later_and_later_and_then_looked_into(store_url, openssh, there, tmp_path):
    put(there, "orders.edi")
    other = {"name": "other", "folder": there.remote, "files": "*.xml"}
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}, other))
    openssh.stop()
    async with here_over(store_url, openssh.client_key, tmp_path, acme) as here:
        await here.round()
        server = await here.server()
        assert (server.failures, server.next_try_at_ms - here.clock.now_ms) == (1, pytest.approx(60_000, abs=60))
        assert "nothing listens there" in server.reason
        began_ms = here.clock.now_ms
        for minutes, failures in ((1, 2), (2, 3), (4, 4), (8, 5), (16, 6)):
            # Both folders wait for one connection.
            await here.pass_s(60 * minutes - 1)
            assert (await here.server()).failures == failures - 1
            await here.pass_s(1)
            assert (await here.server()).failures == failures
            assert ("remote_server" in await here.open_cases()) == (failures >= 5)
        assert here.metrics.sftp_looks.values == {("unreachable",): 7}
        case = (await here.open_cases())["remote_server"]
        assert (case.partner_id, case.attempts) == ("acme", 6)
        assert case.opened_at_ms == began_ms + 15 * 60_000
        openssh.start()
        await here.pass_s(32 * 60)
        assert await here.server() is None
        assert await here.open_cases() == {}
        await here.round()
        assert (left(there), len(await here.kept())) == ([], 1)
        folder = await here.folder()
        assert (folder.failures, folder.reason, (await here.folder("other")).failures) == (0, "", 0)


async def test_a_folder_that_is_missing_keeps_nobody_from_its_neighbours(url, openssh, there, tmp_path):
    missing = {"name": "missing", "folder": f"{there.remote}/missing"}
    acme = profile("acme", server_terms(openssh, {"folder": there.remote, "every_minutes": 1}, missing))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        for failures in range(1, 6):
            put(there, f"{failures}.edi", b"%d" % failures)
            await here.round()
            assert len(await here.kept()) == failures
            folder = await here.folder("missing")
            assert folder.failures == failures
            assert "is not there" in folder.reason
            assert ("remote_folder" in await here.open_cases()) == (failures == 5)
            here.clock.pass_s(60 * 2 ** (failures - 1))
        case = (await here.open_cases())["remote_folder"]
        # A person has closed it: it stays closed while the same goes on.
        await here.do(give_up, case.id, ANN, here.clock.now_ms, why="they know")
        await here.round()
        assert (await here.folder("missing")).failures == 6
        assert await here.open_cases() == {}
        make(there, "missing")
        await here.pass_s(3_600)
        assert (await here.folder("missing")).failures == 0


async def test_one_forbidden_folder_of_several_is_told_and_the_others_are_fetched(url, openssh, there, tmp_path):
    make(there, "a", mode=0)
    put(make(there, "b"), "order.edi")
    acme = profile("acme", server_terms(openssh, {"folder": f"{there.remote}/*"}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        await here.round()
        assert len(await here.kept()) == 1
        folder = await here.folder()
        assert (folder.failures, "/a" in folder.reason, "permitted" in folder.reason) == (1, True, True)


async def test_folders_follow_the_profiles(store_url, openssh, there, tmp_path):
    put(there, "orders.edi")
    terms = server_terms(openssh, {"folder": there.remote})
    strange = terms | {"host_keys": ["SHA256:" + "A" * 43]}
    async with here_over(store_url, openssh.client_key, tmp_path, profile("acme", strange)) as here:
        await here.round()
        assert "host_keys" in (await here.server()).reason
        # What is put right is tried at once, and a folder more is looked into at once.
        two = [*terms["fetch"], {"name": "more", "folder": there.remote, "files": "*.xml", "cron": "0 6 * * *"}]
        here.change(profile("acme", terms | {"fetch": two}))
        await here.round()
        assert (await here.server(), len(await here.kept())) == (None, 1)
        assert (await here.folder("more")).looked_at_ms is None
        assert (await here.folder("more")).next_look_at_ms > here.clock.now_ms
        before = await here.folder()
        here.change(profile("acme", terms | {"fetch": two}, name="Another name"))
        await here.round()
        assert await here.folder() == before
        here.change(profile("acme", terms | {"fetch": [two[1]]}))
        await here.round()
        assert [folder.name for folder in await here.see(remote_folders.every)] == ["more"]
        here.change()
        await here.round()
        assert await here.see(remote_folders.every) == []


async def test_a_folder_that_another_node_does_not_know_yet_comes_back(store_url, openssh, there, tmp_path):
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(store_url, openssh.client_key, tmp_path, acme) as here:
        await here.round()
        before = await here.folder()
        await here.do(remote_folders.follow, [remote_folders.Wanted("other", "orders", "terms", None)])
        await here.collecting.upkeep()
        found = {folder.partner_id: folder for folder in await here.see(remote_folders.every)}
        assert set(found) == {"acme", "other"}
        assert found["acme"].terms == before.terms


async def test_the_case_of_a_server_ends_with_its_place_in_the_profile(url, openssh, there, tmp_path):
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}, port=1))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        await here.round()
        for minutes in (1, 2, 4, 8):
            await here.pass_s(60 * minutes)
        assert set(await here.open_cases()) == {"remote_server"}
        here.change()
        await here.round()
        assert (await here.open_cases(), await here.server()) == ({}, None)


async def test_people_have_folders_looked_into_held_and_resumed(store_url, openssh, there, tmp_path):
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}, {"name": "late", "folder": there.remote}))
    async with here_over(store_url, openssh.client_key, tmp_path, acme) as here:
        await here.round()
        put(there, "orders.edi")
        here.clock.pass_s(1)
        await here.do(acts.look_now, "acme", "orders", ANN, here.clock.now_ms)
        await here.round()
        assert len(await here.kept()) == 1
        await here.do(acts.hold, "acme", None, ANN, here.clock.now_ms, why="they move")
        put(there, "more.edi")
        await here.pass_s(3_600)
        assert left(there) == ["more.edi"]
        with pytest.raises(NotPossible, match="they move"):
            await here.do(acts.look_now, "acme", None, ANN, here.clock.now_ms)
        await here.do(acts.resume, "acme", "orders", ANN, here.clock.now_ms)
        await here.round()
        assert left(there) == []
        assert (await here.folder("late")).held == "they move (operator:ann)"
        with pytest.raises(Unknown, match="orders"):
            await here.do(acts.hold, "acme", "order", ANN, here.clock.now_ms, why="")
        with pytest.raises(Unknown, match="sftp_server"):
            await here.do(acts.resume, "acmes", None, ANN, here.clock.now_ms)
        acted = [(act.action, act.actor) for act in await here.see(audit.find)]
        assert acted == [(f"sftp.{word}", ANN.name) for word in ("resume", "hold", "look")]


async def test_a_look_that_is_asked_for_while_one_is_under_way_comes_after_it(url, openssh, there, tmp_path):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        keep = here.reception.keep

        async def slowly(*arguments, **named):
            put(there, "late.edi")
            await here.do(acts.look_now, "acme", None, ANN, here.clock.now_ms + 1)
            here.reception.keep = keep
            return await keep(*arguments, **named)

        here.reception.keep = slowly
        await here.round()
        assert left(there) == ["late.edi"]
        await here.pass_s(1)
        assert left(there) == []


async def test_a_case_that_is_tried_again_has_a_look_at_once(url, openssh, there, tmp_path):
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    put(there, "orders.edi", b"x" * 2_000)
    async with here_over(url, openssh.client_key, tmp_path, acme, body_bytes_max=1_024) as here:
        await here.round()
        case = (await here.open_cases())["remote_file"]
        put(there, "orders.edi", b"x" * 1_000)
        here.clock.pass_s(1)
        await here.do(retry_case, case.id, ANN, here.clock.now_ms)
        await here.round()
        assert (len(await here.kept()), await here.open_cases()) == (1, {})
        put(there, "more.edi", b"x" * 2_000)
        await here.pass_s(900)
        assert set(await here.open_cases()) == {"remote_file"}
        here.change()
        await here.round()
        assert await here.open_cases() == {}


async def test_while_nothing_can_be_kept_nothing_is_removed(url, openssh, there, tmp_path):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    is_low = True
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        here.reception = Reception(here.database, here.ids, here.clock, lambda: None, disk_is_low=lambda: is_low)
        here.collecting = here.new_collecting("one")
        await here.round()
        folder = await here.folder()
        assert (left(there), folder.failures, "kept" in folder.reason) == (["orders.edi"], 0, True)
        assert folder.next_look_at_ms == here.clock.now_ms + 60_000
        is_low = False
        await here.pass_s(60)
        assert (left(there), (await here.folder()).reason) == ([], "")


async def test_a_suspended_partner_with_too_much_held_keeps_the_rest_at_home(url, openssh, there, tmp_path):
    for number in range(4):
        put(there, f"{number}.edi", b"x" * 30_000, modified_s=1_700_000_000 + number)
    acme = profile("acme", server_terms(openssh, {"folder": there.remote, "files_at_once": 1}), status="suspended")
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        room = HeldRoom(here.database, 65_536, here.clock)
        here.reception = Reception(here.database, here.ids, here.clock, lambda: None, held_room=room)
        here.collecting = here.new_collecting("one")
        await here.round()
        folder = await here.folder()
        assert left(there) == ["2.edi", "3.edi"]
        assert (folder.failures, folder.files_waiting) == (0, 2)
        assert folder.reason
        assert folder.next_look_at_ms > here.clock.now_ms


async def test_one_process_of_several_looks_into_a_folder(store_url, openssh, there, tmp_path):
    for number in range(40):
        put(there, f"{number}.edi", b"%d" % number)
    folders = [{"name": f"f{digit}", "folder": there.remote, "files": f"*{digit}.edi"} for digit in range(10)]
    acme = profile("acme", server_terms(openssh, *folders))
    houses = [here_over(store_url, openssh.client_key, tmp_path, acme) for _ in range(2)]
    async with houses[0] as here, houses[1] as another:
        another.collecting = another.new_collecting("another")
        while left(there):
            await asyncio.gather(here.round(), another.round())
        assert sorted(await here.contents()) == sorted(b"%d" % number for number in range(40))
        fetched = [one.metrics.sftp_fetches.values for one in (here, another)]
        assert sum(one.get(("fetched",), 0) for one in fetched) == 40
        looks = [one.metrics.sftp_looks.values.get(("done",), 0) for one in (here, another)]
        assert sum(looks) == 10
        assert min(looks) > 0


async def test_the_claim_of_a_process_that_is_gone_runs_out(store_url, openssh, there, tmp_path):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(store_url, openssh.client_key, tmp_path, acme) as here:
        await here.collecting._follow()
        now_ms = here.clock.now_ms
        folder = await here.folder()
        assert await here.do(remote_folders.claim, folder, "gone", now_ms, now_ms + 60_000)
        assert not await here.do(remote_folders.claim, folder, "other", now_ms, now_ms + 60_000)
        assert await here.do(remote_folders.renew, folder, "gone", now_ms + 90_000)
        await here.pass_s(90)
        assert left(there) == ["orders.edi"]
        await here.pass_s(1)
        assert left(there) == []
        assert not await here.do(remote_folders.renew, folder, "gone", now_ms + 120_000)


async def test_at_the_end_what_is_under_way_is_finished_and_the_rest_given_back(url, openssh, there, tmp_path):
    for number in range(20):
        put(there, f"{number:02}.edi", b"%d" % number, modified_s=1_700_000_000 + number)
    acme = profile("acme", server_terms(openssh, {"folder": there.remote, "files_at_once": 1}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        keep = here.reception.keep
        drains = []

        async def then_end(*arguments, **named):
            drains.append(asyncio.create_task(here.collecting.drain(10)))
            return await keep(*arguments, **named)

        here.reception.keep = then_end
        await here.round()
        await asyncio.gather(*drains)
        assert await here.contents() == [b"0"]
        assert len(left(there)) == 19
        folder = await here.folder()
        assert (folder.claimed_by, folder.files_waiting, folder.next_look_at_ms) == ("", 19, here.clock.now_ms)


async def test_at_the_end_what_takes_too_long_is_broken_off_and_given_back(url, openssh, there, tmp_path):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        reached = asyncio.Event()
        keep = here.reception.keep

        async def never(*_arguments, **_named):
            reached.set()
            await asyncio.Event().wait()

        here.reception.keep = never
        await here.collecting.take()
        await reached.wait()
        await here.collecting.drain(0)
        assert not here.collecting.under_way
        here.reception.keep = keep
        await here.round(here.new_collecting("the next life"))
        assert (left(there), len(await here.kept())) == ([], 1)


async def test_a_claim_is_lengthened_while_a_look_lasts(url, openssh, there, tmp_path):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        collecting = here.new_collecting("slow", lease_s=0.04)
        reached, goes_on = asyncio.Event(), asyncio.Event()
        keep = here.reception.keep

        async def slowly(*arguments, **named):
            reached.set()
            await goes_on.wait()
            return await keep(*arguments, **named)

        here.reception.keep = slowly
        await collecting.take()
        await reached.wait()
        here.clock.pass_s(100)
        async with asyncio.timeout(WITHIN_S):
            while (await here.folder()).claimed_until_ms <= here.clock.now_ms:
                await asyncio.sleep(0.005)
        # Somebody else has taken it after all: both come to an end, and the file is here once.
        here.reception.keep = keep
        await here.do(remote_folders.release_claims, "slow")
        await here.round(here.new_collecting("another"))
        goes_on.set()
        await here.round(collecting)
        assert (left(there), len(await here.kept())) == ([], 1)


async def test_a_fault_of_ours_counts_for_nobody(url, openssh, there, tmp_path, caplog):
    put(there, "orders.edi")
    acme = profile("acme", server_terms(openssh, {"folder": there.remote}))
    async with here_over(url, openssh.client_key, tmp_path, acme) as here:
        keep = here.reception.keep

        async def broken(*_arguments, **_named):
            raise RuntimeError("of ours")

        here.reception.keep = broken
        await here.round()
        folder = await here.folder()
        assert (folder.failures, "RuntimeError" in folder.reason, left(there)) == (0, True, ["orders.edi"])
        assert "a look failed by our own fault" in caplog.text
        here.reception.keep = keep
        await here.pass_s(60)
        assert left(there) == []


async def test_another_host_key_is_told_at_once_and_is_over_with_the_profile(store_url, openssh, there, tmp_path):
    put(there, "orders.edi")
    terms = server_terms(openssh, {"folder": there.remote})
    strange = profile("acme", terms | {"host_keys": ["SHA256:" + "A" * 43]})
    async with here_over(store_url, openssh.client_key, tmp_path, strange) as here:
        await here.round()
        case = (await here.open_cases())["remote_server"]
        assert (case.attempts, case.reason.startswith("host-key: ")) == (1, True)
        assert "`sftp_server.host_keys`" in case.detail
        (view,) = await here.see(folder_views, here.directory, here.clock.now_ms)
        assert view["state"] == "host key changed"
        # Who closed it has decided, for as long as it is the same.
        await here.do(give_up, case.id, ANN, here.clock.now_ms, why="we ask them")
        await here.pass_s(60)
        assert ((await here.server()).failures, await here.open_cases()) == (2, {})
        here.change(profile("acme", terms | {"host_keys": ["SHA256:" + "B" * 43]}))
        await here.round()
        assert set(await here.open_cases()) == {"remote_server"}
        # No try finds it then, but the look that the new profile asks for.
        here.change(profile("acme", terms))
        await here.round()
        assert (await here.open_cases(), left(there)) == ({}, [])


async def test_another_host_key_is_told_although_a_server_that_was_down_was_closed(url, openssh, there, tmp_path):
    terms = server_terms(openssh, {"folder": there.remote}, host_keys=["SHA256:" + "A" * 43])
    openssh.stop()
    async with here_over(url, openssh.client_key, tmp_path, profile("acme", terms)) as here:
        await here.round()
        for minutes in (1, 2, 4, 8):
            await here.pass_s(60 * minutes)
        case = (await here.open_cases())["remote_server"]
        await here.do(give_up, case.id, ANN, here.clock.now_ms, why="they move")
        openssh.start()
        await here.pass_s(16 * 60)
        again = (await here.open_cases())["remote_server"]
        assert (again.attempts, again.reason.startswith("host-key: ")) == (6, True)
