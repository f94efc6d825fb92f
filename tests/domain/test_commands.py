import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.commands import COMMANDS, GiveVerdict, name_of, read_command
from domain.refusal import Refused
from domain.vocabulary import Decision

VERDICT = {"command_id": "v1", "actor": "expert:E001", "decision": "grant", "reason": "依据材料"}


def refused(name: str, content: object) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(Refused) as caught:
        read_command(name, data)
    return caught.value.refusal.field


def test_a_command_is_read_and_knows_its_sender() -> None:
    command = read_command("give_verdict", json.dumps(VERDICT).encode())
    assert isinstance(command, GiveVerdict)
    assert (command.decision, command.sender, command.sender_id) == (Decision.GRANT, "expert", "E001")
    assert name_of(command) == "give_verdict"


def test_fields_of_a_newer_sender_are_ignored() -> None:
    assert read_command("give_verdict", json.dumps(VERDICT | {"confidence": 0.9}).encode())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"actor": "E001"}, "actor"),
        ({"actor": "expert:"}, "actor"),
        ({"command_id": "a b"}, "command_id"),
        ({"command_id": "x" * 81}, "command_id"),
        ({"round": "first"}, "round"),
        ({"status": "unknown"}, "status"),
        ({"missing": ["passport"]}, "missing.0"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    assert refused("give_verdict", VERDICT | change) == field


@pytest.mark.parametrize(
    ("name", "field", "value", "rule"),
    [
        ("extend", "working_days", 99, "须为 1 至 60 的整数"),
        ("extend", "working_days", 0, "须为 1 至 60 的整数"),
        ("extend", "working_days", 1.5, "须为整数"),
        ("extend", "working_days", "many", "须为整数"),
        ("notice_delivered", "notice_seq", 0, "须为不小于 1 的整数"),
        ("give_verdict", "decision", "maybe", "不在允许的取值之内"),
    ],
)
def test_what_a_number_may_be_is_said_with_both_its_bounds(name: str, field: str, value: object, rule: str) -> None:
    sent = {
        "command_id": "e1",
        "actor": "officer:web",
        "working_days": 5,
        "ground": "复杂",
        "reason": "复杂",
        "notice_seq": 1,
        "delivered_at": "2026-01-05T09:30:00+08:00",
    }
    with pytest.raises(Refused) as caught:
        read_command(name, json.dumps(sent | {field: value}).encode())
    assert caught.value.refusal.field == field
    assert caught.value.refusal.rule == f"见 docs/messages/{name}.json：{rule}"


def test_a_refusal_never_repeats_the_refused_value() -> None:
    with pytest.raises(Refused) as caught:
        read_command("change_contact", json.dumps(VERDICT | {"phone": "secret-number"}).encode())
    assert "secret" not in caught.value.refusal.model_dump_json()


def test_nul_is_refused_since_the_database_cannot_keep_it() -> None:
    assert refused("give_verdict", VERDICT | {"reason": "a\u0000b"}) == "input"


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(Refused) as caught:
        read_command("give_verdikt", b"{}")
    assert "give_verdict" in caught.value.refusal.remedy


@settings(max_examples=300)
@given(st.sampled_from(sorted(COMMANDS)), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_never_an_error(name: str, content: bytes) -> None:
    with pytest.raises(Refused):
        read_command(name, content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(COMMANDS)), st.dictionaries(st.sampled_from([*VERDICT, "materials", "round"]), JSON))
def test_any_object_is_read_or_refused_never_an_error(name: str, content: dict[str, object]) -> None:
    with contextlib.suppress(Refused):
        read_command(name, json.dumps(content).encode())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_who_may_send_it(name: str) -> None:
    assert COMMANDS[name].senders
