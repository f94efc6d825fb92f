"""Whether a case, as it stands, may carry out a command. Pure: used by update validators and by `run` alike.

Every refusal says what is wrong and what is possible instead.
"""

import hashlib
from datetime import date, datetime

from domain.case import CaseState
from domain.commands import (
    NAMES,
    AmendCalendar,
    Appeal,
    ChangeContact,
    ChangeHospital,
    Command,
    Correct,
    EndEntitlement,
    EndOffregion,
    Extend,
    FileOffregion,
    GiveVerdict,
    InsuredChanged,
    NoticeDelivered,
    NoticeFailed,
    NoticeWaived,
    RaiseObjection,
    Recuse,
    RuleObjection,
    Supersede,
    SupplyMaterials,
    VerifyOriginals,
    Withdraw,
    name_of,
)
from domain.hospital_change import next_change_on
from domain.moments import local_date
from domain.notice_word import judge_notice, judge_waiver
from domain.paper_judging import judge_sent, why_no_papers
from domain.refusal import Refusal
from domain.vocabulary import STATUS_ZH, Decision, Status

_BEFORE_DECISION = frozenset({Status.SUBMITTED, Status.SUPPLEMENT, Status.VERIFYING, Status.REVIEW})
_ALIVE = frozenset({Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED})
_OPEN_PAPERS = _BEFORE_DECISION | {Status.PUBLICITY, Status.OBJECTED, Status.DENIED, Status.APPEALING} | _ALIVE
_ANY = frozenset(Status)

STATUSES: dict[type[Command], frozenset[Status]] = {
    SupplyMaterials: frozenset({Status.SUPPLEMENT, Status.RECHECK, Status.SUSPENDED}),
    GiveVerdict: frozenset({Status.REVIEW, Status.APPEALING, Status.RECHECK}),
    Recuse: frozenset({Status.REVIEW, Status.APPEALING, Status.RECHECK}),
    VerifyOriginals: frozenset({Status.VERIFYING}),
    RaiseObjection: frozenset({Status.PUBLICITY, Status.OBJECTED}),
    RuleObjection: frozenset({Status.OBJECTED}),
    Withdraw: _BEFORE_DECISION | {Status.PUBLICITY, Status.OBJECTED, Status.APPEALING},
    Appeal: frozenset({Status.DENIED}),
    Extend: frozenset({Status.SUPPLEMENT, Status.VERIFYING, Status.REVIEW}),
    Correct: frozenset({Status.DENIED}) | _ALIVE,
    ChangeHospital: _ALIVE,
    FileOffregion: _ALIVE,
    EndOffregion: _ALIVE,
    ChangeContact: _OPEN_PAPERS,
    InsuredChanged: _OPEN_PAPERS,
    EndEntitlement: _ALIVE,
    Supersede: _ALIVE,
    AmendCalendar: _ANY,
    NoticeDelivered: _ANY,
    NoticeFailed: _ANY,
    NoticeWaived: _ANY,
}


MOST_OBJECTIONS = 100
"""A bound that no honest case meets, see `MOST_MATERIALS`."""


def digest_of(command: Command) -> str:
    """Return a short digest of a command's content, to tell a repetition from another command under its id."""
    fields = type(command).model_fields
    unsaid = {name for name in command.later if getattr(command, name) == fields[name].default}
    return hashlib.sha256(command.model_dump_json(exclude=unsaid).encode()).hexdigest()[:16]


def judge(state: CaseState, command: Command, now: datetime) -> Refusal | None:
    """Return why the command cannot be carried out now, or None. Repetitions are the caller's to notice."""
    return (
        _judge_repetition(state, command)
        or _judge_sender(command)
        or _judge_open(state)
        or _judge_status(state, command)
        or _judge_content(state, command, now)
    )


def _judge_repetition(state: CaseState, command: Command) -> Refusal | None:
    known = state.processed.get(command.command_id)
    if known is None or (known.name == name_of(command) and known.digest == digest_of(command)):
        return None
    return Refusal(
        field="command_id",
        rule="一个命令编号只能对应一个命令",
        remedy="请换用新的命令编号",
        message="该命令编号已用于另一内容的命令。",
    )


def _judge_sender(command: Command) -> Refusal | None:
    if command.sender in command.senders:
        return None
    return Refusal(
        field="actor",
        rule=f"{name_of(command)} 只能由以下身份发出：" + "、".join(sorted(command.senders)),
        remedy="请由有权的身份发送该命令",
        message="该身份无权发送此命令。",
    )


