"""What says nothing, or names nobody who can be reached, is refused at every door and carried out past none."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from click.testing import CliRunner

from domain.access import Role
from domain.commands import COMMANDS
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from starter.cli import program
from starter.client import Mente, new_command_id
from starter.embedded import House
from tests.e2e.faults import temporal_command
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.playing import apply_quick, kinds, until, until_status, verdicts
from tests.e2e.program_alone import logs_stay
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, command, made_up, problem, web

__all__ = ["logs_stay", "web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
_seeds = iter(range(2_985_000, 2_985_100))
BLANK = (" ", "\u3000\t", "\u200b\ufeff", "\x1f")


@pytest_asyncio.fixture(loop_scope="session")
async def app(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """The back end of a channel."""
    async with await web.key() as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def officer(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """An officer of Panzhihua."""
    async with await web.account(Role.OFFICER) as client:
        yield client


async def in_review(app: httpx.AsyncClient, mente: Mente) -> str:
    sent = await app.post("/api/v1/applications", json=await made_up(app, next(_seeds)))
    number = str(sent.json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)
    return number


async def effective(app: httpx.AsyncClient, mente: Mente) -> str:
    number = await in_review(app, mente)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def test_verdicts_without_words_are_refused_and_decide_nothing(
    web: Web, app: httpx.AsyncClient, mente: Mente
) -> None:
    number = await in_review(app, mente)
    before = kinds(await mente.status(number))
    for seat, text in zip((await mente.status(number)).panel, BLANK, strict=False):
        async with await web.account(Role.EXPERT, expert_id=seat.expert) as expert:
            for decision in Decision:
                sent = await command(expert, number, "give_verdict", decision=decision.value, reason=text)
                told = problem(sent, 422)
                assert told["field"] == "reason"
                assert "理由" in told["rule"]
            address = f"/expert/{number}"
            form = await opened(expert, address)
            sent = await submitted(expert, form, f"{address}/verdict", decision="deny", reason=text)
            assert "#f-reason" in page_of(sent, 422).links
    assert kinds(await mente.status(number)) == before


async def test_an_extension_says_why_and_is_one_for_each_ground(
    officer: httpx.AsyncClient, app: httpx.AsyncClient, mente: Mente
) -> None:
    number = await in_review(app, mente)
    for text in BLANK:
        wordless = await command(officer, number, "extend", working_days=5, ground=text)
        assert problem(wordless, 422)["field"] == "ground"
    assert (await command(officer, number, "extend", working_days=60, ground="局长批准")).is_success
    again = problem(await command(officer, number, "extend", working_days=60, ground="再次批准"), 409)
    assert again["field"] == "legal_ground"
    assert "最多延长 1 次" in again["rule"]
    form = await opened(officer, f"/cases/{number}/do/extend")
    fields = {"working_days": "9", "ground": "再次批准", "legal_ground": "lawful_extension"}
    on_page = await submitted(officer, form, f"/cases/{number}/do/extend", **fields)
    assert "已延长 1 次，不能再延长" in page_of(on_page, 409).text
    assert kinds(await mente.status(number)).count("limit_extended") == 1


async def test_a_contact_nobody_is_reached_at_is_no_new_contact(
    officer: httpx.AsyncClient, app: httpx.AsyncClient, mente: Mente
) -> None:
    number = await in_review(app, mente)
    for phone in ("10000000000", "1００００００００００", "12345678901"):
        told = problem(await command(app, number, "change_contact", phone=phone), 422)
        assert told["field"] == "phone"
        assert phone not in json.dumps(told, ensure_ascii=False)
    for email in ("a..b@c.cn", "x@localhost"):
        assert problem(await command(app, number, "change_contact", email=email), 422)["field"] == "email"
    assert (await command(app, number, "change_contact", phone="13900000001")).is_success
    assert kinds(await mente.status(number)).count("contact_changed") == 1


async def test_of_a_benefit_no_place_no_day_and_no_hospital_that_is_none_is_taken(
    app: httpx.AsyncClient, mente: Mente
) -> None:
    number = await effective(app, mente)
    for text in BLANK:
        assert problem(await command(app, number, "change_hospital", hospital_id=text), 422)["field"] == "hospital_id"
    for region in ("５１０４００", "999999", "510400", "510402"):
        filing = await command(app, number, "file_offregion", region=region, from_on="2026-12-01")
        assert problem(filing, 422)["field"] == "region"
    for on in ("0001-01-01", "9999-01-01"):
        filing = await command(app, number, "file_offregion", region="510100", from_on=on)
        assert problem(filing, 422)["field"] == "from_on"
    told = problem(await command(app, number, "end_offregion"), 409)
    assert "file_offregion" in told["remedy"]
    assert (await command(app, number, "file_offregion", region="510100", from_on="2026-12-01")).is_success
    assert (await command(app, number, "end_offregion")).is_success
    problem(await command(app, number, "end_offregion"), 409)
    assert (await command(app, number, "change_hospital", hospital_id="H510400-77")).is_success


async def test_an_appeal_and_an_objection_without_words_are_none(
    app: httpx.AsyncClient, officer: httpx.AsyncClient, mente: Mente
) -> None:
    number = await in_review(app, mente)
    await verdicts(mente, number, *[Decision.DENY] * 3)
    await until_status(mente, number, Status.DENIED)
    for text in BLANK:
        assert problem(await command(app, number, "appeal", reason=text), 422)["field"] == "reason"
        wrong = await command(officer, number, "correct", what="denial", reason=text)
        assert problem(wrong, 422)["field"] == "reason"
    assert "appealed" not in kinds(await mente.status(number))


NONSENSE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("recuse", "reason", {"actor": "expert:E001", "reason": " "}),
    ("raise_objection", "by", {"actor": "officer:O1", "by": "\u200b", "reason": "不实"}),
    ("raise_objection", "reason", {"actor": "officer:O1", "by": "甲", "reason": "\u3000"}),
    ("rule_objection", "reason", {"actor": "officer:O1", "objection_id": "O1", "upheld": True, "reason": "…"}),
    ("change_contact", "phone", {"actor": "counter:C1", "phone": "10000000000"}),
)


async def test_the_client_and_the_command_line_send_none_of_it(
    app: httpx.AsyncClient, mente: Mente, city: House
) -> None:
    number = await in_review(app, mente)
    before = kinds(await mente.status(number))
    runner = CliRunner(env={"MENTE_HOME": str(city.settings.home)})
    for name, field, fields in NONSENSE:
        nonsense = COMMANDS[name].model_validate({"command_id": new_command_id(), **fields})
        for send in (mente.send, mente.signal):
            with pytest.raises(Refused) as refused:
                await send(number, nonsense)
            assert refused.value.refusal.field == field
    for line in (
        ("recuse", number, "--expert", "E001", "--reason", "\u3000"),
        ("extend", number, "--working-days", "5", "--ground", " ", "--actor", "officer:O1"),
        ("contact", "change", number, "--phone", "10000000000", "--actor", "counter:C1", "--no-wait"),
    ):
        done = await asyncio.to_thread(runner.invoke, program, [*line, "--output", "json"])
        assert done.exit_code == 1, done.output
        assert json.loads(done.stdout)["error"]["field"] in ("reason", "ground", "phone")
    assert kinds(await mente.status(number)) == before


async def test_what_the_temporal_program_sends_past_every_door_is_refused_by_the_case(
    mente: Mente, city: House, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, next(_seeds), PANZHIHUA, DIABETES, tmp_path)
    number = applied.acceptance_no
    panel = (await until_status(mente, number, Status.REVIEW)).panel
    before = len((await mente.status(number)).timeline)
    raw = [
        ("give_verdict", "reason", {"actor": f"expert:{seat.expert}", "decision": "deny", "reason": " "})
        for seat in panel
    ]
    raw.append(("change_contact", "phone", {"actor": "counter:C1", "phone": "1０００００００００0"}))
    raw.append(("change_contact", "email", {"actor": "counter:C1", "email": "a..b@c.cn"}))
    for kind in ("signal", "update"):
        for name, _, fields in raw:
            text = json.dumps({"command_id": new_command_id(), **fields})
            how = ("signal",) if kind == "signal" else ("update", "execute")
            code, printed = await temporal_command(
                city, "workflow", *how, "-w", number, "--name", name, "--input", text
            )
            assert (code == 0) is (kind == "signal"), printed

    async def all_judged() -> bool:
        return len((await mente.status(number)).timeline) >= before + len(raw)

    await until(all_judged)
    status = await mente.status(number)
    lines = status.timeline[before:]
    assert [(line.kind, line.detail["field"]) for line in lines][: len(raw)] == [
        ("refused", field) for _, field, _ in raw
    ]
    assert {line.kind for line in lines} == {"refused"}
    assert status.status is Status.REVIEW
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)


async def test_a_receipt_tells_where_the_case_stood_and_the_document_says_so(
    app: httpx.AsyncClient, officer: httpx.AsyncClient, mente: Mente
) -> None:
    number = await effective(app, mente)
    receipt = (await command(officer, number, "end_entitlement", ground="cured")).json()
    assert receipt["status"] == "effective"
    await until_status(mente, number, Status.ENDED)
    document = (await app.get("/api/v1/openapi.json")).json()
    said = document["components"]["schemas"]["CommandReceipt"]["properties"]["status"]["description"]
    assert "not what it led to" in said
