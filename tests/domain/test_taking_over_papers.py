"""Which papers of an earlier case serve again, and why the others do not; fingerprints of 0.1.0 stay as they were."""

from datetime import date
from typing import Any

import pytest

from domain.application import MOST_PAPERS, Material
from domain.intake import judge_form, parse_form
from domain.paper_rules import Standard
from domain.refusal import Refused
from domain.taking_over import EarlierPapers, LeftPaper, sort_papers
from domain.vocabulary import MaterialKind
from starter.opening import fingerprint
from storage.policies import policy_book
from tests.domain.sound_papers import DIABETES, FULL_PANZHIHUA, ON, PANZHIHUA, K, check, paper
from tests.domain.test_intake import NOW, good

THEN = Standard(PANZHIHUA, DIABETES, date(2026, 10, 20), "申请之日")
TODAY = Standard(PANZHIHUA, DIABETES, ON, "申请之日")


def sorted_out(
    *papers: Material, anew: tuple[Material, ...] = (), today: Standard | None = TODAY, **changes: Any
) -> tuple[list[MaterialKind], list[tuple[MaterialKind, str]]]:
    earlier = EarlierPapers(papers, {each.sha256 for each in papers}, THEN, True)._replace(**changes)
    taken, left = sort_papers(earlier, anew, today)
    return [each.kind for each in taken], [(each.kind, each.code) for each in left]


def test_sound_papers_are_all_taken_over_and_make_the_application_complete() -> None:
    papers = tuple(paper(kind, sha256=f"{number:064x}") for number, kind in enumerate(FULL_PANZHIHUA))
    taken, left = sorted_out(*papers)
    assert (taken, left) == (list(FULL_PANZHIHUA), [])
    assert check(papers) == ()


def test_a_case_whose_originals_differed_hands_nothing_on() -> None:
    papers = tuple(paper(kind, sha256=f"{number:064x}") for number, kind in enumerate(FULL_PANZHIHUA))
    taken, left = sorted_out(*papers, originals_differed=True)
    assert (taken, left) == ([], [(kind, "originals_differed") for kind in FULL_PANZHIHUA])
    earlier = EarlierPapers(papers, {each.sha256 for each in papers}, THEN, True, originals_differed=True)
    assert all("与原件不一致" in each.why for each in sort_papers(earlier, (), TODAY)[1])


def test_what_is_handed_in_anew_is_not_taken_over() -> None:
    taken, left = sorted_out(paper(K.ID_FRONT), paper(K.SOCIAL_CARD), anew=(paper(K.ID_FRONT, sha256="1" * 64),))
    assert taken == [K.SOCIAL_CARD]
    assert left == [(K.ID_FRONT, "handed_in_anew")]


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"sealed": False}, "unsealed"),
        ({"hospital_level": 1}, "hospital_too_small"),
        ({"issued_on": None}, "undated"),
    ],
)
def test_a_paper_that_was_faulty_then_stays_behind_with_its_fault(spoilt: dict[str, Any], code: str) -> None:
    assert sorted_out(paper(K.DIAGNOSIS_CERTIFICATE, **spoilt)) == ([], [(K.DIAGNOSIS_CERTIFICATE, code)])


def test_a_record_that_was_recent_then_and_is_too_old_today_stays_behind() -> None:
    issued_on = date(2026, 4, 25)
    assert sorted_out(paper(K.DISCHARGE_RECORD, issued_on=issued_on), today=THEN) == ([K.DISCHARGE_RECORD], [])
    taken, left = sort_papers(
        EarlierPapers((paper(K.DISCHARGE_RECORD, issued_on=date(2026, 5, 20)),), {"0" * 64}, THEN, True), (), TODAY
    )
    assert taken == ()
    assert left == (
        LeftPaper(
            kind=K.DISCHARGE_RECORD,
            code="expired",
            why="“出院记录”的出具日期已超过半年，请提交申请之日前半年以内出具的出院记录",
        ),
    )
    assert sorted_out(paper(K.DISCHARGE_RECORD, issued_on=date(2026, 5, 21)))[0] == [K.DISCHARGE_RECORD]


