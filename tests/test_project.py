"""What the project promises about itself: its text, its packages, its README."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Spelled apart, so that this file does not name them either.
REGISTRY_HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "deb." + "debian.org",
    "maven" + ".org",
]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:  # an unpacked archive has no history
        return [path for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_text_names_a_package_registry():
    naming = [
        (path.relative_to(ROOT), host)
        for path in tracked_files()
        if path.is_file()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert naming == []


def test_every_dependency_is_pinned_by_hash():
    pinned = (ROOT / "requirements.txt").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for dependency in project["dependencies"]:
        name = re.match(r"[a-z0-9-]+", dependency).group()
        assert re.search(rf"^{name}(\[[a-z]+\])?==[^\n]+\\\n    --hash=sha256:", pinned, re.MULTILINE), name


def test_the_top_level_holds_what_it_should():
    for name in ("gateway", "translators", "partners", "certs", "tests", "docker-compose.yml", "README.md", "LICENSE"):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^gateway ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)))
)
def test_every_command_of_the_readme_exists(command):
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert "usage: gateway" in shown.stdout


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
