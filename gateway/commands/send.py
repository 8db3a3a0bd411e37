"""`gateway send`: documents and files to a partner, followed to their receipt where asked."""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from gateway.buffers import Buffer, whole
from gateway.commands.delivery_shown import LiesIn, lies_in
from gateway.commands.files import exit_code_over, read_input
from gateway.commands.findings import print_findings
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say, visible
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, count, leaf, shown
from gateway.commands.profiles import directory_of, profile_of
from gateway.commands.serving import is_served
from gateway.commands.storing import actor, changing, now_ms
from gateway.flow import traffic
from gateway.flow.outward.composing import SNIFFED_BYTES, Composing
from gateway.flow.outward.outbound import Answer, Outbound, SourceKey
from gateway.flow.outward.ways import message_id_host
from gateway.model.delivery import FETCHED_CHANNELS, INBOX, DeliveryState
from gateway.model.dispatch import DispatchState
from gateway.model.ids import IdSource
from gateway.settings import Settings
from gateway.spool import Spool, SpoolFolder, SpoolUnavailable
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import StoredDelivery, dispatches
from gateway.store.deliveries.dispatches import SourceIdReused, StoredDispatch
from gateway.telemetry import Metrics
from translators.catalog import sniff

POLL_S = 0.2
SOURCE = "/command/send"
_COPIED_BYTES = 1_048_576
_FAILED = frozenset(
    {DeliveryState.REFUSED, DeliveryState.GIVEN_UP, DeliveryState.CANCELLED, DispatchState.ABANDONED}
)  # a dispatch that was refused is `refused`, too


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway send order.json --partner acme-supply --wait\n"
        "gateway send 850.edi --partner acme-supply\n"
        "gateway send price-list.pdf --partner acme-supply --as-is --content-type application/pdf",
    )
    parser.add_argument(
        "file",
        nargs="+",
        metavar="FILE",
        help="canonical JSON or XML: written by the agreement; X12: goes out as it is; - is standard input",
    )
    parser.add_argument("--partner", metavar="ID", required=True, help="id of the partner")
    parser.add_argument("--as-is", action="store_true", help="the file goes out byte for byte, whatever it is")
    parser.add_argument(
        "--identity", metavar="NAME", default="", help="which of our identities speaks (default: by the agreement)"
    )
    parser.add_argument(
        "--filename", metavar="NAME", help="of a file as it is: its name for the partner (default: its own)"
    )
    parser.add_argument(
        "--content-type",
        metavar="TYPE",
        default="",
        help="of a file as it is: its media type (default: by its content)",
    )
    parser.add_argument(
        "--subject",
        metavar="TEXT",
        default="",
        help="of a file as it is: the subject of the message (default: what it is, in words)",
    )
    parser.add_argument(
        "--id", metavar="ID", help="an id of yours: sending the same again under it changes nothing (one file)"
    )
    parser.add_argument(
        "--wait",
        nargs="?",
        type=count,
        const=0,
        metavar="SECONDS",
        help="follow it until it is delivered (exit code 0) or is not (1); for at most SECONDS, if they are given",
    )
    add_format(parser, "one object a line, one line a file")
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    if called.id is not None and len(called.file) > 1:
        raise Unusable("--id names one file; send several one by one")
    settings = open_settings(called)
    profile_of(settings, called.partner)
    with changing(settings, create=True) as database:
        database.start()
        sender = _Sender(called, settings, database)
        code = exit_code_over(called.file, sender.send)
        if sender.accepted and called.wait is None and is_served(settings) is False:
            note("no gateway runs here now: it goes out once `gateway serve` does")
        return code


