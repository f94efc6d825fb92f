"""The operator's page: what is up, what asks for a person, versions, and the way into the Temporal UI."""

import contextlib
from datetime import date
from typing import NamedTuple

from fastapi.responses import Response

from domain.access import Action
from domain.moments import local_date
from starter.lost_notices import lost_vital
from starter.ui_lists import UI_LISTS, UiList, address_of
from starter.vitals import (
    LOOK_SECONDS,
    Installed,
    Vital,
    coverage_vital,
    installed,
    mail_vital,
    server_version,
    sms_vitals,
    within,
    worker_vitals,
)
from starter.web.doors import Doors, now
from starter.web.pages.shell import Known, page_router
from storage.desk import DeskCounts, desk_counts
from storage.notice_tasks import open_tasks
from worker.connection import DEFAULT_NAMESPACE

router = page_router()
_PARTS = {"temporal": "Temporal 服务", "database": "数据库", "objects": "文件库"}


class Counted(NamedTuple):
    """What asks for a person in some cities."""

    desk: DeskCounts
    tasks: int


class Link(NamedTuple):
    """A list of the Temporal UI; `address` empty where nobody said where the UI is."""

    listed: UiList
    address: str


@router.get("/operator")
async def overview(visit: Known) -> Response:
    """Health, counts, versions and links."""
    visit.may(Action.READ_HEALTH)
    doors = visit.doors
    vitals, versions = await _vitals(doors)
    coverage = await _coverage(doors)
    return visit.render(
        "operator.html",
        vitals=(*vitals, coverage) if coverage else vitals,
        counted=await _counted(doors, visit.me.regions),
        versions=versions,
        links=await _links(doors),
    )


async def _vitals(doors: Doors) -> tuple[tuple[Vital, ...], tuple[Installed, ...]]:
    faults = await doors.ready()
    found = [Vital(name=name, sound=key not in faults, told=faults.get(key, "正常")) for key, name in _PARTS.items()]
    versions = list(installed())
    if "temporal" not in faults:
        client = (await doors.mente()).client
        found += await within(2 * LOOK_SECONDS, worker_vitals(client), "工作进程")
        found += await within(LOOK_SECONDS, lost_vital(doors.database, client, now=now()), "中断的通知")
        try:
            versions.append(Installed(name="Temporal 服务", version=await server_version(client)))
        except Exception:
            versions.append(Installed(name="Temporal 服务", version="无法查询"))
    else:
        found.append(Vital(name="工作进程", sound=False, told="Temporal 服务没有应答，无法查询"))
    found.append(await mail_vital(doors.settings.mail()))
    found += await within(LOOK_SECONDS, sms_vitals(doors.settings), "短信")
    return tuple(found), tuple(versions)


async def _coverage(doors: Doors) -> Vital | None:
    try:
        async with doors.database.read() as connection:
            settled: date | None = (await doors.calendars.history(connection)).current.settled_through
    except Exception:
        return None
    return coverage_vital(settled, local_date(now()))


async def _counted(doors: Doors, regions: tuple[str, ...]) -> Counted | None:
    """Return the counts, None while the database is away: the page is there to say so."""
    try:
        async with doors.database.read(long=True) as connection:
            desk = await desk_counts(connection, regions)
            tasks = [await open_tasks(connection, each) for each in regions]
    except Exception:
        return None
    return Counted(desk, sum(tasks))


async def _links(doors: Doors) -> list[Link]:
    known = doors.settings.endpoints()
    ui = doors.settings.temporal_ui_url or (known.ui if known else "")
    namespace = DEFAULT_NAMESPACE
    with contextlib.suppress(Exception):
        # While it is away, the name it usually has is the best there is.
        namespace = (await doors.mente()).client.namespace
    return [Link(each, address_of(ui, namespace, each) if ui else "") for each in UI_LISTS]
