"""From an exception to what its reader gets: an exit code and a sentence, never a traceback, never a value.

Exit codes: 1 refused, 2 wrong usage, 3 unreachable or unanswered.
"""

import difflib
import errno
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from starter.cli.output import JSON, print_json

if TYPE_CHECKING:
    from domain.refusal import Refused

REFUSED, WRONG_USAGE, UNREACHABLE = 1, 2, 3
STORE_AWAY_ZH = "文件库不在原处：所在的文件夹没有挂载，或已被移走。"
NEWER_DATABASE_ZH = "数据库已由更新版本的程序升级，本版本不能使用。"
_STAYING = frozenset({"up", "demo", "worker", "serve", "codec", "receipts"})
"""Commands that stay up and send nothing themselves."""
_OPTION = re.compile(r"--?[a-z][a-z-]{0,30}")

logger = logging.getLogger("mente.cli")


@dataclass(frozen=True)
class Reason:
    """What was wrong, which rule says so, and what to do: `domain.refusal.Refusal` without its import time."""

    field: str
    rule: str
    remedy: str
    message: str


@dataclass(frozen=True)
class Failure:
    """An exit code and its reason."""

    code: int
    reason: Reason


def refused(*, field: str, rule: str, remedy: str, message: str) -> "Refused":
    """Return the exception of one refusal; ends with exit code 1."""
    from domain.refusal import refuse

    return refuse(field=field, rule=rule, remedy=remedy, message=message)


def cannot_listen() -> "Refused":
    """Return the exception of a server whose address or port is taken or not this machine's."""
    return refused(
        field="port",
        rule="地址和端口须可监听",
        remedy="请换用其他端口，或停止占用它的程序",
        message="无法监听该地址和端口。",
    )


