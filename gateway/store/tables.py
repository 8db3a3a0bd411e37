"""Every table of the gateway. Times are milliseconds since 1970, JSON is kept as text, identifiers are strings."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

# SQLite counts up only INTEGER PRIMARY KEY columns by itself.
_COUNTER = BigInteger().with_variant(Integer(), "sqlite")


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = True) -> Column[str]:
    return Column(Text, nullable=nullable)


class Profile(SQLModel, table=True):
    """A partner's profile with its files as it was loaded; a message keeps the digest it started with."""

    __tablename__ = "profile"
    digest: str = Field(primary_key=True)
    partner_id: str = Field(index=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    loaded_at_ms: int = Field(sa_column=_big())


class Message(SQLModel, table=True):
    """What a partner sent in one transport message, and where it stands."""

    __tablename__ = "message"
    __table_args__ = (
        Index(
            # By id first: what is due is taken in the order of arrival, however long the line is.
            "message_waiting",
            "id",
            "next_attempt_at_ms",
            sqlite_where=text("next_attempt_at_ms IS NOT NULL"),
            postgresql_where=text("next_attempt_at_ms IS NOT NULL"),
        ),
        Index("message_by_partner", "partner_id", "id"),
        Index("message_by_state", "state", "id"),
        Index("message_by_purge", "received_at_ms"),
        Index(
            "message_held",
            "partner_id",
            "id",
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
        Index(
            "message_apart",
            "partner_id",
            sqlite_where=text("apart_from IS NOT NULL AND state IN ('held', 'processing', 'received')"),
            postgresql_where=text("apart_from IS NOT NULL AND state IN ('held', 'processing', 'received')"),
        ),
    )
    id: str = Field(primary_key=True)
    partner_id: str
    profile_digest: str
    identity: str = ""
    channel: str
    transport_id: str | None = None
    remote: str = ""
    received_at_ms: int = Field(sa_column=_big())
    state: str
    revision: int = 1
    attempts: int = 0
    # When processing may (again) take it; NULL when nothing more is due without a person.
    next_attempt_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    claim_owner: str | None = None
    payload_bytes: int = Field(sa_column=_big())
    payload_sha256: str
    content_type: str = ""
    filename: str = Field(default="", sa_column=_text(nullable=False))
    security: str = Field(default="{}", sa_column=_text(nullable=False))
    syntax: str | None = None
    reason: str = Field(default="", sa_column=_text(nullable=False))
    report: str | None = Field(default=None, sa_column=_text())
    acknowledged: bool = False
    # A person has it processed, whatever it would wait for.
    by_hand: bool = False
    # The message of a connection that this was a part of, until it was set apart for its partner.
    apart_from: str | None = None
    # Which of its bytes are set apart: JSON, a list of first byte and the one behind the last.
    set_apart: str = Field(default="", sa_column=_text(nullable=False))


class MessageBody(SQLModel, table=True):
    """The bytes of a message in pieces: as they came (`wire`), opened (`payload`), and what we answered (`answer`).

    Pieces of a part that is named `wire+zlib` or `payload+zlib` are deflated, each for itself.
    """

    __tablename__ = "message_body"
    message_id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    piece: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TransportIdentity(SQLModel, table=True):
    """The duplicate index: only accepted, authenticated messages enter it."""

    __tablename__ = "transport_identity"
    partner_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    transport_id: str = Field(primary_key=True)
    message_id: str
    sha256: str
    created_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class ControlNumberUse(SQLModel, table=True):
    """ISA13, GS06 and ST02 that were seen, within the window of the agreement."""

    __tablename__ = "control_number_use"
    key: str = Field(primary_key=True)
    message_id: str = Field(index=True)
    created_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class ControlNumber(SQLModel, table=True):
    """The last control number given out for (our id, their id, usage) and kind, and the range it was taken from."""

    __tablename__ = "control_number"
    scope: str = Field(primary_key=True)
    last: int = Field(sa_column=_big())
    least: int = Field(sa_column=_big())
    most: int = Field(sa_column=_big())


class ControlNumberGap(SQLModel, table=True):
    """Control numbers of ours that were left out: nobody will ever see them, and an auditor may ask why."""

    __tablename__ = "control_number_gap"
    scope: str = Field(primary_key=True)
    first: int = Field(sa_column=Column(BigInteger, primary_key=True))
    last: int = Field(sa_column=_big())
    reason: str
    created_at_ms: int = Field(sa_column=Column(BigInteger, primary_key=True))


class ControlNumberSeen(SQLModel, table=True):
    """The last ISA13 of a partner, for the check that each is the one after the last."""

    __tablename__ = "control_number_seen"
    key: str = Field(primary_key=True)
    last: int = Field(sa_column=_big())
    message_id: str


class Document(SQLModel, table=True):
    """One business document of a message: the canonical JSON, or the findings that kept it from becoming one."""

    __tablename__ = "document"
    __table_args__ = (
        Index("document_by_message", "message_id", "revision", "ordinal"),
        # By id behind it: a list goes on where it ended.
        Index("document_by_order", "partner_id", "purchase_order_number", "id"),
        Index("document_by_number", "partner_id", "number", "id"),
        Index("document_by_type", "partner_id", "document_type", "id"),
    )
    id: str = Field(primary_key=True)
    message_id: str
    partner_id: str
    revision: int
    ordinal: int
    document_type: str
    number: str = ""
    purchase_order_number: str = ""
    status: str
    location: str = Field(sa_column=_text(nullable=False))
    findings: str = Field(sa_column=_text(nullable=False))
    findings_omitted: int = 0
    schema_version: str = ""
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    created_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class Lane(SQLModel, table=True):
    """The last sequence number given in a lane; its row is the lane's lock."""

    __tablename__ = "lane"
    lane: str = Field(primary_key=True)
    last_sequence: int = Field(sa_column=_big())


class OutboxEvent(SQLModel, table=True):
    """One business event on its way to the broker. Its body is its document's canonical JSON, or its own."""

    __tablename__ = "outbox_event"
    __table_args__ = (
        Index(
            "outbox_due",
            "next_attempt_at_ms",
            "id",
            sqlite_where=text("state = 'ready'"),
            postgresql_where=text("state = 'ready'"),
        ),
        Index(
            "outbox_lane_open",
            "lane",
            "sequence",
            sqlite_where=text("state IN ('staged', 'ready', 'held')"),
            postgresql_where=text("state IN ('staged', 'ready', 'held')"),
        ),
        Index("outbox_by_message", "message_id"),
    )
    id: str = Field(primary_key=True)
    message_id: str
    # NULL: the event speaks of no document and has a body of its own.
    document_id: str | None = Field(
        default=None, sa_column=Column(Text, ForeignKey("document.id"), nullable=True, index=True)
    )
    partner_id: str
    document_type: str
    event: str
    subject: str
    source: str
    time: str
    lane: str
    sequence: int = Field(sa_column=_big())
    correlation_id: str
    causation_id: str | None = None
    revision: int
    schema_version: str
    state: str
    attempts: int = 0
    next_attempt_at_ms: int = Field(sa_column=_big())
    claim_owner: str | None = None
    published_at_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    last_error: str = Field(default="", sa_column=_text(nullable=False))
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    # A test, and of a partner who is in testing: these go another way than the events of live ones.
    test: bool = False
    from_testing: bool = False


class EventLogEntry(SQLModel, table=True):
    """The embedded event log: what was published, in order. A replay is a new entry of the same event."""

    __tablename__ = "event_log"
    # A position is never given twice, also when everything before it was purged: readers go on from the last they saw.
    __table_args__ = ({"sqlite_autoincrement": True},)
    position: int | None = Field(default=None, sa_column=Column(_COUNTER, primary_key=True, autoincrement=True))
    event_id: str = Field(index=True)
    published_at_ms: int = Field(sa_column=_big())


class Acknowledgment(SQLModel, table=True):
    """A TA1, 997 or 999 that a message earned, kept for delivery."""

    __tablename__ = "acknowledgment"
    id: str = Field(primary_key=True)
    message_id: str = Field(index=True)
    partner_id: str
    kinds: str
    control_number: int = Field(sa_column=_big())
    state: str
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at_ms: int = Field(sa_column=_big())


class ExceptionCase(SQLModel, table=True):
    """Something that waits for a person, or for the next attempt."""

    __tablename__ = "exception_case"
    __table_args__ = (Index("exception_by_state", "state", "id"),)
    id: str = Field(primary_key=True)
    kind: str
    partner_id: str
    message_id: str | None = Field(default=None, index=True)
    event_id: str | None = Field(default=None, index=True)
    reason: str = Field(sa_column=_text(nullable=False))
    detail: str = Field(default="", sa_column=_text(nullable=False))
    state: str
    attempts: int = 0
    opened_at_ms: int = Field(sa_column=_big())
    updated_at_ms: int = Field(sa_column=_big())
    resolution: str = ""


class TimelineEntry(SQLModel, table=True):
    """One step in the life of a message or document, for people and for evidence."""

    __tablename__ = "timeline"
    __table_args__ = (Index("timeline_by_message", "message_id", "id"),)
    id: int | None = Field(default=None, sa_column=Column(_COUNTER, primary_key=True, autoincrement=True))
    message_id: str
    document_id: str | None = None
    at_ms: int = Field(sa_column=_big())
    step: str
    detail: str = Field(default="{}", sa_column=_text(nullable=False))


class AuditEntry(SQLModel, table=True):
    """Who did or tried what: refusals, security events, acts of operators. Never payload, never secrets."""

    __tablename__ = "audit"
    id: int | None = Field(default=None, sa_column=Column(_COUNTER, primary_key=True, autoincrement=True))
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    actor: str
    action: str
    subject: str = Field(default="", sa_column=_text(nullable=False))
    remote: str = ""
    detail: str = Field(default="{}", sa_column=_text(nullable=False))


class ErpOutcome(SQLModel, table=True):
    """What the ERP made of an event: the last word on it."""

    __tablename__ = "erp_outcome"
    event_id: str = Field(primary_key=True)
    status: str
    code: str = ""
    text: str = Field(default="", sa_column=_text(nullable=False))
    at_ms: int = Field(sa_column=_big())


class OperatorToken(SQLModel, table=True):
    """A token of the operator port: its SHA-256, never the token."""

    __tablename__ = "operator_token"
    sha256: str = Field(primary_key=True)
    label: str
    role: str
    created_at_ms: int = Field(sa_column=_big())
    last_used_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))


