"""From what the ERP or an operator wants sent to what can leave: read, agreed, written, all but its control numbers."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from gateway.agreements import (
    OurIdentity,
    envelope_of,
    framing_for,
    framing_terms,
    outbound_agreement,
    receiving_addresses,
    vocabulary_of,
)
from gateway.buffers import Buffer, whole, windows
from gateway.flow.orders import OURS
from gateway.flow.outward.ways import NoWay, Recipient, recipient, speaking_as
from gateway.model.delivery import DeliveryKind
from gateway.model.dispatch import DispatchState
from gateway.model.instants import moment
from gateway.settings import Limits
from gateway.store.database import Database, StoreFault, StoreUnavailable
from gateway.store.deliveries.dispatches import Found, NewDispatch
from gateway.store.messages import documents
from gateway.workers import WorkerFailed, WorkerPool
from partners.directory import Directory
from partners.profile import Agreement
from partners.x12_terms import ControlNumbers
from translators.catalog import TranslatedDocument, TranslationResult, sniff, translate
from translators.findings import Finding, Severity
from translators.guide import Identity, ReadingRules
from translators.order_facts import OrderFacts
from translators.outgoing import Outgoing, Plan, write_outgoing
from translators.x12.delimiters import IsaFinder, read_isa
from translators.x12.interchange import header_of
from translators.x12.writing import PreparedInterchange

FINDINGS_MAX = 100
INTERCHANGES_MAX = 100_000  # of a file that goes out as it is
_CONTENT_TYPES = {"x12": "application/edi-x12", "json": "application/json", "xml": "application/xml"}
_EXTENSIONS = {"x12": "edi", "json": "json", "xml": "xml"}
_IN_FILENAME = re.compile(r"[^A-Za-z0-9._-]+")
_IN_SUBJECT = re.compile(r"[^ -~]+")
FILENAME_CHARACTERS_MAX = 120
SUBJECT_CHARACTERS_MAX = 200
SNIFFED_BYTES = 4_096
# Writing proves what it wrote by reading it, so it takes some twenty times as long as reading: 20 ms for as much.
WRITTEN_ON_THE_LOOP_BYTES_MAX = 8_192
_OCTETS = "application/octet-stream"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Numbering:
    """Where the control numbers of an interchange come from."""

    scope: str
    ranges: ControlNumbers


@dataclass(frozen=True, slots=True)
class Composed:
    """What can be sent.

    Attributes:
        body: the bytes, or an interchange that only lacks its numbers.
        numbering: for such an interchange.
        identity: ours, by its name in the settings.
        order: the order number that makes the lane; empty where it is a lane of its own.
        held: why it does not go now, in words; it is composed again then, by the profile of that day.
        waits: where it stands meanwhile; None when it goes.
        sent: what it says of orders of ours.
    """

    way: Recipient
    identity: str
    body: Buffer | PreparedInterchange
    content_type: str
    filename: str
    subject: str
    order: str = ""
    numbering: Numbering | None = None
    found: Found = field(default_factory=Found)
    held: str = ""
    waits: DispatchState | None = None
    sent: tuple[OrderFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Why it cannot be sent, in words for whoever wants it sent."""

    reason: str
    found: Found = field(default_factory=Found)


class _Unsound(Exception):  # noqa: N818  # told to a person
    """It cannot be sent, with what was found out about it."""

    def __init__(self, reason: str, found: Found) -> None:
        super().__init__(reason)
        self.found = found


