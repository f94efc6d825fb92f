"""Accounts, their sessions and cases, API keys, and the digests by which a case is found by telephone number.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant, Words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what access needs. Digests of cases there already are made by `mente migrate`: they need a key."""
    for name in ("phone_digest", "agent_phone_digest"):
        op.add_column("case", sa.Column(name, sa.String(length=64), nullable=True))
        op.create_index(f"ix_case_{name}", "case", [name])
    op.create_index("ix_case_due", "case", ["region", "due", "acceptance_no"])
    desk = ["region", "closed", "status", "sla", "attention", "waiting_on", "due", "acceptance_no"]
    op.create_index("ix_case_desk", "case", desk)
    _accounts()
    _sessions()
    _api_keys()
    _cases_of_accounts()


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("display_name", Words(), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("expert_id", sa.String(length=64), nullable=True),
        sa.Column("person_key", sa.String(length=64), nullable=True),
        sa.Column("password_hash", Words(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("login", name="uq_account_login"),
    )


def _sessions() -> None:
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_web_session_account_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_web_session"),
    )
    op.create_index("ix_web_session_account_id", "web_session", ["account_id"])
    op.create_index("ix_web_session_expires_at", "web_session", ["expires_at"])


def _api_keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("label", Words(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )


def _cases_of_accounts() -> None:
    op.create_table(
        "account_case",
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("linked_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_account_case_account_id"),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_account_case_acceptance_no"),
        sa.PrimaryKeyConstraint("account_id", "acceptance_no", name="pk_account_case"),
    )
    op.create_index("ix_account_case_case", "account_case", ["acceptance_no"])
