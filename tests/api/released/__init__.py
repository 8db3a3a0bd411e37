"""The OpenAPI documents of the releases so far: no later one may break a program that was written for one of them.

`python -m tests.api.released` (or `make released`) keeps that of the present release, whose number stands in
`gateway.api.openapi`.
"""

from pathlib import Path
from typing import Any

import orjson

from gateway.api.openapi import API_RELEASE, openapi

FOLDER = Path(__file__).parent


def present() -> Path:
    """Where the document of the present release is kept."""
    return FOLDER / f"openapi-{API_RELEASE.rpartition('.')[0]}.json"


def releases() -> dict[str, dict[str, Any]]:
    """Every document that is kept, by its file's name."""
    return {file.name: orjson.loads(file.read_bytes()) for file in sorted(FOLDER.glob("openapi-*.json"))}


def keep() -> Path:
    """Write down the present one."""
    file = present()
    file.write_bytes(orjson.dumps(openapi(), option=orjson.OPT_INDENT_2) + b"\n")
    return file