def _inbox_indexes() -> list[Index]:
    """A page of a partner's inbox costs the same whatever lies there, and whatever has lain there."""
    waits = "channel = 'inbox' AND state NOT IN ('delivered', 'cancelled', 'refused')"
    over = "channel = 'inbox' AND state IN ('delivered', 'refused')"
    columns: list[tuple[str, str, tuple[str, ...]]] = [
        ("delivery_inbox", waits, ("partner_id", "id")),
        ("delivery_inbox_by_type", waits, ("partner_id", "document_type", "id")),
        ("delivery_inbox_over", over, ("partner_id", "state", "id")),
        ("delivery_inbox_over_by_type", over, ("partner_id", "state", "document_type", "id")),
        ("delivery_inbox_by_lane", "channel = 'inbox'", ("lane", "id")),
    ]
    return [Index(name, *of, sqlite_where=text(where), postgresql_where=text(where)) for name, where, of in columns]


def _mailbox_indexes() -> list[Index]:
    """A page of a folder of a mailbox costs the same whatever lies in the others, and whatever has lain there."""
    waits = "channel = 'mailbox' AND state NOT IN ('delivered', 'cancelled') AND kind"
    lists: list[tuple[str, str, tuple[str, ...]]] = [
        ("delivery_mailbox_outbox", f"{waits} <> 'acknowledgment'", ("destination", "id")),
        ("delivery_mailbox_acknowledgments", f"{waits} = 'acknowledgment'", ("destination", "id")),
        (
            "delivery_mailbox_archive",
            "channel = 'mailbox' AND state = 'delivered'",
            ("destination", "settled_at_ms", "id"),
        ),
    ]
    return [Index(name, *of, sqlite_where=text(where), postgresql_where=text(where)) for name, where, of in lists]


