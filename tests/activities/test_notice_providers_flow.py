"""Sending through several providers: ways of their own, doubts, and what a late word changes."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import SecretStr

from activities.notice_contract import NoticeSent, NoticeState
from activities.notices.by_sms import DOUBTED_FOR
from activities.notices.city_gateway import NOT_SET_UP, build_providers
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.notices.sms import SmsAnswer
from storage.notice_standing import AttemptState
from tests.activities.case_samples import AT, NUMBER
from tests.activities.notice_transports import Killed
from tests.activities.two_providers import (
    DELIVERED,
    FAILED,
    ONE,
    PHONE,
    SENT,
    TWO,
    UNKNOWN,
    House,
    by,
    house,
    reference_of,
)

__all__ = ["house"]

pytestmark = pytest.mark.asyncio


# -- ways by provider and intent ----------------------------------------------------------------------------------


async def test_a_reference_names_provider_and_intent_and_is_that_of_0_2_0_without_them() -> None:
    assert reference_of(by("")) == f"{NUMBER}.n3.sms"
    assert reference_of(ONE) == f"{NUMBER}.n3.sms.one"
    assert reference_of(by("one", intent=2)) == f"{NUMBER}.n3.sms.one.r2"


async def test_each_provider_and_each_intent_is_a_way_of_its_own(house: House) -> None:
    house.one.before = [TurnedDown("number")]
    assert (await house.send(ONE)).state is FAILED
    assert (await house.send(TWO)).state is SENT
    assert (await house.send(ONE)).state is FAILED, "a failed way stays failed"
    assert (await house.send(TWO)).state is SENT
    assert [each.reference for each in house.two.taken] == [reference_of(TWO)]
    house.time += timedelta(days=1)
    assert (await house.send(by("one", intent=1))).state is SENT
    assert [each.reference for each in house.one.taken] == [reference_of(by("one", intent=1))]


async def test_what_a_provider_answered_is_kept(house: House) -> None:
    await house.send(ONE)
    row = await house.row(ONE)
    assert (row["state"], row["provider_id"], row["handed_over_at"]) == ("sent", "id-1", AT)
    assert row["address_digest"] != ""


# -- doubts -------------------------------------------------------------------------------------------------------


async def test_a_doubtful_message_found_at_its_provider_is_not_sent_again_and_counted(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    assert await house.postponed(ONE) == "http-lost"
    house.one.says[reference_of(ONE)] = SmsAnswer(state=SENT, provider="one", provider_id="theirs")
    assert (await house.send(ONE)).state is SENT
    assert (len(house.one.taken), await house.prevented(ONE)) == (1, 1)
    assert (await house.row(ONE))["provider_id"] == "theirs"


async def test_a_doubtful_message_never_taken_is_sent_again(house: House) -> None:
    house.one.before = [Unclear("http-lost")]
    await house.postponed(ONE)
    assert await house.postponed(ONE) == "not-reported-yet"
    house.one.says[reference_of(ONE)] = None
    assert (await house.send(ONE)).state is SENT
    assert (len(house.one.taken), await house.prevented(ONE)) == (1, 0)


async def test_what_a_provider_cannot_say_for_hours_is_unknown_and_followed(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    house.time = AT + DOUBTED_FOR - timedelta(seconds=1)
    assert await house.postponed(ONE) == "not-reported-yet"
    house.time = AT + DOUBTED_FOR
    assert (await house.send(ONE)).state is UNKNOWN
    assert (await house.activities.follow_notice(ONE)).state is UNKNOWN
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT + timedelta(seconds=9))
    assert await house.activities.follow_notice(ONE) == NoticeSent(state=DELIVERED, at=AT + timedelta(seconds=9))
    assert len(house.one.taken) == 1


async def test_an_unknown_message_its_provider_never_took_has_failed_and_the_next_may_say_it(house: House) -> None:
    house.one.before = [Unclear("http-lost")]
    await house.postponed(ONE)
    assert (await house.activities.conclude_send(ONE)).state is UNKNOWN
    house.one.says[reference_of(ONE)] = None
    assert await house.activities.follow_notice(ONE) == NoticeSent(state=FAILED, detail="never-taken")
    assert (await house.send(TWO)).state is SENT


async def test_a_sent_message_its_provider_does_not_list_stays_sent(house: House) -> None:
    await house.send(ONE)
    house.one.says[reference_of(ONE)] = None
    assert (await house.activities.follow_notice(ONE)).state is SENT


@pytest.mark.parametrize("says", [None, Postponed("number-changed")])
async def test_a_doubtful_message_to_a_number_that_has_changed_is_not_sent_to_the_new_one(
    house: House, says: Exception | None
) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to("13900000009")
    house.one.says[reference_of(ONE)] = says  # of the new number nothing was ever taken
    assert await house.postponed(ONE) == "number-changed"
    assert [each.phone for each in house.one.asked] == [""], "nobody is asked about a number it never went to"
    house.time = AT + DOUBTED_FOR
    assert (await house.send(ONE)).state is UNKNOWN
    assert (await house.activities.follow_notice(ONE)).state is UNKNOWN
    assert len(house.one.taken) == 1


async def test_a_provider_that_knows_messages_by_our_reference_may_say_that_it_took_one_to_the_old_number(
    house: House,
) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to("13900000009")
    house.one.says[reference_of(ONE)] = SmsAnswer(state=SENT)
    assert (await house.send(ONE)).state is SENT
    assert len(house.one.taken) == 1


async def test_who_writes_the_same_number_another_way_is_asked_about(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to(f"+86 {PHONE}")
    await house.postponed(ONE)
    assert [each.phone for each in house.one.asked] == [PHONE]


async def test_a_worker_that_dies_before_the_hand_over_leaves_the_way_free(house: House) -> None:
    house.one.after = [Killed()]
    with pytest.raises(Killed):
        await house.send(ONE)
    assert (await house.row(ONE))["state"] == "sending"
    assert await house.postponed(ONE) == "not-reported-yet"
    assert len(house.one.taken) == 1, "it may have been taken"


# -- ends and late words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trouble", "state"), [([], SENT), ([TurnedDown("number")], FAILED)])
async def test_a_sender_still_at_it_when_its_way_is_ended_has_the_last_word(
    house: House, trouble: Sequence[BaseException], state: NoticeState
) -> None:
    async def ended_meanwhile() -> None:
        assert (await house.activities.conclude_send(ONE)).state is UNKNOWN

    house.one.meanwhile, house.one.after = ended_meanwhile, list(trouble)
    assert (await house.send(ONE)).state is state
    assert (await house.row(ONE))["state"] == state.value


async def test_an_ended_way_is_not_begun_again(house: House) -> None:
    house.one.before = [Postponed("Throttling")]
    await house.postponed(ONE)
    assert (await house.activities.conclude_send(ONE)).state is FAILED
    assert (await house.activities.conclude_send(TWO)).state is FAILED, "one that never began has failed as well"
    assert [(await house.send(each)).state for each in (ONE, TWO)] == [FAILED, FAILED]
    assert (house.one.taken, house.two.taken) == ([], [])


@pytest.mark.parametrize("said", [AttemptState.DELIVERED, AttemptState.FAILED])
async def test_a_receipt_before_the_outcome_is_kept_with_the_id_of_the_outcome(
    house: House, said: AttemptState
) -> None:
    async def receipt_comes() -> None:
        assert await house.reported(ONE, said)

    house.one.meanwhile = receipt_comes
    assert (await house.send(ONE)).state.value == said.value
    row = await house.row(ONE)
    assert (row["state"], row["reported"], row["provider_id"]) == (said.value, said.value, "id-1")


async def test_a_receipt_ends_a_way_that_would_have_been_tried_again(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.reported(ONE, AttemptState.DELIVERED)
    assert (await house.send(ONE)).state is DELIVERED
    assert (len(house.one.taken), house.one.asked) == (1, [])


async def test_when_it_arrived_is_never_before_it_left_nor_after_we_learned_of_it(house: House) -> None:
    await house.send(ONE)
    house.time = AT + timedelta(minutes=2)
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT - timedelta(hours=1))
    assert (await house.activities.follow_notice(ONE)).at == AT


async def test_an_arrival_in_the_future_is_taken_as_now(house: House) -> None:
    await house.send(ONE)
    house.time = AT + timedelta(minutes=2)
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT + timedelta(days=1))
    assert (await house.activities.follow_notice(ONE)).at == house.time


# -- providers that are not there ---------------------------------------------------------------------------------


async def test_a_provider_without_keys_waits_and_the_next_can_say_it(house: House) -> None:
    def no_keys(provider: str, names: tuple[str, ...]) -> dict[str, SecretStr]:
        return dict.fromkeys(names, SecretStr(""))

    built = build_providers(("aliyun",), no_keys)
    assert built == {}
    house.activities = house.with_providers({**built, "two": house.two})
    waiting = by("aliyun")
    assert await house.postponed(waiting) == NOT_SET_UP
    assert ((await house.row(waiting))["state"], await house.said()) == ("queued", [])
    assert (await house.activities.conclude_send(waiting)).state is FAILED
    assert (await house.send(TWO)).state is SENT
