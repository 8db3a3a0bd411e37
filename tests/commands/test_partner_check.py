"""`partner check` as people and CI call it: exit codes, one partner of many, and watching."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands.partner.checking import watch
from gateway.onboarding.checking.checker import Checker
from gateway.settings import load_settings
from tests.commands.conftest import Run
from tests.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_one_partner_of_many(site: Site, run: Run) -> None:
    broken = site.partners_dir / "northwind-parts" / "profile.yaml"
    broken.write_text(broken.read_text() + "stauts: live\n")
    assert run("partner", "check", "acme-supply", "--config", site.config).code == 0
    ended = run("partner", "check", "northwind-parts", "--config", site.config)
    assert ended.code == 1
    assert "did you mean `status`?" in ended.out
    assert run("partner", "check", "--config", site.config).code == 1


def test_names_that_are_no_utf_8_are_told_to_programs_too(site: Site, run: Run) -> None:
    (site.partners_dir / os.fsdecode(b"caf\xe9")).mkdir()
    checked = run("partner", "check", "--config", site.config, "--format", "json")
    assert (checked.code, "caf\\\\udce9" in checked.out) == (1, True), checked.err
    listed = run("partner", "list", "--config", site.config, "--format", "json")
    assert (listed.code, "caf\\\\udce9" in listed.out) == (0, True), listed.err


def test_a_broken_template_is_told_to_who_asks_for_one_partner(site: Site, run: Run) -> None:
    template = site.partners_dir / "_templates" / "house" / "profile.yaml"
    template.parent.mkdir(parents=True)
    template.write_text("stauts: live\n")
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(profile.read_text() + "extends: house\n")
    ended = run("partner", "check", "acme-supply", "--config", site.config, "--format", "json")
    assert ended.code == 1
    assert ended.json["file"] == str(template)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_changes_while_one_watches(site: Site, capsys: pytest.CaptureFixture[str], form: str) -> None:
    settings = load_settings(site.config, {}).settings
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    good = profile.read_text()
    steps = iter([good + "stauts: live\n", good + "# a comment\nstauts: live\n", good, good + "name: again\n", None])

    def wait(_seconds: float) -> None:
        text = next(steps)
        if text is None:
            raise KeyboardInterrupt
        profile.write_text(text)

    called = argparse.Namespace(partner=[], format=form, config=site.config)
    checker = Checker(settings.partners_dir)
    assert watch(called, settings, checker, [], wait) == 1, "what is wrong at the end"
    lines = capsys.readouterr().out.splitlines()
    if form == "json":
        rows = [json.loads(line) for line in lines]
        assert [(row["change"], row["what"][:17]) for row in rows] == [
            ("new", "there is no key `"),
            ("solved", "there is no key `"),
            ("new", "the key `name` st"),
        ]
    else:
        assert len(lines) == 1 + 2 + 2 + 2
        assert lines[0] == "all is well"
        assert "there is no key `stauts`; did you mean `status`?" in lines[1]
        assert lines[2].startswith("1 error, 0 warnings in ")
        assert lines[3].startswith("solved: ")
        assert lines[4] == "all is well"
        assert "\x1b" not in "".join(lines), "no terminal, no tricks"


def test_changed_settings_count_while_one_watches(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(site.config, {}).settings
    steps = iter([True, False])

    def wait(_seconds: float) -> None:
        if not next(steps):
            raise KeyboardInterrupt
        site.config.write_text(site.config.read_text().replace("id: BIGCORP", "id: ACMESUPPLY"))

    called = argparse.Namespace(partner=[], format="text", config=site.config)
    assert watch(called, settings, Checker(settings.partners_dir), [], wait) == 1
    assert "is our own address" in capsys.readouterr().out


def test_ctrl_c_ends_it(site: Site) -> None:
    words = [sys.executable, "-m", "gateway", "partner", "check", "--watch", "--config", str(site.config)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "all is well\n"
        assert process.stderr.readline().startswith("watching ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
