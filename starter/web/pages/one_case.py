"""One application as its applicant sees it: what has happened, whose turn it is, until when, and what can be done."""

from datetime import datetime
from typing import NamedTuple

from fastapi.responses import Response

from activities.letters.kinds import LETTER_ZH, LetterKind
from activities.letters.register import letters_of
from domain.acceptance import parse_acceptance_number
from domain.access import Action, CaseFacts
from domain.case_status import CaseStatus, TimelineLine
from domain.commands import COMMANDS
from domain.events import EVENT_ZH, EventKind
from domain.judging import STATUSES
from domain.roles import Role
from domain.vocabulary import END_ZH, Status
from starter.explaining import explain_case
from starter.web.api import documents
from starter.web.api.cases import case_of, material_file
from starter.web.doors import now
from starter.web.pages.own_cases import link_if_taken_up
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.standing import ended_from, standing_of, still_asked, takes_papers
from starter.web.permission import may_do, permit_case
from starter.web.problems import Stopped, stopped
from storage import reading
from storage.drafts import unlinked
from storage.inbox import mark_read, messages_of_case
from storage.material_views import materials_of

router = page_router()
MOVES = {
    Action.SUPPLY_MATERIALS: "补交材料",
    Action.APPEAL: "提出申诉",
    Action.CHANGE_CONTACT: "变更联系方式",
    Action.CHANGE_HOSPITAL: "变更定点医疗机构",
    Action.WITHDRAW: "撤回申请",
}
_TOLD = ("told", "reason")
_INSIDE = frozenset(
    {
        EventKind.EXPERT_REMINDED,
        EventKind.EXPERT_REPLACED,
        EventKind.EXPERT_RECUSED,
        EventKind.VERDICT_GIVEN,
        EventKind.PANEL_SHORT,
        EventKind.LIMIT_WARNED,
        EventKind.RULING_OVERDUE,
        EventKind.PLAIN_PAYLOAD,
        EventKind.REFUSED,
        EventKind.CANCEL_REFUSED,
        EventKind.RECHECK_MOVED,
        EventKind.CALENDAR_AMENDED,
    }
)
"""Entries of the trail that tell an applicant nothing they could act on."""


class Step(NamedTuple):
    """One entry of the timeline, in plain words."""

    at: datetime
    what: str
    more: str


@router.get("/my/{acceptance_no}")
async def one(visit: Known, acceptance_no: str) -> Response:
    """One application, as its applicant sees it; whoever else asks goes on to the page of their own work."""
    number = parse_acceptance_number(acceptance_no)
    if visit.role is not Role.APPLICANT:
        return visit.go(f"/{'expert' if visit.role is Role.EXPERT else 'cases'}/{number}", flash=visit.flash)
    status, facts = await _case(visit, number)
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        messages = await messages_of_case(connection, number) if may_do(visit.me, Action.READ_INBOX, facts) else ()
        certificates = await reading.certificates_of(connection, number)
        papers = await materials_of(connection, number) if may_do(visit.me, Action.READ_MATERIALS, facts) else ()
    return visit.render(
        "my_case.html",
        found=status,
        region=status.region,
        disease_id=view.disease_id if view else "",
        received_at=view.received_at if view else None,
        hospital_id=view.hospital_id if view else "",
        standing=standing_of(status),
        steps=[_step(line) for line in reversed(status.timeline) if line.kind not in _INSIDE],
        told=_told(status),
        messages=messages,
        papers=papers,
        certificates=certificates if may_do(visit.me, Action.READ_CERTIFICATE, facts) else (),
        letters=letters_of(view) if view and may_do(visit.me, Action.READ_LETTERS, facts) else (),
        moves=moves_of(visit, status, facts),
        ended_from=ended_from(view) if view else None,
        ended_at=view.ledger.ended_at if view and view.ledger else None,
    )


