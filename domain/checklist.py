"""The material checklist 材料核对: what is missing or faulty, why, and how to mend it.

A city asks for a list of requirements, each met by any one of several kinds of paper; of several papers that could
meet one, the best counts. In which order papers came, and how often, makes no difference. What one paper must be
stands in `paper_rules.py`; docs/checklist.md goes through both city guides row by row.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict

from domain.application import Material
from domain.disease import DiseaseRow
from domain.paper_rules import (
    ID_SIDES,
    Finding,
    FindingCode,
    Standard,
    conditions,
    judge_paper,
    level_zh,
    listed,
)
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, ApplicationKind, MaterialKind

__all__ = [
    "PAPERS_IN_GENERAL",
    "Finding",
    "FindingCode",
    "Requirement",
    "basis_zh",
    "check_materials",
    "check_recheck_records",
    "faults",
    "identity_kinds",
    "remark_zh",
    "requirements",
    "tell_in_full",
]

PAPERS_IN_GENERAL = "本市办理指南关于申请材料的一般要求"
"""What a rule about papers rests on that no guide spells out: each makes more precise what the guide asks for."""

_GUIDE_FIRST = re.compile(r"^guide [0-9]{6}: *")
_GUIDE = re.compile(r" ?guide ([0-9]{6}) ?")


class Requirement(BaseModel):
    """One thing the city asks for: any one paper of `any_of`, the first being the one it names first."""

    model_config = ConfigDict(frozen=True)

    any_of: tuple[MaterialKind, ...]
    why: str
    source: str


def requirements(
    policy: RegionPolicy, disease: DiseaseRow, kind: ApplicationKind = ApplicationKind.NEW
) -> tuple[Requirement, ...]:
    """Return what a city asks for with an application for a disease, in the order it is told."""
    asked = [*_identity(policy), *_medical(policy, disease), *_by_flag(disease)]
    if kind is ApplicationKind.RENEWAL:
        asked.extend(_recheck(disease))
    return tuple(asked)


def identity_kinds(policy: RegionPolicy) -> tuple[MaterialKind, ...]:
    """Return the kinds of paper that say who somebody is, as the city accepts them."""
    groups = [each.any_of for each in _identity(policy) if set(each.any_of) & set(ID_SIDES)]
    return tuple(dict.fromkeys(kind for group in groups for kind in group))


def check_materials(
    *,
    policy: RegionPolicy,
    disease: DiseaseRow,
    materials: Sequence[Material],
    received_on: date,
    kind: ApplicationKind,
) -> tuple[Finding, ...]:
    """Judge all papers of an application at once; no `fault` among the findings means complete.

    The age of records counts back from `received_on`, the day of application.
    """
    by = Standard(policy, disease, received_on, "申请之日")
    return _judge_all(requirements(policy, disease, kind), materials, by)


def check_recheck_records(
    *, policy: RegionPolicy, disease: DiseaseRow, materials: Sequence[Material], as_of_on: date
) -> tuple[Finding, ...]:
    """Judge the records handed in for a yearly recheck; empty also when the disease needs none."""
    by = Standard(policy, disease, as_of_on, "提交之日")
    return _judge_all(tuple(_recheck(disease)), materials, by)


def faults(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that must be mended."""
    return tuple(each for each in findings if each.severity == "fault")


def tell_in_full(findings: Iterable[Finding]) -> str:
    """Say all findings in one Chinese text for the one-time notification 一次性告知, faults numbered first.

    One line each: what, why and by which rule, how to mend it.
    """
    everything = tuple(findings)
    wrong = faults(everything)
    text = f"您的申请材料有以下{len(wrong)}项需要补正：\n" if wrong else "您的申请材料齐全，符合要求。"
    text += "\n".join(f"{number}. {_told(each)}" for number, each in enumerate(wrong, 1))
    hints = [f"· {_told(each)}" for each in everything if each.severity == "warning"]
    return "\n".join([text, "提示（不影响受理）：", *hints]) if hints else text


def basis_zh(source: str, *, assumed: str = PAPERS_IN_GENERAL) -> str:
    """Return the source of a rule as an applicant reads it: words, never a code or a remark of ours.

    An assumption makes a general provision of the city more precise: that provision, `assumed`, is what is named.
    """
    plain = " ".join(source.split())
    if plain.startswith("assumption"):
        return assumed
    named = "；".join(each for each in plain.split("；") if "assumption" not in each)
    return _GUIDE.sub("办理指南", _GUIDE_FIRST.sub("办理指南：", named)) or assumed


def remark_zh(source: str) -> str | None:
    """Return what we remark on a rule nobody but us says, for officials; None for a rule with a source."""
    plain = " ".join(source.split())
    if not plain.startswith("assumption"):
        return None
    said = _GUIDE.sub(r"办理指南（\1）", plain.removeprefix("assumption").lstrip(":： "))
    return "暂行规则，待本市医保局确认" + (f"：{said}" if said else "")


def _told(each: Finding) -> str:
    return f"{each.what}。{each.why}（依据：{basis_zh(each.source)}）。{each.mend}。"


