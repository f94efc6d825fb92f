"""What is looked up of an application that is new, before its case is started."""

from activities.contract import StartApplication
from activities.rules import renewal_span
from domain.counter import check_open
from domain.moments import local_date
from starter.taking_over import take_over
from storage.calendar_store import Calendars
from storage.database import Database
from storage.entitlements import judge_application
from storage.objects import ObjectStore
from storage.policies import policy_for


async def admit(
    database: Database, objects: ObjectStore, calendars: Calendars, start: StartApplication
) -> StartApplication:
    """Return the application with the papers it takes over.

    Raises `Refused` where the counter was closed when it was handed in, or what it takes over is not the person's.
    """
    async with database.read() as connection:
        calendar = (await calendars.history(connection)).current
    policy = policy_for(start.form.region, local_date(start.received_at))
    check_open(start.form, policy, calendar, start.received_at)
    return await take_over(database, objects, start)


async def case_in_the_way(database: Database, start: StartApplication) -> str | None:
    """Return the number of the case beside which this one cannot be opened; None if there is none.

    Raises `Refused` where the application's kind does not fit what the person holds, or no off-region filing is in
    force.
    """
    form, on = start.form, local_date(start.received_at)
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
    return following.rival
