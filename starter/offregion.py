"""The register of off-region filings, for back ends and the command line: of a person, before any case exists."""

import re
from datetime import UTC, datetime

from pydantic import JsonValue

from domain.commands import ACTOR_PATTERN
from domain.moments import local_date
from domain.offregion import OffregionFiling, check_ending, read_ending, read_filing
from domain.refusal import refuse
from storage import offregion
from storage.access import log_access
from storage.database import Database
from storage.keys import Keys
from storage.policies import known_regions


async def register(database: Database, keys: Keys, raw: object, *, actor: str, reader: str = "") -> OffregionFiling:
    """File: `raw` has `id_number`, `region` (that insures), `treatment_region` and `from_on`.

    A filing to another place ends on the day this one begins. Only a keyed digest of the ID number is kept. The
    access log says that `reader`, else `actor`, did it. Raises `Refused` naming the field.
    """
    now = datetime.now(UTC)
    _check_actor(actor)
    form = read_filing(raw, regions=known_regions(), today=local_date(now))
    filing = OffregionFiling(region=form.region, treatment_region=form.treatment_region, from_on=form.from_on)
    async with database.write() as connection:
        await offregion.file_offregion(
            connection, filing, person_key=keys.person_key(form.id_number), at=now, actor=actor
        )
        detail = {"region": filing.region, "treatment_region": filing.treatment_region}
        await log_access(connection, at=now, actor=reader or actor, action="offregion.filed", detail=detail)
    return filing


async def deregister(database: Database, keys: Keys, raw: object, *, actor: str, reader: str = "") -> int:
    """End what a person has filed in a pool: `raw` has `id_number`, `region` and `ended_on`; return how many ended.

    Raises `Refused` naming the field.
    """
    now = datetime.now(UTC)
    _check_actor(actor)
    form = read_ending(raw, regions=known_regions(), today=local_date(now))
    person_key = keys.person_key(form.id_number)
    async with database.write() as connection:
        check_ending(form, await offregion.filings_of(connection, person_key), today=local_date(now))
        ended = await offregion.end_offregion(
            connection,
            person_key=person_key,
            region=form.region,
            ended_on=form.ended_on,
            actor=actor,
        )
        detail: dict[str, JsonValue] = {"region": form.region, "ended": ended}
        await log_access(connection, at=now, actor=reader or actor, action="offregion.ended", detail=detail)
    return ended


def _check_actor(actor: str) -> None:
    if not re.fullmatch(ACTOR_PATTERN, actor):
        raise refuse(
            field="actor",
            rule="actor 的格式为 身份:编号，例如 channel:panzhihua-app、counter:C01",
            remedy="请更正 actor",
            message="actor 的格式不对。",
        )
