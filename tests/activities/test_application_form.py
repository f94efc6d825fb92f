"""The application form, blank and filled, read back from the PDF."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.letters.form import blank_form, filled_form, render_form
from domain.application import ApplicationForm
from domain.intake import parse_form
from domain.refusal import Refused
from domain.vocabulary import MaterialKind
from samples.make import quick_application
from storage.policies import policy_for
from tests.activities.letter_samples import AT, DIABETES, DIALYSIS, HOSTILE, JIUQUAN, PANZHIHUA, pages_of


def application(region: str, disease: str, **changes: Any) -> ApplicationForm:
    raw, _ = quick_application(61_900, region, disease, datetime(2026, 11, 20, tzinfo=UTC))
    raw["applicant"] |= changes
    return parse_form(raw)


def test_a_filled_form_holds_what_the_application_says() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    agent = {"name": "代办甲", "id_number": "510402195103170012", "phone": "13900000009"}
    form = application(PANZHIHUA, DIALYSIS, agent=agent, insured_category="resident", tier="low")
    filled = filled_form(policy, form, disease_name="慢性肾功能衰竭")
    pages = pages_of(render_form(filled))
    assert len(pages) == 1
    person = form.applicant
    for words in (person.name, person.id_number, person.phone, "代办甲", agent["id_number"], "13900000009"):
        assert words in pages[0]
    for words in ("慢性肾功能衰竭（病种编号510400-005）", form.hospital_id, "签名", "粘贴处", "透析治疗记录"):
        assert words in pages[0]
    assert [each.word for each in filled.categories if each.ticked] == ["城乡居民"]
    assert [each.word for each in filled.tiers if each.ticked] == ["低档"]
    assert [each.word for each in filled.kinds if each.ticked] == ["新申请"]
    assert "医疗机构盖章处" not in pages[0]


@pytest.mark.parametrize(("hospital", "printed"), [("H51040200123", "编号H51040200123"), ("中心医院", "中心医院")])
def test_a_hospital_is_printed_as_a_number_only_where_it_is_one(hospital: str, printed: str) -> None:
    form = application(PANZHIHUA, DIALYSIS).model_copy(update={"hospital_id": hospital})
    filled = filled_form(policy_for(PANZHIHUA, AT.date()), form, disease_name="x")
    text = pages_of(render_form(filled))[0]
    assert f"定点医疗机构{printed}" in text
    assert "定点医疗机构编号" not in pages_of(render_form(filled.model_copy(update={"hospital_id": ""})))[0]


def test_a_filled_form_ticks_the_papers_handed_in_and_only_those() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    form = application(PANZHIHUA, DIALYSIS)
    kept = tuple(paper for paper in form.materials if paper.kind is not MaterialKind.DIALYSIS_RECORD)
    all_in = filled_form(policy, form, disease_name="x")
    one_less = filled_form(policy, form.model_copy(update={"materials": kept}), disease_name="x")
    assert all(each.ticked for each in all_in.papers)
    assert [each.word for each in one_less.papers if not each.ticked] == ["透析治疗记录"]
    ticks = [pages_of(render_form(each))[0].count("√") for each in (all_in, one_less)]
    assert ticks[0] == ticks[1] + 1


def test_the_hospital_stamps_where_the_disease_asks_for_it() -> None:
    policy = policy_for(JIUQUAN, AT.date())
    rows = tuple(row.model_copy(update={"hospital_stamped_form": row.id == DIABETES}) for row in policy.diseases)
    asking = policy.model_copy(update={"diseases": rows})
    form = application(JIUQUAN, DIABETES)
    text = pages_of(render_form(filled_form(asking, form, disease_name="糖尿病")))[0]
    assert "医疗机构盖章处" in text
    assert "粘贴处" not in text
    assert "缴费档次" not in text


@pytest.mark.parametrize(("region", "photo"), [(PANZHIHUA, True), (JIUQUAN, False)])
def test_a_blank_form_is_one_page_with_every_box_empty(region: str, photo: bool) -> None:
    policy = policy_for(region, AT.date())
    pages = pages_of(render_form(blank_form(policy)))
    assert len(pages) == 1
    text = pages[0]
    assert "门诊慢特病病种待遇认定申请表" in text
    assert policy.bureau.value in text
    assert "医疗机构盖章处" in text
    assert "代办人" in text
    assert text.count("√") == 1, "the one in the instruction"
    assert ("粘贴处" in text) is (photo or any(row.photo_required for row in policy.diseases))
    assert not re.search(r"\d{17}[\dX]|None", text)


def test_a_form_printed_again_is_the_same_file() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    assert render_form(blank_form(policy)) == render_form(blank_form(policy))


def test_an_application_for_another_region_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        filled_form(policy_for(JIUQUAN, AT.date()), application(PANZHIHUA, DIALYSIS), disease_name="x")
    assert refused.value.refusal.field == "region"


def test_a_disease_the_city_does_not_list_still_has_a_form() -> None:
    form = application(PANZHIHUA, DIALYSIS).model_copy(update={"disease_id": "620900-001"})
    policy = policy_for(PANZHIHUA, AT.date())
    text = pages_of(render_form(filled_form(policy, form, disease_name="血友病")))[0]
    assert "血友病（病种编号620900-001）" in text
    assert "疾病诊断证明书" in text


def test_markup_in_an_application_is_printed_and_not_obeyed() -> None:
    form = application(PANZHIHUA, DIALYSIS).model_copy(update={"hospital_id": HOSTILE})
    policy = policy_for(PANZHIHUA, AT.date())
    text = pages_of(render_form(filled_form(policy, form, disease_name=HOSTILE)))[0]
    assert text.count(HOSTILE.replace(" ", "")) == 2
    assert form.applicant.name not in repr(filled_form(policy, form, disease_name="x"))
