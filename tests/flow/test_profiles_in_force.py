"""Which profiles are in force: what a change, a broken file, a restart and a second node make of it."""

import shutil
import time

import jsonschema
import orjson
import pytest

from gateway.flow.housekeeping import Housekeeping
from gateway.flow.profiles_in_force import ProfilesInForce
from gateway.flow.terms import TermsOfProfiles
from gateway.model.notices import NOTICES
from gateway.settings import load_settings
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile, unpack
from tests.flow.line import line_over
from tests.migrated import migrate
from tests.partners.profiles import ACME, NORTHWIND, write
from tests.site import Site, acknowledgment_855

BROKEN = ACME + "stauts: live\n"
RIVAL = ACME.replace("acme-supply", "rival").replace("ACMESUPPLY", "RIVAL")  # the same AS2 id


class House:
    """One node's look at the partners over a store: files are changed, then it looks again."""

    def __init__(self, site: Site, url: str | None) -> None:
        self.settings = load_settings(site.config, {}).settings
        self.settings.data_dir.mkdir(exist_ok=True)
        self.partners = self.settings.partners_dir
        shutil.rmtree(self.partners)
        self.partners.mkdir()
        self.url = url or self.settings.resolved_database_url()
        self.database = Database(self.url)
        migrate(self.database)
        self.database.start()
        self.now_ms = 1_000
        self.moved: list[tuple[str, ...]] = []
        self.woken = 0
        self.node = self.another()

    def another(self, **changed: object) -> ProfilesInForce:
        """Another node, or this one started again."""

        async def moved(partner_ids: object) -> None:
            self.moved.append(tuple(partner_ids))  # type: ignore[arg-type]

        def announced() -> None:
            self.woken += 1

        settings = self.settings.model_copy(update=changed)
        return ProfilesInForce(
            self.database,
            settings,
            now_ms=lambda: self.now_ms,
            metrics=Metrics(),
            statuses_changed=moved,
            announced=announced,
        )

    async def look(self, node: ProfilesInForce | None = None, at_ms: int | None = None) -> None:
        self.now_ms = at_ms if at_ms is not None else self.now_ms + 1_000
        await (node or self.node).refresh()

    async def told(self) -> list[tuple[str, str]]:
        """What was announced since the last time: event and partner."""
        return [(event.event, event.partner) for event in await self._events()]

    async def bodies(self) -> list[dict]:
        return [orjson.loads(event.body) for event in await self._events()]

    async def _events(self) -> list:
        found = []
        while batch := await self.database.write(
            lambda connection: outbox.claim(connection, "test", 10**15, lease_ms=60_000, limit=100)
        ):
            for event in batch:
                await self.database.write(lambda connection, event=event: outbox.confirm(connection, event, 10**15))
            found += batch
        return found

    async def states(self) -> dict[str, partner_states.Known]:
        return await self.database.read(partner_states.every)

    def digest(self, partner: str, node: ProfilesInForce | None = None) -> str | None:
        loaded = (node or self.node).directory.by_id(partner)
        return loaded.digest if loaded is not None else None


@pytest.fixture
def house(site: Site, store_url: str | None):
    house = House(site, store_url)
    yield house
    house.database.close()


async def test_what_the_first_start_finds_is_kept_and_no_news(house: House) -> None:
    write(house.partners, "acme-supply", ACME)
    await house.look()
    state = (await house.states())["acme-supply"]
    assert (state.digest, state.status, state.in_force_since_ms) == (house.digest("acme-supply"), "live", 2_000)
    assert (state.problems, state.problems_since_ms) == ((), None)
    assert await house.told() == []
    assert house.moved == [("acme-supply",)]
    packed = await house.database.read(lambda connection: profiles.get(connection, state.digest or ""))
    assert packed is not None
    assert unpack(packed) == house.node.directory.by_id("acme-supply")


