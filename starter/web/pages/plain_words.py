"""Words of the programs in those of people: refusals are written for whoever sends messages, pages are for others."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from domain.vocabulary import DECISION_ZH, MATERIAL_ZH

COMMAND_ZH: Mapping[str, str] = MappingProxyType(
    {
        "supply_materials": "补交材料",
        "give_verdict": "提交评审意见",
        "recuse": "申请回避",
        "verify_originals": "登记原件核验",
        "raise_objection": "提出异议",
        "rule_objection": "对异议作出结论",
        "withdraw": "撤回申请",
        "appeal": "提出申诉",
        "extend": "延长办理时限",
        "correct": "更正决定",
        "change_hospital": "变更定点医疗机构",
        "file_offregion": "登记异地就医备案",
        "end_offregion": "取消异地就医备案",
        "change_contact": "变更联系方式",
        "insured_changed": "登记参保变动",
        "end_entitlement": "终止待遇",
        "supersede": "更替原资格",
        "amend_calendar": "调整工作日历",
        "notice_delivered": "登记通知已送达",
        "notice_failed": "登记通知未送达",
        "notice_waived": "登记无须再送达",
    }
)
"""What each command is called on the pages."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **COMMAND_ZH,
        **{each.value: name for each, name in DECISION_ZH.items()},
        **{each.value: name for each, name in MATERIAL_ZH.items()},
        "condition": "病情变化",
        "added": "增加病种",
        "swap": "更换病种",
        "change": "变更事项",
        "replaces": "原资格的受理号",
        "take_over": "沿用材料的受理号",
        "kind": "申请类型",
        "round": "轮次",
        "status": "环节",
        "from": "起日",
        "to": "止日",
        "missing": "需要补充的材料",
        "reason": "理由",
        "reached": "已告知",
        "not_reached": "未能告知",
        "not_needed": "无须告知",
    }
)
_DAY = re.compile(r"(?<![0-9A-Za-z-]) ?([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9A-Za-z-]) ?")
_EXAMPLE = ("例如", "如", "按")
_EXPLAINED = re.compile(r"[a-z][a-z_]+（([^（）]+)）")
_FOR_PROGRAMS = re.compile("^GB [0-9]+：|，用半角数字填写$|，不加国家代码、空格或横线$")
"""A standard nobody at home has, and how a number must not be written, which the pages put right themselves."""
_WORD = re.compile(r"(https?://\S+)| ?(?<![A-Za-z0-9_./@-])([a-z][a-z_]+)(?![A-Za-z0-9_./@:-]) ?")


def in_words(text: str) -> str:
    """Return a sentence with the names of messages, fields and values as people call them, and its days as they do.

    A word explained in brackets is left to its explanation, a day that shows how to type one stays as it is typed;
    so does what nobody knows here.
    """
    return _DAY.sub(_day_said, _WORD.sub(_said, _EXPLAINED.sub(r"\1", _FOR_PROGRAMS.sub("", text))))


def _day_said(found: re.Match[str]) -> str:
    if found.string[: found.start()].endswith(_EXAMPLE):
        return found[0]
    return f"{found[1]}年{int(found[2])}月{int(found[3])}日"


def _said(found: re.Match[str]) -> str:
    return found[0] if found[1] else _WORDS.get(found[2], found[0])
