"""The counter 窗口: when it takes applications in, and what comparing the originals there may say."""

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from domain.application import COUNTER, ApplicationForm
from domain.calendar import PROJECTED, CalendarSlice, WorkCalendar
from domain.moments import CST, aware
from domain.policy import RegionPolicy
from domain.refusal import refuse

_COMPARED_BY = re.compile(r"counter:[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_AHEAD = timedelta(days=60)
"""No run of rest days is longer."""


class Opening(NamedTuple):
    """When the counter opens next; `at` None where the city has not said at what time."""

    on: date
    at: time | None
    confirmed: bool

    @property
    def told(self) -> str:
        """The opening as an applicant reads it."""
        day = f"{self.on.year}年{self.on.month}月{self.on.day}日" + ("" if self.confirmed else PROJECTED)
        return f"{day}{self.at:%H:%M}" if self.at else day


def hours_zh(hours: tuple[str, ...]) -> str:
    """Return the opening hours as they are told: 工作日09:00–12:00、13:30–17:00."""
    return "工作日" + "、".join(each.replace("-", "–") for each in hours)


def is_open(hours: tuple[str, ...], calendar: CalendarSlice, moment: datetime) -> bool:
    """Tell whether the counter takes applications in at an instant; both ends of its hours are inside.

    A city that has not said its hours (none) is open on working days.
    """
    local = aware(moment).astimezone(CST)
    if not calendar.is_working_day(local.date()):
        return False
    now = local.time().replace(second=0, microsecond=0)
    spans = _spans(hours)
    return not spans or any(opens <= now <= closes for opens, closes in spans)


def next_opening(hours: tuple[str, ...], calendar: CalendarSlice, moment: datetime) -> Opening:
    """Return when the counter opens next after an instant at which it is closed."""
    local = aware(moment).astimezone(CST)
    on, spans = local.date(), _spans(hours)
    later = [opens for opens, _ in spans if opens > local.time()]
    if not (calendar.is_working_day(on) and later):
        on, later = calendar.next_working_day(on), [opens for opens, _ in spans]
    return Opening(on, min(later, default=None), calendar.confirmed_through(on, on))


def check_open(
    form: ApplicationForm,
    policy: RegionPolicy,
    calendar: WorkCalendar,
    received_at: datetime,
    *,
    now: datetime | None = None,
) -> None:
    """Refuse an application at a counter that was closed when it was received; online it is open day and night.

    `calendar` is the one in force. Raises `Refused` with the hours and the next opening; where the counter has opened
    since, by `now`, the instant of receipt is what is to be looked at.
    """
    if form.channel != COUNTER:
        return
    on = aware(received_at).astimezone(CST).date()
    hours, days = policy.filing.counter_hours.value, calendar.slice(on, on + _AHEAD)
    if is_open(hours, days, received_at):
        return
    raise refuse(
        field="received_at",
        rule=f"{policy.city.value}窗口的受理时间：{hours_zh(hours)}（法定节假日除外，调休上班日照常）",
        remedy=_remedy(next_opening(hours, days, received_at), now),
        message="收件时间不在窗口受理时间之内。",
    )


def _remedy(opening: Opening, now: datetime | None) -> str:
    opens_at = datetime.combine(opening.on, opening.at or time(0), tzinfo=CST)
    if now is not None and opens_at <= aware(now):
        return "请核对收件时间，填写窗口实际收件的时间；窗口没有收件的，可随时通过网上渠道申请"
    return f"请于{opening.told}起到窗口办理，或者随时通过网上渠道申请"


def check_originals(form: ApplicationForm) -> None:
    """Refuse what is said of originals elsewhere than at the counter, or without saying who compared them."""
    if form.originals is None and form.originals_by is None:
        return
    if form.channel != COUNTER:
        raise refuse(
            field="originals",
            rule="只有窗口（counter）收件时可以当场核验原件",
            remedy="网上申请请不要填写；需要核验原件的，会另行通知",
            message="网上申请填写了原件核验结果",
        )
    if form.originals is None:
        raise refuse(
            field="originals",
            rule="填写核验人的，须同时填写核验结果：match 或 mismatch",
            remedy="请填写核验结果，或者删去核验人",
            message="缺少原件核验结果",
        )
    if not _COMPARED_BY.fullmatch(form.originals_by or ""):
        raise refuse(
            field="originals_by",
            rule="原件核验须写明由谁核验，格式为 counter:窗口编号，例如 counter:C01",
            remedy="请填写核验的窗口编号",
            message="没有写明原件由谁核验，或者格式不对",
        )


def _spans(hours: tuple[str, ...]) -> list[tuple[time, time]]:
    pairs = (each.split("-") for each in hours)
    return [(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in pairs]
