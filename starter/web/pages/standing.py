"""Where a case stands, in the words of its applicant: whose turn it is, what comes next, and by when."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Protocol

from domain.case_status import CaseStatus, TimelineLine
from domain.commands import SupplyMaterials
from domain.events import EventKind
from domain.judging import STATUSES
from domain.moments import CST, aware
from domain.paper_judging import why_no_papers
from domain.vocabulary import END_ZH, Status, WaitingOn
from starter.status import last_enjoyed
from starter.web.pages.wording import WAITING_ZH, sentence
from storage.reading import CaseView

OFFICIALS_ZH: Mapping[WaitingOn, str] = {
    WaitingOn.APPLICANT: "申请人",
    WaitingOn.EXPERT: "评审专家",
    WaitingOn.OFFICER: "经办人员",
    WaitingOn.COUNTER: "窗口",
    WaitingOn.TIMER: WAITING_ZH[WaitingOn.TIMER],
    WaitingOn.DELIVERY: "通知送达",
    WaitingOn.NONE: WAITING_ZH[WaitingOn.NONE],
}
"""Whose turn it is, as those at work call one another; where it is nobody's, in the applicant's words."""

_NEXT = {
    Status.SUBMITTED: "正在登记，稍后审核材料。",
    Status.SUPPLEMENT: "请在截止前补交通知中列出的材料；逾期视为撤回申请。",
    Status.VERIFYING: "请在截止前携带材料原件到经办窗口核验。",
    Status.REVIEW: "专家正在评审，您不需要办理什么。",
    Status.PUBLICITY: "已审核通过，正在公示；公示无异议后待遇生效。",
    Status.OBJECTED: "公示期间收到异议，经办机构正在核查。",
    Status.EFFECTIVE: "待遇已生效，可以下载电子凭证。",
    Status.DENIED: "没有通过认定；不服的，可以在截止前申诉。",
    Status.APPEALING: "申诉已受理，由未参加原评审的专家重新评审。",
}
_AT_WORK = frozenset({WaitingOn.EXPERT, WaitingOn.OFFICER})
_REASON_LABEL = {Status.DENIED: "不予认定的理由", Status.APPEALING: "所申诉的决定的理由"}


class Awaited(Protocol):
    """What any line about a case tells of what it waits for."""

    @property
    def status(self) -> Status: ...
    @property
    def waiting_on(self) -> WaitingOn: ...
    @property
    def due(self) -> datetime | None: ...


class Standing(NamedTuple):
    """What an applicant is told first. `reason` is why the case stands as it does, empty where nothing says it."""

    turn: str
    what: str
    by_label: str
    reason_label: str
    reason: str
    mine: bool


def standing_of(found: CaseStatus) -> Standing:
    """Return what to tell of a case."""
    suspended = found.status is Status.SUSPENDED
    return Standing(
        turn=turn_zh(found),
        what=_what(found),
        by_label=by_zh(found),
        reason_label="暂停的原因" if suspended else _REASON_LABEL.get(found.status, "原因"),
        reason=_reason(found),
        mine=found.waiting_on is WaitingOn.APPLICANT and not _lapsed(found),
    )


def takes_papers(found: CaseStatus) -> bool:
    """Whether a case takes papers as it stands, by the rule its commands are judged by."""
    if found.closed or found.status not in STATUSES[SupplyMaterials]:
        return False
    why_not = why_no_papers(
        found.status,
        suspended_for=_suspended_for(found),
        # A recheck that asks for no records has no status of its own.
        records_needed=_last(found.timeline, EventKind.RECHECK_STARTED) is not None,
        panel_sits=found.waiting_on in _AT_WORK,
    )
    # After a failed recheck nothing that is handed in changes anything.
    return not why_not and not _failed(found)


def still_asked(found: CaseStatus) -> str:
    """Return what is wrong with records that came for the recheck a benefit waits in; no notice says it."""
    if found.status not in (Status.RECHECK, Status.SUSPENDED) or not takes_papers(found):
        return ""
    begun = _last(found.timeline, EventKind.RECHECK_STARTED)
    last = _last(found.timeline, EventKind.MATERIALS_SUPPLIED)
    return last.still_asked if begun and last and last.seq > begun.seq else ""


def turn_zh(line: Awaited, words: Mapping[WaitingOn, str] = WAITING_ZH) -> str:
    """Return whose turn it is, in the words of who reads it; of a benefit that is enjoyed it is nobody's."""
    if line.waiting_on is WaitingOn.TIMER and line.status is Status.EFFECTIVE:
        return "待遇有效，目前无需办理"
    return "等待恢复参保" if _lapsed(line) else words[line.waiting_on]