class Composing:
    """Makes what is wanted ready to be sent.

    Args:
        database: holds the orders that answers belong to.
        directory: the partners as they are now.
        identities: ours.
        limits: how large a document may be translated on the loop.
        pool: workers for larger ones; everything happens in place where there is none.
    """

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        identities: Collection[OurIdentity],
        limits: Limits,
        pool: WorkerPool | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._identities = identities
        self._limits = limits
        self._pool = pool

    async def compose(self, wanted: NewDispatch, body: Buffer, now_ms: int) -> Composed | Unsendable:
        """What is wanted, ready to be sent; a fault of ours is a reason like any other, and told in the log.

        Raises:
            StoreUnavailable: the orders cannot be looked up now.
        """
        try:
            if wanted.kind == DeliveryKind.DOCUMENT:
                made = await self._document(wanted, whole(body), now_ms)
            else:
                made = await asyncio.to_thread(self._file, wanted, body)
        except (StoreUnavailable, StoreFault):
            raise
        except _Unsound as unsound:
            return Unsendable(str(unsound), unsound.found)
        except NoWay as no_way:
            return Unsendable(str(no_way))
        except WorkerFailed as failed:
            return Unsendable(f"the document could not be translated: {failed}")
        except Exception as error:
            log.exception("what was to be sent could not be made ready", extra={"dispatch": wanted.id})
            return Unsendable(f"the document could not be translated, by our own fault ({type(error).__name__})")
        return replace(made, held=made.way.held, waits=DispatchState.HELD) if made.way.held else made

    # --- documents ---------------------------------------------------------------------------------------------------

    async def _document(self, wanted: NewDispatch, body: bytes, now_ms: int) -> Composed:
        if sniff(body, wanted.content_type) == "x12":
            raise NoWay("this is X12, no canonical document; `gateway send` sends X12 as it is")
        items, result = await self._read(body, wanted.content_type)
        found = _found(items, result)
        if not result.accepted or not items:
            raise _Unsound(f"the document is not sound: {_first_error(found)}", found)
        try:
            way = recipient(self._directory(), wanted.partner_id)
            agreements = self._agreements(way, items, wanted.identity or None)
            named = wanted.identity or agreements[0].our_identity
            identity = speaking_as(way, self._identities, named)
            plan = self._plan(way, items, agreements, now_ms, named or identity)
        except NoWay as no_way:
            raise _Unsound(str(no_way), found) from None
        outgoing = await self._write(items, await self._orders(way, items), plan)
        found = _with_findings(found, outgoing)
        if outgoing.body is None:
            raise _Unsound(f"the document cannot be written as {plan.syntax}: {_first_error(found)}", found)
        orders = {item.purchase_order_number for item in items}
        first = items[0]
        return Composed(
            way,
            identity,
            outgoing.body,
            content_type=_media_type_of(way) or _CONTENT_TYPES[plan.syntax],
            filename=_filename(first, _EXTENSIONS[plan.syntax]),
            subject=_subject_of(way) or _subject(first),
            order=(first.purchase_order_number or "") if len(orders) == 1 else "",
            numbering=_numbering(way, outgoing.body),
            found=found,
            sent=tuple(item.orders for item in items if item.orders and item.document_type in OURS),
        )

    async def _read(self, body: bytes, content_type: str) -> tuple[list[TranslatedDocument], TranslationResult]:
        items: list[TranslatedDocument] = []
        if self._pool is None or len(body) <= self._limits.inline_body_bytes_max:
            for item in translate(body, ReadingRules(), content_type=content_type):
                if isinstance(item, TranslationResult):
                    return items, item
                items.append(item)
            raise WorkerFailed("the translation ended without a result")
        async with aclosing(self._pool.translate(body, ReadingRules(), content_type)) as translated:
            async for piece in translated:
                if isinstance(piece, TranslationResult):
                    return items, piece
                items += piece
        raise WorkerFailed("the worker ended without a result")

    def _agreements(self, way: Recipient, items: Sequence[TranslatedDocument], identity: str | None) -> list[Agreement]:
        """The agreement of each document; what goes as one body must go by the same terms."""
        profile, agreements = way.partner.profile, []
        for item in items:
            agreement = outbound_agreement(profile, item.document_type, our_identity=identity)
            if agreement is None:
                who = f" as {identity}" if identity else ""
                raise NoWay(
                    f"{profile.id} has no outbound agreement on {item.document_type}{who}; add one to `agreements`"
                )
            agreements.append(agreement)
        terms = [(each.syntax, each.releases, each.our_identity, framing_terms(profile, each)) for each in agreements]
        for item, own in zip(items, terms, strict=True):
            if own != terms[0]:
                raise NoWay(
                    f"{items[0].document_type} and {item.document_type} go to {profile.id} by different terms "
                    "(syntax, release, identity or framing); send them apart"
                )
        return agreements

    def _plan(
        self,
        way: Recipient,
        items: Sequence[TranslatedDocument],
        agreements: Sequence[Agreement],
        now_ms: int,
        identity: str,
    ) -> Plan:
        agreement, profile = agreements[0], way.partner.profile
        named = zip(items, agreements, strict=True)
        words = {item.document_type: vocabulary_of(profile, each, way.partner.tables) for item, each in named}
        vocabularies = {name: vocabulary for name, vocabulary in words.items() if vocabulary is not None}
        if agreement.syntax != "x12":
            return Plan(agreement.syntax, vocabularies=vocabularies)
        made = {
            item.document_type: envelope_of(
                profile, self._identities, each, at=moment(now_ms), control_number=1, our_identity=identity
            )
            for item, each in zip(items, agreements, strict=True)
        }
        envelopes = {name: envelope for name, envelope in made.items() if not isinstance(envelope, str)}
        if len(envelopes) < len(made):
            raise NoWay(next(lack for lack in made.values() if isinstance(lack, str)))
        rules = {name: envelope.rules for name, envelope in envelopes.items()}
        codes = {name: envelope.group_code for name, envelope in envelopes.items()}
        envelope, framing = envelopes[items[0].document_type], framing_for(profile, agreement)
        return Plan("x12", envelope, framing, rules, vocabularies, codes)

    async def _orders(self, way: Recipient, items: Sequence[TranslatedDocument]) -> list[bytes | None]:
        """The order that each document answers, where the partner sent it to us."""
        numbers = sorted({item.purchase_order_number for item in items if item.purchase_order_number})
        if not numbers:
            return [None for _ in items]
        known = await self._database.read(
            partial(documents.orders, partner_id=way.partner.id, purchase_order_numbers=numbers)
        )
        return [known.get(item.purchase_order_number or "") for item in items]

    async def _write(self, items: Sequence[TranslatedDocument], orders: list[bytes | None], plan: Plan) -> Outgoing:
        held = [item.document or b"" for item in items]
        inline_bytes_max = min(self._limits.inline_body_bytes_max, WRITTEN_ON_THE_LOOP_BYTES_MAX)
        if self._pool is None or sum(map(len, held)) <= inline_bytes_max:
            return write_outgoing(held, orders, plan)
        return await self._pool.call(write_outgoing, held, orders, plan)

    # --- files -------------------------------------------------------------------------------------------------------

    def _file(self, wanted: NewDispatch, payload: Buffer) -> Composed:
        """A file that goes out byte for byte."""
        if not len(payload):
            raise NoWay("the file is empty")
        way = recipient(self._directory(), wanted.partner_id)
        syntax = sniff(whole(payload[:SNIFFED_BYTES]), wanted.content_type)
        named = wanted.identity or None
        if syntax == "x12":
            senders = addresses(payload, way)
            named = named or self._named_by(senders)
        of_profile = _media_type_of(way) if syntax == "x12" else None
        return Composed(
            way,
            speaking_as(way, self._identities, named),
            payload,
            content_type=wanted.content_type or of_profile or (_CONTENT_TYPES[syntax] if syntax else _OCTETS),
            filename=wanted.filename,
            subject=wanted.subject or _subject_of(way) or _IN_SUBJECT.sub("?", wanted.filename) or "File",
        )

    def _named_by(self, senders: Collection[Identity]) -> str | None:
        """The identity of ours whose address the interchanges bear."""
        for identity in self._identities:
            if identity.x12 is not None and Identity(identity.x12.qualifier, identity.x12.id) in senders:
                return identity.name
        return None