def _identity(policy: RegionPolicy) -> Iterable[Requirement]:
    rules = policy.materials
    instead = (MaterialKind.E_CREDENTIAL,) if rules.identity.value == "both_sides_or_e_credential" else ()
    why = "须提供身份证正反面" + ("或医保电子凭证" if instead else "")
    for side in ID_SIDES:
        yield Requirement(any_of=(side, *instead), why=why, source=rules.identity.source)
    if rules.card_or_e_credential.value:
        yield Requirement(
            any_of=(MaterialKind.SOCIAL_CARD, MaterialKind.E_CREDENTIAL),
            why="没有医保电子凭证的，须提供社会保障卡",
            source=rules.card_or_e_credential.source,
        )


def _medical(policy: RegionPolicy, disease: DiseaseRow) -> Iterable[Requirement]:
    rules = policy.materials
    form = rules.form_ways or rules.form_signed
    yield Requirement(any_of=(MaterialKind.APPLICATION_FORM,), why="申请须填写申请表", source=form.source)
    least = rules.min_hospital_level
    yield Requirement(
        any_of=(MaterialKind.DIAGNOSIS_CERTIFICATE,),
        why=f"须提供{f'{level_zh(least.value)}及以上' if least.value else ''}医疗机构出具的疾病诊断证明",
        source=least.source,
    )
    records, examinations = set(rules.medical_records.value), set(MaterialKind) - _NOT_EXAMINATIONS
    # A disease that names the record itself has asked for it: one paper must not be told missing twice.
    if not any(set(group) <= records for group in disease.evidence):
        yield Requirement(
            any_of=rules.medical_records.value,
            why="须提供能反映诊断和治疗过程的病历资料",
            source=rules.medical_records.source,
        )
    for group in disease.evidence:
        yield Requirement(
            any_of=group,
            why="所申请的病种须提供该病种的认定材料",
            source=disease.rule_sources.get("evidence", disease.source),
        )
    if not any(set(group) <= examinations for group in disease.evidence):
        yield Requirement(
            any_of=rules.examinations.value,
            why="须提供与申报病种直接相关的检查报告",
            source=rules.examinations.source,
        )


_NOT_EXAMINATIONS = {
    *ID_SIDES,
    MaterialKind.E_CREDENTIAL,
    MaterialKind.SOCIAL_CARD,
    MaterialKind.APPLICATION_FORM,
    MaterialKind.DIAGNOSIS_CERTIFICATE,
    MaterialKind.DISCHARGE_RECORD,
    MaterialKind.OUTPATIENT_RECORD,
    MaterialKind.PHOTO,
    MaterialKind.APPRAISAL_OPINION,
    MaterialKind.OTHER,
}


def _by_flag(disease: DiseaseRow) -> Iterable[Requirement]:
    if disease.photo_required:
        yield Requirement(
            any_of=(MaterialKind.PHOTO,),
            why=f"申请“{disease.name}”须提供近期免冠照片",
            source=disease.rule_sources["photo_required"],
        )
    if disease.appraisal_opinion:
        yield Requirement(
            any_of=(MaterialKind.APPRAISAL_OPINION,),
            why=f"申请“{disease.name}”须由定点医疗机构出具鉴定意见",
            source=disease.rule_sources["appraisal_opinion"],
        )


def _recheck(disease: DiseaseRow) -> Iterable[Requirement]:
    for kind in disease.recheck_evidence:
        yield Requirement(
            any_of=(kind,),
            why=f"“{disease.name}”须定期提交复查资料",
            source=disease.rule_sources["recheck_evidence"],
        )


def _judge_all(asked: Sequence[Requirement], materials: Sequence[Material], by: Standard) -> tuple[Finding, ...]:
    judged = [(paper, judge_paper(paper, by)) for paper in materials]
    found: dict[Finding, None] = {}
    for requirement in asked:
        able = [each for each in judged if each[0].kind in requirement.any_of]
        best = min(able, key=_badness)[1] if able else (_missing(requirement, by),)
        found.update(dict.fromkeys(best))
    return tuple(found)


def _badness(judged: tuple[Material, tuple[Finding, ...]]) -> tuple[int, int, int, list[str]]:
    """Fewest faults, then fewest warnings, then the newest; what is told breaks the last tie, the order never."""
    paper, findings = judged
    wrong = len(faults(findings))
    age = -paper.issued_on.toordinal() if paper.issued_on else 0
    return wrong, len(findings) - wrong, age, [each.what for each in findings]


def _missing(requirement: Requirement, by: Standard) -> Finding:
    names = listed((f"“{MATERIAL_ZH[each]}”" for each in requirement.any_of), "或")
    return Finding(
        code="missing",
        severity="fault",
        kind=requirement.any_of[0],
        what=f"缺少{names}",
        why=requirement.why,
        source=requirement.source,
        mend=f"请补交{names}{_told_beforehand(requirement.any_of, by)}",
    )


def _told_beforehand(kinds: Sequence[MaterialKind], by: Standard) -> str:
    """Say what the paper to come must be: told once means that it need not be told again when it is here."""
    clauses = {kind: conditions(kind, by) for kind in kinds}
    if len(set(clauses.values())) == 1:
        return f"（{clauses[kinds[0]]}）" if clauses[kinds[0]] else ""
    return "（" + "；".join(f"“{MATERIAL_ZH[kind]}”{clause}" for kind, clause in clauses.items() if clause) + "）"
