"""The whole of a case for officials: where it stands and why, every day of its clock, everything that happened."""

import re
from typing import NamedTuple

from fastapi.responses import Response

from activities.letters.register import LetterEntry, letters_of
from domain.access import Action, Role
from domain.calendar import PROJECTED
from domain.clock import GROUND_ZH
from domain.events import NOTICE_ZH, said_event
from domain.roles import ROLE_ZH
from domain.vocabulary import DECISION_ZH, END_ZH, Status
from starter.cli.explained import delivery_zh
from starter.cli.notice_cards import CHANNEL_ZH, RECIPIENT_ZH, STATE_ZH
from starter.explaining import explain_case
from starter.said import IN_FULL, said
from starter.web.api.cases import Number
from starter.web.api.people import person_of_case
from starter.web.doors import now
from starter.web.pages.case_papers import finding_basis, papers_of
from starter.web.pages.casefile import CaseFile, allowed, desk_case, open_case
from starter.web.pages.deeds import DEEDS, Deed
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.standing import ended_from, takes_papers
from starter.web.pages.wording import OWN_CHANNELS, channel_zh, day, value_zh
from storage import reading
from storage.person_views import other_names

router = page_router("/cases")
DESKS = (Role.OFFICER, Role.COUNTER, Role.AUDITOR)
SEAT_ZH = {"assigned": "待提交", "given": "已提交", "replaced": "已更换", "recused": "已回避"}
_ACTOR_ZH = {
    "system": "系统",
    "channel": "渠道",
    "expert": "专家",
    "officer": "经办人员",
    "counter": "窗口人员",
    "registry": "参保登记",
    "public": "公众",
}
_ACCOUNT = re.compile("a[0-9a-f]{16}")


class Step(NamedTuple):
    """One entry of the trail as it is shown."""

    seq: int
    at: object
    title: str
    moved_to: str
    actor: str
    lines: tuple[str, ...]


@router.get("/{acceptance_no}")
async def case(visit: Known, acceptance_no: Number) -> Response:
    """One case: everything the visitor may know of it, and what they may do to it."""
    visit.need(*DESKS)
    opened = await open_case(visit, acceptance_no)
    shows_papers = allowed(visit, opened, Action.READ_MATERIALS)
    return visit.render(
        "case.html",
        opened=opened,
        case=desk_case(opened.view, opened.history, opened.at),
        explained=explain_case(opened.view, now(), opened.history),
        papers=await papers_of(visit, opened) if shows_papers else None,
        basis=finding_basis,
        deeds=possible_deeds(visit, opened),
        takes_papers=_takes_papers(visit, opened),
        decided=decided_rows(opened),
        steps=steps_of(opened),
        seats=_seats(visit, opened),
        attached=await _attached(visit, opened),
        may={action.value: allowed(visit, opened, action) for action in Action if action in _ASKED},
        desk=desk_of(visit),
        ground_zh=GROUND_ZH,
        notice_zh=NOTICE_ZH,
        state_zh=STATE_ZH,
        channel_zh=CHANNEL_ZH,
        recipient_zh=RECIPIENT_ZH,
        decision_zh=DECISION_ZH,
        seat_zh=SEAT_ZH,
        delivery_zh=delivery_zh,
        actor_zh=actor_zh,
        from_zh=channel_zh(opened.view.channel),
    )


@router.get("/{acceptance_no}/person")
async def person(visit: Known, acceptance_no: Number) -> Response:
    """Who a case is about: the name in full, the numbers masked; the look is written down first."""
    visit.need(Role.OFFICER, Role.COUNTER)
    found = await person_of_case(visit.doors, visit.me, acceptance_no)
    return visit.render("case_person.html", person=found)


_ASKED = frozenset(
    {
        Action.READ_PERSON,
        Action.READ_MATERIALS,
        Action.READ_VERDICTS,
        Action.READ_OBJECTIONS,
        Action.READ_CERTIFICATE,
        Action.READ_LETTERS,
        Action.READ_NOTICES,
        Action.READ_AUDIT,
    }
)


