"""What an applicant does to a case: supplying papers, appealing, withdrawing, changing hospital or contact."""

from typing import Any

from fastapi.responses import Response

from domain.access import Action
from domain.mail_address import judge_mail_address
from domain.phone_number import judge_phone
from domain.refusal import Refused
from starter.web.api.cases import case_of
from starter.web.doors import now
from starter.web.pages.commanding import form_id, sent
from starter.web.pages.drafting import Content, Written, begun, read_facts, rewrite, with_facts, written
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.one_case import MOVES, moves_of
from starter.web.pages.papering import papers_page
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_phone
from starter.web.permission import permit_case
from starter.web.problems import Stopped, stopped
from storage.drafts import Purpose, mark_sent

router = page_router()
_FORMS = {
    Action.APPEAL: ("move_appeal.html", ("reason",)),
    Action.WITHDRAW: ("move_withdraw.html", ("reason",)),
    Action.CHANGE_HOSPITAL: ("move_hospital.html", ("hospital_id",)),
    Action.CHANGE_CONTACT: ("move_contact.html", ("phone", "email")),
}
_DONE = {
    Action.APPEAL: "申诉已提交。",
    Action.WITHDRAW: "申请已撤回。",
    Action.CHANGE_HOSPITAL: "定点医疗机构已变更。",
    Action.CHANGE_CONTACT: "联系方式已变更。",
}
_SHOWN_BESIDE = frozenset({409, 422})


@router.get("/my/{acceptance_no}/do/{name}")
async def move_form(visit: Known, acceptance_no: str, name: str) -> Response:
    """The form of one move; of a supply, its draft."""
    action = await _possible(visit, acceptance_no, name)
    if action is Action.SUPPLY_MATERIALS:
        return visit.render("move_supply.html", number=acceptance_no, label=MOVES[action])
    return _form(visit, acceptance_no, action, {}, ())


@router.post("/my/{acceptance_no}/do/{name}")
async def move(visit: Known, acceptance_no: str, name: str) -> Response:
    """Do it. A repetition under the same command id, kept in the form, is the same command."""
    action = _action(name)
    if action is Action.SUPPLY_MATERIALS:
        await _possible(visit, acceptance_no, name)
        return await _begin_supply(visit, acceptance_no)
    typed = {each: visit.fields.text(each, 2000) for each in _FORMS[action][1]}
    if "phone" in typed:
        typed["phone"] = plain_phone(typed["phone"])
    raw: dict[str, Any] = {each: text for each, text in typed.items() if text}
    if wrong := _unfit(action, typed):
        return _form(visit, acceptance_no, action, typed, [wrong])
    try:
        said = await sent(visit, acceptance_no, action.value, raw, done=_DONE[action])
    except Stopped as refusal:
        if refusal.status not in _SHOWN_BESIDE:
            raise
        said = error_of(refusal.refusal)._replace(status=refusal.status)
    if isinstance(said, FieldError):
        return _form(visit, acceptance_no, action, typed, [_named(said, action)])
    return visit.go(f"/my/{acceptance_no}", flash=said)


def _unfit(action: Action, typed: dict[str, str]) -> FieldError | None:
    """Return what is wrong with what was typed, as far as no case is needed to tell."""
    match action:
        case Action.APPEAL if not typed["reason"]:
            return FieldError("reason", "没有填写申诉的理由。", "请写明对决定不服的理由")
        case Action.CHANGE_HOSPITAL if not typed["hospital_id"]:
            return FieldError("hospital_id", "没有填写新的定点医疗机构。", "请填写医院名称或编号")
        case Action.CHANGE_CONTACT if not typed["phone"] and not typed["email"]:
            return FieldError("phone", "没有填写新的联系方式。", "请至少填写一项")
        case Action.CHANGE_CONTACT:
            phone = judge_phone(typed["phone"], field="phone") if typed["phone"] else None
            email = judge_mail_address(typed["email"], field="email") if typed["email"] else None
            found = phone or email
            return error_of(found) if found else None
        case _:
            return None


def _named(error: FieldError, action: Action) -> FieldError:
    names = _FORMS[action][1]
    return error if error.field in (*names, "sent") else error._replace(field=names[0])


def _form(visit: Visit, number: str, action: Action, typed: dict[str, str], errors: Any) -> Response:
    template, names = _FORMS[action]
    return visit.render(
        template,
        number=number,
        label=MOVES[action],
        action=action.value,
        typed={name: typed.get(name, "") for name in names},
        command_id=form_id(visit, errors),
        errors=errors,
    )


def _action(name: str) -> Action:
    found = next((each for each in MOVES if each.value == name), None)
    if found is None:
        raise stopped(404, field="name", rule="", remedy="请从该件的页面进入", message="没有这种办理事项。")
    return found


async def _possible(visit: Visit, acceptance_no: str, name: str) -> Action:
    action = _action(name)
    status, facts = await case_of(visit.doors, visit.me, acceptance_no)
    if action.value not in [each for each, _ in moves_of(visit, status, facts)]:
        raise stopped(
            409,
            field="status",
            rule="按目前的办理状态，不能办理这一事项",
            remedy="请返回该件的页面，查看现在可以办理的事项",
            message=f"现在不能{MOVES[action]}。",
        )
    return action


async def _begin_supply(visit: Visit, acceptance_no: str) -> Response:
    """Open the draft of a supply, the one there is or a new one."""
    number, facts = await permit_case(visit.doors, visit.me, acceptance_no, Action.SUPPLY_MATERIALS)
    opened = await begun(visit, Purpose.SUPPLY, Content(region=facts.region), number)
    return visit.go(f"/draft/{opened}/papers")


@router.post("/supply/{draft_id}")
async def supply(visit: Known, draft_id: str) -> Response:
    """Hand in the papers of a draft; its id is the command id, so that twice is once."""
    found = await written(visit, draft_id, Purpose.SUPPLY)
    number = found.draft.acceptance_no or ""
    if found.draft.sent_at is not None:
        return visit.go(f"/my/{number}")
    note = {"note": visit.fields.text("note", 2000)}
    found = await rewrite(visit, found, lambda content: content.model_copy(update={"typed": note}))
    try:
        facts = read_facts(visit)
    except Refused as refused:
        return await papers_page(visit, found, [_beside(error_of(refused.refusal))])
    found = await rewrite(visit, found, lambda content: with_facts(content, facts))
    raw = {
        "command_id": found.id,
        **note,
        "materials": [
            {**each.model_dump(mode="json", include={"sha256", *_DECLARED})} for each in found.content.materials
        ],
    }
    said = await sent(visit, number, Action.SUPPLY_MATERIALS.value, raw, done="材料已提交。")
    if isinstance(said, FieldError):
        return await papers_page(visit, found, [_beside(said)])
    await _sent(visit, found, number)
    return visit.go(f"/my/{number}", flash=said)


def _beside(error: FieldError) -> FieldError:
    """Return an error at a place of the page: the button where nothing arrived, else the files."""
    return error if error.field == "sent" else error._replace(field="files")


_DECLARED = ("kind", "issued_on", "hospital_id", "hospital_level", "sealed", "signed", "diagnosed_on")


async def _sent(visit: Visit, found: Written, number: str) -> None:
    kept = Content(region=found.content.region).model_dump(mode="json")
    async with visit.doors.database.write() as connection:
        await mark_sent(connection, found.draft, number, kept, at=now())
