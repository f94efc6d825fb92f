"""A catalogue as CSV and as TOML: what goes out comes back, and what is wrong is refused whole."""

import csv
import io
import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue_columns import COLUMNS, RowStatus, cells_of, shield, unshield
from domain.catalogue_compare import check_adoption, compare
from domain.catalogue_csv import CatalogueRefused, CatalogueTable, chinese_headings, read_csv, to_csv
from domain.catalogue_toml import to_toml
from domain.disease import FIGURES, RULES, Catalogue, DiseaseRow
from domain.spreadsheet import BYTE_ORDER_MARK
from domain.vocabulary import MaterialKind

REGIONS = ("510400", "620900")
SHIPPED = files("domain").joinpath("regions")
TEXTS = {region: SHIPPED.joinpath(f"{region}.diseases.toml").read_text(encoding="utf-8") for region in REGIONS}
MARKER = "Zq7personal"


def parsed(text: str) -> Catalogue:
    return Catalogue.model_validate(tomllib.loads(text))


JIUQUAN, PANZHIHUA = parsed(TEXTS["620900"]), parsed(TEXTS["510400"])


def table_of(catalogue: Catalogue) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(catalogue).removeprefix(BYTE_ORDER_MARK), newline="")))


def csv_of(rows: list[dict[str, str]], header: list[str] | None = None) -> str:
    stream = io.StringIO()
    names = header or [column.name for column in COLUMNS]
    writer = csv.DictWriter(stream, names, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def read(text: str, catalogue: Catalogue = JIUQUAN) -> CatalogueTable:
    return read_csv(text, region=catalogue.region, listed_total=catalogue.listed_total)


def refused(text: str) -> CatalogueRefused:
    with pytest.raises(CatalogueRefused) as error:
        read(text)
    return error.value


def changed(position: int, **cells: str) -> str:
    rows = table_of(JIUQUAN)
    rows[position].update(cells)
    return csv_of(rows)


# -- identity ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("catalogue", [JIUQUAN, PANZHIHUA], ids=REGIONS[::-1])
def test_export_import_export_is_the_same_to_the_byte(catalogue: Catalogue) -> None:
    first = to_csv(catalogue)
    back = read(first, catalogue).catalogue
    assert back == catalogue
    assert to_csv(back) == first
    assert parsed(to_toml(back)) == catalogue
    assert to_toml(parsed(to_toml(back))) == to_toml(catalogue)


@pytest.mark.parametrize("region", REGIONS)
def test_the_shipped_files_are_written_as_an_import_writes_them(region: str) -> None:
    def without_comments(text: str) -> list[str]:
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    assert without_comments(to_toml(parsed(TEXTS[region]))) == without_comments(TEXTS[region])


def test_chinese_headings_another_order_of_columns_and_of_rows_read_the_same() -> None:
    assert read(to_csv(JIUQUAN, headings=chinese_headings())).catalogue == JIUQUAN
    names = [column.name for column in COLUMNS]
    assert read(csv_of(table_of(JIUQUAN), names[::-1])).catalogue == JIUQUAN
    turned = read(csv_of(table_of(JIUQUAN)[::-1])).catalogue
    assert compare(JIUQUAN, turned).same
    assert turned.disease == JIUQUAN.disease[::-1]


def test_a_spreadsheet_may_add_blank_rows_and_cells_upper_case_switches_and_other_line_ends() -> None:
    text = to_csv(JIUQUAN).replace("true", "TRUE").replace("false", "FALSE").replace("\r\n", ",,\n")
    lines = text.splitlines()
    lines.insert(3, "," * 44)
    lines.insert(9, "")
    assert read("\n".join(lines)).catalogue == JIUQUAN


def test_materials_may_be_written_in_chinese_and_switches_as_yes_and_no() -> None:
    found = read(changed(1, evidence="病理报告；出院记录|门诊病历", photo_required="是", photo_required_source="x"))
    row = found.catalogue.disease[1]
    assert row.evidence == (
        (MaterialKind.PATHOLOGY_REPORT,),
        (MaterialKind.DISCHARGE_RECORD, MaterialKind.OUTPATIENT_RECORD),
    )
    assert row.photo_required


words = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=12).map(str.strip)
filled = words.filter(bool)
texts = st.lists(words, max_size=3).map("\n".join).map(str.strip)
slugs = st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True)
figures = st.none() | st.decimals(min_value=Decimal("0.01"), max_value=100, places=2)
kinds = st.lists(st.sampled_from(list(MaterialKind)), min_size=1, max_size=3).map(tuple)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    names = draw(st.lists(filled, min_size=1, max_size=5, unique=True))
    rows = [_row(draw, f"530100-{number:03d}", name) for number, name in enumerate(names, 1)]
    cut = draw(st.integers(0, len(rows)))
    total = draw(st.none() | st.integers(1, 99))
    return Catalogue(region="530100", listed_total=total, disease=tuple(rows[:cut]), candidate=tuple(rows[cut:]))


