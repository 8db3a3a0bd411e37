"""SFTP: what lies in mailboxes, our SSH keys, who is shut out, what was seen on partners' servers."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailbox_file",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("bytes_count", sa.BigInteger(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("refused_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("refused_removed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("mailbox_file_by_name", "mailbox_file", ["partner_id", "name", "received_at_ms", "message_id"])
    op.create_index(
        "mailbox_file_shown",
        "mailbox_file",
        ["partner_id", "received_at_ms", "message_id"],
        sqlite_where=sa.text("removed_at_ms IS NULL"),
        postgresql_where=sa.text("removed_at_ms IS NULL"),
    )
    op.create_index(
        "mailbox_file_refused",
        "mailbox_file",
        ["partner_id", "refused_at_ms", "message_id"],
        sqlite_where=sa.text("refused_at_ms IS NOT NULL"),
        postgresql_where=sa.text("refused_at_ms IS NOT NULL"),
    )
    _index_mailboxes()
    op.create_table(
        "ssh_key",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("retired_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "sftp_ban",
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("banned_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network"),
    )
    op.create_index(op.f("ix_sftp_ban_changed_at_ms"), "sftp_ban", ["changed_at_ms"])
    op.create_table(
        "remote_folder",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("next_look_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("files_fetched", sa.BigInteger(), nullable=False),
        sa.Column("files_waiting", sa.Integer(), nullable=False),
        sa.Column("files_growing", sa.Integer(), nullable=False),
        sa.Column("files_stuck", sa.Integer(), nullable=False),
        sa.Column("files_empty", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "name"),
    )
    op.create_index(op.f("ix_remote_folder_next_look_at_ms"), "remote_folder", ["next_look_at_ms"])
    op.create_table(
        "remote_server",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id"),
    )
    op.create_table(
        "remote_file",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("path_sha256", sa.String(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("bytes_count", sa.BigInteger(), nullable=False),
        sa.Column("modified_s", sa.BigInteger(), nullable=False),
        sa.Column("unchanged_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "folder", "path_sha256"),
    )
    op.create_index("remote_file_by_age", "remote_file", ["seen_at_ms"])


def _index_mailboxes() -> None:
    waits = "channel = 'mailbox' AND state NOT IN ('delivered', 'cancelled') AND kind"
    lists = (
        ("delivery_mailbox_outbox", ["destination", "id"], f"{waits} <> 'acknowledgment'"),
        ("delivery_mailbox_acknowledgments", ["destination", "id"], f"{waits} = 'acknowledgment'"),
        (
            "delivery_mailbox_archive",
            ["destination", "settled_at_ms", "id"],
            "channel = 'mailbox' AND state = 'delivered'",
        ),
    )
    for name, columns, where in lists:
        op.create_index(name, "delivery", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
