"""What a page says of a refusal holds no word of the programs."""

import re

import pytest

from domain.commands import COMMANDS
from domain.refusal import Refusal
from starter.web.pages.fields import error_of
from starter.web.pages.plain_words import COMMAND_ZH, in_words

_MACHINE_WORD = re.compile(r"[a-z_]{3,}")


def test_every_command_has_a_name_for_people() -> None:
    assert set(COMMAND_ZH) == set(COMMANDS)
    assert not [each for each in COMMAND_ZH.values() if _MACHINE_WORD.search(each)]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (
            "当前环节可用的命令：raise_objection、withdraw、change_contact",
            "当前环节可用的命令：提出异议、撤回申请、变更联系方式",
        ),
        ("请按当前轮次重新发送，或不填写 round", "请按当前轮次重新发送，或不填写轮次"),
        (
            "变更事项：condition（病情变化）、added（增加病种）、swap（更换病种）",
            "变更事项：病情变化、增加病种、更换病种",
        ),
        ("请删去 replaces，或者核对 kind 和 change", "请删去原资格的受理号，或者核对申请类型和变更事项"),
        ("from 不晚于 to，一次最多 800 天", "起日不晚于止日，一次最多 800 天"),
        ("请改为 grant 或 deny", "请改为同意或不同意"),
        (
            "请访问 https://example.invalid/change/status?kind=from",
            "请访问 https://example.invalid/change/status?kind=from",
        ),
        ("可于 2027-01-01 起再次变更", "可于2027年1月1日起再次变更"),
        ("有效期至 2026-11-26，尚未到续期时间。", "有效期至2026年11月26日，尚未到续期时间。"),
        ("请按 年-月-日 填写，例如 2026-01-05", "请按 年-月-日 填写，例如 2026-01-05"),
        ("请按 2026-01-05 的格式填写", "请按 2026-01-05 的格式填写"),
        ("请按 2026-01-05T09:30 的格式填写", "请按 2026-01-05T09:30 的格式填写"),
        ("受理号 510400-2026-11-26", "受理号 510400-2026-11-26"),
        ("文件 kind.pdf 与 a-b@reason.cn", "文件 kind.pdf 与 a-b@reason.cn"),
    ],
)
def test_names_of_programs_are_said_as_people_say_them(sentence: str, said: str) -> None:
    assert in_words(sentence) == said


def test_a_refusal_beside_a_field_is_said_in_words() -> None:
    refusal = Refusal(
        field="status",
        rule="raise_objection 适用于：公示",
        remedy="当前环节可用的命令：amend_calendar、notice_failed",
        message="案件目前为“待遇生效”。当前环节不能执行此命令。",
    )
    error = error_of(refusal)
    assert not _MACHINE_WORD.search(error.message + error.remedy + error.rule)
