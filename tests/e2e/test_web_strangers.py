"""A stranger with an account of their own and another's ID number learns no acceptance number and gets no papers."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.acceptance import acceptance_number
from domain.access import Role
from domain.commands import Withdraw
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.new_cases import facts_of_new
from tests.e2e.handing_in import last_opening, made
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import send, until_status, verdicts
from tests.e2e.web_house import DIABETES, Web, made_up, problem, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 2_970_000
CHANNEL = "app"
ASK_THERE = "请向原申请渠道或窗口查询"


async def applied(mente: Mente, seed: int, folder: Path, channel: str = CHANNEL, **changes: Any) -> str:
    raw = {**made(seed, DIABETES, folder), "channel": channel, **changes}
    number = (await mente.apply(raw, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    return number


async def handed_in(client: httpx.AsyncClient, seed: int, channel: str, **changes: Any) -> httpx.Response:
    raw = await made_up(client, seed, channel=channel)
    if channel == "counter":
        raw |= {"received_at": last_opening().isoformat(), "originals": "match"}
    elif channel == "web":
        raw = {name: value for name, value in raw.items() if name != "received_at"}
    body = {**raw, "request_id": f"{raw['request_id']}-{channel}", **changes}
    return await client.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})


async def test_the_number_of_the_first_case_is_told_only_to_who_may_see_it(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = await applied(mente, SEED + 1, tmp_path)
    asking = {
        "web": await web.account(Role.APPLICANT),
        "other-app": await web.key(channel="other-app"),
        CHANNEL: await web.key(),
        "counter": await web.account(Role.COUNTER),
    }
    for channel, client in asking.items():
        async with client:
            found = problem(await handed_in(client, SEED + 1, channel, request_id=f"second-{channel}"), 409)
        told = channel in (CHANNEL, "counter")
        assert (number in found["detail"], number in found["remedy"]) == (told, told), channel
        assert (found["remedy"] == ASK_THERE) is (channel == "other-app")
        # Not even that there is one is said to whoever may have made up who they are.
        assert ("已有在办或有效的同病种案件" in found["detail"]) is (channel != "web")


async def test_an_account_is_told_the_number_of_its_own_first_case(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as client:
        number = (await handed_in(client, SEED + 2, "web")).json()["acceptance_no"]
        found = problem(await handed_in(client, SEED + 2, "web", request_id="mine-again"), 409)
    assert number in found["detail"]


async def test_a_request_id_is_the_accounts_own(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as first, await web.account(Role.APPLICANT) as stranger:
        number = (await handed_in(first, SEED + 3, "web")).json()["acceptance_no"]
        raw = await made_up(first, SEED + 3)
        same = f"{raw['request_id']}-web"
        theirs = await handed_in(stranger, SEED + 4, "web", request_id=same)
        own = problem(await handed_in(first, SEED + 4, "web", request_id=same), 409)
    assert theirs.status_code == 201
    assert theirs.json()["acceptance_no"] != number
    assert number in own["detail"]


async def test_who_renews_what_they_may_not_see_must_name_it(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = await applied(mente, SEED + 5, tmp_path)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    async with await web.account(Role.APPLICANT) as stranger, await web.key() as back_end:
        for change in ({"kind": "renewal"}, {"kind": "change", "change": "condition"}):
            hidden = problem(await handed_in(stranger, SEED + 5, "web", **change), 422)
            assert hidden["field"] == "replaces"
            assert number not in hidden["detail"] + hidden["remedy"]
            assert ASK_THERE in hidden["remedy"]
        named = problem(await handed_in(stranger, SEED + 5, "web", kind="renewal", replaces=number), 422)
        own = problem(await handed_in(back_end, SEED + 5, CHANNEL, kind="renewal"), 422)
    assert (named["detail"], number in own["detail"]) == (own["detail"], True)


async def test_papers_are_taken_over_only_from_a_case_the_asker_may_see(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = await applied(mente, SEED + 6, tmp_path)
    await send(mente, number, Withdraw, actor=f"channel:{CHANNEL}")
    await until_status(mente, number, Status.WITHDRAWN)
    nobodys = acceptance_number(b"another key", region="510400", channel="x", request_id="y")
    for channel, client in (
        ("web", await web.account(Role.APPLICANT)),
        ("other-app", await web.key(channel="other-app")),
    ):
        async with client:
            said = [
                problem(await handed_in(client, SEED + 6, channel, take_over=each, materials=[]), 422)
                for each in (number, nobodys)
            ]
        one, other = ({key: each[key] for key in ("detail", "rule", "remedy", "field")} for each in said)
        assert one == other
        assert one["field"] == "take_over"
    async with await web.key() as back_end:
        answer = await handed_in(back_end, SEED + 6, CHANNEL, take_over=number, materials=[])
    assert answer.status_code == 201, answer.text
    assert answer.json()["taken_over"]["taken"]


async def test_the_counter_takes_over_the_papers_of_its_city(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = await applied(mente, SEED + 7, tmp_path)
    await send(mente, number, Withdraw, actor=f"channel:{CHANNEL}")
    await until_status(mente, number, Status.WITHDRAWN)
    async with await web.account(Role.COUNTER) as counter:
        answer = await handed_in(counter, SEED + 7, "counter", take_over=number, materials=[])
    assert answer.status_code == 201, answer.text
    assert answer.json()["taken_over"]["taken"]


async def test_other_names_of_a_number_are_told_to_the_city_and_to_nobody_else(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = await applied(mente, SEED + 8, tmp_path)
    raw = made(SEED + 8, "510400-001", tmp_path / "other")
    name, raw["applicant"]["name"] = raw["applicant"]["name"], "冒名者"
    second = (
        await mente.apply({**raw, "request_id": "renaming", "channel": "other-app"}, tmp_path / "other")
    ).acceptance_no
    async with await web.account(Role.OFFICER) as officer, await web.key(channel="other-app") as back_end:
        of_first, of_second = [
            (await officer.get(f"/api/v1/applications/{each}/person")).json() for each in (number, second)
        ]
        theirs = (await back_end.get(f"/api/v1/applications/{second}/person")).json()
        page = await opened(officer, f"/cases/{number}")
        person = await opened(officer, f"/cases/{number}/person")
    assert (of_first["name"], of_first["other_names"]) == (name, ["冒名者"])
    assert (of_second["name"], of_second["other_names"]) == ("冒名者", [name])
    assert (theirs["name"], theirs["other_names"]) == ("冒名者", [])
    assert "请核对身份" in page.text
    assert "冒名者" in person.text


async def test_what_is_handed_in_on_the_pages_is_the_accounts_before_a_worker_has_it(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + 9)
        await person.begin()
        await person.person()
        await person.papers()
        number = await person.submit()
    assert (await facts_of_new(mente.client, number)).applicant_accounts != ()


@pytest.mark.parametrize(("seed", "channel"), [(10, CHANNEL), (11, "web")])
async def test_what_another_channel_or_account_handed_in_cannot_be_claimed(
    web: Web, mente: Mente, tmp_path: Path, seed: int, channel: str
) -> None:
    if channel == "web":
        async with await web.account(Role.APPLICANT) as owner:
            number = (await handed_in(owner, SEED + seed, "web")).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
    else:
        number = await applied(mente, SEED + seed, tmp_path)
    person = made(SEED + seed, DIABETES, tmp_path)["applicant"]
    right = {"acceptance_no": number, "id_number": person["id_number"], "phone": person["phone"]}
    async with await web.account(Role.APPLICANT) as stranger:
        form = await opened(stranger, "/my/claim")
        refused = page_of(await submitted(stranger, form, "/my/claim", **right), 422)
        wrong = page_of(await submitted(stranger, form, "/my/claim", **{**right, "phone": "13800000000"}), 422)
        assert refused.text == wrong.text
        page_of(await stranger.get(f"/my/{number}"), 404)
