"""Tables of the partner API: what it remembers of calls, credentials, quotas, orders and webhooks.

Times are milliseconds since 1970, JSON is kept as text, identifiers are strings, as in `tables`.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class RequestNonce(SQLModel, table=True):
    """The nonce of a signed request, while the window lasts in which it could come again (RFC 9421 7.2.2)."""

    __tablename__ = "request_nonce"
    key_id: str = Field(primary_key=True)
    nonce: str = Field(primary_key=True)
    expires_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class CredentialUse(SQLModel, table=True):
    """When a credential of a partner was last used."""

    __tablename__ = "credential_use"
    partner_id: str = Field(primary_key=True)
    # api_key, oauth, certificate or signature.
    means: str = Field(primary_key=True)
    label: str = Field(primary_key=True)
    last_used_at_ms: int = Field(sa_column=_big())


class IdempotentAnswer(SQLModel, table=True):
    """What a call that changes something, and brings no document, was answered under its Idempotency-Key."""

    __tablename__ = "idempotent_answer"
    partner_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    # SHA-256 over method, path, query and body.
    sha256: str
    # 0 while the call is under way.
    status: int
    headers: str = Field(default="{}", sa_column=_text())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    # An answer may show a secret, once.
    sealed: bool = False
    created_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class SealingKey(SQLModel, table=True):
    """The key that seals secrets of ours at rest, wrapped under the passphrase, which is never here."""

    __tablename__ = "sealing_key"
    id: str = Field(primary_key=True)
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at_ms: int = Field(sa_column=_big())


class TokenKey(SQLModel, table=True):
    """A key that signs access tokens, its private part sealed."""

    __tablename__ = "token_key"
    kid: str = Field(primary_key=True)
    # Raw Ed25519.
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sealed_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at_ms: int = Field(sa_column=_big())
    signs_until_ms: int = Field(sa_column=_big())
    verifies_until_ms: int = Field(sa_column=_big())


class RevokedToken(SQLModel, table=True):
    """An access token that is of no more use (RFC 7009), until it would have ended by itself."""

    __tablename__ = "revoked_token"
    jti: str = Field(primary_key=True)
    expires_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class RateBucket(SQLModel, table=True):
    """A token bucket that several processes draw on, each a little ahead."""

    __tablename__ = "rate_bucket"
    partner_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    tokens: float
    at_ms: int = Field(sa_column=_big())


class RateProcess(SQLModel, table=True):
    """A process that draws on the buckets, and when it was last there."""

    __tablename__ = "rate_process"
    name: str = Field(primary_key=True)
    seen_at_ms: int = Field(sa_column=_big())


class DailyUse(SQLModel, table=True):
    """How many documents a partner has sent in a day (UTC, ISO 8601)."""

    __tablename__ = "daily_use"
    partner_id: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    used: int = Field(sa_column=_big())


class PurchaseOrder(SQLModel, table=True):
    """Where an order stands that we sent to a partner, or that a partner answered."""

    __tablename__ = "purchase_order"
    __table_args__ = (
        Index("purchase_order_by_change", "partner_id", "changed_at_ms", "number"),
        Index("purchase_order_by_state", "partner_id", "state", "changed_at_ms", "number"),
        Index("purchase_order_by_purge", "changed_at_ms"),
        Index(
            "purchase_order_open",
            "partner_id",
            "changed_at_ms",
            "number",
            sqlite_where=text("is_open"),
            postgresql_where=text("is_open"),
        ),
    )
    partner_id: str = Field(primary_key=True)
    number: str = Field(primary_key=True)
    state: str
    # Before the last document; empty for the first.
    previous_state: str = ""
    is_open: bool = True
    # Whether its changes are events that the partner may be told of.
    tells: bool = False
    # The dispatch whose content the order has; NULL while only answers are known.
    dispatch_id: str | None = None
    # The last dispatch that says something of it, also a change.
    sent_id: str | None = None
    # The last document about it: a dispatch of ours or a document of theirs.
    document_id: str = ""
    ordered_on: str = ""
    # How many lines were ordered, 0 where that is not known, and how many of them shipped as far as notices show.
    line_count: int = 0
    lines_shipped: int = 0
    first_seen_at_ms: int = Field(sa_column=_big())
    changed_at_ms: int = Field(sa_column=_big())


class PurchaseOrderDocument(SQLModel, table=True):
    """That a document belongs to an order: a dispatch of ours, or a document of theirs that may yet be rejected."""

    __tablename__ = "purchase_order_document"
    __table_args__ = (Index("purchase_order_document_by_order", "partner_id", "number", "document_id"),)
    document_id: str = Field(primary_key=True)
    number: str = Field(primary_key=True)
    partner_id: str
    # What it does to the order; empty where it moves nothing.
    event: str = ""
    lines: int = 0


class PartnerEvent(SQLModel, table=True):
    """Something that a partner may want to hear of; kept for those who have webhooks, and told to each of them."""

    __tablename__ = "partner_event"
    __table_args__ = (
        Index("partner_event_by_partner", "partner_id", "number"),
        Index(
            "partner_event_untold",
            "partner_id",
            "number",
            sqlite_where=text("NOT told"),
            postgresql_where=text("NOT told"),
        ),
        Index("partner_event_by_purge", "at_ms"),
    )
    id: str = Field(primary_key=True)
    partner_id: str
    # Ascends among the events of a partner, in the order in which they were recorded.
    number: int = Field(sa_column=_big())
    type: str
    # What is told in order: the purchase order, else the document that it is about.
    subject: str
    at_ms: int = Field(sa_column=_big())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    # Whether there is a delivery of it for each subscription.
    told: bool = False


class WebhookSubscription(SQLModel, table=True):
    """An address of a partner that is told of events, from the profile or set up by the API."""

    __tablename__ = "webhook_subscription"
    __table_args__ = (Index("webhook_by_partner", "partner_id", "origin", "name", unique=True),)
    id: str = Field(primary_key=True)
    partner_id: str
    name: str
    # profile or api.
    origin: str
    url: str = Field(sa_column=_text())
    # The types, with blanks between them; empty: all.
    events: str = Field(default="", sa_column=_text())
    # JSON list of sealed keys with their days; empty for those of the profile, whose secrets are references.
    sealed_keys: str = Field(default="[]", sa_column=_text())
    state: str
    reason: str = Field(default="", sa_column=_text())
    # Who brought it into its state: a person, a partner, or the gateway by itself.
    changed_by: str = ""
    # Of the profile that it was last compared with; of those made by the API, the one when it last changed state.
    profile_digest: str = ""
    # Since when every attempt failed; NULL after a success.
    failing_since_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    last_success_at_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    created_at_ms: int = Field(sa_column=_big())
    changed_at_ms: int = Field(sa_column=_big())
