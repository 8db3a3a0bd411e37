"""`gateway partner show --effective`, `diff` and `status`: what holds, what would change, at which stage."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway.commands.partner import status
from gateway.onboarding.going_live.stages import StageEdit, write_stage
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from partners.loader import LoadedProfile, load_profile
from tests.commands.conftest import Ended, Run
from tests.site import Site

NOW_MS = 1_790_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def call(site: Site, run: Run) -> Callable[..., Ended]:
    def call(*words: object) -> Ended:
        return run("partner", *words, "--config", site.config)

    return call


def in_force(site: Site, database: Database, partner: str = "acme-supply") -> LoadedProfile:
    """Bring the profile on the disk in force, as a gateway that runs does."""
    loaded = load_profile(site.partners_dir / partner)
    assert isinstance(loaded, LoadedProfile), loaded
    database.write_now(lambda c: profiles.keep(c, loaded.digest, loaded.id, loaded.pack(), NOW_MS))
    database.write_now(lambda c: partner_states.put_in_force(c, loaded, NOW_MS))
    return loaded


def change(site: Site, before: str, after: str, partner: str = "acme-supply") -> Path:
    path = site.partners_dir / partner / "profile.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return path


def test_effective_values_have_their_line(call, site: Site):
    rows = {row["name"]: row for row in call("show", "acme-supply", "--effective", "--format", "json").rows}
    assert rows["as2.id"]["value"] == "ACME-AS2"
    assert rows["as2.id"]["origin"]["file"] == str(site.partners_dir / "acme-supply" / "profile.yaml")
    assert rows["delivery.attempts_max"]["origin"] is None
    written = call("show", "acme-supply", "--effective", "--written").out
    assert "profile.yaml:1" in written
    assert "default" not in written
    assert call("show", "acme-supply", "--written").code == 2


def test_diff_tells_what_would_change_and_ends_with_1(call, site: Site, database: Database):
    loaded = in_force(site, database)
    assert (call("diff", "acme-supply").code, call("diff", "acme-supply").out) == (0, "nothing changes\n")
    change(site, "id: ACME-AS2", "id: ACME-NEW")
    ended = call("diff", "acme-supply")
    assert ended.code == 1
    assert "they are ACME-NEW in AS2; ACME-AS2 is a stranger   (!)" in ended.out
    assert loaded.digest[:12] in ended.err
    (row,) = call("diff", "acme-supply", "--format", "json").rows
    assert (row["kind"], row["before"], row["after"], row["weighty"]) == ("changed", "ACME-AS2", "ACME-NEW", True)


def test_diff_against_a_former_version_by_its_digest(call, site: Site, database: Database):
    former = in_force(site, database)
    change(site, "id: ACME-AS2", "id: ACME-NEW")
    in_force(site, database)
    assert call("diff", "acme-supply").out == "nothing changes\n"
    assert "ACME-NEW" in call("diff", "acme-supply", "--against", former.digest[:8]).out
    ended = call("diff", "acme-supply", "--against", "zz")
    assert (ended.code, "never had a version zz" in ended.err) == (2, True)
    assert "write more of it" in call("diff", "acme-supply", "--against", "").err


def test_diff_of_a_partner_that_never_ran_lists_what_is_agreed(call, database: Database):
    ended = call("diff", "northwind-parts")
    assert ended.code == 1
    assert "becomes a partner, live" in ended.out
    assert "from now on they send ship notice as JSON" in ended.out


def test_a_partner_is_suspended_and_comes_back(call, site: Site, database: Database):
    in_force(site, database)
    assert call("status", "acme-supply").out == "acme-supply is live\n"
    ended = call("status", "acme-supply", "suspended", "--reason", "their key was stolen")
    assert ended.code == 0, ended.err
    assert "acme-supply is suspended (was live)" in ended.out
    assert "what they send is kept and waits" in ended.out
    (act,) = database.read_now(lambda c: audit.find(c, action="partner.status"))
    assert act.detail["reason"] == "their key was stolen"
    assert act.detail["digest"] == in_force(site, database).digest
    back = call("status", "acme-supply", "live", "--format", "json")
    assert back.json["status"] == "live"
    assert call("status", "acme-supply", "--format", "json").json == {"partner": "acme-supply", "status": "live"}


def test_versions_are_looked_through_one_by_one_until_a_live_one(
    call, site: Site, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """Each may hold many megabytes: the newest is read first, and no more than are needed."""
    for name in ("First", "Second"):
        change(site, "id: acme-supply", f"id: acme-supply\n# {name}")
        in_force(site, database)
    live = in_force(site, database)
    call("status", "acme-supply", "suspended")
    suspended = load_profile(site.partners_dir / "acme-supply")
    assert isinstance(suspended, LoadedProfile)
    database.write_now(lambda c: profiles.keep(c, suspended.digest, suspended.id, suspended.pack(), NOW_MS + 1))
    database.write_now(
        lambda c: c.exec_driver_sql(
            f"UPDATE profile SET loaded_at_ms = 1 WHERE digest <> '{live.digest}' AND digest <> '{suspended.digest}'"
        )
    )
    read: list[str] = []
    get = profiles.get

    def noted(connection: Connection, digest: str) -> bytes | None:
        read.append(digest)
        return get(connection, digest)

    monkeypatch.setattr(profiles, "get", noted)
    assert call("status", "acme-supply", "live").code == 0
    assert read == [suspended.digest, live.digest]


def test_nobody_goes_live_by_status(call, site: Site, database: Database):
    change(site, "id: acme-supply", "id: acme-supply\nstatus: testing")
    in_force(site, database)
    for stage in ("testing", "suspended"):
        call("status", "acme-supply", stage)
        ended = call("status", "acme-supply", "live")
        assert ended.code == 2
        assert "gateway partner go-live acme-supply" in ended.err


def test_a_stage_that_the_profile_does_not_do_for_is_refused(call, site: Site):
    path = site.partners_dir / "acme-supply" / "profile.yaml"
    path.write_text("id: acme-supply\nname: ACME\nstatus: draft\n")
    ended = call("status", "acme-supply", "testing")
    assert ended.code == 2
    assert f"{path}:3:" in ended.err
    assert path.read_text().endswith("status: draft\n")


def test_what_could_not_be_written_stands_in_the_audit(
    call, site: Site, database: Database, monkeypatch: pytest.MonkeyPatch
):
    in_force(site, database)

    def overtaken(edit: StageEdit) -> None:
        edit.path.write_text("somebody else's")
        write_stage(edit)

    monkeypatch.setattr(status, "write_stage", overtaken)
    ended = call("status", "acme-supply", "suspended")
    assert (ended.code, "changed meanwhile" in ended.err) == (2, True)
    acts = database.read_now(lambda c: audit.find(c, action="partner.status"))
    assert sorted("changed meanwhile" in str(act.detail.get("failed")) for act in acts) == [False, True]