def _judge_open(state: CaseState) -> Refusal | None:
    if not state.closed:
        return None
    return Refusal(
        field="acceptance_no",
        rule="已办结的案件不再接受命令",
        remedy="如需继续，请重新提出申请",
        message=f"该案件已办结（{STATUS_ZH[state.status]}）。",
    )


def _judge_status(state: CaseState, command: Command) -> Refusal | None:
    if command.status is not None and command.status is not state.status:
        return _wrong_status(state, command, "命令所针对的环节已经过去或尚未到来。")
    if command.round is not None and command.round != state.round:
        return Refusal(
            field="round",
            rule=f"当前为第 {state.round} 轮",
            remedy="请按当前轮次重新发送，或不填写 round",
            message="命令所针对的轮次不是当前轮次。",
        )
    if state.status not in STATUSES[type(command)]:
        return _wrong_status(state, command, "当前环节不能执行此命令。")
    return None


def _wrong_status(state: CaseState, command: Command, message: str) -> Refusal:
    allowed = "、".join(STATUS_ZH[status] for status in Status if status in STATUSES[type(command)])
    return Refusal(
        field="status",
        rule=f"{name_of(command)} 适用于：{allowed}",
        remedy=f"当前环节可用的命令：{'、'.join(possible(state)) or '无'}",
        message=f"案件目前为“{STATUS_ZH[state.status]}”。{message}",
    )


def possible(state: CaseState) -> tuple[str, ...]:
    """Return the names of the commands people may send in the present status."""
    if state.closed:
        return ()
    return tuple(
        NAMES[model]
        for model, statuses in STATUSES.items()
        if state.status in statuses and model.senders != frozenset({"system"})
    )


def _judge_content(state: CaseState, command: Command, now: datetime) -> Refusal | None:
    match command:
        case GiveVerdict():
            return _judge_expert(state, command) or _judge_more_evidence(state, command)
        case Recuse():
            return _judge_expert(state, command)
        case RuleObjection():
            return _judge_ruling(state, command)
        case Appeal():
            return _judge_appeal(state)
        case ChangeHospital():
            return _judge_same_hospital(state, command) or _judge_hospital(state, now)
        case ChangeContact():
            return _judge_contact(command)
        case SupplyMaterials():
            return _judge_papers(state, command, now)
        case RaiseObjection():
            return _judge_objection(state)
        case VerifyOriginals():
            return _judge_originals(state)
        case InsuredChanged():
            return _judge_insured(state, command)
        case Correct():
            return _judge_correction(state, command)
        case Supersede():
            return _judge_successor(state, command)
        case NoticeDelivered():
            return judge_notice(state, command.notice_seq, "delivered_at", command.delivered_at, now)
        case NoticeFailed():
            return judge_notice(state, command.notice_seq, "failed_at", command.failed_at, now)
        case NoticeWaived():
            return judge_waiver(state, command.notice_seq)
        case _:
            return None


def _judge_expert(state: CaseState, command: Command) -> Refusal | None:
    seat = state.panel.seat_of(command.sender_id) if state.panel else None
    if seat is None or seat.left is not None:
        return Refusal(
            field="actor",
            rule="只有本案当前评审组的专家可以发表意见",
            remedy="请确认专家编号与案件；已更换或已回避的专家不再参与",
            message="该专家不在本案当前评审组内。",
        )
    if seat.verdict is not None:
        return Refusal(
            field="actor",
            rule="每位专家每轮只有一份意见，提交后不得更改",
            remedy="无需重复提交",
            message="该专家在本轮已提交意见。",
        )
    return None


def _judge_more_evidence(state: CaseState, command: GiveVerdict) -> Refusal | None:
    if command.decision is not Decision.MORE_EVIDENCE or may_ask_more(state):
        return None
    return Refusal(
        field="decision",
        rule="补正次数已用完，或本环节不再补正，专家应就现有材料作出结论",
        remedy="请改为 grant 或 deny",
        message="本案不能再要求补充材料。",
    )


def may_ask_more(state: CaseState) -> bool:
    """Whether another supplement round is lawful: only in the first review, at most the policy's rounds."""
    if state.rules is None or state.status is not Status.REVIEW:
        return False
    return state.round < state.rules.supplement_max_rounds


def _judge_objection(state: CaseState) -> Refusal | None:
    if len(state.objections) < MOST_OBJECTIONS:
        return None
    return Refusal(
        field="by",
        rule=f"同一案件最多登记 {MOST_OBJECTIONS} 件异议",
        remedy="已登记的异议均会核查，请等待核查结论",
        message="本案登记的异议已达上限。",
    )


