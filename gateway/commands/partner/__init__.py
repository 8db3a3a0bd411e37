"""`gateway partner`: partners from the first line of their profile to production, one file a verb."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.commands.parsing import Parser, add_verb_files

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


def build(parser: Parser, words: Sequence[str] = ()) -> None:
    """Add the verbs."""
    add_verb_files(parser, words, __name__, _FILES)