async def test_a_change_a_new_partner_and_a_removed_one_are_told_once(house: House) -> None:
    write(house.partners, "acme-supply", ACME)
    await house.look()
    write(house.partners, "acme-supply", ACME.replace("Inc.", "Ltd."))
    write(house.partners, "northwind-parts", NORTHWIND)
    await house.look()
    assert sorted(await house.told()) == [("in_force", "acme-supply"), ("in_force", "northwind-parts")]
    assert house.woken == 1
    await house.look()
    assert await house.told() == []
    shutil.rmtree(house.partners / "northwind-parts")
    await house.look()
    assert await house.told() == [("removed", "northwind-parts")]
    assert list(await house.states()) == ["acme-supply"]
    assert house.node.directory.by_id("northwind-parts") is None


async def test_a_broken_file_leaves_the_last_good_version_and_is_told(house: House) -> None:
    write(house.partners, "acme-supply", ACME)
    await house.look()
    good = house.digest("acme-supply")
    write(house.partners, "acme-supply", BROKEN)
    await house.look(at_ms=5_000)
    assert house.digest("acme-supply") == good
    (body,) = await house.bodies()
    jsonschema.validate(body, dict(NOTICES["partner_profile"]))
    assert (body["profile"], body["status"]) == (good, "live")
    assert body["problems"] == ["acme-supply/profile.yaml:10:1: there is no key `stauts`; did you mean `status`?"], (
        "the folder is another on each node"
    )
    assert f"version {good[:12]} stays in force" in body["reason"]
    state = (await house.states())["acme-supply"]
    assert (state.digest, state.in_force_since_ms, state.problems_since_ms) == (good, 2_000, 5_000)
    assert state.problems == tuple(body["problems"])
    assert house.node._metrics.gauges["gateway_partner_profiles_refused"][1] == 1

    await house.look()
    assert await house.told() == []
    write(house.partners, "acme-supply", BROKEN.replace("stauts", "statsu"))  # broken otherwise
    await house.look()
    assert await house.told() == [("rejected", "acme-supply")]
    write(house.partners, "acme-supply", ACME)
    await house.look()
    assert await house.told() == [], "what was in force still is"
    state = (await house.states())["acme-supply"]
    assert (state.digest, state.problems, state.problems_since_ms) == (good, (), None)
    assert house.node._metrics.gauges["gateway_partner_profiles_refused"][1] == 0


async def test_a_partner_who_never_had_a_good_profile(house: House) -> None:
    write(house.partners, "northwind-parts", NORTHWIND)
    await house.look()
    write(house.partners, "acme-supply", BROKEN)
    write(house.partners, "No Partner", BROKEN)  # no name that a partner can have
    await house.look()
    (body,) = await house.bodies()
    assert (body["partner_id"], body["profile"], body["status"]) == ("acme-supply", None, None)
    state = (await house.states())["acme-supply"]
    assert (state.digest, state.status, state.in_force_since_ms) == (None, None, None)
    assert state.problems
    write(house.partners, "acme-supply", ACME)
    await house.look(at_ms=9_000)
    state = (await house.states())["acme-supply"]
    assert (state.digest, state.in_force_since_ms, state.problems) == (house.digest("acme-supply"), 9_000, ())
    assert await house.told() == [("in_force", "acme-supply")]


async def test_a_broken_partner_whose_folder_goes(house: House) -> None:
    write(house.partners, "acme-supply", BROKEN)
    await house.look()
    shutil.rmtree(house.partners / "acme-supply")
    await house.look()
    assert await house.states() == {}


