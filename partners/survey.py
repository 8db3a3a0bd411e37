"""All partners' folders at one moment: what changed since the last look is read again, the rest costs a stat a file."""

import gc
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from partners.folders import stamp_of
from partners.loader import LoadedProfile, Look, Problems, look
from partners.problems import Problem
from partners.templates import Template, Templates

PARTNERS_MAX = 20_000
_MANY = 100  # so many folders read at once make garbage collection a large part of the work


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at all folders found.

    Attributes:
        partners_dir: the folder that holds them.
        environment: whose overlays were laid over the profiles.
        names: of the folders, sorted.
        looks: what came of each, by name.
        templates: those that were looked for, by name.
        omitted: folders beyond the limit, of which nothing is known.
        is_empty: whether the folder has no entry at all, as the place of a volume that is not mounted has none.
    """

    partners_dir: Path
    environment: str | None
    names: tuple[str, ...]
    looks: Mapping[str, Look]
    templates: Mapping[str, Template | None] = field(default_factory=dict)
    omitted: int = 0
    is_empty: bool = False

    def omission_problems(self) -> Problems:
        """That there are more folders than are read."""
        if not self.omitted:
            return ()
        what = f"{self.omitted:,} folders beyond the first {PARTNERS_MAX:,} are not read, by their names"
        return (Problem(str(self.partners_dir), 1, 1, "", what, "run a second gateway for them"),)

    def loaded(self) -> tuple[LoadedProfile, ...]:
        """Every profile that is fine by itself."""
        return tuple(found.outcome for found in self.looks.values() if isinstance(found.outcome, LoadedProfile))


def survey(
    partners_dir: Path, known: Survey | None = None, *, environment: str | None = None, without: Collection[str] = ()
) -> Survey:
    """Look at all folders.

    Args:
        partners_dir: the folder that holds them.
        known: the look before; it comes back itself where nothing changed.
        environment: whose overlays lie over the profiles.
        without: names of folders that are not read.

    Raises:
        OSError: the folder itself cannot be read.
    """
    names, is_empty = _names(partners_dir)
    names, omitted = names[:PARTNERS_MAX], max(0, len(names) - PARTNERS_MAX)
    if known is None or (known.partners_dir, known.environment) != (partners_dir, environment):
        known = Survey(partners_dir, environment, (), {})
    templates = Templates(partners_dir, known.templates)
    wanted = [name for name in names if name not in without]
    stale = {name for name in wanted if not _is_current(known.looks.get(name), templates)}
    same = (names, omitted, is_empty) == (known.names, known.omitted, known.is_empty)
    if not stale and same and len(wanted) == len(known.looks):
        return known
    with _without_collection(len(stale)):
        looks = {
            name: _look_again(partners_dir / name, known.looks.get(name), templates, environment)
            if name in stale
            else known.looks[name]
            for name in wanted
        }
    templates_now = {**known.templates, **templates.looked_at}
    return Survey(partners_dir, environment, names, looks, templates_now, omitted, is_empty)


def _names(partners_dir: Path) -> tuple[tuple[str, ...], bool]:
    """The partners' folders in the order of their names, and whether there is no entry of any kind.

    Hidden folders belong to git, editors and orchestrators.
    """
    names, is_empty = [], True
    with os.scandir(partners_dir) as entries:
        for entry in entries:
            is_empty = False
            if not entry.name.startswith((".", "_")) and entry.is_dir():
                names.append(entry.name)
    return tuple(sorted(names)), is_empty


def _is_current(known: Look | None, templates: Templates) -> bool:
    """Whether a look would find the same again: nothing that was looked for has changed, come or gone."""
    return (
        known is not None
        and all(stamp_of(path) == stamp for path, stamp in known.stamps.items())
        and all(_template_stamp(templates, name) == stamp for name, stamp in known.templates.items())
    )


def _look_again(folder: Path, known: Look | None, templates: Templates, environment: str | None) -> Look:
    found = look(folder, templates, environment)
    # Re-read but the same: keep the value that others may hold.
    return Look(known.outcome, found.stamps, found.templates) if known and known.outcome == found.outcome else found


def _template_stamp(templates: Templates, name: str) -> object:
    template = templates.get(name)
    return template.stamp if template is not None else None


@contextmanager
def _without_collection(folders: int) -> Iterator[None]:
    """What reading makes stays or goes by itself; looking for circles in it again and again would find none."""
    if folders < _MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
