"""Two catalogues of one city held against each other: what would change, and what must not."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from domain.catalogue_columns import RowStatus, cells_of
from domain.catalogue_csv import CatalogueFault, CatalogueRefused, CatalogueTable
from domain.disease import Catalogue


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class FieldChange(_Model):
    """One cell that differs: the column, what the catalogue in force says, what the other one says."""

    field: str
    ours: str
    theirs: str


class RowChange(_Model):
    """A row that differs in at least one cell."""

    id: str
    name: str
    fields: tuple[FieldChange, ...]


class CatalogueDifference(_Model):
    """What another catalogue adds, leaves out and says otherwise; ids with names, in the order of the files."""

    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[RowChange, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed)


def compare(ours: Catalogue, theirs: Catalogue) -> CatalogueDifference:
    """Hold `theirs` against `ours`, row by row and cell by cell. The order of rows says nothing."""
    before, after = _cells(ours), _cells(theirs)
    return CatalogueDifference(
        added=tuple((key, cells["name"]) for key, cells in after.items() if key not in before),
        removed=tuple((key, cells["name"]) for key, cells in before.items() if key not in after),
        changed=tuple(
            RowChange(id=key, name=cells["name"], fields=fields)
            for key, cells in before.items()
            if key in after and (fields := tuple(_fields(cells, after[key])))
        ),
    )


def check_adoption(ours: Catalogue, table: CatalogueTable) -> None:
    """Refuse a table that would break a promise of the catalogue in force. Raises `CatalogueRefused`.

    An id given once is neither dropped nor given to another disease: cases and certificates name it for years.
    """
    faults = [*_dropped(ours, table), *_given_again(ours, table), *_more_than_listed(table)]
    if faults:
        raise CatalogueRefused(faults)


def _dropped(ours: Catalogue, table: CatalogueTable) -> Iterator[CatalogueFault]:
    for key in _cells(ours):
        if key not in table.lines:
            rule = f"编号一经使用不得删除，文件中缺少 {key}"
            remedy = "请补回该行；停用的病种把 status 改为 candidate"
            yield CatalogueFault(line=0, column="id", rule=rule, remedy=remedy)


def _given_again(ours: Catalogue, table: CatalogueTable) -> Iterator[CatalogueFault]:
    owner = {cells["name"]: key for key, cells in _cells(ours).items()}
    for row in (*table.catalogue.disease, *table.catalogue.candidate):
        if owner.get(row.name, row.id) != row.id:
            rule = "该病种名称在现行目录中属于另一个编号；编号不得改给别的病种"
            yield CatalogueFault(line=table.lines[row.id], column="name", rule=rule, remedy="请沿用原来的编号")


def _more_than_listed(table: CatalogueTable) -> Iterator[CatalogueFault]:
    total, listed = table.catalogue.listed_total, len(table.catalogue.disease)
    if total is not None and listed > total:
        rule = f"现行病种有 {listed} 种，多于目录总数 {total} 种"
        remedy = "请把多出的行改为 candidate，或以 --listed-total 写明新的总数"
        yield CatalogueFault(line=0, column="status", rule=rule, remedy=remedy)


def _cells(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    rows = [(row, RowStatus.LISTED) for row in catalogue.disease]
    rows += [(row, RowStatus.CANDIDATE) for row in catalogue.candidate]
    return {row.id: cells_of(row, status) for row, status in rows}


def _fields(ours: dict[str, str], theirs: dict[str, str]) -> Iterator[FieldChange]:
    for name, text in ours.items():
        if text != theirs[name]:
            yield FieldChange(field=name, ours=text, theirs=theirs[name])