class TestRestart:
    async def test_with_a_broken_file_the_last_good_version_stays(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        write(house.partners, "northwind-parts", NORTHWIND)
        await house.look()
        write(house.partners, "acme-supply", BROKEN)
        again = house.another()
        await house.look(again)
        assert house.digest("acme-supply", again) == house.digest("acme-supply")
        loaded = again.directory.by_id("acme-supply")
        assert loaded is not None
        assert loaded.path == str(house.partners / "acme-supply" / "profile.yaml")
        assert again.directory.by_as2_id("ACME-AS2") is loaded
        assert list(again.directory.refused) == ["acme-supply"]
        assert await house.told() == [("rejected", "acme-supply")]
        assert house.moved[-1] == ("acme-supply", "northwind-parts")
        await house.look(house.another())
        assert await house.told() == [], "it was told before"

    async def test_what_changed_meanwhile_is_told(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        write(house.partners, "northwind-parts", NORTHWIND)
        await house.look()
        write(house.partners, "acme-supply", ACME + "status: suspended\n")
        shutil.rmtree(house.partners / "northwind-parts")
        await house.look(house.another())
        assert sorted(await house.told()) == [("in_force", "acme-supply"), ("removed", "northwind-parts")]
        assert (await house.states())["acme-supply"].status == "suspended"

    async def test_an_id_that_is_claimed_twice_stays_with_who_had_it(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        await house.look()
        write(house.partners, "rival", RIVAL)
        again = house.another()
        await house.look(again)
        loaded = again.directory.by_as2_id("ACME-AS2")
        assert loaded is not None
        assert loaded.id == "acme-supply"
        assert list(again.directory.refused) == ["rival"]
        assert await house.told() == [("rejected", "rival")]

    async def test_a_folder_that_cannot_be_read_takes_no_partner_away(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        await house.look()
        house.partners.rename(house.partners.with_name("elsewhere"))
        again = house.another()
        await house.look(again)
        assert house.digest("acme-supply", again) == house.digest("acme-supply")
        assert await house.told() == []
        house.partners.with_name("elsewhere").rename(house.partners)
        await house.look(again)
        assert again.directory.was_read
        assert list(await house.states()) == ["acme-supply"]
        assert await house.told() == []

    async def test_a_volume_that_is_not_mounted_takes_no_partner_away(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        write(house.partners, "northwind-parts", NORTHWIND)
        await house.look()
        volume = house.partners.rename(house.partners.with_name("volume"))
        house.partners.mkdir()
        again = house.another()
        for node in (house.node, again):
            for _ in range(2):
                await house.look(node)
            assert {loaded.id for loaded in node.directory} == {"acme-supply", "northwind-parts"}
            assert node._metrics.profile_problems.values[()] == 1
        assert await house.told() == []
        assert list(await house.states()) == ["acme-supply", "northwind-parts"]
        shutil.rmtree(volume / "northwind-parts")
        house.partners.rmdir()
        volume.rename(house.partners)
        await house.look(again)
        assert await house.told() == [("removed", "northwind-parts")], "one entry is left, so this is meant"

    async def test_with_one_version_understood_of_two_an_empty_folder_removes_nobody(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        write(house.partners, "northwind-parts", NORTHWIND)
        await house.look()
        digest = house.digest("northwind-parts")
        await house.database.write(
            lambda connection: connection.exec_driver_sql(f"DELETE FROM profile WHERE digest = '{digest}'")
        )
        shutil.rmtree(house.partners)
        house.partners.mkdir()
        again = house.another()
        await house.look(again)
        assert [loaded.id for loaded in again.directory] == ["acme-supply"]
        assert await house.told() == []
        assert len(await house.states()) == 2

    async def test_a_version_that_is_no_longer_understood(self, house: House) -> None:
        write(house.partners, "acme-supply", ACME)
        await house.look()
        await house.database.write(
            lambda connection: (
                connection.exec_driver_sql("UPDATE profile SET packed = CAST('{}' AS BLOB)")
                if house.database.is_sqlite
                else connection.exec_driver_sql("UPDATE profile SET packed = CAST('{}' AS BYTEA)")
            )
        )
        write(house.partners, "acme-supply", BROKEN)
        again = house.another()
        await house.look(again)
        assert len(again.directory) == 0


async def test_two_nodes_tell_a_change_once(house: House) -> None:
    write(house.partners, "acme-supply", ACME)
    other = house.another()
    await house.look()
    await house.look(other)
    for text in (ACME + "status: testing\n", BROKEN, ACME):
        write(house.partners, "acme-supply", text)
        await house.look()
        await house.look(other)
        assert len(await house.told()) == 1, text
    assert house.digest("acme-supply", other) == house.digest("acme-supply")


async def test_changed_statuses_are_passed_on_until_it_worked(house: House) -> None:
    write(house.partners, "acme-supply", ACME + "status: suspended\n")
    write(house.partners, "northwind-parts", NORTHWIND)
    await house.look()
    assert house.moved == [("acme-supply", "northwind-parts")]
    write(house.partners, "acme-supply", ACME)
    moves, calls = house.node._statuses_changed, []

    async def fails(partner_ids: object) -> None:
        calls.append(partner_ids)
        assert house.node.directory.by_id("acme-supply").profile.status == "live", "it is in force by then"
        raise RuntimeError

    house.node._statuses_changed = fails
    with pytest.raises(RuntimeError):
        await house.look()
    house.node._statuses_changed = moves
    await house.look()
    await house.look()
    assert (calls, house.moved[1:]) == ([("acme-supply",)], [("acme-supply",)])
    write(house.partners, "acme-supply", ACME.replace("Inc.", "Ltd."))
    await house.look()
    assert len(house.moved) == 2, "another name is no other status"


async def test_nothing_is_written_while_nothing_changes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write(house.partners, "acme-supply", BROKEN)
    write(house.partners, "northwind-parts", NORTHWIND)
    await house.look()
    directory = house.node.directory

    async def no_write(*_args: object, **_named: object) -> None:
        raise AssertionError("a write")

    monkeypatch.setattr(house.database, "write", no_write)
    await house.look()
    assert house.node.directory is directory


async def test_a_message_goes_on_with_the_version_that_it_started_with_on_a_node_with_another_folder(
    site: Site, tmp_path_factory: pytest.TempPathFactory, store_url: str | None
) -> None:
    """Kept by a node, retried and replayed by another whose folder says something else by then."""
    async with line_over(site, store_url) as line:
        started_with: LoadedProfile | None = line.housekeeping.directory.by_id("acme-supply")
        assert started_with is not None
        kept = await line.keep(acknowledgment_855(1))
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        shutil.copytree(site.partners_dir, elsewhere / "partners")
        profile = elsewhere / "partners" / "acme-supply" / "profile.yaml"
        # On the other node there is no agreement any more by which it could be read.
        profile.write_text("\n".join(_without_agreements(profile.read_text().splitlines())))
        other = Housekeeping(
            line.database,
            line.settings.model_copy(update={"partners_dir": elsewhere / "partners"}),
            now_ms=lambda: time.time_ns() // 1_000_000,
            metrics=Metrics(),
        )
        await other.load_profiles()
        changed = other.directory.by_id("acme-supply")
        assert changed is not None
        assert changed.digest != started_with.digest
        line.processing._terms_for = TermsOfProfiles(
            line.database, line.settings.identities, lambda: other.directory
        ).of
        line.run()
        view = await line.decided(kept.message_id)
        assert (view["status"], view["profile"]) == ("published", started_with.digest)


def _without_agreements(lines: list[str]) -> list[str]:
    at = next(index for index, line in enumerate(lines) if line.startswith("agreements:"))
    end = next((i for i, line in enumerate(lines[at + 1 :], at + 1) if line and not line.startswith(("-", " "))), None)
    return lines[:at] + (lines[end:] if end is not None else [])


async def test_whom_one_node_suspends_is_suspended_on_the_others_until_a_newer_profile_is_taken_up(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write(house.partners, "acme-supply", ACME)
    behind = tmp_path_factory.mktemp("behind")
    write(behind, "acme-supply", ACME)
    other = house.another(partners_dir=behind)
    await house.look()
    await house.look(other)
    house.moved.clear()

    write(house.partners, "acme-supply", ACME + "status: suspended\n")
    await house.look()
    await house.look(other)
    held = other.directory.by_id("acme-supply")
    assert held is not None
    assert held.profile.status == "suspended"
    assert house.moved == [("acme-supply",), ("acme-supply",)]
    assert held is other.directory.by_as2_id("ACME-AS2")
    await house.look(other)
    assert other.directory.by_id("acme-supply") is held

    write(behind, "acme-supply", ACME + "# the rollout got here\nstatus: live\n")
    await house.look(other)
    back = other.directory.by_id("acme-supply")
    assert back is not None
    assert back.profile.status == "live"
    assert len(house.moved) == 3
