"""What is looked up of an application that is new, before its case is started."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from activities.contract import StartApplication
from activities.rules import renewal_span
from domain.counter import check_open
from domain.moments import local_date
from domain.refusal import refuse
from domain.succession import Held
from domain.vocabulary import ApplicationKind, ChangeKind
from starter.refusals import hidden_addition, hidden_entitlement, second_case, settled_at_counter
from starter.seeing import Visible
from starter.taking_over import take_over
from storage.calendar_store import Calendars
from storage.database import Database
from storage.entitlements import held_by, judge_application
from storage.objects import ObjectStore
from storage.policies import policy_for

HANDED_OVER_WITHIN = timedelta(days=366)
"""How long after taking an application in a channel or the counter may hand it over on the web.

assumption: a channel that is joined hands over what it took in before; nothing of a case is about more than a year
before its receipt.
"""


async def admit(
    database: Database,
    objects: ObjectStore,
    calendars: Calendars,
    start: StartApplication,
    *,
    visible: Visible,
    received_from: datetime | None = None,
) -> StartApplication:
    """Return the application with the papers it takes over.

    Raises `Refused` where it was received before `received_from`, the counter was closed when it was handed in, or
    what it takes over is not the person's or not `visible` to whoever hands in.
    """
    _check_received(start, received_from)
    async with database.read() as connection:
        calendar = (await calendars.history(connection)).current
    policy = policy_for(start.form.region, local_date(start.received_at))
    check_open(start.form, policy, calendar, start.received_at, now=datetime.now(UTC))
    return await take_over(database, objects, start, visible=visible)


def _check_received(start: StartApplication, received_from: datetime | None) -> None:
    # The day of receipt begins the limit and chooses the policy: nobody may choose it freely.
    if received_from is None or start.received_at >= received_from:
        return
    raise refuse(
        field="received_at",
        rule=f"收件时间不得早于提交之前 {HANDED_OVER_WITHIN.days} 天",
        remedy="请核对收件时间；确在更早收件的，请联系经办机构补录",
        message="收件时间过早。",
    )


async def refuse_beside_others(database: Database, start: StartApplication, *, visible: Visible) -> None:
    """Raise `Refused` where the application cannot be opened beside what the person has or holds.

    That is: a case in its way, a kind that does not fit, or no off-region filing in force. No number is told that is
    not `visible` to whoever hands in, and that they did not name. Who does not answer for the person gets one answer,
    whatever the person has: with another's ID number anybody could else ask disease by disease.
    """
    form, on = start.form, local_date(start.received_at)
    vouched = visible.vouches_for(start)
    if form.offregion is not None and not vouched:
        # Whether, where and from when somebody is filed is theirs: where they live.
        raise settled_at_counter()
    if form.kind is not ApplicationKind.NEW and form.replaces is None:
        await _must_see_predecessor(database, start, visible, vouched=vouched)
    async with database.read() as connection:
        following = await judge_application(
            connection,
            form,
            start.person_key,
            span=renewal_span(policy_for(form.region, on)),
            on=on,
            # The same request, sent twice at once, may have made its case since it was looked up.
            besides=start.acceptance_no,
        )
    if following.rival is None:
        return
    named = await visible(following.rival)
    raise second_case(following.rival, named=named) if named or vouched else settled_at_counter()


async def _must_see_predecessor(
    database: Database, start: StartApplication, visible: Visible, *, vouched: bool
) -> None:
    form = start.form
    async with database.read() as connection:
        held = await held_by(connection, start.person_key, form.region)
    if form.change is ChangeKind.ADDED:
        if not vouched and not await _any([each for each in held if each.in_force], visible):
            raise hidden_addition()
        return
    same = [each for each in held if each.disease_id == form.disease_id]
    if not vouched and not same:
        # The answer of one that is held and hidden.
        raise hidden_entitlement()
    for each in same:
        if not await visible(each.acceptance_no):
            raise hidden_entitlement()


async def _any(held: Iterable[Held], visible: Visible) -> bool:
    for each in held:
        if await visible(each.acceptance_no):
            return True
    return False
