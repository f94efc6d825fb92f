"""What a person's e-mail address may look like: the plain form every mail server takes.

A dot-atom at a host name (RFC 5322, section 3.4.1; lengths of RFC 5321, section 4.5.3.1). No quoted names, comments
or addresses in other scripts, which most servers turn down.
"""

import re

from domain.refusal import Refusal

MOST_EMAIL = 254
"""Longest address, in characters (RFC 3696, erratum 1690)."""

_MOST_LOCAL = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")


def is_mail_address(text: str) -> bool:
    """Tell whether a mail can be addressed to a text."""
    return len(text) <= MOST_EMAIL and _EMAIL.fullmatch(text) is not None and text.index("@") <= _MOST_LOCAL


def judge_mail_address(text: str, *, field: str) -> Refusal | None:
    """Return why a text is no address, without repeating it; None where it is one."""
    if is_mail_address(text):
        return None
    return Refusal(
        field=field,
        rule="电子邮箱的格式为 名称@域名，名称不以点开头或结尾，也没有连续两个点",
        remedy="请核对电子邮箱；没有的可以不填",
        message="电子邮箱格式不对",
    )
