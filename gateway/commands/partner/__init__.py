"""`gateway partner`: partners from the first line of their profile to production, one file a verb."""

from gateway.commands.parsing import Parser, verbs
from gateway.commands.partner import checking, diff, go_live, keys, listing, numbers, ping, showing, status, testing


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    for one in (listing, showing, diff, status, checking, testing, go_live, keys, ping, numbers):
        one.build(under)
