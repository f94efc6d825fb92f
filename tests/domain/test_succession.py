from datetime import date, timedelta
from typing import Any

import pytest

from domain.acceptance import acceptance_number
from domain.application import Applicant, ApplicationForm
from domain.identity import check_character
from domain.intake import parse_form
from domain.offregion import OffregionFiling, filing_for, read_ending, read_filing
from domain.refusal import Refusal, Refused
from domain.succession import (
    Held,
    RenewalSpan,
    check_kind,
    end_in_the_way,
    judge_successor,
    keeps_disease,
    predecessor_of,
)
from domain.vocabulary import ApplicationKind, ChangeKind, InsuredCategory, Status
from tests.domain.test_taking_over_papers import FORM, OF_0_1_0, fingerprint_of

ME, SOMEBODY = "me", "somebody"
NUMBER = acceptance_number(b"k", region="620900", channel="c", request_id="1")
OTHER = acceptance_number(b"k", region="620900", channel="c", request_id="2")
DISEASE, ANOTHER = "620900-002", "620900-003"
ENDS = date(2026, 12, 31)
DAY = timedelta(days=1)
K, C = ApplicationKind, ChangeKind


def form(**fields: Any) -> ApplicationForm:
    given: dict[str, Any] = {
        "request_id": "A-1",
        "channel": "c",
        "region": "620900",
        "kind": K.RENEWAL,
        "disease_id": DISEASE,
        "applicant": Applicant(
            name="甲", id_number="1", phone="13800000000", insured_category=InsuredCategory.EMPLOYEE
        ),
        "hospital_id": "H1",
        "materials": (),
    }
    return ApplicationForm.model_validate(given | fields)


def held(**fields: Any) -> Held:
    given = {"acceptance_no": NUMBER, "person_key": ME, "region": "620900", "disease_id": DISEASE, "closed": False}
    return Held.model_validate(given | {"effect_on": date(2025, 1, 1), "end_on": ENDS} | fields)


def ended(ground: str, **fields: Any) -> Held:
    return held(closed=True, end_ground=ground, **fields)


def found(what: ApplicationForm, *own: Held, on: date = ENDS, named: Held | None = None) -> Held | None:
    if what.replaces is not None and named is None:
        named = next((each for each in own if each.acceptance_no == what.replaces), None)
    return predecessor_of(what, own, named, person_key=ME, span=RenewalSpan(before=30, after=15), on=on)


def refused(what: ApplicationForm, *own: Held, on: date = ENDS, named: Held | None = None) -> Refusal:
    with pytest.raises(Refused) as error:
        found(what, *own, on=on, named=named)
    return error.value.refusal


@pytest.mark.parametrize("days", [-30, 0, 1, 15])
def test_a_renewal_is_taken_from_the_first_to_the_last_day_of_its_window(days: int) -> None:
    for each in (held(), ended("expired")):
        assert found(form(), each, on=ENDS + days * DAY) == each


def test_a_renewal_outside_its_window_is_told_the_days() -> None:
    early = refused(form(), held(), on=ENDS - 31 * DAY)
    assert "2026-12-01" in early.remedy
    assert "2027-01-15" in early.remedy
    late = refused(form(), ended("expired"), on=ENDS + 16 * DAY)
    assert "2027-01-15" in late.message
    assert "2027-01-16" in late.remedy


@pytest.mark.parametrize("ground", ["death", "fraud", "moved_out", "cured", "other", "corrected", "recheck_failed"])
def test_only_what_expired_is_renewed_and_the_ground_is_named(ground: str) -> None:
    assert "不能续期" in refused(form(), ended(ground)).message
    assert "不能变更" in refused(form(kind=K.CHANGE, change=C.CONDITION), ended(ground)).message


def test_the_latest_entitlement_of_the_disease_is_the_one_that_is_followed() -> None:
    old = ended("expired", acceptance_no=OTHER, effect_on=date(2021, 1, 1), end_on=date(2022, 12, 31))
    assert found(form(), old, held()) == held()
    assert found(form(), ended("superseded", superseded_by=NUMBER, acceptance_no=OTHER), held()) == held()
    assert refused(form(), held(region="510400")).field == "kind"
    assert refused(form(), held(disease_id=ANOTHER)).field == "kind"


