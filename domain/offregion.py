"""Off-region filing of a person 异地就医备案: made before the application, and asked for by it.

Guide 510400: who lives elsewhere for long files for off-region treatment first and then applies. A filing belongs to
the person, not to a case; the benefit is the same.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from domain.application import ApplicationForm, Model
from domain.identity import check_id_number
from domain.refusal import Refusal, Refused, refuse

_REGION = re.compile(r"[0-9]{6}")
PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65))
    for code in range(first, last + 1)
)
"""First two digits of a code of a province, autonomous region or municipality (GB/T 2260).

Not 71, 81 and 82: the fund pays for no treatment outside the mainland (社会保险法第三十条).
"""

EARLIEST_FROM_ON = date(2000, 1, 1)
LONGEST_AHEAD = timedelta(days=366)
"""A filing begins within this span: see docs/decisions/2026-11-22-off-region-filings-are-checked.md."""

_REGION_RULE = "就医地须为参保统筹区以外、以省级代码开头的六位行政区划代码，用半角数字填写"


class FilingForm(Model):
    """What a channel hands in to file: whose, the pool that insures, where the person is treated, and from when.

    `id_number` is personal and is not kept; only its keyed digest is.
    """

    id_number: str
    region: str
    treatment_region: str
    from_on: date


class EndingForm(Model):
    """What a channel hands in to end the filing of a person: the last day is the day before `ended_on`."""

    id_number: str
    region: str
    ended_on: date


class OffregionFiling(Model):
    """A filing as kept; in force from `from_on` up to but not including `ended_on`."""

    region: str
    treatment_region: str
    from_on: date
    ended_on: date | None = None

    @property
    def ever_in_force(self) -> bool:
        """Whether there is a day on which it is in force."""
        return self.ended_on is None or self.ended_on > self.from_on

    def in_force(self, on: date) -> bool:
        """Whether it is in force on a date."""
        return self.from_on <= on and (self.ended_on is None or on < self.ended_on)


Form = TypeVar("Form", FilingForm, EndingForm)


def read_filing(raw: object, *, regions: Iterable[str], today: date) -> FilingForm:
    """Read and judge a filing from parsed JSON; raises `Refused` naming the first bad field."""
    form = _read(FilingForm, raw, today)
    _check_home(form.region, regions)
    refusal = judge_place(form.treatment_region, home=form.region, field="treatment_region") or judge_beginning(
        form.from_on, field="from_on", today=today
    )
    if refusal is not None:
        raise Refused(refusal)
    return form


def judge_place(region: str, *, home: str, field: str) -> Refusal | None:
    """Return why a person insured in the pool `home` cannot be treated off-region in `region`; None where they can.

    A district of a pool is inside it: what a city's code begins with, its districts' codes begin with too.
    """
    if _REGION.fullmatch(region) and region[:2] in PROVINCES and not region.startswith(_pool(home)):
        return None
    return Refusal(
        field=field,
        rule=_REGION_RULE,
        remedy="请核对后填写长期居住、就医地的六位行政区划代码；在参保地就医的无须备案",
        message="就医地有误。",
    )


def _pool(home: str) -> str:
    return home[:4] if home.endswith("00") else home


def judge_beginning(from_on: date, *, field: str, today: date | None) -> Refusal | None:
    """Return why a filing cannot begin on a day; `today` None leaves open how far ahead that may be."""
    if from_on >= EARLIEST_FROM_ON and (today is None or from_on <= today + LONGEST_AHEAD):
        return None
    return Refusal(
        field=field,
        rule=f"备案自 {EARLIEST_FROM_ON.isoformat()} 之后、最迟一年之内的某一天起",
        remedy="请核对后填写在就医地开始居住、就医的日期",
        message="备案开始的日期过早或者过晚。",
    )


def read_ending(raw: object, *, regions: Iterable[str], today: date) -> EndingForm:
    """Read and judge the end of a filing from parsed JSON; raises `Refused` naming the first bad field."""
    form = _read(EndingForm, raw, today)
    _check_home(form.region, regions)
    return form


def check_ending(form: EndingForm, filings: Iterable[OffregionFiling], *, today: date) -> None:
    """Raise `Refused` where a filing would end before it began: somebody may have been treated on it since.

    One that has not begun by `today` may be ended by any day.
    """
    own = [each.from_on for each in filings if each.region == form.region and each.ever_in_force]
    begun = [from_on for from_on in own if form.ended_on < from_on <= today]
    if begun:
        raise refuse(
            field="ended_on",
            rule="终止之日不早于备案开始之日；尚未开始的备案除外",
            remedy=f"请填写 {max(begun).isoformat()} 或之后的日期",
            message="终止之日早于备案开始之日。",
        )


def check_stay(form: ApplicationForm) -> None:
    """Raise `Refused` where the place an application names cannot be one outside the pool."""
    stay = form.offregion
    if stay is not None and judge_place(stay.region, home=form.region, field="offregion.region") is not None:
        raise refuse(
            field="offregion.region",
            rule=_REGION_RULE,
            remedy="请填写备案的就医地代码；在参保地就医的不填 offregion",
            message="就医地有误。",
        )


def filing_for(form: ApplicationForm, filings: Iterable[OffregionFiling], *, on: date) -> OffregionFiling | None:
    """Return the filing an application rests on; None if it names no place outside the pool.

    Raises `Refused` where none is in force on the day of receipt, with the day from which one is.
    """
    if form.offregion is None:
        return None
    own = [
        each
        for each in filings
        if (each.region, each.treatment_region) == (form.region, form.offregion.region)
        and (each.ended_on is None or each.ended_on > max(on, each.from_on))
    ]
    found = next((each for each in own if each.in_force(on)), None)
    if found is not None:
        return found
    coming = min((each.from_on for each in own), default=None)
    when = f"备案自 {coming.isoformat()} 起生效，可于当日起提交申请" if coming else "请先办理异地就医备案，再提交申请"
    raise refuse(
        field="offregion",
        rule="长期异地居住人员须先办理异地就医备案，再申请门诊慢特病",
        remedy=when,
        message="没有在该就医地的有效异地就医备案。",
    )


def _read(model: type[Form], raw: object, today: date) -> Form:
    try:
        form = model.model_validate(raw)
    except ValidationError as error:
        raise _unreadable(error.errors()[0]) from None
    number = check_id_number(form.id_number, field="id_number", today=today)
    return form.model_copy(update={"id_number": number})


def _unreadable(fault: Any) -> Exception:
    field = ".".join(str(step) for step in fault["loc"]) or "$"
    return refuse(
        field=field,
        rule="备案须写明 id_number、region、treatment_region、from_on，终止备案须写明 id_number、region、ended_on",
        remedy="请补全或更正该项；日期按 年-月-日 填写",
        message=f"{field}：缺少或填写有误。",
    )


def _check_home(region: str, regions: Iterable[str]) -> None:
    known = tuple(regions)
    if region not in known:
        raise refuse(
            field="region",
            rule=f"已开通的统筹区：{'、'.join(known)}",
            remedy="请填写参保地的六位行政区划代码",
            message="该统筹区未开通。",
        )
