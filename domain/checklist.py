"""The material checklist 材料核对: what is missing or faulty, why, and how to mend it.

A city asks for a list of requirements, each met by any one of several kinds of paper; of several papers that could
meet one, the best counts. Only what a channel declared of a paper and what decoding it found is judged.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.application import Material
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, ApplicationKind, MaterialKind

FindingCode = Literal[
    "missing",
    "expired",
    "ageing",
    "unsealed",
    "unsigned",
    "hospital_too_small",
    "undated",
    "not_colour",
    "wrong_format",
]

_ID_SIDES = (MaterialKind.ID_FRONT, MaterialKind.ID_BACK)
_ORDINALS = ("", "一", "二", "三")


class Finding(BaseModel):
    """One thing found, in Chinese: `what` names the paper, `why` the rule, `mend` what to hand in.

    `source` is where the rule stands. A `fault` must be mended; a `warning` is only said.
    """

    model_config = ConfigDict(frozen=True)

    code: FindingCode
    severity: Literal["fault", "warning"]
    kind: MaterialKind | None
    what: str
    why: str
    source: str
    mend: str


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


def required_kinds(policy: RegionPolicy, disease: DiseaseRow) -> tuple[tuple[MaterialKind, ...], ...]:
    """Return the groups of kinds of which one paper each must be there, for forms and docs."""
    return tuple(each.any_of for each in requirements(policy, disease))


def check_materials(
    *,
    policy: RegionPolicy,
    disease: DiseaseRow,
    materials: Sequence[Material],
    received_on: date,
    kind: ApplicationKind,
) -> tuple[Finding, ...]:
    """Judge all papers of an application at once; no `fault` among the findings means complete.

    The age of records counts back from `received_on`. Pass the papers in the order they were supplied: of two
    equally good ones the later counts.
    """
    return _judge_all(requirements(policy, disease, kind), policy, disease, materials, received_on)


def check_recheck_records(
    *, policy: RegionPolicy, disease: DiseaseRow, materials: Sequence[Material], as_of_on: date
) -> tuple[Finding, ...]:
    """Judge the records handed in for a yearly recheck; empty also when the disease needs none."""
    return _judge_all(tuple(_recheck(disease)), policy, disease, materials, as_of_on)


def faults(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that must be mended."""
    return tuple(each for each in findings if each.severity == "fault")


def tell_in_full(findings: Iterable[Finding]) -> str:
    """Say all findings in one Chinese text for the one-time notification 一次性告知, faults numbered first."""
    listed = tuple(findings)
    wrong = faults(listed)
    lines = [f"{n}. {each.what}。{each.why}。{each.mend}。" for n, each in enumerate(wrong, 1)]
    text = f"您的申请材料有以下{len(wrong)}项需要补正：\n" if wrong else "您的申请材料齐全，符合要求。"
    text += "\n".join(lines)
    hints = [f"· {each.what}。{each.mend}。" for each in listed if each.severity == "warning"]
    return "\n".join([text, "提示（不影响受理）：", *hints]) if hints else text


def _identity(policy: RegionPolicy) -> Iterable[Requirement]:
    rules = policy.materials
    instead = (MaterialKind.E_CREDENTIAL,) if rules.identity.value == "both_sides_or_e_credential" else ()
    why = "须提供身份证正反面" + ("或医保电子凭证" if instead else "")
    for side in _ID_SIDES:
        yield Requirement(any_of=(side, *instead), why=why, source=rules.identity.source)
    if rules.card_or_e_credential.value:
        yield Requirement(
            any_of=(MaterialKind.SOCIAL_CARD, MaterialKind.E_CREDENTIAL),
            why="没有医保电子凭证的，须提供社会保障卡",
            source=rules.card_or_e_credential.source,
        )


