"""The stories the samples tell: who applies, for what, and what is wrong with the papers at first."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.moments import local_date, rfc3339
from domain.vocabulary import InsuredState, MaterialKind
from samples.catalogue import disease_id_by_name, disease_name
from samples.conditions import DIABETES, HYPERTENSION, LUNG_CANCER, Condition
from samples.hospitals import HOSPITALS
from samples.identity_papers import application_form, identity_papers
from samples.medical_papers import (
    diagnosis_certificate,
    discharge_record,
    examination_report,
    glucose_record,
    laboratory_report,
    reexamination_record,
)
from samples.papers import Paper
from samples.persons import Person, story_person
from samples.visits import Visit

RECHECK_PAPERS_AFTER = 330
"""Days from application to the re-examination: before the first possible recheck window opens (day 335)."""

CHANNELS = {"510400": "panzhihua-app", "620900": "gansu-web"}

Papers = list[Paper]


class Story(BaseModel):
    """One sample application; `spoil` turns complete papers into what is handed in at first."""

    model_config = ConfigDict(frozen=True)

    name: str
    serial: int
    person: Person
    hospital_id: str
    condition: Condition
    disease_names: tuple[str, ...] = ()
    insured_state: InsuredState = InsuredState.NORMAL
    spoil: Callable[[Visit, Papers], Papers] = lambda visit, papers: papers
    mend: Callable[[Visit], Papers] | None = None
    has_recheck: bool = False

    @property
    def disease_id(self) -> str:
        """The local id in the city's catalogue; raises LookupError when it is not listed."""
        return disease_id_by_name(self.person.region, *(self.disease_names or self.condition.names))

    def visit(self, as_of: date) -> Visit:
        """Return the stay in hospital the papers tell of."""
        return Visit(
            person=self.person,
            hospital=HOSPITALS[self.hospital_id],
            condition=self.condition,
            disease_name=disease_name(self.person.region, self.disease_id),
            as_of=as_of,
            serial=self.serial,
        )


def complete_papers(visit: Visit) -> Papers:
    """Return every paper the visit's city asks for, the form last because it lists the others."""
    papers = identity_papers(visit)
    papers += [diagnosis_certificate(visit), discharge_record(visit)]
    papers += [examination_report(visit, kind) for kind in visit.condition.reports]
    return [*papers, application_form(visit, papers)]


def first_papers(story: Story, as_of: date) -> Papers:
    """Return what the applicant hands in first."""
    visit = story.visit(as_of)
    return story.spoil(visit, complete_papers(visit))


def recheck_papers(story: Story, as_of: date) -> Papers:
    """Return what is handed in for the yearly recheck, the record dated RECHECK_PAPERS_AFTER days on."""
    on = as_of + timedelta(days=RECHECK_PAPERS_AFTER)
    # the reports are dated as if an application followed a month later, so they come out shortly before `on`
    later = story.visit(as_of).model_copy(update={"as_of": on + timedelta(days=31)})
    return [reexamination_record(later, on=on), glucose_record(later), laboratory_report(later)]


def application(
    *,
    request_id: str,
    person: Person,
    disease_id: str,
    hospital_id: str,
    received_at: datetime,
    materials: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return an application file's content; `received_at` is aware or +08:00."""
    return {
        "request_id": request_id,
        "channel": CHANNELS[person.region],
        "region": person.region,
        "kind": "new",
        "disease_id": disease_id,
        "applicant": person.applicant(),
        "hospital_id": hospital_id,
        "received_at": rfc3339(received_at),
        "materials": materials,
    }


def story_application(story: Story, received_at: datetime, papers: Papers) -> dict[str, Any]:
    """Return the application file of a story with these papers."""
    return application(
        request_id=f"A-{local_date(received_at):%Y%m%d}-{story.serial:04d}",
        person=story.person,
        disease_id=story.disease_id,
        hospital_id=story.hospital_id,
        received_at=received_at,
        materials=[paper.declared() for paper in papers],
    )


def _without(papers: Papers, *kinds: MaterialKind) -> Papers:
    return [paper for paper in papers if paper.kind not in kinds]


def _from_a_small_unsealed_start(visit: Visit, papers: Papers) -> Papers:
    """No examination report, the discharge record unsealed, the certificate from a level-1 centre."""
    small = visit.model_copy(update={"hospital": HOSPITALS["H510400-09"]})
    kept = _without(
        papers,
        MaterialKind.GLUCOSE_RECORD,
        MaterialKind.LABORATORY_REPORT,
        MaterialKind.DIAGNOSIS_CERTIFICATE,
        MaterialKind.DISCHARGE_RECORD,
    )
    return [*kept, diagnosis_certificate(small), discharge_record(visit).changed(sealed=False)]


def _what_was_missing(visit: Visit) -> Papers:
    return [
        diagnosis_certificate(visit),
        discharge_record(visit),
        laboratory_report(visit),
        glucose_record(visit),
    ]


def _unsigned_and_out_of_date(visit: Visit, papers: Papers) -> Papers:
    """No examination report, the form unsigned, the discharge record older than half a year."""
    past = visit.model_copy(update={"as_of": visit.on(250)})
    kept = _without(
        papers,
        MaterialKind.GLUCOSE_RECORD,
        MaterialKind.LABORATORY_REPORT,
        MaterialKind.DISCHARGE_RECORD,
        MaterialKind.APPLICATION_FORM,
    )
    form = application_form(visit, kept).changed(signed=False)
    return [*kept, discharge_record(past), form]


STORIES: dict[str, Story] = {
    story.name: story
    for story in (
        Story(
            name="panzhihua-diabetes",
            serial=701,
            person=story_person(
                name="苏样远",
                region="510400",
                district=0,
                year=1958,
                serial=701,
                category="resident",
                tier="high",
            ),
            hospital_id="H510400-01",
            condition=DIABETES,
            spoil=_from_a_small_unsealed_start,
            mend=_what_was_missing,
            has_recheck=True,
        ),
        Story(
            name="jiuquan-lung-cancer",
            serial=702,
            person=story_person(
                name="贺示兰", region="620900", district=0, year=1963, serial=702, category="resident"
            ),
            hospital_id="H620900-01",
            condition=LUNG_CANCER,
        ),
        Story(
            name="panzhihua-hypertension-denied",
            serial=703,
            person=story_person(
                name="康例山",
                region="510400",
                district=2,
                year=1961,
                serial=703,
                category="resident",
                tier="low",
            ),
            hospital_id="H510400-04",
            condition=HYPERTENSION,
        ),
        Story(
            name="jiuquan-diabetes-silent-experts",
            serial=704,
            person=story_person(
                name="岳范梅", region="620900", district=4, year=1969, serial=704, category="employee"
            ),
            hospital_id="H620900-03",
            condition=DIABETES,
            has_recheck=True,
        ),
        Story(
            name="panzhihua-arrears",
            serial=705,
            person=story_person(
                name="施构成",
                region="510400",
                district=1,
                year=1972,
                serial=705,
                category="resident",
                tier="low",
            ),
            hospital_id="H510400-02",
            condition=DIABETES,
            insured_state=InsuredState.ARREARS,
        ),
        Story(
            name="panzhihua-lapsed",
            serial=706,
            person=story_person(
                name="祝虚芳",
                region="510400",
                district=3,
                year=1955,
                serial=706,
                category="resident",
                tier="high",
            ),
            hospital_id="H510400-05",
            condition=DIABETES,
            spoil=_unsigned_and_out_of_date,
        ),
    )
}
