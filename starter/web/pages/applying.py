"""Applying: city and disease, the person, the papers, a last look, and the receipt.

What is typed is kept in a draft after every step. Its id is the request id, so that an application that is sent twice
is one case, and the answer to the second is the receipt of the first.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from fastapi.responses import Response

from activities.letters.form import filled_form, render_form
from domain.acceptance import with_hyphens
from domain.access import Action, is_theirs
from domain.application import ApplicationForm
from domain.intake import form_faults, judge_form, parse_form
from domain.moments import rfc3339
from domain.refusal import Refused
from domain.roles import Role
from domain.vocabulary import CHANGE_ZH, TIER_ZH, ApplicationKind, ChangeKind, InsuredCategory
from starter.admission import HANDED_OVER_WITHIN
from starter.answers import Unanswered
from starter.web.answering import answer_file
from starter.web.api.applications import channel_of, facts_of_form
from starter.web.api.reference import policy_in_force
from starter.web.doors import now
from starter.web.hand_ins import handing_in
from starter.web.pages.beginning import KINDS
from starter.web.pages.checking import is_complete
from starter.web.pages.commanding import undelivered
from starter.web.pages.counter_hours import told_while_closed, worded_for
from starter.web.pages.drafting import Content, Written, became, rewrite, written
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.guides import disease_of
from starter.web.pages.papering import asked_of_draft
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_number, plain_phone
from starter.web.permission import permit
from storage.case_facts import link_case
from storage.drafts import Purpose, is_taken_up, mark_sent
from storage.policies import policy_book
from worker.connection import Unreachable

router = page_router()
INTAKE_SECONDS = 6.0
CATEGORY_ZH = {
    InsuredCategory.EMPLOYEE: "城镇职工",
    InsuredCategory.RESIDENT: "城乡居民",
    InsuredCategory.FLEXIBLE: "灵活就业人员",
}
_NAMES = {
    "applicant.name": "name",
    "applicant.id_number": "id_number",
    "applicant.phone": "phone",
    "applicant.email": "email",
    "applicant.insured_category": "insured_category",
    "applicant.tier": "tier",
    "applicant.agent": "agent_name",
    "applicant.agent.name": "agent_name",
    "applicant.agent.id_number": "agent_id_number",
    "applicant.agent.phone": "agent_phone",
    "offregion.region": "offregion",
    "take_over": "take_over",
}
_TYPED = (*dict.fromkeys(_NAMES.values()), "hospital_id", "replaces", "change", "originals", "received_at")
_PLAIN: Mapping[str, Callable[[str], str]] = {
    "id_number": plain_number,
    "agent_id_number": plain_number,
    "phone": plain_phone,
    "agent_phone": plain_phone,
    "offregion": plain_number,
}
_MUST = (
    ("name", "姓名"),
    ("id_number", "身份证号码"),
    ("phone", "手机号码"),
    ("insured_category", "参保类型"),
    ("hospital_id", "定点医疗机构"),
)


@router.get("/apply/{draft_id}/person")
async def person_form(visit: Known, draft_id: str) -> Response:
    """Who the patient is, who applies for them, and where they are treated."""
    found = await written(visit, draft_id, Purpose.APPLY)
    return visit.go(became(found)) if became(found) else _person_page(visit, found, ())


@router.post("/apply/{draft_id}/person")
async def person(visit: Known, draft_id: str) -> Response:
    """Keep what was typed, whatever it is, and judge it."""
    found = await written(visit, draft_id, Purpose.APPLY)
    if onward := became(found):
        return visit.go(onward)
    sent = {"typed": _typed(visit), "page": visit.fields.text("page", 16)}
    found = await rewrite(visit, found, lambda content: content.model_copy(update=sent))
    errors = _wrong(visit, found)
    if errors:
        return _person_page(visit, found, errors)
    return visit.go(f"/draft/{found.id}/papers")


@router.post("/apply/{draft_id}/typed")
async def keep_typed(visit: Known, draft_id: str) -> Response:
    """Keep what stands in the form of the person while it is being filled in; nothing is judged yet."""
    found = await written(visit, draft_id, Purpose.APPLY)
    if onward := became(found):
        return visit.go(onward)
    typed, page = _typed(visit), visit.fields.text("page", 16)

    def change(content: Content) -> Content:
        # What a page said before its form was sent may arrive after it.
        return content if page and page == content.page else content.model_copy(update={"typed": typed})

    await rewrite(visit, found, change)
    return Response(None, 204)


def _typed(visit: Visit) -> dict[str, str]:
    return {name: _PLAIN.get(name, str)(visit.fields.text(name, 300)) for name in _TYPED}


def _wrong(visit: Visit, found: Written) -> list[FieldError]:
    """Return what is missing and what is wrong, one thing of each field, in the order of the form."""
    missing = _missing({name: found.content.typed.get(name, "") for name in _TYPED})
    first: dict[str, FieldError] = {}
    for each in (*missing, *_judged(visit, found)):
        first.setdefault(each.field, each)
    order = {name: place for place, name in enumerate(_TYPED)}
    return sorted(first.values(), key=lambda each: order.get(each.field, len(order)))


def _missing(typed: dict[str, str]) -> list[FieldError]:
    wanted = list(_MUST)
    if any(typed[name] for name in ("agent_name", "agent_id_number", "agent_phone")):
        wanted += [
            ("agent_name", "代办人姓名"),
            ("agent_id_number", "代办人身份证号码"),
            ("agent_phone", "代办人手机号码"),
        ]
    return [FieldError(name, f"没有填写{label}。", f"请填写{label}") for name, label in wanted if not typed[name]]


def _judged(visit: Visit, found: Written) -> list[FieldError]:
    """Judge what was typed as the door will, all of it; the papers come later."""
    content = found.content
    # Without a category nothing is a form that could be judged: that it is missing is told beside the rest.
    typed = {**content.typed, "insured_category": content.typed.get("insured_category") or InsuredCategory.EMPLOYEE}
    whole = found.model_copy(update={"content": content.model_copy(update={"typed": typed})})
    try:
        form = _read(visit, whole)
        refusals = [*form_faults(form, policies=policy_book(), now=now())]
    except Refused as refused:
        refusals = [refused.refusal]
    return [error_of(each, _NAMES) for each in refusals if not each.field.startswith("materials")]


def _person_page(visit: Visit, found: Written, errors: Any) -> Response:
    policy = policy_in_force(found.content.region)
    return visit.render(
        "apply_person.html",
        found=found,
        page=secrets.token_hex(6),
        content=found.content,
        region=found.content.region,
        typed={name: found.content.typed.get(name, "") for name in _TYPED},
        policy=policy,
        categories=[(each, CATEGORY_ZH[InsuredCategory(each)]) for each in policy.filing.insured_categories.value],
        tiers=[(each, TIER_ZH.get(each, each)) for each in policy.filing.resident_tiers.value],
        changes=[(each.value, CHANGE_ZH[each]) for each in ChangeKind],
        errors=errors,
    )


@router.get("/apply/{draft_id}/review")
async def review(visit: Known, draft_id: str) -> Response:
    """A last look at everything before it is handed in."""
    found = await written(visit, draft_id, Purpose.APPLY)
    return visit.go(became(found)) if became(found) else await _review_page(visit, found, ())


async def _review_page(visit: Visit, found: Written, errors: Any) -> Response:
    items, _ = await asked_of_draft(visit, found)
    kind = next(label for value, label, _ in KINDS if value == found.content.kind)
    return visit.render(
        "apply_review.html",
        found=found,
        content=found.content,
        region=found.content.region,
        typed={name: found.content.typed.get(name, "") for name in _TYPED},
        category=CATEGORY_ZH.get(InsuredCategory(found.content.typed["insured_category"]), "")
        if found.content.typed.get("insured_category") in set(InsuredCategory)
        else "",
        tier=TIER_ZH.get(found.content.typed.get("tier", ""), found.content.typed.get("tier", "")),
        kind=kind,
        items=items,
        complete=is_complete(items),
        at_counter=visit.role is Role.COUNTER,
        closed=await told_while_closed(visit, found.content.region),
        errors=errors,
    )


@router.post("/apply/{draft_id}/submit")
async def submit(visit: Known, draft_id: str) -> Response:
    """Hand in. The same draft again gets the receipt it got the first time."""
    found = await written(visit, draft_id, Purpose.APPLY)
    if onward := became(found):
        return visit.go(onward)
    if visit.role is Role.COUNTER:
        said = {name: visit.fields.text(name, 40) for name in ("originals", "received_at")}
        found = await rewrite(
            visit, found, lambda content: content.model_copy(update={"typed": {**content.typed, **said}})
        )
    try:
        number, received_at = await _handed_in(visit, found)
    except Refused as refused:
        return await _review_page(visit, found, [worded_for(visit.role, error_of(refused.refusal, _NAMES))])
    except (Unreachable, Unanswered) as error:
        # The draft is still there, and its id is what it was sent under.
        return await _review_page(visit, found, [undelivered(error)])
    kept = Content(
        region=found.content.region,
        disease_id=found.content.disease_id,
        kind=found.content.kind,
        typed={"received_at": rfc3339(received_at)} if received_at else {},
    )
    async with visit.doors.database.write() as connection:
        if visit.role is Role.APPLICANT and await is_taken_up(connection, number):
            await link_case(connection, visit.me.id, number, at=now())
        await mark_sent(connection, found.draft, number, kept.model_dump(mode="json"), at=now())
    return visit.go(f"/apply/{found.id}/receipt")


async def _handed_in(visit: Visit, found: Written) -> tuple[str, datetime | None]:
    form = form_of(visit, found)
    permit(visit.me, Action.APPLY, facts_of_form(visit.doors, form))
    mente = await visit.doors.mente()
    async with handing_in(visit.request, visit.doors, visit.me, form):
        applied = await mente.hand_in(
            form,
            list(found.content.materials),
            now=now(),
            wait=INTAKE_SECONDS,
            account=visit.me.id if visit.role is Role.APPLICANT else "",
            sees=partial(is_theirs, visit.me),
            received_from=now() - HANDED_OVER_WITHIN,
        )
    visit.doors.accesses.note(
        actor=visit.me.reader, action="application.hand_in", acceptance_no=applied.acceptance_no
    )
    return applied.acceptance_no, form.received_at


@router.get("/apply/{draft_id}/form.pdf")
async def form_to_sign(visit: Known, draft_id: str) -> Response:
    """The application form filled from the draft, to be printed, signed and uploaded."""
    found = await written(visit, draft_id, Purpose.APPLY)
    if onward := became(found):
        return visit.go(onward)
    errors = _wrong(visit, found)
    if errors:
        return _person_page(visit, found, errors)
    policy = policy_in_force(found.content.region)
    name = disease_of(policy, found.content.disease_id).name
    content = filled_form(policy, _read(visit, found), disease_name=name)
    pdf = await asyncio.to_thread(render_form, content)
    return answer_file(visit.request, pdf, "application/pdf", "application-form.pdf")


def form_of(visit: Visit, found: Written) -> ApplicationForm:
    """Return a draft as an application. Raises `Refused` on the first thing that is wrong with it."""
    form = _read(visit, found)
    judge_form(form, policies=policy_book(), now=now())
    return form


def _read(visit: Visit, found: Written) -> ApplicationForm:
    content, typed = found.content, found.content.typed
    applicant: dict[str, Any] = {
        "name": typed.get("name", ""),
        "id_number": typed.get("id_number", ""),
        "phone": typed.get("phone", ""),
        "email": typed.get("email") or None,
        "insured_category": typed.get("insured_category", ""),
        "tier": typed.get("tier") or None,
    }
    if typed.get("agent_name"):
        applicant["agent"] = {name: typed.get(f"agent_{name}", "") for name in ("name", "id_number", "phone")}
    raw: dict[str, Any] = {
        "request_id": found.id,
        "channel": channel_of(visit.me),
        "region": content.region,
        "kind": content.kind.value,
        "disease_id": content.disease_id,
        "applicant": applicant,
        "hospital_id": typed.get("hospital_id", ""),
        "materials": [
            {**each.model_dump(mode="json", include=_DECLARED), "file": f"{number:03d}"}
            for number, each in enumerate(content.materials)
        ],
    }
    if content.kind is not ApplicationKind.NEW:
        raw["replaces"] = with_hyphens(typed.get("replaces", "")) or None
    if content.kind is ApplicationKind.CHANGE:
        raw["change"] = typed.get("change") or None
    if typed.get("offregion"):
        raw["offregion"] = {"region": typed["offregion"]}
    if typed.get("take_over"):
        raw["take_over"] = with_hyphens(typed["take_over"])
    if visit.role is Role.COUNTER and typed.get("received_at"):
        # Papers taken in just before the counter closed may be typed in after that.
        raw["received_at"] = typed["received_at"]
    if visit.role is Role.COUNTER and typed.get("originals"):
        raw |= {"originals": typed["originals"], "originals_by": visit.me.actor}
    return parse_form(raw)


_DECLARED = {
    "kind",
    "issued_on",
    "hospital_id",
    "hospital_level",
    "sealed",
    "signed",
    "diagnosed_on",
}


@router.get("/apply/{draft_id}/receipt")
async def receipt(visit: Known, draft_id: str) -> Response:
    """The receipt with the acceptance number, to keep or to print."""
    found = await written(visit, draft_id, Purpose.APPLY)
    if found.draft.sent_at is None:
        return visit.go(f"/apply/{found.id}/review")
    policy = policy_in_force(found.content.region)
    received = found.content.typed.get("received_at")
    return visit.render(
        "apply_receipt.html",
        found=found,
        content=found.content,
        region=found.content.region,
        policy=policy,
        received_at=datetime.fromisoformat(received) if received and visit.role is Role.COUNTER else None,
    )
