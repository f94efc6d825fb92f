"""From a notice to a provider: words, templates, the registry, and one notice through the activity and back."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.notice_contract import NoticeSent, NoticeState, SendNotice
from activities.notices.outcomes import TurnedDown
from activities.notices.providers.aliyun import AliyunAccount, AliyunSms
from activities.notices.providers.gateway import ProviderGateway, fill, mobile
from activities.notices.providers.port import Keys, SmsProvider, TemplateSms, plain
from activities.notices.providers.registry import (
    PROVIDERS,
    ProviderError,
    Registration,
    build_provider,
    registered,
)
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.sms import Sms, SmsAnswer, SmsTrace
from activities.notices.sms_text import forbidden_in_sms, mended, sms_text
from activities.notices.texts import NoticeContext, fact_names, render_notice
from activities.notices.words import sms_words
from domain.events import NoticeEvent, Recipient
from domain.notice_policy import OF_EVENT, SmsContract, sms_word_names
from starter.receiving.senders import senders_of
from storage.database import Database, insert_rows
from storage.tables import notice, notice_attempt
from tests.activities.case_samples import NUMBER, opened
from tests.activities.sms_servers import KEY_ID, KEY_SECRET, AliyunCloud, Fault, serving
from worker.settings import Settings

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
PHONE = "13900000001"
FREE_TEXT = ("reason", "told", "records", "ground", "status", "every", "confirmed_note")
"""Facts people write, or that are lists: they stand in the mail only."""


def contract(**templates: tuple[str, ...]) -> SmsContract:
    return SmsContract.model_validate(
        {
            "signature": {"value": "酒泉医保", "source": "made up"},
            "templates": {
                event: {"value": f"SMS_{event}", "parameters": names, "source": "made up"}
                for event, names in templates.items()
            },
        }
    )


DENIED = contract(denied=("name", "number_head", "number_tail", "appeal_until"))


def sms(**changes: Any) -> Sms:
    words = {
        "name": "标**丰",
        "number_head": "620900-AAAA",
        "number_tail": "BBBB-CCCC-D",
        "appeal_until": "2026年5月1日",
    }
    given: dict[str, Any] = {
        "reference": "r1",
        "phone": PHONE,
        "text": "【酒泉医保】…",
        "region": "620900",
        "event": NoticeEvent.DENIED,
        "words": words,
    }
    return Sms.model_validate(given | changes)


def context(event: NoticeEvent, **facts: str) -> NoticeContext:
    return NoticeContext(
        event=event,
        region="510400",
        acceptance_no="510400-7K3M-Q2ZD-91XA-4",
        masked_name="王*明",
        dated_on=date(2026, 11, 22),
        facts=facts,
    )


# -- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", NoticeEvent)
def test_the_words_of_a_notice_are_facts_its_text_is_made_from_and_never_free_text(event: NoticeEvent) -> None:
    own = OF_EVENT.get(event, ())
    assert set(own) <= set(fact_names(event))
    assert set(own).isdisjoint(FREE_TEXT)
    facts = {name: f"事实{name}" for name in fact_names(event)}
    words = sms_words(context(event, **facts))
    assert set(words) == set(sms_word_names(event))
    assert {words[name] for name in own} == {facts[name] for name in own}
    assert all(facts[name] not in words.values() for name in fact_names(event) if name in FREE_TEXT)


def test_what_a_template_says_can_be_the_very_text_that_is_previewed() -> None:
    about = context(NoticeEvent.PUBLICITY, from_on="2026年12月1日", to_on="2026年12月7日")
    approved = "{name}，申请{number}已通过评审，公示至{to_on}，无异议后生效。咨询{hotline}"
    assert render_notice(about).sms == "【攀枝花医保】" + approved.format(**sms_words(about))


def test_the_halves_of_a_number_are_the_number_and_fit_where_twelve_characters_do() -> None:
    words = sms_words(context(NoticeEvent.GRANTED))
    assert f"{words['number_head']}-{words['number_tail']}" == words["number"]
    assert max(len(words["number_head"]), len(words["number_tail"])) <= 12


def test_a_word_is_one_line_and_leaves_the_signatures_brackets_alone() -> None:
    words = sms_words(context(NoticeEvent.GRANTED, effect_on=" 2026年\n1月【1】日 "))
    assert words["effect_on"] == "2026年1月〔1〕日"
    assert words["end_on"] == ""


def test_a_word_is_mended_as_the_text_of_an_sms_is() -> None:
    about = context(NoticeEvent.GRANTED, effect_on="2026年\u200b1月★&¥[1]{2}😀日\x07")
    about = about.model_copy(update={"masked_name": "王*\ue000㛃"})
    words = sms_words(about)
    assert words["effect_on"] == "2026年1月和人民币（1）（2）日"
    assert words["name"] == mended("王*㛃")
    for value in words.values():
        assert forbidden_in_sms(value) == ()
        assert value in sms_text("甲乙", value)


# -- templates --------------------------------------------------------------------------------------------------


def test_a_message_becomes_the_citys_template_with_the_values_in_its_order() -> None:
    assert fill(sms(), DENIED) == TemplateSms(
        reference="r1",
        phone=PHONE,
        signature="酒泉医保",
        template="SMS_denied",
        parameters=(
            ("name", "标**丰"),
            ("number_head", "620900-AAAA"),
            ("number_tail", "BBBB-CCCC-D"),
            ("appeal_until", "2026年5月1日"),
        ),
    )


@pytest.mark.parametrize(
    ("message", "agreed", "code"),
    [
        (sms(), None, "no-contract"),
        (sms(), contract(granted=("name",)), "no-template"),
        (sms(words={"name": "标**丰"}), DENIED, "value-missing"),
        (sms(phone="0937-2621999"), DENIED, "number"),
        (sms(phone="13900000001,13900000002"), DENIED, "number"),
        (sms(phone="12345678901"), DENIED, "number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_turned_down_before_anybody_is_asked(
    message: Sms, agreed: SmsContract | None, code: str
) -> None:
    with pytest.raises(TurnedDown) as failure:
        fill(message, agreed)
    assert failure.value.code == code


@pytest.mark.parametrize("written", ["13900000001", "+8613900000001", "86 139 0000 0001", "0086-13900000001"])
def test_a_mobile_number_is_brought_to_eleven_digits(written: str) -> None:
    assert mobile(written) == PHONE


# -- a provider is one file and one registration ----------------------------------------------------------------


class Pigeons:
    """A made-up provider: all it takes to add one."""

    def __init__(self, loft: str) -> None:
        self.loft = loft
        self.flown: list[TemplateSms] = []

    @classmethod
    def from_keys(cls, keys: Keys) -> "Pigeons":
        return cls(plain(keys, "loft"))

    async def send(self, message: TemplateSms) -> SmsAnswer:
        self.flown.append(message)
        return SmsAnswer(state=NoticeState.SENT, provider="pigeons", provider_id=f"ring-{len(self.flown)}")

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        known = any(each.reference == trace.reference for each in self.flown)
        return SmsAnswer(state=NoticeState.DELIVERED) if known else None

    async def close(self) -> None:
        self.flown.clear()


WITH_PIGEONS = {**PROVIDERS, "pigeons": Registration(build=Pigeons.from_keys, needs=("loft",))}


@pytest.mark.asyncio
async def test_a_made_up_provider_is_built_from_its_settings_and_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_SMS_PIGEONS_LOFT", " on the roof ")
    provider = build_provider("pigeons", Settings().sms_keys, providers=WITH_PIGEONS)
    assert isinstance(provider, Pigeons)
    assert provider.loft == "on the roof"
    gateway = ProviderGateway(provider, {"620900": DENIED}.get)
    answer = await gateway.send(sms())
    assert (answer.provider, answer.provider_id) == ("pigeons", "ring-1")
    assert [each.template for each in provider.flown] == ["SMS_denied"]
    trace = SmsTrace(reference="r1", phone=PHONE, region="620900", handed_over_at=AT)
    assert (await gateway.find(trace)) == SmsAnswer(state=NoticeState.DELIVERED)
    with pytest.raises(TurnedDown, match="no-contract"):
        await gateway.send(sms(region="510400"))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_shipped_providers_are_built_from_their_settings(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in PROVIDERS[name].needs:
        monkeypatch.setenv(f"MENTE_SMS_{name}_{key}".upper(), f"marker-{key}")
        assert f"sms_{name}_{key}" in Settings.model_fields
    settings = Settings()
    provider = build_provider(name, settings.sms_keys)
    await provider.close()
    secret = [key for key in PROVIDERS[name].needs if key != "app_id"]
    assert [
        key for key in secret if f"marker-{key}" in f"{settings!r}{settings.sms_keys(name, tuple(secret))!r}"
    ] == []


def test_a_provider_that_cannot_be_built_says_what_is_missing_and_repeats_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ProviderError, match="没有名为 pigeons 的短信服务商；已有：aliyun、tencent"):
        build_provider("pigeons", Settings().sms_keys)
    monkeypatch.setenv("MENTE_SMS_ALIYUN_ACCESS_KEY_ID", "marker")
    with pytest.raises(ProviderError) as failure:
        build_provider("aliyun", Settings().sms_keys)
    assert "MENTE_SMS_ALIYUN_ACCESS_KEY_SECRET" in str(failure.value)
    monkeypatch.setenv("MENTE_SMS_ALIYUN_ACCESS_KEY_SECRET", "marker")
    monkeypatch.setenv("MENTE_SMS_ALIYUN_ENDPOINT", "http://marker.example")
    with pytest.raises(ProviderError, match="https") as failure:
        build_provider("aliyun", Settings().sms_keys)
    assert "marker" not in str(failure.value)


@pytest.mark.parametrize("name", ["a" * 21, "my-provider", "Aliyun", "1and1", "push", ""])
def test_a_provider_whose_name_no_reference_or_setting_could_hold_is_not_registered(name: str) -> None:
    named = {name: WITH_PIGEONS["pigeons"]}
    with pytest.raises(ValueError, match="短信服务商名称：小写字母开头"):
        registered(named)
    with pytest.raises(ProviderError, match="短信服务商名称：小写字母开头"):
        build_provider(name, Settings().sms_keys, providers=named)
    with pytest.raises(ValueError, match="短信服务商名称：小写字母开头"):
        senders_of(Settings(), providers=named)


# -- one notice through the activity ----------------------------------------------------------------------------


class Nobody:
    """No mail and no files in these tests."""

    async def send(self, letter: Any, handing_over: Any) -> None:
        raise AssertionError

    async def get(self, sha256: str) -> bytes:
        raise AssertionError


class House:
    """The activity over a real provider client, a real server and a real database."""

    def __init__(self, database: Database, provider: SmsProvider, cloud: AliyunCloud) -> None:
        self.database, self.cloud, self.time = database, cloud, AT
        self.held: list[int] = []
        cloud.now = lambda: self.time
        cloud.plan = self._note_connections
        self.activities = NoticeActivities(
            database=database,
            mailer=Nobody(),
            gateway=ProviderGateway(provider, {"620900": DENIED}.get),
            objects=Nobody(),
            settings=NoticeSettings(),
            now=lambda: self.time,
        )

    def _note_connections(self) -> None:
        self.held.append(self.database._engine.sync_engine.pool.checkedout())  # type: ignore[attr-defined]

    async def send(self) -> NoticeSent:
        return await self.activities.send_notice(SendNotice(acceptance_no=NUMBER, seq=3, channel="sms"))

    async def row(self) -> tuple[str, str]:
        async with self.database.read() as connection:
            found = (await connection.execute(select(notice_attempt))).one()
        return found.state, found.detail or found.provider_id


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await opened(database)
    row = {
        "acceptance_no": NUMBER,
        "seq": 3,
        "key": "denied:applicant:1",
        "event": NoticeEvent.DENIED,
        "recipient": Recipient.APPLICANT,
        "state": "queued",
        "channels": ["sms"],
        "facts": {"appeal_until": "2026年5月1日", "reason": "材料不足"},
        "created_at": AT,
    }
    async with database.write() as connection:
        await insert_rows(connection, notice, [row])
    cloud = AliyunCloud()
    async with serving(cloud) as url:
        account = AliyunAccount(
            access_key_id=SecretStr(KEY_ID), access_key_secret=SecretStr(KEY_SECRET), endpoint=url
        )
        provider = AliyunSms(account, now=lambda: found.time)
        found = House(database, provider, cloud)
        yield found
        await provider.close()


@pytest.mark.asyncio
async def test_a_notice_is_sent_by_template_and_the_providers_id_is_kept(house: House) -> None:
    assert (await house.send()).state is NoticeState.SENT
    assert (await house.send()).state is NoticeState.SENT
    (taken,) = house.cloud.taken
    assert (taken.reference, taken.phone) == (f"{NUMBER}.n3.sms", PHONE)
    assert taken.parameters == {
        "name": "标**丰",
        "number_head": NUMBER[:11],
        "number_tail": NUMBER[12:],
        "appeal_until": "2026年5月1日",
    }
    assert await house.row() == ("sent", taken.provider_id)
    assert house.held == [0]


@pytest.mark.asyncio
async def test_a_lost_answer_is_looked_up_and_the_message_not_sent_again(house: House) -> None:
    house.cloud.faults.append(Fault.DROP_AFTER)
    with pytest.raises(ApplicationError, match="http-lost"):
        await house.send()
    assert await house.row() == ("sending", "")
    house.time += timedelta(minutes=1)
    house.cloud.taken[0].status = 3
    assert (await house.send()).state is NoticeState.DELIVERED
    assert len(house.cloud.taken) == 1
    assert house.held == [0]


@pytest.mark.asyncio
async def test_a_lost_request_is_sent_again_once_the_provider_surely_has_none(house: House) -> None:
    house.cloud.faults.append(Fault.DROP_UNREAD)
    with pytest.raises(ApplicationError, match="http-lost"):
        await house.send()
    house.time += timedelta(minutes=10)
    with pytest.raises(ApplicationError, match="not-listed-yet"):
        await house.send()
    assert house.cloud.taken == []
    house.time += timedelta(minutes=10)
    assert (await house.send()).state is NoticeState.SENT
    assert len(house.cloud.taken) == 1


@pytest.mark.asyncio
async def test_a_refusal_is_recorded_by_its_code_alone(house: House) -> None:
    house.cloud.codes.append("isv.MOBILE_NUMBER_ILLEGAL")
    assert await house.send() == NoticeSent(state=NoticeState.FAILED, detail="isv.MOBILE_NUMBER_ILLEGAL")
    assert await house.row() == ("failed", "isv.MOBILE_NUMBER_ILLEGAL")


@pytest.mark.asyncio
async def test_a_throttled_notice_is_tried_again(house: House) -> None:
    house.cloud.codes.append("isv.BUSINESS_LIMIT_CONTROL")
    with pytest.raises(ApplicationError, match=r"isv\.BUSINESS_LIMIT_CONTROL") as failure:
        await house.send()
    assert PHONE not in str(failure.value)
    assert await house.row() == ("queued", "isv.BUSINESS_LIMIT_CONTROL")
    assert (await house.send()).state is NoticeState.SENT
