"""Name, category and tier belong to the case that was applied for with them.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from storage.column_types import Words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FILL = """
UPDATE "case" SET
    applicant_name = (SELECT p.name FROM insured_person p WHERE p.person_key = "case".person_key),
    category = (SELECT p.category FROM insured_person p WHERE p.person_key = "case".person_key),
    tier = (SELECT p.tier FROM insured_person p WHERE p.person_key = "case".person_key)
"""


def upgrade() -> None:
    """Give every case what is known of its person now; what it was applied for with was not kept."""
    op.add_column("case", sa.Column("applicant_name", Words(), nullable=False, server_default=sa.text("''")))
    op.add_column("case", sa.Column("category", sa.String(length=64), nullable=False, server_default=sa.text("''")))
    op.add_column("case", sa.Column("tier", Words(), nullable=True))
    op.execute(_FILL)