def _row(draw: st.DrawFn, key: str, name: str) -> DiseaseRow:
    source = draw(filled.filter(lambda text: not text.startswith("assumption")))
    raw: dict[str, Any] = {
        "id": key,
        "name": name,
        "national_code": draw(st.none() | st.from_regex("M[0-9]{5}", fullmatch=True)),
        "list_class": draw(words),
        "guide_name": draw(st.none() | filled),
        "group": draw(slugs),
        "specialty": draw(slugs),
        "evidence": draw(st.lists(kinds, max_size=3).map(tuple)),
        "criteria": draw(texts),
        "recheck_evidence": draw(st.just(()) | kinds),
        "validity_years": draw(st.sampled_from([None, 1, 2, 3, 5])),
        "photo_required": draw(st.booleans()),
        "effect_exception": draw(st.sampled_from([None, "pathology_date", "first_dialysis"])),
        "ratio_employee": draw(figures),
        "limit_resident": draw(figures),
        "green_channel": draw(st.booleans()),
        "cross_province": draw(st.none() | st.booleans()),
        "confidence": draw(st.sampled_from(["high", "low", "guide"])),
        "confirmed": draw(st.booleans()),
        "source": source,
        "notes": draw(texts),
    }
    named = draw(st.sets(st.sampled_from([*RULES, *FIGURES])))
    return DiseaseRow.model_validate({**raw, "rule_sources": dict.fromkeys((*RULES, *named), source)})


@given(catalogue=catalogues())
def test_any_catalogue_survives_csv_and_toml(catalogue: Catalogue) -> None:
    assert read(to_csv(catalogue), catalogue).catalogue == catalogue
    assert parsed(to_toml(catalogue)) == catalogue


# -- formulas ---------------------------------------------------------------------------------------------------


@given(st.text("'=+-@＝＋－＠\tab", max_size=6))
def test_a_shielded_text_is_never_run_and_comes_back(text: str) -> None:
    assert shield(text)[:1] not in {*"=+-@＝＋－＠\t"}
    assert unshield(shield(text)) == text


def test_a_formula_goes_out_behind_an_apostrophe_and_one_without_does_not_come_in() -> None:
    row = JIUQUAN.disease[0].model_copy(update={"notes": '=HYPERLINK("http://x")', "list_class": "@SUM(1)"})
    catalogue = JIUQUAN.model_copy(update={"disease": (row, *JIUQUAN.disease[1:])})
    cells = table_of(catalogue)[0]
    assert (cells["notes"], cells["list_class"]) == ('\'=HYPERLINK("http://x")', "'@SUM(1)")
    assert read(to_csv(catalogue)).catalogue == catalogue
    for text in ("=1+1", "+1", "-1", "@SUM(1)", " =1", "＝1"):
        found = refused(changed(3, notes=text))
        assert [(fault.line, fault.column) for fault in found.faults] == [(5, "notes")]
        assert "公式" in found.faults[0].rule


