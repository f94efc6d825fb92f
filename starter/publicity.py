"""The public list of a city as it stands at an instant: computed when read, whatever the cases have come to."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.calendar import WorkCalendar
from domain.case_dates import last_day
from domain.moments import local_date
from domain.public_list import PublicLine, PublicList
from domain.refusal import refuse
from storage import reading
from storage.calendar_store import read_history
from storage.keys import Keys
from storage.policies import policy_book, policy_for


async def published(connection: AsyncConnection, keys: Keys, region: str, at: datetime) -> PublicList:
    """Return a city's list at an instant. Raises `Refused` on a region without a policy."""
    book = policy_book()
    if region not in book.regions():
        raise refuse(
            field="region",
            rule=f"已开通的统筹区：{'、'.join(book.regions())}",
            remedy="请填写其中一个六位行政区划代码",
            message="该统筹区未开通。",
        )
    policy = policy_for(region, local_date(at))
    calendar = (await read_history(connection)).current
    lines = [_line(each, keys, calendar) for each in await reading.public_list(connection, region=region, at=at)]
    return PublicList(
        region=region,
        city=policy.city.value,
        bureau=policy.bureau.value,
        entries=tuple(sorted(lines, key=lambda line: (line.starts_on, line.entry))),
    )


def _line(found: reading.PublicEntry, keys: Keys, calendar: WorkCalendar) -> PublicLine:
    starts_on, ends_on = local_date(found.starts_at), last_day(found.ends_at) if found.ends_at else None
    return PublicLine(
        entry=keys.list_number(found.acceptance_no),
        name=found.masked_name,
        id_number=found.masked_id_number,
        disease=policy_book().disease_name(found.disease_id) or found.disease_id,
        starts_on=starts_on,
        ends_on=ends_on,
        ends_on_projected=ends_on is not None
        and not calendar.slice(starts_on, ends_on).confirmed_through(starts_on, ends_on),
        acceptance_no=found.acceptance_no,
    )
