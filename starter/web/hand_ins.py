"""What an applicant's account may hand in: a few applications a day, and with a paper that says who the person is.

Our own pages are the one door at which nobody has looked at a person or a paper: a back end answers for its people,
the counter sees them. What is handed in for somebody else takes that person's place, and what is refused tells what
they hold; so both are counted, and refusals are in `access_log` with the account.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from domain.acceptance import acceptance_number
from domain.access import Principal, Role
from domain.application import ApplicationForm
from domain.checklist import identity_kinds
from domain.moments import local_date
from domain.refusal import Refused, refuse
from domain.vocabulary import MATERIAL_ZH
from starter.answers import Unanswered
from starter.web.api.cases import log_now
from starter.web.doors import Doors, now
from starter.web.guarding import address_of
from starter.web.rates import Buckets
from storage.case_facts import accounts_of_case
from storage.policies import policy_for
from worker.connection import Unreachable


@asynccontextmanager
async def handing_in(
    request: Request, doors: Doors, principal: Principal, form: ApplicationForm
) -> AsyncIterator[None]:
    """Let a judged application be handed in.

    Raises `Refused` without a paper that says who the person is, and `Stopped` (429) of whoever hands in too often.
    An application that is the account's already is not counted again.
    """
    if principal.role is not Role.APPLICANT or await _is_known(doors, principal, form):
        yield
        return
    if not principal.person_key:
        check_identity_paper(form)
    counts = _take(request, doors, principal)
    try:
        yield
    except Refused as refused:
        detail = {"region": form.region, "kind": form.kind.value, "field": refused.refusal.field}
        await log_now(doors, principal, "application.refused", None, detail)
        raise
    except (Unreachable, Unanswered):
        for buckets, asker in counts:
            buckets.give_back(asker)
        raise


def _take(request: Request, doors: Doors, principal: Principal) -> list[tuple[Buckets, str]]:
    counts = [(doors.hand_ins, principal.id)]
    if not principal.person_key:
        counts.append((doors.hand_in_addresses, address_of(request.scope)))
    for buckets, asker in counts:
        buckets.check(asker)
    for buckets, asker in counts:
        buckets.take(asker)
    return counts


def check_identity_paper(form: ApplicationForm) -> None:
    """Raise `Refused` unless a paper says who the person is, or the papers are those of an earlier case."""
    wanted = identity_kinds(policy_for(form.region, local_date(form.received_at or now())))
    if form.take_over is not None or any(each.kind in wanted for each in form.materials):
        return
    kinds = "、".join(MATERIAL_ZH[each] for each in wanted)
    raise refuse(
        field="materials",
        rule=f"未经实名核验的账号提交申请，须附有证明参保人身份的材料：{kinds}",
        remedy="请上传其中至少一项后重新提交；没有电子版的，请到经办窗口办理",
        message="申请中没有证明身份的材料。",
    )


async def _is_known(doors: Doors, principal: Principal, form: ApplicationForm) -> bool:
    number = acceptance_number(
        doors.keys.acceptance, region=form.region, channel=form.channel, request_id=form.request_id
    )
    async with doors.database.read() as connection:
        return principal.id in await accounts_of_case(connection, number)