# -- refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("status", "active"),
        ("status", ""),
        ("id", "620900-1"),
        ("id", "620900-００９"),
        ("id", ""),
        ("id", "510400-009"),
        ("id", "620900-001"),
        ("name", ""),
        ("name", "a\nb"),
        ("name", "血友病"),
        ("name", "a\u202eb"),
        ("national_code", "1200"),
        ("national_code", "M012000"),
        ("group", "Blood"),
        ("group", ""),
        ("specialty", "血液科"),
        ("evidence", "x_ray"),
        ("evidence", "pathology_report;;discharge_record"),
        ("evidence", "pathology_report|"),
        ("recheck_evidence", "pathology_report;discharge_record"),
        ("validity_years", "4"),
        ("validity_years", "长期"),
        ("photo_required", "maybe"),
        ("effect_exception", "someday"),
        ("ratio_employee", "101"),
        ("ratio_employee", "0"),
        ("ratio_employee", "-5"),
        ("ratio_employee", "85%"),
        ("ratio_resident", "70.123"),
        ("ratio_resident", "９0"),
        ("limit_employee", "60,000"),
        ("limit_employee", "6万"),
        ("limit_resident", "1e5"),
        ("limit_resident", "NaN"),
        ("limit_resident", "Infinity"),
        ("limit_resident", "9999999999"),
        ("green_channel", "2"),
        ("cross_province", "perhaps"),
        ("confidence", "certain"),
        ("confidence", ""),
        ("confirmed", "soon"),
        ("source", ""),
        ("notes", "a\x00b"),
        ("notes", "x" * 4001),
    ],
)
def test_every_kind_of_bad_cell_is_refused_at_its_place_and_never_repeated(column: str, cell: str) -> None:
    # Row 9 of the list is haemodialysis: no two rows are touched, and its line in a spreadsheet is 10.
    found = refused(changed(8, **{column: cell}))
    assert [(fault.line, fault.column) for fault in found.faults] == [(10, column)], found.faults
    fault = found.faults[0]
    assert fault.rule
    assert fault.remedy
    assert found.refusal.field == f"file:10:{column}"
    assert "第 10 行" in found.refusal.message
    if len(cell) > 3 and cell not in ("620900-001", "血友病"):
        assert cell not in found.refusal.model_dump_json()


FREE_TEXTS = {"name", "list_class", "guide_name", "criteria", "source", "notes"}


@pytest.mark.parametrize("column", [each.name for each in COLUMNS if not each.name.endswith("_source")])
def test_no_refusal_repeats_what_stood_in_the_file(column: str) -> None:
    # A free text is refused for the invisible character in it.
    found = refused(changed(8, **{column: f"{MARKER}\u202e" if column in FREE_TEXTS else MARKER}))
    assert [fault.column for fault in found.faults] == [column]
    assert MARKER not in found.refusal.model_dump_json() + str(found.faults)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_without_its_source_is_refused_at_the_column_of_the_source(rule: str) -> None:
    given = {"evidence": "photo", "recheck_evidence": "photo", "validity_years": "2", "criteria": "某标准"}
    cell = given.get(rule, "first_dialysis" if rule == "effect_exception" else "true")
    found = refused(changed(8, **{rule: cell, f"{rule}_source": ""}))
    assert [(fault.line, fault.column) for fault in found.faults] == [(10, f"{rule}_source")]


def test_a_figure_nobody_published_is_refused() -> None:
    found = refused(changed(8, limit_resident="80000", limit_resident_source="assumption: 同职工"))
    assert [(fault.line, fault.column) for fault in found.faults] == [(10, "limit_resident")]
    found = refused(changed(8, source="assumption: 都是"))
    assert {fault.column for fault in found.faults} == {
        "national_code",
        "ratio_employee",
        "ratio_resident",
        "limit_employee",
        "green_channel",
    }


def test_every_fault_is_told_at_once_in_the_order_of_the_rows() -> None:
    rows = table_of(JIUQUAN)
    for position in range(30):
        rows[29 - position]["group"] = "?"
    found = refused(csv_of(rows))
    assert [fault.line for fault in found.faults] == list(range(2, 32))
    assert found.refusal.message.startswith("文件有 30 处不符合要求，什么也没有改动。")
    assert found.refusal.message.endswith("另有 10 处未列出。")


def test_lines_are_counted_as_a_spreadsheet_counts_rows() -> None:
    rows = table_of(JIUQUAN)
    rows[2]["notes"] = "一\n二\n三"
    rows[5]["group"] = "?"
    assert [fault.line for fault in refused(csv_of(rows)).faults] == [7]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("\n\n", 1),
        ("这不是表格", 1),
        ("PK\x03\x04\x00", 1),
        ('status,"id', 1),
        ("status;id;name\n", 1),
        (to_csv(JIUQUAN).splitlines()[0], 0),
    ],
)
def test_what_is_no_table_is_refused(text: str, line: int) -> None:
    found = refused(text)
    assert found.faults[0].line == line
    assert found.faults[0].remedy


