"""The statistics page: who sees which city, the same figures as the API, charts with tables beside them."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.vocabulary import STATUS_ZH, Decision, Status
from starter.client import Mente
from starter.embedded import House
from starter.web.pages.charts import Part, Row, bar_chart
from tests.e2e.page_reading import opened
from tests.e2e.playing import apply_quick, until_status, verdicts
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
DIABETES = f"{JIUQUAN}-017"
SEED = 7_910
GRANT, DENY = Decision.GRANT, Decision.DENY


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own: figures are remembered for a minute."""
    async with serving(city.settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def decided(mente: Mente, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A case that was granted against one expert's opinion, before anybody looks at figures, which are remembered."""
    folder = tmp_path_factory.mktemp("statistics")
    number = (await apply_quick(mente, SEED, JIUQUAN, DIABETES, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, DENY, GRANT)
    await until_status(mente, number, Status.PUBLICITY)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def officer(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """An officer of the city of that case."""
    async with await web.account(Role.OFFICER, JIUQUAN) as client:
        yield client


async def test_the_page_shows_what_the_api_says(officer: httpx.AsyncClient) -> None:
    page = await opened(officer, "/statistics")
    said = (await officer.get("/api/v1/statistics", params={"region": JIUQUAN})).json()
    panels = (await officer.get("/api/v1/statistics/panels", params={"region": JIUQUAN})).json()["panels"]
    assert said["on_time"]["decided"] >= 1
    assert f"作出决定 {said['on_time']['decided']} 按时 {said['on_time']['in_time']}" in page.text
    assert f"按时率 {said['on_time']['rate']}%" in page.text
    for each in said["statuses"]:
        row = " ".join(str(each[name]) for name in ("cases", "warn", "breach", "attention"))
        assert f"{STATUS_ZH[Status(each['status'])]} {row}" in page.text
    for each in said["diseases"]:
        lasted = each["working_days"]
        assert f"{each['disease']} {lasted['cases']} {lasted['median']:g} {lasted['longest']}" in page.text
    assert panels["majority"] >= 1
    assert f"意见一致 {panels['unanimous']} 多数意见 {panels['majority']}" in page.text


async def test_every_chart_has_a_name_and_a_table_beside_it(officer: httpx.AsyncClient) -> None:
    page = await opened(officer, "/statistics")
    charts = re.findall(r'<svg class="chart" role="img" aria-labelledby="([^"]+)"', page.source)
    assert len(charts) == 6
    for key in charts:
        assert f'<title id="{key}">' in page.source
    assert page.source.count('class="figure-pair"') == page.source.count("<caption") == len(charts)


async def test_a_chart_carries_neither_script_nor_style(officer: httpx.AsyncClient) -> None:
    page = await opened(officer, "/statistics")
    for chart in re.findall(r'<svg class="chart".*?</svg>\s*</svg>', page.source, re.DOTALL):
        assert not re.search(r"<script|style=|href|\bon\w+=|fill=", chart)


async def test_a_period_without_decisions_says_so_and_shows_no_empty_chart(officer: httpx.AsyncClient) -> None:
    page = await opened(officer, "/statistics?from=2020-01-01&to=2020-02-01")
    assert "2020年1月1日至2020年2月1日" in page.text
    assert "这段时间没有可以统计的内容" in page.text
    assert 'id="c-on-time"' not in page.source


@pytest.mark.parametrize(
    "period", ["from=2026-02-01&to=2026-01-01", "from=2020-01-01&to=2026-01-01", "from=next&to=", "from=1-1-1&to=x"]
)
async def test_a_period_that_is_none_is_told_beside_its_field(officer: httpx.AsyncClient, period: str) -> None:
    page = await opened(officer, f"/statistics?{period}", 422)
    assert 'href="#f-from"' in page.source


@pytest.mark.parametrize("region", [PANZHIHUA, "999999", "<b>"])
async def test_another_city_is_refused(officer: httpx.AsyncClient, region: str) -> None:
    answer = await officer.get("/statistics", params={"region": region})
    assert answer.status_code == 403
    assert "作出决定" not in answer.text


async def test_somebody_of_two_cities_chooses_between_them(web: Web) -> None:
    async with await web.account(Role.AUDITOR, JIUQUAN) as auditor:
        page = await opened(auditor, "/statistics")
        assert f'value="{JIUQUAN}" selected' in page.source
        assert f'value="{PANZHIHUA}"' not in page.source


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.AUDITOR, 200), (Role.OPERATOR, 200), (Role.COUNTER, 403), (Role.APPLICANT, 403)],
)
async def test_only_those_who_oversee_a_city_see_its_figures(web: Web, role: Role, status: int) -> None:
    async with await web.account(role) as client:
        await opened(client, "/statistics", status)


async def test_an_expert_sees_no_figures(web: Web) -> None:
    async with await web.account(Role.EXPERT, expert_id="E064") as client:
        await opened(client, "/statistics", 403)


async def test_somebody_unknown_is_sent_to_log_in_and_back(web: Web) -> None:
    async with web.client() as client:
        answer = await client.get("/statistics?region=620900")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fstatistics%3Fregion%3D620900"


async def test_bars_are_drawn_to_one_scale_and_a_few_of_many_are_seen() -> None:
    chart = bar_chart(
        "k",
        "n",
        [Row("甲", (Part(999, "a", "x"), Part(1, "c", "y")), ""), Row("乙", (Part(500, "a", "x"),), "", mark=750)],
    )
    first, second = chart.rows
    assert [each.tone for each in first.bars] == ["a", "c"]
    assert float(first.bars[1].width[:-1]) >= 0.4
    assert float(second.bars[0].width[:-1]) == pytest.approx(float(first.bars[0].width[:-1]) / 2, rel=0.01)
    assert float(second.mark[:-1]) == pytest.approx(74.7, abs=0.1)
    assert float(first.bars[1].left[:-1]) + float(first.bars[1].width[:-1]) <= 100


async def test_a_whole_bar_fills_the_width_whatever_its_number() -> None:
    chart = bar_chart("k", "n", [Row("甲", (Part(1, "a", "x"), Part(3, "c", "y")), "")], whole=True)
    assert float(chart.rows[0].bars[1].left[:-1]) == pytest.approx(24.9, abs=0.1)
