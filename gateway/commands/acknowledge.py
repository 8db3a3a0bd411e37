"""`gateway acknowledge`: what an X12 file earns, as the gateway would answer it."""

import argparse
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.commands.files import read_input
from gateway.commands.output import note, print_bytes
from gateway.commands.parsing import Parser, control_number, leaf
from translators.catalog import TranslationResult, translate
from translators.guide import AcknowledgmentRules, ReadingRules
from translators.x12.acknowledgment import write_acknowledgments

CONTROL_NUMBER_MAX = 999_999_999


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway acknowledge order-response.edi\n"
        "gateway acknowledge order-response.edi --control-number 1207 --functional 999 > answer.edi",
    )
    parser.add_argument("file", metavar="FILE", help="X12 interchanges; - is standard input")
    parser.add_argument(
        "--control-number",
        type=control_number,
        default=1,
        metavar="N",
        help="ISA13 of the first answer; every further one, and the groups, count on from it (default 1)",
    )
    parser.add_argument(
        "--functional", choices=("997", "999"), default="997", help="which acknowledgment groups earn (default 997)"
    )


def _run(called: argparse.Namespace) -> int:
    data = read_input(called.file)
    # Translated and not only read: what no canonical document can be made of is rejected, too.
    result = next(item for item in translate(data, ReadingRules()) if isinstance(item, TranslationResult))
    if not result.interchanges:
        note("there is no X12 interchange in it, so nobody to answer; see `gateway validate`")
        return 1
    written = write_acknowledgments(
        result.interchanges,
        control_numbers=_from(called.control_number),
        now=datetime.now(UTC),
        rules=AcknowledgmentRules(functional=called.functional),
    )
    print_bytes(written)
    if not written:
        note("it holds only acknowledgments, which earn none")
    return 0 if result.accepted else 1


def _from(first: int) -> Iterator[int]:
    """Control numbers from the first on; after 999,999,999 comes 1."""
    return ((number - 1) % CONTROL_NUMBER_MAX + 1 for number in itertools.count(first))
