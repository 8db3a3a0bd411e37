"""Reads a partner's folder: `profile.yaml`, its layers and the files it names become one frozen value, or problems.

    partners_dir/acme-supply/profile.yaml
                             profile.staging.yaml     in the environment `staging`
                             acme-as2.pem

A loaded profile knows the digest of everything it was made from and packs itself into bytes, so that a message can be
finished with the profile it was started with, on any node and after any reload.
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from partners.layers import lay, split_testing, text_of, without_unused, written
from partners.nodes import PROFILE_BYTES_MAX, Mapping, Node, Scalar, Sequence, place_of, plain, read_nodes
from partners.problems import Location, Place, Problem, Severity, dotted, one_of, shown
from partners.profile import Profile
from partners.templates import CHAIN_MAX, Template, Templates
from partners.wording import in_our_words

PROFILE_FILE = "profile.yaml"
FILE_BYTES_MAX = 65_536
LIST_BYTES_MAX = 524_288  # of a revocation list, which grows with what its authority revoked
TABLE_BYTES_MAX = 2_097_152  # of a table of identifiers
PROBLEMS_MAX = 100
PACKED_BYTES_MAX = 67_108_864  # more than the largest files that a profile may name come to

Problems = tuple[Problem, ...]

_TEMPLATE = "_templates/"  # no file name that a profile may give holds a slash
_SUFFIX = ".yaml"
_OVERLAY = "profile."
_MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with everything it was made from.

    Attributes:
        profile: the parsed profile.
        digest: SHA-256 in hex over `pack()`: the profile's bytes and those of the files it names.
        files: `profile.yaml`, its layers and the files that they name, by name; those of templates begin with
            `_templates/`.
        path: the file that the operator edits, for messages; it belongs to no comparison.
        open_points: of a draft, what is missing yet; empty for any other.
    """

    profile: Profile
    digest: str
    files: MappingOf[str, bytes]
    path: str = field(compare=False)
    _nodes: Mapping = field(compare=False, repr=False)
    open_points: Problems = field(compare=False, default=())

    @property
    def id(self) -> str:
        """The partner's id."""
        return self.profile.id

    def file(self, name: str) -> bytes:
        """The bytes of a file that the profile names; empty for one that a draft still lacks."""
        return self.files.get(name, b"")

    def pack(self) -> bytes:
        """Everything needed to load this profile again, the same bytes each time."""
        return _pack(self.files)

    def problem(self, location: Location, what: str, would_be_right: str, *, warning: bool = False) -> Problem:
        """A problem on the line where a field of this profile stands."""
        place = place_of(self._nodes, location)
        severity: Severity = "warning" if warning else "error"
        file = place.file or self.path
        return Problem(file, place.line, place.column, dotted(location), what, would_be_right, severity)

    def line_of(self, location: Location) -> int:
        """The line where a field stands."""
        return place_of(self._nodes, location).line

    def origins(self) -> dict[Location, Place]:
        """Where each single value was written, the file always named; what is not here is a default."""
        return {
            location: scalar.place if scalar.place.file else replace(scalar.place, file=self.path)
            for location, scalar in written(self._nodes)
        }

    def template_names(self) -> tuple[str, ...]:
        """The templates that it builds on, the nearest first."""
        return tuple(name[len(_TEMPLATE) : -len(_SUFFIX)] for name in self.files if name.startswith(_TEMPLATE))


def parse_profile(
    files: MappingOf[str, bytes], path: str = PROFILE_FILE, layer_paths: MappingOf[str, str] | None = None
) -> LoadedProfile | Problems:
    """The profile that these files hold: `profile.yaml`, its layers and what they name; nothing else is read.

    Args:
        files: by name; templates as `_templates/NAME.yaml`, at most one overlay as `profile.ENVIRONMENT.yaml`.
        path: of `profile.yaml`, for messages.
        layer_paths: of the layers, for messages.

    Files that the profile does not name are left out, so that they do not change its digest.
    """
    understood = _understand(files, path, layer_paths or {})
    if isinstance(understood, tuple):
        return understood
    missing = [
        understood.file_problem(name, f"the file {shown(name)} is missing", "put it there")
        for name in understood.file_names
        if name not in files
    ]
    if missing and not understood.is_draft:
        return tuple(missing)
    names = (*understood.layers, *(name for name in understood.file_names if name in files))
    kept = {name: files[name] for name in names}
    digest = hashlib.sha256(_pack(kept)).hexdigest()
    open_points = tuple(replace(item, severity="warning") for item in (*understood.open_points, *missing))
    return LoadedProfile(understood.profile, digest, kept, path, understood.nodes, open_points)