class _Sender:
    """Sends the files of one call."""

    def __init__(self, called: argparse.Namespace, settings: Settings, database: Database) -> None:
        self.accepted = 0
        self._called = called
        self._settings = settings
        self._database = database
        self._directory = directory = directory_of(settings)
        self._outbound = Outbound(
            database,
            Composing(database, lambda: directory, settings.identities, settings.limits),
            IdSource(now_ms, secrets.randbits),
            host=message_id_host(settings),
            now_ms=now_ms,
            accepted=lambda: None,
            metrics=Metrics(),
        )

    def send(self, name: str) -> bool:
        """Whether a file is accepted, and, where it is followed, delivered.

        Raises:
            Unusable: it cannot be read, or nothing says what it is.
        """
        with _content(name, self._settings) as content:
            try:
                answer = asyncio.run(self._accept(name, content))
            except SourceIdReused as reused:
                raise Unusable(f"{name}: {reused}; give it an id of its own") from None
        is_fine = is_kept = answer.is_kept
        self.accepted += is_fine
        if self._called.format == "text":
            self._tell(name, answer)
        if is_fine and self._called.wait is not None:
            is_fine = self._follow(answer.id)
        if self._called.format == "json":
            view = self._view(answer.id)
            shown_of_it = {key: value for key, value in view.items() if key not in {"timeline", "document"}}
            place = self._lies_in(self._found(answer.id)) if is_kept else None
            in_mailbox = {"lies_in": place.path} if place is not None else {}
            print_json({"file": name, "duplicate": answer.duplicate} | shown_of_it | in_mailbox)
        return is_fine

    async def _accept(self, name: str, content: Buffer) -> Answer:
        called = self._called
        key = None if called.id is None else SourceKey(SOURCE, called.id)
        syntax = sniff(whole(content[:SNIFFED_BYTES]), None)
        if not called.as_is and syntax in {"json", "xml"}:
            return await self._outbound.accept_document(
                called.partner, whole(content), source_key=key, actor=actor(), identity=called.identity
            )
        if not called.as_is and syntax is None:
            raise Unusable(f"{name}: neither canonical JSON or XML nor X12; with --as-is it goes out as it is")
        own = "" if name == "-" else Path(name).name
        return await self._outbound.accept_file(
            called.partner,
            content,
            called.filename if called.filename is not None else own,
            called.content_type,
            subject=called.subject,
            source_key=key,
            actor=actor(),
            identity=called.identity,
        )

    def _tell(self, name: str, answer: Answer) -> None:
        findings = [dict(finding) for finding in answer.findings]
        if answer.is_kept and not answer.is_accepted:
            again = ", which was sent before" if answer.duplicate else ""
            say(f"{name}: held{again}: {answer.reason}", style="yellow")
            print_findings(findings, 0)
            say(f"  kept as {answer.id}; to take it back: gateway messages cancel {answer.id}", style="dim")
            return
        if not answer.is_accepted:
            say(f"{name}: not sent: {answer.reason}", style="red")
            print_findings(findings, 0)
            say(f"  kept as {answer.id}: gateway exceptions retry outbound_refused:{answer.id}", style="dim")
            return
        view = self._view(answer.id)
        what = f"{view['document_type']} {view['number'] or ''}".strip() if view["document_type"] else view["kind"]
        numbers = view.get("control_numbers") or {}
        interchange = f", interchange {numbers['interchange']:09d}" if numbers else ""
        again = ", which was sent before" if answer.duplicate else ""
        say(f"{name}: {what} for {view['partner']}{interchange}: {answer.id}{again}")
        print_findings(findings, 0)
        place = self._lies_in(self._found(answer.id)) if self._called.wait is None else None
        if place is not None:
            say(f"  {place.words}", style="dim")

    def _follow(self, delivery_id: str) -> bool:
        """Whether it is delivered, once that is known or the time is over."""
        until = time.monotonic() + self._called.wait if self._called.wait else None
        if is_served(self._settings) is False:
            note("no gateway runs here now: waiting for `gateway serve`")
        with _progress() as status:
            followed = self._followed(delivery_id)
            if until is None and isinstance(followed, StoredDelivery) and followed.channel in FETCHED_CHANNELS:
                place = self._lies_in(followed)
                until_when = "confirm" if followed.channel == INBOX else "fetch"
                words = (
                    f"it lies in their {followed.channel} until they {until_when} it" if place is None else place.words
                )
                note(f"{words}, which may take days; --wait SECONDS ends the wait")
            while followed.state != DeliveryState.DELIVERED and followed.state not in _FAILED:
                if until is not None and time.monotonic() >= until:
                    break
                status.update(visible(_standing(followed)))
                time.sleep(POLL_S)
                followed = self._followed(delivery_id)
        is_delivered = followed.state == DeliveryState.DELIVERED
        if self._called.format == "text":
            place = self._lies_in(followed)
            style = "green" if is_delivered else "red" if place is None else "yellow"
            say(f"  {_standing(followed, place)}", style=style)
            say(f"  its way: gateway messages trace {delivery_id}", style="dim")
        return is_delivered

    def _followed(self, delivery_id: str) -> StoredDelivery | StoredDispatch:
        """The delivery, or what was wanted while there is none of it."""
        found = self._found(delivery_id)
        if found is None:
            raise Unusable(f"delivery {shown(delivery_id)} is gone: it was purged")
        return found

    def _found(self, delivery_id: str) -> StoredDelivery | StoredDispatch | None:
        delivery = self._database.read_now(partial(deliveries.get, delivery_id=delivery_id))
        if delivery is not None:
            return delivery
        return self._database.read_now(partial(dispatches.get, dispatch_id=delivery_id))

    def _lies_in(self, found: StoredDelivery | StoredDispatch | None) -> LiesIn | None:
        """Where it lies that they have not fetched yet; None where that is in no mailbox."""
        return lies_in(self._directory, found) if isinstance(found, StoredDelivery) else None

    def _view(self, item_id: str) -> Mapping[str, Any]:
        return self._database.read_now(partial(traffic.view, item_id=item_id)) or {}


