"""The partner API: nonces, credentials, quotas, orders, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What was exchanged before belongs to orders, too. Of what an answer said only its kind is known here, and not how many
# lines there were.
_ANSWERS = "('purchase_order_acknowledgment', 'purchase_order_change_acknowledgment', 'ship_notice', 'invoice')"
_ANSWERED = """
    EXISTS (SELECT 1 FROM document WHERE document.partner_id = sent.partner_id
            AND document.purchase_order_number = sent.number AND document.status <> 'rejected'
            AND document.document_type = '{}')
"""
_ORDERS_OF_BEFORE = (
    f"""
    INSERT INTO purchase_order_document (document_id, number, partner_id, event, lines)
    SELECT id, purchase_order_number, partner_id, '', 0 FROM document
    WHERE purchase_order_number <> '' AND document_type IN {_ANSWERS}
    """,
    """
    INSERT INTO purchase_order_document (document_id, number, partner_id, event, lines)
    SELECT id, purchase_order_number, partner_id,
        CASE document_type WHEN 'purchase_order' THEN 'send' ELSE 'change' END, 0
    FROM dispatch
    WHERE purchase_order_number <> '' AND state = 'accepted'
    AND document_type IN ('purchase_order', 'purchase_order_change')
    """,
    f"""
    INSERT INTO purchase_order (partner_id, number, state, previous_state, is_open, tells, dispatch_id, sent_id,
        document_id, ordered_on, line_count, lines_shipped, first_seen_at_ms, changed_at_ms)
    SELECT partner_id, number, state, '', state <> 'invoiced', false, id, id, id, '', 0, 0, first_at_ms, last_at_ms
    FROM (
        SELECT sent.partner_id, sent.number, sent.id, sent.first_at_ms, sent.last_at_ms, CASE
            WHEN {_ANSWERED.format("invoice")} THEN 'invoiced'
            WHEN {_ANSWERED.format("ship_notice")} THEN 'shipped'
            WHEN {_ANSWERED.format("purchase_order_acknowledgment")} THEN 'acknowledged'
            WHEN EXISTS (SELECT 1 FROM delivery WHERE delivery.id = sent.id AND delivery.state = 'delivered')
            THEN 'received' ELSE 'transmitted' END AS state
        FROM (
            SELECT partner_id, number, MAX(id) AS id, MIN(received_at_ms) AS first_at_ms,
                MAX(received_at_ms) AS last_at_ms
            FROM dispatch
            WHERE document_type = 'purchase_order' AND state = 'accepted' AND kind = 'document' AND number <> ''
            GROUP BY partner_id, number
        ) AS sent
    ) AS stood
    """,
)


def upgrade() -> None:
    op.create_table(
        "request_nonce",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce"),
    )
    op.create_index("ix_request_nonce_expires_at_ms", "request_nonce", ["expires_at_ms"])
    op.create_table(
        "credential_use",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("means", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("last_used_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "means", "label"),
    )
    op.create_table(
        "idempotent_answer",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "key"),
    )
    op.create_index("ix_idempotent_answer_created_at_ms", "idempotent_answer", ["created_at_ms"])
    op.create_table(
        "sealing_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "token_key",
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("signs_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("verifies_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti"),
    )
    op.create_index("ix_revoked_token_expires_at_ms", "revoked_token", ["expires_at_ms"])
    op.create_table(
        "rate_bucket",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "name"),
    )
    op.create_table(
        "rate_process",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "daily_use",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "day"),
    )
    op.create_table(
        "purchase_order",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("previous_state", sa.String(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("tells", sa.Boolean(), nullable=False),
        sa.Column("dispatch_id", sa.String(), nullable=True),
        sa.Column("sent_id", sa.String(), nullable=True),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("ordered_on", sa.String(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("lines_shipped", sa.Integer(), nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "number"),
    )
    op.create_index("purchase_order_by_change", "purchase_order", ["partner_id", "changed_at_ms", "number"])
    op.create_index(
        "purchase_order_by_state", "purchase_order", ["partner_id", "state", "changed_at_ms", "number"]
    )
    op.create_index("purchase_order_by_purge", "purchase_order", ["changed_at_ms"])
    _partial_index("purchase_order_open", "purchase_order", ["partner_id", "changed_at_ms", "number"], "is_open")
    op.create_table(
        "purchase_order_document",
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "number"),
    )
    op.create_index(
        "purchase_order_document_by_order", "purchase_order_document", ["partner_id", "number", "document_id"]
    )
    for statement in _ORDERS_OF_BEFORE:
        op.execute(statement)
    op.create_table(
        "partner_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("partner_event_by_partner", "partner_event", ["partner_id", "number"])
    op.create_index("partner_event_by_purge", "partner_event", ["at_ms"])
    _partial_index("partner_event_untold", "partner_event", ["partner_id", "number"], "NOT told")
    op.create_table(
        "webhook_subscription",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("sealed_keys", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("profile_digest", sa.String(), nullable=False),
        sa.Column("failing_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_by_partner", "webhook_subscription", ["partner_id", "origin", "name"], unique=True)
    op.drop_index("document_by_order", "document")
    for name, column in (
        ("document_by_order", "purchase_order_number"),
        ("document_by_number", "number"),
        ("document_by_type", "document_type"),
    ):
        op.create_index(name, "document", ["partner_id", column, "id"])
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("destination", sa.String(), nullable=False, server_default=""))
    _partial_index("delivery_by_destination", "delivery", ["destination", "id"], "destination <> ''")
    is_open = "destination <> '' AND state NOT IN ('delivered', 'cancelled')"
    _partial_index("delivery_open_by_destination", "delivery", ["destination", "state"], is_open)
    waits = "channel = 'inbox' AND state NOT IN ('delivered', 'cancelled', 'refused')"
    over = "channel = 'inbox' AND state IN ('delivered', 'refused')"
    _partial_index("delivery_inbox", "delivery", ["partner_id", "id"], waits)
    _partial_index("delivery_inbox_by_type", "delivery", ["partner_id", "document_type", "id"], waits)
    _partial_index("delivery_inbox_over", "delivery", ["partner_id", "state", "id"], over)
    _partial_index("delivery_inbox_over_by_type", "delivery", ["partner_id", "state", "document_type", "id"], over)
    _partial_index("delivery_inbox_by_lane", "delivery", ["lane", "id"], "channel = 'inbox'")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
