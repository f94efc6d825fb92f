"""Look up a disease's local id by its name in a city's policy file, so that samples follow the catalogue."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import domain
from domain.vocabulary import MaterialKind

_REGIONS = Path(domain.__file__).with_name("regions")


def disease_id_by_name(region: str, *names: str) -> str:
    """Return the id of the row called by one of the names, tried in order.

    A row's own name counts first, then the guide's name for it, then a name that contains the words.
    Raises LookupError when the city's file lists none of them.
    """
    for name in names:
        for called in (_is_called, _is_called_in_the_guide, _contains):
            for row in _rows(region):
                if called(row, name):
                    return str(row["id"])
    raise LookupError(f"{region} lists none of: {'、'.join(names)}")


def disease_name(region: str, disease_id: str) -> str:
    """Return the local name of a disease; raises LookupError when the city's file does not list it."""
    return str(_row(region, disease_id)["name"])


def evidence_kinds(region: str, disease_id: str) -> tuple[MaterialKind, ...]:
    """Return every kind of paper the disease's row asks for, whether needed or one of several."""
    row = _row(region, disease_id)
    kinds = [kind for group in row.get("evidence", []) for kind in group]
    if row.get("appraisal_opinion"):
        kinds.append(MaterialKind.APPRAISAL_OPINION)
    if row.get("photo_required"):
        kinds.append(MaterialKind.PHOTO)
    return tuple(dict.fromkeys(MaterialKind(kind) for kind in kinds))


def _is_called(row: dict[str, Any], name: str) -> bool:
    return bool(row["name"] == name)


def _is_called_in_the_guide(row: dict[str, Any], name: str) -> bool:
    return row.get("guide_name") == name


def _contains(row: dict[str, Any], name: str) -> bool:
    return name in row["name"]


def _row(region: str, disease_id: str) -> dict[str, Any]:
    for row in _rows(region):
        if row["id"] == disease_id:
            return row
    raise LookupError(f"{region} lists no disease of that id")


@cache
def _rows(region: str) -> list[dict[str, Any]]:
    text = (_REGIONS / f"{region}.diseases.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["disease"]
    return rows
