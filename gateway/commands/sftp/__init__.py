"""`gateway sftp`: what partners' mailboxes and our visits at their servers need from a person, one file a verb."""

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, cast

from gateway.commands.parsing import Parser, Verbs, verbs

# Each verb and its file, in the order of the work.
_FILES: Mapping[str, str] = MappingProxyType(
    {
        "host-keys": "host_keys",
        "password": "password",
        "mailbox": "mailbox",
        "keys": "keys",
        "scan": "scan",
        "folders": "folders",
        "look": "look",
        "hold": "hold",
        "resume": "resume",
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
        file = cast("VerbFile", importlib.import_module(f"gateway.commands.sftp.{_FILES[name]}"))
        file.build(under)
