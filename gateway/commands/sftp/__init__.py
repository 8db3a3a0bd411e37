"""`gateway sftp`: what partners' mailboxes and our visits at their servers need from a person, one file a verb."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.commands.parsing import Parser, add_verb_files

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
        "bans": "bans",
        "unban": "unban",
    }
)


def build(parser: Parser, words: Sequence[str] = ()) -> None:
    """Add the verbs."""
    add_verb_files(parser, words, __name__, _FILES)
