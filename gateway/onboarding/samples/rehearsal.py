"""Plays samples as the line plays them, in a throw-away store: the same rules, reading, decision and writing.

The clock stands still and nothing stays: each sample finds the store as it was, so that control numbers and dates are
the same each time. What is neither played nor needed for it: transports, signatures, encryption.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from gateway.flow.decide import Decision, decide, stage
from gateway.flow.outward.composing import Composed, Composing, Unsendable
from gateway.flow.outward.numbering import numbered
from gateway.flow.terms import Terms, TermsOfProfiles
from gateway.model.delivery import DeliveryKind
from gateway.onboarding.samples.outcomes import NOT_SENT, outcome_of, said, with_reason, written
from gateway.onboarding.samples.reading import FINDINGS, SENT, Sample
from gateway.onboarding.samples.staging import Cast, cast
from gateway.onboarding.samples.throwaway import throwaway_folder
from gateway.settings import DATABASE_FILE, IdentitySettings, Limits, Settings
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.deliveries.dispatches import NewDispatch
from gateway.store.messages import NewMessage, StoredMessage
from partners.directory import Directory
from partners.loader import LoadedProfile
from translators.catalog import TranslatedDocument, TranslationResult, sniff, translate

CLOCK: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLOCK_MS: Final = int(CLOCK.timestamp() * 1_000)
LEASE_MS: Final = 60_000
_OWNER = _SOURCE = "rehearsal"
_MESSAGE, _ORDER = "rehearsal", "rehearsal-order"
_ORDER_TYPE = "purchase_order"

T = TypeVar("T")
Kind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Played:
    """What came out of a sample.

    Attributes:
        files: by the file that each belongs into.
        kinds: document type and syntax of what went through; no syntax where it was refused before that was known.
    """

    files: Mapping[str, bytes]
    kinds: frozenset[Kind] = frozenset()


class _TakenBack(Exception):  # noqa: N818  # carries a result out of a transaction that is rolled back
    def __init__(self, result: Any) -> None:  # noqa: ANN401  # of whatever unit
        super().__init__()
        self.result = result


@contextmanager
def rehearsal(settings: Settings, directory: Directory) -> Iterator["Rehearsal"]:
    """A stage for the samples of any of these partners; its store goes with it."""
    from gateway.store.schema import migrate  # noqa: PLC0415  # alembic takes long to import

    with throwaway_folder() as folder:
        database = Database(f"sqlite:///{folder / DATABASE_FILE}", synchronous="OFF")
        try:
            migrate(database)
            yield Rehearsal(database, settings.identities, settings.limits, directory)
        finally:
            database.close()


class Rehearsal:
    """Plays samples.

    Args:
        database: an empty store.
        identities: ours.
        limits: of the gateway.
        directory: the partners.
    """

    def __init__(
        self, database: Database, identities: Sequence[IdentitySettings], limits: Limits, directory: Directory
    ) -> None:
        self._database = database
        self._identities = identities
        self._limits = limits
        self._directory = directory
        self._with_orders: set[str] = set()

    async def play(self, partner: LoadedProfile, sample: Sample, beside: Iterable[Sample] = ()) -> Played:
        """What comes out of a sample; `beside` are the partner's others, whose orders are known when we answer them."""
        actors = cast(partner, self._directory, self._identities)
        if sample.direction == "inbound":
            return self._inbound(actors, sample)
        if partner.id not in self._with_orders:
            self._with_orders.add(partner.id)
            for number, other in enumerate(beside):
                if other.direction == "inbound":
                    self._keep_orders(actors, other, number)
        return await self._outbound(actors, sample)

    # --- what they send ----------------------------------------------------------------------------------------------

    def _inbound(self, actors: Cast, sample: Sample) -> Played:
        terms = self._terms(actors)
        items, result = _translated(sample, terms)

        def unit(connection: Connection) -> Played:
            message = _received(connection, actors, sample)
            decide(connection, _OWNER, Decision(message, _SOURCE, items, result, terms, CLOCK_MS))
            kinds = frozenset((item.document_type, result.syntax or "") for item in items)
            return Played(outcome_of(connection, _MESSAGE), kinds)

        return _taken_back(self._database, unit)

    def _terms(self, actors: Cast) -> Terms:
        reader = TermsOfProfiles(self._database, actors.identities, lambda: actors.directory)
        return reader.read(actors.bearer, actors.directory)

    def _keep_orders(self, actors: Cast, sample: Sample, number: int) -> None:
        keep_orders(self._database, actors, self._terms(actors), sample, f"{_ORDER}-{actors.partner.id}-{number}")

    # --- what we send ------------------------------------------------------------------------------------------------

    async def _outbound(self, actors: Cast, sample: Sample) -> Played:
        composing = Composing(self._database, lambda: actors.directory, actors.identities, self._limits)
        wanted = NewDispatch(
            id=_MESSAGE,
            partner_id=actors.partner.id,
            kind=DeliveryKind.DOCUMENT,
            actor=_OWNER,
            received_at_ms=CLOCK_MS,
            sha256=hashlib.sha256(sample.content).hexdigest(),
            body_bytes=len(sample.content),
        )
        made = await composing.compose(wanted, sample.content, CLOCK_MS)
        findings = [said(finding) for finding in made.found.findings]
        kind = made.found.document_type
        if isinstance(made, Unsendable):
            refusal = {FINDINGS: written(with_reason(findings, NOT_SENT, made.reason))}
            return Played(refusal, frozenset({(kind, "")}))
        body, _ = _taken_back(self._database, partial(numbered, made=made))
        name, syntax = _written_as(made)
        files = {name: bytes(body[:])} | ({FINDINGS: written(findings)} if findings else {})
        return Played(files, frozenset({(kind, syntax)}))