def desk_of(visit: Visit) -> tuple[str, str]:
    """Return where an official of a role begins, and what it is called."""
    match visit.me.role:
        case Role.COUNTER:
            return "/counter", "窗口"
        case Role.AUDITOR:
            return "/audit", "稽核"
        case _:
            return "/officer", "经办"


def possible_deeds(visit: Visit, opened: CaseFile) -> tuple[Deed, ...]:
    """Return what the visitor may do to a case as it stands."""
    if opened.view.closed:
        return ()
    status = opened.view.status
    return tuple(each for each in DEEDS if each.possible_in(status) and allowed(visit, opened, each.action))


def _takes_papers(visit: Visit, opened: CaseFile) -> bool:
    return takes_papers(opened.status) and allowed(visit, opened, Action.SUPPLY_MATERIALS)


def steps_of(opened: CaseFile) -> tuple[Step, ...]:
    """Return the trail as it is shown, the newest first."""
    found = [
        Step(
            seq=line.seq,
            at=line.at,
            title=said_event(line.kind, line.detail),
            moved_to=line.status_to.value if line.status_from is not line.status_to else "",
            actor=actor_zh(line.actor),
            lines=tuple(said(line.detail, IN_FULL, written=value_zh)),
        )
        for line in opened.status.timeline
    ]
    return tuple(reversed(found))


def decided_rows(opened: CaseFile) -> list[tuple[str, str]]:
    """Return what was decided, and from when to when it holds."""
    view, status, ended_on = opened.view, opened.status, ended_from(opened.view)
    recheck = day(status.next_recheck_on) + ("" if status.next_recheck_confirmed else PROJECTED)
    rows = (
        ("作出决定", day(view.decided_on) if view.decided_on else ""),
        ("待遇生效", day(view.effect_on) if view.effect_on else ""),
        ("待遇止于", day(status.end_on) if status.end_on else ""),
        ("下次复核", recheck if status.next_recheck_on else ""),
        ("不予受理的原因" if view.status is Status.NOT_ACCEPTED else "不予认定的理由", view.denial_reason),
        ("终止日期", day(ended_on) if ended_on else ""),
        ("终止原因", END_ZH.get(view.end_ground, view.end_ground)),
    )
    return [(label, value) for label, value in rows if value]


def actor_zh(actor: str) -> str:
    """Return who acted, in words and by the id people know; that of an account is a machine's."""
    kind, _, name = actor.partition(":")
    if _ACCOUNT.fullmatch(name):
        name = ""
    word = _ACTOR_ZH.get(kind) or next((zh for role, zh in ROLE_ZH.items() if role.value == kind), kind)
    return f"{word} {OWN_CHANNELS.get(name, name)}".strip()


def _seats(visit: Visit, opened: CaseFile) -> tuple[reading.SeatView, ...]:
    # `view` hides every verdict that is not counted yet, whoever looks.
    return opened.view.seats if allowed(visit, opened, Action.READ_VERDICTS) else ()


class Attached(NamedTuple):
    """What belongs to a case beside its trail, as far as the visitor may see it."""

    objections: tuple[reading.ObjectionView, ...] = ()
    notices: tuple[reading.NoticeView, ...] = ()
    certificates: tuple[reading.CertificateView, ...] = ()
    letters: tuple[LetterEntry, ...] = ()
    other_names: bool = False
    """Whether the ID number was used with another name, too."""


async def _attached(visit: Visit, opened: CaseFile) -> Attached:
    number = opened.number

    def may(action: Action) -> bool:
        return allowed(visit, opened, action)

    async with visit.doors.database.read() as connection:
        return Attached(
            objections=await reading.objections_of(connection, number) if may(Action.READ_OBJECTIONS) else (),
            notices=await reading.notices_of(connection, number) if may(Action.READ_NOTICES) else (),
            certificates=await reading.certificates_of(connection, number) if may(Action.READ_CERTIFICATE) else (),
            letters=letters_of(opened.view) if may(Action.READ_LETTERS) else (),
            # for desks only: see `person_of_case`
            other_names=may(Action.READ_PERSON) and bool(await other_names(connection, number)),
        )
