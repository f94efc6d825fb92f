"""Commands to a case: answered with a receipt or a refusal, or delivered (202) when nobody answers in time."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities.contract import CommandReceipt
from domain.access import Action, Principal, is_theirs
from domain.commands import Command, read_command
from domain.half_width import half_width
from domain.judging import STATUSES
from domain.refusal import Refused
from starter.answers import nothing_sent
from starter.client import Mente, Unanswered
from starter.seeing import Sees
from starter.web.answering import answer
from starter.web.api.applications import Prefer, wait_of
from starter.web.api.cases import Number
from starter.web.callers import Asker
from starter.web.command_bounds import bounds_of, counted
from starter.web.doors import Doors, Doorway
from starter.web.messages import COMMAND_BODIES, SENT, PapersIn, json_body, read_as, takes
from starter.web.permission import may_do, permit_case
from starter.web.problems import stopped
from starter.web.remedies import within_reach
from starter.web.shapes import AcceptedOut
from storage import reading

router = APIRouter(prefix="/applications/{acceptance_no}/commands", tags=["commands"])
ANSWER_SECONDS, ASKED_SECONDS = 5.0, 2.0
"""How long an answer is waited for where nothing else is said, and where none was asked for but one is due."""

_TYPED = ("phone", "region")


async def carry(
    doors: Doors,
    principal: Principal,
    acceptance_no: str,
    name: str,
    raw: dict[str, Any],
    *,
    wait: float,
    as_documented: bool = False,
) -> CommandReceipt | AcceptedOut:
    """Send a command as its asker; the receipt, or what says that it was delivered and by whom nobody knows yet.

    `wait` in seconds; 0 delivers it without asking for an answer, which a case that has ended gives all the same.
    `as_documented` refuses keys and types that the document does not name: our own forms send neither.

    The same command id goes as a signal of the same name when no worker answers: a case that has carried it out
    meanwhile takes the repetition for what it is. Raises `Refused`, `Stopped` and `Unreachable`.
    """
    with nothing_sent():
        number, facts = await permit_case(doors, principal, acceptance_no, Action(name))
        if as_documented:
            read_as(raw, COMMAND_BODIES[name])
        command = await _command_of(doors, principal, name, raw)
    mente = await doors.mente()
    doors.accesses.note(
        actor=principal.reader,
        action=f"command.{name}",
        acceptance_no=number,
        detail={"command_id": command.command_id},
    )
    asker = f"{number} {principal.reader}"
    turn, sees = partial(_take_turn, doors, asker, number, command), partial(is_theirs, principal)
    try:
        with counted(doors, bounds_of(doors, principal, number, name), f"{asker} {command.command_id}") as counting:
            receipt = await _answered(mente, number, command, wait, turn=turn, sees=sees)
            if receipt is not None and receipt.repeated:
                counting.give_back()
    except Refused as refused:
        raise Refused(within_reach(refused.refusal, principal, facts)) from None
    return receipt or _delivered(number, command, name, reads=may_do(principal, Action.READ_CASE, facts))


async def _answered(
    mente: Mente, number: str, command: Command, wait: float, *, turn: Callable[[], Awaitable[bool]], sees: Sees
) -> CommandReceipt | None:
    """Send a command, as a signal only where that is asked for or nobody answers, and it has its `turn`.

    A question nobody answers may be carried out later all the same: without a turn `Unanswered` says so.
    """
    if wait > 0 or not await turn():
        try:
            return await mente.send(number, command, wait=wait or ASKED_SECONDS, sees=sees)
        except Unanswered:
            if wait == 0 or not await turn():
                raise
    return await mente.signal(number, command)


async def _take_turn(doors: Doors, asker: str, number: str, command: Command) -> bool:
    """Whether a command may go as a signal: so often in an hour, and only what is due as far as is known.

    A signal is in the record for good, a refused one too, while a refused question leaves nothing.
    """
    if doors.signals.look(asker).remaining < 1 or not await _is_due(doors, number, command):
        return False
    # Others may have had theirs meanwhile.
    if doors.signals.look(asker).remaining < 1:
        return False
    doors.signals.take(asker)
    return True


async def _is_due(doors: Doors, number: str, command: Command) -> bool:
    async with doors.database.read() as connection:
        view = await reading.case_status(connection, number)
    return view is None or (not view.closed and view.status in STATUSES[type(command)])


def _delivered(number: str, command: Command, name: str, *, reads: bool) -> AcceptedOut:
    found = "办理结果见时间线" if reads else "再次发送同一命令，可得到办理结果"
    return AcceptedOut(
        acceptance_no=number,
        command_id=command.command_id,
        command=name,
        # Nobody is sent where they may not look.
        look_at=f"/api/v1/applications/{number}/timeline?command_id={quote(command.command_id)}" if reads else "",
        message=f"命令已送达，尚未办理。{found}；以同一命令编号重复发送是安全的。",
    )


async def _command_of(doors: Doors, principal: Principal, name: str, raw: dict[str, Any]) -> Command:
    actor = principal.acts_as(Action(name))
    if raw.get("actor") not in (None, actor):
        raise stopped(
            403,
            field="actor",
            rule="命令的发出者就是所用密钥或账号的持有者",
            remedy="请不填 actor，或由本人发送",
            message="不能以他人的名义发送命令。",
        )
    content = {**raw, "actor": actor}
    # A form is typed by a person, whose input method may write digits of full width.
    content |= {field: half_width(raw[field]) for field in _TYPED if isinstance(raw.get(field), str)}
    if name == "supply_materials" and isinstance(raw.get("materials"), list):
        papers = read_as({"materials": raw["materials"]}, PapersIn).materials
        stored = await doors.papers.stored(papers, principal, doors)
        content["materials"] = [each.model_dump(mode="json") for each in stored]
    return read_command(name, json.dumps(content).encode())


def _route(name: str) -> None:
    @router.post(
        f"/{name}",
        operation_id=name,
        name=name,
        summary=(SENT[name].__doc__ or name).splitlines()[0],
        response_model=CommandReceipt,
        responses={202: {"model": AcceptedOut, "description": "Delivered; nobody has answered yet."}},
        openapi_extra=takes(COMMAND_BODIES[name]),
    )
    async def send(
        request: Request, doors: Doorway, principal: Asker, acceptance_no: Number, prefer: Prefer = ""
    ) -> Response:
        raw = await json_body(request)
        wait = wait_of(prefer, ANSWER_SECONDS)
        found = await carry(doors, principal, acceptance_no, name, raw, wait=wait, as_documented=True)
        if isinstance(found, CommandReceipt):
            return answer(request, found)
        return answer(request, found, status=202, headers={"Location": found.look_at} if found.look_at else {})


for _name in SENT:
    _route(_name)
