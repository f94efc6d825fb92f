"""What became of a message: asking both providers after an answer was lost."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from activities.notice_contract import NoticeState
from activities.notices.outcomes import Postponed
from activities.notices.providers import calling
from activities.notices.providers.port import SmsProvider
from activities.notices.sms import SmsAnswer
from tests.activities.sms_servers import Fault, serving
from tests.activities.sms_sides import AT, MESSAGE, NAMES, NO_HARM, PHONE, REFERENCE, Side, failure_of, told, trace


@pytest_asyncio.fixture(params=NAMES)
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    found = Side(request.param)
    async with serving(found.cloud) as found.url:
        yield found


@pytest_asyncio.fixture
async def provider(side: Side) -> AsyncIterator[SmsProvider]:
    client = side.client()
    yield client
    await client.close()


@pytest.mark.asyncio
async def test_a_message_whose_answer_was_lost_is_found(side: Side, provider: SmsProvider) -> None:
    side.time = AT + timedelta(seconds=40)
    side.cloud.faults.append(Fault.DROP_AFTER)
    await failure_of(provider)
    (taken,) = side.cloud.taken
    found = []
    for status, error in ((3, ""), (2, "UNDELIV:0005")):
        taken.status, taken.error = status, error
        side.time += timedelta(minutes=1)
        found.append(await provider.find(trace(now=AT)))
    assert [(each.state, each.detail) for each in found if each is not None] == [
        (NoticeState.DELIVERED, ""),
        (NoticeState.FAILED, "UNDELIV:0005"),
    ]
    # both say when the telephone received it, to the second
    assert found[0] is not None
    assert found[0].at == taken.at + timedelta(seconds=5)
    assert len(side.cloud.taken) == 1


@pytest.mark.asyncio
async def test_alibaba_cloud_lists_a_message_before_it_has_arrived() -> None:
    side = Side("aliyun")
    async with serving(side.cloud) as side.url:
        client = side.client()
        await client.send(MESSAGE)
        found = await client.find(trace())
        await client.close()
    assert found is not None
    assert found.state is NoticeState.SENT


@pytest.mark.asyncio
async def test_a_message_not_listed_is_missing_only_after_a_while_and_with_tencent_cloud_never(
    side: Side, provider: SmsProvider
) -> None:
    other = MESSAGE.model_copy(update={"reference": REFERENCE + "x"})
    await provider.send(other)
    for _ in range(2):
        with pytest.raises(Postponed, match="not-"):
            await provider.find(trace(ago=timedelta(minutes=14)))
    if side.name == "aliyun":
        assert await provider.find(trace(ago=timedelta(minutes=16))) is None
    else:
        with pytest.raises(Postponed, match="not-reported-yet"):
            await provider.find(trace(ago=timedelta(days=6)))
    with pytest.raises(Postponed, match="too-old"):
        await provider.find(trace(ago=timedelta(days=31)))


@pytest.mark.asyncio
async def test_all_pages_of_a_day_are_read_before_a_message_counts_as_missing() -> None:
    side = Side("aliyun")
    async with serving(side.cloud) as side.url:
        client = side.client()
        for number in range(120):
            await client.send(MESSAGE.model_copy(update={"reference": f"{number}"}))
        await client.send(MESSAGE)
        assert await client.find(trace(ago=timedelta(minutes=16))) is not None
        pages = [asked.target for asked in side.cloud.asked if "CurrentPage=3" in asked.target]
        assert len(pages) == 1
        await client.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [each for each in Fault if each not in NO_HARM])
async def test_a_question_that_fails_is_put_again_and_settles_nothing(
    side: Side, provider: SmsProvider, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault is Fault.SLOW:
        # the server answers long after; so many seconds leave a busy machine time to take the request
        monkeypatch.setattr(calling, "CALL_SECONDS", 4.0)
    side.cloud.faults.append(fault)
    with pytest.raises(Postponed) as failure:
        await provider.find(trace(ago=timedelta(hours=1)))
    assert PHONE not in told(failure.value)


@pytest.mark.asyncio
async def test_tencent_cloud_is_asked_by_its_own_id_where_it_does_not_give_the_reference_back() -> None:
    side = Side("tencent")
    side.cloud.gives_reference = False
    async with serving(side.cloud) as side.url:
        client = side.client()
        answer = await client.send(MESSAGE)
        side.cloud.taken[0].status = 3
        side.time += timedelta(minutes=1)
        with pytest.raises(Postponed):
            await client.find(trace())
        found = await client.find(trace(provider_id=answer.provider_id))
        await client.close()
    assert found == SmsAnswer(
        state=NoticeState.DELIVERED,
        provider="tencent",
        provider_id=answer.provider_id,
        at=AT + timedelta(seconds=5),
    )


@pytest.mark.asyncio
async def test_without_the_number_it_went_to_no_provider_is_asked(side: Side, provider: SmsProvider) -> None:
    await provider.send(MESSAGE)
    asked = len(side.cloud.asked)
    with pytest.raises(Postponed, match="number-changed"):
        await provider.find(trace(ago=timedelta(minutes=16)).model_copy(update={"phone": ""}))
    assert len(side.cloud.asked) == asked
