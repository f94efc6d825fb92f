"""Fictitious facts to look at texts with: what a notice usually says, nothing at all, and the longest it may say.

Nothing of a real case is needed. Dates are counted from a day the caller gives.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum

from activities.notices.texts import NoticeContext, fact_names
from domain.acceptance import acceptance_number
from domain.calendar import PROJECTED
from domain.certificate import printed_date
from domain.events import NoticeEvent
from domain.identity import mask_name
from domain.vocabulary import DATE_ZH, STATUS_ZH

USUAL_NAME = "王小明"
LONGEST_NAME = "阿卜杜热合曼江·买买提依明努尔麦麦提阿吉"
"""Twenty characters, and four once masked, as of any name that is longer."""

SPOKEN = frozenset({"reason", "told", "ground"})
"""Facts people write: they may hold a name, a number or a diagnosis, and have no place in an SMS or a title."""

FROM_DELIVERY = "自本通知送达之日起120个工作日内"
"""What is told where no day can be: a period that begins when this very notice is delivered."""

PLANTED = "王小明（510403195001011234，13900000000）"
"""What a person might write into such a fact; fictitious."""

_REGION_OF_NO_CITY = "000000"


class Facts(StrEnum):
    """Which facts a text is looked at with."""

    USUAL = "usual"
    EMPTY = "empty"
    LONGEST = "longest"


def sample_context(event: NoticeEvent, region: str, *, on: date, facts: Facts = Facts.USUAL) -> NoticeContext:
    """Return what a fictitious notice of an event in a region, dated on a day, is rendered from."""
    match facts:
        case Facts.USUAL:
            told = _usual(on)
        case Facts.EMPTY:
            told = {}
        case Facts.LONGEST:
            told = {**_longest(on), **_counted(event)}
    return NoticeContext(
        event=event,
        region=region,
        acceptance_no=sample_number(region),
        masked_name=mask_name(LONGEST_NAME if facts is Facts.LONGEST else USUAL_NAME),
        dated_on=on,
        facts={name: told[name] for name in fact_names(event) if name in told},
        attached=event is NoticeEvent.GRANTED,
    )


def planted_context(event: NoticeEvent, region: str, *, on: date) -> NoticeContext:
    """Return a notice whose facts of people's own words hold what no SMS may."""
    usual = sample_context(event, region, on=on)
    return usual.model_copy(
        update={"facts": {name: PLANTED if name in SPOKEN else text for name, text in usual.facts.items()}}
    )


def sample_number(region: str) -> str:
    """Return an acceptance number with a right check character that no request ever gets."""
    code = region if region.isdigit() and len(region) == 6 else _REGION_OF_NO_CITY
    return acceptance_number(b"sample", region=code, channel="sample", request_id="sample")


def _usual(on: date) -> dict[str, str]:
    soon, later = printed_date(on + timedelta(days=21)), printed_date(on + timedelta(days=365))
    return {
        "due_on": soon,
        "confirmed_note": "",
        "reason": "提交的检查结果未达到认定标准",
        "told": "您的申请材料有以下2项需要补正：\n" + "\n".join(_papers(2)),
        "round": "1",
        "from_on": printed_date(on),
        "to_on": printed_date(on + timedelta(days=7)),
        "effect_on": printed_date(on),
        "until_on": later,
        "days": "60",
        "end_on": later,
        "appeal_until": soon,
        "records": "yes",
        "next_on": later,
        "ground": "参保关系转出本统筹区",
        "ended_on": printed_date(on),
        "what": "办理期限",
        "before_on": printed_date(on + timedelta(days=20)),
        "after_on": soon,
        "every": f"办理期限：由{printed_date(on + timedelta(days=20))}调整为{soon}",
        "status": "专家评审",
    }


def _longest(on: date) -> dict[str, str]:
    day = printed_date(date(on.year, 12, 31)) + PROJECTED
    what = max(DATE_ZH.values(), key=len)
    words = "本统筹区医疗保障经办机构经核对参保登记和诊疗记录作出以下说明。" * 12
    return {
        **dict.fromkeys(_usual(on), day),
        "confirmed_note": "（该日期为推算，以国务院办公厅节假日安排为准）",
        "reason": words,
        "told": "您的申请材料有以下20项需要补正：\n" + "\n".join(_papers(20)),
        "round": "10",
        "records": "yes",
        "ground": words,
        "what": what,
        "every": "\n".join([f"{what}：由{day}调整为{day}"] * len(DATE_ZH)),
        "status": max(STATUS_ZH.values(), key=len),
    }


def _counted(event: NoticeEvent) -> dict[str, str]:
    """What stands in place of a date where the city counts from the delivery of the notice."""
    name = {NoticeEvent.SUPPLEMENT: "due_on", NoticeEvent.DENIED: "appeal_until"}.get(event)
    return {name: FROM_DELIVERY} if name else {}


def _papers(count: int) -> Iterator[str]:
    for number in range(1, count + 1):
        yield f"{number}. 材料第{number}项：未加盖出具机构的公章，请重新提交清晰、完整、彩色的扫描件"
