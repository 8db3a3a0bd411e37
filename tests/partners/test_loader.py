"""A partner's folder on disk: what is read, what never is, and how a profile travels as bytes."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners import loader
from partners.loader import FILE_BYTES_MAX, LoadedProfile, load_profile, parse_profile, unpack
from partners.nodes import PROFILE_BYTES_MAX
from partners.templates import CHAIN_MAX
from tests.partners.profiles import ACME, NORTHWIND, loaded, write


def test_a_folder_becomes_a_profile_with_its_files(tmp_path: Path) -> None:
    folder = write(tmp_path, "acme-supply", ACME, notes_txt=b"not named by the profile")
    found = load_profile(folder)
    assert isinstance(found, LoadedProfile)
    assert found.id == "acme-supply"
    assert found.files == {"profile.yaml": ACME.encode(), "acme.pem": b"certificate"}
    assert found.path == str(folder / "profile.yaml")
    assert found == loaded(ACME)


def test_the_digest_covers_the_profile_and_the_files_it_names_alone() -> None:
    digest = loaded(ACME).digest
    assert loaded(ACME, other_pem=b"x").digest == digest
    assert loaded(ACME, acme_pem=b"another").digest != digest
    assert loaded(ACME + "# a comment\n").digest != digest


@pytest.mark.parametrize("text", [ACME, NORTHWIND])
def test_a_profile_travels_as_bytes(text: str) -> None:
    original = loaded(text)
    packed = original.pack()
    again = unpack(packed)
    assert isinstance(again, LoadedProfile)
    assert again == original
    assert again.pack() == packed
    assert again.digest == original.digest


def test_packing_does_not_depend_on_the_order_of_the_files() -> None:
    files = {"acme.pem": b"certificate", "profile.yaml": ACME.encode()}
    turned = parse_profile(dict(reversed(files.items())))
    assert isinstance(turned, LoadedProfile)
    assert turned.pack() == loaded(ACME).pack()


DAMAGED = [
    b"[" * 100_000,
    b"null",
    b"{}",
    b'{"files": 1}',
    b'{"files": {}}',
    b'{"files": {"profile.yaml": 1}}',
    b'{"files": {"profile.yaml": "="}}',
    b'{"files": {"profile.yaml": "\\u00e9"}}',
]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100) | st.sampled_from(DAMAGED))
def test_damaged_bytes_are_told(packed: bytes) -> None:
    assert isinstance(unpack(packed), tuple)


def only_problem(folder: Path) -> str:
    found = load_profile(folder)
    assert isinstance(found, tuple)
    assert len(found) == 1
    return str(found[0])


def test_a_folder_without_profile_is_told(tmp_path: Path) -> None:
    (tmp_path / "acme-supply").mkdir()
    assert "acme-supply/profile.yaml:1:1: profile.yaml is missing; put" in only_problem(tmp_path / "acme-supply")
    assert "profile.yaml is missing" in only_problem(tmp_path / "nobody")


def test_the_folder_bears_the_name_of_the_id(tmp_path: Path) -> None:
    words = only_problem(write(tmp_path, "acme", ACME))
    assert "acme/profile.yaml:1:5: the id is `acme-supply`, but the folder is named `acme`; give both the same" in words


def test_a_missing_certificate_is_told_on_the_line_that_names_it(tmp_path: Path) -> None:
    folder = write(tmp_path, "acme-supply", ACME)
    (folder / "acme.pem").unlink()
    assert f"profile.yaml:5:16: the file `acme.pem` is missing; put it into {folder}" in only_problem(folder)


def test_links_may_not_leave_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "partners", "acme-supply", ACME)
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "acme.pem").unlink()
    (folder / "acme.pem").symlink_to(tmp_path / "secret")
    assert "the file `acme.pem` is a link that leaves the profile's folder" in only_problem(folder)
    (folder / "profile.yaml").unlink()
    (folder / "profile.yaml").symlink_to("/proc/self/environ")
    assert "profile.yaml is a link that leaves" in only_problem(folder)


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    # as orchestrators mount configuration: profile.yaml -> ..data/profile.yaml, ..data -> ..2026_01_31
    folder = tmp_path / "acme-supply"
    write(folder, "..2026_01_31", ACME)
    (folder / "..data").symlink_to("..2026_01_31")
    for name in ("profile.yaml", "acme.pem"):
        (folder / name).symlink_to(f"..data/{name}")
    assert isinstance(load_profile(folder), LoadedProfile)


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path, "acme-supply", ACME)
    (folder / "acme.pem").unlink()
    (folder / "acme.pem").symlink_to("acme.pem")
    assert "the file `acme.pem` cannot be read" in only_problem(folder)


def test_a_pipe_does_not_hold_the_loader_up(tmp_path: Path) -> None:
    folder = write(tmp_path, "acme-supply", ACME)
    (folder / "acme.pem").unlink()
    os.mkfifo(folder / "acme.pem")
    assert "the file `acme.pem` is no regular file" in only_problem(folder)
    (folder / "profile.yaml").unlink()
    (folder / "profile.yaml").mkdir()
    assert "profile.yaml is no regular file" in only_problem(folder)


def test_files_have_a_limit_together_so_that_each_profile_can_be_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = (CHAIN_MAX + 2) * PROFILE_BYTES_MAX
    assert (loader.FILES_BYTES_MAX + layers) * 4 / 3 + 1_048_576 < loader.PACKED_BYTES_MAX
    both = "  certificates: [{file: acme.pem, use: both}, {file: next.pem, use: both}]\n"
    text = ACME.replace("  certificate: acme.pem\n", both)
    assert text != ACME
    for status in ("live", "draft"):
        folder = write(tmp_path / status, "acme-supply", f"{text}status: {status}\n")
        (folder / "acme.pem").write_bytes(b"x" * 60)
        (folder / "next.pem").write_bytes(b"x" * 40)
        monkeypatch.setattr(loader, "FILES_BYTES_MAX", 100)
        assert isinstance(load_profile(folder), LoadedProfile)
        (folder / "next.pem").write_bytes(b"x" * 41)
        assert "more than 100 bytes together" in only_problem(folder)


def test_large_files_are_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path, "acme-supply", ACME, acme_pem=b"x" * (FILE_BYTES_MAX + 1))
    assert f"the file `acme.pem` has more than {FILE_BYTES_MAX} bytes" in only_problem(folder)
    with (folder / "profile.yaml").open("ab") as stream:
        stream.truncate(PROFILE_BYTES_MAX * 1_000)
    assert f"profile.yaml has more than {PROFILE_BYTES_MAX} bytes" in only_problem(folder)


def test_a_problem_is_put_on_the_line_of_any_field(tmp_path: Path) -> None:
    profile = loaded(ACME)
    places = {
        ("as2", "certificate"): (5, 16),
        ("x12", 0, "id"): (7, 26),  # written without the list
        ("agreements", 0, "document"): (9, 16),
        ("as2", "our_identity"): (3, 1),  # not written: where it would be
        ("limits", "body_bytes_max"): (1, 1),
    }
    for location, place in places.items():
        problem = profile.problem(location, "what", "right")
        assert (problem.line, problem.column) == place, location
    assert str(profile.problem((), "what", "right", warning=True)) == "profile.yaml:1:1: warning: what; right"


def test_the_examples_load() -> None:
    for file in Path("partners/examples").glob("*/profile.yaml"):
        outcome = load_profile(file.parent)
        assert isinstance(outcome, LoadedProfile), outcome
