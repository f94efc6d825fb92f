"""The citizen identity number of GB 11643, and how names, numbers and phones are masked.

Masking is stricter than usual for the identity number (first 4 kept, not 6).
"""

import re
from datetime import date
from typing import Literal

from domain.refusal import Refused, refuse

_FORM = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
OLDEST_YEARS = 130
"""Nobody is known to have lived longer; an earlier birth date is a typing error."""


def check_character(first17: str) -> str:
    """Return the mod 11-2 check character of the first 17 digits (GB 11643)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def check_id_number(text: str, *, field: str = "applicant.id_number", today: date | None = None) -> str:
    """Return the number with its check character in upper case, or raise `Refused`.

    With `today` a birth date in the future or more than 130 years back is refused too.
    """
    number = text.strip().upper()
    rule = "GB 11643：公民身份号码为18位，前17位是数字，末位是校验码"
    if not _FORM.fullmatch(number):
        raise _refusal(field, rule, "请按身份证填写18位号码", "身份证号码不是18位号码")
    if check_character(number[:17]) != number[17]:
        raise _refusal(field, rule, "请对照身份证逐位核对号码", "身份证号码的校验码不对")
    rule = "GB 11643：第7至14位是出生日期"
    try:
        born = birth_date(number)
    except ValueError:
        raise _refusal(field, rule, "请对照身份证逐位核对号码", "身份证号码中的出生日期不存在") from None
    if today and (born > today or today.year - born.year > OLDEST_YEARS):
        raise _refusal(field, rule, "请对照身份证逐位核对号码", "身份证号码中的出生日期不可能")
    return number


def birth_date(number: str) -> date:
    """Return the birth date in an identity number; raises ValueError when there is no such day."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex(number: str) -> Literal["male", "female"]:
    """Return the sex in an identity number: the 17th digit is odd for men."""
    return "male" if int(number[16]) % 2 else "female"


_MOST_STARS = 2
"""Stars in a masked name. A mask as long as the name would tell how long it is: few have 26 letters in theirs."""


def mask_name(name: str) -> str:
    """Mask a name: of 2 characters the second, of more all but first and last, a single one wholly.

    Whatever is between first and last becomes two stars at most. A name with a dot (阿卜杜拉·买买提) is one name; the
    dot is masked as well.
    """
    name = name.strip()
    if len(name) <= 2:
        return name[: len(name) - 1] + "*" if name else ""
    return f"{name[0]}{'*' * min(len(name) - 2, _MOST_STARS)}{name[-1]}"


def mask_id_number(number: str) -> str:
    """Keep the first 4 and last 4 characters; a number too short for that is masked wholly."""
    return _keep(number, first=4, last=4)


def mask_listed_id_number(number: str) -> str:
    """Keep city and year of birth, for the public list: they tell two people of one masked name apart.

    The last four characters are what somebody proves to be the person with when asking how a case stands.
    """
    return f"{number[:4]}**{number[6:10]}{'*' * 8}" if len(number) == 18 else "*" * len(number)


def mask_phone(phone: str) -> str:
    """Keep the first 3 and last 4 digits; a number too short for that is masked wholly."""
    return _keep(phone, first=3, last=4)


def _keep(text: str, *, first: int, last: int) -> str:
    hidden = len(text) - first - last
    if hidden < 1:
        return "*" * len(text)
    return f"{text[:first]}{'*' * hidden}{text[-last:]}"


def _refusal(field: str, rule: str, remedy: str, message: str) -> Refused:
    return refuse(field=field, rule=rule, remedy=remedy, message=message)
