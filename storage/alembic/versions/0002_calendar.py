"""The calendar as versioned data, and the dates of a case as rules.

Revision ID: 0002
Revises: 0001

Both calendar tables were empty so far: they are made anew, append-only. The new columns of `case` stay empty until a
case's next transition; a case without them is re-timed by asking its workflow.
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant, Words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = {"calendar_notice": ("id",), "calendar_day": ("notice_id", "on")}
"""Append-only tables and their keys."""


def upgrade() -> None:
    """Make the calendar tables anew and add the dates to `case`."""
    op.drop_table("calendar_day")
    op.drop_table("calendar_notice")
    op.create_table(
        "calendar_notice",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Boolean(), nullable=False),
        sa.Column("title", Words(), nullable=False),
        sa.Column("number", Words(), nullable=False),
        sa.Column("url", Words(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("loaded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_notice"),
        sa.UniqueConstraint("year", "serial", "seed", name="uq_calendar_notice_year_serial_seed"),
    )
    op.create_table(
        "calendar_day",
        sa.Column("notice_id", sa.String(length=64), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["calendar_notice.id"], name="fk_calendar_day_notice_id"),
        sa.PrimaryKeyConstraint("notice_id", "on", name="pk_calendar_day"),
    )
    _forbid_changes()
    op.add_column("case", sa.Column("dates", sa.JSON(), nullable=True))
    op.add_column("case", sa.Column("dates_from_on", sa.Date(), nullable=True))
    op.add_column("case", sa.Column("dates_to_on", sa.Date(), nullable=True))
    op.add_column("case", sa.Column("past_ledgers", sa.JSON(), nullable=True))
    op.create_index("ix_case_calendar", "case", ["closed", "calendar_version", "dates_to_on"])


def _forbid_changes() -> None:
    """Let the database itself refuse to change or delete what a notice said."""
    if op.get_bind().dialect.name == "sqlite":
        for table, key in _TABLES.items():
            known = " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
            # INSERT OR REPLACE deletes without asking the trigger of DELETE.
            taken = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {known})"
            for verb, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", taken)):
                op.execute(
                    f"CREATE TRIGGER {table}_keeps_{verb.lower()} BEFORE {verb} ON {table} {when} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION mente_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION mente_append_only()"
        )
