"""The moves of the stories, by the name the e2e tests know them under."""

from domain.case_status import CaseStatus
from starter.client import Mente
from starter.demo.moves import (
    apply_quick,
    apply_story,
    kinds,
    send,
    skip,
    skip_past,
    supply_from,
    until,
    until_status,
    verdicts,
)
from starter.skipping import settle
from storage import reading

__all__ = [
    "apply_quick",
    "apply_story",
    "at_rest",
    "kinds",
    "send",
    "skip",
    "skip_past",
    "supply_from",
    "until",
    "until_kind",
    "until_status",
    "verdicts",
]


async def until_kind(mente: Mente, number: str, kind: str) -> CaseStatus:
    """Wait until a case's timeline shows an entry of a kind; a case answers a little before it can be read."""

    async def there() -> bool:
        return kind in kinds(await mente.status(number))

    await until(there)
    return await mente.status(number)


async def at_rest(mente: Mente, number: str) -> None:
    """Wait until a case has nothing to do and each of its notices has gone out or come to nothing.

    Only such a case refuses an undue command before it is written down; see `workflows.case.Case.check`.
    """

    async def told() -> bool:
        async with mente.database.read() as connection:
            notices = await reading.notices_of(connection, number)
        return all(notice.state not in ("queued", "claimed") for notice in notices)

    await settle(mente, number)
    await until(told)
    await settle(mente, number)
