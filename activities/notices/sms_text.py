"""What the networks take in an SMS: length, parts and characters, and how a text is mended that breaks a rule.

Vendors ask for at most 500 characters with the signature, simplified Chinese, no 【】 beside the signature and no
symbols such as ¥ ★ & √ ※ [] (documentation of Tencent Cloud 382/40659, Aliyun 425699, Huawei Cloud sms_faq_0003).
They do not say which rare ideographs pass. That those of GBK do is our assumption: every handset shows them.
A text that breaks a rule fails `mente notices lint`, never the send: here it is mended.
"""

import re
import unicodedata

SINGLE_SMS = 70
"""Characters of one SMS, signature included."""

SMS_PART = 67
"""Characters of each part of a longer SMS."""

LONGEST_SMS = 500
"""Characters of the longest SMS a vendor takes, signature included."""

INSTEAD = {
    "【": "〔",
    "】": "〕",
    "[": "（",
    "]": "）",
    "{": "（",
    "}": "）",
    "&": "和",
    "¥": "人民币",
    "￥": "人民币",
    "^": "",
    "★": "",
    "☆": "",
    "√": "",
    "✓": "",
    "※": "",
    "☞": "",
    "□": "",
}
"""The symbols vendors name, each with what is sent in its place. A second 【】 would pass for a signature."""

UNSHOWN = "*"
"""Sent for a letter or ideograph outside GBK: in a name it reads like the masked rest."""

HIDDEN = "***"
"""Sent for what looks like an ID number or a mobile number, whatever fact it came with."""

_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{15}|1[3-9]\d-?\d{4}-?\d{4})(?!\d)")
_ELLIPSIS = "……"
_ENDS = "。；，、"


def sms_length(text: str) -> int:
    """Return the characters of a text as the networks count them: UTF-16 units."""
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def sms_segments(text: str) -> int:
    """Return how many SMS a text costs: 1 up to 70 characters, else one for each 67."""
    length = sms_length(text)
    return 1 if length <= SINGLE_SMS else -(-length // SMS_PART)


def forbidden_in_sms(body: str) -> tuple[str, ...]:
    """Return the characters of a body no vendor is sure to take, each once, in order."""
    return tuple(dict.fromkeys(each for each in "".join(body.split()) if _mended(each) != each))


def sms_text(signature: str, body: str) -> str:
    """Return the message as it is sent: the signature 【…】 first, no white space, mended, at most 500 characters."""
    signed = f"【{signature}】"
    return signed + _cut(mended("".join(body.split())), LONGEST_SMS - sms_length(signed))


def mended(text: str) -> str:
    """Return a text with every character a vendor may refuse replaced or left out, and personal numbers hidden."""
    return _PERSONAL.sub(HIDDEN, "".join(map(_mended, text)))


def is_control(character: str) -> bool:
    """Tell whether a character is none a person sees: control, format, private, unassigned or half a pair."""
    return unicodedata.category(character)[0] == "C"


def _mended(character: str) -> str:
    if character in INSTEAD:
        return INSTEAD[character]
    if is_control(character):
        return ""
    if _in_gbk(character):
        return character
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and all(_in_gbk(each) and each not in INSTEAD for each in plain):
        return plain
    # An emoji says nothing a notice needs; a letter that is left out would make another word.
    return UNSHOWN if unicodedata.category(character)[0] in "LN" else ""


def _in_gbk(character: str) -> bool:
    try:
        character.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def _cut(body: str, room: int) -> str:
    """Cut what is too long behind its last whole clause."""
    # everything in it is one UTF-16 unit: what is not, GBK does not hold
    if len(body) <= room:
        return body
    kept = body[: room - len(_ELLIPSIS)]
    end = max(kept.rfind(each) for each in _ENDS)
    return (kept[:end] if end > 0 else kept) + _ELLIPSIS
