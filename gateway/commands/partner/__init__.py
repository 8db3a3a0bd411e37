"""`gateway partner`: partners from the first line of their profile to production, one file a verb."""

from gateway.commands.parsing import Parser, verbs
from gateway.commands.partner import (
    checking,
    diff,
    go_live,
    guide,
    keys,
    listing,
    new,
    numbers,
    ping,
    sheet,
    showing,
    status,
    testing,
)


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    for one in (new, listing, showing, diff, status, checking, testing, guide, go_live, keys, sheet, ping, numbers):
        one.build(under)
