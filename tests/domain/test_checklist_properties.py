"""What holds of the checklist for any papers whatever: monotone, blind to order and repetition, fair about age."""

from datetime import date, timedelta
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.application import Material
from domain.checklist import check_recheck_records, faults, tell_in_full
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from tests.domain.sound_papers import (
    DIALYSIS,
    FULL_JIUQUAN,
    FULL_PANZHIHUA,
    JIUQUAN,
    LUNG_CANCER,
    ON,
    PANZHIHUA,
    STRICT,
    TRANSPLANT,
    K,
    check,
    paper,
    papers,
)

City = tuple[RegionPolicy, DiseaseRow]

kinds_of_paper = st.sampled_from(list(MaterialKind))


def papers_of(kinds: st.SearchStrategy[MaterialKind]) -> st.SearchStrategy[Material]:
    return st.builds(
        paper,
        kinds,
        sealed=st.booleans(),
        signed=st.booleans(),
        colour=st.sampled_from([None, True, False]),
        media_type=st.sampled_from(["", "image/jpeg", "application/pdf", "image/png"]),
        hospital_id=st.sampled_from([None, "H1", "H2"]),
        hospital_level=st.sampled_from([None, 0, 1, 2, 3]),
        issued_on=st.none() | st.sampled_from([date(2025, 11, 1), ON]) | st.dates(date(2025, 10, 1), ON),
    )


any_paper = papers_of(kinds_of_paper)
rivals = papers_of(st.sampled_from([K.DIAGNOSIS_CERTIFICATE, K.DISCHARGE_RECORD, K.OUTPATIENT_RECORD, K.ID_FRONT]))
"""Papers that may stand for one another, so that ties come up."""

any_papers = st.lists(any_paper, max_size=12) | st.lists(rivals, max_size=8)
cities: st.SearchStrategy[City] = st.sampled_from(
    [
        *((PANZHIHUA, each) for each in PANZHIHUA.diseases),
        *((JIUQUAN, each) for each in JIUQUAN.diseases),
        (PANZHIHUA, DIALYSIS),
        (PANZHIHUA, TRANSPLANT),
        (JIUQUAN, LUNG_CANCER),
        (JIUQUAN, STRICT),
    ]
)
application_kinds = st.sampled_from(list(ApplicationKind))


def is_valid(one: Material, city: City, on: date = ON) -> bool:
    """Whether a paper handed in alone has nothing said about it, neither fault nor warning."""
    policy, disease = city
    alone = check([one], *city, received_on=on, kind=ApplicationKind.RENEWAL)
    recheck = check_recheck_records(policy=policy, disease=disease, materials=[one], as_of_on=on)
    return not any(each.kind is one.kind and each.code != "missing" for each in (*alone, *recheck))


@given(supplied=any_papers, added=any_paper, city=cities, kind=application_kinds)
def test_adding_a_valid_paper_never_adds_a_finding(
    supplied: list[Material], added: Material, city: City, kind: ApplicationKind
) -> None:
    assume(is_valid(added, city))
    before, after = check(supplied, *city, kind=kind), check([*supplied, added], *city, kind=kind)
    assert set(after) <= set(before)


@given(supplied=any_papers, kind_of_paper=kinds_of_paper, city=cities)
def test_a_sound_paper_of_any_kind_never_adds_a_finding(
    supplied: list[Material], kind_of_paper: MaterialKind, city: City
) -> None:
    sound = paper(kind_of_paper)
    assert is_valid(sound, city)
    assert set(check([*supplied, sound], *city)) <= set(check(supplied, *city))


@given(supplied=any_papers, added=any_paper, city=cities)
def test_adding_a_paper_that_is_only_warned_of_never_adds_a_fault(
    supplied: list[Material], added: Material, city: City
) -> None:
    alone = check([added], *city)
    assume(not any(each.kind is added.kind and each.code != "missing" for each in faults(alone)))
    assert set(faults(check([*supplied, added], *city))) <= set(faults(check(supplied, *city)))


