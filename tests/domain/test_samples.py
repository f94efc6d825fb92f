"""The samples: sound ones pass our own rules, each bad one breaks exactly the rule it is meant to break."""

import csv
import hashlib
import io
import json
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from activities.materials import judge_file
from domain.application import ApplicationForm, DeclaredMaterial, Material
from domain.checklist import check_materials, check_recheck_records, faults
from domain.disease import DiseaseRow
from domain.identity import check_id_number
from domain.intake import judge_form, parse_form
from domain.moments import CST
from domain.policy import RegionPolicy
from domain.refusal import Refused
from domain.vocabulary import MaterialKind
from samples.bad import BAD_CASES, BIG_BYTES, bad_story
from samples.catalogue import disease_id_by_name
from samples.make import SampleSet, latest_as_of, make_bad, make_person, make_samples, make_story, quick_application
from samples.stories import RECHECK_PAPERS_AFTER, STORIES
from storage.policies import policy_book

AS_OF = date(2026, 3, 20)
NOW = datetime(2026, 3, 20, 10, 0, tzinfo=CST)
COMPLETE = (
    "jiuquan-lung-cancer",
    "panzhihua-hypertension-denied",
    "jiuquan-diabetes-silent-experts",
    "panzhihua-arrears",
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> SampleSet:
    return make_samples(tmp_path_factory.mktemp("samples"), as_of=AS_OF)


def kept(declared: list[DeclaredMaterial], folder: Path) -> list[Material]:
    """Judge the files as an upload would, and return them as kept; raises Refused."""
    return [
        keep(paper, (folder / paper.file).read_bytes(), field=f"materials[{number}].file")
        for number, paper in enumerate(declared)
    ]


def keep(paper: DeclaredMaterial, content: bytes, *, field: str) -> Material:
    facts = judge_file(content, kind=paper.kind, field=field)
    found = facts.model_dump() | {"sha256": hashlib.sha256(content).hexdigest()}
    return Material.model_validate(found | paper.model_dump(exclude={"file"}))


def read_list(path: Path) -> list[DeclaredMaterial]:
    return [DeclaredMaterial.model_validate(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def rules_of(form: ApplicationForm) -> tuple[RegionPolicy, DiseaseRow]:
    policy = policy_book().policy_for(form.region, AS_OF)
    row = policy.disease(form.disease_id)
    assert row is not None
    return policy, row


def submitted(raw: dict[str, Any]) -> ApplicationForm:
    form = parse_form(raw)
    judge_form(form, policies=policy_book(), now=NOW)
    return form


def fault_codes(form: ApplicationForm, materials: list[Material]) -> Counter[str]:
    policy, row = rules_of(form)
    findings = check_materials(policy=policy, disease=row, materials=materials, received_on=AS_OF, kind=form.kind)
    return Counter(finding.code for finding in faults(findings))


def handed_in(raw: dict[str, Any], folder: Path) -> tuple[ApplicationForm, list[Material]]:
    form = submitted(raw)
    return form, kept(list(form.materials), folder)


def story_form(samples: SampleSet, name: str) -> tuple[ApplicationForm, list[Material]]:
    paths = samples.stories[name]
    return handed_in(json.loads(paths.application.read_text(encoding="utf-8")), paths.materials)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_story_needs_no_supplement(samples: SampleSet, name: str) -> None:
    assert fault_codes(*story_form(samples, name)) == Counter()


def test_the_diabetes_story_starts_incomplete_in_three_ways_and_its_supplement_mends_all(
    samples: SampleSet,
) -> None:
    form, materials = story_form(samples, "panzhihua-diabetes")
    codes = fault_codes(form, materials)
    assert set(codes) == {"missing", "unsealed", "hospital_too_small"}
    folder = samples.stories["panzhihua-diabetes"].supplement
    assert folder is not None
    supplied = kept(read_list(folder / "supplement.json"), folder)
    assert fault_codes(form, materials + supplied) == Counter()


def test_the_lapsed_story_is_unsigned_expired_and_lacks_a_report(samples: SampleSet) -> None:
    assert set(fault_codes(*story_form(samples, "panzhihua-lapsed"))) == {"missing", "unsigned", "expired"}


def test_the_stories_ask_for_the_diseases_they_are_named_after(samples: SampleSet) -> None:
    names = {name: rules_of(story_form(samples, name)[0])[1].name for name in samples.stories}
    assert disease_id_by_name("510400", "糖尿病") == "510400-003"
    assert names["jiuquan-lung-cancer"] == "肺癌"
    assert "高血压" in names["panzhihua-hypertension-denied"]
    for name in ("panzhihua-diabetes", "jiuquan-diabetes-silent-experts", "panzhihua-lapsed"):
        assert "糖尿病" in names[name]


def test_papers_of_complete_stories_were_issued_within_the_last_sixty_days(samples: SampleSet) -> None:
    for name in COMPLETE:
        form, _ = story_form(samples, name)
        dates = [paper.issued_on for paper in form.materials if paper.issued_on]
        assert dates
        assert all(0 <= (AS_OF - on).days <= 60 for on in dates)


@pytest.mark.parametrize("name", [name for name, story in STORIES.items() if story.has_recheck])
def test_recheck_records_satisfy_the_recheck_a_year_later(samples: SampleSet, name: str) -> None:
    folder = samples.stories[name].recheck
    assert folder is not None
    declared = read_list(folder / "recheck.json")
    policy, row = rules_of(story_form(samples, name)[0])
    window_opens = date(2027, 2, 18)
    findings = check_recheck_records(
        policy=policy, disease=row, materials=kept(declared, folder), as_of_on=window_opens
    )
    assert MaterialKind.REEXAMINATION_RECORD in {paper.kind for paper in declared}
    assert faults(findings) == ()
    days = [(paper.issued_on - AS_OF).days for paper in declared if paper.issued_on]
    assert max(days) == RECHECK_PAPERS_AFTER
    assert min(days) > 300


@pytest.mark.parametrize("name", BAD_CASES)
def test_a_bad_case_is_refused_for_its_one_fault(samples: SampleSet, name: str) -> None:
    paths, case = samples.bad[name], BAD_CASES[name]
    text = paths.application.read_text(encoding="utf-8")
    if name == "malformed-json":
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        return
    with pytest.raises(Refused) as refused:
        handed_in(json.loads(text), paths.materials)
    field = refused.value.refusal.field
    assert field.startswith(case.field)
    if case.file:
        files = [entry["file"] for entry in json.loads(text)["materials"]]
        assert field == f"materials[{files.index(case.file)}].file"


def test_what_a_bad_case_starts_from_is_complete(samples: SampleSet) -> None:
    paths = samples.bad["unknown-region"]
    raw = json.loads(paths.application.read_text(encoding="utf-8")) | {"region": "510400"}
    assert fault_codes(*handed_in(raw, paths.materials)) == Counter()


def test_the_big_file_is_sixty_megabytes_and_can_be_left_out(samples: SampleSet, tmp_path: Path) -> None:
    assert (samples.bad["oversized-file"].materials / "id_front.jpg").stat().st_size == BIG_BYTES
    assert BIG_BYTES > 20 * 1024 * 1024
    assert "oversized-file" not in make_bad(tmp_path, received_at=NOW, big=False)


def test_every_page_says_that_it_is_fictitious_and_only_a_sealed_paper_bears_the_seal(
    samples: SampleSet,
) -> None:
    paths = samples.stories["panzhihua-diabetes"]
    assert paths.supplement is not None
    unsealed = PdfReader(paths.materials / "discharge_record.pdf").pages
    sealed = PdfReader(paths.supplement / "discharge_record.pdf").pages
    assert len(sealed) >= 2
    assert all("样例·虚构" in page.extract_text() for page in sealed)
    assert "病案专用章" in "".join(page.extract_text() for page in sealed)
    assert "病案专用章" not in "".join(page.extract_text() for page in unsealed)
    assert STORIES["panzhihua-diabetes"].person.name in sealed[0].extract_text()


def test_the_same_story_made_again_is_the_same_bytes(samples: SampleSet, tmp_path: Path) -> None:
    name = "jiuquan-lung-cancer"
    again = make_story(name, tmp_path, received_at=datetime(2026, 3, 20, 9, 30, tzinfo=CST))
    before = samples.stories[name]
    assert again.application.read_bytes() == before.application.read_bytes()
    for file in before.materials.iterdir():
        assert (again.materials / file.name).read_bytes() == file.read_bytes()


def test_no_two_people_share_an_identity_number_and_all_numbers_are_valid() -> None:
    numbers = [story.person.id_number for story in STORIES.values()]
    numbers += [bad_story(case).person.id_number for case in BAD_CASES.values()]
    for region in ("510400", "620900"):
        numbers += [make_person(seed, region)["id_number"] for seed in range(3000)]
    for number in numbers:
        assert check_id_number(number, today=AS_OF) == number
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("region", "illness"),
    [("510400", "糖尿病"), ("510400", "肾"), ("620900", "糖尿病"), ("620900", "肺癌"), ("620900", "尿毒症")],
)
def test_a_quick_application_is_complete(region: str, illness: str) -> None:
    received_at = datetime(2026, 3, 20, 9, 30, tzinfo=CST)
    raw, files = quick_application(7, region, disease_id_by_name(region, illness), received_at)
    form = submitted(json.loads(json.dumps(raw)))
    materials = [keep(paper, files[paper.file], field="") for paper in form.materials]
    assert set(files) == {paper.file for paper in form.materials}
    assert fault_codes(form, materials) == Counter()


def test_quick_applications_share_files_but_neither_person_nor_request() -> None:
    received_at = datetime(2026, 3, 20, 9, 30, tzinfo=CST)
    one, files = quick_application(1, "510400", "510400-003", received_at)
    two, same_files = quick_application(2, "510400", "510400-003", received_at)
    assert files == same_files
    assert one["request_id"] != two["request_id"]
    assert one["applicant"]["id_number"] != two["applicant"]["id_number"]


def test_there_are_experts_enough_for_two_panels_outside_the_hospital_of_each_story(
    samples: SampleSet,
) -> None:
    with samples.experts.open(encoding="utf-8") as file:
        experts = list(csv.DictReader(file))
    assert len({expert["expert_id"] for expert in experts}) == len(experts)
    for name, story in STORIES.items():
        form, _ = story_form(samples, name)
        specialty = rules_of(form)[1].specialty
        own = [e for e in experts if (e["region"], e["specialty"]) == (form.region, specialty)]
        free = [e for e in own if e["hospital_id"] != story.hospital_id]
        assert len(free) >= 6
        assert len(own) > len(free), f"{name}: nobody is excluded, so the conflict rule is not tried"


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_every_specialty_of_a_catalogue_has_five_experts(samples: SampleSet, region: str) -> None:
    with samples.experts.open(encoding="utf-8") as file:
        counted = Counter(e["specialty"] for e in csv.DictReader(file) if e["region"] == region)
    for row in policy_book().policy_for(region, AS_OF).diseases:
        assert counted[row.specialty] >= 5


def test_only_the_person_of_the_arrears_story_is_in_arrears(samples: SampleSet) -> None:
    with samples.registry.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    states = {row["id_number"]: row["state"] for row in rows}
    in_arrears = [number for number, state in states.items() if state != "normal"]
    assert in_arrears == [STORIES["panzhihua-arrears"].person.id_number]
    assert len(states) == len(STORIES) + len(BAD_CASES)


@pytest.mark.parametrize(
    ("now", "as_of"),
    [
        (datetime(2026, 3, 20, 9, 29, tzinfo=CST), date(2026, 3, 19)),
        (datetime(2026, 3, 20, 9, 30, tzinfo=CST), date(2026, 3, 20)),
    ],
)
def test_todays_samples_are_never_received_in_the_future(now: datetime, as_of: date) -> None:
    assert latest_as_of(now) == as_of


def test_scans_are_colour_pictures_of_at_least_a_thousand_pixels(samples: SampleSet) -> None:
    _, materials = story_form(samples, "jiuquan-lung-cancer")
    scans = [paper for paper in materials if paper.media_type == "image/jpeg"]
    assert len(scans) == 3
    assert all(max(paper.width or 0, paper.height or 0) >= 1000 and paper.colour for paper in scans)


def test_the_encrypted_sample_needs_its_password(samples: SampleSet) -> None:
    content = (samples.bad["encrypted-pdf"].materials / "diagnosis_certificate.pdf").read_bytes()
    reader = PdfReader(io.BytesIO(content))
    assert reader.is_encrypted
    assert not reader.decrypt("")
