"""What can stand in a case's audit trail, and what an applicant can be told. Values are only ever added."""

from collections.abc import Mapping
from enum import StrEnum


class EventKind(StrEnum):
    """One entry of the audit trail."""

    SUBMITTED = "submitted"
    NOT_ACCEPTED = "not_accepted"
    ACCEPTED = "accepted"
    SUPPLEMENT_REQUESTED = "supplement_requested"
    SUPPLEMENT_REMINDED = "supplement_reminded"
    MATERIALS_SUPPLIED = "materials_supplied"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    ORIGINALS_REQUESTED = "originals_requested"
    ORIGINALS_REMINDED = "originals_reminded"
    ORIGINALS_VERIFIED = "originals_verified"
    PANEL_ASSIGNED = "panel_assigned"
    EXPERT_REMINDED = "expert_reminded"
    EXPERT_REPLACED = "expert_replaced"
    EXPERT_RECUSED = "expert_recused"
    PANEL_SHORT = "panel_short"
    VERDICT_GIVEN = "verdict_given"
    PANEL_COUNTED = "panel_counted"
    APPROVED = "approved"
    DENIED = "denied"
    PUBLICITY_STARTED = "publicity_started"
    PUBLICITY_HELD = "publicity_held"
    PUBLICITY_RESUMED = "publicity_resumed"
    OBJECTION_RAISED = "objection_raised"
    OBJECTION_RULED = "objection_ruled"
    RULING_OVERDUE = "ruling_overdue"
    CERTIFICATE_ISSUED = "certificate_issued"
    GRANTED = "granted"
    APPEALED = "appealed"
    APPEAL_WINDOW_CLOSED = "appeal_window_closed"
    LIMIT_WARNED = "limit_warned"
    LIMIT_BREACHED = "limit_breached"
    LIMIT_EXTENDED = "limit_extended"
    CORRECTED = "corrected"
    RECHECK_MOVED = "recheck_moved"
    RECHECK_STARTED = "recheck_started"
    RECHECK_REMINDED = "recheck_reminded"
    RECHECK_PASSED = "recheck_passed"
    RECHECK_FAILED = "recheck_failed"
    RECHECK_MISSED = "recheck_missed"
    RENEWAL_REMINDED = "renewal_reminded"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    EXPIRED = "expired"
    END_ORDERED = "end_ordered"
    ENDED = "ended"
    SUPERSEDED = "superseded"
    HOSPITAL_CHANGED = "hospital_changed"
    OFFREGION_FILED = "offregion_filed"
    OFFREGION_ENDED = "offregion_ended"
    CONTACT_CHANGED = "contact_changed"
    INSURED_CHANGED = "insured_changed"
    CALENDAR_AMENDED = "calendar_amended"
    NOTICE_DELIVERED = "notice_delivered"
    NOTICE_FAILED = "notice_failed"
    NOTICE_WAIVED = "notice_waived"
    PLAIN_PAYLOAD = "plain_payload"
    IMPORTED = "imported"
    REFUSED = "refused"
    CANCEL_REFUSED = "cancel_refused"


EVENT_ZH: dict[EventKind, str] = {
    EventKind.SUBMITTED: "提交申请",
    EventKind.NOT_ACCEPTED: "不予受理",
    EventKind.ACCEPTED: "受理",
    EventKind.SUPPLEMENT_REQUESTED: "一次性告知补正",
    EventKind.SUPPLEMENT_REMINDED: "补正提醒",
    EventKind.MATERIALS_SUPPLIED: "收到材料",
    EventKind.LAPSED: "逾期未补正，视为撤回",
    EventKind.WITHDRAWN: "申请人撤回",
    EventKind.ORIGINALS_REQUESTED: "通知核验原件",
    EventKind.ORIGINALS_REMINDED: "核验原件提醒",
    EventKind.ORIGINALS_VERIFIED: "原件核验",
    EventKind.PANEL_ASSIGNED: "抽取评审专家",
    EventKind.EXPERT_REMINDED: "催办专家",
    EventKind.EXPERT_REPLACED: "更换专家",
    EventKind.EXPERT_RECUSED: "专家回避",
    EventKind.PANEL_SHORT: "专家不足，待人工处理",
    EventKind.VERDICT_GIVEN: "专家提交意见",
    EventKind.PANEL_COUNTED: "专家意见汇总",
    EventKind.APPROVED: "审核通过",
    EventKind.DENIED: "不予认定",
    EventKind.PUBLICITY_STARTED: "开始公示",
    EventKind.PUBLICITY_HELD: "公示中止，核查异议",
    EventKind.PUBLICITY_RESUMED: "恢复公示",
    EventKind.OBJECTION_RAISED: "收到异议",
    EventKind.OBJECTION_RULED: "异议核查结论",
    EventKind.RULING_OVERDUE: "异议核查超期",
    EventKind.CERTIFICATE_ISSUED: "生成电子凭证",
    EventKind.GRANTED: "待遇生效",
    EventKind.APPEALED: "提出申诉",
    EventKind.APPEAL_WINDOW_CLOSED: "申诉期届满",
    EventKind.LIMIT_WARNED: "办理时限预警",
    EventKind.LIMIT_BREACHED: "超过办理时限",
    EventKind.LIMIT_EXTENDED: "依法延长时限",
    EventKind.CORRECTED: "更正决定",
    EventKind.RECHECK_MOVED: "调整复核日期",
    EventKind.RECHECK_STARTED: "开始年度复核",
    EventKind.RECHECK_REMINDED: "复核提醒",
    EventKind.RECHECK_PASSED: "复核通过",
    EventKind.RECHECK_FAILED: "复核未通过",
    EventKind.RECHECK_MISSED: "逾期未交复查资料",
    EventKind.RENEWAL_REMINDED: "续期提醒",
    EventKind.SUSPENDED: "待遇暂停",
    EventKind.RESUMED: "待遇恢复",
    EventKind.EXPIRED: "有效期届满",
    EventKind.END_ORDERED: "决定终止待遇",
    EventKind.ENDED: "待遇终止",
    EventKind.SUPERSEDED: "被新资格更替",
    EventKind.HOSPITAL_CHANGED: "变更定点医疗机构",
    EventKind.OFFREGION_FILED: "异地备案",
    EventKind.OFFREGION_ENDED: "终止异地备案",
    EventKind.CONTACT_CHANGED: "变更联系方式",
    EventKind.INSURED_CHANGED: "参保状态变化",
    EventKind.CALENDAR_AMENDED: "更新工作日历",
    EventKind.NOTICE_DELIVERED: "通知送达",
    EventKind.NOTICE_FAILED: "通知未能送达",
    EventKind.NOTICE_WAIVED: "通知无须告知",
    EventKind.PLAIN_PAYLOAD: "收到未加密消息",
    EventKind.IMPORTED: "导入既有资格",
    EventKind.REFUSED: "拒收消息",
    EventKind.CANCEL_REFUSED: "拒绝取消请求",
}


