"""The refusals every door of the starter gives alike: of a request, a case, a notice, and who may act on it."""

import re

from activities.contract import StartApplication
from domain.commands import ACTOR_PATTERN
from domain.refusal import Refused, refuse
from domain.vocabulary import STATUS_ZH, Status


def check_same_content(start: StartApplication, known: str) -> None:
    """Raise `Refused` if a request id already stands for another content; `known` is that one's fingerprint."""
    if known != start.fingerprint:
        raise refuse(
            field="request_id",
            rule="同一渠道的同一请求编号只能对应一份申请",
            remedy=f"如为新的申请，请换用新的请求编号；原申请的受理号为 {start.acceptance_no}",
            message=f"该请求编号已用于另一内容的申请，受理号 {start.acceptance_no}。",
        )


def second_case(existing: str) -> Refused:
    """Return the refusal of a second open case of one person and disease."""
    return refuse(
        field="disease_id",
        rule="同一参保人的同一病种只能有一件在办或有效的案件",
        remedy=f"请查询已有案件 {existing}",
        message=f"已有在办或有效的同病种案件，受理号 {existing}。",
    )


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


def unknown_notice() -> Refused:
    """Return the refusal of a notice its case does not have."""
    return refuse(
        field="notice_seq",
        rule="须为该案件已有通知的序号",
        remedy="请以 mente notices 加受理号查看通知序号",
        message="该案件没有这一通知。",
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
