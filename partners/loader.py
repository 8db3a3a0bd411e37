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
import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from partners.folders import MISSING, Folder, Stamp
from partners.layers import place_to_mend, written
from partners.nodes import PROFILE_BYTES_MAX, Mapping, place_of, read_nodes
from partners.problems import Location, Place, Problem, Severity, dotted, shown
from partners.profile import Profile
from partners.tables import Table, read_table
from partners.templates import Templates
from partners.understanding import (
    FILE_BYTES_MAX,
    OVERLAY,
    PROBLEMS_MAX,
    PROFILE_FILE,
    SUFFIX,
    TEMPLATE,
    Find,
    Laid,
    Layer,
    Problems,
    Understood,
    lay_files,
    lay_layers,
    template_file,
    understand,
)

__all__ = [
    "FILE_BYTES_MAX",
    "PROBLEMS_MAX",
    "PROFILE_FILE",
    "LoadedProfile",
    "Look",
    "Problems",
    "load_profile",
    "look",
    "parse_profile",
    "unpack",
]

FILES_BYTES_MAX = 33_554_432  # of all files together that a profile names
PACKED_BYTES_MAX = 67_108_864  # more than those and the layers come to in base64
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,65536}?)-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with everything it was made from.

    Attributes:
        profile: the parsed profile.
        digest: SHA-256 in hex over `pack()`: the profile's bytes and those of the files it names.
        files: `profile.yaml`, its layers and the files that they name, by name; those of templates begin with
            `_templates/`.
        path: the file that the operator edits, for messages; it belongs to no comparison.
        layer_paths: likewise of the layers.
        open_points: of a draft, what is missing yet; empty for any other.
        tables: of identifiers, by the file that its vocabulary names.
        client_certificates: SHA-256 in hex of those in `api.certificates`, in their order.
    """

    profile: Profile
    digest: str
    files: MappingOf[str, bytes]
    path: str = field(compare=False)
    layer_paths: MappingOf[str, str] = field(compare=False, repr=False, default_factory=dict)
    open_points: Problems = field(compare=False, default=())
    tables: MappingOf[str, Table] = field(compare=False, repr=False, default_factory=dict)
    _lines: list[Mapping] = field(compare=False, repr=False, default_factory=list)
    _speaks_for: frozenset[tuple[str, str]] = field(init=False, compare=False, repr=False)
    client_certificates: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """What is looked up with each message is laid out for it."""
        addresses = frozenset((item.qualifier, item.id) for item in self.profile.speaks_for)
        object.__setattr__(self, "_speaks_for", addresses)
        fingerprints = tuple(_fingerprint(self.file(item.file)) for item in self.profile.api.certificates)
        object.__setattr__(self, "client_certificates", fingerprints)

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

    def speaks_for(self, qualifier: str, interchange_id: str) -> bool:
        """Whether it is a connection that lists this X12 address."""
        return (qualifier, interchange_id) in self._speaks_for

    def problem(self, location: Location, what: str, would_be_right: str, *, warning: bool = False) -> Problem:
        """A problem on the line where a field of this profile stands."""
        place = place_to_mend(self._nodes(), location)
        severity: Severity = "warning" if warning else "error"
        file = place.file or self.path
        return Problem(file, place.line, place.column, dotted(location), what, would_be_right, severity)

    def line_of(self, location: Location) -> int:
        """The line where a field stands."""
        return place_of(self._nodes(), location).line

    def origins(self) -> dict[Location, Place]:
        """Where each single value was written, the file always named; what is not here is a default."""
        return {
            location: scalar.place if scalar.place.file else replace(scalar.place, file=self.path)
            for location, scalar in written(self._nodes())
        }

    def template_names(self) -> tuple[str, ...]:
        """The templates that it builds on, the nearest first."""
        return tuple(name[len(TEMPLATE) : -len(SUFFIX)] for name in self.files if name.startswith(TEMPLATE))

    def _nodes(self) -> Mapping:
        """What the profile was made from. The lines of thousands would fill the memory, so they are read when asked."""
        if not self._lines:
            laid = lay_files(self.files, self.path, self.layer_paths)
            assert isinstance(laid, Laid)  # noqa: S101  # they were understood before
            understood = understand(laid, self.path)
            assert isinstance(understood, Understood)  # noqa: S101  # likewise
            self._lines.append(understood.nodes)
        return self._lines[0]


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
    laid = lay_files(files, path, layer_paths or {})
    understood = understand(laid, path) if isinstance(laid, Laid) else laid
    if isinstance(understood, tuple):
        return understood
    missing = [
        understood.file_problem(name, f"the file {shown(name)} is missing", "put it there")
        for name in understood.file_names
        if name not in files
    ]
    if missing and not understood.is_draft:
        return tuple(missing)
    contents = {name: files[name] for name in understood.file_names if name in files}
    return _finished(understood, contents, missing, layer_paths or {})


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into a partner's folder found, and what it depends on.

    Attributes:
        outcome: the profile, or what is wrong with it.
        stamps: of each file that was looked for, by path; another look finds the same as long as they stay.
        templates: of each template that was looked for, by name.
    """

    outcome: LoadedProfile | Problems
    stamps: MappingOf[str, Stamp]
    templates: MappingOf[str, Stamp]


