"""`gateway sandbox`: the magic words, and orders that bear them."""

import argparse
from datetime import UTC, date, datetime

import orjson

from gateway.commands.output import print_document, print_json, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_format, did_you_mean, leaf, shown, verb
from gateway.commands.storing import now_ms
from gateway.sandbox.samples import fresh_number, sample_change, sample_order
from gateway.sandbox.words import NO_MAGIC, ORDER_CHARACTERS_MAX, TABLE, WORDS, Word, magic_of
from translators.documents import PurchaseOrder, PurchaseOrderChange
from translators.shapes import to_bytes


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _list,
        "gateway sandbox                                # the words, and what each does\n"
        "gateway sandbox order HALF | gateway send - --partner sandbox --wait\n"
        "gateway events --follow                        # what the supplier answers",
    )
    add_format(parser, "one object a word, one line each")
    under = parser.add_subparsers(metavar="COMMAND", title="commands", dest="verb", parser_class=Parser)
    for name, run, what in (("order", _order, "a purchase order"), ("change", _change, "a change of an order")):
        one = verb(
            under,
            name,
            run,
            does=f"{what} as canonical JSON, with a magic word in its number",
            example=f"gateway sandbox {name} HALF | gateway send - --partner sandbox --wait\n"
            f"gateway sandbox {name} LATE-30 --number PO-7-LATE-30 > {name}.json",
        )
        one.add_argument("word", metavar="WORD", help="such as HALF, TIMEOUT-2 or HALF-LATE-30: see `gateway sandbox`")
        one.add_argument("--number", metavar="N", help="the number of the order (default: a fresh one with the word)")


def _list(called: argparse.Namespace) -> int:
    if called.format == "json":
        for word in TABLE:
            print_json(_shown(word))
        return 0
    print_table(
        ("word in the number", "after an order (850)", "after a change (860)"),
        [(_spelled(word), word.order, word.change) for word in TABLE],
        empty="",
    )
    say()
    say("Without a word an order is accepted. What the supplier answers reaches you as events: gateway events --follow")
    return 0


def _order(called: argparse.Namespace) -> int:
    return _print(sample_order(_number(called), _today()))


def _change(called: argparse.Namespace) -> int:
    return _print(sample_change(_number(called), _today()))


def _print(document: PurchaseOrder | PurchaseOrderChange) -> int:
    print_document(orjson.loads(to_bytes(document)))
    return 0


def _number(called: argparse.Namespace) -> str:
    """The number of the order, with the word in it.

    Raises:
        Unusable: there is no such word, or X12 has no room for the number.
    """
    word = str(called.word).upper()
    if magic_of(word) == NO_MAGIC and word != NO_MAGIC.word.name:
        raise Unusable(f"there is no magic word {shown(called.word)}{did_you_mean(word, WORDS) or _see_words()}")
    number = called.number if called.number is not None else fresh_number(word, now_ms())
    if len(number) > ORDER_CHARACTERS_MAX:
        raise Unusable(f"{shown(number)} has {len(number)} characters, and X12 takes {ORDER_CHARACTERS_MAX} (BEG03)")
    if magic_of(number) != magic_of(word):
        raise Unusable(f"{shown(number)} does not ask for {word}: write the word into it, apart from the rest by -")
    return number


def _see_words() -> str:
    return "; `gateway sandbox` lists them"


def _today() -> date:
    return datetime.fromtimestamp(now_ms() / 1_000, UTC).date()


def _spelled(word: Word) -> str:
    return f"{word.name}[-N]" if word.number else word.name


def _shown(word: Word) -> dict[str, object]:
    return {
        "word": word.name,
        "order": word.order,
        "change": word.change,
        "number": word.number or None,
        "number_default": word.number_default,
    }
