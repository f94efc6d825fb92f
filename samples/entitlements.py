"""Made-up qualifications a city brings along at its go-live, one CSV row each; the same date gives the same bytes."""

import csv
import io
from datetime import date, timedelta
from typing import Any

from domain.import_rows import COLUMNS
from samples.persons import load_person

FIRST_SEED = 900_000
"""People of the sample table; load tests and stories use lower seeds."""

_HOSPITALS = {"510400": "H510400-02", "620900": "H620900-02"}


def entitlement_row(seed: int, region: str, disease_id: str, as_of: date, /, **changes: Any) -> dict[str, str]:
    """Return one row: granted in an earlier year, in force, its recheck window not yet begun; then `changes`."""
    person = load_person(seed, region)
    # Between 60 and 299 days ago: the anniversary is far enough off on either side.
    effect_on = as_of - timedelta(days=60 + seed % 240) - timedelta(days=365 * (seed % 4))
    row = {
        "reference": f"OLD-{seed}",
        "region": region,
        "disease_id": disease_id,
        **{name: str(getattr(person, name)) for name in ("name", "id_number", "phone", "email")},
        "insured_category": person.category,
        "tier": person.tier or "",
        "hospital_id": _HOSPITALS[region],
        "effect_on": effect_on.isoformat(),
        "end_on": (as_of + timedelta(days=400)).isoformat() if seed % 3 == 0 else "",
    }
    return row | {name: str(value) for name, value in changes.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Return rows as CSV text with their headings."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def sample_table(as_of: date) -> str:
    """Return ten rows that are right, and two that are refused: a wrong check digit, and a row that comes twice."""
    diseases = ("510400-001", "510400-003", "620900-011", "620900-014", "620900-036")
    rows = [
        entitlement_row(FIRST_SEED + number, disease[:6], disease, as_of)
        for number, disease in enumerate(2 * diseases)
    ]
    wrong = entitlement_row(FIRST_SEED + 10, "510400", "510400-001", as_of)
    last = wrong["id_number"][-1]
    rows.append(wrong | {"id_number": wrong["id_number"][:-1] + ("0" if last != "0" else "1")})
    rows.append(rows[0] | {"reference": f"OLD-{FIRST_SEED}-2"})
    return table(rows)
