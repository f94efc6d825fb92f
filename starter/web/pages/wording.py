"""How dates, instants and words stand on a page."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from activities.notices.texts import city_of
from domain.checklist import basis_zh
from domain.moments import CST, aware, local_date, minute_text
from domain.sourced import Sourced
from domain.vocabulary import (
    ENDED,
    MATERIAL_ZH,
    NOT_COUNTED,
    STATUS_ZH,
    STOPPED,
    MaterialKind,
    Status,
    WaitingOn,
)
from storage.policies import known_regions, policy_book

WAITING_ZH: dict[WaitingOn, str] = {
    WaitingOn.APPLICANT: "等待您办理",
    WaitingOn.EXPERT: "等待专家评审",
    WaitingOn.OFFICER: "等待经办机构处理",
    WaitingOn.COUNTER: "等待窗口核验",
    WaitingOn.TIMER: "等待期满",
    WaitingOn.DELIVERY: "等待通知送达",
    WaitingOn.NONE: "已办结",
}
_STATUS_TONE: dict[Status, str] = {
    Status.SUPPLEMENT: "warn",
    Status.SUSPENDED: "warn",
    Status.VERIFYING: "warn",
    Status.RECHECK: "warn",
    Status.OBJECTED: "warn",
    Status.EFFECTIVE: "good",
    Status.PUBLICITY: "good",
    Status.DENIED: "bad",
    Status.NOT_ACCEPTED: "bad",
    Status.LAPSED: "quiet",
    Status.WITHDRAWN: "quiet",
    Status.ENDED: "quiet",
    Status.SUPERSEDED: "quiet",
}


def day(on: date | None) -> str:
    """Return `2026年1月5日`."""
    return f"{on.year}年{on.month}月{on.day}日" if on else "—"


def moment(at: datetime | None) -> str:
    """Return an instant in China, `2026年1月5日 09:30`."""
    if at is None:
        return "—"
    local = aware(at).astimezone(CST)
    return f"{day(local.date())} {local:%H:%M}"


def limit_end(at: datetime | None) -> str:
    """Return the end of a limit: 24:00 of its last day, never 00:00 of the next."""
    if at is None:
        return "—"
    on, _, clock = minute_text(at).partition(" ")
    return f"{day(date.fromisoformat(on))} {clock}"


OWN_CHANNELS = {"web": "本站网页", "counter": "窗口"}


def channel_zh(channel: str) -> str:
    """Return where an application came from; of a back end the code is all that is agreed with it."""
    return OWN_CHANNELS.get(channel) or f"网上渠道（{channel}）"


_WRITTEN = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})( [0-9]{2}:[0-9]{2})?")


def read_out(text: str) -> str:
    """Return a text of ours with each day in it as people read it, `2026年1月5日 24:00`."""
    return _WRITTEN.sub(lambda on: f"{on[1]}年{int(on[2])}月{int(on[3])}日{on[4] or ''}", text)


def value_zh(text: str) -> str:
    """Return a value that is a day or an instant as people read it; whatever else somebody wrote stays as it is."""
    return read_out(text) if _WRITTEN.fullmatch(text) else text


_NOTICE = re.compile(r"CN-([0-9]{4})(?:\.([0-9]+|seed))?")


def notice_title(notice: str | None) -> str:
    """Return what a State Council notice on the holidays of a year is called; of a year without one, that."""
    found = _NOTICE.fullmatch(notice or "")
    if found is None:
        return notice or "尚未公布放假安排"
    if found[2] == "seed":
        return f"{found[1]}年节假日安排（公开资料）"
    again = f"（第{found[2]}次）" if found[2] else ""
    return f"国务院办公厅关于{found[1]}年部分节假日安排的通知{again}"


def day_basis(why: str, notice: str | None) -> str:
    """Return by which rule a day of a limit is counted or not: the calendar says nothing of the day of receipt."""
    if why == NOT_COUNTED:
        return "《民法典》第二百零一条"
    if why.startswith((STOPPED, ENDED)):
        return ""
    return notice_title(notice)


def status_zh(status: Status | str) -> str:
    """Return the word for a status."""
    return STATUS_ZH[Status(status)]


def status_tone(status: Status | str) -> str:
    """Return the tone of a status's tag: good, warn, bad, quiet or plain; the word beside it says the same."""
    return _STATUS_TONE.get(Status(status), "plain")


def material_zh(kind: MaterialKind | str) -> str:
    """Return the name of a kind of paper."""
    return MATERIAL_ZH[MaterialKind(kind)]


def disease_zh(disease_id: str) -> str:
    """Return a disease's name, or its id for one that no catalogue lists any more."""
    return policy_book().disease_name(disease_id) or disease_id


def city_zh(region: str) -> str:
    """Return a city's name, or its code for one without a policy."""
    policies = [each for each in policy_book().policies if each.region == region]
    return policies[-1].city.value if policies else region


def benefit_zh(region: str) -> str:
    """Return what a city calls the benefit, as its letters and mails do; of no city the general word."""
    # Anybody may type a region into an address: only those of ours are looked up and remembered.
    return city_of(region if region in known_regions() else "").benefit


class City(NamedTuple):
    """A city as pages show it."""

    region: str
    name: str
    bureau: str
    hotline: str
    diseases: int


def cities() -> tuple[City, ...]:
    """Return the cities that have a policy today."""
    book, today = policy_book(), local_date(datetime.now(CST))
    policies = [book.policy_for(region, today) for region in book.regions()]
    return tuple(
        City(each.region, each.city.value, each.bureau.value, each.hotline.value, len(each.diseases))
        for each in policies
    )


def kind_options(kinds: Iterable[MaterialKind]) -> list[tuple[str, str]]:
    """Return kinds of paper as options of a form."""
    return [(each.value, MATERIAL_ZH[each]) for each in kinds]


def sentence(text: str) -> str:
    """Return a text that ends as a sentence does, whether or not it did before; a comma at its end gives way."""
    whole = text.rstrip(" ，、；：,;:")
    return whole if not whole or whole.endswith(("。", "！", "？", ".", "!", "?", "…")) else f"{whole}。"


def size_zh(size: int) -> str:
    """Return bytes as `312 KB` or `4.2 MB`."""
    return f"{max(1, size // 1024)} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


_UNIT_ZH = {
    "working_days": "个工作日",
    "days": "日",
    "calendar_days": "日",
    "months": "个月",
    "years": "年",
    "rounds": "次",
    "times": "次",
    "experts": "名",
}


def quantity(found: Sourced[Any]) -> str:
    """Return a value of a policy with its unit, `20 个工作日`."""
    return f"{found.value} {_UNIT_ZH.get(getattr(found, 'unit', ''), '')}"


FILTERS = {
    "day_basis": day_basis,
    "notice_title": notice_title,
    "read_out": read_out,
    "quantity": quantity,
    "basis_zh": partial(basis_zh, assumed="本市经办规定"),
    "day": day,
    "moment": moment,
    "limit_end": limit_end,
    "status_zh": status_zh,
    "status_tone": status_tone,
    "material_zh": material_zh,
    "disease_zh": disease_zh,
    "city_zh": city_zh,
    "benefit_zh": benefit_zh,
    "size_zh": size_zh,
    "kind_options": kind_options,
    "sentence": sentence,
}
