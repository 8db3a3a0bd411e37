"""`gateway partner go-live`: what is missing, what changes, and the one word in the profile."""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import orjson
import pytest

from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.store.partners import states as partner_states
from gateway.store.partners import trials
from partners.loader import LoadedProfile, load_profile
from tests.commands.conftest import Ended, Run
from tests.onboarding.test_shipped_templates import PUBLIC_KEY
from tests.site import Site

PARTNER = "northwind-parts"
SHIP_NOTICE = {
    "document_type": "ship_notice",
    "schema_version": "1.0",
    "number": "SN-1",
    "purchase_order_number": "4500000001",
    "levels": [{"id": "1", "kind": "shipment"}],
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    agreements = [{"document": "ship_notice", "direction": "inbound", "syntax": "json"}]
    site = Site(tmp_path / "site", northwind_profile={"agreements": agreements})
    profile = site.partners_dir / PARTNER / "profile.yaml"
    profile.write_text(f"status: testing # since March\n{profile.read_text()}")
    folder = profile.parent / "samples" / "ship-notice"
    folder.mkdir(parents=True)
    (folder / "received.json").write_bytes(orjson.dumps(SHIP_NOTICE))
    return site


@pytest.fixture
def call(site: Site, run: Run) -> Callable[..., Ended]:
    def call(*words: object) -> Ended:
        return run("partner", *words, "--config", site.config)

    return call


def status_of(site: Site) -> str:
    return (site.partners_dir / PARTNER / "profile.yaml").read_text().splitlines()[0]


def loaded(site: Site) -> LoadedProfile:
    profile = load_profile(site.partners_dir / PARTNER)
    assert isinstance(profile, LoadedProfile), profile
    return profile


def passed(site: Site, database: Database, *, digest: str | None = None) -> None:
    """A run of the sample between two gateways."""
    digest = loaded(site).digest if digest is None else digest
    trial = trials.Trial("01", PARTNER, "ship-notice", "loopback", digest, True, "as it came", "command:tests", 1)
    database.write_now(lambda c: trials.record(c, trial))


def missing(ended: Ended) -> list[str]:
    return [one["name"] for one in ended.json["requirements"] if not one["met"]]


TRIED = "the required samples passed live with this very profile"


def test_each_thing_that_is_missing_is_told_with_its_remedy(call, site: Site):
    ended = call("go-live", PARTNER)
    assert ended.code == 1
    assert "✗ every sample comes out as expected" in ended.out
    assert "ship-notice: not recorded yet" in ended.out
    assert "ship-notice never ran" in ended.out
    assert f"-> `gateway partner test {PARTNER} --live`" in ended.out
    assert "not live: something is missing" in ended.err
    assert status_of(site) == "status: testing # since March"


def test_what_failed_with_the_partner_is_played_again_with_them(call, site: Site, database: Database):
    digest = loaded(site).digest
    trial = trials.Trial("01", PARTNER, "ship-notice", "partner", digest, False, "none came", "command:tests", 1)
    database.write_now(lambda c: trials.record(c, trial))
    ended = call("go-live", PARTNER)
    assert "ship-notice failed by way of partner: none came" in ended.out
    assert f"-> `gateway partner test {PARTNER} --live --partner-endpoint`" in ended.out


def test_a_partner_goes_live_once_everything_passed(call, site: Site, database: Database):
    assert call("test", PARTNER, "--record").code == 0
    passed(site, database)
    dry = call("go-live", PARTNER, "--dry-run")
    assert dry.code == 0, dry.out
    assert f"✓ {TRIED}: by REST between two gateways here\n" in dry.out
    assert "live (was testing): everything exchanged is for real (ISA15 = P)" in dry.out
    assert status_of(site) == "status: testing # since March"
    assert call("go-live", PARTNER).code == 2  # nobody is there to answer
    ended = call("go-live", PARTNER, "--yes", "--format", "json")
    assert (ended.code, missing(ended), ended.json["went_live"]) == (0, [], True)
    assert status_of(site) == "status: live # since March"
    (act,) = database.read_now(lambda c: audit.find(c, action="partner.go-live"))
    assert (act.subject, act.detail["forced"], act.detail["digest"]) == (PARTNER, False, loaded(site).digest)
    assert call("go-live", PARTNER).out == f"{PARTNER} is live already\n"


def test_what_passed_with_another_profile_counts_for_nothing(call, site: Site, database: Database):
    call("test", PARTNER, "--record")
    passed(site, database, digest="0" * 64)
    assert missing(call("go-live", PARTNER, "--dry-run", "--format", "json")) == [TRIED]
    call("status", PARTNER, "draft")
    assert missing(call("go-live", PARTNER, "--dry-run", "--format", "json")) == ["they were in testing", TRIED]


def test_what_passed_by_the_api_is_not_said_to_have_gone_by_sftp(call, site: Site, database: Database):
    path = site.partners_dir / PARTNER / "profile.yaml"
    (path.parent / "nw.pub").write_bytes(PUBLIC_KEY)
    sftp = "sftp: {user: nw, keys: [{label: a, file: nw.pub}]}\ndelivery: {way: mailbox}\n"
    path.write_text(f"{path.read_text()}\n{sftp}")
    call("test", PARTNER, "--record")
    passed(site, database)
    ended = call("go-live", PARTNER, "--dry-run")
    assert f"✓ {TRIED}: by REST between two gateways here, not by SFTP\n" in ended.out
    trial = trials.Trial("02", PARTNER, "ship-notice", "partner", loaded(site).digest, True, "came", "command:tests", 2)
    database.write_now(lambda c: trials.record(c, trial))
    assert f"✓ {TRIED}: with the partner itself\n" in call("go-live", PARTNER, "--dry-run").out


@pytest.mark.parametrize("has_sample", [True, False], ids=["none required", "none at all"])
def test_without_a_sample_to_play_nothing_is_ticked(call, site: Site, has_sample: bool):
    path = site.partners_dir / PARTNER / "profile.yaml"
    path.write_text(path.read_text() + "\nrequired_samples: []\n")
    if has_sample:
        call("test", PARTNER, "--record")
    else:
        shutil.rmtree(path.parent / "samples")
    ended = call("go-live", PARTNER, "--dry-run")
    assert ended.code == 0
    assert TRIED not in ended.out
    assert f"- no sample was played live: {'none has to pass' if has_sample else 'there are none'}\n" in ended.out
    wanted = "let one of them be required" if has_sample else "that shows: inbound ship_notice in json"
    assert wanted in ended.out
    last = call("go-live", PARTNER, "--dry-run", "--format", "json").json["requirements"][-1]
    assert (last["met"], last["empty"], last["how"]) == (True, True, "")


def test_force_is_kept_in_the_audit_with_what_was_missing(call, run: Run, site: Site, database: Database):
    ended = call("go-live", PARTNER, "--force", "agreed with J. Doe by telephone")
    assert ended.code == 0, ended.err
    assert status_of(site) == "status: live # since March"
    (act,) = database.read_now(lambda c: audit.find(c, action="partner.go-live"))
    assert act.detail["forced"] is True
    assert act.detail["reason"] == "agreed with J. Doe by telephone"
    assert TRIED in act.detail["missing"]
    (row,) = run(
        "audit", "--action", "partner.go-live", "--subject", PARTNER, "--format", "json", "--config", site.config
    ).rows
    assert (row["actor"].startswith("command:"), row["detail"]["reason"]) == (True, "agreed with J. Doe by telephone")
    assert "by telephone" in run("audit", "--actor", "command:", "--config", site.config).out
    assert (
        run("audit", "--action", "partner.g_", "--config", site.config).out == "nothing of the kind was done or tried\n"
    )


def test_nobody_forces_a_profile_that_does_not_load_when_it_is_live(call, site: Site):
    path = site.partners_dir / PARTNER / "profile.yaml"
    path.write_text(f"status: draft\nid: {PARTNER}\nname: Northwind\n")
    ended = call("go-live", PARTNER, "--force", "now")
    assert ended.code == 1
    assert "without a way in" in ended.out
    assert path.read_text().startswith("status: draft")


def test_an_agreement_that_no_sample_shows_is_missing_unless_the_profile_says_which_count(call, site: Site):
    call("test", PARTNER, "--record")
    path = site.partners_dir / PARTNER / "profile.yaml"
    path.write_text(
        path.read_text().replace("agreements:", "agreements:\n- {document: invoice, direction: inbound, syntax: json}")
    )
    ended = call("go-live", PARTNER, "--dry-run")
    assert "inbound invoice in json" in ended.out
    path.write_text(path.read_text() + "\nrequired_samples: []\n")
    assert missing(call("go-live", PARTNER, "--dry-run", "--format", "json")) == []


def until(stream: IO[bytes], words: bytes) -> None:
    read = b""
    while words not in read:
        line = stream.readline()
        assert line, read.decode()
        read += line


def test_programs_read_nothing_but_json(call, site: Site, database: Database):
    call("test", PARTNER, "--record")
    passed(site, database)
    profile = site.partners_dir / PARTNER / "profile.yaml"
    before = profile.read_bytes()
    profile.write_bytes(before.replace(b"status: testing", b"status: live"))
    database.write_now(lambda c: partner_states.put_in_force(c, loaded(site), 1))
    profile.write_bytes(before)
    for went in (True, False):
        ended = call("go-live", PARTNER, "--yes", "--wait", 1, "--format", "json")
        assert (ended.code, [orjson.loads(line)["went_live"] for line in ended.out.splitlines()]) == (0, [went])


def test_it_asks_before_it_changes_anything_and_waits_until_it_holds(call, site: Site, database: Database):
    call("test", PARTNER, "--record")
    passed(site, database)
    ours, theirs = pty.openpty()
    words = [
        sys.executable,
        "-m",
        "gateway",
        "partner",
        "go-live",
        PARTNER,
        "--wait",
        "60",
        "--config",
        str(site.config),
    ]
    with subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        assert asking.stderr is not None
        until(asking.stderr, b"Live? [y/N]")
        assert status_of(site) == "status: testing # since March"
        os.write(ours, b"y\n")
        assert asking.stdout is not None
        until(asking.stdout, b"is live (was testing)")
        database.write_now(lambda c: partner_states.put_in_force(c, loaded(site), 1))
        assert asking.stdout.read().endswith(b"in force\n")
        assert asking.wait(30) == 0
    os.close(ours)
    os.close(theirs)
