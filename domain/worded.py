"""Whether a text says anything: white space, control and zero-width characters alone say nothing."""

import unicodedata

from domain.refusal import Refusal

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DRAWN_AS_NOTHING = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol by category that are drawn as nothing: fillers of Hangul, and the empty cell of Braille."""


def has_hidden(text: str) -> bool:
    """Whether a text has control, format or line separating characters, or halves of a pair."""
    return any(unicodedata.category(each) in _HIDDEN for each in text)


def has_words(text: str) -> bool:
    """Whether a text has a letter or a digit of any script that can be seen."""
    return any(unicodedata.category(each)[0] in "LN" and each not in _DRAWN_AS_NOTHING for each in text)


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return not any(unicodedata.category(each)[0] in "LNPS" and each not in _DRAWN_AS_NOTHING for each in text)


def judge_words(text: str, *, field: str, name: str) -> Refusal | None:
    """Return why a text cannot stand where a decision or a notice quotes it; None where it says something."""
    if has_words(text):
        return None
    return Refusal(
        field=field,
        rule=f"{name}须有文字；只有空格、标点、控制字符或不可见字符的，视为没有填写",
        remedy=f"请写明{name}后重新提交",
        message=f"{name}没有文字。",
    )


def judge_label(text: str, *, field: str, name: str, most: int) -> Refusal | None:
    """Return why a text is no id of somebody else's, which is at most so many characters; None where it is one."""
    rule = f"{name}须为1至{most}个字符，不含控制字符"
    if is_blank(text):
        return Refusal(field=field, rule=rule, remedy=f"请填写{name}", message=f"{name}为空")
    if len(text) > most:
        return Refusal(field=field, rule=rule, remedy=f"请缩短{name}", message=f"{name}过长")
    if has_hidden(text):
        return Refusal(field=field, rule=rule, remedy="请删除其中的控制字符", message=f"{name}含有控制字符")
    return None
