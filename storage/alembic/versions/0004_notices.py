"""Notices: attempts by provider and intent, receipts, one text a day, tasks for people.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant, Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what providers, receipts and tasks need. The table of receipts was never written before."""
    op.add_column("notice", sa.Column("legal", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("ix_notice_created_at", "notice", ["created_at", "acceptance_no", "seq"])
    _widen_attempts()
    op.drop_table("receipt")
    op.create_table(
        "receipt",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("provider_id", sa.String(length=96), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("address_digest", sa.String(length=64), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("detail", Words(), nullable=False),
        sa.Column("reported_at", Instant(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_receipt"),
    )
    op.create_index("ix_receipt_provider_id", "receipt", ["provider", "provider_id"])
    op.create_index("ix_receipt_reference", "receipt", ["reference"])
    _add_small_tables()


def _widen_attempts() -> None:
    with op.batch_alter_table("notice_attempt") as batch:
        batch.add_column(sa.Column("intent", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch.add_column(sa.Column("provider", sa.String(length=64), server_default=sa.text("''"), nullable=False))
        batch.add_column(sa.Column("reported", sa.String(length=64), server_default=sa.text("''"), nullable=False))
        batch.add_column(sa.Column("provider_id", sa.String(length=96), server_default=sa.text("''"), nullable=False))
        batch.add_column(
            sa.Column("address_digest", sa.String(length=64), server_default=sa.text("''"), nullable=False)
        )
        batch.add_column(sa.Column("handed_over_at", Instant(), nullable=True))
        batch.add_column(sa.Column("prevented", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch.drop_constraint("pk_notice_attempt", type_="primary")
        batch.create_primary_key("pk_notice_attempt", ["acceptance_no", "seq", "intent", "channel", "provider"])
    op.create_index("ix_notice_attempt_provider_id", "notice_attempt", ["provider", "provider_id"])


def _add_small_tables() -> None:
    op.create_table(
        "sms_of_day",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "on", name="pk_sms_of_day"),
    )
    op.create_index("ix_sms_of_day_reference", "sms_of_day", ["reference"])
    op.create_table(
        "receipt_refusal",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "reason", "on", name="pk_receipt_refusal"),
    )
    op.create_table(
        "notice_task",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("done_by", Words(), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("note", Words(), nullable=False),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_notice_task_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "seq", name="pk_notice_task"),
    )
    op.create_index("ix_notice_task_open", "notice_task", ["region", "done_at", "raised_at"])