class Delivery(SQLModel, table=True):
    """Something of ours on its way to a partner, and where it stands."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(
            "delivery_due",
            "next_attempt_at_ms",
            "id",
            sqlite_where=text("next_attempt_at_ms IS NOT NULL"),
            postgresql_where=text("next_attempt_at_ms IS NOT NULL"),
        ),
        Index(
            "delivery_lane_open",
            "lane",
            "sequence",
            sqlite_where=text("state NOT IN ('delivered', 'cancelled')"),
            postgresql_where=text("state NOT IN ('delivered', 'cancelled')"),
        ),
        Index("delivery_by_partner", "partner_id", "id"),
        Index("delivery_by_state", "state", "id"),
        Index("delivery_by_purge", "created_at_ms"),
        # Many rows have none, and NULLs are all different.
        Index("delivery_by_source", "source_key", unique=True),
        Index(
            "delivery_by_destination",
            "destination",
            "id",
            sqlite_where=text("destination <> ''"),
            postgresql_where=text("destination <> ''"),
        ),
        Index(
            "delivery_open_by_destination",
            "destination",
            "state",
            sqlite_where=text("destination <> '' AND state NOT IN ('delivered', 'cancelled')"),
            postgresql_where=text("destination <> '' AND state NOT IN ('delivered', 'cancelled')"),
        ),
        *_inbox_indexes(),
        *_mailbox_indexes(),
    )
    id: str = Field(primary_key=True)
    partner_id: str
    # Whose connection carried it, as of the last attempt: their receipts speak for it, too.
    bearer_id: str | None = None
    profile_digest: str
    identity: str = ""
    channel: str
    # Which address of the partner it goes to, where the channel has several: the id of a webhook subscription.
    destination: str = ""
    kind: str
    lane: str
    # Ascends among the open deliveries of a lane.
    sequence: int = Field(sa_column=_big())
    transport_id: str = Field(sa_column=Column(Text, nullable=False, index=True))
    # How often it was packed anew under another transport id.
    packings: int = 1
    content_type: str = ""
    filename: str = Field(default="", sa_column=_text(nullable=False))
    subject: str = Field(default="", sa_column=_text(nullable=False))
    payload_bytes: int = Field(sa_column=_big())
    payload_sha256: str
    created_at_ms: int = Field(sa_column=_big())
    state: str
    attempts: int = 0
    # Queued: when it may go. Sending: until when the claim holds. Awaiting: when the receipt is overdue. Held: when it
    # is looked at again. NULL when nothing is due without a person.
    next_attempt_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    claim_owner: str | None = None
    reason: str = Field(default="", sa_column=_text(nullable=False))
    settled_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    message_id: str | None = Field(default=None, index=True)
    correlation_id: str = ""
    source_key: str | None = None
    url: str | None = Field(default=None, sa_column=_text())
    answers: str = Field(default="[]", sa_column=_text(nullable=False))
    document_type: str = ""
    number: str = ""
    # Of the parcel everything but its bytes: header fields, MICs, facts. NULL until it is packed.
    parcel: str | None = Field(default=None, sa_column=_text())


class Dispatch(SQLModel, table=True):
    """What the ERP or an operator wanted sent, once for each source and id, whether or not it could be sent.

    Its delivery bears its id; what it held lies in `delivery_body` as `document`.
    """

    __tablename__ = "dispatch"
    __table_args__ = (
        Index("dispatch_by_source", "source", "source_id", unique=True),
        Index(
            "dispatch_due",
            "id",
            sqlite_where=text("state = 'received'"),
            postgresql_where=text("state = 'received'"),
        ),
        Index(
            "dispatch_waiting",
            "partner_id",
            "id",
            sqlite_where=text("state IN ('held', 'received')"),
            postgresql_where=text("state IN ('held', 'received')"),
        ),
        Index("dispatch_by_partner", "partner_id", "id"),
        Index("dispatch_by_purge", "received_at_ms"),
    )
    id: str = Field(primary_key=True)
    # CloudEvents source and id; both NULL where nothing tells a repetition, and NULLs are all different.
    source: str | None = None
    source_id: str | None = None
    partner_id: str
    kind: str
    actor: str
    received_at_ms: int = Field(sa_column=_big())
    sha256: str
    body_bytes: int = Field(sa_column=_big())
    content_type: str = ""
    filename: str = Field(default="", sa_column=_text(nullable=False))
    subject: str = Field(default="", sa_column=_text(nullable=False))
    # The identity of ours that was asked for; empty where the agreement picks.
    identity: str = ""
    correlation_id: str = ""
    # The delivery whose payload it repeats.
    causation_id: str | None = Field(default=None, index=True)
    document_type: str = ""
    number: str = ""
    purchase_order_number: str = ""
    documents: int = 0
    # Control numbers of its interchange, JSON; empty for what is no X12 of ours.
    control_numbers: str = ""
    state: str
    reason: str = Field(default="", sa_column=_text(nullable=False))
    findings: str = Field(default="[]", sa_column=_text(nullable=False))
    findings_omitted: int = 0


class DeliveryBody(SQLModel, table=True):
    """The bytes of a delivery in pieces: `payload`, packed for the way (`wire`), and what came back (`receipt`)."""

    __tablename__ = "delivery_body"
    delivery_id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    piece: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PartnerCertificate(SQLModel, table=True):
    """A certificate of a partner that came by a certificate exchange message; in force once accepted."""

    __tablename__ = "partner_certificate"
    __table_args__ = (Index("partner_certificate_by_state", "state", "id"),)
    id: str = Field(primary_key=True)
    partner_id: str
    identity: str = ""
    fingerprint: str
    # DER; `beside` holds, as PEM, the others of the same message, which may link it to an authority.
    certificate: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    beside: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    serial_number: str
    issuer: str = Field(default="", sa_column=_text(nullable=False))
    # The words of the request, with blanks between them.
    usages: str
    # From when on it is used; NULL: from its own first moment.
    valid_from_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    request_id: str = Field(default="", sa_column=_text(nullable=False))
    message_id: str = Field(index=True)
    respond_by_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    state: str
    reason: str = Field(default="", sa_column=_text(nullable=False))
    decided_by: str = ""
    decided_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    created_at_ms: int = Field(sa_column=_big())


class CertificateRequest(SQLModel, table=True):
    """Our request that a partner trusts a certificate of ours, and the answer."""

    __tablename__ = "certificate_request"
    __table_args__ = (Index("certificate_request_by_identity", "identity", "fingerprint"),)
    request_id: str = Field(primary_key=True)
    partner_id: str
    identity: str
    fingerprint: str
    serial_number: str
    usages: str
    delivery_id: str
    respond_by_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    state: str
    reason: str = Field(default="", sa_column=_text(nullable=False))
    answer_message_id: str | None = None
    answered_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    created_at_ms: int = Field(sa_column=_big())


class Claim(SQLModel, table=True):
    """Which process works on which partner's messages, until when."""

    __tablename__ = "claim"
    name: str = Field(primary_key=True)
    owner: str
    until_ms: int = Field(sa_column=_big())


