"""The texts of a profile's layers become one profile, or problems on the lines that they were written on."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from partners.layers import (
    NOT_FOR_TESTING,
    TESTING,
    lay,
    place_to_mend,
    split_testing,
    text_of,
    without_unused,
    written,
)
from partners.nodes import Mapping, plain, read_nodes
from partners.problems import Location, Problem, dotted, one_of, shown
from partners.profile import Profile
from partners.tables import TABLE_BYTES_MAX
from partners.templates import CHAIN_MAX, Templates
from partners.wording import in_our_words

PROFILE_FILE = "profile.yaml"
FILE_BYTES_MAX = 65_536
LIST_BYTES_MAX = 524_288  # of a revocation list, which grows with what its authority revoked
PROBLEMS_MAX = 100
Problems = tuple[Problem, ...]
TEMPLATE = "_templates/"  # no file name that a profile may give holds a slash
SUFFIX = ".yaml"
OVERLAY = "profile."


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the files that lie one over the other.

    Attributes:
        name: among the files of a loaded profile.
        data: its bytes.
        nodes: what the bytes hold, or what is wrong with them.
        path: for messages.
    """

    name: str
    data: bytes
    nodes: Mapping | Problems
    path: str


Find = Callable[[str], Layer | None]  # a template by its name


@dataclass(frozen=True, slots=True)
class Laid:
    """Layers one over the other."""

    nodes: Mapping
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """A profile before the files that it names were looked at.

    Attributes:
        profile: as it holds now.
        nodes: what it was made from, all layers joined.
        path: of `profile.yaml`.
        layers: the files that were laid one over the other.
        file_names: what it names, now and once it is live.
        open_points: what is wrong with a draft.
    """

    profile: Profile
    nodes: Mapping
    path: str
    layers: tuple[Layer, ...]
    file_names: tuple[str, ...]
    open_points: Problems = ()

    @property
    def is_draft(self) -> bool:
        """Whether it may be incomplete."""
        return self.profile.status == "draft"

    def problem(self, location: Location, what: str, would_be_right: str) -> Problem:
        """A problem on the line where a field stands."""
        return _located(self.nodes, self.path, location, what, would_be_right)

    def file_problem(self, name: str, what: str, right: str) -> Problem:
        """A problem on the line that names the file."""
        return self.problem(self._naming(name), what, right)

    def field_of(self, name: str) -> str:
        """The field that names a file."""
        return dotted(self._naming(name))

    def _naming(self, name: str) -> Location:
        return next((location for location, scalar in written(self.nodes) if scalar.text == name), ())

    def bytes_max(self, name: str) -> int:
        """How large a file that the profile names may be."""
        if self.profile.as2 is not None and name in self.profile.as2.revocation_lists:
            return LIST_BYTES_MAX
        return TABLE_BYTES_MAX if name in self.profile.table_files() else FILE_BYTES_MAX


def understand(laid: Laid, path: str) -> Understood | Problems:
    """The profile that the layers make, its overlay for testing laid over it where that holds."""
    for_real, testing = split_testing(laid.nodes)
    nodes = without_unused(for_real)
    profile = _validated(nodes, path)
    if isinstance(profile, tuple):
        return profile
    file_names = profile.files()
    if testing is not None:
        if not isinstance(testing, Mapping):
            return (_located(laid.nodes, path, ("testing",), "`testing` holds no keys", "write what differs below it"),)
        misplaced = [key for key in NOT_FOR_TESTING if key in testing.values]
        if misplaced:
            what = f"`{misplaced[0]}` cannot differ while testing"
            right = f"write it outside of `{TESTING}`"
            return (_located(laid.nodes, path, (TESTING, misplaced[0]), what, right),)
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
        return wrong[:PROBLEMS_MAX]
    return Understood(profile, nodes, path, laid.layers, file_names, wrong[:PROBLEMS_MAX])


def lay_files(files: MappingOf[str, bytes], path: str, layer_paths: MappingOf[str, str]) -> Laid | Problems:
    """The layers among these files one over the other."""

    def layer(name: str) -> Layer:
        place = path if name == PROFILE_FILE else layer_paths.get(name, name)
        data = files.get(name, b"")
        return Layer(name, data, read_nodes(data, place, "" if name == PROFILE_FILE else place), place)

    def find(template: str) -> Layer | None:
        name = template_file(template)
        return layer(name) if name in files else None

    overlays = [name for name in files if name.startswith(OVERLAY) and name.endswith(SUFFIX) and name != PROFILE_FILE]
    return lay_layers([layer(name) for name in (PROFILE_FILE, *overlays[:1])], find)


def lay_layers(layers: Sequence[Layer], find: Find) -> Laid | Problems:
    """The profile, its overlay over it, and below both the templates that they build on."""
    joined: Mapping | None = None
    for layer in layers:
        if not isinstance(layer.nodes, Mapping):
            return layer.nodes[:PROBLEMS_MAX]
        joined = lay(joined, layer.nodes) if joined is not None else layer.nodes
    assert joined is not None  # noqa: S101  # there is always the profile itself
    path, laid, seen = layers[0].path, list(layers), list[str]()
    wanted = text_of(joined, "extends")
    while wanted is not None:
        template = find(wanted) if wanted not in seen and len(seen) < CHAIN_MAX else None
        if template is None:
            return (_no_template(joined, path, wanted, seen),)
        if not isinstance(template.nodes, Mapping):
            return template.nodes[:PROBLEMS_MAX]
        seen.append(wanted)
        laid.append(template)
        joined = lay(template.nodes, joined)
        wanted = text_of(template.nodes, "extends")
    return Laid(joined, tuple(laid))


def template_file(name: str) -> str:
    """The name of a template among the files of a loaded profile."""
    return f"{TEMPLATE}{name}{SUFFIX}"


def _no_template(joined: Mapping, path: str, wanted: str, seen: list[str]) -> Problem:
    if wanted in seen:
        what, right = f"the templates {', '.join(seen)} build on each other in a circle", "let one of them end it"
    elif len(seen) == CHAIN_MAX:
        what, right = f"more than {CHAIN_MAX} templates one upon the other", "join some of them"
    else:
        what = f"there is no template {shown(wanted)}"
        right = one_of(wanted, Templates(Path(path).parent.parent).names())
    return _located(joined, path, ("extends",), what, right)


def _validated(nodes: Mapping, path: str) -> Profile | Problems:
    try:
        return Profile.model_validate(plain(nodes))
    except ValidationError as error:
        return in_our_words(error, nodes, path, PROBLEMS_MAX)


def _located(nodes: Mapping, path: str, location: Location, what: str, would_be_right: str) -> Problem:
    place = place_to_mend(nodes, location)
    return Problem(place.file or path, place.line, place.column, dotted(location), what, would_be_right)
