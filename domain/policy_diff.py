"""What changed between two versions of a policy: values with old and new source, disease rows."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.policy_values import PolicyValue, values_of


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ValueChange(_Frozen):
    """One key of the policy file; None on the side that has no such value."""

    key: str
    old: PolicyValue | None
    new: PolicyValue | None


class RowKeyChange(_Frozen):
    """One key of a disease row, as JSON."""

    key: str
    old: JsonValue
    new: JsonValue


class RowChange(_Frozen):
    """A disease listed in both, with the keys that differ; `name` is the newer one."""

    id: str
    name: str
    changes: tuple[RowKeyChange, ...]


class Listed(_Frozen):
    """A disease listed on one side only."""

    id: str
    name: str


class PolicyDiff(_Frozen):
    """From the older to the newer policy. A value whose source alone changed counts: that is how a city confirms."""

    values: tuple[ValueChange, ...]
    added: tuple[Listed, ...]
    removed: tuple[Listed, ...]
    changed: tuple[RowChange, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs but version and effective date, if at all."""
        return not (self.values or self.added or self.removed or self.changed)


def diff_policies(old: RegionPolicy, new: RegionPolicy) -> PolicyDiff:
    """Compare two policies, of one region or of two; keys stand in the order of the newer, removed ones last."""
    before, after = _by_key(values_of(old)), _by_key(values_of(new))
    rows = _Rows({row.id: row for row in old.diseases}, {row.id: row for row in new.diseases})
    return PolicyDiff(
        values=tuple(
            ValueChange(key=key, old=before.get(key), new=after.get(key))
            for key in dict.fromkeys((*after, *before))
            if before.get(key) != after.get(key)
        ),
        added=tuple(_listed(row) for key, row in rows.new.items() if key not in rows.old),
        removed=tuple(_listed(row) for key, row in rows.old.items() if key not in rows.new),
        changed=tuple(
            _row_change(rows.old[key], row)
            for key, row in rows.new.items()
            if key in rows.old and rows.old[key] != row
        ),
    )


class _Rows(NamedTuple):
    old: dict[str, DiseaseRow]
    new: dict[str, DiseaseRow]


def _by_key(values: Iterable[PolicyValue]) -> dict[str, PolicyValue]:
    return {each.key: each for each in values}


def _listed(row: DiseaseRow) -> Listed:
    return Listed(id=row.id, name=row.name)


def _row_change(old: DiseaseRow, new: DiseaseRow) -> RowChange:
    before: dict[str, Any] = old.model_dump(mode="json")
    after: dict[str, Any] = new.model_dump(mode="json")
    changes = tuple(
        RowKeyChange(key=key, old=before[key], new=after[key]) for key in after if before[key] != after[key]
    )
    return RowChange(id=new.id, name=new.name, changes=changes)
