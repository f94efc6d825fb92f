"""Papers with nothing wrong, and what the two cities ask for, to spoil one thing at a time."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from domain.application import Material
from domain.checklist import Finding, check_materials
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from storage.policies import policy_for

K = MaterialKind
ON = date(2026, 11, 21)
RECENT = date(2026, 10, 12)
PANZHIHUA = policy_for("510400", ON)
JIUQUAN = policy_for("620900", ON)


def row(policy: RegionPolicy, disease_id: str, **changes: Any) -> DiseaseRow:
    found = policy.disease(disease_id)
    assert found
    return found.model_copy(update=changes)


DIABETES = row(PANZHIHUA, "510400-003")
DIALYSIS = row(PANZHIHUA, "510400-005")
TRANSPLANT = row(PANZHIHUA, "510400-006")
LUNG_CANCER = row(JIUQUAN, "620900-036")
STRICT = row(
    JIUQUAN,
    "620900-036",
    hospital_stamped_form=True,
    appraisal_opinion=True,
    rule_sources={
        **LUNG_CANCER.rule_sources,
        "hospital_stamped_form": "guide 620900: 部分病种需定点医院审核盖章",
        "appraisal_opinion": "guide 620900: 部分病种需定点医疗机构出具鉴定意见",
    },
)
"""The guide says "some diseases" and names none, so no row asks for either yet; this one asks for both."""

FULL_PANZHIHUA = (
    K.ID_FRONT,
    K.ID_BACK,
    K.SOCIAL_CARD,
    K.APPLICATION_FORM,
    K.DIAGNOSIS_CERTIFICATE,
    K.OUTPATIENT_RECORD,
    K.GLUCOSE_RECORD,
)
FULL_JIUQUAN = (
    K.ID_FRONT,
    K.ID_BACK,
    K.E_CREDENTIAL,
    K.APPLICATION_FORM,
    K.DIAGNOSIS_CERTIFICATE,
    K.DISCHARGE_RECORD,
    K.PATHOLOGY_REPORT,
)


def paper(kind: MaterialKind, **changes: Any) -> Material:
    good: dict[str, Any] = {
        "sha256": "0" * 64,
        "media_type": "image/jpeg",
        "colour": True,
        "issued_on": RECENT,
        "hospital_id": "H1",
        "hospital_level": 3,
        "sealed": True,
        "signed": True,
    }
    return Material(kind=kind, **(good | changes))


def papers(*kinds: MaterialKind) -> list[Material]:
    return [paper(kind) for kind in kinds]


def with_changed(kinds: tuple[MaterialKind, ...], kind: MaterialKind, **changes: Any) -> list[Material]:
    return [paper(each, **(changes if each is kind else {})) for each in kinds]


def without(kinds: tuple[MaterialKind, ...], *gone: MaterialKind) -> list[Material]:
    return papers(*(each for each in kinds if each not in gone))


def check(
    materials: Iterable[Material],
    policy: RegionPolicy = PANZHIHUA,
    disease: DiseaseRow = DIABETES,
    *,
    received_on: date = ON,
    kind: ApplicationKind = ApplicationKind.NEW,
) -> tuple[Finding, ...]:
    return check_materials(
        policy=policy, disease=disease, materials=tuple(materials), received_on=received_on, kind=kind
    )


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, MaterialKind | None]]:
    return [(each.code, each.kind) for each in findings]
