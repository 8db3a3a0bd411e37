"""`gateway partner test --live`, from the command line: what is told, what is kept, and what is left when it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gateway.demo.premises import sample as of_the_demo
from tests.commands.conftest import Ended, Run
from tests.site import PROJECT, Site

WITHIN_S = 60


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    folder = site.partners_dir / "acme-supply" / "samples" / "response"
    folder.mkdir(parents=True)
    (folder / "received.edi").write_bytes(of_the_demo("order-response.edi"))
    return site


@pytest.fixture
def call(site: Site, run: Run):
    def call(*words: object) -> Ended:
        return run("partner", "test", *words, "--config", site.config)

    return call


def test_played_kept_and_shown(call, run: Run, site: Site):
    assert "no sample of acme-supply was played live yet" in call("acme-supply", "--trials").out
    failed = call("acme-supply", "--live")
    assert (failed.code, "not recorded yet" in failed.out) == (1, True)
    assert call("acme-supply", "--record").code == 0
    played = call("acme-supply", "--live", "--format", "json")
    (told,) = played.json["samples"]
    assert (played.code, told["passed"]) == (0, True)
    assert told["outcome"].startswith("signed receipt, published, acknowledgment")
    last, first = call("acme-supply", "--trials", "--format", "json").rows
    assert (first["passed"], first["detail"].partition(":")[0]) == (False, "came out and is not recorded")
    assert (last["passed"], last["way"], last["is_present_profile"]) == (True, "loopback", True)
    assert last["actor"].startswith("command:")
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(profile.read_text().replace("name: ", "name: The "))
    assert "earlier " in call("acme-supply", "--trials").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("acme-supply", "--live", "--record"), "call it without --live"),
        (("--trials",), "gateway partner test ID --trials"),
        (("acme-supply", "--partner-endpoint"), "goes with --live and one partner"),
        (("--live", "--partner-endpoint"), "goes with --live and one partner"),
        (("acme-supply", "--live", "--partner-endpoint"), "gateway partner status acme-supply testing"),
        (("acme-supply", "--live", "--wait", "0"), "no whole number"),
    ],
    ids=range(6),
)
def test_calls_that_cannot_be_used(call, words: tuple[str, ...], said: str):
    ended = call(*words)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_a_profile_that_no_gateway_has_taken_up(call, site: Site):
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(profile.read_text() + "status: testing\n")
    ended = call("acme-supply", "--live", "--partner-endpoint", "--wait", 1)
    assert (ended.code, "no running gateway has taken up this version" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"])
def test_ended_from_outside_nothing_stays(site: Site, tmp_path: Path, number: int, code: int):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "gateway", "partner", "test", "acme-supply", "--live", "--config", site.config]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command, env=environment, cwd=site.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + WITHIN_S
    while not list(temporary.glob("*/*/ours/data/gateway.lock")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)  # until both houses are being opened
    process.send_signal(number)
    _, said = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, b"Traceback" in said) == (code, False), said
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_who_cannot_be_played_fails_with_the_reason(call, site: Site):
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    told = yaml.safe_load(profile.read_text()) | {"status": "draft"}
    told.pop("as2")
    told.pop("api_keys", None)
    profile.write_text(yaml.safe_dump(told))
    call("acme-supply", "--record")
    ended = call("acme-supply", "--live")
    assert (ended.code, "loopback speaks AS2 and REST" in ended.out) == (1, True)
    (trial,) = call("acme-supply", "--trials", "--format", "json").rows
    assert (trial["passed"], "neither `as2` nor `api_keys`" in trial["detail"]) == (False, True)
