"""What one paper must be 材料要求, and what is found where it is not: scan, signature, seal, hospital, age.

Only what a channel declared of a paper and what decoding found is judged. Every rule is read from the city's policy
or from the disease's row, and a finding carries the source that stands beside it there.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.application import Material
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, MaterialKind

FindingCode = Literal[
    "missing",
    "expired",
    "ageing",
    "unsealed",
    "unsigned",
    "hospital_too_small",
    "not_designated",
    "undated",
    "not_colour",
    "wrong_format",
]

FINDING_ZH: Mapping[str, str] = MappingProxyType(
    {
        "missing": "缺少材料",
        "expired": "已超过有效期限",
        "ageing": "即将超过有效期限",
        "unsealed": "未盖章",
        "unsigned": "未签名",
        "hospital_too_small": "出具医院的等级不够",
        "not_designated": "不是指定的医院出具",
        "undated": "没有填写日期",
        "not_colour": "不是彩色扫描件",
        "wrong_format": "文件格式不符合要求",
    }
)
"""What is wrong, where only the code was written down."""

ID_SIDES = (MaterialKind.ID_FRONT, MaterialKind.ID_BACK)
_LEVELS = ("未定级", "一级", "二级", "三级")
_FORMATS = {"image/jpeg": "jpg", "application/pdf": "pdf"}
_FILLED = {"online": "在线填写", "template": "下载模板填写"}


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


class Standard(NamedTuple):
    """What papers are held against; their age counts back from `on`, which Chinese texts call `day`."""

    policy: RegionPolicy
    disease: DiseaseRow
    on: date
    day: str


def judge_paper(paper: Material, by: Standard) -> tuple[Finding, ...]:
    """Return all that is wrong with one paper, whatever it is handed in for."""
    judged = (
        _scan(paper, by),
        _signature(paper, by),
        _seal(paper, by),
        _designation(paper, by),
        _hospital(paper, by),
        _age(paper, by),
    )
    return tuple(finding for found in judged for finding in found)


def conditions(kind: MaterialKind, by: Standard) -> str:
    """Return what a good paper of a kind must be, as a Chinese clause, so that it can be told beforehand; or ""."""
    rules = by.policy.materials
    musts: list[str] = []
    if kind in ID_SIDES:
        musts += ["为清晰的彩色扫描件"] if rules.colour_id_scan.value else []
        musts.append(f"为{_formats(rules.id_scan_formats.value)}格式")
    if kind is MaterialKind.APPLICATION_FORM and rules.form_signed.value:
        musts.append("由申请人签名")
    if _has_level(kind, by):
        musts.append(f"由{level_zh(rules.min_hospital_level.value)}及以上医疗机构出具")
    if rules.record_contents and kind in rules.medical_records.value:
        musts.append(f"体现{listed(rules.record_contents.value, '和')}")
    if seal := _seal_asked(kind, by):
        musts.append(f"加盖{seal.name}")
    if kind in rules.aged_kinds.value:
        musts.append(f"在{by.day}前{_months(rules.age_limit.value)}以内出具")
    ways = rules.form_ways.value if rules.form_ways and kind is MaterialKind.APPLICATION_FORM else ()
    may = ["可" + "或".join(_FILLED[way] for way in ways)] if ways else []
    return "，".join([*may, "须" + "，".join(musts)] if musts else may)


def level_zh(level: int) -> str:
    """Return the Chinese name of a hospital level, 0 to 3."""
    return _LEVELS[level]


def listed(words: Iterable[str], last: str) -> str:
    """Join words as Chinese lists do: 、 between them, and `last` (或, 和) before the last."""
    *most, final = words
    return f"{'、'.join(most)}{last}{final}" if most else final


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


def _scan(paper: Material, by: Standard) -> Iterable[Finding]:
    rules = by.policy.materials
    if paper.kind not in ID_SIDES:
        return
    # Of a pdf nobody can say cheaply whether it is in colour: `colour` is None, and the reviewer looks.
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
        allowed = _formats(rules.id_scan_formats.value)
        yield _fault(
            paper,
            "wrong_format",
            what="的文件格式不符合要求",
            why=f"身份证扫描件只收{allowed}格式",
            source=rules.id_scan_formats.source,
            mend=f"请把{MATERIAL_ZH[paper.kind]}另存为{allowed}后重新上传",
        )


def _formats(media_types: Iterable[str]) -> str:
    return listed((_FORMATS.get(each, each) for each in media_types), "或")


def _signature(paper: Material, by: Standard) -> Iterable[Finding]:
    rule = by.policy.materials.form_signed
    if paper.kind is MaterialKind.APPLICATION_FORM and rule.value and not paper.signed:
        yield _fault(
            paper,
            "unsigned",
            what="没有签名",
            why="申请表须由申请人签名确认",
            source=rule.source,
            mend="请签名后重新提交申请表",
        )


class _Seal(NamedTuple):
    name: str
    source: str
    e_signature: bool


def _seal_asked(kind: MaterialKind, by: Standard) -> _Seal | None:
    rules, sources = by.policy.materials, by.disease.rule_sources
    # On the form `signed` is the applicant's own signature, never the hospital's e-signature.
    if kind is MaterialKind.APPLICATION_FORM and by.disease.hospital_stamped_form:
        return _Seal("定点医疗机构公章", sources["hospital_stamped_form"], e_signature=False)
    either = rules.e_signature_counts.value
    name = "医院公章或电子签章" if either else "医院公章"
    if kind is MaterialKind.APPRAISAL_OPINION and by.disease.appraisal_opinion:
        return _Seal(name, sources["appraisal_opinion"], e_signature=either)
    return _Seal(name, rules.sealed_kinds.source, e_signature=either) if kind in rules.sealed_kinds.value else None


def _seal(paper: Material, by: Standard) -> Iterable[Finding]:
    asked = _seal_asked(paper.kind, by)
    if asked is None or paper.sealed or (asked.e_signature and paper.signed):
        return
    yield _fault(
        paper,
        "unsealed",
        what=f"没有加盖{asked.name}",
        why=f"{MATERIAL_ZH[paper.kind]}须加盖{asked.name}",
        source=asked.source,
        mend=f"请到出具单位加盖{asked.name}后重新提交",
    )


def _designation(paper: Material, by: Standard) -> Iterable[Finding]:
    known = by.policy.materials.designated_hospitals
    form = paper.kind is MaterialKind.APPLICATION_FORM and by.disease.hospital_stamped_form
    opinion = paper.kind is MaterialKind.APPRAISAL_OPINION and by.disease.appraisal_opinion
    # A city that has not named its hospitals cannot be told which paper comes from another.
    if known is None or not (form or opinion) or paper.hospital_id in known.value:
        return
    done = "审核盖章" if form else "出具"
    yield _fault(
        paper,
        "not_designated",
        what=f"没有注明由哪家医疗机构{done}" if paper.hospital_id is None else f"不是由本市定点医疗机构{done}",
        why=f"{MATERIAL_ZH[paper.kind]}须由定点医疗机构{done}",
        source=known.source,
        mend=f"请提交由定点医疗机构{done}的{MATERIAL_ZH[paper.kind]}，并注明医疗机构编号",
    )


def _has_level(kind: MaterialKind, by: Standard) -> bool:
    rules = by.policy.materials
    return rules.min_hospital_level.value > 0 and kind in rules.level_kinds.value


def _hospital(paper: Material, by: Standard) -> Iterable[Finding]:
    rule = by.policy.materials.min_hospital_level
    if not _has_level(paper.kind, by):
        return
    least = level_zh(rule.value)
    if paper.hospital_level is None:
        # Channels declare the level with the certificate; the records beside it need not repeat it.
        if paper.kind is not MaterialKind.DIAGNOSIS_CERTIFICATE:
            return
        what = "没有注明出具医院的等级"
    elif paper.hospital_level < rule.value:
        what = f"的出具医院低于{least}"
    else:
        return
    yield _fault(
        paper,
        "hospital_too_small",
        what=what,
        why=f"须由{least}及以上医疗机构出具",
        source=rule.source,
        mend=f"请提交{least}及以上医疗机构出具的{MATERIAL_ZH[paper.kind]}，并注明医院等级",
    )


def _age(paper: Material, by: Standard) -> Iterable[Finding]:
    rules = by.policy.materials
    if paper.kind not in rules.aged_kinds.value:
        return
    name, source = MATERIAL_ZH[paper.kind], rules.age_limit.source
    limit, warn = _months(rules.age_limit.value), _months(rules.age_warn.value)
    why = f"病历资料须在{by.day}前{limit}以内出具"
    if paper.issued_on is None:
        mend = f"请注明出具日期，或提交载明日期的{name}"
        yield _fault(paper, "undated", what="没有注明出具日期", why=why, source=source, mend=mend)
    elif paper.issued_on < _months_before(by.on, rules.age_limit.value):
        mend = f"请提交{by.day}前{limit}以内出具的{name}"
        yield _fault(paper, "expired", what=f"的出具日期已超过{limit}", why=why, source=source, mend=mend)
    elif paper.issued_on < _months_before(by.on, rules.age_warn.value):
        yield Finding(
            code="ageing",
            severity="warning",
            kind=paper.kind,
            what=f"“{name}”的出具日期已超过{warn}",
            why=f"病历资料以{by.day}前{warn}以内出具的为宜，最长不超过{limit}",
            source=rules.age_warn.source,
            mend=f"如有更近的{name}，建议一并提交",
        )


def _months_before(on: date, months: int) -> date:
    """Count calendar months back; a day the month lacks becomes its last (31 August → 28 February)."""
    year, month = divmod(on.year * 12 + on.month - 1 - months, 12)
    return date(year, month + 1, min(on.day, monthrange(year, month + 1)[1]))


def _months(count: int) -> str:
    return {6: "半年", 12: "一年"}.get(count, f"{count}个月")