class OwnKey(SQLModel, table=True):
    """One of our key pairs, its private key wrapped: PKCS#8 encrypted under the passphrase, which is never here."""

    __tablename__ = "own_key"
    identity: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    # The certificate and its issuers, PEM, the leaf first.
    certificates: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    # Empty once it is erased.
    wrapped_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at_ms: int = Field(sa_column=_big())
    # NULL: it never signs.
    signs_from_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    # NULL: until it is retired.
    decrypts_until_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    retired_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))


class CertificateUse(SQLModel, table=True):
    """When a certificate of ours or of a partner was last used for what."""

    __tablename__ = "certificate_use"
    owner: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    use: str = Field(primary_key=True)
    last_used_at_ms: int = Field(sa_column=_big())


class CertificateWarning(SQLModel, table=True):
    """That a certificate's end was warned of so many days ahead: once, whichever process saw it."""

    __tablename__ = "certificate_warning"
    owner: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    days_ahead: int = Field(primary_key=True)
    warned_at_ms: int = Field(sa_column=_big())


class PartnerState(SQLModel, table=True):
    """Which profile of a partner is in force, and what is wrong with the one that would take its place."""

    __tablename__ = "partner_state"
    partner_id: str = Field(primary_key=True)
    # Of `profile`.
    digest: str
    status: str
    in_force_since_ms: int = Field(sa_column=_big())
    # One line a problem, empty when there is none.
    problems: str = Field(default="", sa_column=_text(nullable=False))
    problems_since_ms: int | None = Field(default=None, sa_column=_big(nullable=True))


