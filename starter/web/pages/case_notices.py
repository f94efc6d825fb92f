"""One notice of a case: every way it went, what the providers said, and the order to send it anew."""

from collections.abc import Sequence

from fastapi.responses import Response

from domain.access import Action, Role
from domain.events import NOTICE_ZH
from domain.refusal import Refused
from starter.cli.notice_cards import CHANNEL_ZH, OUTCOME_ZH, RECIPIENT_ZH, STATE_ZH, TASK_ZH
from starter.client import Unanswered
from starter.resending import CHANNELS, Resend, ResendReason, resend_notice
from starter.web.api.cases import Number
from starter.web.doors import now
from starter.web.pages.casefile import CaseFile, allowed, open_case
from starter.web.pages.commanding import form_id
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.problems import stopped
from storage.notice_views import whole_notice
from worker.connection import Unreachable

router = page_router("/cases/{acceptance_no}/notices")
REASON_ZH = {
    ResendReason.NOT_RECEIVED: "本人说没有收到",
    ResendReason.CONTACT_CHANGED: "联系方式已变更",
    ResendReason.PROVIDER_FAULT: "服务商故障",
    ResendReason.OTHER: "其他",
}
_REMEDIES = {
    "although_unknown": "请先向本人核实；确需发送的，勾选“可能已经收到，仍要发送”",
    "channels": "请勾选其他渠道；号码已变更的，请先变更联系方式",
    "notice_seq": "请在本页查看进展；静默时段内的通知会在结束后发出，送达回执最长等待 72 小时",
}
_AWAY = FieldError(
    "sent",
    "已安排重新发送，但流程服务暂时没有应答。",
    "请稍后用本页的按钮再次提交：只会发送一次",
    status=503,
)


@router.get("/{seq}")
async def notice(visit: Known, acceptance_no: Number, seq: int) -> Response:
    """One notice with its ways."""
    return await _page(visit, await _opened(visit, acceptance_no, Action.READ_NOTICES), seq)


@router.post("/{seq}/resend")
async def resend(visit: Known, acceptance_no: Number, seq: int) -> Response:
    """Order the notice sent anew; the same form again is the same order."""
    me = visit.need(Role.OFFICER)
    opened = await _opened(visit, acceptance_no, Action.RESEND_NOTICE)
    fields = visit.fields
    if fields.text("reason") not in set(ResendReason):
        return await _page(visit, opened, seq, [FieldError("reason", "没有选择原因。", "请选择一项")])
    wanted = Resend(
        acceptance_no=opened.number,
        seq=seq,
        reason=ResendReason(fields.text("reason")),
        actor=me.actor,
        channels=tuple(each for each in fields.every("channels") if each in CHANNELS),
        although_unknown=fields.checked("although_unknown"),
        command_id=form_id(visit),
    )
    try:
        mente = await visit.doors.mente()
        await resend_notice(visit.doors.database, mente.client, wanted, now=now())
    except Refused as refused:
        error = error_of(refused.refusal)
        return await _page(visit, opened, seq, [error._replace(remedy=_REMEDIES.get(error.field, error.remedy))])
    except (Unreachable, Unanswered):
        return await _page(visit, opened, seq, [_AWAY])
    visit.doors.accesses.note(
        actor=me.reader, action="notice.resend", acceptance_no=opened.number, detail={"seq": seq}
    )
    return visit.go(f"/cases/{opened.number}/notices/{seq}", flash="已安排重新发送。")


async def _opened(visit: Visit, acceptance_no: str, action: Action) -> CaseFile:
    visit.need(Role.OFFICER, Role.COUNTER, Role.AUDITOR)
    return await open_case(visit, acceptance_no, action)


async def _page(visit: Visit, opened: CaseFile, seq: int, errors: Sequence[FieldError] = ()) -> Response:
    async with visit.doors.database.read() as connection:
        found = await whole_notice(connection, opened.number, seq)
    if found is None:
        raise stopped(404, field="notice_seq", rule="", remedy="请返回案件页面", message="该案件没有这一通知。")
    await visit.doors.accesses.record(actor=visit.me.reader, action="notices.read", acceptance_no=opened.number)
    return visit.render(
        "case_notice.html",
        errors=errors,
        number=opened.number,
        notice=found,
        may_resend=visit.me.role is Role.OFFICER and allowed(visit, opened, Action.RESEND_NOTICE),
        reasons=[(each.value, zh) for each, zh in REASON_ZH.items()],
        channels=[(each, CHANNEL_ZH.get(each, each)) for each in CHANNELS],
        typed=visit.fields.as_dict(),
        ticked=visit.fields.every("channels"),
        command_id=form_id(visit, errors),
        notice_zh=NOTICE_ZH,
        state_zh=STATE_ZH,
        channel_zh=CHANNEL_ZH,
        recipient_zh=RECIPIENT_ZH,
        task_zh=TASK_ZH,
        outcome_zh=OUTCOME_ZH,
    )
