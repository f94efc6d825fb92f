"""What a person's phone number must look like: a mobile number of the mainland, which takes messages."""

import re

from domain.refusal import Refusal

_PHONE = re.compile(r"1[3-9][0-9]{9}")


def judge_phone(text: str, *, field: str) -> Refusal | None:
    """Return why a text is no phone number, without repeating it; None where it is one."""
    if _PHONE.fullmatch(text):
        return None
    return Refusal(
        field=field,
        rule="手机号码须为11位大陆手机号码，用半角数字填写",
        remedy="请填写能接收短信的11位手机号码，不加国家代码、空格或横线",
        message="手机号码格式不对",
    )
