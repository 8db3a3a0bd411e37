"""`gateway acknowledge`: what an X12 file earns, as the gateway would answer it."""

import argparse
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from gateway.collection import collect_rarely
from gateway.commands.files import open_input
from gateway.commands.output import file_progress, note, print_bytes
from gateway.commands.parsing import Parser, add_config, control_number, leaf
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.guide import AcknowledgmentRules, ReadingRules
from translators.source import Source
from translators.x12.acknowledgment import write_acknowledgments
from translators.x12.reading import CONTROL_NUMBER_MAX, InterchangeHeader
from translators.x12.writer import Framing

# How what an interchange earns is written: by the terms of its sender.
_Answering = Callable[[InterchangeHeader], tuple[AcknowledgmentRules, Framing | None]]


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway acknowledge order-response.edi\n"
        "gateway acknowledge order-response.edi --partner acme-supply\n"
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
    parser.add_argument("--partner", metavar="ID", help="answer as this partner's profile says")
    parser.add_argument(
        "--functional",
        choices=("997", "999"),
        help="which acknowledgment groups earn (default: that of the profile, else 997)",
    )
    parser.add_argument(
        "--ta1",
        choices=("never", "on_error", "as_requested", "always"),
        help="when an interchange earns a TA1 (default: as the profile says, else as_requested)",
    )
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    collect_rarely()
    reading, answering = _terms(called)
    with open_input(called.file) as source:
        result = _result(called.file, source, reading)
    if not result.interchanges:
        note("there is no X12 interchange in it, so nobody to answer; see `gateway validate`")
        return 1
    numbers, now = _from(called.control_number), datetime.now(UTC)
    written = b""
    for interchange in result.interchanges:
        rules, framing = answering(interchange.header)
        rules = _as_called(rules, called)
        written += write_acknowledgments([interchange], control_numbers=numbers, now=now, rules=rules, framing=framing)
    print_bytes(written)
    if not written:
        note("it earns nothing: only acknowledgments are in it, nobody can be answered, or none was asked for")
    return 0 if result.accepted else 1


def _as_called(rules: AcknowledgmentRules, called: argparse.Namespace) -> AcknowledgmentRules:
    """What is said in the call goes before the profile, and before its agreements."""
    if called.ta1 is not None:
        rules = replace(rules, ta1=called.ta1)
    return rules if called.functional is None else replace(rules, functional=called.functional, groups=())


def _terms(called: argparse.Namespace) -> tuple[ReadingRules, _Answering]:
    """How the file is read and answered: by the partner's profile, else in the strictest way.

    What a connection brings is answered by the terms of those it speaks for.
    """
    if called.partner is None:
        return ReadingRules(), lambda _: (AcknowledgmentRules(), None)
    # Only a profile needs their heavy libraries.
    from gateway.commands.opening import open_settings  # noqa: PLC0415  # see above
    from gateway.commands.profiles import directory_of, profile_of  # noqa: PLC0415  # see above
    from gateway.flow.terms import terms_of  # noqa: PLC0415  # see above

    settings = open_settings(called)
    terms = terms_of(profile_of(settings, called.partner), directory_of(settings), settings.identities)

    def answering(header: InterchangeHeader) -> tuple[AcknowledgmentRules, Framing | None]:
        speaking = terms.of(header.sender)
        return speaking.acknowledgment, speaking.framing

    return terms.reading, answering


def _result(name: str, source: Source, rules: ReadingRules) -> TranslationResult:
    """What became of a file. Translated and not only read: what no document can be made of is rejected, too."""
    with file_progress(name, len(source)) as advance:
        for item in translate(source, rules):
            if isinstance(item, TranslationResult):
                return item
            if isinstance(item, TranslatedDocument) and item.location.end is not None:
                advance(item.location.end)
    raise AssertionError("a translation ends with its result")


def _from(first: int) -> Iterator[int]:
    """Control numbers from the first on; after 999,999,999 comes 1."""
    return ((number - 1) % CONTROL_NUMBER_MAX + 1 for number in itertools.count(first))