def _tables(understood: "Understood", files: MappingOf[str, bytes]) -> tuple[dict[str, Table], list[Problem]]:
    """The tables of identifiers that a profile names, and what is wrong with those that cannot be read."""
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for name in sorted(understood.profile.table_files() & files.keys()):
        table = read_table(files[name])
        if isinstance(table, Table):
            tables[name] = table
        else:
            path = str(Path(understood.path).with_name(name))
            problems += (fault.problem(path, understood.field_of(name)) for fault in table)
    return tables, problems


def load_profile(
    folder: Path, templates: Templates | None = None, environment: str | None = None
) -> LoadedProfile | Problems:
    """The profile in a folder that bears the partner's id.

    Args:
        folder: of the partner.
        templates: those that `extends` may name; those beside the folder and those that come with the gateway if none.
        environment: whose overlay `profile.ENVIRONMENT.yaml` lies over the profile, where there is one.
    """
    return look(folder, templates or Templates(folder.parent), environment).outcome


def look(folder: Path, templates: Templates, environment: str | None) -> Look:
    """As `load_profile`, with what the outcome depends on."""
    inside, asked = Folder(folder), dict[str, Stamp]()

    def find(name: str) -> Layer | None:
        template = templates.get(name)
        asked[name] = template.stamp if template is not None else None
        if template is None:
            return None
        return Layer(template_file(name), template.data, template.nodes, str(template.path))

    return Look(_load(inside, find, environment), inside.stamps, asked)


def _load(folder: Folder, find: "Find", environment: str | None) -> LoadedProfile | Problems:
    own = _layer_in(folder, PROFILE_FILE, f"put the partner's profile into {folder.path}/{PROFILE_FILE}")
    if not isinstance(own, Layer):
        return own
    layers = [own]
    overlay = f"{OVERLAY}{environment}{SUFFIX}"
    if environment is not None and folder.exists(overlay):
        laid_over = _layer_in(folder, overlay, "mend or remove it")
        if not isinstance(laid_over, Layer):
            return laid_over
        layers.append(laid_over)
    laid = lay_layers(layers, find)
    understood = understand(laid, own.path) if isinstance(laid, Laid) else laid
    if isinstance(understood, tuple):
        return understood
    problems: list[Problem] = []
    if understood.profile.id != folder.path.name:
        what = f"the id is {shown(understood.profile.id)}, but the folder is named {shown(folder.path.name)}"
        problems.append(understood.problem(("id",), what, "give both the same name"))
    contents: dict[str, bytes] = {}
    missing: list[Problem] = []
    left = FILES_BYTES_MAX
    for name in understood.file_names:
        content = folder.read(name, understood.bytes_max(name))
        if isinstance(content, bytes):
            contents[name] = content
            left -= len(content)
            if left < 0:
                break  # no more is read; why is told below
            continue
        problem = understood.file_problem(name, f"the file {shown(name)} {content}", f"put it into {folder.path}")
        (missing if understood.is_draft and content == MISSING else problems).append(problem)
    paths = {layer.name: layer.path for layer in understood.layers if layer is not own}
    return tuple(problems) or _finished(understood, contents, missing, paths)


def _layer_in(folder: Folder, name: str, right: str) -> "Layer | Problems":
    path = f"{folder.path}/{name}"
    data = folder.read(name, PROFILE_BYTES_MAX)
    if isinstance(data, str):
        return (Problem(path, 1, 1, "", f"{name} {data}", right),)
    return Layer(name, data, read_nodes(data, path, "" if name == PROFILE_FILE else path), path)


def _finished(
    understood: "Understood", contents: MappingOf[str, bytes], missing: Sequence[Problem], paths: MappingOf[str, str]
) -> LoadedProfile | Problems:
    if sum(map(len, contents.values())) > FILES_BYTES_MAX:
        largest = max(contents, key=lambda name: len(contents[name]))
        what = f"the files that the profile names have more than {FILES_BYTES_MAX:,} bytes together"
        return (understood.file_problem(largest, what, "keep only the pairs that are used in tables"),)
    tables, unreadable = _tables(understood, contents)
    if unreadable and not understood.is_draft:
        return tuple(unreadable)
    files = {layer.name: layer.data for layer in understood.layers} | dict(contents)
    digest = hashlib.sha256(_pack(files)).hexdigest()
    points = (*understood.open_points, *missing, *unreadable)
    open_points = tuple(replace(item, severity="warning") for item in points)
    return LoadedProfile(understood.profile, digest, files, understood.path, paths, open_points, tables)


def unpack(packed: bytes) -> LoadedProfile | Problems:
    """The profile that `pack()` made these bytes from; problems where they are damaged or no longer understood."""
    try:
        held = json.loads(packed if len(packed) <= PACKED_BYTES_MAX else b"")
        files = {str(name): base64.b64decode(text, validate=True) for name, text in held["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return (Problem(PROFILE_FILE, 1, 1, "", "the packed profile is damaged", "load it from its folder again"),)
    return parse_profile(files)


def _fingerprint(content: bytes) -> str:
    """SHA-256 of a certificate, PEM (the first of it) or DER; of something else it is that of its bytes."""
    der = content
    if found := _PEM_CERTIFICATE.search(content):
        with suppress(ValueError):
            der = base64.b64decode(b"".join(found[1].split()), validate=True)
    return hashlib.sha256(der).hexdigest()


def _pack(files: MappingOf[str, bytes]) -> bytes:
    # As json.dumps would write it with sorted keys and no blanks, without looking at each letter of the files.
    held = (f'{json.dumps(name)}:"{base64.b64encode(files[name]).decode("ascii")}"' for name in sorted(files))
    return f'{{"files":{{{",".join(held)}}}}}'.encode("ascii")
