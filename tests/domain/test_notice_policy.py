import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from domain.events import NoticeEvent
from domain.notice_policy import OF_EVENT, SmsPolicy, sms_word_names

WRITTEN = """
providers = { value = ["aliyun", "tencent"], source = "made up" }

[contracts.aliyun]
signature = { value = "攀枝花医保", source = "made up" }

[contracts.aliyun.templates]
accepted = { value = "SMS_480000001", parameters = ["name", "number", "due_on"], source = "made up" }
lapsed = { value = "SMS_480000002", parameters = ["name", "number"], source = "made up" }

[contracts.tencent]
signature = { value = "攀枝花医保", source = "made up" }

[contracts.tencent.templates]
accepted = { value = "1110", parameters = ["name", "number_head", "number_tail", "due_on"], source = "made up" }
"""


def read(text: str) -> SmsPolicy:
    return SmsPolicy.model_validate(tomllib.loads(text))


def test_a_city_without_providers_keeps_its_messages() -> None:
    assert (SmsPolicy().order, SmsPolicy().contracts) == ((), {})


def test_providers_contracts_and_templates_are_read_in_their_order() -> None:
    policy = read(WRITTEN)
    assert policy.order == ("aliyun", "tencent")
    accepted = policy.contracts["tencent"].templates[NoticeEvent.ACCEPTED]
    assert (accepted.value, accepted.parameters) == ("1110", ("name", "number_head", "number_tail", "due_on"))
    assert NoticeEvent.LAPSED not in policy.contracts["tencent"].templates


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["aliyun", "tencent"]', '["aliyun", "aliyun"]', "providers 不能重复"),
        ('["aliyun", "tencent"]', '["aliyun", "pigeons"]', "缺少：pigeons"),
        ('"name", "number", "due_on"', '"name", "reason"', "templates.accepted.parameters 只能取"),
        ('["name", "number"]', '["name", "due_on"]', "templates.lapsed.parameters 只能取"),
        ('["name", "number"]', '["name", "name"]', "templates.lapsed.parameters 不能重复"),
        ("lapsed =", "lapst =", "lapst"),
        ('"tencent"]', f'"{"t" * 21}"]', "最多 20 个字符"),
        ('"tencent"]', '"ten-cent"]', "数字和下划线"),
        ("[contracts.tencent]", "[contracts.push]", "不得为 push"),
        ('value = "攀枝花医保"', 'value = "【攀枝花医保】"', "signature"),
        ('value = "1110"', 'value = "1110 or so"', "pattern"),
        (', source = "made up" }', " }", "source"),
    ],
)
def test_a_mistake_is_not_read(old: str, new: str, said: str) -> None:
    assert old in WRITTEN
    with pytest.raises(ValidationError, match=said):
        read(WRITTEN.replace(old, new, 1))


@pytest.mark.parametrize("event", NoticeEvent)
def test_every_notice_can_be_said_with_a_masked_name_and_a_number(event: NoticeEvent) -> None:
    names: tuple[Any, ...] = sms_word_names(event)
    assert names[:2] == ("name", "number")
    assert len(set(names)) == len(names)
    assert names[len(names) - len(OF_EVENT.get(event, ())) :] == OF_EVENT.get(event, ())
