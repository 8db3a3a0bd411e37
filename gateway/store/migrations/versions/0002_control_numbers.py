"""The ranges of our control numbers, those that were left out, and the last ISA13 seen of each partner."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Until now all numbers were taken from 1 to 999,999,999.
    least = sa.Column("least", sa.BigInteger(), nullable=False, server_default="1")
    most = sa.Column("most", sa.BigInteger(), nullable=False, server_default="999999999")
    op.add_column("control_number", least)
    op.add_column("control_number", most)
    op.create_table(
        "control_number_gap",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "first", "created_at_ms"),
    )
    op.create_table(
        "control_number_seen",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
