"""What an entry of the trail says beside its kind, in Chinese words: for the command line and the pages alike."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from pydantic import JsonValue

from domain.calendar import PROJECTED
from domain.moments import minute_text
from domain.paper_rules import FINDING_ZH
from domain.vocabulary import CHANGE_ZH, DATE_ZH, DECISION_ZH, END_ZH, MATERIAL_ZH

SHORT: Mapping[str, str] = MappingProxyType(
    {
        "kinds": "材料",
        "still_faulty": "仍不符合要求",
        "expert": "专家",
        "experts": "专家",
        "decision": "意见",
        "tally": "意见",
        "missing": "缺少",
        "due": "期限",
        "notice_seq": "通知",
        "delivered_at": "送达",
        "ends": "截止",
        "effect_on": "生效",
        "end_on": "止于",
        "certificate_no": "凭证",
        "objection_id": "异议",
        "replaces": "原资格",
        "command": "消息",
        "reason": "理由",
        "ground": "事由",
        "message": "说明",
        "note": "备注",
    }
)
"""What fits a line of a terminal."""

IN_FULL: Mapping[str, str] = MappingProxyType(
    {
        **SHORT,
        "told": "告知内容",
        "limit_days": "办理时限（工作日）",
        "working_days": "延长（工作日）",
        "working_days_used": "已用（工作日）",
        "legal_ground": "法定事由",
        "due_on": "应于",
        "outcome": "结果",
        "upheld": "异议成立",
        "by": "提出者",
        "vacancies": "缺专家（名）",
        "round": "轮次",
        "year": "复核年度",
        "next_recheck_on": "下次复核",
        "until_on": "办理至",
        "hospital_id": "定点医疗机构",
        "region": "地区",
        "from_on": "自",
        "state": "参保状态",
        "as_of_on": "截至",
        "what": "更正对象",
        "change": "变更事项",
        "changed": "变更内容",
        "version": "日历版本",
        "name": "消息",
        "rule": "依据",
        "remedy": "办法",
        "done_as": "原办理条目",
    }
)
"""Everything somebody who looks into a case wants to know."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{each.value: name for each, name in MATERIAL_ZH.items()},
        **{each.value: name for each, name in DECISION_ZH.items()},
        **{each.value: name for each, name in CHANGE_ZH.items()},
    }
)
_WORDS_OF: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "outcome": {"match": "一致", "mismatch": "不一致"},
        "legal_ground": {"lawful_extension": "依法延长", "force_majeure": "不可抗力"},
        "what": {"denial": "不予认定的决定", "grant": "予以认定的决定"},
        "ground": END_ZH,
        "still_faulty": FINDING_ZH,
        "state": {
            "normal": "正常",
            "arrears": "欠费",
            "lapsed": "停保",
            "elsewhere": "异地参保",
            "unknown": "未登记",
        },
        "changed": {"phone": "手机号码", "email": "电子邮箱"},
    }
)
_ENDS = ("due", "ends")
_INSTANTS = (*_ENDS, "delivered_at")
_DATES = {kind.value: name for kind, name in DATE_ZH.items()}


def said(
    detail: Mapping[str, JsonValue], names: Mapping[str, str] = SHORT, *, written: Callable[[str], str] = str
) -> Iterable[str]:
    """Yield each thing that is told, as `理由：…`; nothing is escaped. `written` says how a day is written."""
    projected = PROJECTED if detail.get("projected") is True else ""
    for name, title in names.items():
        value = detail.get(name)
        # The first round is no round of supplement.
        if value not in (None, "", [], {}) and (name, value) != ("round", 0):
            yield f"{title}：{written(_value_zh(name, value))}{projected if name in _ENDS else ''}"
    moved = detail.get("moved")
    for each in moved if isinstance(moved, list) else ():
        if isinstance(each, dict):
            before, after = (written(str(each.get(name))) for name in ("before", "after"))
            yield f"{_DATES.get(str(each.get('date')), '日期')}：{before} → {after}"


def _value_zh(name: str, value: JsonValue) -> str:
    match value:
        case list():
            return "、".join(_word(name, each) for each in value)
        case dict():
            return "，".join(f"{_WORDS.get(key, key)} {count}" for key, count in value.items() if count)
        case bool():
            return "是" if value else "否"
        case str() if name in _INSTANTS:
            return minute_text(datetime.fromisoformat(value))
        case _:
            return _word(name, value)


def _word(name: str, value: JsonValue) -> str:
    text = str(value)
    return _WORDS_OF.get(name, {}).get(text, _WORDS.get(text, text))
