"""Drafts of what people write on our own pages.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the drafts."""
    op.create_table(
        "web_draft",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("acceptance_no", sa.String(length=64), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_web_draft_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_web_draft"),
    )
    op.create_index("ix_web_draft_account_id", "web_draft", ["account_id"])
    op.create_index("ix_web_draft_updated_at", "web_draft", ["updated_at"])
