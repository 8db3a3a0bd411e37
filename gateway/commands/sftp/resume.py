"""`gateway sftp resume`: folders of a partner's server that are looked into again."""

import argparse

from gateway.commands.parsing import Verbs, verb
from gateway.commands.sftp.hold import act, add_named, tell
from gateway.flow.collecting import acts


def build(under: Verbs) -> None:
    """Add the verb."""
    add_named(
        verb(
            under,
            "resume",
            _resume,
            does="look into folders again that were held, beginning now",
            example="gateway sftp resume acme-supply",
        )
    )


def _resume(called: argparse.Namespace) -> int:
    return tell(called, act(called, acts.resume), "resumed", "is looked into again, beginning now")