def _standing(delivery: StoredDelivery | StoredDispatch, place: LiesIn | None = None) -> str:
    """Where it stands, in one line."""
    if place is not None:  # nobody carries it there: that it is queued, or was tried once, says nothing
        return (
            f"{delivery.state.replace('_', ' ')}: {delivery.reason}; {place.words}" if delivery.reason else place.words
        )
    if isinstance(delivery, StoredDispatch):
        return f"{delivery.state}: {delivery.reason}" if delivery.reason else delivery.state
    tries = f" after {delivery.attempts} attempt{'' if delivery.attempts == 1 else 's'}" if delivery.attempts else ""
    return f"{delivery.state.replace('_', ' ')}{tries}" + (f": {delivery.reason}" if delivery.reason else "")


@contextmanager
def _progress() -> Iterator[Status]:
    """A line that follows the delivery on a terminal; nothing where nobody looks."""
    console = Console(stderr=True, quiet=not sys.stderr.isatty(), highlight=False, markup=False)
    with console.status("") as status:
        yield status


@contextmanager
def _content(name: str, settings: Settings) -> Iterator[Buffer]:
    """The bytes of a file: in memory, or in a spool where they are many.

    Raises:
        Unusable: it cannot be read, is empty or too large.
    """
    limits = settings.limits
    try:
        is_large = name != "-" and Path(name).stat().st_size > limits.spool_from_bytes
    except OSError:
        is_large = False  # reading tells why
    if not is_large:
        data = read_input(name, limits.body_bytes_max)
        if not data:
            raise Unusable(f"{name}: is empty")
        yield data
        return
    spool = _spooled(name, settings)
    try:
        yield spool.view()
    finally:
        spool.close()


def _spooled(name: str, settings: Settings) -> Spool:
    limits = settings.limits
    left = limits.body_bytes_max
    try:
        spool = SpoolFolder(settings.spool_dir, limits.disk_free_bytes_min).new()
        with Path(name).open("rb") as stream:
            while piece := stream.read(_COPIED_BYTES):
                left -= len(piece)
                if left < 0:
                    raise Unusable(f"{name}: has more than {limits.body_bytes_max} bytes, the limit body_bytes_max")
                spool.write(piece)
        spool.view()  # what cannot be mapped is told here
    except SpoolUnavailable as error:
        raise Unusable(f"{name}: {error}") from None
    return spool
