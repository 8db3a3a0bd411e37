"""Templates: what many partners have in common, written once and named in `extends`.

partners_dir/_templates/NAME/profile.yaml     the operator's own
partners/templates/NAME/profile.yaml          those that come with the gateway
"""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from partners.fields import SLUG
from partners.folders import Folder, Stamp, stamp_of
from partners.nodes import PROFILE_BYTES_MAX, Mapping, read_nodes
from partners.problems import Problem

OWN_FOLDER = "_templates"
CHAIN_MAX = 4  # templates one upon the other
_FILE = "profile.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """One template as it lies on the disk; `stamp` changes when it does.

    Attributes:
        name: as `extends` names it.
        path: its file.
        data: the bytes of the file.
        stamp: of the file.
        nodes: what the bytes hold, or what is wrong with them.
    """

    name: str
    path: Path
    data: bytes
    stamp: Stamp
    nodes: Mapping | tuple[Problem, ...] = field(repr=False, compare=False)


@dataclass(slots=True)
class Templates:
    """The templates that profiles of one folder may build on, each looked at once; made anew for each look.

    Args:
        partners_dir: whose `_templates` go before those that come with the gateway; None for these alone.
        known: those of the look before: what did not change is not read again.
    """

    partners_dir: Path | None = None
    known: MappingOf[str, Template | None] = field(default_factory=dict)
    looked_at: dict[str, Template | None] = field(default_factory=dict)

    def get(self, name: str) -> Template | None:
        """The template with a name; None where there is none."""
        if name not in self.looked_at:
            before = self.known.get(name)
            found = (_look(folder, name, before) for folder in self._folders()) if SLUG.matches(name) else ()
            self.looked_at[name] = next((template for template in found if template is not None), None)
        return self.looked_at[name]

    def names(self) -> list[str]:
        """Every name, sorted."""
        found: set[str] = set()
        for folder in self._folders():
            try:
                found.update(entry.name for entry in folder.iterdir() if (entry / _FILE).is_file())
            except OSError:
                continue
        return sorted(found)

    def _folders(self) -> list[Path]:
        own = [self.partners_dir / OWN_FOLDER] if self.partners_dir is not None else []
        return [*own, shipped_templates()]


def shipped_templates() -> Path:
    """The folder of the templates that come with the gateway."""
    return Path(str(files("partners"))) / "templates"


def _look(folder: Path, name: str, before: Template | None) -> Template | None:
    path = folder / name / _FILE
    stamp = stamp_of(str(path))
    if stamp is None:
        return None
    if before is not None and (before.path, before.stamp) == (path, stamp):
        return before
    inside = Folder(folder / name)
    # One byte more than a profile may have, so that the reader tells of a template that is too large.
    data = inside.read(_FILE, PROFILE_BYTES_MAX + 1)
    if isinstance(data, str):
        # One of the operator's that cannot be read is not replaced by one of ours with the same name.
        problem = Problem(str(path), 1, 1, "", f"the template {data}", "mend or remove it")
        return Template(name, path, b"", inside.stamps[str(path)], (problem,))
    return Template(name, path, data, inside.stamps[str(path)], read_nodes(data, str(path), str(path)))
