"""A qualification a city brings along when it goes live: its shape. The rules for a row stand in `import_rows.py`."""

import hashlib
from datetime import date

from domain.application import Applicant, Model

IMPORT_CHANNEL = "import"
"""Channel of what was imported; no application may name it, or it could take an imported qualification's number."""


class ImportedEntitlement(Model):
    """One qualification as the city's own records have it. Personal: travels sealed, is kept in storage only.

    `reference` is the city's own record number. `effect_on` is the first day of the benefit, `end_on` the last one;
    None is long-term.
    """

    reference: str
    region: str
    disease_id: str
    hospital_id: str
    applicant: Applicant
    effect_on: date
    end_on: date | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) of the content; a field added later, left at its default, does not change it."""
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()
