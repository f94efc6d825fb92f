"""The auditor's pages: a case by its number, whether its chain is whole, and who looked at it."""

from collections.abc import Mapping

from fastapi.responses import Response
from pydantic import JsonValue

from domain.access import Action, Role
from domain.events import EVENT_ZH, NOTICE_ZH
from domain.moments import CST
from domain.vocabulary import MATERIAL_ZH
from starter.web.api.cases import Number
from starter.web.doors import now
from starter.web.pages.case_page import actor_zh
from starter.web.pages.casefile import open_case
from starter.web.pages.plain_words import COMMAND_ZH
from starter.web.pages.shell import Known, page_router
from storage.access_views import accesses_of, count_accesses
from storage.audit import Fault, verify_chain

router = page_router("/audit")
FAULT_ZH = {
    Fault.CHANGED: "内容被改动",
    Fault.REMOVED: "被删除",
    Fault.REORDERED: "顺序被改动",
    Fault.APPENDED: "被私自追加",
    Fault.CASE_MISSING: "案件记录缺失",
}
_PAGE = 100


@router.get("")
async def home(visit: Known) -> Response:
    """Find a case by its number."""
    visit.need(Role.AUDITOR)
    return visit.render("audit.html", typed="", found=None)


@router.get("/{acceptance_no}")
async def chain(visit: Known, acceptance_no: Number) -> Response:
    """Walk the chain of one case's trail now, and say what was found."""
    visit.need(Role.AUDITOR)
    opened = await open_case(visit, acceptance_no, Action.READ_CASE)
    visit.may(Action.READ_AUDIT)
    async with visit.doors.database.read() as connection:
        faults = await verify_chain(connection, opened.number)
    await visit.doors.accesses.record(actor=visit.me.reader, action="audit.verify", acceptance_no=opened.number)
    entries = len(opened.view.timeline)
    lines = [(each.seq, FAULT_ZH[each.fault]) for each in faults]
    return visit.render("audit_chain.html", number=opened.number, faults=lines, entries=entries, at=now())


@router.get("/{acceptance_no}/accesses")
async def accesses(visit: Known, acceptance_no: Number, page: int = 1) -> Response:
    """Who looked at one case, the newest first."""
    visit.need(Role.AUDITOR)
    opened = await open_case(visit, acceptance_no, Action.READ_CASE)
    visit.may(Action.READ_AUDIT)
    # What was looked at a moment ago, this look included, is shown too.
    await visit.doors.accesses.flush()
    async with visit.doors.database.read(long=True) as connection:
        total = await count_accesses(connection, opened.number)
        last = 1 + (total - 1) // _PAGE if total else 1
        page = max(1, min(page, last))
        found = await accesses_of(connection, opened.number, limit=_PAGE, offset=(page - 1) * _PAGE)
    lines = [
        (each.name, actor_zh(each.actor), each.at.astimezone(CST), action_zh(each.action), _told(each.detail))
        for each in found
    ]
    return visit.render("audit_accesses.html", number=opened.number, lines=lines, total=total, page=page, last=last)


def action_zh(action: str) -> str:
    """Return what somebody did, in words."""
    kind, _, name = action.partition(".")
    if kind == "command":
        return f"办理：{COMMAND_ZH.get(name, name)}"
    return ACTION_ZH.get(action, action)


def _told(detail: Mapping[str, JsonValue]) -> str:
    """Return of what a look was of what people know it by; a hash or an id of a message says nothing to them."""
    said = [(DETAIL_ZH[name], value) for name, value in detail.items() if name in DETAIL_ZH]
    return "，".join(f"{label} {_VALUE_ZH.get(str(value), value)}" for label, value in said) or "—"


DETAIL_ZH = {
    "kind": "种类",
    "seq": "序号",
    "version": "版本",
    "cases": "件数",
    "tasks": "任务数",
    "notices": "通知数",
}
_VALUE_ZH = {each.value: name for each, name in (*EVENT_ZH.items(), *NOTICE_ZH.items(), *MATERIAL_ZH.items())}
ACTION_ZH = {
    "case.list": "查看案件列表",
    "case.query": "公开查询进度",
    "case.claim": "认领申请",
    "file.upload": "上传文件",
    "list.past": "查看往期公示名单",
    "notices.list": "查看通知列表",
    "tasks.list": "查看电话告知任务列表",
    "person.find": "查找参保人",
    "application.refused": "申请未被接收",
    "offregion.filed": "登记异地就医备案",
    "offregion.ended": "取消异地就医备案",
    "case.read": "查看案件",
    "case.explain": "查看时限说明",
    "materials.list": "查看材料列表",
    "material.read": "查看材料文件",
    "notices.read": "查看通知",
    "objections.read": "查看异议",
    "inbox.read": "查看站内信",
    "letters.list": "查看文书列表",
    "letter.print": "打印文书",
    "certificates.list": "查看凭证列表",
    "certificate.read": "下载凭证",
    "person.read": "查看申请人",
    "task.open": "打开电话告知任务",
    "task.read": "查看已办结的电话告知任务",
    "task.done": "办结电话告知任务",
    "notice.resend": "重新发送通知",
    "notices.resend_ordered": "安排重新发送通知",
    "notices.given_up": "终止中断的通知",
    "tasks.finish_ordered": "登记告知结果",
    "tasks.finish_taken_back": "撤回未能登记的告知结果",
    "audit.verify": "核对审计链",
    "application.hand_in": "提交申请",
}
