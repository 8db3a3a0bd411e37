"""Finds the noun, lets its file do the work, and turns what happens into an exit code.

0 fine, 1 the content is bad, 2 the call or a file is unusable; 130 interrupted by ctrl-C.
"""

import argparse
import importlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from gateway import __version__
from gateway.commands.parsing import UNUSABLE, Parser, Unusable, did_you_mean, shown

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Noun:
    """A word after `gateway`. Its file is imported only when it is called, so that help costs nothing."""

    name: str
    does: str
    has_room: bool = False  # its verbs have a file each, imported when they are called


class NounFile(Protocol):
    """What the file of a noun offers."""

    def build(self, parser: Parser) -> None:
        """Add the noun's arguments or verbs."""


class NounRoom(Protocol):
    """What the folder of a noun offers whose verbs have a file each."""

    def build(self, parser: Parser, words: Sequence[str]) -> None:
        """Add the verb that the words begin with, or all of them."""


GROUPS: tuple[tuple[str, tuple[Noun, ...]], ...] = (
    (
        "start here",
        (
            Noun("demo", "the whole gateway on this machine, suppliers and an ERP at work: nothing to set up"),
            Noun("init", "a first gateway.yaml: who we are, where things lie, our key"),
            Noun("serve", "run the gateway"),
            Noun("sandbox", "a supplier inside the gateway: magic words in order numbers, orders to try them"),
        ),
    ),
    (
        "files, without a server",
        (
            Noun("validate", "what is wrong in an X12 file: segment, element, byte offset, remedy"),
            Noun("translate", "documents of a file as canonical JSON, or as X12"),
            Noun("acknowledge", "the TA1, 997 or 999 that an X12 file earns"),
            Noun("schema", "JSON Schemas of documents and profiles, AsyncAPI of the broker's channels"),
        ),
    ),
    (
        "to partners",
        (Noun("send", "documents and files to a partner: written by the agreement, or as they are"),),
    ),
    (
        "what happened",
        (
            Noun("messages", "what goes in and out: list, show, trace, replay, reprocess, resend, evidence"),
            Noun("exceptions", "what waits for a person: list, show, retry, resolve"),
            Noun("webhooks", "addresses that are told of events: list, show, pause, resume, replay, test, key"),
            Noun("audit", "who did or tried what, and why"),
            Noun("events", "the business events of the embedded log, once or as they come"),
        ),
    ),
    (
        "partners and keys",
        (
            Noun("partner", "partners from the first line of their profile to production", has_room=True),
            Noun("certs", "our keys, all certificates: new, import, list, roll, export, retire, rewrap, exchange"),
            Noun("sftp", "mailboxes and partners' servers: host keys, passwords, our keys there", has_room=True),
            Noun("operator", "tokens for the operator port: token new, token list, token remove"),
        ),
    ),
    (
        "care",
        (
            Noun("backup", "database, keys and profiles into one verified archive"),
            Noun("restore", "bring a backup back, control numbers moved ahead"),
            Noun("purge", "remove what is older than its retention"),
            Noun("broker", "policies for RabbitMQ: definitions"),
        ),
    ),
)
NOUNS = {noun.name: noun for _, nouns in GROUPS for noun in nouns}

_EXAMPLES = """\
examples:
  gateway demo                                   see everything work, in one command
  gateway validate order-response.edi            check a file before anybody else does
  gateway translate order-response.edi | jq      the same as canonical JSON
  gateway serve --config gateway.yaml            run it
  gateway send order.json --partner acme-supply  a document to a partner, by the agreement
  gateway partner ping acme-supply               does the way to a partner work, step by step
  gateway messages list --state rejected         what was refused, and why
  gateway exceptions list                        what waits for a person
  gateway events --follow --format json          what goes to the ERP, as it goes

exit codes: 0 fine, 1 the content is bad, 2 the call or a file cannot be used
more: gateway COMMAND --help, each with an example"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # What the gateway writes (database, keys, backups) holds partners' business: nobody else on the machine reads it.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its escape, not a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        called = _called(words)
    except SystemExit as end:  # argparse has said what it has to say
        return int(end.code or 0)
    except Exception as error:  # noqa: BLE001  # the same last door as for what a command does
        return _told(error, f"gateway {words[0]}", debug="--debug" in words)
    return 0 if called is None else _run(called)


def build(noun: Noun, words: Sequence[str] = ()) -> Parser:
    """The parser of a noun, with everything below it, or what a call with these words needs."""
    file = importlib.import_module(f"gateway.commands.{noun.name}")
    parser = Parser(prog=f"gateway {noun.name}", description=f"{noun.does[:1].upper()}{noun.does[1:]}.")
    if noun.has_room:
        cast("NounRoom", file).build(parser, words)
    else:
        cast("NounFile", file).build(parser)
    return parser


def _called(words: list[str]) -> argparse.Namespace | None:
    """The call; None when help or the version was all that was asked for."""
    top = Parser(prog="gateway", usage="gateway COMMAND ...", add_help=False)
    first = words[0] if words else "--help"
    if first in {"-h", "--help", "help"} and len(words) < 2:  # noqa: PLR2004  # help for one command takes its name
        sys.stdout.write(_help())
        return None
    if first == "help":
        words = [*words[1:], "--help"]
        first = words[0]
    if first == "--version":
        sys.stdout.write(f"partner-gateway {__version__}\n")
        return None
    if first.startswith("-"):
        top.error(f"the command comes first, not {shown(first)}")
    if first not in NOUNS:
        top.error(f"unknown command {shown(first)}{did_you_mean(first, NOUNS)}")
    return build(NOUNS[first], words[1:]).parse(words[1:])


def _help() -> str:
    lines = [
        "usage: gateway COMMAND ...",
        "",
        "A B2B partner gateway: partners' documents in, your ERP's documents out, each kept and proven.",
        "",
    ]
    for group, nouns in GROUPS:
        lines.append(f"{group}:")
        lines += [f"  {noun.name:<12} {noun.does}" for noun in nouns]
        lines.append("")
    return "\n".join([*lines, _EXAMPLES, ""])


def _run(called: argparse.Namespace) -> int:
    # A command tells what happened in its own words; only `serve` keeps a log, and configures it.
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())
    try:
        code = int(called.run(called))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has enough (`| head`). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last door: people get a sentence, --debug the rest
        return _told(error, called.leaf.prog, debug=called.debug)
    return code


def _told(error: Exception, program: str, *, debug: bool) -> int:
    if debug or os.environ.get("GATEWAY_DEBUG"):
        traceback.print_exc()
    if isinstance(error, Unusable):
        sys.stderr.write(f"{program}: {error}\n")
    elif isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"{program}: {place}{error.strerror}\n")
    else:
        where = "" if debug else "; run it again with --debug and report what it shows"
        sys.stderr.write(f"{program}: failed unexpectedly ({type(error).__name__}: {error}){where}\n")
    return UNUSABLE
