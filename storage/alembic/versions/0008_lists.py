"""Lists of cases are filtered and sorted from an index alone; a span of days finds its decisions and countings.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_DESK = ("region", "closed", "status", "sla", "attention", "waiting_on", "disease_id", "channel", "due")


def upgrade() -> None:
    """Make the indexes; the narrower one of 0005 goes."""
    op.drop_index("ix_case_desk", table_name="case")
    op.create_index("ix_case_desk", "case", [*_DESK, "acceptance_no"])
    op.create_index("ix_case_channel", "case", ["region", "channel", "due", "acceptance_no"])
    op.create_index("ix_case_decided", "case", ["region", "decided_on"])
    counting = sa.text("kind = 'panel_counted'")
    op.create_index(
        "ix_case_event_counting",
        "case_event",
        ["at", "acceptance_no"],
        sqlite_where=counting,
        postgresql_where=counting,
    )
