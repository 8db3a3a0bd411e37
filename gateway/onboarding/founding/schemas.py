"""The schemas beside the partners' folders, by which editors complete and check what is written there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.onboarding.whole_files import place_file
from partners.schema import layer_schema, profile_schema

# Profiles name the first one in their modeline; templates and overlays may name the second.
SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "profile.schema.json": profile_schema,
    "profile-layer.schema.json": layer_schema,
}


def place_schemas(partners_dir: Path) -> list[Path]:
    """Write those that are missing, and tell which are of another version: these are the operator's to renew."""
    other: list[Path] = []
    for name, schema in SCHEMAS.items():
        path, content = partners_dir / name, orjson.dumps(schema(), option=orjson.OPT_INDENT_2) + b"\n"
        if not place_file(path, content) and path.read_bytes() != content:
            other.append(path)
    return other