def addresses(payload: Buffer, way: Recipient) -> frozenset[Identity]:
    """Who the interchanges of a file say they come from.

    Raises:
        NoWay: one of them is not for this partner, or none can be read.
    """
    theirs = {(item.qualifier, item.id) for item in receiving_addresses(way.partner.profile)}
    senders: set[Identity] = set()
    finder, position = IsaFinder(payload), 0
    for _ in range(INTERCHANGES_MAX):
        start = finder.next(position)
        isa = None if start is None else read_isa(payload, start)
        if start is None or isa is None:
            break
        header = header_of(isa)
        if (header.receiver_qualifier, header.receiver_id) not in theirs:
            wanted = ", ".join(f"{qualifier}/{name}" for qualifier, name in sorted(theirs)) or "none"
            raise NoWay(
                f"the interchange {header.control_number} is addressed to {header.receiver} (ISA07, ISA08), and the "
                f"addresses of {way.partner.id} are {wanted}; send it to its receiver, or add the address to `x12`"
            )
        senders.add(Identity(header.sender_qualifier, header.sender_id))
        position = isa.end
    if not senders:
        raise NoWay("it begins like X12, but its ISA cannot be read; see `gateway validate`")
    return frozenset(senders)


def digest(body: Buffer) -> str:
    """SHA-256 in hex."""
    hashed = hashlib.sha256()
    for window in windows(body):
        hashed.update(window)
    return hashed.hexdigest()