def test_a_number_in_the_form_must_be_an_entitlement_of_ones_own() -> None:
    named = form(replaces=NUMBER)
    assert found(named, held()) == held()
    assert "没有这一项" in refused(named).message
    assert "没有这一项" in refused(named, named=held(region="510400")).message
    assert "本人" in refused(named, named=held(person_key=SOMEBODY)).message
    assert refused(form(replaces=NUMBER, disease_id=ANOTHER), held()).field == "disease_id"


def test_what_is_superseded_is_not_followed_again() -> None:
    other = held(superseded_by=OTHER)
    for fields in ({}, {"kind": K.CHANGE, "change": C.CONDITION}):
        told = refused(form(**fields), other)
        assert "更替" in told.message
        assert OTHER not in told.model_dump_json(), "who knows the old number may know nothing of the new case"


def test_a_long_term_entitlement_needs_no_renewal() -> None:
    assert "长期" in refused(form(), held(end_on=None)).message


def test_a_swap_gives_up_a_live_one_of_another_disease() -> None:
    swap = form(kind=K.CHANGE, change=C.SWAP, replaces=NUMBER, disease_id=ANOTHER)
    assert found(swap, held()) == held()
    assert refused(form(kind=K.CHANGE, change=C.SWAP, replaces=NUMBER), held()).field == "disease_id"
    assert refused(swap, ended("expired")).field == "replaces"


def test_a_disease_is_added_to_one_that_is_in_force_and_follows_none() -> None:
    added = form(kind=K.CHANGE, change=C.ADDED, disease_id=ANOTHER)
    assert found(added, held()) is None
    for own in ((), (ended("expired"),), (held(region="510400"),), (held(superseded_by=OTHER),)):
        assert refused(added, *own).field == "change"


def test_a_new_application_follows_none() -> None:
    assert found(form(kind=K.NEW), held()) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": K.CHANGE}, "change"),
        ({"kind": K.NEW, "change": C.ADDED}, "change"),
        ({"kind": K.RENEWAL, "change": C.CONDITION}, "change"),
        ({"kind": K.CHANGE, "change": C.SWAP}, "replaces"),
        ({"kind": K.NEW, "replaces": NUMBER}, "replaces"),
        ({"kind": K.CHANGE, "change": C.ADDED, "replaces": NUMBER}, "replaces"),
        ({"kind": K.RENEWAL, "replaces": NUMBER}, None),
        ({"kind": K.CHANGE, "change": C.CONDITION, "replaces": NUMBER}, None),
        ({"kind": K.CHANGE, "change": C.ADDED}, None),
    ],
)
def test_the_fields_of_a_kind_belong_to_it(fields: dict[str, Any], field: str | None) -> None:
    if field is None:
        check_kind(form(**fields))
        return
    with pytest.raises(Refused) as error:
        check_kind(form(**fields))
    assert error.value.refusal.field == field


def test_only_a_renewal_and_a_changed_condition_wait_for_the_place_of_the_disease() -> None:
    same = {(K.RENEWAL, None), (K.CHANGE, C.CONDITION)}
    for kind in K:
        for change in (None, *C):
            assert keeps_disease(kind, change) is ((kind, change) in same or kind is K.RENEWAL)


@pytest.mark.parametrize(
    ("predecessor", "same_disease", "in_the_way"),
    [
        (held(), True, False),
        (ended("expired"), True, False),
        (ended("fraud"), True, True),
        (ended("cured"), False, False),
        (held(superseded_by="by"), True, False),
        (held(superseded_by=OTHER), True, True),
        (held(superseded_by=OTHER), False, True),
    ],
)
def test_what_became_of_the_predecessor_meanwhile(predecessor: Held, same_disease: bool, in_the_way: bool) -> None:
    assert bool(end_in_the_way(K.RENEWAL, predecessor, "by", same_disease=same_disease)) is in_the_way


def test_a_number_is_read_however_it_was_typed() -> None:
    assert parse_form({**FORM, "kind": "renewal", "replaces": f" {NUMBER.lower()} "}).replaces == NUMBER


