"""A delivery as a row and as values: what is enqueued, what is kept, and how facts become JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gateway.buffers import Buffer
from gateway.store.engine.statements import storable, table_of
from gateway.store.tables import Delivery

FACT_CHARACTERS_MAX = 4_000
INTEGER_MAX = 2**63 - 1  # what JSON writers and databases agree on

_DELIVERY = table_of(Delivery)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """What is to be sent.

    Attributes:
        profile_digest: of the partner's profile as it is now, for evidence; sending goes by the profile then in force.
        identity: ours, by its name in the settings.
        channel: which carrier takes it, such as ``as2``.
        kind: one of DeliveryKind.
        lane: order is kept within a lane only.
        transport_id: such as the AS2 Message-ID; the same in every attempt.
        due_at_ms: when it may first go.
        message_id: the received message that caused it, when one did.
        correlation_id: what the ERP calls it.
        source_key: one delivery for each; a repeat changes nothing.
        url: where an asynchronous receipt goes; None where the bearer's profile says it.
        answers: for a receipt, the header fields that it was written with.
        destination: which of the partner's addresses, where the channel has several.
    """

    id: str
    partner_id: str
    profile_digest: str
    identity: str
    channel: str
    kind: str
    lane: str
    transport_id: str
    content_type: str
    filename: str
    subject: str
    payload: Buffer
    created_at_ms: int
    due_at_ms: int
    message_id: str | None = None
    correlation_id: str = ""
    source_key: str | None = None
    url: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    document_type: str = ""
    number: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The delivery that stands for this source: the new one, or the one that was there already."""

    delivery_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class KeptParcel:
    """A parcel but for its bytes, which are the part `wire`. The fields are those of `carriers.parcels.Parcel`."""

    headers: tuple[tuple[str, str], ...]
    mics: tuple[str, ...] = ()
    expects_receipt: bool = True
    receipt_within_s: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_text(self) -> str:
        """JSON in ASCII, so that every character comes back as it was."""
        return json.dumps(
            {
                "headers": self.headers,
                "mics": self.mics,
                "expects_receipt": self.expects_receipt,
                "receipt_within_s": self.receipt_within_s,
                "facts": storable_facts(self.facts),
            }
        )


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One row of `delivery`, as the rooms above see it."""

    id: str
    partner_id: str
    bearer_id: str | None
    profile_digest: str
    identity: str
    channel: str
    kind: str
    lane: str
    sequence: int
    transport_id: str
    packings: int
    content_type: str
    filename: str
    subject: str
    payload_bytes: int
    payload_sha256: str
    created_at_ms: int
    state: str
    attempts: int
    next_attempt_at_ms: int | None
    claim_owner: str | None
    reason: str
    settled_at_ms: int | None
    message_id: str | None
    correlation_id: str
    source_key: str | None
    url: str | None
    answers: tuple[tuple[str, str], ...]
    document_type: str
    number: str
    destination: str
    parcel: KeptParcel | None


COLUMNS = [_DELIVERY.c[item.name] for item in fields(StoredDelivery)]


def stored(row: Any) -> StoredDelivery:  # noqa: ANN401  # a row of either driver
    """The value of a row of `COLUMNS`."""
    values = dict(zip([item.name for item in fields(StoredDelivery)], row, strict=True))
    values["answers"] = tuple((name, value) for name, value in json.loads(values["answers"]))
    if values["parcel"] is not None:
        kept = json.loads(values["parcel"])
        kept["headers"] = tuple((name, value) for name, value in kept["headers"])
        values["parcel"] = KeptParcel(**(kept | {"mics": tuple(kept["mics"])}))
    return StoredDelivery(**values)


def storable_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as JSON can say them; what a partner wrote is escaped where a database cannot hold it."""
    return {storable(str(name)): _fact(value) for name, value in facts.items() if value is not None}


def _fact(value: object) -> object:
    if isinstance(value, Mapping):
        return storable_facts(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_fact(item) for item in value]
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= INTEGER_MAX):
        return value
    return storable(str(value)[:FACT_CHARACTERS_MAX])
