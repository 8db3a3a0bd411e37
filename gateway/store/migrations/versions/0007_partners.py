"""Partners: which profile is in force, what their trials came to, what the sandbox owes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partner_state",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("in_force_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("problems_since_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id"),
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("sample", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("trial_by_partner", "trial", ["partner_id", "sample", "id"])
    op.create_table(
        "sandbox_reply",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sandbox_reply_once", "sandbox_reply", ["delivery_id", "ordinal"], unique=True)
    op.create_index(
        "sandbox_reply_due",
        "sandbox_reply",
        ["due_at_ms"],
        sqlite_where=sa.text("NOT sent"),
        postgresql_where=sa.text("NOT sent"),
    )
    with op.batch_alter_table("message") as message:
        message.add_column(sa.Column("by_hand", sa.Boolean(), nullable=False, server_default=sa.false()))
        message.add_column(sa.Column("apart_from", sa.String(), nullable=True))
        message.add_column(sa.Column("set_apart", sa.Text(), nullable=False, server_default=""))
    _partial_index("message_held", "message", ["partner_id", "id"], "state = 'held'")
    apart = "apart_from IS NOT NULL AND state IN ('held', 'processing', 'received')"
    _partial_index("message_apart", "message", ["partner_id"], apart)
    _partial_index("dispatch_waiting", "dispatch", ["partner_id", "id"], "state IN ('held', 'received')")
    with op.batch_alter_table("outbox_event") as event:
        event.add_column(sa.Column("test", sa.Boolean(), nullable=False, server_default=sa.false()))
        event.add_column(sa.Column("from_testing", sa.Boolean(), nullable=False, server_default=sa.false()))


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
