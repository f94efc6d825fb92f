"""What people at work are shown: the closed counter, the day of a benefit, no button that leads to a refusal."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from domain.access import Role
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House
from starter.web.api.reference import policy_in_force
from starter.web.pages.counter_hours import closed_zh
from storage.access_views import accesses_of
from storage.calendars import shipped_calendar
from storage.tables import access_log
from storage.tables import case as cases
from tests.e2e.handing_in import last_rest_day
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import apply_quick, at_rest, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, serving, web
from worker.settings import remember

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_378_000


def closed() -> str:
    return closed_zh(policy_in_force(PANZHIHUA), shipped_calendar(), datetime.now(UTC))


async def test_a_counter_of_one_city_begins_with_the_disease_and_hears_whether_it_is_open(web: Web) -> None:
    async with await web.account(Role.COUNTER) as clerk:
        answer = await clerk.get("/apply")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/apply/new/{PANZHIHUA}")
        told = {bool(closed())}
        begun = await opened(clerk, f"/apply/new/{PANZHIHUA}")
        shown = [begun]
        person = Writing(clerk, SEED)
        await person.begin()
        # What is under way is not passed over.
        begun = await opened(clerk, "/apply")
        assert f"/apply/{person.draft}/person" in begun.links
        shown.append(begun)
        await person.person()
        await person.paper(person.raw["materials"][0])
        address = f"/apply/{person.draft}"
        review = await opened(clerk, f"{address}/review")
        shown.append(review)
        # It may have opened or closed while these pages were looked at.
        told.add(bool(closed()))
        assert {"现在不在窗口受理时间" in each.text for each in shown} <= told
        rest_day = f"{last_rest_day()}T10:00"
        late = page_of(
            await submitted(clerk, review, f"{address}/submit", originals="match", received_at=rest_day), 422
        )
        assert "当面收齐材料的时间" in late.text
        assert "起到窗口办理" not in late.text
    async with await web.account(Role.APPLICANT) as citizen:
        assert "窗口受理时间" not in (await opened(citizen, "/apply")).text
        assert "窗口受理时间" not in (await opened(citizen, f"/apply/new/{PANZHIHUA}")).text


@pytest.mark.parametrize(
    ("role", "region", "offered"),
    [
        (Role.APPLICANT, PANZHIHUA, True),
        (Role.COUNTER, PANZHIHUA, True),
        (Role.COUNTER, JIUQUAN, False),
        (Role.OFFICER, PANZHIHUA, False),
        (Role.AUDITOR, PANZHIHUA, False),
        (Role.OPERATOR, PANZHIHUA, False),
    ],
)
async def test_a_disease_is_applied_for_by_who_may_alone(web: Web, role: Role, region: str, offered: bool) -> None:
    address = f"/diseases/{PANZHIHUA}/{DIABETES}"
    async with await web.account(role, region) as client:
        assert (f"/apply/new/{PANZHIHUA}/{DIABETES}" in (await opened(client, address)).links) == offered
    async with web.client() as guest:
        assert f"/apply/new/{PANZHIHUA}/{DIABETES}" in (await opened(guest, address)).links


async def test_a_benefit_has_a_day_and_no_hour_and_is_not_itself_late(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = (await apply_quick(mente, SEED + 1, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    await at_rest(mente, number)
    async with web.doors.database.write() as connection:
        await connection.execute(cases.update().where(cases.c.acceptance_no == number).values(sla="breach"))
    async with await web.account(Role.OFFICER) as officer:
        page = await opened(officer, f"/cases/{number}")
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", page.source, re.DOTALL))
    assert "超期" not in facts["状态"]
    assert "超期" in facts["办理时限"]
    assert "期限" not in facts
    assert re.search(r"\d{2}:\d{2}", Page(facts["下次复核"]).text) is None


async def test_who_looked_is_told_by_the_time_of_the_look(web: Web) -> None:
    number, at = "510400-0000-0000-0000-0", datetime(2026, 11, 22, 15, 6, tzinfo=UTC)
    row = {"actor": "system", "action": "case.read", "acceptance_no": number, "detail": {}}
    async with web.doors.database.write() as connection:
        for seconds in (25, 25, 24, 26):
            await connection.execute(insert(access_log).values(**row, at=at + timedelta(seconds=seconds)))
        found = await accesses_of(connection, number, limit=10)
    assert [each.at.second for each in found] == [26, 25, 25, 24]


async def test_the_operator_is_told_what_the_interface_of_temporal_shows_and_does(web: Web) -> None:
    async with await web.account(Role.OPERATOR) as operator:
        page = await opened(operator, "/operator")
    assert "只能查看" not in page.text
    assert "显示解密后的个人信息" in page.text


async def test_a_number_without_hyphens_finds_the_case_wherever_it_is_typed(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, SEED + 2, PANZHIHUA, DIABETES, tmp_path)
    number, bare = applied.acceptance_no, applied.acceptance_no.replace("-", "").lower()
    await until_status(mente, number, Status.REVIEW)
    async with await web.account(Role.OFFICER) as officer:
        found = await submitted(officer, await opened(officer, "/find"), "/find/number", acceptance_no=bare)
        assert found.headers["location"] == f"/cases/{number}"
    person = Writing(httpx.AsyncClient(), SEED + 2).raw["applicant"]
    # A server of its own: others ask this one too, and it answers so many queries a minute.
    async with serving(web.settings) as asked, asked.client() as anybody:
        form = await opened(anybody, "/status")
        digits = str(person["id_number"])[-4:]
        page = page_of(await submitted(anybody, form, "/status", acceptance_no=bare, id_last4=digits))
        assert number in page.text


async def test_an_icon_is_there_and_without_a_database_nobody_speaks_of_an_unexpected_error(
    city: House, tmp_path: Path
) -> None:
    shutil.copytree(city.settings.keys, tmp_path / "keys")
    remember(tmp_path, city.endpoints)
    empty = city.settings.model_copy(update={"home": tmp_path, "database_url": None})
    async with serving(empty) as bare, bare.client() as client:
        icon = await client.get("/favicon.ico")
        assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
        away = (await client.get("/readyz")).json()["away"]
        assert "意外" not in str(away)
        assert "数据库" in away["temporal"]
        told = await opened(client, f"/lists/{PANZHIHUA}", 503)
        assert "医保经办机构" in told.text
        assert "系统管理员" not in told.text
