"""Bad input at the door: every refusal names field, rule and remedy, and never the refused value."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.identity import check_character
from domain.intake import form_faults, judge_form, parse_form
from domain.moments import CST
from domain.policy import PolicyBook
from domain.refusal import Refusal, Refused
from storage.policies import policy_book

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=CST)


def number(first17: str) -> str:
    return first17 + check_character(first17)


ID = number("51040019650304222")


def good() -> dict[str, Any]:
    return {
        "request_id": "A-20261121-0007",
        "channel": "panzhihua-app",
        "region": "510400",
        "kind": "new",
        "disease_id": "510400-003",
        "applicant": {
            "name": "阿依古丽·买买提",
            "id_number": ID,
            "phone": "13800001234",
            "email": "someone@example.org",
            "insured_category": "resident",
            "tier": "high",
            "agent": None,
        },
        "hospital_id": "H510400-01",
        "received_at": "2026-11-21T09:30:00+08:00",
        "materials": [
            {"kind": "id_front", "file": "id_front.jpg"},
            {"kind": "diagnosis_certificate", "file": "diagnosis.pdf", "issued_on": "2026-10-12"},
        ],
    }


def changed(path: str, value: object) -> dict[str, Any]:
    raw = good()
    target: Any = raw
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for step in parents:
        target = target[int(step)] if step.isdigit() else target[step]
    target[last] = copy.deepcopy(value)
    return raw


def judge(raw: object, *, now: datetime = NOW) -> None:
    judge_form(parse_form(raw), policies=policy_book(), now=now)


def refusal_of(raw: object, *, now: datetime = NOW) -> Refusal:
    with pytest.raises(Refused) as refused:
        judge(raw, now=now)
    return refused.value.refusal


AGENT = {"name": "李四", "id_number": number("51040019900101123"), "phone": "13900001234"}


def test_a_complete_application_passes() -> None:
    judge(good())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("applicant.agent", AGENT),
        ("applicant.email", None),
        ("applicant.email", "wang.xiao-ming+mtb@mail.example.org"),
        ("materials", []),
        ("received_at", None),
        ("received_at", "2026-11-21T10:10:00+08:00"),
        ("received_at", "2026-11-21T09:30:00"),
        ("disease_id", "M03600"),
        ("disease_id", "620900-017"),
        ("materials[1].issued_on", "2026-11-21"),
    ],
)
def test_what_is_allowed_passes(path: str, value: object) -> None:
    judge(changed(path, value))


def test_a_tier_is_asked_of_residents_in_panzhihua_only() -> None:
    raw = changed("applicant.tier", None)
    assert refusal_of(raw).field == "applicant.tier"
    raw["applicant"]["insured_category"] = "employee"
    judge(raw)
    jiuquan = changed("applicant.tier", None) | {
        "region": "620900",
        "channel": "gansu-app",
        "disease_id": "620900-036",
    }
    judge(jiuquan)


BAD: list[tuple[str, object, str]] = [
    ("region", "110000", "region"),
    ("disease_id", "510400-999", "disease_id"),
    ("disease_id", "糖尿病患者", "disease_id"),
    ("channel", "gansu app", "channel"),
    ("channel", "", "channel"),
    ("applicant.name", "张:三", "applicant.name"),
    ("applicant.name", "<b>张三</b>", "applicant.name"),
    ("kind", "change", "change"),
    ("change", "condition", "change"),
    ("replaces", "510400-7Q2M-9XKD-4TFA-0", "replaces"),
    ("offregion", {"region": "510400"}, "offregion.region"),
    ("offregion", {"region": "成都"}, "offregion.region"),
    ("applicant.id_number", ID[:17] + ("0" if ID[17] != "0" else "1"), "applicant.id_number"),
    ("applicant.id_number", number("51040019651304222"), "applicant.id_number"),
    ("applicant.id_number", number("51040020270101222"), "applicant.id_number"),
    ("applicant.phone", "1380000123", "applicant.phone"),
    ("applicant.phone", "12800001234", "applicant.phone"),
    ("applicant.phone", "+8613800001234", "applicant.phone"),
    ("applicant.phone", "１３８00001234", "applicant.phone"),
    ("applicant.email", "someone-example.org", "applicant.email"),
    ("applicant.email", "a@b@example.org", "applicant.email"),
    ("applicant.email", "x@example.org\r\nBcc: y@example.org", "applicant.email"),
    ("applicant.email", "e" * 250 + "@example.org", "applicant.email"),
    ("applicant.name", "  ", "applicant.name"),
    ("applicant.name", "张" * 51, "applicant.name"),
    ("applicant.name", "张\u0000三", "applicant.name"),
    ("applicant.name", "张\u200b三", "applicant.name"),
    ("applicant.tier", "middle", "applicant.tier"),
    ("applicant.agent", AGENT | {"phone": "110"}, "applicant.agent.phone"),
    ("applicant.agent", AGENT | {"id_number": "x" * 18}, "applicant.agent.id_number"),
    ("applicant.agent", AGENT | {"name": ""}, "applicant.agent.name"),
    ("applicant.email", "wang..xiaoming@example.org", "applicant.email"),
    ("applicant.email", ".wang@example.org", "applicant.email"),
    ("applicant.email", "wang.@example.org", "applicant.email"),
    ("applicant.email", "wang@-example.org", "applicant.email"),
    ("applicant.email", f"{'w' * 65}@example.org", "applicant.email"),
    ("request_id", " ", "request_id"),
    ("request_id", "R" * 101, "request_id"),
    ("request_id", "A\u001fB", "request_id"),
    ("hospital_id", "", "hospital_id"),
    ("received_at", "2026-11-21T10:10:01+08:00", "received_at"),
    ("received_at", "2024-12-31T09:00:00+08:00", "received_at"),
    ("received_at", "0001-01-01T00:00:00+23:59", "received_at"),
    ("materials[1].issued_on", "2026-11-22", "materials[1].issued_on"),
    ("materials[1].diagnosed_on", "2026-11-22", "materials[1].diagnosed_on"),
    ("materials[1].hospital_level", 9, "materials[1].hospital_level"),
    ("materials[1].file", "id_front.jpg", "materials[1].file"),
    ("materials[1].file", "./id_front.jpg", "materials[1].file"),
    ("materials[1].file", "../secret.pdf", "materials[1].file"),
    ("materials[1].file", "/etc/secret.pdf", "materials[1].file"),
    ("materials[1].file", "", "materials[1].file"),
    ("materials", [{"kind": "other", "file": f"{n}.pdf"} for n in range(101)], "materials"),
    # shapes
    ("applicant.name", 12345, "applicant.name"),
    ("applicant.insured_category", "martian", "applicant.insured_category"),
    ("applicant", "somebody", "applicant"),
    ("materials", "all-of-them", "materials"),
    ("materials[0].kind", "selfie", "materials[0].kind"),
    ("materials[1].issued_on", "2026-13-77", "materials[1].issued_on"),
    ("materials[1].sealed", "perhaps", "materials[1].sealed"),
    ("materials[1].hospital_level", "three-A", "materials[1].hospital_level"),
    ("received_at", "yesterday", "received_at"),
    ("kind", "nonsense", "kind"),
]


@pytest.mark.parametrize(("path", "value", "field"), BAD)
def test_bad_input_is_refused_by_field_and_its_value_is_not_repeated(path: str, value: object, field: str) -> None:
    refusal = refusal_of(changed(path, value))
    assert refusal.field == field
    assert refusal.rule
    assert refusal.remedy
    assert refusal.message
    if isinstance(value, str) and len(value) > 4 and path not in {"kind", "channel"}:
        assert value not in refusal.model_dump_json()


@pytest.mark.parametrize(
    "path",
    [
        "request_id",
        "channel",
        "region",
        "kind",
        "disease_id",
        "applicant",
        "hospital_id",
        "materials",
        "applicant.name",
        "applicant.id_number",
        "applicant.phone",
        "applicant.insured_category",
        "materials[0].kind",
        "materials[0].file",
    ],
)
def test_a_missing_field_is_named(path: str) -> None:
    raw = changed(path, None)
    target: Any = raw
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for step in parents:
        target = target[int(step)] if step.isdigit() else target[step]
    del target[last]
    refusal = refusal_of(raw)
    assert refusal.field == path
    assert "缺少" in refusal.message


@pytest.mark.parametrize("raw", [None, [], "text", 7])
def test_what_is_no_object_at_all_is_refused(raw: object) -> None:
    assert refusal_of(raw).field == "$"


def test_a_wrong_word_is_told_the_allowed_ones() -> None:
    assert "new、renewal、change" in refusal_of(changed("kind", "nonsense")).rule
    assert "high（高档）、low（低档）" in refusal_of(changed("applicant.tier", "middle")).rule


def faults_in(raw: object) -> list[str]:
    return [each.field for each in form_faults(parse_form(raw), policies=policy_book(), now=NOW)]


def test_everything_that_is_wrong_is_told_at_once_and_the_first_of_it_is_what_a_sender_is_refused_by() -> None:
    raw = changed("applicant", good()["applicant"] | {"name": "王7", "phone": "1", "email": "a@", "tier": "middle"})
    raw["applicant"]["id_number"] = ID[:-1] + ("1" if ID[-1] != "1" else "2")
    raw["applicant"]["agent"] = AGENT | {"name": "9", "id_number": "1"}
    raw |= {"channel": "!", "disease_id": "510400-999", "hospital_id": " ", "take_over": "1"}
    fields = [
        "channel",
        "take_over",
        "disease_id",
        *(f"applicant.{name}" for name in ("name", "id_number", "phone", "email", "tier")),
        *(f"applicant.agent.{name}" for name in ("name", "id_number")),
        "hospital_id",
    ]
    assert faults_in(raw) == fields
    assert refusal_of(raw).field == "channel"
    assert faults_in(good()) == []


def test_of_a_city_that_is_not_open_nothing_further_is_told() -> None:
    assert faults_in(changed("region", "110100") | {"hospital_id": ""}) == ["region"]


def test_whether_an_agent_may_act_is_asked_once_both_numbers_are_sound() -> None:
    child = number(f"51040020200101{123}")
    assert faults_in(changed("applicant.agent", AGENT | {"id_number": child})) == ["applicant.agent.id_number"]
    wrong = good()["applicant"] | {"id_number": "1", "agent": AGENT | {"id_number": child}}
    assert faults_in(changed("applicant", wrong)) == ["applicant.id_number"]


def test_the_national_code_of_a_disease_listed_here_is_told_the_local_id() -> None:
    refusal = refusal_of(changed("disease_id", "M01603"))
    assert refusal.field == "disease_id"
    assert "510400-003" in refusal.remedy


def test_a_renewal_needs_no_field_of_its_own() -> None:
    judge(changed("kind", "renewal"))


def test_one_person_has_one_spelling_of_the_number() -> None:
    with_x = next(n for k in range(100, 999) if (n := number(f"51040019650304{k}")).endswith("X"))
    form = parse_form(changed("applicant.id_number", with_x.lower()))
    assert form.applicant.id_number == with_x


def test_the_clock_is_read_in_chinese_time() -> None:
    just_after_midnight = datetime(2026, 11, 21, 16, 5, tzinfo=UTC)
    judge(changed("materials[1].issued_on", "2026-11-22"), now=just_after_midnight)
    refusal = refusal_of(
        changed("materials[1].issued_on", "2026-11-22"), now=just_after_midnight - timedelta(minutes=10)
    )
    assert refusal.field == "materials[1].issued_on"


def test_a_city_without_agents_refuses_one() -> None:
    book = policy_book()
    strict = []
    for policy in book.policies:
        switch = policy.filing.agent_allowed.model_copy(update={"value": False})
        filing = policy.filing.model_copy(update={"agent_allowed": switch})
        strict.append(policy.model_copy(update={"filing": filing}))
    with pytest.raises(Refused) as refused:
        judge_form(
            parse_form(changed("applicant.agent", AGENT)),
            policies=PolicyBook(policies=tuple(strict), national=book.national),
            now=NOW,
        )
    assert refused.value.refusal.field == "applicant.agent"


def test_a_receipt_without_an_offset_is_china_standard_time() -> None:
    # A naive instant would pass the door and then wait for ever to be written.
    bare = parse_form(changed("received_at", "2026-11-21T09:30:00"))
    told = parse_form(changed("received_at", "2026-11-21T09:30:00+08:00"))
    assert bare.received_at == told.received_at
    assert bare.received_at is not None
    assert bare.received_at.utcoffset() is not None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("recieved_at", "received_at"),
        ("orginals", "originals"),
        ("takeOver", "take_over"),
        ("Replaces", "replaces"),
        ("applicant.emial", "email"),
        ("applicant.agents", "agent"),
        ("applicant.agent.id-number", "id_number"),
        ("offregion.regoin", "region"),
        ("materials[1].issue_on", "issued_on"),
        ("materials[0].SEALED", "sealed"),
    ],
)
def test_a_misspelt_key_is_told_the_right_one_and_not_ignored(path: str, meant: str) -> None:
    raw = changed("applicant.agent", AGENT) | {"offregion": {"region": "510400"}}
    parse_form(raw)
    target: Any = raw
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for step in parents:
        target = target[int(step)] if step.isdigit() else target[step]
    target[last] = SECRET
    refusal = refusal_of(raw)
    assert refusal.field == path
    assert f"是否要写 {meant}？" in refusal.remedy
    assert meant in refusal.message
    assert SECRET not in refusal.model_dump_json()


def test_a_key_that_is_like_none_is_tolerated_wherever_it_stands() -> None:
    raw = changed("applicant.agent", AGENT)
    for table in (raw, raw["applicant"], raw["applicant"]["agent"], raw["materials"][0]):
        table["x_app_build"] = 7
    judge(raw)


def test_keys_are_no_concern_where_there_is_no_application() -> None:
    others: tuple[object, ...] = ([], "x", None, {"materials": 7, "applicant": []}, {1: 2})
    for raw in others:
        assert refusal_of(raw).field


@pytest.mark.parametrize("channel", ["Counter", " counter", "COUNTER", "coun ter", "counter\n"])
def test_a_channel_that_is_nearly_the_counter_is_refused(channel: str) -> None:
    refusal = refusal_of(changed("channel", channel))
    assert refusal.field == "channel"
    assert "窗口" in refusal.message
    judge(changed("channel", "counter"))
    judge(changed("channel", "counter-2"))


SECRET = "Zq7personal"
