"""The words every layer shares: statuses, who is awaited, material kinds. Chinese terms beside them.

Source: the two city guides and `docs/glossary.md`. Values are stored and sent; only ever add one.
"""

from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """Where a case stands; also the value of the search attribute `MenteStatus`."""

    SUBMITTED = "submitted"
    NOT_ACCEPTED = "not_accepted"
    SUPPLEMENT = "supplement"
    VERIFYING = "verifying"
    REVIEW = "review"
    PUBLICITY = "publicity"
    OBJECTED = "objected"
    EFFECTIVE = "effective"
    RECHECK = "recheck"
    SUSPENDED = "suspended"
    DENIED = "denied"
    APPEALING = "appealing"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    SUPERSEDED = "superseded"


STATUS_ZH: dict[Status, str] = {
    Status.SUBMITTED: "已提交",
    Status.NOT_ACCEPTED: "不予受理",
    Status.SUPPLEMENT: "待补正",
    Status.VERIFYING: "待核验原件",
    Status.REVIEW: "专家评审",
    Status.PUBLICITY: "公示中",
    Status.OBJECTED: "异议核查",
    Status.EFFECTIVE: "待遇生效",
    Status.RECHECK: "复核中",
    Status.SUSPENDED: "暂停",
    Status.DENIED: "不予认定",
    Status.APPEALING: "申诉中",
    Status.LAPSED: "视为撤回",
    Status.WITHDRAWN: "撤回",
    Status.ENDED: "终止",
    Status.SUPERSEDED: "已更替",
}

FINAL_STATUSES = frozenset({Status.NOT_ACCEPTED, Status.LAPSED, Status.WITHDRAWN, Status.ENDED, Status.SUPERSEDED})
"""Closed for good. `denied` is not among them: it stays open until the appeal window ends."""


class WaitingOn(StrEnum):
    """Whose turn it is; also the value of the search attribute `MenteWaitingOn`."""

    APPLICANT = "applicant"
    EXPERT = "expert"
    OFFICER = "officer"
    COUNTER = "counter"
    TIMER = "timer"
    DELIVERY = "delivery"
    NONE = "none"


class Sla(StrEnum):
    """How the decision limit stands; also the value of the search attribute `MenteSla`."""

    OK = "ok"
    WARN = "warn"
    BREACH = "breach"


class DateKind(StrEnum):
    """What a date of a case that the calendar decides is the end of; `recheck` is the day it begins."""

    DECISION = "decision"
    SUPPLEMENT = "supplement"
    ORIGINALS = "originals"
    EXPERT = "expert"
    PUBLICITY = "publicity"
    RULING = "ruling"
    APPEAL = "appeal"
    RECHECK = "recheck"
    RECORDS = "records"


DATE_ZH: dict[DateKind, str] = {
    DateKind.DECISION: "办理期限",
    DateKind.SUPPLEMENT: "补正期限",
    DateKind.ORIGINALS: "核验原件期限",
    DateKind.EXPERT: "专家意见催办",
    DateKind.PUBLICITY: "公示期满",
    DateKind.RULING: "异议核查期限",
    DateKind.APPEAL: "申诉期限",
    DateKind.RECHECK: "年度复核日",
    DateKind.RECORDS: "复查资料期限",
}


NoticePeriod = Literal["supplement", "appeal"]
"""Periods of the applicant's that a notice begins; each is also the value of its `DateKind`."""


class InsuredCategory(StrEnum):
    """Insured category 参保类型."""

    EMPLOYEE = "employee"
    RESIDENT = "resident"
    FLEXIBLE = "flexible"


NOT_COUNTED, ENDED, STOPPED = "收件当日不计入", "已办结，不再计时", "停止计时："
"""Why a working day is not counted: it is that of receipt (民法典 201), after the end, or the clock stands still."""

TIER_ZH: dict[str, str] = {"high": "高档", "low": "低档"}
"""Contribution tiers 缴费档次 of residents; a word the table does not know is shown as it is: a city has named it."""


class InsuredState(StrEnum):
    """What the insurance registry says of a person."""

    NORMAL = "normal"
    ARREARS = "arrears"
    LAPSED = "lapsed"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """An expert's verdict."""

    GRANT = "grant"
    DENY = "deny"
    MORE_EVIDENCE = "more_evidence"


DECISION_ZH: dict[Decision, str] = {
    Decision.GRANT: "同意",
    Decision.DENY: "不同意",
    Decision.MORE_EVIDENCE: "要求补充材料",
}


