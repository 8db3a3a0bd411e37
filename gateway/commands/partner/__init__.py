"""`gateway partner`: partners from the first line of their profile to production, one file a verb."""

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, cast

from gateway.commands.parsing import Parser, Verbs, verbs

# Each verb and its file, in the order of the work.
_FILES: Mapping[str, str] = MappingProxyType(
    {
        "new": "new",
        "list": "listing",
        "show": "showing",
        "check": "checking",
        "diff": "diff",
        "test": "testing",
        "guide": "guide",
        "sheet": "sheet",
        "key": "keys",
        "ping": "ping",
        "go-live": "go_live",
        "status": "status",
        "numbers": "numbers",
    }
)


class VerbFile(Protocol):
    """What the file of a verb offers."""

    def build(self, under: Verbs) -> None:
        """Add the verb."""


def build(parser: Parser, words: Sequence[str] = ()) -> None:
    """Add the verbs; only the one that the words begin with, so that a call imports what it needs and no more."""
    under = verbs(parser)
    called = words[0] if words else ""
    for name in (called,) if called in _FILES else _FILES:
        file = cast("VerbFile", importlib.import_module(f"gateway.commands.partner.{_FILES[name]}"))
        file.build(under)
