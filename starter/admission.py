"""What is looked up of an application that is new, before its case is started."""

from activities.contract import StartApplication
from activities.rules import renewal_span
from domain.counter import check_open
from domain.moments import local_date
from domain.vocabulary import ApplicationKind
from starter.refusals import hidden_entitlement, second_case
from starter.seeing import Visible
from starter.taking_over import take_over
from storage.calendar_store import Calendars
from storage.database import Database
from storage.entitlements import held_by, judge_application
from storage.objects import ObjectStore
from storage.policies import policy_for


async def admit(
    database: Database, objects: ObjectStore, calendars: Calendars, start: StartApplication, *, visible: Visible
) -> StartApplication:
    """Return the application with the papers it takes over.

    Raises `Refused` where the counter was closed when it was handed in, or what it takes over is not the person's or
    not `visible` to whoever hands in.
    """
    async with database.read() as connection:
        calendar = (await calendars.history(connection)).current
    policy = policy_for(start.form.region, local_date(start.received_at))
    check_open(start.form, policy, calendar, start.received_at)
    return await take_over(database, objects, start, visible=visible)


async def refuse_beside_others(database: Database, start: StartApplication, *, visible: Visible) -> None:
    """Raise `Refused` where the application cannot be opened beside what the person has or holds.

    That is: a case in its way, a kind that does not fit, or no off-region filing in force. No number is told that is
    not `visible` to whoever hands in, and that they did not name.
    """
    form, on = start.form, local_date(start.received_at)
    if form.kind is not ApplicationKind.NEW and form.replaces is None:
        await _must_see_predecessor(database, start, visible)
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
    if following.rival is not None:
        raise second_case(following.rival, named=await visible(following.rival))


async def _must_see_predecessor(database: Database, start: StartApplication, visible: Visible) -> None:
    async with database.read() as connection:
        held = await held_by(connection, start.person_key, start.form.region)
    for each in held:
        if each.disease_id == start.form.disease_id and not await visible(each.acceptance_no):
            raise hidden_entitlement()