def test_a_missing_a_doubled_and_a_strange_column_are_refused() -> None:
    rows = table_of(JIUQUAN)
    names = [column.name for column in COLUMNS]
    short = refused(csv_of(rows, [name for name in names if name != "limit_employee"]))
    assert [(fault.line, fault.column) for fault in short.faults] == [(1, "limit_employee")]
    head, _, rest = csv_of(rows).partition("\n")
    assert [fault.column for fault in refused(f"{head.strip()},notes\n{rest}").faults] == ["notes"]
    strange = refused(f"{head.strip()},{MARKER}\n{rest}")
    assert "第 44 列" in strange.faults[0].rule
    assert MARKER not in str(strange.faults)


def test_a_row_of_another_length_is_refused() -> None:
    lines = csv_of(table_of(JIUQUAN)).splitlines()
    lines[4] = lines[4].rpartition(",")[0]
    lines[6] += ",more"
    assert [fault.line for fault in refused("\n".join(lines)).faults] == [5, 7]


# -- compared and adopted ---------------------------------------------------------------------------------------


def test_a_comparison_tells_rows_added_and_left_out_and_the_cells_that_differ() -> None:
    rows = table_of(JIUQUAN)
    rows[13]["limit_employee"] = "6000"
    rows[13]["confirmed"] = "true"
    rows[42]["status"] = "listed"
    rows.append({**rows[7], "id": "620900-500", "name": "某新病种"})
    del rows[0]
    found = compare(JIUQUAN, read(csv_of(rows)).catalogue)
    assert found.added == (("620900-500", "某新病种"),)
    assert found.removed == (("620900-001", "血友病"),)
    cells = {each.id: [(one.field, one.ours, one.theirs) for one in each.fields] for each in found.changed}
    assert cells == {
        "620900-014": [("limit_employee", "5000", "6000"), ("confirmed", "false", "true")],
        "620900-043": [("status", "candidate", "listed")],
    }
    assert not found.same
    assert compare(JIUQUAN, JIUQUAN).same


def test_an_id_in_use_is_neither_dropped_nor_given_to_another_disease() -> None:
    rows = table_of(JIUQUAN)
    check_adoption(JIUQUAN, read(csv_of(rows)))
    with pytest.raises(CatalogueRefused, match="620900-005"):
        check_adoption(JIUQUAN, read(csv_of([row for row in rows if row["id"] != "620900-005"])))
    rows[3]["name"], rows[4]["name"] = rows[4]["name"], rows[3]["name"]
    with pytest.raises(CatalogueRefused) as error:
        check_adoption(JIUQUAN, read(csv_of(rows)))
    assert [(fault.line, fault.column) for fault in error.value.faults] == [(5, "name"), (6, "name")]


def test_a_row_may_be_renamed_switched_on_switched_off_and_added() -> None:
    rows = table_of(JIUQUAN)
    rows[0]["name"] = "血友病（甲型、乙型）"
    rows[1]["status"], rows[50]["status"] = "candidate", "listed"
    rows.append({**rows[7], "id": "620900-500", "name": "某新病种"})
    table = read(csv_of(rows))
    check_adoption(JIUQUAN, table)
    assert len(table.catalogue.disease) == 43
    assert table.catalogue.disease[-1].id == "620900-500"


def test_more_listed_rows_than_the_city_lists_are_refused() -> None:
    rows = [{**row, "status": "listed"} for row in table_of(JIUQUAN)]
    with pytest.raises(CatalogueRefused, match="80 种，多于目录总数 68 种"):
        check_adoption(JIUQUAN, read(csv_of(rows)))


def test_cells_are_compared_as_they_are_written() -> None:
    row = JIUQUAN.disease[0].model_copy(update={"ratio_employee": Decimal("90.00"), "limit_employee": Decimal("6E4")})
    cells = cells_of(row, RowStatus.LISTED)
    assert (cells["ratio_employee"], cells["limit_employee"]) == ("90", "60000")
    assert list(cells) == [column.name for column in COLUMNS]