def test_the_fields_of_kinds_are_part_of_the_fingerprint_only_when_they_say_something() -> None:
    assert fingerprint_of(replaces=None, change=None, offregion=None) == OF_0_1_0
    said = [
        fingerprint_of(replaces=NUMBER),
        fingerprint_of(change="swap"),
        fingerprint_of(offregion={"region": "510100"}),
    ]
    assert len({OF_0_1_0, *said}) == 4


# -- off-region filing ------------------------------------------------------------------------------------------

AWAY = OffregionFiling(
    region="620900", treatment_region="110000", from_on=date(2026, 3, 1), ended_on=date(2026, 6, 1)
)
STAY = {"kind": K.NEW, "offregion": {"region": "110000"}}
ID_NUMBER = "51040219580101011" + check_character("51040219580101011")
FILED = {
    "id_number": ID_NUMBER,
    "region": "510400",
    "treatment_region": "510100",
    "from_on": "2026-03-01",
}


def test_a_filing_is_in_force_from_its_first_day_until_before_its_end() -> None:
    assert filing_for(form(kind=K.NEW), [], on=ENDS) is None
    for on in (AWAY.from_on, date(2026, 5, 31)):
        assert filing_for(form(**STAY), [AWAY], on=on) == AWAY


def test_without_a_filing_in_force_the_application_is_told_to_file_first_or_from_when_it_can_come() -> None:
    with pytest.raises(Refused) as error:
        filing_for(form(**STAY), [AWAY], on=date(2026, 2, 28))
    assert "2026-03-01" in error.value.refusal.remedy
    for filings in ([], [AWAY], [AWAY.model_copy(update={"region": "510400", "ended_on": None})]):
        with pytest.raises(Refused) as error:
            filing_for(form(**STAY), filings, on=date(2026, 6, 1))
        assert "先办理" in error.value.refusal.remedy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id_number", ID_NUMBER[:17] + "*"),
        ("id_number", None),
        ("region", "110000"),
        ("treatment_region", "510400"),
        ("treatment_region", "51"),
        ("from_on", "morgen"),
    ],
)
def test_a_bad_filing_is_refused_by_field_without_repeating_the_value(field: str, value: object) -> None:
    with pytest.raises(Refused) as error:
        read_filing(FILED | {field: value}, regions=("510400", "620900"), today=ENDS)
    refusal = error.value.refusal
    assert refusal.field == field
    assert ID_NUMBER[:17] not in str(refusal)


def test_a_filing_and_its_end_are_read() -> None:
    assert read_filing(FILED, regions=("510400",), today=ENDS).treatment_region == "510100"
    ending = {"id_number": FILED["id_number"], "region": "510400", "ended_on": "2026-06-01"}
    assert read_ending(ending, regions=("510400",), today=ENDS).ended_on == date(2026, 6, 1)
    with pytest.raises(Refused):
        read_ending([], regions=("510400",), today=ENDS)


@pytest.mark.parametrize("status", [Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED])
def test_a_granted_case_that_names_it_may_take_its_place(status: Status) -> None:
    assert judge_successor(held(), held(acceptance_no=OTHER, replaces=NUMBER, status=status)) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (None, "没有这一"),
        ({"status": Status.PUBLICITY}, "没有这一"),
        ({"status": Status.ENDED}, "没有这一"),
        ({"acceptance_no": NUMBER}, "自身"),
        ({"person_key": SOMEBODY}, "同一参保人"),
        ({"region": "510400"}, "同一参保人"),
        ({"replaces": None}, "不是为更替本案"),
        ({"replaces": OTHER}, "不是为更替本案"),
    ],
)
def test_no_other_case_takes_its_place(changes: dict[str, Any] | None, why: str) -> None:
    fitting = {"acceptance_no": OTHER, "replaces": NUMBER, "status": Status.EFFECTIVE}
    refusal = judge_successor(held(), None if changes is None else held(**{**fitting, **changes}))
    assert refusal is not None
    assert (refusal.field, why in refusal.message) == ("by", True)
    assert refusal.rule
    assert refusal.remedy
