"""`gateway validate --second-opinion`: pyx12 beside us."""

import subprocess
import sys
from pathlib import Path

from tests.commands.conftest import Run

FIXTURES = Path(__file__).parents[1] / "fixtures" / "x12"
GOOD = FIXTURES / "850-004010.edi"
BAD = FIXTURES / "broken-850-elements.edi"


def test_as_json(run: Run):
    ended = run("validate", BAD, "--second-opinion", "--format", "json")
    assert ended.code == 1
    opinion = ended.json["second_opinion"]
    assert opinion["judge"].startswith("pyx12 4.")
    assert opinion["judged"] == 13
    assert opinion["could_not_judge"] == []
    assert opinion["agreements"] > 10
    assert {"where", "byte_offset", "ours", "theirs", "explanation"} == set(opinion["disagreements"][0])
    assert all((one["ours"] is None) != (one["theirs"] is None) for one in opinion["disagreements"])
    assert ended.json["bytes_unaccounted"] == 0


def test_without_it_there_is_no_such_member(run: Run):
    assert "second_opinion" not in run("validate", BAD, "--format", "json").json


def test_for_people(run: Run):
    ended = run("validate", BAD, GOOD, "--second-opinion")
    assert ended.code == 1
    assert "faults seen by both: " in ended.out
    assert "850 0001 segment 8 CTT01" in ended.out
    assert "[pyx12 does not add up what CTT tells]" in ended.out
    assert "faults seen by both: 0, by one alone: 0" in ended.out


def test_what_it_could_not_judge_is_told(run: Run):
    ended = run("validate", FIXTURES / "broken-850-empty-segments.edi", "--second-opinion")
    assert "could not judge: it stops without a word at an empty segment" in ended.out


def test_other_calls_do_not_load_pyx12():
    script = "import sys, gateway.commands.validate; sys.exit('pyx12' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
