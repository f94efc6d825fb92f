"""Operating notices from the command line over the real stack: lists, sending anew, tasks and what the case hears."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from sqlalchemy import select, update

from domain.events import NOTICE_ZH, NoticeEvent
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from samples.persons import load_person
from starter.cli import program
from starter.cli.notice_cards import OUTCOME_ZH, STATE_ZH, TASK_ZH
from starter.client import Mente
from starter.embedded import House
from starter.notice_tasks import finish_task
from starter.resending import Resend, ResendReason, resend_notice
from storage.notice_orders import ResendOrder, keep_order
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskOutcome, TaskReason, tasks
from storage.notice_views import NoticeWhole, whole_notice
from storage.tables import access_log, case, notice, notice_attempt, sms_outbox
from tests.e2e.playing import apply_quick, kinds, send, until, until_status, verdicts

SEED = 5_601_000
REGION, DISEASE = "620900", "620900-017"
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Desk:
    """An officer at the command line of one house."""

    def __init__(self, city: House, mente: Mente) -> None:
        self.home, self.mente = city.settings.home, mente
        self.mails = Path(city.endpoints.mail_dir)

    async def run(self, *line: str) -> Result:
        runner = CliRunner(env={"MENTE_HOME": str(self.home), "COLUMNS": "80"})
        return await asyncio.to_thread(runner.invoke, program, ["notices", *line], prog_name="mente")

    async def answer(self, *line: str, code: int = 0) -> Any:
        result = await self.run(*line, "--output", "json")
        assert result.exit_code == code, (line, result.stdout, result.stderr)
        return json.loads(result.stdout)

    async def refused(self, *line: str) -> str:
        error = (await self.answer(*line, code=1))["error"]
        assert all(error.values())
        return str(error["field"])

    async def shown(self, *line: str) -> str:
        result = await self.run(*line)
        assert result.exit_code == 0, result.stderr
        # A command line to be pasted is one line, however long.
        rows = [each for each in result.stdout.splitlines() if "mente notices" not in each]
        assert [each for each in rows if cell_len(each) > 80] == []
        return result.stdout

    async def notice(self, number: str, seq: int) -> NoticeWhole | None:
        async with self.mente.database.read() as connection:
            return await whole_notice(connection, number, seq)

    async def settled(self, number: str, seq: int) -> NoticeWhole:
        async def there() -> bool:
            found = await self.notice(number, seq)
            return found is not None and found.settled_at is not None

        await until(there)
        found = await self.notice(number, seq)
        assert found is not None
        return found

    async def change(self, table: Any, number: str, **values: object) -> None:
        async with self.mente.database.write() as connection:
            await connection.execute(update(table).where(table.c.acceptance_no == number).values(**values))

    def mails_of(self, number: str, seq: int) -> int:
        return len(list(self.mails.glob(f"{number}.n{seq}[.-]*.eml")))

    async def texts_of(self, number: str) -> int:
        query = select(sms_outbox.c.reference).where(sms_outbox.c.reference.startswith(number))
        async with self.mente.database.read() as connection:
            return len((await connection.execute(query)).all())


@pytest.fixture
def desk(city: House, mente: Mente) -> Desk:
    return Desk(city, mente)


async def in_review(desk: Desk, seed: int, folder: Path) -> str:
    number = (await apply_quick(desk.mente, SEED + seed, REGION, DISEASE, folder)).acceptance_no
    await until_status(desk.mente, number, Status.REVIEW)
    await desk.settled(number, 1)
    return number


async def reaching_nobody(desk: Desk, seed: int, folder: Path) -> str:
    """A case whose person could not be told that it was withdrawn: it has ended, and a task is open."""
    from domain.commands import Withdraw

    number = await in_review(desk, seed, folder)
    await desk.change(case, number, phone="", email="no address")
    await send(desk.mente, number, Withdraw, actor="channel:gansu-app")
    await desk.settled(number, 2)
    return number


BY = ("--by", "officer:O12")
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
    await in_review(desk, 2, tmp_path)
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


async def test_who_clicks_twice_at_once_sends_once(desk: Desk, tmp_path: Path) -> None:
    number = await in_review(desk, 4, tmp_path)
    mails = desk.mails_of(number, 1)

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


async def test_a_notice_that_failed_everywhere_is_a_task_and_the_case_hears_of_its_end(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 7, tmp_path)
    await desk.change(case, number, phone="", email="no address")
    await verdicts(desk.mente, number, Decision.DENY, Decision.DENY, Decision.DENY)
    await until_status(desk.mente, number, Status.DENIED)
    failed = await desk.settled(number, 2)
    assert (failed.state, failed.task is not None) == (AttemptState.FAILED, True)

    async def warned() -> bool:
        return "notice_failed" in kinds(await desk.mente.status(number))

    await until(warned)
    mine = [
        each for each in (await desk.answer("tasks", "--region", REGION))["tasks"] if each["acceptance_no"] == number
    ]
    assert [(each["seq"], each["reason"], each["outcome"]) for each in mine] == [(2, TaskReason.FAILED, "")]
    elsewhere = (await desk.answer("tasks", "--region", "510400"))["tasks"]
    assert number not in {each["acceptance_no"] for each in elsewhere}
    assert "发送失败" in await desk.shown("tasks")

    await desk.change(case, number, phone="13900000077", email="right@example.test")
    again = await desk.answer("resend", number, "2", "--reason", "contact_changed", *BY)
    assert again["channels"] == ["sms", "email"]
    assert (await desk.settled(number, 2)).state is AttemptState.SENT
    assert desk.mails_of(number, 2) == 1

    assert await desk.refused("done", number, "2", "--outcome", "not_needed", "--at", "2026-01-01T10:00", *BY) == "at"
    assert await desk.refused("done", number, "2", "--outcome", "reached", "--at", "20260101", *BY) == "at"
    early = await desk.refused("done", number, "2", "--outcome", "reached", "--at", "2020-01-01T10:00", *BY)
    assert early == "delivered_at", "before the receipt of the application: the case itself refuses"
    at = (now() - timedelta(seconds=20)).replace(microsecond=0)
    done = await desk.answer("done", number, "2", "--outcome", "reached", "--at", at.isoformat(), *BY)
    assert (done["outcome"], done["done_by"]) == ("reached", "officer:O12")
    status = await desk.mente.status(number)
    assert status.timeline[-1].kind == "notice_delivered"
    assert status.timeline[-1].actor == "officer:O12"
    assert not status.attention
    assert await desk.refused("done", number, "2", "--outcome", "not_reached", *BY) == "notice_seq"
    assert "O12" in await desk.shown("tasks", "--done")
    assert "已告知" in await desk.shown("show", number, "2")


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


async def test_a_task_of_a_case_that_has_ended_is_done_without_telling_it(desk: Desk, tmp_path: Path) -> None:
    number = await reaching_nobody(desk, 8, tmp_path)
    assert (await desk.mente.status(number)).status is Status.WITHDRAWN
    done = await desk.answer("done", number, "2", "--outcome", "reached", *BY)
    assert done["outcome"] == "reached"
    assert kinds(await desk.mente.status(number))[-1] == "withdrawn"


async def test_from_python_a_task_is_closed_once(desk: Desk, tmp_path: Path) -> None:
    number = await reaching_nobody(desk, 9, tmp_path)
    for outcome, note, field in (
        (TaskOutcome.OPEN, "", "outcome"),
        (TaskOutcome.NOT_REACHED, "x" * 501, "note"),
        (TaskOutcome.NOT_REACHED, "a\nb", "note"),
    ):
        with pytest.raises(Refused) as refused:
            await finish_task(desk.mente, number, 2, outcome=outcome, actor="officer:O1", now=now(), note=note)
        assert refused.value.refusal.field == field
    done = await finish_task(
        desk.mente, number, 2, outcome=TaskOutcome.NOT_REACHED, actor="officer:O1", now=now(), note="两次无人接听"
    )
    assert (done.outcome, done.note) == (TaskOutcome.NOT_REACHED, "两次无人接听")
    async with desk.mente.database.read() as connection:
        assert number not in {each.acceptance_no for each in await tasks(connection)}


async def failed_in_a_live_case(desk: Desk, seed: int, folder: Path) -> str:
    """A denied case that asks for attention: its person could not be told so."""
    number = await in_review(desk, seed, folder)
    await desk.change(case, number, phone="", email="no address")
    await verdicts(desk.mente, number, Decision.DENY, Decision.DENY, Decision.DENY)
    await desk.settled(number, 2)

    async def warned() -> bool:
        return (await desk.mente.status(number)).attention

    await until(warned)
    return number


async def test_what_need_not_be_told_asks_for_no_attention_and_may_be_told_after_all(
    desk: Desk, tmp_path: Path
) -> None:
    number = await failed_in_a_live_case(desk, 61, tmp_path)
    await desk.answer("done", number, "2", "--outcome", "not_reached", *BY)
    assert (await desk.mente.status(number)).attention, "nobody has been told"
    assert (await desk.answer("done", number, "2", "--outcome", "not_needed", *BY))["outcome"] == "not_needed"
    status = await desk.mente.status(number)
    assert (status.attention, status.timeline[-1].kind, status.timeline[-1].actor) == (
        False,
        "notice_waived",
        "officer:O12",
    )
    assert await desk.refused("done", number, "2", "--outcome", "not_reached", *BY) == "notice_seq"
    assert (await desk.answer("done", number, "2", "--outcome", "reached", *BY))["outcome"] == "reached"
    assert (await desk.mente.status(number)).timeline[-1].kind == "notice_delivered"
    assert await desk.refused("done", number, "2", "--outcome", "reached", *BY) == "notice_seq"


async def test_of_two_officers_at_once_the_second_hears_that_it_is_done_and_tells_the_case_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    number = await failed_in_a_live_case(desk, 62, tmp_path)
    before = len((await desk.mente.status(number)).timeline)

    async def done_by(actor: str, outcome: TaskOutcome) -> str:
        try:
            return (await finish_task(desk.mente, number, 2, outcome=outcome, actor=actor, now=now())).done_by
        except Refused as refused:
            return refused.refusal.message

    answers = await asyncio.gather(
        done_by("officer:O1", TaskOutcome.REACHED), done_by("officer:O2", TaskOutcome.REACHED)
    )
    (winner,) = {"officer:O1", "officer:O2"} & set(answers)
    assert "该任务已办结。" in answers
    news = (await desk.mente.status(number)).timeline[before:]
    assert [(each.kind, each.actor) for each in news] == [("notice_delivered", winner)]


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


def now() -> datetime:
    return datetime.now(UTC)
