"""My applications: the list, what is still on its way, and claiming a case that was handed in elsewhere."""

import contextlib
import hmac

from fastapi.responses import Response

from domain.acceptance import parse_acceptance_number, with_hyphens
from domain.access import WEB_CHANNEL, Action
from domain.application import COUNTER
from domain.identity import check_id_number
from domain.refusal import Refused
from domain.roles import Role
from starter.new_cases import facts_of_new
from starter.web.api.applications import cases_page, own_filter
from starter.web.doors import now
from starter.web.pages.drafting import open_drafts
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_number, plain_phone
from starter.web.permission import facts_of
from storage.access import log_access
from storage.case_facts import claim_case, link_case
from storage.drafts import Draft, is_taken_up, unlinked
from storage.person_views import person_behind

router = page_router()
_MOST_SHOWN = 50
_UNFIT = FieldError(
    "acceptance_no",
    "受理号、身份证号码和手机号码不相符，或者该申请不能在此关联。",
    "请对照受理通知书逐项核对；手机号码是申请时填写的，变更过的填写现在的。"
    "经其他渠道提交的申请，请在原渠道办理；已关联其他账号的，请到窗口办理",
)
_CLAIMABLE = frozenset({WEB_CHANNEL, COUNTER})


@router.get("/my")
async def mine(visit: Known, cursor: str | None = None) -> Response:
    """My applications, the earliest due first, and what was handed in but not taken up yet."""
    visit.need(Role.APPLICANT)
    waiting = await _link_what_can_be(visit)
    found = await cases_page(visit.doors, own_filter(visit.me), cursor, _MOST_SHOWN)
    drafts = await open_drafts(visit)
    await visit.doors.accesses.record(
        actor=visit.me.reader, action="case.list", acceptance_no=None, detail={"cases": len(found.cases)}
    )
    return visit.render("my.html", found=found, drafts=drafts, waiting=waiting)


async def _link_what_can_be(visit: Visit) -> list[Draft]:
    """Link what a worker has taken up since it was handed in; return what none has yet."""
    async with visit.doors.database.read() as connection:
        waiting = await unlinked(connection, visit.me.id)
    left = []
    for draft in waiting:
        if not await link_if_taken_up(visit, draft.acceptance_no or ""):
            left.append(draft)
    return left


async def link_if_taken_up(visit: Visit, number: str) -> bool:
    """Link a case to the account that handed it in, if a worker has written it down."""
    async with visit.doors.database.write() as connection:
        if not await is_taken_up(connection, number):
            return False
        await link_case(connection, visit.me.id, number, at=now())
    return True


@router.get("/my/claim")
async def claim_form(visit: Known) -> Response:
    """The form on which somebody says which case is theirs."""
    visit.need(Role.APPLICANT)
    return visit.render("claim.html", typed={})


@router.post("/my/claim")
async def claim(visit: Known) -> Response:
    """Link a case to the account of who knows its number, the whole ID number and the telephone number.

    Only one of our own pages or of the counter that is nobody else's: what a back end handed in stays with it. One
    answer for everything that does not fit, few tries for an account and for a number, and each claim is logged.
    """
    visit.need(Role.APPLICANT)
    visit.may(Action.CLAIM_CASE)
    doors, fields = visit.doors, visit.fields
    typed = {"acceptance_no": fields.text("acceptance_no", 40)}
    try:
        number = parse_acceptance_number(with_hyphens(typed["acceptance_no"]))
        id_number = check_id_number(plain_number(fields.text("id_number", 40)), field="id_number")
    except Refused as refused:
        return visit.render("claim.html", typed=typed, errors=[error_of(refused.refusal)])
    doors.claims.take(visit.me.id)
    doors.claimed_cases.check(number)
    fits = await _fits(visit, number, id_number.upper(), plain_phone(fields.text("phone", 40)))
    if not fits or not await _claimed(visit, number):
        doors.claimed_cases.take(number)
        return visit.render("claim.html", typed=typed, errors=[_UNFIT])
    return visit.go(f"/my/{number}", flash="已关联到您的账号。")


async def _claimed(visit: Visit, number: str) -> bool:
    # Looked at and linked in one transaction: between two, another account would get it as well.
    async with visit.doors.database.write() as connection:
        claimed = await claim_case(connection, visit.me.id, number, at=now())
        if claimed:
            actor = visit.me.reader
            await log_access(connection, at=now(), actor=actor, action="case.claim", acceptance_no=number, detail={})
    return claimed


async def _fits(visit: Visit, number: str, id_number: str, phone: str) -> bool:
    async with visit.doors.database.read() as connection:
        person = await person_behind(connection, number)
    kept = (person.id_number, person.phone) if person else ("·" * 18, "·" * 11)
    same = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(kept, (id_number, phone), strict=True)]
    return person is not None and all(same) and await _claimable(visit, number)


async def _claimable(visit: Visit, number: str) -> bool:
    facts = await facts_of(visit.doors, number)
    accounts = set(facts.applicant_accounts)
    if facts.channel == WEB_CHANNEL:
        # The account that handed it in has it from the first moment, beside it in storage only once it was looked at.
        with contextlib.suppress(Refused):
            accounts |= {*(await facts_of_new((await visit.doors.mente()).client, number)).applicant_accounts}
    return facts.channel in _CLAIMABLE and accounts <= {visit.me.id}
