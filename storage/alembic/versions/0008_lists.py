"""Lists of cases are filtered and sorted from an index alone; a span of days finds its decisions and countings.

Who uploaded which file is kept; the papers of drafts under way were uploaded by whoever writes them. Who uploaded
what beside them before now nobody knows: what stands in no case and no draft yet is to be uploaded again.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Instant

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
    _make_uploads()
    _make_login_tries()


def _make_uploads() -> None:
    op.create_table(
        "upload",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=160), nullable=False),
        sa.Column("uploaded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "owner", name="pk_upload"),
    )
    op.create_index("ix_upload_uploaded_at", "upload", ["uploaded_at"])
    op.create_index("ix_material_sha256", "material", ["sha256"])
    op.create_index("ix_certificate_sha256", "certificate", ["sha256"])
    upload = sa.table("upload", sa.column("sha256"), sa.column("owner"), sa.column("uploaded_at", Instant()))
    draft = sa.table(
        "web_draft",
        sa.column("account_id"),
        sa.column("content", sa.JSON()),
        sa.column("updated_at", Instant()),
        sa.column("sent_at"),
    )
    rows = {
        (paper["material"]["sha256"], f"account:{row.account_id}"): row.updated_at
        for row in op.get_bind().execute(sa.select(draft).where(draft.c.sent_at.is_(None)))
        for paper in row.content.get("papers", ())
    }
    if rows:
        made = [{"sha256": sha256, "owner": owner, "uploaded_at": at} for (sha256, owner), at in rows.items()]
        op.get_bind().execute(upload.insert(), made)


def _make_login_tries() -> None:
    op.create_table(
        "login_try",
        sa.Column("login_hash", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("hour_tries", sa.Integer(), nullable=False),
        sa.Column("hour_began_at", Instant(), nullable=False),
        sa.Column("tried_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("login_hash", "place", name="pk_login_try"),
    )
    op.create_index("ix_login_try_tried_at", "login_try", ["tried_at"])
