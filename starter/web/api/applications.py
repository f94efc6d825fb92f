"""Handing in an application, and the lists of those that were."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from domain.access import Action, CaseFacts, Principal, Role, is_theirs
from domain.application import ApplicationForm
from domain.intake import judge_form, parse_form
from domain.misspelt import check_known
from domain.refusal import refuse
from domain.vocabulary import Sla, Status, WaitingOn
from starter.admission import HANDED_OVER_WITHIN
from starter.answers import nothing_sent
from starter.client import Applied
from starter.status import listed
from starter.web.answering import answer
from starter.web.asking import Truth
from starter.web.callers import Asker
from starter.web.doors import Doors, Doorway, now
from starter.web.hand_ins import handing_in
from starter.web.messages import ApplicationIn, FormIn, PaperIn, PapersIn, json_body, read_as, takes
from starter.web.paging import Cursor, Limit, read_cursor, write_cursor
from starter.web.permission import facts_for, kept_apart, may_do, permit, permit_in
from starter.web.problems import stopped
from starter.web.shapes import AppliedOut, CaseLineOut, CasesOut
from storage.case_pages import After, CaseFilter, page_of_cases
from storage.policies import policy_book

router = APIRouter(tags=["applications"])
Prefer = Annotated[str, Header(max_length=200, description="`wait=N`: seconds to wait for the outcome, 0 to 15.")]
LONGEST_WAIT = 15.0
_SECONDS = re.compile(r"[0-9]{1,9}")
TAKEN_UP_SECONDS = 3.0
"""A person waits this long for a worker, so that the case stands in their lists; else it does once looked at."""


def wait_of(prefer: str, default: float) -> float:
    """Return how long a sender prefers to wait (RFC 7240), in seconds."""
    for each in prefer.split(","):
        name, _, value = each.strip().partition("=")
        if name.strip().lower() == "wait" and _SECONDS.fullmatch(value.strip()):
            return min(float(value.strip()), LONGEST_WAIT)
    return default


@router.post(
    "/applications",
    operation_id="apply",
    status_code=201,
    response_model=AppliedOut,
    responses={200: {"model": AppliedOut, "description": "The same request was handed in before."}},
    openapi_extra=takes(ApplicationIn),
)
async def apply(request: Request, doors: Doorway, principal: Asker, prefer: Prefer = "") -> Response:
    """Hand in an application; the same request again is the same case, another content under its id a conflict."""
    permit_apply(principal)
    raw = await json_body(request)
    form, papers = read_application(raw)
    form = _checked_by(principal, form)
    facts = facts_of_form(doors, form)
    permit(principal, Action.APPLY, facts)
    _check_received(principal, form)
    judge_form(form, policies=policy_book(), now=now())
    form = _of_account(principal, form)
    async with handing_in(request, doors, principal, form):
        applied = await hand_in(doors, principal, form, papers, wait=wait_of(prefer, 0.0))
    doors.accesses.note(actor=principal.reader, action="application.hand_in", acceptance_no=applied.acceptance_no)
    found = AppliedOut(
        acceptance_no=applied.acceptance_no,
        status=applied.status,
        created=applied.created,
        taken_over=applied.taken_over,
    )
    # Nobody is sent where they may not look.
    reads = principal.role is Role.APPLICANT or may_do(principal, Action.READ_CASE, facts)
    headers = {"Location": f"/api/v1/applications/{applied.acceptance_no}"} if reads else {}
    return answer(request, found, status=201 if applied.created else 200, headers=headers)


def _check_received(principal: Principal, form: ApplicationForm) -> None:
    if principal.role is Role.APPLICANT and form.received_at is not None:
        raise refuse(
            field="received_at",
            rule="本人在网上提交的申请，收件时间即提交的时间，由系统记录",
            remedy="请不填 received_at",
            message="收件时间不由申请人填写。",
        )


def _of_account(principal: Principal, form: ApplicationForm) -> ApplicationForm:
    """Give a person's request an id that is their account's own: all persons hand in through one channel."""
    if principal.role is not Role.APPLICANT:
        return form
    return form.model_copy(update={"request_id": f"{principal.id}:{form.request_id}"})


async def hand_in(
    doors: Doors, principal: Principal, form: ApplicationForm, papers: Sequence[PaperIn], *, wait: float
) -> Applied:
    """Start the case of a judged application whose papers were uploaded; an applicant's account gets the case."""
    if principal.role is Role.APPLICANT:
        wait = max(wait, TAKEN_UP_SECONDS)
    mente = await doors.mente()
    with nothing_sent():
        materials = await doors.papers.stored(papers, principal, doors)
    account = principal.id if principal.role is Role.APPLICANT else ""
    applied = await mente.hand_in(
        form,
        materials,
        now=now(),
        wait=wait,
        account=account,
        sees=partial(is_theirs, principal),
        received_from=now() - HANDED_OVER_WITHIN,
    )
    if account:
        await facts_for(doors, principal, applied.acceptance_no)
    return applied


