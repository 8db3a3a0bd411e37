"""Templates: what many partners have in common, written once and named in `extends`.

partners_dir/_templates/NAME/profile.yaml     the operator's own
partners/templates/NAME/profile.yaml          those that come with the gateway
"""

import os
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from partners.fields import SLUG
from partners.nodes import PROFILE_BYTES_MAX

OWN_FOLDER = "_templates"
CHAIN_MAX = 4  # templates one upon the other
_FILE = "profile.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """One template as it lies on the disk; `stamp` changes when it does."""

    name: str
    path: Path
    data: bytes
    stamp: object


@dataclass(slots=True)
class Templates:
    """The templates that profiles of one folder may build on, each read once; made anew for each look.

    Args:
        partners_dir: whose `_templates` go before those that come with the gateway; None for these alone.
    """

    partners_dir: Path | None = None
    _read: dict[str, Template | None] = field(default_factory=dict)

    def get(self, name: str) -> Template | None:
        """The template with a name; None where there is none that can be read."""
        if name not in self._read:
            self._read[name] = next((found for folder in self._folders() if (found := _look(folder, name))), None)
        return self._read[name]

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


def _look(folder: Path, name: str) -> Template | None:
    path = folder / name / _FILE
    if not SLUG.matches(name):
        return None
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(PROFILE_BYTES_MAX + 1)
    except OSError:
        return None
    return Template(name, path, data, (str(path), status.st_ino, status.st_size, status.st_mtime_ns))
