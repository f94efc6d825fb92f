"""What all tables share: their registry with its naming rule, and the sizes of words."""

from sqlalchemy import Column, ForeignKey, MetaData, String

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

NUMBER = String(32)
WORD = String(64)
HASH = String(64)


def of_case() -> Column[str]:
    """Return the column that ties a row to its case."""
    return Column("acceptance_no", NUMBER, ForeignKey("case.acceptance_no"), nullable=False)


# One of an ID number. What a case is decided and certified on stands with the case: anybody may type a number.
