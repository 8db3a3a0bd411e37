"""`gateway partner`: partners from the first line of their profile to production, one file a verb."""

from gateway.commands.parsing import Parser, verbs
from gateway.commands.partner import checking, keys, listing, numbers, ping, showing


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    for one in (listing, showing, checking, keys, ping, numbers):
        one.build(under)