def permit_apply(principal: Principal) -> None:
    """Refuse whoever may apply for nobody, before the body is read."""
    facts = CaseFacts(region=principal.regions[0] if principal.regions else "", channel=channel_of(principal))
    permit(principal, Action.APPLY, facts)


def channel_of(principal: Principal) -> str:
    """Return the channel through which somebody hands in."""
    match principal.role:
        case Role.APPLICANT:
            return "web"
        case Role.BACKEND:
            return principal.channel
        case _:
            return "counter"


def read_application(raw: dict[str, object]) -> tuple[ApplicationForm, tuple[PaperIn, ...]]:
    """Read an application whose materials are uploads. Raises `Refused` or `Stopped` on the first bad field."""
    given = raw.get("materials")
    if not isinstance(given, list):
        return _read_form(raw), ()
    papers = read_as({"materials": given}, PapersIn).materials
    declared = [
        {**{key: value for key, value in each.items() if key != "sha256"}, "file": f"{number:03d}"}
        for number, each in enumerate(given)
    ]
    return _read_form({**raw, "materials": declared}), papers


def _read_form(raw: dict[str, object]) -> ApplicationForm:
    check_known(raw)
    form = parse_form(raw)
    # The form itself forgives what lies in old payloads; here "yes" is no true, and a number no instant.
    read_as(raw, FormIn)
    return form


def facts_of_form(doors: Doors, form: ApplicationForm) -> CaseFacts:
    """Return whose an application is, for the rules of access."""
    people = [form.applicant.id_number] + ([form.applicant.agent.id_number] if form.applicant.agent else [])
    persons = tuple(doors.keys.person_key(each) for each in people)
    return CaseFacts(region=form.region, channel=form.channel, persons=persons)


def _checked_by(principal: Principal, form: ApplicationForm) -> ApplicationForm:
    if form.originals is None and form.originals_by is None:
        return form
    if form.originals_by not in (None, principal.actor):
        raise stopped(
            403,
            field="originals_by",
            rule="核对原件的人就是提交申请的人",
            remedy="请不填 originals_by，或由核对原件的人提交",
            message="不能以他人的名义核对原件。",
        )
    return form.model_copy(update={"originals_by": principal.actor})


@router.get("/applications", operation_id="listApplications", response_model=CasesOut)
async def list_applications(
    request: Request,
    doors: Doorway,
    principal: Asker,
    region: Annotated[str | None, Query(pattern=r"^[0-9]{6}$")] = None,
    status: Status | None = None,
    waiting_on: WaitingOn | None = None,
    sla: Sla | None = None,
    disease_id: Annotated[str | None, Query(max_length=64)] = None,
    attention: Truth | None = None,
    closed: Truth | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List cases, the earliest due first: a city's for its staff, a channel's for its back end, one's own otherwise.

    An expert's list holds the cases in which a verdict is awaited.
    """
    _check_disease(disease_id)
    wanted = own_filter(principal, region).model_copy(
        update={
            "status": status,
            "waiting_on": waiting_on,
            "sla": sla,
            "disease_id": disease_id,
            "attention": attention,
            "closed": closed,
        }
    )
    found = await cases_page(doors, wanted, cursor, limit)
    await doors.accesses.record(
        actor=principal.reader, action="case.list", acceptance_no=None, detail={"cases": len(found.cases)}
    )
    return answer(request, found)


def _check_disease(disease_id: str | None) -> None:
    if disease_id is not None and policy_book().disease_name(disease_id) is None:
        raise stopped(
            422,
            field="disease_id",
            rule="病种编号须取自 GET /api/v1/regions/{region}/diseases",
            remedy="请更正病种编号，或不填",
            message="没有这一病种。",
        )


def own_filter(principal: Principal, region: str | None = None) -> CaseFilter:
    """Return what bounds somebody's lists. Raises `Stopped` (403) for whoever has none, or not of that city."""
    if principal.role is Role.APPLICANT:
        permit(principal, Action.READ_OWN)
        regions = (region,) if region else None
        return CaseFilter(regions=regions, account=principal.id, person_key=principal.person_key or None)
    permit(principal, Action.LIST_CASES)
    if region is not None:
        permit_in(principal, Action.LIST_CASES, region)
    return CaseFilter(
        regions=(region,) if region else principal.regions,
        channel=principal.channel if principal.role is Role.BACKEND else None,
        expert=principal.expert_id if principal.role is Role.EXPERT else None,
        apart_from=kept_apart(principal),
    )


async def cases_page(doors: Doors, wanted: CaseFilter, cursor: str | None, limit: int) -> CasesOut:
    """Return one page of cases, with whether their dates are settled."""
    after = After(*read_cursor(cursor, datetime | None, str)) if cursor else None
    async with doors.database.read(long=True) as connection:
        lines = await page_of_cases(connection, wanted, after=after, limit=limit + 1)
        history = await doors.calendars.history(connection)
    page = listed(lines[:limit], now(), history)
    more = len(lines) > limit
    return CasesOut(
        cases=tuple(CaseLineOut.model_validate(each.model_dump()) for each in page),
        next_cursor=write_cursor(page[-1].due, page[-1].acceptance_no) if more else None,
    )
