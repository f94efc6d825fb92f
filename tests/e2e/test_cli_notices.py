"""Operating notices from the command line over the real stack: lists, sending anew, and counters."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from activities.notices.email import SmtpMailer
from domain.events import NOTICE_ZH, NoticeEvent
from domain.refusal import Refused
from samples.persons import load_person
from starter.cli.notice_cards import OUTCOME_ZH, STATE_ZH, TASK_ZH
from starter.resending import Resend, ResendReason, resend_notice
from storage.notice_orders import ResendOrder, keep_order
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskOutcome, TaskReason
from storage.tables import access_log, notice, notice_attempt
from tests.e2e.notice_desk import BY, REGION, SEED, Desk, desk, in_review, now
from tests.e2e.own_city import city, mente
from tests.e2e.program_alone import logs_stay

# Whole lists and counters are looked at: notices of others must not be on their way in them.
__all__ = ["city", "desk", "logs_stay", "mente"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGAIN = ("--reason", "not_received", *BY)


async def test_a_notice_is_listed_and_shown_in_80_columns_without_anything_personal(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 1, tmp_path)
    (line,) = (await desk.answer("list", "--number", number))["notices"]
    assert (line["acceptance_no"], line["seq"], line["event"]) == (number, 1, "accepted")
    assert (line["state"], line["recipient"], line["channels"]) == ("sent", "applicant", ["sms", "email"])
    assert line["settled_at"].endswith("+08:00")
    assert (await desk.answer("list", "--number", number, "--waiting"))["notices"] == []
    assert (await desk.answer("list", "--number", number, "--older-than", "1"))["notices"] == []
    one = await desk.answer("show", number, "1")
    ways = {(each["channel"], each["provider"], each["intent"], each["state"]) for each in one["ways"]}
    assert ways == {("sms", "", 0, "sent"), ("email", "", 0, "sent")}
    assert (one["receipts"], one["task"]) == ([], None)
    bare = await desk.answer(number)
    assert {"provider", "intent", "channel", "attempt", "state"} <= set(bare["notices"][0]["attempts"][0])
    person = load_person(SEED + 1, REGION)
    for command in (("list", "--limit", "3"), ("show", number), ("show", number, "1")):
        told = await desk.shown(*command)
        assert [each for each in (person.name, person.id_number, person.phone) if each in told] == []
    assert "受理通知" in await desk.shown("show", number, "1")


async def test_pages_are_walked_by_their_cursor(desk: Desk, tmp_path: Path) -> None:
    for seed in (2, 13):
        await in_review(desk, seed, tmp_path)
    everything = (await desk.answer("list", "--region", REGION, "--limit", "500"))["notices"]
    first = await desk.answer("list", "--region", REGION, "--limit", "1")
    following = await desk.answer("list", "--region", REGION, "--limit", "500", "--cursor", first["next_cursor"])
    assert first["notices"] + following["notices"] == everything
    assert following["next_cursor"] is None
    assert first["next_cursor"] in await desk.shown("list", "--region", REGION, "--limit", "1")


async def test_a_notice_is_sent_anew_once_for_a_command_id_and_logged(desk: Desk, tmp_path: Path) -> None:
    number = await in_review(desk, 3, tmp_path)
    mails, texts = desk.mails_of(number, 1), await desk.texts_of(number)
    assert await desk.refused("resend", number, "1", *AGAIN) == "channels", "told by SMS today"
    line = ("resend", number, "1", "--channel", "email", "--command-id", "R-1", *AGAIN)
    first = await desk.answer(*line)
    assert (first["intent"], first["channels"], first["repeated"]) == (1, ["email"], False)
    assert first["workflow_id"] == f"{number}.n1.r1"
    second = await desk.answer(*line)
    assert second == first | {"repeated": True}
    found = await desk.settled(number, 1)
    assert [(way.channel, way.intent, way.state) for way in found.ways if way.intent] == [("email", 1, "sent")]
    assert (desk.mails_of(number, 1), await desk.texts_of(number)) == (mails + 1, texts)
    assert await desk.refused(*line[:-4], "--reason", "other", *BY) == "command_id"
    async with desk.mente.database.read() as connection:
        query = select(access_log).where(access_log.c.acceptance_no == number)
        rows = [each for each in await connection.execute(query) if each.action == "notices.resend_ordered"]
    ((actor, detail),) = [(each.actor, each.detail) for each in rows]
    assert (actor, detail["reason"], detail["intent"]) == ("officer:O12", "not_received", 1)
    assert "重发1" in await desk.shown("show", number, "1")


async def test_who_clicks_twice_at_once_sends_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await in_review(desk, 4, tmp_path)
    mails = desk.mails_of(number, 1)
    clicked, send = asyncio.Event(), SmtpMailer.send

    async def after_the_clicks(mailer: SmtpMailer, *args: Any) -> None:
        # A mail that is out before the last click would make that one an order of its own.
        await clicked.wait()
        await send(mailer, *args)

    monkeypatch.setattr(SmtpMailer, "send", after_the_clicks)

    async def click(command_id: str) -> str:
        wanted = Resend(
            acceptance_no=number,
            seq=1,
            reason=ResendReason.NOT_RECEIVED,
            actor="officer:O1",
            channels=("email",),
            command_id=command_id,
        )
        try:
            return str((await resend_notice(desk.mente.database, desk.mente.client, wanted, now=now())).intent)
        except Refused as refused:
            return refused.refusal.field

    answers = await asyncio.gather(click("a"), click("a"), click("b"))
    clicked.set()
    assert sorted(answers) in (["1", "1", "notice_seq"], ["1", "notice_seq", "notice_seq"])
    await desk.settled(number, 1)
    assert desk.mails_of(number, 1) == mails + 1


async def test_an_order_whose_sender_died_before_starting_it_is_carried_out_by_the_next(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 5, tmp_path)
    mails = desk.mails_of(number, 1)
    order = ResendOrder(seq=1, intent=1, command_id="lost", channels=("email",), reason="other", actor="officer:O1")
    async with desk.mente.database.write() as connection:
        await keep_order(connection, number, order, at=now())
    assert len((await desk.answer("list", "--number", number, "--waiting"))["notices"]) == 1
    assert await desk.refused("resend", number, "1", "--channel", "email", *AGAIN) == "notice_seq"
    assert "1" in {str(way.intent) for way in (await desk.settled(number, 1)).ways}
    assert desk.mails_of(number, 1) == mails + 1


async def test_what_arrived_is_never_sent_again_and_what_may_have_only_knowingly(desk: Desk, tmp_path: Path) -> None:
    number = await in_review(desk, 6, tmp_path)
    line = ("resend", number, "1", "--channel", "email", *AGAIN)
    await desk.change(notice, number, state=AttemptState.DELIVERED)
    assert await desk.refused(*line) == "notice_seq"
    await desk.change(notice, number, state=AttemptState.UNKNOWN)
    await desk.change(notice_attempt, number, state=AttemptState.UNKNOWN)
    assert await desk.refused(*line) == "although_unknown"
    assert (await desk.answer(*line, "--although-unknown"))["intent"] == 1
    await desk.settled(number, 1)
    assert await desk.refused("resend", number, "9", *AGAIN) == "notice_seq"
    assert await desk.refused("resend", number, "1", "--reason", "other", "--by", "counter:C1") == "actor"
    assert await desk.refused("resend", number, "1", "--command-id", "no id", *AGAIN) == "command_id"


async def test_channels_that_cannot_be_are_refused_and_the_inbox_is_not_filled_twice(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 12, tmp_path)

    async def refused(*channels: str) -> str:
        wanted = Resend(acceptance_no=number, seq=1, reason=ResendReason.OTHER, actor="officer:O1", channels=channels)
        with pytest.raises(Refused) as failure:
            await resend_notice(desk.mente.database, desk.mente.client, wanted, now=now())
        return failure.value.refusal.field

    assert await refused("pigeon") == "channels"
    await desk.change(notice, number, channels=["inbox"])
    assert await refused() == "channels", "it still lies in the inbox"
    await desk.change(notice, number, channels=["email"], recipient="supervisor")
    assert await refused("sms") == "channels"
    assert await refused("email", "sms") == "channels"
    assert (await desk.answer("list", "--number", number, "--waiting"))["notices"] == []


async def test_counters_say_what_became_of_messages(desk: Desk, tmp_path: Path) -> None:
    async def mails(region: str) -> dict[str, int]:
        found = (await desk.answer("counters", "--region", region))["counters"]
        assert {each["region"] for each in found} <= {region}
        return next((each for each in found if each["channel"] == "email"), {"sent": 0})

    before = await mails(REGION)
    await in_review(desk, 10, tmp_path)
    assert (await mails(REGION))["sent"] == before["sent"] + 1
    assert REGION in await desk.shown("counters")
    assert await desk.refused("counters", "--region", "990100") == "region"


async def test_long_values_fit_80_columns_and_numbers_stay_whole(desk: Desk, tmp_path: Path) -> None:
    number = await in_review(desk, 11, tmp_path)
    refusal = "FailedOperation.PhoneNumberInBlacklist"
    changed = {"detail": refusal, "provider_id": "2019:538686363", "state": "unknown", "provider": "tencent"}
    await desk.change(notice_attempt, number, **changed, prevented=2)
    await desk.change(notice, number, event="appeal_denied", state="unknown", settled_at=None)
    listed = await desk.shown("list", "--number", number)
    assert number in listed
    assert "未办结" in listed
    one = await desk.shown("show", number, "1")
    said = (f"说明：{refusal}", "在服务商处的编号：2019:538686363", "拦下重复发送：2 次")
    assert [each for each in said if f"首发短信{each}" not in one] == []
    assert "短信 tencent" in await desk.shown("show", number)


async def test_what_cannot_be_read_is_refused_by_field(desk: Desk) -> None:
    assert await desk.refused("list", "--region", "990100") == "region"
    assert await desk.refused("tasks", "--region", "990100") == "region"
    assert await desk.refused("list", "--cursor", "x") == "cursor"
    assert await desk.refused("list", "--number", "620900-1") == "acceptance_no"
    assert (await desk.answer("done", "620900-1", "1", "--outcome", "no", *BY, code=2))["error"][
        "field"
    ] == "--outcome"


async def test_every_state_and_outcome_has_a_chinese_word() -> None:
    assert set(STATE_ZH) == set(AttemptState)
    assert set(TASK_ZH) == set(TaskReason)
    assert set(OUTCOME_ZH) == set(TaskOutcome)
    assert set(NOTICE_ZH) == set(NoticeEvent)