class NotReady(Exception):
    """Something this program depends on is not there or does not answer; ends with exit code 3."""

    def __init__(self, *, field: str, rule: str, remedy: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(field=field, rule=rule, remedy=remedy, message=message)


class WrongUsage(click.UsageError):
    """A usage error in our own words: the message is a rule and holds no value, so it may be shown."""


def print_failure(failure: Failure, output: str) -> None:
    """Print a failure: as the one JSON document on stdout, or for a person on stderr."""
    reason = failure.reason
    if output == JSON:
        print_json({"error": asdict(reason)})
        return
    click.echo(f"错误：{reason.message}", err=True)
    for name, text in (("字段", reason.field), ("规则", reason.rule), ("办法", reason.remedy)):
        if text:
            click.echo(f"{name}：{text}", err=True)


def failure_of(error: Exception) -> Failure:
    """Return what went wrong; an unknown error is logged by type and place only."""
    from domain.refusal import Refused

    if isinstance(error, Refused):
        return Failure(REFUSED, Reason(**error.refusal.model_dump()))
    if isinstance(error, NotReady):
        return Failure(UNREACHABLE, error.reason)
    known = _known(error)
    if known is not None:
        return Failure(UNREACHABLE, known)
    logger.error("unexpected error", exc_info=error)
    return Failure(
        UNREACHABLE,
        Reason(
            field="mente",
            rule="命令须能完成",
            remedy="请稍后重试；仍不成功的，请把标准错误输出中的日志交给维护人员",
            message="程序遇到意外错误，未能完成。",
        ),
    )


def _known(error: Exception) -> Reason | None:
    if isinstance(error, TimeoutError):
        return _reason("mente", "须在时限内完成", "请稍后重试", "等待超时，未能完成。")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _reason("disk", "磁盘须有剩余空间", "请腾出磁盘空间后重试", "磁盘空间不足，无法保存。")
    return _of_temporal(error) or _of_storage(error)


def _of_temporal(error: Exception) -> Reason | None:
    from temporalio.service import RPCError

    from starter.client import Unanswered
    from starter.server import ServerMissing
    from starter.skipping import StillSkipping
    from worker.connection import Unreachable
    from worker.search_attributes import NamespaceUnusable

    # Officials read these words too, and know the program by what it does.
    match error:
        case Unreachable() | NamespaceUnusable():
            return _reason("temporal", "须能连接流程服务", "请确认服务已启动，稍后重试", str(error))
        case Unanswered() | StillSkipping():
            return _reason("temporal", "须在时限内得到应答", "请确认工作进程正在运行，稍后重试", str(error))
        case ServerMissing():
            return _reason("temporal", "须有流程服务的程序", "请安装 mente[embedded]", str(error))
        case RPCError():
            message = f"流程服务未能处理请求（{error.status.name}）。"
            return _reason("temporal", "须能连接流程服务", "请稍后重试", message)
        case _:
            return None


def _of_storage(error: Exception) -> Reason | None:
    from obstore.exceptions import BaseError as ObjectStoreError
    from sqlalchemy.exc import SQLAlchemyError

    from domain.policy_fault import PolicyError
    from starter.answers import NothingSent
    from storage.calendar_store import CalendarDamaged
    from storage.keys import KeysUnusable
    from storage.migrations import NewerDatabase
    from storage.objects import NotStored, StoreAway, Tampered

    match error:
        case PolicyError():
            remedy = "请运行 mente policy lint 查看全部错误，更正后重试"
            return _reason("policies", "政策文件须能载入", remedy, f"政策文件无法使用。{error.problems[0]}")
        case KeysUnusable():
            return _reason("keys", "须有可用的密钥", "请按提示修复密钥目录", str(error))
        case StoreAway():
            return _reason("objects", "文件库须在原处", "请挂载或恢复文件库所在的文件夹，然后重试", STORE_AWAY_ZH)
        case ObjectStoreError():
            return _reason("objects", "文件库须可读写", "请检查文件库所在的磁盘或服务，然后重试", "文件库无法使用。")
        case NewerDatabase():
            remedy = "请改用建立该数据库的版本或更新的版本启动"
            return _reason("database", "程序的版本不低于数据库的版本", remedy, NEWER_DATABASE_ZH)
        case NotStored() | Tampered():
            message = "文件库中没有该文件。" if isinstance(error, NotStored) else "文件库中的文件已被改动。"
            return _reason("objects", "文件须与登记的摘要一致", "请检查文件库，从备份恢复", message)
        case CalendarDamaged():
            if not error.notice:
                remedy = "请运行 mente migrate，装入随程序发布的通知"
                return _reason("calendar", "日历须已装入数据库", remedy, "数据库中没有工作日历。")
            message = f"数据库中的通知 {error.notice} 已被改动，不能据此计算期限。"
            return _reason("calendar", "通知须与导入时一致", "请从备份恢复数据库", message)
        case SQLAlchemyError():
            logger.error("database: %s", type(error.__cause__ if isinstance(error, NothingSent) else error).__name__)
            return _reason(
                "database", "数据库须可访问并已迁移", "请确认数据库已启动，并运行 mente migrate", "数据库无法使用。"
            )
        case _:
            return None


def _reason(field: str, rule: str, remedy: str, message: str) -> Reason:
    return Reason(field=field, rule=rule, remedy=remedy, message=message)


def interrupted(line: Sequence[str]) -> Failure:
    """Return what Ctrl-C during a command line means to its sender."""
    if _command_of(line) in _STAYING:
        return Failure(UNREACHABLE, _reason("mente", "命令须能完成", "如仍需要，请重新运行", "已中断。"))
    remedy = "如已发出命令，请查询状态，或以同一命令编号重试"
    return Failure(UNREACHABLE, _reason("mente", "命令须能完成", remedy, "已中断，命令可能已经发出。"))


def _command_of(line: Sequence[str]) -> str:
    """Return the first word that is no option, and no option's value: before the command all options have one."""
    words = iter(line)
    for word in words:
        if not word.startswith("-"):
            return word
        if "=" not in word:
            next(words, None)
    return ""


def usage_failure(error: click.UsageError) -> Failure:
    """Return what is wrong with a command line, in our words: click's own repeat what was typed."""
    message, field, rule = _usage_words(error)
    path = error.ctx.command_path if error.ctx is not None else "mente"
    return Failure(WRONG_USAGE, _reason(field, rule, f"请查看用法：{path} --help", message))


def _usage_words(error: click.UsageError) -> tuple[str, str, str]:
    match error:
        case click.MissingParameter(param=click.Parameter() as param):
            return "缺少必填的参数。", _name_of(param), f"{_name_of(param)} 必填"
        case click.BadParameter(param=click.Parameter() as param):
            return "参数取值不符合要求。", _name_of(param), _rule_of(param)
        case click.NoSuchOption():
            typed = error.option_name if _OPTION.fullmatch(error.option_name) else "options"
            near = "、".join(sorted(error.possibilities or ()))
            return "没有这个选项。" + (f"您是否要用 {near}？" if near else ""), typed, "只能使用用法中列出的选项"
        case click.BadOptionUsage():
            return "选项的用法不对，或缺少取值。", error.option_name, f"{error.option_name} 须带一个取值"
        case WrongUsage():
            return "参数的个数或组合不符合用法。", "arguments", error.message
        case _:
            return _unknown_command(error)


def _unknown_command(error: click.UsageError) -> tuple[str, str, str]:
    context = error.ctx
    if context is not None and isinstance(context.command, click.Group):
        names = sorted(context.command.commands)
        typed = context.meta.get("mente.typed", "")
        near = difflib.get_close_matches(typed, names, n=1)
        hint = f"您是否要用 {near[0]}？" if near else ""
        return f"没有这个子命令，或缺少子命令。{hint}", "command", f"子命令须为：{'、'.join(names)}"
    return "参数的个数或组合不符合用法。", "arguments", "参数须与用法一致"


def _name_of(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return str(param.metavar or param.name)


def _rule_of(param: click.Parameter) -> str:
    match param.type:
        case click.Choice():
            return f"{_name_of(param)} 只能是：{'、'.join(str(each) for each in param.type.choices)}"
        case click.IntRange():
            return f"{_name_of(param)} 须为 {param.type.min} 至 {param.type.max} 的整数"
        case click.DateTime():
            return f"{_name_of(param)} 须为日期，格式 YYYY-MM-DD"
        case _ if param.type.name == "paper":
            return f"{_name_of(param)} 须为 KIND=FILE，其后可以逗号接 NAME=VALUE；KIND 与 NAME 见用法和 docs/messages"
        case _ if param.type is click.INT:
            return f"{_name_of(param)} 须为整数"
        case _:
            return f"{_name_of(param)} 的取值须符合用法"
