"""How a call is read: argparse with errors that say what was probably meant, and an example under every command."""

import argparse
import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeAlias, cast

Run = Callable[[argparse.Namespace], int]

UNUSABLE = 2  # the exit code for a call or file that cannot be used
_SHOWN_CHARACTERS_MAX = 60


class Unusable(Exception):  # noqa: N818  # told to the caller
    """The call, or a file that it names, cannot be used; the text says why and what to do next, in one or two lines."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take two lines at most and end with exit code 2."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # handed on to argparse as they are
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the call and where help is, and end with exit code 2."""
        self.exit(UNUSABLE, f"{self.prog}: {message}\nsee: {self.prog} --help\n")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The call as a namespace; an option that does not exist is compared with those that do."""
        called, left = self.parse_known_args(arguments)
        if left:
            leaf: Parser = getattr(called, "leaf", self)
            known = [option for action in leaf._actions for option in action.option_strings]  # its own
            leaf.error(f"unknown argument {shown(left[0])}{did_you_mean(left[0].split('=')[0], known)}")
        return called

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401  # argparse's own signature
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        what = "command" if isinstance(action, argparse._SubParsersAction) else "value"  # noqa: SLF001  # has no name
        hint = did_you_mean(str(value), choices) or f"; use one of: {', '.join(choices)}"
        raise argparse.ArgumentError(None if what == "command" else action, f"unknown {what} {shown(value)}{hint}")


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing where no known word is near."""
    close = difflib.get_close_matches(wrong[:_SHOWN_CHARACTERS_MAX], list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def shown(value: object) -> str:
    """A word of the caller's in a message: quoted, without control characters, cut where it is long."""
    text = repr(str(value))
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}...'"


def leaf(parser: Parser, run: Run, example: str) -> Parser:
    """Make a parser a command: what it runs, and the worked example at the end of its help."""
    parser.set_defaults(run=run, leaf=parser)
    parser.epilog = f"example:\n{_indented(example)}"
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error (or GATEWAY_DEBUG=1)")
    return parser


# What `verbs` makes and `verb` adds to.
Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001  # has no public name


def verbs(parser: Parser) -> Verbs:
    """The verbs of a noun, one of which must be given."""
    return parser.add_subparsers(metavar="COMMAND", required=True, title="commands", dest="verb", parser_class=Parser)


def verb(under: Verbs, name: str, run: Run, *, does: str, example: str) -> Parser:
    """A verb of a noun."""
    return leaf(under.add_parser(name, help=does, description=_sentence(does)), run, example)


class VerbFile(Protocol):
    """What the file of a verb offers."""

    def build(self, under: Verbs) -> None:
        """Add the verb."""


def add_verb_files(parser: Parser, words: Sequence[str], package: str, files: Mapping[str, str]) -> None:
    """Add the verbs of a noun that has a package; only the one that is called, so that it imports what it needs.

    Args:
        parser: of the noun.
        words: those behind the noun.
        package: in which the files of the verbs are.
        files: each verb and its file, in the order of the help.
    """
    under = verbs(parser)
    called = words[0] if words else ""
    for name in (called,) if called in files else files:
        cast("VerbFile", importlib.import_module(f"{package}.{files[name]}")).build(under)


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option that names the settings."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings; default: the variable GATEWAY_CONFIG, else gateway.yaml in this folder if it exists",
    )


def add_format(parser: argparse.ArgumentParser, json_form: str = "one JSON object") -> None:
    """The option of every reading command; `json_form` says what it prints as JSON."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help=f"text for people (default), or json: {json_form}"
    )


def add_limit(parser: argparse.ArgumentParser, default: int) -> None:
    """How many rows of a list are shown."""
    parser.add_argument("--limit", type=count, default=default, metavar="N", help=f"at most N (default {default})")


def count(text: str) -> int:
    """A whole number from 1 up."""
    return _whole_number(text, 1, 1_000_000_000)


def count_or_zero(text: str) -> int:
    """A whole number from 0 up."""
    return _whole_number(text, 0, 9_223_372_036_854_775_807)


def control_number(text: str) -> int:
    """An interchange control number: one to nine digits (ISA13), not zero."""
    return _whole_number(text, 1, 999_999_999)


def port(text: str) -> int:
    """A TCP port; 0 takes a free one."""
    return _whole_number(text, 0, 65_535)


def _whole_number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number from {least} to {most}")
    return int(text)


def _indented(example: str) -> str:
    return "\n".join(f"  {line}" for line in example.strip("\n").splitlines())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
