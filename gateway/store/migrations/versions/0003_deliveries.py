"""Deliveries: what we send, its bodies and its receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DUE = "next_attempt_at_ms IS NOT NULL"
_OPEN = "state NOT IN ('delivered', 'cancelled')"


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("bearer_id", sa.String(), nullable=True),
        sa.Column("profile_digest", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("transport_id", sa.Text(), nullable=False),
        sa.Column("packings", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("payload_sha256", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("claim_owner", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settled_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("source_key", sa.String(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("document_type", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("parcel", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, columns, unique, where in (
        ("delivery_due", ["next_attempt_at_ms", "id"], False, _DUE),
        ("delivery_lane_open", ["lane", "sequence"], False, _OPEN),
        ("delivery_by_partner", ["partner_id", "id"], False, None),
        ("delivery_by_state", ["state", "id"], False, None),
        ("delivery_by_purge", ["created_at_ms"], False, None),
        ("delivery_by_source", ["source_key"], True, None),
        ("ix_delivery_transport_id", ["transport_id"], False, None),
        ("ix_delivery_message_id", ["message_id"], False, None),
    ):
        only = sa.text(where) if where is not None else None
        op.create_index(name, "delivery", columns, unique=unique, sqlite_where=only, postgresql_where=only)

    op.create_table(
        "delivery_body",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("piece", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "part", "piece"),
    )
