"""Instants and dates of China Standard Time (+08:00, no daylight saving since 1991).

A fixed offset, not a time-zone database: replay must not depend on tzdata.
"""

from datetime import date, datetime, time, timedelta, timezone

CST = timezone(timedelta(hours=8))


def aware(moment: datetime) -> datetime:
    """Return the instant with an offset; an input without one is +08:00."""
    return moment.replace(tzinfo=CST) if moment.tzinfo is None else moment


def local_date(moment: datetime) -> date:
    """Return the calendar date in China at an aware instant."""
    return aware(moment).astimezone(CST).date()


def at_close(on: date, close: time) -> datetime:
    """Return the instant of the bureau's close of business on a date."""
    return datetime.combine(on, close, tzinfo=CST)


def end_of_day(on: date) -> datetime:
    """Return 24:00 of a date: the end of an applicant's own online deadline."""
    return datetime.combine(on + timedelta(days=1), time(0), tzinfo=CST)


def rfc3339(moment: datetime) -> str:
    """Format an instant as RFC 3339 with +08:00, to the second."""
    return aware(moment).astimezone(CST).isoformat(timespec="seconds")


def minute_text(moment: datetime) -> str:
    """Format the end of a limit for people: `2026-12-04 24:00`, never 00:00 of the day after."""
    local = aware(moment).astimezone(CST)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return f"{(local - timedelta(days=1)).date().isoformat()} 24:00"
    return local.strftime("%Y-%m-%d %H:%M")