def keep_orders(database: Database, actors: Cast, terms: Terms, sample: Sample, message_id: str) -> None:
    """Put the orders in what they send into a store, as though they had come before under this id."""
    items, _ = _translated(sample, terms)
    orders = [item for item in items if item.document_type == _ORDER_TYPE and item.document is not None]
    if orders:
        # Not claimed: in a house that runs, somebody may be at work for this partner.
        message = _taken_back(database, partial(_arrived, actors=actors, sample=sample))
        earlier = replace(message, id=message_id)
        unit = partial(stage, message=earlier, terms=terms, source=_SOURCE, batch=orders, now_ms=CLOCK_MS)
        database.write_now(unit)


def _taken_back(database: Database, unit: Callable[[Connection], T]) -> T:
    """What a unit returns, everything else as though it had never run."""

    def run(connection: Connection) -> None:
        raise _TakenBack(unit(connection))

    try:
        database.write_now(run)
    except _TakenBack as taken:
        result: T = taken.result
        return result
    raise AssertionError("a unit that is taken back always raises")


def _translated(sample: Sample, terms: Terms) -> tuple[list[TranslatedDocument], TranslationResult]:
    items: list[TranslatedDocument] = []
    for item in translate(sample.content, terms.reading):
        if isinstance(item, TranslationResult):
            return items, item
        items.append(item)
    raise AssertionError("a translation ends with its result")


def _received(connection: Connection, actors: Cast, sample: Sample) -> StoredMessage:
    """The message that their sample is, taken up for processing."""
    _arrived(connection, actors, sample)
    (message,) = messages.claim(connection, _OWNER, CLOCK_MS, lease_ms=LEASE_MS, limit=1)
    return message


def _arrived(connection: Connection, actors: Cast, sample: Sample) -> StoredMessage:
    """The message that their sample is, as it is kept."""
    digest = hashlib.sha256(sample.content).hexdigest()
    new = NewMessage(
        id=_MESSAGE,
        partner_id=actors.bearer.id,
        profile_digest=actors.bearer.digest,
        identity="",
        channel="as2",
        transport_id=None,
        remote="",
        received_at_ms=CLOCK_MS,
        sha256=digest,
        payload=sample.content,
        payload_sha256=digest,
        wire=(),
        answer=None,
        content_type="",
        filename=sample.content_name,
        security="{}",
    )
    messages.accept(connection, new)
    message = messages.get(connection, message_id=_MESSAGE)
    if message is None:
        raise AssertionError("a message that was kept a moment ago is there")
    return message


def _written_as(made: Composed) -> tuple[str, str]:
    """The file that a document of ours belongs into, and its syntax."""
    edi, json, xml = SENT
    if not isinstance(made.body, bytes):
        return edi, "x12"
    return (json, "json") if sniff(made.body, made.content_type) == "json" else (xml, "xml")
