"""The maps that pyx12 judges by: written once for each set and release, loaded once, gone with their folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyx12.map_if import load_map_file
from pyx12.params import ParamsBase

from gateway.second_opinion.export import write_maps

LOADED_MAX = 32  # a loaded map takes some megabytes; a file speaks of few sets


class Maps:
    """Maps in a folder, by release and set."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[tuple[str, str], Any] = {}
        # Its own reading of parameters looks for files in the user's home and in the installation.
        self._parameters = ParamsBase()

    def load(self, set_type: str, release: str) -> Any:  # noqa: ANN401  # pyx12 has no annotations
        """The map of a set that has a grammar in a release with tables."""
        key = set_type, release
        if key not in self._loaded:
            if len(self._loaded) >= LOADED_MAX:
                self._loaded.clear()
            folder = self._folder / f"{release}-{set_type}"
            folder.mkdir(exist_ok=True)
            own = write_maps(folder, set_type, release)
            self._loaded[key] = load_map_file(own.name, self._parameters, str(folder))
        return self._loaded[key]


@contextmanager
def temporary_maps() -> Iterator[Maps]:
    """Maps in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gateway-maps-") as folder:
        yield Maps(Path(folder))
