"""What is refused beyond the models: texts without words, numbers nobody is reached at, places that are none."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.case import CaseState, Offregion
from domain.clock import Ground, Ledger
from domain.commands import COMMANDS, EndOffregion, Extend, read_command
from domain.refusal import Refusal, Refused
from domain.soundness import check_said, judge_said, judge_soundness
from domain.vocabulary import Status
from domain.worded import has_words, is_blank
from storage.policies import policy_for

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
TODAY = date(2026, 11, 23)
BLANK = [" ", "\t\n", "\u3000\u00a0\u2003", "\u200b\u200c\u200d\ufeff\u2060", "\x01\x1f", "\u3164\u2800", "\ufe0f"]
WORDLESS = [*BLANK, "。", "……", "-", "🙂"]
WORDED: dict[str, tuple[str, ...]] = {
    "give_verdict": ("reason",),
    "recuse": ("reason",),
    "raise_objection": ("by", "reason"),
    "rule_objection": ("reason",),
    "appeal": ("reason",),
    "extend": ("ground",),
    "correct": ("reason",),
}
SOUND: dict[str, dict[str, Any]] = {
    "give_verdict": {"decision": "deny", "reason": "无依据"},
    "recuse": {"reason": "近亲属"},
    "raise_objection": {"by": "甲", "reason": "不实"},
    "rule_objection": {"objection_id": "O1", "upheld": True, "reason": "属实"},
    "appeal": {"reason": "不服"},
    "extend": {"working_days": 3, "ground": "会诊"},
    "correct": {"what": "denial", "reason": "有误"},
    "change_hospital": {"hospital_id": "H2"},
    "change_contact": {"phone": "13900000001", "email": "a@b.cn"},
    "file_offregion": {"region": "510100", "from_on": "2026-12-01"},
}


def said(name: str, *, today: date | None = TODAY, home: str = "510400", **fields: object) -> Refusal | None:
    """Judge a command as every release before read it: its model must let it through."""
    content = {"command_id": "c1", "actor": "channel:app", **SOUND[name], **fields}
    command = COMMANDS[name].model_validate(content)
    assert read_command(name, command.model_dump_json().encode()) == command
    return judge_said(command, region=home, today=today)


def refused_field(name: str, **fields: Any) -> str | None:
    refusal = said(name, **fields)
    if refusal is None:
        return None
    assert all(any("\u4e00" <= each <= "\u9fff" for each in text) for text in (refusal.rule, refusal.remedy))
    return refusal.field


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_command_is_let_through(name: str) -> None:
    assert said(name) is None


@pytest.mark.parametrize("text", WORDLESS, ids=ascii)
@pytest.mark.parametrize("name", WORDED)
def test_a_text_without_words_is_refused_by_its_field(name: str, text: str) -> None:
    for field in WORDED[name]:
        assert refused_field(name, **{field: text}) == field


@pytest.mark.parametrize("text", ["x", "7", "  依据\n", "ཀ", "한", "①", "\u200bو\u200b"])
def test_one_letter_or_digit_of_any_script_is_a_word(text: str) -> None:
    assert has_words(text)
    assert not is_blank(text)


@pytest.mark.parametrize("text", [*BLANK, "H1\u200b", "H\x071"], ids=ascii)
def test_a_hospital_id_that_an_application_refuses_is_no_new_hospital(text: str) -> None:
    assert refused_field("change_hospital", hospital_id=text) == "hospital_id"


@pytest.mark.parametrize("phone", ["10000000000", "1００００００００００", "1３９０００００００１", "12900000001"])
def test_a_number_an_application_refuses_is_no_new_contact(phone: str) -> None:
    refusal = said("change_contact", phone=phone)
    assert refusal is not None
    assert refusal.field == "phone"
    assert phone not in refusal.model_dump_json()


@pytest.mark.parametrize("email", ["a..b@c.cn", "a@b", "王@example.org", "a@-b.cn"])
def test_an_address_an_application_refuses_is_no_new_contact(email: str) -> None:
    assert refused_field("change_contact", email=email) == "email"
    assert refused_field("change_contact", phone=None, email=email) == "email"


@pytest.mark.parametrize(
    "region", ["５１０４００", "999999", "710000", "810000", "000000", "550000", "510400", "510402"]
)
def test_a_place_that_is_none_or_inside_the_pool_is_not_filed_for(region: str) -> None:
    assert refused_field("file_offregion", region=region) == "region"


@pytest.mark.parametrize("region", ["510100", "510104", "110000", "659001", "510000", "510500"])
def test_a_place_outside_the_pool_is_filed_for(region: str) -> None:
    assert refused_field("file_offregion", region=region) is None


def test_the_own_pool_is_that_of_the_case() -> None:
    command = COMMANDS["file_offregion"].model_validate(
        {"command_id": "c", "actor": "channel:a", "region": "620902", "from_on": TODAY}
    )
    refusal = judge_said(command, region="620900", today=TODAY)
    assert refusal is not None
    assert refusal.field == "region"
    assert judge_said(command, region="510400", today=TODAY) is None


def test_a_filing_begins_between_2000_and_a_year_from_now() -> None:
    for on in (date(2000, 1, 1), TODAY, TODAY + timedelta(days=366)):
        assert refused_field("file_offregion", from_on=on) is None
    for on in (date(1, 1, 1), date(1999, 12, 31), TODAY + timedelta(days=367), date(9999, 12, 31)):
        assert refused_field("file_offregion", from_on=on) == "from_on"


def test_a_door_does_not_know_the_day_of_the_case_and_leaves_the_end_of_the_span_to_it() -> None:
    far = {"from_on": date(2031, 1, 1)}
    assert refused_field("file_offregion", today=None, **far) is None
    assert refused_field("file_offregion", today=None, from_on=date(1, 1, 1)) == "from_on"


def test_the_doors_raise_what_the_case_would_say() -> None:
    blank = COMMANDS["appeal"].model_validate({"command_id": "c", "actor": "channel:a", "reason": " "})
    with pytest.raises(Refused) as refused:
        check_said(blank, region="510400")
    assert refused.value.refusal == judge_said(blank, region="510400", today=TODAY)


# -- what the case as it stands is against ----------------------------------------------------------------------


def state(**fields: object) -> CaseState:
    known = {"acceptance_no": "n", "region": "510400", "disease_id": "d", "channel": "app", "received_at": NOW}
    rules = policy_for("510400", TODAY).rules_for("510400-003")
    return CaseState.model_validate({**known, "status": Status.REVIEW, "rules": rules, **fields})


def test_a_filing_that_is_not_there_is_not_ended() -> None:
    ending = EndOffregion(command_id="c", actor="channel:app")
    refusal = judge_soundness(state(), ending, NOW)
    assert refusal is not None
    assert refusal.field == "status"
    filed = state(offregion=Offregion(region="510100", from_on=TODAY))
    assert judge_soundness(filed, ending, NOW) is None


def extend(ground: str = "lawful_extension") -> Extend:
    return Extend.model_validate(
        {"command_id": "c", "actor": "officer:O1", "working_days": 60, "ground": "会诊", "legal_ground": ground}
    )


def test_one_limit_is_extended_once_on_each_ground() -> None:
    limit = Ledger(started_at=NOW, limit=15)
    once = limit.extended(60, Ground.LAWFUL_EXTENSION, "officer:O1", NOW)
    assert judge_soundness(state(ledger=limit), extend(), NOW) is None
    refusal = judge_soundness(state(ledger=once), extend(), NOW)
    assert refusal is not None
    assert (refusal.field, "1 次" in refusal.rule) == ("legal_ground", True)
    assert judge_soundness(state(ledger=once), extend("force_majeure"), NOW) is None
    twice = once.extended(9, Ground.FORCE_MAJEURE, "officer:O1", NOW)
    assert judge_soundness(state(ledger=twice), extend("force_majeure"), NOW) is not None


def test_a_new_limit_may_be_extended_anew() -> None:
    past = Ledger(started_at=NOW, limit=15).extended(5, Ground.LAWFUL_EXTENSION, "officer:O1", NOW).ended(NOW)
    appealing = state(past_ledgers=(past,), ledger=Ledger(started_at=NOW, limit=5))
    assert judge_soundness(appealing, extend(), NOW) is None


def test_a_city_says_how_often_a_limit_is_extended() -> None:
    limit = Ledger(started_at=NOW, limit=15)
    never = state(ledger=limit)
    assert never.rules is not None
    never.rules = never.rules.model_copy(update={"extensions": 0})
    refusal = judge_soundness(never, extend(), NOW)
    assert refusal is not None
    assert "不延长" in refusal.rule
    twice = state(ledger=limit.extended(5, Ground.LAWFUL_EXTENSION, "officer:O1", NOW))
    assert twice.rules is not None
    twice.rules = twice.rules.model_copy(update={"extensions": 2})
    assert judge_soundness(twice, extend(), NOW) is None


def test_rules_of_an_older_release_allow_one_extension() -> None:
    rules = state().rules
    assert rules is not None
    older = rules.model_dump(mode="json", exclude={"extensions"})
    assert type(rules).model_validate(older).extensions == 1
