"""What goes between the line and a carrier: a consignment in, a parcel packed once, an outcome of each attempt.

A carrier offers two functions. `pack` makes the parcel, once in the life of a delivery; the parcel is kept durably
before the first byte leaves, so that every attempt sends the same. `carry` makes one attempt and never raises for what
the other side or the network does: that is an outcome.

Bytes are buffers throughout: `bytes`, or for something large a `memoryview` of a spool file.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.model.delivery import DeliveryKind
from partners.loader import LoadedProfile

Buffer: TypeAlias = bytes | memoryview
# What a suspended partner sends is receipted as ever, certificates go on being exchanged, and notices say no more than
# what they can read by the API.
GOES_TO_THE_SUSPENDED = frozenset({DeliveryKind.RECEIPT, DeliveryKind.CERTIFICATE, DeliveryKind.NOTICE})


@dataclass(frozen=True, slots=True)
class Consignment:
    """One delivery as its carrier sees it.

    Attributes:
        id: of the delivery.
        partner: whose business it is.
        bearer: whose connection carries it: the partner itself, or the VAN or 3PL that it comes `via`.
        identity: ours, by its name in the settings.
        transport_id: such as the AS2 Message-ID; the same in every attempt.
        filename: a name for their side; empty for none.
        payload: what is delivered; only for `pack`, since an attempt has the parcel.
        url: where an asynchronous receipt goes; None where the bearer's profile says it.
        answers: for a receipt, the header fields that it was written with.
        destination: which of the partner's addresses, where the channel has several.
        document_type, number, created_at_ms: what a file may be named by (`file_names.facts_of`).
    """

    id: str
    kind: DeliveryKind
    partner: LoadedProfile
    bearer: LoadedProfile
    identity: str
    transport_id: str
    content_type: str
    filename: str
    subject: str
    payload: Buffer
    url: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    destination: str = ""
    document_type: str = ""
    number: str = ""
    created_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A consignment as it travels.

    Attributes:
        headers: of each request, without those of the connection (Host, Content-Length, credentials).
        body: of each request.
        mics: every MIC that its receipt may rightly state, as ``base64, algorithm``.
        expects_receipt: whether the delivery is done only with one.
        receipt_within_s: for an asynchronous receipt, how long it may take; None for the response's own.
        facts: for the timeline and as evidence: cipher, digest, certificates.
    """

    headers: tuple[tuple[str, str], ...]
    body: Buffer
    mics: tuple[str, ...] = ()
    expects_receipt: bool = True
    receipt_within_s: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The partner has it: `receipt` is what proves it, as received (header fields, empty line, body)."""

    receipt: bytes = b""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Awaited:
    """They have every byte; the receipt will come by a request of theirs."""

    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """Not delivered, as far as we know; another attempt may do better.

    Attributes:
        reason: for people: what happened at which step, and what to do.
        retry_after_s: when they ask for it.
        receipt: what came back, when it is no receipt that counts.
        needs_person: waiting does not cure it: something has to be put right, here or there.
    """

    reason: str
    retry_after_s: float | None = None
    receipt: bytes = b""
    facts: Mapping[str, object] = field(default_factory=dict)
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """They said no, for good: the same bytes would earn the same answer."""

    reason: str
    receipt: bytes = b""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing was sent, since it cannot be now: no valid certificate, no key, no address. Looked at again by itself."""

    reason: str


Outcome: TypeAlias = Delivered | Awaited | Failed | Refused | Held
Pack: TypeAlias = Callable[[Consignment], Awaitable[Parcel | Held]]
Carry: TypeAlias = Callable[[Consignment, Parcel], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Carrier:
    """One way out of the house."""

    pack: Pack
    carry: Carry