def _medical(policy: RegionPolicy, disease: DiseaseRow) -> Iterable[Requirement]:
    rules = policy.materials
    yield Requirement(
        any_of=(MaterialKind.APPLICATION_FORM,), why="申请须填写申请表", source=rules.form_signed.source
    )
    yield Requirement(
        any_of=(MaterialKind.DIAGNOSIS_CERTIFICATE,),
        why=f"须提供{_level(rules.min_hospital_level.value)}及以上医疗机构出具的疾病诊断证明",
        source=rules.min_hospital_level.source,
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
    *_ID_SIDES,
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


def _judge_all(
    asked: Sequence[Requirement],
    policy: RegionPolicy,
    disease: DiseaseRow,
    materials: Sequence[Material],
    on: date,
) -> tuple[Finding, ...]:
    found: dict[Finding, None] = {}
    for requirement in asked:
        judged = [
            _judge(each, policy, disease, on) for each in reversed(materials) if each.kind in requirement.any_of
        ]
        best = min(judged, key=_badness) if judged else (_missing(requirement),)
        found.update(dict.fromkeys(best))
    return tuple(found)


def _badness(findings: Sequence[Finding]) -> tuple[int, int]:
    wrong = len(faults(findings))
    return wrong, len(findings) - wrong


def _missing(requirement: Requirement) -> Finding:
    names = "或".join(f"“{MATERIAL_ZH[each]}”" for each in requirement.any_of)
    return Finding(
        code="missing",
        severity="fault",
        kind=requirement.any_of[0],
        what=f"缺少{names}",
        why=requirement.why,
        source=requirement.source,
        mend=f"请补交{names}",
    )


def _judge(paper: Material, policy: RegionPolicy, disease: DiseaseRow, on: date) -> tuple[Finding, ...]:
    judged = (
        _scan(paper, policy),
        _signature(paper, policy),
        _seal(paper, policy, disease),
        _hospital(paper, policy),
        _age(paper, policy, on),
    )
    return tuple(finding for found in judged for finding in found)


def _fault(paper: Material, code: FindingCode, *, what: str, why: str, source: str, mend: str) -> Finding:
    return Finding(
        code=code,
        severity="fault",
        kind=paper.kind,
        what=f"“{MATERIAL_ZH[paper.kind]}”{what}",
        why=why,
        source=source,
        mend=mend,
    )


def _scan(paper: Material, policy: RegionPolicy) -> Iterable[Finding]:
    rules = policy.materials
    if paper.kind not in _ID_SIDES:
        return
    if rules.colour_id_scan.value and paper.colour is False:
        yield _fault(
            paper,
            "not_colour",
            what="不是彩色扫描件",
            why="身份证须为清晰的彩色扫描件",
            source=rules.colour_id_scan.source,
            mend=f"请重新上传{MATERIAL_ZH[paper.kind]}的彩色扫描件",
        )
    if paper.media_type and paper.media_type not in rules.id_scan_formats.value:
        yield _fault(
            paper,
            "wrong_format",
            what="的文件格式不符合要求",
            why="身份证扫描件只收jpg或pdf格式",
            source=rules.id_scan_formats.source,
            mend=f"请把{MATERIAL_ZH[paper.kind]}另存为jpg或pdf后重新上传",
        )


def _signature(paper: Material, policy: RegionPolicy) -> Iterable[Finding]:
    rule = policy.materials.form_signed
    if paper.kind is MaterialKind.APPLICATION_FORM and rule.value and not paper.signed:
        yield _fault(
            paper,
            "unsigned",
            what="没有签名",
            why="申请表须由申请人签名确认",
            source=rule.source,
            mend="请签名后重新提交申请表",
        )


def _seal(paper: Material, policy: RegionPolicy, disease: DiseaseRow) -> Iterable[Finding]:
    rules = policy.materials
    stamped_form = paper.kind is MaterialKind.APPLICATION_FORM and disease.hospital_stamped_form
    opinion = paper.kind is MaterialKind.APPRAISAL_OPINION and disease.appraisal_opinion
    if stamped_form:
        source = disease.rule_sources["hospital_stamped_form"]
    elif opinion:
        source = disease.rule_sources["appraisal_opinion"]
    elif paper.kind in rules.sealed_kinds.value:
        source = rules.sealed_kinds.source
    else:
        return
    # On the form `signed` is the applicant's own signature, never the hospital's e-signature.
    e_signed = rules.e_signature_counts.value and paper.signed and not stamped_form
    if not paper.sealed and not e_signed:
        seal = "医院公章或电子签章" if rules.e_signature_counts.value and not stamped_form else "医院公章"
        yield _fault(
            paper,
            "unsealed",
            what=f"没有加盖{seal}",
            why=f"{MATERIAL_ZH[paper.kind]}须加盖{seal}",
            source=source,
            mend=f"请到出具单位加盖{seal}后重新提交",
        )


def _hospital(paper: Material, policy: RegionPolicy) -> Iterable[Finding]:
    rules = policy.materials
    if paper.kind not in rules.level_kinds.value:
        return
    least = _level(rules.min_hospital_level.value)
    if paper.hospital_level is None:
        # Channels declare the level with the certificate; the records beside it need not repeat it.
        if paper.kind is not MaterialKind.DIAGNOSIS_CERTIFICATE:
            return
        what = "没有注明出具医院的等级"
    elif paper.hospital_level < rules.min_hospital_level.value:
        what = f"的出具医院低于{least}"
    else:
        return
    yield _fault(
        paper,
        "hospital_too_small",
        what=what,
        why=f"须由{least}及以上医疗机构出具",
        source=rules.min_hospital_level.source,
        mend=f"请提交{least}及以上医疗机构出具的{MATERIAL_ZH[paper.kind]}",
    )


def _age(paper: Material, policy: RegionPolicy, on: date) -> Iterable[Finding]:
    rules = policy.materials
    if paper.kind not in rules.aged_kinds.value:
        return
    name, source = MATERIAL_ZH[paper.kind], rules.age_limit.source
    limit, warn = _months(rules.age_limit.value), _months(rules.age_warn.value)
    why = f"病历资料须为申请之日前{limit}以内出具"
    if paper.issued_on is None:
        mend = f"请注明出具日期，或提交载明日期的{name}"
        yield _fault(paper, "undated", what="没有注明出具日期", why=why, source=source, mend=mend)
    elif paper.issued_on < _months_before(on, rules.age_limit.value):
        mend = f"请提交{limit}以内出具的{name}"
        yield _fault(paper, "expired", what=f"的出具日期已超过{limit}", why=why, source=source, mend=mend)
    elif paper.issued_on < _months_before(on, rules.age_warn.value):
        yield Finding(
            code="ageing",
            severity="warning",
            kind=paper.kind,
            what=f"“{name}”的出具日期已超过{warn}",
            why=why,
            source=source,
            mend=f"如有更近的{name}，建议一并提交",
        )


def _months_before(on: date, months: int) -> date:
    """Count calendar months back; a day the month lacks becomes its last (31 August → 28 February)."""
    year, month = divmod(on.year * 12 + on.month - 1 - months, 12)
    return date(year, month + 1, min(on.day, monthrange(year, month + 1)[1]))


def _months(count: int) -> str:
    return {6: "半年", 12: "一年"}.get(count, f"{count}个月")


def _level(level: int) -> str:
    return f"{_ORDINALS[level]}级" if level else "未定级"
