"""Figures of a city: how many cases stand where, how many were decided in time, what each stage takes."""

from datetime import date
from typing import NamedTuple

from fastapi.responses import Response

from domain.access import Action, CaseFacts
from domain.panel_statistics import PanelFigures, PanelStatistics
from domain.vocabulary import STATUS_ZH
from starter.cli.notice_cards import CHANNEL_ZH
from starter.figures import CityFigures, DiseaseFigures, Lasted, OnTime, StageFigures, StatusCount
from starter.web.api.statistics import figures_of, panel_figures_of, span_of
from starter.web.pages.charts import Chart, Part, Row, at_most, bar_chart, days_zh, rate_zh
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.wording import city_zh
from starter.web.permission import may_do, permit_in
from starter.web.problems import Stopped
from storage.notice_counters import NoticeCounter, counters
from storage.policies import known_regions

router = page_router()
_MOST_BARS = 12


class Asked(NamedTuple):
    """What the form asked for."""

    region: str
    from_on: date
    to_on: date


class Shown(NamedTuple):
    """Everything the page shows of one city and one period."""

    figures: CityFigures
    panels: PanelStatistics
    notices: tuple[NoticeCounter, ...]


@router.get("/statistics")
async def statistics(visit: Known) -> Response:
    """The page; its address holds city and period, so that it may be kept and passed on."""
    visit.may(Action.READ_STATISTICS)
    query = visit.request.query_params
    typed = {name: query.get(name, "")[:20] for name in ("region", "from", "to")}
    typed["region"] = typed["region"] or visit.me.regions[0]
    permit_in(visit.me, Action.READ_STATISTICS, typed["region"])
    try:
        asked = _asked(typed)
    except (Stopped, ValueError) as error:
        return _page(visit, typed, None, _told(error))
    return _page(visit, typed, await _found(visit, asked), None)


def _asked(typed: dict[str, str]) -> Asked:
    first_on, last_on = span_of(
        *(date.fromisoformat(typed[name]) if typed[name] else None for name in ("from", "to"))
    )
    return Asked(typed["region"], first_on, last_on)


def _told(error: Exception) -> FieldError:
    if isinstance(error, Stopped):
        return error_of(error.refusal)
    return FieldError("from", "日期不符合格式。", "请从日历中选择，或填写如 2026-01-05")


async def _found(visit: Visit, asked: Asked) -> Shown:
    figures = await figures_of(visit.doors, *asked)
    panels = await panel_figures_of(visit.doors, *asked)
    async with visit.doors.database.read(long=True) as connection:
        notices = await counters(connection, (asked.region,))
    return Shown(figures, panels, notices)


def _page(visit: Visit, typed: dict[str, str], found: Shown | None, error: FieldError | None) -> Response:
    if found is not None:
        typed = typed | {"from": found.figures.from_on.isoformat(), "to": found.figures.to_on.isoformat()}
    return visit.render(
        "statistics.html",
        status=422 if error else 200,
        typed=typed,
        found=found,
        errors=[error] if error else [],
        charts=charts_of(found) if found else {},
        cities=[(each, city_zh(each)) for each in visit.me.regions if _may(visit, each)],
        way_zh=way_zh,
        days_zh=days_zh,
        rate_zh=rate_zh,
    )


def _may(visit: Visit, region: str) -> bool:
    known = region in known_regions()
    return known and may_do(visit.me, Action.READ_STATISTICS, CaseFacts(region=region))


def charts_of(found: Shown) -> dict[str, Chart | None]:
    """Draw the charts of the page; None in place of one without anything to show."""
    figures = found.figures
    drawn = {
        "on_time": bar_chart("on-time", "按时办结的比例", _on_time(figures.on_time), whole=True),
        "statuses": bar_chart("statuses", "各状态的申请数", [_status(each) for each in figures.statuses]),
        "stages": bar_chart("stages", "各环节的工作日数", [_stage(each) for each in figures.stages]),
        "diseases": bar_chart(
            "diseases", "各病种认定所用的工作日数", at_most(_diseases(figures.diseases), _MOST_BARS)
        ),
        "panels": bar_chart("panels", "评审意见一致的比例", _panels(found.panels.panels), whole=True),
        "notices": bar_chart("notices", "各渠道的通知", [_notices(each) for each in found.notices]),
    }
    return {name: chart if chart.rows else None for name, chart in drawn.items()}


def _on_time(counted: OnTime) -> list[Row]:
    if not counted.decided:
        return []
    parts = (Part(counted.in_time, "a", "按时"), Part(counted.late, "c", "超期"))
    return [Row("已作出的决定", parts, f"{rate_zh(counted.rate)} 按时，共 {counted.decided} 件")]


def _status(counted: StatusCount) -> Row:
    rest = counted.cases - counted.warn - counted.breach
    parts = (Part(rest, "a", "正常"), Part(counted.warn, "b", "临近期限"), Part(counted.breach, "c", "超期"))
    return Row(STATUS_ZH[counted.status], parts, f"{counted.cases} 件")


def _stage(figures: StageFigures) -> Row:
    return _lasting(STATUS_ZH[figures.status], figures.working_days)


def _diseases(figures: tuple[DiseaseFigures, ...]) -> list[Row]:
    most_first = sorted(figures, key=lambda each: -each.working_days.cases)
    return [_lasting(each.disease, each.working_days) for each in most_first]


def _lasting(label: str, lasted: Lasted) -> Row:
    words = f"中位 {days_zh(lasted.median)}，最长 {days_zh(lasted.longest)}"
    return Row(label, (Part(lasted.median or 0, "a", "中位数"),), words, mark=lasted.longest)


def _panels(counted: PanelFigures) -> list[Row]:
    several = counted.unanimous + counted.majority + counted.tie
    if not several:
        return []
    parts = (
        Part(counted.unanimous, "a", "意见一致"),
        Part(counted.majority, "b", "多数意见"),
        Part(counted.tie, "c", "增加专家后决定"),
    )
    return [Row("两名以上专家的评审", parts, f"{rate_zh(counted.agreement)} 一致，共 {several} 次")]


def _notices(counted: NoticeCounter) -> Row:
    parts = (
        Part(counted.delivered, "a", "已送达"),
        Part(counted.sent, "b", "已发出"),
        Part(counted.failed, "c", "失败"),
        Part(counted.unknown, "d", "结果不明"),
    )
    return Row(way_zh(counted), parts, f"{counted.delivered + counted.sent + counted.failed + counted.unknown} 条")


def way_zh(counted: NoticeCounter) -> str:
    """Return how a notice went: its channel, and the provider where there is one."""
    channel = CHANNEL_ZH.get(counted.channel, counted.channel)
    return f"{channel}（{counted.provider}）" if counted.provider else channel