def _judge_originals(state: CaseState) -> Refusal | None:
    if state.originals_match is None:
        return None
    return Refusal(
        field="outcome",
        rule="每案核验原件一次",
        remedy="无需重复核验",
        message="本案原件已核验。",
    )


def _judge_insured(state: CaseState, command: InsuredChanged) -> Refusal | None:
    if state.insured_as_of is None or command.as_of_on >= state.insured_as_of:
        return None
    return Refusal(
        field="as_of_on",
        rule="参保状态以日期最新的一条为准",
        remedy="无需处理",
        message="本案已有日期更新的参保状态。",
    )


def _judge_ruling(state: CaseState, command: RuleObjection) -> Refusal | None:
    pending = [entry.objection_id for entry in state.objections if entry.upheld is None]
    if command.objection_id in pending:
        return None
    return Refusal(
        field="objection_id",
        rule="只能对尚未核查的异议作出结论",
        remedy="待核查的异议：" + ("、".join(pending) or "无"),
        message="没有这一待核查的异议。",
    )


def _judge_appeal(state: CaseState) -> Refusal | None:
    # The end of the window closes the case: an appeal that is there when that instant is acted on is in time.
    if not state.appealed:
        return None
    return Refusal(
        field="status",
        rule="每案只能申诉一次，申诉结论为本机构最终结论",
        remedy="可自收到决定之日起 60 日内申请行政复议",
        message="本案已申诉过。",
    )


def _judge_same_hospital(state: CaseState, command: ChangeHospital) -> Refusal | None:
    # Granted, it would use up the year's change and change nothing.
    if command.hospital_id.strip() != state.hospital_id.strip():
        return None
    return Refusal(
        field="hospital_id",
        rule="变更后的定点医疗机构须与现定点医疗机构不同",
        remedy="无需变更；本次不计入变更次数。如需变更，请填写其他定点医疗机构",
        message="该机构已是您的定点医疗机构。",
    )


def _judge_hospital(state: CaseState, now: datetime) -> Refusal | None:
    rules, today = state.rules, local_date(now)
    if rules is None:
        return None
    per_year, counted_by = rules.hospital_changes_per_year, rules.hospital_changes_counted_by
    again_on = next_change_on(hospital_changes(state), per_year=per_year, counted_by=counted_by, today=today)
    if again_on == today:
        return None
    if again_on is None:
        return Refusal(
            field="hospital_id",
            rule="本市不办理定点医疗机构变更",
            remedy="如有疑问，请咨询医保经办机构",
            message="定点医疗机构不能变更。",
        )
    year, period = ("自然年度", "本年度") if counted_by == "calendar_year" else ("十二个月", "十二个月")
    return Refusal(
        field="hospital_id",
        rule=f"定点医疗机构每年可变更 {per_year} 次（每年按{year}计）",
        remedy=f"可于 {again_on.isoformat()} 起再次变更",
        message=f"{period}内已变更过定点医疗机构 {per_year} 次。",
    )


def hospital_changes(state: CaseState) -> tuple[date, ...]:
    """Return the days on which the hospital was changed; a state of 0.1.0 knows the last one only."""
    last = state.hospital_changed_on
    return state.hospital_changes or ((last,) if last else ())


def _judge_contact(command: ChangeContact) -> Refusal | None:
    if command.phone or command.email:
        return None
    return Refusal(
        field="phone",
        rule="手机号码与电子邮箱至少填写一项",
        remedy="请填写新的手机号码或电子邮箱",
        message="没有填写任何新的联系方式。",
    )


def _judge_papers(state: CaseState, command: SupplyMaterials, now: datetime) -> Refusal | None:
    why_not = why_no_papers(
        state.status,
        suspended_for=state.suspended_for,
        records_needed=state.rules is not None and state.rules.recheck_needs_records,
        panel_sits=state.panel is not None,
    )
    if why_not:
        return _wrong_status(state, command, why_not)
    return judge_sent(len(state.materials), command.materials, now)


def _judge_correction(state: CaseState, command: Correct) -> Refusal | None:
    fits = state.status is Status.DENIED if command.what == "denial" else state.status in _ALIVE
    if fits:
        return None
    return Refusal(
        field="what",
        rule="更正不予认定的决定，案件须为不予认定；更正予以认定的决定，待遇须已生效",
        remedy="请选择与案件状态相符的更正对象",
        message="更正的对象与案件状态不符。",
    )


def _judge_successor(state: CaseState, command: Supersede) -> Refusal | None:
    if command.by != state.acceptance_no:
        return None
    return Refusal(
        field="by",
        rule="一项资格只能由另一案件更替",
        remedy="请填写更替本案的新案件的受理号",
        message="案件不能更替自身。",
    )