def load_profile(
    folder: Path, templates: Templates | None = None, environment: str | None = None
) -> LoadedProfile | Problems:
    """The profile in a folder that bears the partner's id.

    Args:
        folder: of the partner.
        templates: those that `extends` may name; those beside the folder and those that come with the gateway if none.
        environment: whose overlay `profile.ENVIRONMENT.yaml` lies over the profile, where there is one.
    """
    path = folder / PROFILE_FILE
    data = _read_inside(folder, PROFILE_FILE, PROFILE_BYTES_MAX)
    if isinstance(data, str):
        return (Problem(str(path), 1, 1, "", f"{PROFILE_FILE} {data}", f"put the partner's profile into {path}"),)
    files, paths = {PROFILE_FILE: data}, {}
    if environment is not None:
        overlay = f"{_OVERLAY}{environment}{_SUFFIX}"
        if os.path.lexists(folder / overlay):
            laid = _read_inside(folder, overlay, PROFILE_BYTES_MAX)
            paths[overlay] = str(folder / overlay)
            if isinstance(laid, str):
                return (Problem(paths[overlay], 1, 1, "", f"{overlay} {laid}", "mend or remove it"),)
            files[overlay] = laid
    for template in _chain(files, templates or Templates(folder.parent)):
        files[f"{_TEMPLATE}{template.name}{_SUFFIX}"] = template.data
        paths[f"{_TEMPLATE}{template.name}{_SUFFIX}"] = str(template.path)
    understood = _understand(files, str(path), paths)
    if isinstance(understood, tuple):
        return understood
    problems: list[Problem] = []
    if understood.profile.id != folder.name:
        what = f"the id is {shown(understood.profile.id)}, but the folder is named {shown(folder.name)}"
        problems.append(understood.problem(("id",), what, "give both the same name"))
    for name in understood.file_names:
        content = _read_inside(folder, name, understood.bytes_max(name))
        if isinstance(content, bytes):
            files[name] = content
        elif not (understood.is_draft and content == _MISSING):
            what = f"the file {shown(name)} {content}"
            problems.append(understood.file_problem(name, what, f"put it into {folder}"))
    return tuple(problems) or parse_profile(files, str(path), paths)


def _chain(files: MappingOf[str, bytes], templates: Templates) -> Iterator[Template]:
    """The templates that a profile builds on, as far as they are there; what is missing is told where they are laid."""
    read = [read_nodes(data, name) for name, data in sorted(files.items(), reverse=True)]
    names = [text_of(nodes, "extends") for nodes in read if isinstance(nodes, Mapping)]
    name = next((name for name in names if name is not None), None)
    seen: set[str] = set()
    while name is not None and name not in seen and len(seen) < CHAIN_MAX:
        seen.add(name)
        template = templates.get(name)
        if template is None:
            return
        yield template
        nodes = read_nodes(template.data, str(template.path))
        name = text_of(nodes, "extends") if isinstance(nodes, Mapping) else None


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
    """A profile before the files that it names were looked at.

    Attributes:
        profile: as it holds now.
        nodes: what it was made from, all layers joined.
        path: of `profile.yaml`.
        layers: the names of the files that were laid one over the other.
        file_names: what it names, now and once it is live.
        open_points: what is wrong with a draft.
    """

    profile: Profile
    nodes: Mapping
    path: str
    layers: tuple[str, ...]
    file_names: tuple[str, ...]
    open_points: Problems = ()

    @property
    def is_draft(self) -> bool:
        return self.profile.status == "draft"

    def problem(self, location: Location, what: str, would_be_right: str) -> Problem:
        return _located(self.nodes, self.path, location, what, would_be_right)

    def file_problem(self, name: str, what: str, right: str) -> Problem:
        """A problem on the line that names the file."""
        named = (location for location, scalar in written(self.nodes) if scalar.text == name)
        return self.problem(next(named, ()), what, right)

    def bytes_max(self, name: str) -> int:
        """How large a file that the profile names may be."""
        if self.profile.as2 is not None and name in self.profile.as2.revocation_lists:
            return LIST_BYTES_MAX
        return TABLE_BYTES_MAX if name in self.profile.table_files() else FILE_BYTES_MAX


