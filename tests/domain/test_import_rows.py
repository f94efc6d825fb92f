"""Rows of an import table: what is refused, how it is told, and that nothing personal is repeated."""

import csv
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.import_rows import COLUMNS, Judged, Line, Places, judge_table, sift, window_has_begun
from domain.imported import ImportedEntitlement
from domain.intake import judge_form, parse_form
from domain.policy import PolicyBook
from domain.refusal import Refused
from samples.entitlements import entitlement_row, sample_table, table
from storage.policies import policy_book

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
PANZHIHUA, JIUQUAN = ("510400", "510400-003"), ("620900", "620900-011")


@pytest.fixture(scope="module")
def policies() -> PolicyBook:
    return policy_book()


def row(seed: int = 72_000, place: tuple[str, str] = PANZHIHUA, /, **changes: Any) -> dict[str, str]:
    return entitlement_row(seed, *place, TODAY, **changes)


def judged(policies: PolicyBook, *rows: dict[str, str]) -> Judged:
    return judge_table(table(list(rows)), policies=policies, now=NOW)


def fault(policies: PolicyBook, **changes: Any) -> tuple[str, str]:
    found = judged(policies, row(**changes))
    (only,) = found.faults
    assert found.lines == []
    assert only.line == 2
    return only.field, only.rule + only.remedy


def test_a_row_that_is_right_is_read_whole(policies: PolicyBook) -> None:
    found = judged(policies, row(effect_on="2023/5/1", end_on="", email=""))
    (line,) = found.lines
    content = line.content
    assert (found.rows, found.faults, line.line) == (1, [], 2)
    assert (content.effect_on, content.end_on, content.applicant.email) == (date(2023, 5, 1), None, None)
    assert (content.reference, content.region, content.disease_id) == ("OLD-72000", *PANZHIHUA)


@pytest.mark.parametrize(
    ("changes", "column", "told"),
    [
        ({"reference": ""}, "reference", "1至64个字符"),
        ({"reference": "x" * 65}, "reference", "1至64个字符"),
        ({"region": "110100"}, "region", "已开通的统筹区"),
        ({"disease_id": "510400-999"}, "disease_id", "病种目录"),
        ({"disease_id": "620900-011"}, "disease_id", "现行病种目录"),
        ({"name": ""}, "name", "姓名"),
        ({"id_number": "510402194001020019"}, "id_number", "GB 11643"),
        ({"phone": "0812-3323000"}, "phone", "11位"),
        ({"email": "nobody"}, "email", "名称@域名"),
        ({"insured_category": "soldier"}, "insured_category", "只能是"),
        ({"insured_category": "resident", "tier": ""}, "tier", "缴费档次"),
        ({"hospital_id": ""}, "hospital_id", "医院编号"),
        ({"effect_on": ""}, "effect_on", "年-月-日"),
        ({"effect_on": "2025-02-30"}, "effect_on", "年-月-日"),
        ({"effect_on": "20250201"}, "effect_on", "年-月-日"),
        ({"effect_on": "2026-11-23"}, "effect_on", "不得晚于导入当日"),
        ({"effect_on": "1900-01-01"}, "effect_on", "出生日期"),
        ({"effect_on": "2026-11-01", "end_on": "2026-11-01"}, "end_on", "晚于生效日期"),
        ({"end_on": "2026-10-22"}, "end_on", "不得超过 30 天"),
        ({"end_on": "9999-12-31"}, "end_on", "请留空"),
    ],
)
def test_a_wrong_cell_is_told_by_its_column(
    policies: PolicyBook, changes: dict[str, str], column: str, told: str
) -> None:
    field, words = fault(policies, **changes)
    assert field == column
    assert told in words


def test_the_last_days_that_are_right_are_taken(policies: PolicyBook) -> None:
    right = [
        row(72_001, effect_on="2026-11-22", end_on=""),
        row(72_002, effect_on="2020-01-01", end_on="2026-10-23"),
        row(72_003, effect_on="2020-01-01", end_on="2036-11-22"),
    ]
    assert judged(policies, *right).faults == []


def test_a_reference_that_holds_a_person_is_refused(policies: PolicyBook) -> None:
    person = row()
    for name in ("id_number", "phone", "name"):
        field, words = fault(policies, reference=f"A-{person[name].lower()}")
        assert (field, person[name] in words) == ("reference", False)


def test_no_fault_repeats_what_stood_in_the_row(policies: PolicyBook) -> None:
    marks = {name: f"暗记QZX{number}" for number, name in enumerate(COLUMNS)}
    for name in COLUMNS:
        found = judged(policies, row(**{name: marks[name]}))
        told = "".join(each.model_dump_json() for each in found.faults)
        assert marks[name] not in told, name
        assert not any(row()[key] in told for key in ("name", "id_number", "phone"))


def test_a_row_twice_names_the_line_it_repeats_and_the_first_one_stands(policies: PolicyBook) -> None:
    found = judged(policies, row(), row(reference="OLD-other"), row(72_010, reference="OLD-72000"))
    assert [line.line for line in found.lines] == [2]
    assert [(each.line, each.field) for each in found.faults] == [(3, "disease_id"), (4, "reference")]
    assert all("第 2 行" in each.rule for each in found.faults)


def test_a_refused_row_does_not_hold_the_place_of_a_right_one(policies: PolicyBook) -> None:
    found = judged(policies, row(phone="1"), row())
    assert [line.line for line in found.lines] == [3]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "姓名\n",
        table([row()]).replace("end_on", "end-on"),
        table([row()]).replace("tier", "name"),
        table([row()]).replace("OLD-72000", '"OLD'),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_whole(policies: PolicyBook, text: str) -> None:
    with pytest.raises(Refused) as refused:
        judge_table(text, policies=policies, now=NOW)
    assert refused.value.refusal.field == "file"


