"""The refusals every door of the starter gives alike: of a request, a case, a notice, and who may act on it."""

import re
from datetime import date, timedelta

from activities.contract import StartApplication
from domain.commands import ACTOR_PATTERN
from domain.refusal import Refused, refuse
from domain.vocabulary import STATUS_ZH, Status
from starter.seeing import Visible

_OLDEST_REPORT, _NEWEST_REPORT = timedelta(days=100 * 365), timedelta(days=31)
"""How far from today the day of an insured state may lie: a working life, and a change reported for next month."""


async def check_same_content(start: StartApplication, known: str, visible: Visible) -> None:
    """Raise `Refused` if a request id already stands for another content; `known` is that one's fingerprint.

    Its number is told only to whoever may see that case: many share the channel of our own pages.
    """
    if known == start.fingerprint:
        return
    named = await visible(start.acceptance_no)
    raise refuse(
        field="request_id",
        rule="同一渠道的同一请求编号只能对应一份申请",
        remedy="如为新的申请，请换用新的请求编号" + (f"；原申请的受理号为 {start.acceptance_no}" if named else ""),
        message="该请求编号已用于另一内容的申请" + (f"，受理号 {start.acceptance_no}。" if named else "。"),
    )


def second_case(existing: str, *, named: bool) -> Refused:
    """Return the refusal of a second open case of one person and disease.

    `named` is whether the asker may see the first: anybody can apply with another's ID number, and with the number
    of the case somebody learns more than that there is one.
    """
    return refuse(
        field="disease_id",
        rule="同一参保人的同一病种只能有一件在办或有效的案件",
        remedy=f"请查询已有案件 {existing}" if named else _ASK_THERE,
        message=f"已有在办或有效的同病种案件，受理号 {existing}。" if named else "已有在办或有效的同病种案件。",
    )


def hidden_entitlement() -> Refused:
    """Return the refusal of who would follow an entitlement they may not see, without naming its number."""
    return refuse(
        field="replaces",
        rule="资格不是经本账号或本渠道取得的，续期和变更须写明原资格的受理号",
        remedy="请对照电子凭证填写 replaces；不知道受理号的，" + _ASK_THERE,
        message="没有写明原资格的受理号。",
    )


def settled_at_counter() -> Refused:
    """Return the refusal of what an account may not learn that is not known to be the person's.

    One sentence, whatever the person has or holds. The person reads it too, whose place somebody else took.
    """
    return refuse(
        field="applicant",
        rule="未经实名核验的账号，涉及参保人已有事项的申请须到窗口核对身份后办理",
        remedy="请本人或代办人携带身份证件到经办窗口办理；别人冒用本人信息提交的申请，窗口核对身份后可以当场撤回",
        message="该申请不能由本账号在网上提交。",
    )


def hidden_addition() -> Refused:
    """Return the refusal of another disease beside an entitlement the account cannot see, if there is one."""
    return refuse(
        field="change",
        rule="增加病种须由能查看已有资格的账号或渠道提交",
        remedy="请先在“我的申请”中关联已有的案件；不知道受理号的，" + _ASK_THERE,
        message="本账号没有可以增加病种的资格。",
    )


_ASK_THERE = "请向原申请渠道或窗口查询"


def unknown_case() -> Refused:
    """Return the refusal of a well-formed number nobody was given."""
    return refuse(
        field="acceptance_no",
        rule="受理号须为本系统发出的受理号",
        remedy="请对照受理通知书核对受理号",
        message="没有这一受理号。",
    )


def closed_case(status: Status) -> Refused:
    """Return the refusal of a command to a closed case."""
    return refuse(
        field="acceptance_no",
        rule="已办结的案件不再接受命令",
        remedy="如需继续，请重新提出申请",
        message=f"该案件已办结（{STATUS_ZH[status]}）。",
    )


def id_taken() -> Refused:
    """Return the refusal of a command id that stands for another command."""
    return refuse(
        field="command_id",
        rule="同一命令编号只能对应同一内容的命令",
        remedy="请换用新的命令编号",
        message="该命令编号已用于另一内容的命令。",
    )


def check_insured_day(as_of_on: date, today: date) -> None:
    """Raise `Refused` on a day no registry can mean: the newest wins, and one far ahead would silence all others."""
    if today - _OLDEST_REPORT <= as_of_on <= today + _NEWEST_REPORT:
        return
    raise refuse(
        field="as_of_on",
        rule=f"参保状态的日期不早于 {_OLDEST_REPORT.days // 365} 年前，不晚于 {_NEWEST_REPORT.days} 天后",
        remedy="请核对日期",
        message="参保状态的日期不在允许的范围内。",
    )


def unknown_notice() -> Refused:
    """Return the refusal of a notice its case does not have."""
    return refuse(
        field="notice_seq",
        rule="须为该案件已有通知的序号",
        remedy="请查看该件的通知列表，核对通知序号",
        message="该案件没有这一通知。",
    )


def no_task() -> Refused:
    """Return the refusal of a notice that nobody has to tell."""
    return refuse(
        field="notice_seq",
        rule="须为有人工告知任务的通知",
        remedy="请查看待办任务的列表",
        message="该通知没有人工告知任务。",
    )


def task_done() -> Refused:
    """Return the refusal of a task that has ended, in a way that the new outcome does not replace."""
    return refuse(
        field="notice_seq",
        rule="只能办结尚未办结的人工告知任务",
        remedy="请查看待办任务的列表",
        message="该任务已办结。",
    )


def still_under_way() -> Refused:
    """Return the refusal of a notice that cannot be sent anew yet."""
    return refuse(
        field="notice_seq",
        rule="通知办结之后才能重新发送",
        remedy="请查看该通知的进展；静默时段内的通知会在结束后发出，送达回执最长等待 72 小时",
        message="该通知仍在发送或等待回执。",
    )


def has_arrived() -> Refused:
    """Return the refusal of a notice that its person has."""
    return refuse(
        field="notice_seq",
        rule="已送达的通知不再重新发送",
        remedy="如需再次告知当事人，请电话告知，或打印文书交付",
        message="该通知已送达。",
    )


def checked_officer(actor: str) -> str:
    """Return an actor who is an officer, such as `officer:O12`. Raises `Refused`."""
    if actor.startswith("officer:") and re.fullmatch(ACTOR_PATTERN, actor):
        return actor
    raise refuse(
        field="actor",
        rule="须由经办人员办理，写作 officer:编号，编号为字母、数字、点、横线或下划线",
        remedy="请写明经办人员，例如 officer:O12",
        message="办理人不是经办人员，或格式不符。",
    )
