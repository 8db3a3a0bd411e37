"""What can be known to be wrong with the files beside a profile: overlays, samples, what nobody names, no way out."""

import difflib
import os
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from pathlib import Path

from gateway.flow.outward.ways import WITHOUT_AS2, carried_by, own_way
from gateway.onboarding.samples.reading import SAMPLES_FOLDER
from partners.fields import SLUG
from partners.folders import Folder
from partners.layers import written
from partners.loader import PROFILE_FILE, LoadedProfile
from partners.nodes import PROFILE_BYTES_MAX, Mapping, read_nodes
from partners.problems import Problem, one_of, shown

ENTRIES_MAX = 1_000  # of a folder that are looked at
_OVERLAY, _SUFFIXES = "profile.", (".yaml", ".yml")


def folder_problems(loaded: LoadedProfile, environment: str | None) -> Iterator[Problem]:
    """What lies beside the profile that nothing will ever read, and what is named but does not lie there."""
    folder = Path(loaded.path).parent
    names = entries_of(folder)
    yield from _overlay_problems(folder, names, environment)
    yield from _unnamed_problems(loaded, folder, names)
    if loaded.profile.required_samples is not None:
        there = entries_of(folder / SAMPLES_FOLDER)
        for index, name in enumerate(loaded.profile.required_samples):
            if name not in there:
                what = f"there is no sample {shown(name)} in {folder / SAMPLES_FOLDER}"
                yield loaded.problem(("required_samples", index), what, one_of(name, there))


def entries_of(folder: Path) -> tuple[str, ...]:
    """The names in a folder but for hidden ones, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(ENTRIES_MAX), entries, strict=False)]
    except OSError:
        return ()
    # Hidden ones, and what editors leave behind.
    return tuple(sorted(name for name in names if not name.startswith((".", "#")) and not name.endswith("~")))


def _is_overlay(name: str) -> bool:
    return name.startswith(_OVERLAY) and name.endswith(_SUFFIXES) and name != PROFILE_FILE


def _overlay_problems(folder: Path, names: tuple[str, ...], environment: str | None) -> Iterator[Problem]:
    """Overlays that no environment lays over the profile; those of other environments are none of our business."""
    right_name = f"{_OVERLAY}{environment}.yaml"
    for name in filter(_is_overlay, names):
        of = name[len(_OVERLAY) :].rpartition(".")[0]
        path = str(folder / name)
        if not name.endswith(".yaml") or not SLUG.matches(of):
            what = f"{shown(name)} is the overlay of no environment"
            right = f"name it {_OVERLAY}ENVIRONMENT.yaml, as `environment` stands in gateway.yaml"
            yield Problem(path, 1, 1, "", what, right, "warning")
        elif environment is not None and name != right_name and right_name not in names and _is_near(of, environment):
            what = f"{shown(name)} is not laid over the profile: the environment here is {shown(environment)}"
            yield Problem(path, 1, 1, "", what, f"did you mean `{right_name}`?", "warning")


def _is_near(word: str, other: str) -> bool:
    return bool(difflib.get_close_matches(word, [other], n=1, cutoff=0.7))


def _unnamed_problems(loaded: LoadedProfile, folder: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    known = {PROFILE_FILE, SAMPLES_FOLDER, *loaded.files}
    left = [name for name in names if name not in known and not _is_overlay(name) and not name.startswith("README")]
    if not left:
        return
    # What only another environment uses, or an agreement that is not in use, is named all the same.
    beside = Folder(folder)
    said = {text for name in names if _is_overlay(name) for text in _texts(beside.read(name, PROFILE_BYTES_MAX))}
    said |= _texts(loaded.files.get(PROFILE_FILE, b""))
    for name in left:
        if name not in said:
            what = f"nothing names {shown(name)}, so it is of no use"
            near = difflib.get_close_matches(name, [one for one in loaded.profile.files() if one not in names], n=1)
            right = f"did you mean `{near[0]}`?" if near else "name it in the profile, or remove it"
            yield Problem(str(folder / name), 1, 1, "", what, right, "warning")


def _texts(data: bytes | str) -> set[str]:
    """The words in a file; none where there is only a reason why it cannot be read."""
    nodes = read_nodes(data, "") if isinstance(data, bytes) else ()
    return {scalar.text for _, scalar in written(nodes) if scalar.text} if isinstance(nodes, Mapping) else set()


def way_out_problems(loaded: LoadedProfile, by_id: MappingOf[str, LoadedProfile]) -> Iterator[Problem]:
    """Agreements on what we send, to a partner whom nothing of ours can reach; `by_id` are all partners."""
    profile = loaded.profile
    if profile.sandbox or own_way(profile) in WITHOUT_AS2:
        return
    bearer = profile if profile.via is None else by_id[profile.via].profile if profile.via in by_id else None
    if bearer is None or carried_by(bearer) is not None:
        return  # an unknown connection is told where connections are
    for index, agreement in enumerate(profile.agreements):
        if agreement.direction == "outbound":
            what = f"we are to send {agreement.document}, but there is no way to them"
            right = (
                "add `as2.url`, `sftp` or `sftp_server.push`, or `api_keys` so that they can fetch it by the API, or "
                "name a connection in `via`"
            )
            if profile.via is not None:
                right = f"add `as2.url`, `sftp` or `sftp_server.push` to the connection {shown(profile.via)}"
                right += ", or `delivery: {way: inbox}` here, if they fetch by the API themselves"
            yield loaded.problem(("agreements", index, "direction"), what, right)