def test_optional_columns_may_be_missing_and_headings_may_be_chinese(policies: PolicyBook) -> None:
    line = {
        name: row(insured_category="employee")[name] for name in COLUMNS if name not in ("email", "tier", "end_on")
    }
    text = ",".join(COLUMNS[name] for name in line) + "\n" + ",".join(line.values()) + "\n"
    assert judge_table("\ufeff" + text, policies=policies, now=NOW).faults == []


def test_lines_are_numbered_as_a_spreadsheet_does(policies: PolicyBook) -> None:
    head, first = table([row()]).splitlines()
    text = "\n".join([head, "", first, "too,few", first + ",,", "," * 11, first + ",more"])
    found = judge_table(text, policies=policies, now=NOW)
    assert [line.line for line in found.lines] == [3]
    assert [each.line for each in found.faults] == [4, 5, 7]
    assert [each.field for each in found.faults] == ["", "reference", ""]


def take(policies: PolicyBook, places: Places, *rows: dict[str, str]) -> tuple[list[Line], list[str]]:
    found = judged(policies, *rows)
    assert found.faults == []
    lines, faults = sift(
        found.lines,
        places,
        number_of=lambda content: content.reference,
        person_of=lambda content: content.applicant.id_number,
        most_of=lambda content: 2 if content.region == "620900" else None,
    )
    return lines, [f"{each.line} {each.field} {each.rule}" for each in faults]


def test_a_city_s_most_diseases_a_person_holds(policies: PolicyBook) -> None:
    person = {name: row(72_020, JIUQUAN)[name] for name in ("name", "id_number")}
    rows = [
        row(72_020 + number, ("620900", disease), **person)
        for number, disease in enumerate(("620900-011", "620900-014", "620900-036"))
    ]
    lines, faults = take(policies, Places(), *rows)
    assert [line.line for line in lines] == [2, 3]
    assert faults == ["4 disease_id 本市每名参保人最多享受 2 个病种的待遇"]
    held = Places(live={(person["id_number"], "620900"): {"N-1", "OLD-72020"}})
    lines, _ = take(policies, held, *rows)
    assert [line.line for line in lines] == [2], "what is in already under its own number does not count twice"


def test_a_place_somebody_else_holds_is_refused_with_the_number(policies: PolicyBook) -> None:
    held = Places(holders={(row()["id_number"], PANZHIHUA[1]): "510400-AAAA"})
    lines, faults = take(policies, held, row())
    assert (lines, len(faults)) == ([], 1)


def test_the_fingerprint_is_the_content_and_outlives_added_fields(policies: PolicyBook) -> None:
    class Later(ImportedEntitlement):
        added: str = ""

    (line,) = judged(policies, row()).lines
    content = line.content
    assert Later.model_validate(content.model_dump()).fingerprint == content.fingerprint
    moved = content.model_copy(update={"effect_on": content.effect_on - timedelta(days=1)})
    assert moved.fingerprint != content.fingerprint


def test_the_fingerprint_stays_what_it_is_for_ever() -> None:
    content = ImportedEntitlement.model_validate(
        {
            "reference": "OLD-1",
            "region": "510400",
            "disease_id": "510400-003",
            "hospital_id": "H1",
            "applicant": {"name": "样一", "id_number": "1", "phone": "2", "insured_category": "employee"},
            "effect_on": "2024-05-01",
        }
    )
    assert content.fingerprint == "d5db20be60b814eac5c607e2b4e6db275e00b2cbead2286907dcc0823826f551"


@pytest.mark.parametrize(
    ("effect_on", "begun"),
    [
        ("2024-11-22", False),  # the anniversary itself: the window ended the day before
        ("2024-11-23", True),
        ("2024-12-22", True),
        ("2024-12-23", False),
        ("2025-01-02", False),
        ("2026-11-22", False),
    ],
)
def test_a_recheck_window_that_has_begun_is_noticed(effect_on: str, begun: bool) -> None:
    assert window_has_begun(date.fromisoformat(effect_on), TODAY, 30) is begun


def test_a_window_over_new_year_is_noticed_in_january() -> None:
    assert window_has_begun(date(2024, 1, 20), date(2026, 1, 2), 30)
    assert window_has_begun(date(2024, 1, 20), date(2025, 12, 31), 30)


def test_the_sample_table_has_ten_right_rows_and_two_refused(policies: PolicyBook) -> None:
    text = sample_table(TODAY)
    assert len(list(csv.reader(text.splitlines()))) == 13
    found = judge_table(text, policies=policies, now=NOW)
    assert (len(found.lines), [each.field for each in found.faults]) == (10, ["id_number", "disease_id"])
    assert found.mid_window == []


def test_no_application_may_name_the_channel_of_imports(policies: PolicyBook) -> None:
    raw = {
        "request_id": "OLD-72000",
        "channel": "import",
        "region": PANZHIHUA[0],
        "kind": "new",
        "disease_id": PANZHIHUA[1],
        "applicant": {key: row()[key] for key in ("name", "id_number", "phone", "email", "insured_category", "tier")},
        "hospital_id": "H1",
        "materials": [],
    }
    judge_form(parse_form(raw | {"channel": "import-2"}), policies=policies, now=NOW)
    with pytest.raises(Refused) as refused:
        judge_form(parse_form(raw), policies=policies, now=NOW)
    assert refused.value.refusal.field == "channel"