def whose_zh(line: Awaited) -> str:
    """Return whose turn it is, in the words of officials."""
    return turn_zh(line, OFFICIALS_ZH)


def by_zh(line: Awaited) -> str:
    """Return what the date is that a case waits for: of a benefit, when it is looked at again or is over."""
    if line.due is None:
        return ""
    if _lapsed(line):
        return "有效期至"
    if line.status is Status.RECHECK and line.waiting_on is WaitingOn.TIMER:
        return "待遇截至"
    if line.status is not Status.EFFECTIVE:
        return "截止"
    # A recheck begins in the morning; validity ends with its last day.
    return "有效期至" if aware(line.due).astimezone(CST).time() == time() else "下次复核"


def ended_from(view: CaseView) -> date | None:
    """Return the first day without a benefit that was ended, which its letter names; None of any other case."""
    last_on = last_enjoyed(view) if view.status is Status.ENDED else None
    return last_on + timedelta(days=1) if last_on else None


def _lapsed(found: Awaited) -> bool:
    """Whether a benefit is suspended until its person is insured again; a line of a list has no trail to tell."""
    if found.status is not Status.SUSPENDED:
        return False
    return _suspended_for(found) == "insurance" if isinstance(found, CaseStatus) else found.due is None


def _failed(found: CaseStatus) -> bool:
    return found.status is Status.RECHECK and found.waiting_on is WaitingOn.TIMER


def _suspended_for(found: CaseStatus) -> str:
    """Return why a benefit is suspended, in the words of its state: missed records alone have an end of theirs."""
    last = _last(found.timeline, EventKind.SUSPENDED)
    if found.status is not Status.SUSPENDED or last is None:
        return ""
    return "recheck" if "ends" in last.detail else "insurance"


def _what(found: CaseStatus) -> str:
    match found.status:
        case Status.DENIED if found.closed:
            return "没有通过认定，本件已办结。"
        case Status.SUSPENDED if _lapsed(found):
            return (
                "待遇已暂停，不需要补交材料。恢复参保并由参保系统确认后，待遇自动恢复；"
                "已经恢复参保仍未恢复待遇的，请联系医保经办机构核对参保状态。"
            )
        case Status.SUSPENDED:
            return "待遇已暂停。请在截止前补交复查资料，经专家复核通过后恢复；逾期待遇终止。"
        case Status.RECHECK if _failed(found):
            return "年度复核没有通过，待遇到下面的日期终止；之后可以重新申请。"
        case Status.RECHECK if found.waiting_on in _AT_WORK:
            return "复查资料已提交，正在由专家复核，您不需要办理什么。"
        case Status.RECHECK:
            return "正在进行年度复核，请在截止前提交复查资料。"
        case _:
            return _NEXT.get(found.status, "")


def _reason(found: CaseStatus) -> str:
    if found.status is Status.SUSPENDED:
        return _said(_last(found.timeline, EventKind.SUSPENDED))
    if _failed(found):
        return _said(_last(found.timeline, EventKind.RECHECK_FAILED))
    return sentence(END_ZH.get(found.reason, found.reason))


def _said(line: TimelineLine | None) -> str:
    return sentence(str(line.detail.get("reason", ""))) if line else ""


def _last(timeline: Iterable[TimelineLine], kind: EventKind) -> TimelineLine | None:
    return next((line for line in reversed(tuple(timeline)) if line.kind is kind), None)