def test_a_fault_of_then_counts_although_the_rules_have_become_milder() -> None:
    milder = PANZHIHUA.materials.model_copy(
        update={"sealed_kinds": PANZHIHUA.materials.sealed_kinds.model_copy(update={"value": ()})}
    )
    today = TODAY._replace(policy=PANZHIHUA.model_copy(update={"materials": milder}))
    unsealed = paper(K.DIAGNOSIS_CERTIFICATE, sealed=False)
    assert sorted_out(unsealed, today=today) == ([], [(K.DIAGNOSIS_CERTIFICATE, "unsealed")])
    assert sorted_out(unsealed, today=today, then=None) == ([K.DIAGNOSIS_CERTIFICATE], [])


def test_for_another_disease_only_what_speaks_of_the_person_serves() -> None:
    taken, left = sorted_out(*(paper(kind) for kind in FULL_PANZHIHUA), same_disease=False)
    assert taken == [K.ID_FRONT, K.ID_BACK, K.SOCIAL_CARD]
    assert {code for _, code in left} == {"other_disease"}


def test_a_paper_whose_file_is_gone_stays_behind() -> None:
    assert sorted_out(paper(K.ID_FRONT), kept=set()) == ([], [(K.ID_FRONT, "not_stored")])


def test_an_application_never_gets_more_papers_than_it_may_have() -> None:
    many = tuple(paper(K.LABORATORY_REPORT, sha256=f"{number:064x}") for number in range(MOST_PAPERS + 5))
    taken, left = sorted_out(*many, anew=(paper(K.ID_FRONT),))
    assert len(taken) == MOST_PAPERS - 1
    assert [code for _, code in left] == ["too_many"] * 6


# -- at the door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["510400-7Q2M-9XKD-4TFA-0", "", "A-1"])
def test_a_number_that_is_mistyped_is_refused_before_any_look_up(number: str) -> None:
    with pytest.raises(Refused) as refused:
        judge_form(parse_form({**good(), "take_over": number}), policies=policy_book(), now=NOW)
    assert refused.value.refusal.field == "take_over"


# -- fingerprints -----------------------------------------------------------------------------------------------

OF_0_1_0 = "41954eca217df9277d033e12c16f13beba69677a599bee384685f79d04cb198c"
"""What release 0.1.0 made of `FORM` with one paper."""

FORM: dict[str, Any] = {
    "request_id": "A-20261121-0007",
    "channel": "panzhihua-app",
    "region": "510400",
    "kind": "new",
    "disease_id": "510400-003",
    "applicant": {
        "name": "苏样远",
        "id_number": "510402195801010117",
        "phone": "13800000701",
        "email": "a@example.cn",
        "insured_category": "resident",
        "tier": "high",
        "agent": None,
    },
    "hospital_id": "H510400-01",
    "received_at": "2026-11-20T09:30:00+08:00",
    "materials": [{"kind": "id_front", "file": "id_front.jpg"}],
}
PAPER = Material(
    kind=K.ID_FRONT, sha256="ab" * 32, size=12, media_type="image/jpeg", width=100, height=200, colour=True
)


def fingerprint_of(**more: object) -> str:
    return fingerprint(parse_form({**FORM, **more}), [PAPER])


def test_an_application_without_the_fields_of_later_releases_keeps_its_fingerprint() -> None:
    assert fingerprint_of() == OF_0_1_0
    assert fingerprint_of(take_over=None, originals=None, originals_by=None) == OF_0_1_0


def test_what_a_later_field_says_is_part_of_the_fingerprint() -> None:
    said = [
        fingerprint_of(take_over="510400-7Q2M-9XKD-4TFA-B"),
        fingerprint_of(originals="match", originals_by="counter:C01"),
        fingerprint_of(originals="match", originals_by="counter:C02"),
    ]
    assert len({OF_0_1_0, *said}) == 4
