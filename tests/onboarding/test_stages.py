"""The one word that says a partner's stage, changed where it stands."""

import errno
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.onboarding.going_live import stages
from gateway.onboarding.going_live.stages import FileChanged, StageEdit, stage_edit, write_stage
from partners.loader import LoadedProfile, load_profile
from tests.partners.profiles import KEY_DIGEST

REST = f"name: ACME\napi_keys: [{{label: a, sha256: {KEY_DIGEST}}}]\nagreements: []\n"


def folder(tmp_path: Path, text: str, **files: str) -> Path:
    home = tmp_path / "acme"
    home.mkdir()
    (home / "profile.yaml").write_text(text)
    for name, content in files.items():
        (home / f"profile.{name}.yaml").write_text(content)
    return home


def edit(home: Path, environment: str | None = None) -> StageEdit:
    loaded = load_profile(home, environment=environment)
    assert isinstance(loaded, LoadedProfile), loaded
    found = stage_edit(loaded, "live")
    assert isinstance(found, StageEdit), found
    return found


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("id: acme\nstatus: testing # since March\n", "id: acme\nstatus: live # since March\n"),
        ("id: acme\nstatus:   'testing'\n", "id: acme\nstatus:   'live'\n"),
        ('id: acme\r\nstatus: "testing"\r\n', 'id: acme\r\nstatus: "live"\r\n'),
        ("\ufeffid: acme\nstatus: testing\n", "\ufeffid: acme\nstatus: live\n"),
        ("\ufeffstatus: testing\nid: acme\n", "\ufeffstatus: live\nid: acme\n"),
        ("id: acme\nstatus:\n  testing\n", "id: acme\nstatus:\n  live\n"),
        ("# status: testing\nid: acme\nstatus: testing\n", "# status: testing\nid: acme\nstatus: live\n"),
    ],
    ids=["comment", "quoted", "windows", "byte order mark", "first line", "next line", "in a comment"],
)
def test_the_word_is_changed_and_nothing_else(tmp_path: Path, written: str, becomes: str):
    found = edit(folder(tmp_path, written + REST))
    assert found.content.decode() == becomes + REST
    assert found.after.profile.status == "live"


def test_what_a_template_says_is_said_anew_in_the_profile(tmp_path: Path):
    template = tmp_path / "_templates" / "house"
    template.mkdir(parents=True)
    (template / "profile.yaml").write_text("# house\nstatus: testing\n")
    found = edit(folder(tmp_path, f"id: acme\nextends: house\n{REST}"))
    assert found.content.decode() == f"id: acme\nstatus: live\nextends: house\n{REST}"


def test_what_an_overlay_says_is_changed_there(tmp_path: Path):
    home = folder(tmp_path, f"id: acme\nstatus: live\n{REST}", staging="status: testing\n")
    found = edit(home, "staging")
    assert found.path == home / "profile.staging.yaml"
    assert found.content == b"status: live\n"


def test_the_profile_must_do_at_the_new_stage(tmp_path: Path):
    loaded = load_profile(folder(tmp_path, "id: acme\nname: ACME\nstatus: draft\n"))
    assert isinstance(loaded, LoadedProfile)
    (problem,) = stage_edit(loaded, "live")  # type: ignore[misc]
    assert "without a way in" in str(problem)


def test_a_flow_mapping_is_left_to_the_operator(tmp_path: Path):
    text = f"{{id: acme, name: A, status: !!str testing, api_keys: [{{label: a, sha256: {KEY_DIGEST}}}]}}"
    loaded = load_profile(folder(tmp_path, text))
    assert isinstance(loaded, LoadedProfile)
    (problem,) = stage_edit(loaded, "live")  # type: ignore[misc]
    assert "write `status: live` yourself" in str(problem)


def test_a_file_that_was_changed_meanwhile_stays(tmp_path: Path):
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    found = edit(home)
    (home / "profile.yaml").write_text("somebody else's")
    with pytest.raises(FileChanged, match="changed meanwhile"):
        write_stage(found)
    assert (home / "profile.yaml").read_text() == "somebody else's"


def test_one_call_at_a_time_compares_and_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    found = edit(home)
    monkeypatch.setattr(stages, "_LOCK_WAIT_S", 0.0)
    other = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FileChanged, match="another call"):
            write_stage(found)
    finally:
        os.close(other)
    assert b"testing" in (home / "profile.yaml").read_bytes()
    write_stage(found)
    with pytest.raises(FileChanged, match="changed meanwhile"):
        write_stage(found)


def test_the_second_of_two_calls_in_the_same_instant_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Both compare before either replaces, as far as the lock lets them."""
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    found = edit(home)
    replacing, ended = threading.Event(), threading.Event()
    replace = stages.replace_file

    def slowly(path: Path, content: bytes) -> None:
        replacing.set()
        ended.wait(0.2)  # the other would be through long ago
        replace(path, content)

    monkeypatch.setattr(stages, "replace_file", slowly)

    def second() -> str:
        replacing.wait(10)
        try:
            write_stage(found)
        except FileChanged as changed:
            return str(changed)
        finally:
            ended.set()
        return "written"

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(second)
        write_stage(found)
        assert "changed meanwhile" in told.result(20)


def test_a_file_system_without_locks_does_with_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    found = edit(home)

    def no_locks(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write_stage(found)
    assert b"live" in (home / "profile.yaml").read_bytes()


def test_the_file_keeps_its_rights_and_nothing_lies_beside_it(tmp_path: Path):
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    (home / "profile.yaml").chmod(0o640)
    write_stage(edit(home))
    assert (home / "profile.yaml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in home.iterdir()] == ["profile.yaml"]
    loaded = load_profile(home)
    assert isinstance(loaded, LoadedProfile)
    assert loaded.profile.status == "live"


def test_the_file_keeps_its_owner_and_a_link_to_it_stays(tmp_path: Path):
    home = folder(tmp_path, f"id: acme\nstatus: testing\n{REST}")
    data = home / "data"
    data.mkdir()
    (home / "profile.yaml").rename(data / "profile.yaml")
    (home / "profile.yaml").symlink_to("data/profile.yaml")
    owner = (12_345, 12_346) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(data / "profile.yaml", *owner)
    (data / "profile.yaml").chmod(0o600)
    write_stage(edit(home))
    assert (home / "profile.yaml").readlink() == Path("data/profile.yaml")
    status = (data / "profile.yaml").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (*owner, 0o600)
    assert b"status: live" in (data / "profile.yaml").read_bytes()
    assert [path.name for path in data.iterdir()] == ["profile.yaml"]