def _media_type_of(way: Recipient) -> str | None:
    return way.as2.sending.content_type if way.as2 is not None else None


def _subject_of(way: Recipient) -> str | None:
    return way.as2.sending.subject if way.as2 is not None else None


def _numbering(way: Recipient, body: bytes | PreparedInterchange) -> Numbering | None:
    if not isinstance(body, PreparedInterchange):
        return None
    envelope = body.envelope
    # As acknowledgments have it: both draw from the same numbers.
    scope = f"{envelope.sender.qualifier}/{envelope.sender.id}|{envelope.receiver.qualifier}/{envelope.receiver.id}"
    return Numbering(f"{scope}|{envelope.usage}", way.partner.profile.control_numbers)


def _found(items: Sequence[TranslatedDocument], result: TranslationResult) -> Found:
    findings = [*result.findings, *(finding for item in items for finding in item.findings)]
    omitted = result.findings_omitted + sum(item.findings_omitted for item in items)
    first = items[0] if items else None
    return Found(
        document_type=first.document_type if first is not None else "",
        number=(first.number or "") if first is not None else "",
        purchase_order_number=(first.purchase_order_number or "") if first is not None else "",
        documents=len(items),
        findings=_worst_first(findings),
        findings_omitted=omitted + max(0, len(findings) - FINDINGS_MAX),
    )


def _with_findings(found: Found, outgoing: Outgoing) -> Found:
    added = _worst_first(outgoing.findings)
    findings = [*added, *found.findings]
    left_out = max(0, len(outgoing.findings) - len(added)) + max(0, len(findings) - FINDINGS_MAX)
    return replace(
        found,
        findings=findings[:FINDINGS_MAX],
        findings_omitted=found.findings_omitted + outgoing.findings_omitted + left_out,
    )


def _worst_first(findings: Sequence[Finding]) -> list[dict[str, object]]:
    ordered = sorted(findings, key=lambda finding: finding.severity is not Severity.ERROR)
    return [finding.as_json() for finding in ordered[:FINDINGS_MAX]]


def _first_error(found: Found) -> str:
    return next((str(finding["message"]) for finding in found.findings), "nothing in it was accepted")


def _filename(first: TranslatedDocument, extension: str) -> str:
    number = _IN_FILENAME.sub("_", first.number or str(first.ordinal + 1)).strip("._") or "1"
    return f"{first.document_type}-{number}"[:FILENAME_CHARACTERS_MAX] + f".{extension}"


def _subject(first: TranslatedDocument) -> str:
    words = first.document_type.replace("_", " ").capitalize()
    return _IN_SUBJECT.sub("?", f"{words} {first.number or ''}".strip())[:SUBJECT_CHARACTERS_MAX]