REPEATED_ZH = "重复送达"
"""What an entry is called that only says that a command came again which had been carried out."""


def said_event(kind: str, detail: Mapping[str, object]) -> str:
    """Return the Chinese name of an entry; a kind nobody knows is its own name."""
    if kind == EventKind.REFUSED and detail.get("repeated") is True:
        return REPEATED_ZH
    return EVENT_ZH.get(EventKind(kind), kind) if kind in set(EventKind) else kind


class NoticeEvent(StrEnum):
    """What a person is told. Each has a template for every channel it goes to."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    SUPPLEMENT = "supplement"
    SUPPLEMENT_REMINDER = "supplement_reminder"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    ORIGINALS = "originals"
    ORIGINALS_REMINDER = "originals_reminder"
    PUBLICITY = "publicity"
    GRANTED = "granted"
    DENIED = "denied"
    APPEAL_RECEIVED = "appeal_received"
    APPEAL_DENIED = "appeal_denied"
    RECHECK_DUE = "recheck_due"
    RECHECK_REMINDER = "recheck_reminder"
    RECHECK_PASSED = "recheck_passed"
    RENEWAL_DUE = "renewal_due"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    ENDED = "ended"
    DATE_MOVED = "date_moved"
    LIMIT_EXTENDED = "limit_extended"
    BREACH_REPORT = "breach_report"


NOTICE_ZH: dict[NoticeEvent, str] = {
    NoticeEvent.ACCEPTED: "受理通知",
    NoticeEvent.NOT_ACCEPTED: "不予受理通知",
    NoticeEvent.SUPPLEMENT: "一次性补正通知",
    NoticeEvent.SUPPLEMENT_REMINDER: "补正提醒",
    NoticeEvent.LAPSED: "视为撤回通知",
    NoticeEvent.WITHDRAWN: "撤回确认",
    NoticeEvent.ORIGINALS: "核验原件通知",
    NoticeEvent.ORIGINALS_REMINDER: "核验原件提醒",
    NoticeEvent.PUBLICITY: "公示通知",
    NoticeEvent.GRANTED: "认定结果通知（通过）",
    NoticeEvent.DENIED: "认定结果通知（不予认定）",
    NoticeEvent.APPEAL_RECEIVED: "申诉受理通知",
    NoticeEvent.APPEAL_DENIED: "申诉结果通知（维持）",
    NoticeEvent.RECHECK_DUE: "年度复核通知",
    NoticeEvent.RECHECK_REMINDER: "复核提醒",
    NoticeEvent.RECHECK_PASSED: "复核通过通知",
    NoticeEvent.RENEWAL_DUE: "续期提醒",
    NoticeEvent.SUSPENDED: "待遇暂停通知",
    NoticeEvent.RESUMED: "待遇恢复通知",
    NoticeEvent.ENDED: "待遇终止通知",
    NoticeEvent.DATE_MOVED: "日期调整通知",
    NoticeEvent.LIMIT_EXTENDED: "办理期限延长通知",
    NoticeEvent.BREACH_REPORT: "超期报告",
}


AGENT_SMS = "agent_sms"
"""The channel of the SMS that goes to the agent beside the applicant's own."""

INBOX = "inbox"
"""The channel of messages a person finds in the channels' own pages and apps."""

PUSH = "push"
"""The channel of calls to a city's own gateway."""


class Recipient(StrEnum):
    """Whom a notice goes to."""

    APPLICANT = "applicant"
    SUPERVISOR = "supervisor"
