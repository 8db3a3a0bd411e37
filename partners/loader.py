"""Reads a partner's folder: `profile.yaml` and the files it names become one frozen value, or problems with their line.

    partners_dir/acme-supply/profile.yaml
                             acme-as2.pem

A loaded profile knows the digest of everything it was made from and packs itself into bytes, so that a message can be
finished with the profile it was started with, on any node and after any reload.
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from partners.nodes import PROFILE_BYTES_MAX, Mapping, Node, Scalar, Sequence, place_of, plain, read_nodes
from partners.problems import Location, Problem, Severity, dotted, shown
from partners.profile import Profile
from partners.wording import in_our_words

PROFILE_FILE = "profile.yaml"
FILE_BYTES_MAX = 65_536
LIST_BYTES_MAX = 524_288  # of a revocation list, which grows with what its authority revoked
PROBLEMS_MAX = 100
PACKED_BYTES_MAX = 8_388_608  # more than the largest files that a profile may name come to

Problems = tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with everything it was made from.

    Attributes:
        profile: the parsed profile.
        digest: SHA-256 in hex over `pack()`: the profile's bytes and those of the files it names.
        files: `profile.yaml` and the files that it names, by name.
        path: the file that the operator edits, for messages; it belongs to no comparison.
    """

    profile: Profile
    digest: str
    files: MappingOf[str, bytes]
    path: str = field(compare=False)
    _nodes: Mapping = field(compare=False, repr=False)

    @property
    def id(self) -> str:
        """The partner's id."""
        return self.profile.id

    def pack(self) -> bytes:
        """Everything needed to load this profile again, the same bytes each time."""
        return _pack(self.files)

    def problem(self, location: Location, what: str, would_be_right: str, *, warning: bool = False) -> Problem:
        """A problem on the line where a field of this profile stands."""
        place = place_of(self._nodes, location)
        severity: Severity = "warning" if warning else "error"
        return Problem(self.path, place.line, place.column, dotted(location), what, would_be_right, severity)

    def line_of(self, location: Location) -> int:
        """The line where a field stands."""
        return place_of(self._nodes, location).line


def parse_profile(files: MappingOf[str, bytes], path: str = PROFILE_FILE) -> LoadedProfile | Problems:
    """The profile that these files hold: `profile.yaml` and what it names. Reads nothing but its arguments.

    Files that the profile does not name are left out, so that they do not change its digest.
    """
    understood = _understand(files.get(PROFILE_FILE, b""), path)
    if isinstance(understood, tuple):
        return understood
    profile, nodes = understood.profile, understood.nodes
    missing = [name for name in profile.files() if name not in files]
    if missing:
        return tuple(
            _file_problem(understood, name, f"the file {shown(name)} is missing", "put it there") for name in missing
        )
    kept = {name: files[name] for name in (PROFILE_FILE, *profile.files())}
    return LoadedProfile(profile, hashlib.sha256(_pack(kept)).hexdigest(), kept, path, nodes)


def load_profile(folder: Path) -> LoadedProfile | Problems:
    """The profile in a folder that bears the partner's id."""
    path = folder / PROFILE_FILE
    data = _read_inside(folder, PROFILE_FILE, PROFILE_BYTES_MAX)
    if isinstance(data, str):
        return (Problem(str(path), 1, 1, "", f"{PROFILE_FILE} {data}", f"put the partner's profile into {path}"),)
    understood = _understand(data, str(path))
    if isinstance(understood, tuple):
        return understood
    problems: list[Problem] = []
    if understood.profile.id != folder.name:
        what = f"the id is {shown(understood.profile.id)}, but the folder is named {shown(folder.name)}"
        problems.append(understood.problem(("id",), what, "give both the same name"))
    files = {PROFILE_FILE: data}
    lists = understood.profile.as2.revocation_lists if understood.profile.as2 is not None else ()
    for name in understood.profile.files():
        content = _read_inside(folder, name, LIST_BYTES_MAX if name in lists else FILE_BYTES_MAX)
        if isinstance(content, str):
            problems.append(
                _file_problem(understood, name, f"the file {shown(name)} {content}", f"put it into {folder}")
            )
        else:
            files[name] = content
    return tuple(problems) or parse_profile(files, str(path))


def unpack(packed: bytes) -> LoadedProfile | Problems:
    """The profile that `pack()` made these bytes from; problems where they are damaged or no longer understood."""
    try:
        held = json.loads(packed if len(packed) <= PACKED_BYTES_MAX else b"")
        files = {str(name): base64.b64decode(text, validate=True) for name, text in held["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return (Problem(PROFILE_FILE, 1, 1, "", "the packed profile is damaged", "load it from its folder again"),)
    return parse_profile(files)


def _pack(files: MappingOf[str, bytes]) -> bytes:
    held = {"files": {name: base64.b64encode(files[name]).decode("ascii") for name in sorted(files)}}
    return json.dumps(held, separators=(",", ":"), sort_keys=True).encode("ascii")


@dataclass(frozen=True, slots=True)
class _Understood:
    profile: Profile
    nodes: Mapping
    path: str

    def problem(self, location: Location, what: str, would_be_right: str) -> Problem:
        place = place_of(self.nodes, location)
        return Problem(self.path, place.line, place.column, dotted(location), what, would_be_right)


def _understand(data: bytes, path: str) -> _Understood | Problems:
    nodes = read_nodes(data, path)
    if isinstance(nodes, tuple):
        return nodes
    problems = _without_value(nodes, path, ())
    if problems:
        return tuple(problems[:PROBLEMS_MAX])
    try:
        profile = Profile.model_validate(plain(nodes))
    except ValidationError as error:
        return in_our_words(error, nodes, path)[:PROBLEMS_MAX]
    understood = _Understood(profile, nodes, path)
    return tuple(understood.problem(*contradiction) for contradiction in profile.contradictions()) or understood


def _without_value(node: Node, path: str, location: Location) -> list[Problem]:
    if isinstance(node, Scalar):
        if node.text is not None:
            return []
        what = f"`{dotted(location)}` has no value"
        return [
            Problem(path, node.place.line, node.place.column, dotted(location), what, "give it one or leave it out")
        ]
    if isinstance(node, Sequence):
        inner: list[tuple[str | int, Node]] = list(enumerate(node.items))
    else:
        inner = list(node.values.items())
    return [problem for part, child in inner for problem in _without_value(child, path, (*location, part))]


def _file_problem(understood: _Understood, name: str, what: str, right: str) -> Problem:
    """A problem on the line that names the file."""
    as2 = understood.profile.as2
    listed = [item.file for item in as2.certificates] if as2 is not None else []
    if name in listed:
        location: Location = ("as2", "certificates", listed.index(name), "file")
    else:
        location = ("as2", "certificate")
    return understood.problem(location, what, right)


def _read_inside(folder: Path, name: str, bytes_max: int) -> bytes | str:
    """The bytes of a regular file below a folder, or why not. Links are followed as long as they stay inside."""
    try:
        inside = folder.resolve(strict=True)
        path = (folder / name).resolve(strict=True)
        if not path.is_relative_to(inside):
            return "is a link that leaves the profile's folder"
        # A pipe or device in its place must not hold the reader up.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return "is no regular file"
            with os.fdopen(handle, "rb", closefd=False) as stream:
                data = stream.read(bytes_max + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or 'a broken path'})"
    return data if len(data) <= bytes_max else f"has more than {bytes_max} bytes"
