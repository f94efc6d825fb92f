"""The shape of every command that sends a message to a case; the bodies only say which fields it has."""

import functools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from domain.vocabulary import STATUS_ZH, Status
from starter.cli.failing import NotReady
from starter.cli.opening import opened_mente
from starter.cli.output import Answer, words
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from rich.console import Console

    from activities.contract import CommandReceipt
    from domain.commands import Command

NUMBER = click.argument("number", metavar="NO")


class MessageLeaf(Leaf):
    """A command that sends one message; `message` is its name in `domain.commands.COMMANDS`."""

    message: str = ""


@dataclass(frozen=True)
class Draft:
    """The fields of a message, and who sends it unless `--actor` says otherwise."""

    actor: str
    fields: dict[str, object]


@dataclass(frozen=True)
class Envelope:
    """What every message command takes beside its own fields."""

    number: str
    actor: str | None
    command_id: str | None
    status: str | None
    round: int | None
    wait: float
    answered: bool

    def filled(self, draft: Draft) -> dict[str, object]:
        """Return the whole message as JSON types."""
        from starter.client import new_command_id

        common = {
            "command_id": self.command_id or new_command_id(),
            "actor": self.actor or draft.actor,
            "status": self.status,
            "round": self.round,
        }
        return {name: value for name, value in (common | draft.fields).items() if value is not None}


_OPTIONS = (
    click.option("--actor", metavar="KIND:ID", help="Who sends it: channel:…, counter:…, expert:…, officer:…."),
    click.option("--command-id", metavar="ID", help="Repeat a command safely: the same id is carried out once."),
    click.option(
        "--status",
        type=click.Choice([each.value for each in Status]),
        metavar="STATUS",
        help="Only if the case is there.",
    ),
    click.option("--round", type=click.INT, metavar="N", help="Only in this round."),
    click.option(
        "--wait",
        type=click.FloatRange(0.1, 600),
        default=15.0,
        metavar="SECONDS",
        help="For the answer.  [default: 15]",
    ),
    click.option("--no-wait", is_flag=True, help="Send without an answer; it is kept until a worker is up."),
)


def takes_envelope(body: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """Give a command body the number and the common options, as its first argument."""

    @functools.wraps(body)
    def carry(number: str, **given: Any) -> Awaitable[Answer]:
        envelope = Envelope(
            number=number,
            actor=given.pop("actor"),
            command_id=given.pop("command_id"),
            status=given.pop("status"),
            round=given.pop("round"),
            wait=given.pop("wait"),
            answered=not given.pop("no_wait"),
        )
        return body(envelope, **given)

    wrapped: Callable[..., Awaitable[Answer]] = carry
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return NUMBER(wrapped)


def message_command(name: str, message: str) -> Callable[[Callable[..., Draft]], MessageLeaf]:
    """Make a command of a body that returns the message's fields."""

    def made(body: Callable[..., Draft]) -> MessageLeaf:
        @functools.wraps(body)
        async def sending(envelope: Envelope, **given: Any) -> Answer:
            from domain.acceptance import parse_acceptance_number

            number = parse_acceptance_number(envelope.number)
            return await deliver(number, written(message, envelope.filled(body(**given))), envelope)

        return message_leaf(name, message, takes_envelope(sending))

    return made


def message_leaf(name: str, message: str, body: Callable[..., Awaitable[Answer]]) -> MessageLeaf:
    """Make a command that sends a message from a body that does everything itself."""
    leaf: MessageLeaf = click.command(name, cls=MessageLeaf)(body)
    leaf.message = message
    return leaf


def written(message: str, fields: dict[str, object]) -> "Command":
    """Return a message read as the case will read it. Raises `Refused` naming the field."""
    from domain.commands import read_command

    return read_command(message, json.dumps(fields).encode())


async def deliver(number: str, command: "Command", envelope: Envelope, *, contents: Sequence[bytes] = ()) -> Answer:
    """Keep the files it speaks of, send a message, and return its receipt, or without an answer what was sent."""
    from domain.commands import name_of
    from starter.client import Unanswered

    async with opened_mente() as mente:
        await mente.keep(number, contents)
        if not envelope.answered:
            done = await mente.signal(number, command)
            if done is not None:
                return Answer(done, lambda console: _show_receipt(console, done))
            sent = {"acceptance_no": number, "command_id": command.command_id, "command": name_of(command)}
            return Answer({**sent, "sent": True}, lambda console: _show_sent(console, command.command_id))
        try:
            receipt = await mente.send(number, command, wait=envelope.wait)
        except Unanswered as error:
            raise NotReady(
                field="temporal",
                rule="须在时限内得到应答",
                remedy=f"请确认工作进程正在运行；以 --command-id {command.command_id} 重试是安全的",
                message=str(error),
            ) from None
    return Answer(receipt, lambda console: _show_receipt(console, receipt))


def _show_sent(console: "Console", command_id: str) -> None:
    console.print(f"已发出，不等候答复；结果见案件的时间线。命令编号 {words(command_id)}")


def _show_receipt(console: "Console", receipt: "CommandReceipt") -> None:
    done = "此前已办理" if receipt.repeated else "已办理"
    console.print(f"{done}：受理号 {receipt.acceptance_no}，办理时案件状态“{STATUS_ZH[receipt.status]}”")
    console.print(f"命令编号 {words(receipt.command_id)}，登记序号 {receipt.seq}")