@given(supplied=any_papers, added=any_paper, city=cities)
def test_adding_any_paper_never_raises_the_number_of_things_missing(
    supplied: list[Material], added: Material, city: City
) -> None:
    missing_before = {each for each in check(supplied, *city) if each.code == "missing"}
    missing_after = {each for each in check([*supplied, added], *city) if each.code == "missing"}
    assert missing_after <= missing_before


@given(supplied=any_papers, city=cities, chance=st.randoms(use_true_random=False))
def test_the_order_of_papers_is_irrelevant(supplied: list[Material], city: City, chance: Random) -> None:
    shuffled = list(supplied)
    chance.shuffle(shuffled)
    assert check(shuffled, *city) == check(supplied, *city)
    assert tell_in_full(check(shuffled, *city)) == tell_in_full(check(supplied, *city))


@given(supplied=any_papers, again=st.lists(st.integers(0, 11), max_size=6), city=cities)
def test_a_paper_handed_in_twice_counts_once(supplied: list[Material], again: list[int], city: City) -> None:
    repeated = [supplied[index] for index in again if index < len(supplied)]
    assert check([*supplied, *repeated], *city) == check(supplied, *city)


@given(supplied=any_papers, city=cities, kind=application_kinds)
def test_findings_are_the_same_every_time_and_none_is_told_twice(
    supplied: list[Material], city: City, kind: ApplicationKind
) -> None:
    found = check(supplied, *city, kind=kind)
    copies = [each.model_copy() for each in supplied]
    assert check(copies, *city, kind=kind) == found
    assert len(set(found)) == len(found)
    lines = tell_in_full(found).splitlines()
    assert len(set(lines)) == len(lines)
    assert sum(line[0].isdigit() for line in lines) == len(faults(found))
    for each in found:
        assert all((each.what, each.why, each.mend))
        assert each.source.startswith(("guide", "assumption"))


@given(
    one=any_paper,
    city=cities,
    valid_on=st.dates(date(2025, 10, 1), date(2028, 3, 1)),
    earlier=st.integers(0, 500),
)
def test_a_paper_valid_on_a_day_is_valid_on_every_earlier_day_from_its_issue_on(
    one: Material, city: City, valid_on: date, earlier: int
) -> None:
    assume(one.issued_on is None or one.issued_on <= valid_on)
    assume(is_valid(one, city, valid_on))
    day = valid_on - timedelta(days=earlier)
    assume(one.issued_on is None or day >= one.issued_on)
    assert is_valid(one, city, day)


@given(issued_on=st.dates(date(2024, 1, 1), date(2028, 12, 31)))
def test_a_record_passes_from_valid_through_warned_to_expired_and_never_back(issued_on: date) -> None:
    def stage(policy: RegionPolicy, disease: DiseaseRow, age: int) -> int:
        one = paper(K.DISCHARGE_RECORD, issued_on=issued_on)
        found = check([one], policy, disease, received_on=issued_on + timedelta(days=age))
        codes = {each.code for each in found if each.kind is K.DISCHARGE_RECORD and each.code != "missing"}
        return 2 if "expired" in codes else 1 if "ageing" in codes else 0

    ages = (0, 100, *range(180, 186), 300, *range(364, 368), 500)
    warned_then_refused = [stage(JIUQUAN, LUNG_CANCER, age) for age in ages]
    refused = [stage(PANZHIHUA, TRANSPLANT, age) for age in ages]
    assert warned_then_refused == sorted(warned_then_refused)
    assert set(warned_then_refused) == {0, 1, 2}
    assert refused == sorted(refused)
    assert set(refused) == {0, 2}


@given(extra=any_papers, city=st.sampled_from([(PANZHIHUA, FULL_PANZHIHUA), (JIUQUAN, FULL_JIUQUAN)]))
def test_a_complete_application_stays_complete_whatever_else_is_handed_in(
    extra: list[Material], city: tuple[RegionPolicy, tuple[MaterialKind, ...]]
) -> None:
    policy, full = city
    disease = LUNG_CANCER if policy is JIUQUAN else PANZHIHUA.diseases[2]
    assert check([*papers(*full), *extra], policy, disease) == ()
