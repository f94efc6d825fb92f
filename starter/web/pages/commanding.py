"""A command from a form: its id is made with the form, so that sending it twice is harmless."""

from collections.abc import Iterable
from typing import Any

from domain.refusal import Refused
from starter.client import Unanswered, new_command_id
from starter.web.api.commands import ANSWER_SECONDS, carry
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.settling import told_when_settled
from starter.web.pages.shell import Visit
from starter.web.shapes import AcceptedOut
from worker.connection import Unreachable

DELIVERED = "已送达，尚未办理：处理程序暂时没有应答，恢复后会自动办理。请稍后刷新页面查看结果；重复提交是安全的。"
_AWAY = FieldError(
    "sent", "没有送达：流程服务暂时无法连接，内容没有丢失。", "请稍后用本页的按钮再次提交，不会重复办理", status=503
)


_UNCERTAIN = FieldError(
    "sent",
    "没有得到应答，不能确定是否已经送达，内容没有丢失。",
    "请稍后用本页的按钮再次提交，不会重复办理",
    status=503,
)
_MOVES_ZH = {
    "命令所针对的轮次不是当前轮次": "评审的轮次在此期间已经变化",
    "请按当前轮次重新发送，或不填写轮次": "请核对后按当前轮次再次提交",
    "命令所针对的": "所办事项针对的",
    "不能执行此命令": "不能办理这一事项",
    "可用的命令": "可以办理的事项",
    "没有您可以发送的命令": "没有您可以办理的事项",
    "不再接受命令": "不再办理",
}
"""What a case says of commands, in the words of people who send forms."""


def form_id(visit: Visit, errors: Iterable[FieldError] = ()) -> str:
    """Return the command id a form carries; a new one for a form that is shown first, or whose id is used up."""
    used_up = any(each.field == "command_id" for each in errors)
    return ("" if used_up else visit.fields.text("command_id", most=80)) or new_command_id()


def undelivered(error: Unreachable | Unanswered) -> FieldError:
    """Return what to say beside the button of a form that did not arrive, or of which nobody knows whether it did."""
    return _AWAY if isinstance(error, Unreachable) else _UNCERTAIN


def in_moves(error: FieldError) -> FieldError:
    """Return what a case refused without a word of commands."""
    message, remedy, rule = map(_in_moves, (error.message, error.remedy, error.rule))
    return error._replace(message=message, remedy=remedy, rule=rule)


def _in_moves(text: str) -> str:
    for theirs, ours in _MOVES_ZH.items():
        text = text.replace(theirs, ours)
    return text


async def sent(visit: Visit, number: str, name: str, raw: dict[str, Any], *, done: str) -> str | FieldError:
    """Send a command as the visitor; what to say of it, or what was wrong. Raises `Stopped` as `permit` does."""
    content = {"command_id": form_id(visit), **raw}
    try:
        found = await carry(visit.doors, visit.me, number, name, content, wait=ANSWER_SECONDS)
    except Refused as refused:
        return in_moves(error_of(refused.refusal))
    except (Unreachable, Unanswered) as error:
        return undelivered(error)
    if isinstance(found, AcceptedOut):
        return DELIVERED
    return await told_when_settled(visit.doors, number, found.seq, done)