class MaterialKind(StrEnum):
    """Kinds of paper an application may hold."""

    ID_FRONT = "id_front"
    ID_BACK = "id_back"
    E_CREDENTIAL = "e_credential"
    SOCIAL_CARD = "social_card"
    APPLICATION_FORM = "application_form"
    DIAGNOSIS_CERTIFICATE = "diagnosis_certificate"
    DISCHARGE_RECORD = "discharge_record"
    OUTPATIENT_RECORD = "outpatient_record"
    LABORATORY_REPORT = "laboratory_report"
    IMAGING_REPORT = "imaging_report"
    PATHOLOGY_REPORT = "pathology_report"
    GLUCOSE_RECORD = "glucose_record"
    HORMONE_REPORT = "hormone_report"
    RENAL_FUNCTION_REPORT = "renal_function_report"
    DIALYSIS_RECORD = "dialysis_record"
    BLOOD_PRESSURE_RECORD = "blood_pressure_record"
    ECG_REPORT = "ecg_report"
    PHOTO = "photo"
    APPRAISAL_OPINION = "appraisal_opinion"
    REEXAMINATION_RECORD = "reexamination_record"
    OTHER = "other"


MATERIAL_ZH: dict[MaterialKind, str] = {
    MaterialKind.ID_FRONT: "身份证人像面",
    MaterialKind.ID_BACK: "身份证国徽面",
    MaterialKind.E_CREDENTIAL: "医保电子凭证",
    MaterialKind.SOCIAL_CARD: "社会保障卡",
    MaterialKind.APPLICATION_FORM: "门诊慢特病病种待遇认定申请表",
    MaterialKind.DIAGNOSIS_CERTIFICATE: "疾病诊断证明书",
    MaterialKind.DISCHARGE_RECORD: "出院记录",
    MaterialKind.OUTPATIENT_RECORD: "门诊病历",
    MaterialKind.LABORATORY_REPORT: "化验报告",
    MaterialKind.IMAGING_REPORT: "影像学报告",
    MaterialKind.PATHOLOGY_REPORT: "病理报告",
    MaterialKind.GLUCOSE_RECORD: "血糖监测记录",
    MaterialKind.HORMONE_REPORT: "激素水平检测报告",
    MaterialKind.RENAL_FUNCTION_REPORT: "肾功能检查报告",
    MaterialKind.DIALYSIS_RECORD: "透析治疗记录",
    MaterialKind.BLOOD_PRESSURE_RECORD: "血压记录",
    MaterialKind.ECG_REPORT: "心电图报告",
    MaterialKind.PHOTO: "近期免冠照片",
    MaterialKind.APPRAISAL_OPINION: "定点医疗机构鉴定意见",
    MaterialKind.REEXAMINATION_RECORD: "复查资料",
    MaterialKind.OTHER: "其他材料",
}

OF_THE_PERSON = frozenset(
    {
        MaterialKind.ID_FRONT,
        MaterialKind.ID_BACK,
        MaterialKind.E_CREDENTIAL,
        MaterialKind.SOCIAL_CARD,
        MaterialKind.PHOTO,
    }
)
"""Papers that speak of the person alone: they serve for any disease, and no hospital dates or seals them."""


class ApplicationKind(StrEnum):
    """What is applied for 申请类型."""

    NEW = "new"
    RENEWAL = "renewal"
    CHANGE = "change"


class ChangeKind(StrEnum):
    """What an application of kind `change` changes 变更事项."""

    CONDITION = "condition"
    ADDED = "added"
    SWAP = "swap"


CHANGE_ZH: dict[ChangeKind, str] = {
    ChangeKind.CONDITION: "病情变化",
    ChangeKind.ADDED: "增加病种",
    ChangeKind.SWAP: "更换病种",
}

END_ZH: dict[str, str] = {
    "death": "参保人死亡",
    "cured": "病情已治愈",
    "moved_out": "参保关系转出",
    "fraud": "以欺诈手段取得资格",
    "other": "其他法定情形",
    "corrected": "原认定有误，已更正",
    "recheck_missed": "暂停后仍未提交复查资料",
    "recheck_failed": "年度复核未通过",
    "expired": "有效期届满",
    "superseded": "被新资格更替",
}
"""Grounds on which a benefit ends 终止原因."""

REVOKED_ZH: dict[str, str] = {**END_ZH, "withdrawn": "申请人撤回申请", "denied": "不予认定"}
"""Why a certificate was revoked 凭证作废原因."""
