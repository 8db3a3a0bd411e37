"""Our private keys, wrapped; when each certificate was used last; events that carry a body of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "own_key",
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("certificates", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("signs_from_ms", sa.BigInteger(), nullable=True),
        sa.Column("decrypts_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("retired_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("identity", "fingerprint"),
    )
    op.create_table(
        "certificate_use",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("last_used_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "fingerprint", "use"),
    )
    op.create_table(
        "certificate_warning",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("days_ahead", sa.Integer(), nullable=False),
        sa.Column("warned_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "fingerprint", "days_ahead"),
    )
    with op.batch_alter_table("outbox_event") as event:
        event.alter_column("document_id", existing_type=sa.Text(), nullable=True)
        event.add_column(sa.Column("body", sa.LargeBinary(), nullable=True))