def _understand(files: MappingOf[str, bytes], path: str, layer_paths: MappingOf[str, str]) -> _Understood | Problems:
    laid = _lay(files, path, layer_paths)
    if isinstance(laid, tuple):
        return laid
    for_real, testing = split_testing(laid.nodes)
    nodes = without_unused(for_real)
    profile = _validated(nodes, path)
    if isinstance(profile, tuple):
        return profile
    file_names = profile.files()
    if testing is not None:
        if not isinstance(testing, Mapping):
            return (_located(laid.nodes, path, ("testing",), "`testing` holds no keys", "write what differs below it"),)
        trial_nodes = without_unused(lay(for_real, testing))
        trial = _validated(trial_nodes, path)
        if isinstance(trial, tuple):
            return trial
        file_names = tuple(sorted({*file_names, *trial.files()}))
        if profile.is_test:
            profile, nodes = trial, trial_nodes
    # What both layers say is judged where it holds; a draft may be incomplete.
    wrong = tuple(_located(nodes, path, *contradiction) for contradiction in profile.contradictions())
    if wrong and profile.status != "draft":
        return wrong
    return _Understood(profile, nodes, path, laid.names, file_names, wrong)


@dataclass(frozen=True, slots=True)
class _Laid:
    nodes: Mapping
    names: tuple[str, ...]


def _lay(files: MappingOf[str, bytes], path: str, layer_paths: MappingOf[str, str]) -> _Laid | Problems:
    """The layers one over the other: templates from the farthest, the profile, the overlay."""
    overlays = [name for name in files if name.startswith(_OVERLAY) and name.endswith(_SUFFIX) and name != PROFILE_FILE]
    own = _read_layer(files.get(PROFILE_FILE, b""), path, "")
    if isinstance(own, tuple):
        return own
    names, joined = [PROFILE_FILE], own
    for name in overlays[:1]:
        overlay = _read_layer(files[name], path, layer_paths.get(name, name))
        if isinstance(overlay, tuple):
            return overlay
        names, joined = [*names, name], lay(joined, overlay)
    wanted = text_of(joined, "extends")
    seen: list[str] = []
    while wanted is not None:
        name = f"{_TEMPLATE}{wanted}{_SUFFIX}"
        if wanted in seen or len(seen) == CHAIN_MAX or name not in files:
            return (_no_template(joined, path, wanted, seen),)
        seen.append(wanted)
        template = _read_layer(files[name], path, layer_paths.get(name, name))
        if isinstance(template, tuple):
            return template
        names, joined = [*names, name], lay(template, joined)
        wanted = text_of(template, "extends")
    return _Laid(joined, tuple(names))


def _no_template(joined: Mapping, path: str, wanted: str, seen: list[str]) -> Problem:
    if wanted in seen:
        what, right = f"the templates {', '.join(seen)} build on each other in a circle", "let one of them end it"
    elif len(seen) == CHAIN_MAX:
        what, right = f"more than {CHAIN_MAX} templates one upon the other", "join some of them"
    else:
        what = f"there is no template {shown(wanted)}"
        right = one_of(wanted, Templates(Path(path).parent.parent).names())
    return _located(joined, path, ("extends",), what, right)


def _read_layer(data: bytes, path: str, layer: str) -> Mapping | Problems:
    nodes = read_nodes(data, layer or path, layer)
    if isinstance(nodes, tuple):
        return nodes
    return tuple(_without_value(nodes, layer or path, ())[:PROBLEMS_MAX]) or nodes


def _validated(nodes: Mapping, path: str) -> Profile | Problems:
    try:
        return Profile.model_validate(plain(nodes))
    except ValidationError as error:
        return in_our_words(error, nodes, path)[:PROBLEMS_MAX]


def _located(nodes: Mapping, path: str, location: Location, what: str, would_be_right: str) -> Problem:
    place = place_of(nodes, location)
    return Problem(place.file or path, place.line, place.column, dotted(location), what, would_be_right)


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
        return _MISSING
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or 'a broken path'})"
    return data if len(data) <= bytes_max else f"has more than {bytes_max} bytes"
