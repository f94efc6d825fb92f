"""Kinds of application: which entitlement a case follows, the register of off-region filings; and the inbox.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what renewals, changes and off-region filings need."""
    op.add_column("case", sa.Column("replaces", sa.String(length=32), nullable=True))
    op.add_column("case", sa.Column("superseded_by", sa.String(length=32), nullable=True))
    op.create_index("ix_case_replaces", "case", ["replaces"])
    op.create_table(
        "offregion_filing",
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("treatment_region", sa.String(length=6), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("filed_at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("person_key", "region", "treatment_region", "from_on", name="pk_offregion_filing"),
    )
    op.create_table(
        "inbox_message",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("title", Words(), nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_inbox_message_acceptance_no"),
        sa.PrimaryKeyConstraint("reference", name="pk_inbox_message"),
    )
    op.create_index("ix_inbox_message_case", "inbox_message", ["acceptance_no", "created_at"])
    op.create_index("ix_inbox_message_person", "inbox_message", ["person_key", "created_at"])
    op.add_column("expert", sa.Column("interests", sa.JSON(none_as_null=True), nullable=True))