async def _case(visit: Visit, acceptance_no: str) -> tuple[CaseStatus, CaseFacts]:
    """Return a case; one's own that was only just taken up is linked on the way."""
    try:
        return await case_of(visit.doors, visit.me, acceptance_no)
    except Stopped as refusal:
        if refusal.status != 404 or not await _just_handed_in(visit, acceptance_no):
            raise
    return await case_of(visit.doors, visit.me, acceptance_no)


async def _just_handed_in(visit: Visit, acceptance_no: str) -> bool:
    async with visit.doors.database.read() as connection:
        own = [each.acceptance_no for each in await unlinked(connection, visit.me.id)]
    return acceptance_no in own and await link_if_taken_up(visit, acceptance_no)


def moves_of(visit: Visit, status: CaseStatus, facts: CaseFacts) -> list[tuple[str, str]]:
    """Return what somebody can do to a case as it stands, as parts of addresses and labels."""
    if status.closed:
        return []
    return [
        (action.value, label)
        for action, label in MOVES.items()
        if status.status in STATUSES[COMMANDS[action.value]]
        and may_do(visit.me, action, facts)
        and (action is not Action.SUPPLY_MATERIALS or takes_papers(status))
    ]


def _step(line: TimelineLine) -> Step:
    what = EVENT_ZH.get(EventKind(line.kind), line.kind) if line.kind in set(EventKind) else line.kind
    more = next((str(line.detail[name]) for name in _TOLD if line.detail.get(name)), line.still_asked)
    return Step(line.at, what, END_ZH.get(more, more))


def _told(status: CaseStatus) -> str:
    """Return what the applicant was told to supply, or what does not do of what came, while it is awaited."""
    if status.status is not Status.SUPPLEMENT:
        return still_asked(status)
    return next((str(line.detail["told"]) for line in reversed(status.timeline) if line.detail.get("told")), "")


@router.get("/my/{acceptance_no}/clock")
async def clock(visit: Known, acceptance_no: str) -> Response:
    """Every day of the limit: counted or not, why, and which notice says so."""
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, Action.READ_CASE)
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await visit.doors.calendars.history(connection)
    found = explain_case(view, now(), history) if view else None
    if found is None:
        raise stopped(
            409,
            field="acceptance_no",
            rule="受理之后才开始计算办理时限",
            remedy="请查看该件的办理状态",
            message="该件还没有开始计算办理时限。",
        )
    visit.doors.accesses.note(actor=visit.me.reader, action="case.explain", acceptance_no=number)
    return visit.render("clock.html", found=found, number=number)


@router.post("/my/{acceptance_no}/read")
async def read_messages(visit: Known, acceptance_no: str) -> Response:
    """Note that the messages were read."""
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, Action.MARK_INBOX)
    async with visit.doors.database.write() as connection:
        await mark_read(connection, number, at=now())
    return visit.go(f"/my/{number}", flash="消息已标为已读。")


@router.get("/my/{acceptance_no}/papers/{sha256}")
async def paper(visit: Known, acceptance_no: str, sha256: str) -> Response:
    """One paper that was handed in, as it was uploaded; the look is written down first."""
    return await material_file(visit.request, visit.doors, visit.me, acceptance_no, sha256)


@router.get("/my/{acceptance_no}/certificates/{version}")
async def certificate(visit: Known, acceptance_no: str, version: int) -> Response:
    """One version of the certificate, as it was issued."""
    return await documents.certificate(visit.request, visit.doors, visit.me, acceptance_no, version)


@router.get("/my/{acceptance_no}/letters/{kind}/{seq}")
async def letter(visit: Known, acceptance_no: str, kind: str, seq: int) -> Response:
    """One letter."""
    if kind not in LETTER_ZH:
        raise stopped(404, field="kind", rule="只有列出的文书", remedy="请从该件的页面打开", message="没有这种文书。")
    return await documents.letter(visit.request, visit.doors, visit.me, acceptance_no, LetterKind(kind), seq)