class Trial(SQLModel, table=True):
    """One run of one sample of a partner, and what it came to; whether they may go live is read off these."""

    __tablename__ = "trial"
    __table_args__ = (Index("trial_by_partner", "partner_id", "sample", "id"),)
    id: str = Field(primary_key=True)
    partner_id: str
    sample: str
    # loopback, or partner for their test endpoint.
    way: str
    # Of the profile that it ran with.
    digest: str
    passed: bool
    detail: str = Field(default="", sa_column=_text(nullable=False))
    actor: str
    at_ms: int = Field(sa_column=_big())


class SandboxReply(SQLModel, table=True):
    """What the built-in partner of the sandbox sends, and when."""

    __tablename__ = "sandbox_reply"
    __table_args__ = (
        Index("sandbox_reply_once", "delivery_id", "ordinal", unique=True),
        Index("sandbox_reply_due", "due_at_ms", sqlite_where=text("NOT sent"), postgresql_where=text("NOT sent")),
    )
    id: str = Field(primary_key=True)
    delivery_id: str
    ordinal: int
    partner_id: str
    # Ours, by its name in the settings.
    identity: str = ""
    # What it is and why it is sent, for people.
    about: str = Field(default="", sa_column=_text(nullable=False))
    due_at_ms: int = Field(sa_column=_big())
    content_type: str
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sent: bool = False
