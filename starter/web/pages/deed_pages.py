"""One page for each command an official may send to a case: the form, what it will do, and the answer."""

from collections.abc import Sequence

from fastapi.responses import Response

from domain.access import Action, Role
from domain.events import NOTICE_ZH, Recipient
from domain.moments import local_date
from domain.vocabulary import Status
from starter.status import seen_at
from starter.web.api.cases import Number
from starter.web.doors import now
from starter.web.pages.commanding import form_id, sent
from starter.web.pages.deeds import BY_COMMAND, Asked, Deed, read_fields
from starter.web.pages.fields import FieldError
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.wording import day
from starter.web.permission import permit_case
from starter.web.problems import Stopped, stopped
from storage import reading
from storage.notice_standing import AttemptState
from storage.reading import CaseView

router = page_router("/cases/{acceptance_no}/do")
_OFFICIALS = (Role.OFFICER, Role.COUNTER, Role.EXPERT)


@router.get("/{command}")
async def ask(visit: Known, acceptance_no: Number, command: str) -> Response:
    """The form of one command."""
    visit.need(*_OFFICIALS)
    deed = _deed(command)
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, deed.action)
    return await _page(visit, deed, number)


@router.post("/{command}")
async def act(visit: Known, acceptance_no: Number, command: str) -> Response:
    """Send the command. The same form sent again does nothing more."""
    visit.need(*_OFFICIALS)
    deed = _deed(command)
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, deed.action)
    content, wrong = read_fields(deed, visit.fields)
    if wrong:
        return await _page(visit, deed, number, errors=wrong)
    if deed.follows and not visit.fields.text("looked", 1) and (last := await _last_look(visit, deed, number)):
        return last
    told = await sent(visit, number, deed.command, content, done=deed.done)
    if isinstance(told, FieldError):
        return await _page(visit, deed, number, errors=[told])
    return visit.go(back_of(visit, number, left=deed.action is Action.RECUSE), flash=told)


def back_of(visit: Visit, number: str, *, left: bool = False) -> str:
    """Return where an official goes on after a command; `left`: the case is no longer theirs to see."""
    if visit.me.role is Role.EXPERT:
        return "/expert" if left else f"/expert/{number}"
    return f"/cases/{number}"


def _deed(command: str) -> Deed:
    deed = BY_COMMAND.get(command)
    if deed is None:
        raise no_such_deed()
    return deed


def no_such_deed() -> Stopped:
    """Return what an address gets that names no command of ours."""
    return stopped(
        404, field="path", rule="只有本站页面上的操作", remedy="请从案件页面进入", message="没有这一操作。"
    )


async def _last_look(visit: Visit, deed: Deed, number: str) -> Response | None:
    """Return the page before what cannot be undone; None where the case will refuse it, and say why, anyway."""
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
    if view is None or not _is_possible(deed, view):
        return None
    await visit.doors.accesses.record(actor=visit.me.reader, action="case.read", acceptance_no=number)
    today = day(local_date(seen_at(view, now())))
    carried = [(asked.name, visit.fields.text(asked.name, asked.most)) for asked in deed.fields]
    return visit.render(
        "deed_last.html",
        deed=deed,
        number=number,
        view=view,
        chosen=[
            (asked.label, dict(asked.options).get(text, text))
            for asked, (_, text) in zip(deed.fields, carried, strict=True)
        ],
        carried=carried,
        follows=[each.format(day=today) for each in deed.follows],
        command_id=form_id(visit),
        back=back_of(visit, number),
    )


def _is_possible(deed: Deed, view: CaseView) -> bool:
    return not view.closed and deed.possible_in(view.status)


async def _page(visit: Visit, deed: Deed, number: str, errors: Sequence[FieldError] = ()) -> Response:
    await visit.doors.accesses.record(actor=visit.me.reader, action="case.read", acceptance_no=number)
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
    return visit.render(
        "deed.html",
        errors=errors,
        deed=deed,
        number=number,
        view=view,
        fields=[await _with_options(visit, number, each, view) for each in deed.fields],
        typed=visit.fields.as_dict(),
        command_id=form_id(visit, errors),
        back=back_of(visit, number),
        possible=view is None or _is_possible(deed, view),
    )


async def _with_options(visit: Visit, number: str, asked: Asked, view: CaseView | None) -> Asked:
    """Return a field with what this case offers for it."""
    match asked.name:
        case "what" if view is not None and BY_COMMAND["correct"].possible_in(view.status):
            decided = "denial" if view.status is Status.DENIED else "grant"
            return asked._replace(options=tuple(each for each in asked.options if each[0] == decided))
        case "objection_id":
            return asked._replace(options=await _objections(visit, number))
        case "notice_seq":
            return asked._replace(options=await _notices(visit, number))
        case _:
            return asked


async def _objections(visit: Visit, number: str) -> tuple[tuple[str, str], ...]:
    await visit.doors.accesses.record(actor=visit.me.reader, action="objections.read", acceptance_no=number)
    async with visit.doors.database.read() as connection:
        found = await reading.objections_of(connection, number)
    return tuple(
        (each.objection_id, f"{each.objection_id}　{each.by}：{each.reason}") for each in found if each.upheld is None
    )


async def _notices(visit: Visit, number: str) -> tuple[tuple[str, str], ...]:
    async with visit.doors.database.read() as connection:
        found = await reading.notices_of(connection, number)
    return tuple(
        (str(each.seq), f"第 {each.seq} 号　{NOTICE_ZH[each.event]}")
        for each in found
        if each.recipient is Recipient.APPLICANT and each.state != AttemptState.DELIVERED
    )
