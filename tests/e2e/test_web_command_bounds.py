"""How much one sender does to one case, and what nobody unproved is told by trying."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from domain.access import Role
from domain.moments import local_date
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.embedded import House
from starter.new_cases import form_of_new, must_exist
from starter.web.api import public
from starter.web.rates import Rate, Rates
from storage import reading
from storage.access_tables import access_log
from storage.accounts import account_by_login
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.playing import until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, PATIENT, Web, command, made_up, problem, serving, web
from tests.e2e.wide_open_web import PASSWORD, unknown_number

__all__ = ["web"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SEED = 5_630_000
PRESSURE = "620900-011"
WIDE = Rate("wide", 100_000, 1_000_000)
OFFREGION = "/api/v1/people/offregion"


async def handed_in(web: Web, mente: Mente, seed: int, disease: str = DIABETES) -> str:
    async with await web.key(disease[:6]) as app:
        applied = await app.post("/api/v1/applications", json=await made_up(app, seed, disease))
    assert applied.status_code == 201, applied.text
    number: str = applied.json()["acceptance_no"]
    await until_status(mente, number, Status.REVIEW)
    return number


async def listed(web: Web, mente: Mente, seed: int) -> tuple[str, str]:
    """Have a case of Jiuquan's on the public list; return its number and where its line is objected to."""
    number = await handed_in(web, mente, seed, PRESSURE)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.PUBLICITY)
    return number, f"/api/v1/public/lists/{JIUQUAN}/{web.doors.keys.list_number(number)}/objections"


async def objected(client: httpx.AsyncClient, address: str, command_id: str = "") -> httpx.Response:
    body = {"command_id": command_id or new_command_id(), "by": "一位市民", "reason": "情况不符"}
    return await client.post(address, json=body, headers=PATIENT)


# -- objections ---------------------------------------------------------------------------------------------------


async def test_one_account_takes_no_more_than_its_places_among_the_objections(web: Web, mente: Mente) -> None:
    number, address = await listed(web, mente, SEED)
    first = new_command_id()
    async with (
        await web.account(Role.APPLICANT) as loud,
        await web.account(Role.APPLICANT) as other,
        await web.account(Role.OFFICER, JIUQUAN) as officer,
        await web.key(JIUQUAN, "another") as app,
    ):
        assert [(await objected(loud, address, each)).status_code for each in (first, "", "")] == [200, 200, 429]
        entry = address.split("/")[-2]
        told = problem(await objected(loud, address.replace(entry, entry.lower())), 429)
        assert "2 条异议" in told["rule"]
        again = await objected(loud, address, first)
        assert (again.status_code, again.json()["repeated"]) == (200, True), "what was sent is answered as ever"
        by_number = await command(loud, number, "raise_objection", by="一位市民", reason="情况不符")
        problem(by_number, 429)
        assert int(by_number.headers["retry-after"]) > 3_600
        assert (await objected(other, address)).status_code == 200
        for _ in range(4):
            assert (await objected(app, address)).status_code == 200
            assert (await command(officer, number, "raise_objection", by="来信", reason="不符")).status_code == 200


async def test_many_accounts_at_one_address_take_no_more_than_its_places(web: Web, mente: Mente) -> None:
    _, address = await listed(web, mente, SEED + 1)
    said = []
    for _ in range(4):
        async with await web.account(Role.APPLICANT) as one:
            said += [(await objected(one, address)).status_code for _ in range(2)]
    assert said == [200] * 5 + [429] * 3
    async with await web.account(Role.APPLICANT) as elsewhere:
        elsewhere._transport = httpx.AsyncHTTPTransport(local_address="127.0.0.9")
        elsewhere._mounts.clear()
        assert (await objected(elsewhere, address)).status_code == 200


async def test_an_objection_that_was_refused_takes_no_place(city: House, mente: Mente) -> None:
    few = Rates(hand_in_address=WIDE, objection_account=Rate("objection-account", 0.001, 1))
    async with serving(city.settings, few) as own, await own.account(Role.APPLICANT) as citizen:
        _, address = await listed(own, mente, SEED + 2)
        for _ in range(3):
            wrong = {"command_id": new_command_id(), "by": "…", "reason": "。"}
            problem(await citizen.post(address, json=wrong), 422)
            problem(await objected(citizen, address.replace(address.split("/")[-2], "0" * 10)), 404)
        assert (await objected(citizen, address)).status_code == 200
        problem(await objected(citizen, address), 429)


# -- commands -----------------------------------------------------------------------------------------------------


async def test_one_sender_does_so_much_to_one_case_in_an_hour(web: Web, mente: Mente, city: House) -> None:
    few = Rates(command=Rate("command", 20 / 3_600, 20))
    number, beside = await handed_in(web, mente, SEED + 3), await handed_in(web, mente, SEED + 4)

    async def changed(client: httpx.AsyncClient, which: str, last: int, **headers: str) -> httpx.Response:
        client.headers.update({"Prefer": headers.get("prefer", "wait=15")})
        return await command(client, which, "change_contact", phone=f"138000000{last:02d}")

    async with (
        serving(city.settings, few) as own_web,
        await own_web.key() as app,
        await own_web.account(Role.OFFICER) as officer,
    ):
        for _ in range(5):
            problem(await command(app, number, "appeal", reason="不服"), 409)
        body = {"command_id": new_command_id(), "phone": "13811112222"}
        own = f"/api/v1/applications/{number}/commands/change_contact"
        assert (await app.post(own, json=body)).status_code == 200
        said = [(await changed(app, number, last)).status_code for last in range(21)]
        assert said == [200] * 19 + [429] * 2
        late = await changed(app, number, 50, prefer="wait=0")
        assert problem(late, 429)["field"] == "rate"
        assert 0 < int(late.headers["retry-after"]) <= 180
        again = await app.post(own, json=body)
        assert (again.status_code, again.json()["repeated"]) == (200, True)
        assert (await changed(app, beside, 1)).status_code == 200
        for last in range(30):
            sent = await command(officer, number, "correct", field="phone", value=f"138000000{last:02d}")
            assert sent.status_code != 429, sent.text


# -- what nobody unproved is told ---------------------------------------------------------------------------------


async def test_an_unproved_account_is_told_the_same_of_every_filing(web: Web) -> None:
    said = []
    for seed, days in ((5, None), (6, 0), (7, 30)):
        async with await web.key() as app, await web.account(Role.APPLICANT) as stranger:
            raw = {**await made_up(stranger, SEED + seed, channel="web"), "offregion": {"region": "110000"}}
            if days is not None:
                begins = local_date(datetime.now(UTC)) + timedelta(days=days)
                person = {"id_number": raw["applicant"]["id_number"], "region": PANZHIHUA}
                filing = {**person, "treatment_region": "110000", "from_on": begins.isoformat()}
                assert (await app.post(OFFREGION, json=filing)).status_code == 200
            answer = problem(await stranger.post("/api/v1/applications", json=raw), 409)
            said.append({name: answer[name] for name in ("detail", "field", "rule", "remedy")})
    assert said == [said[0]] * 3
    assert said[0]["field"] == "applicant"
    person_key = web.doors.keys.person_key(raw["applicant"]["id_number"])
    async with await web.account(Role.APPLICANT, person_key=person_key) as themselves:
        own = {**await made_up(themselves, SEED + 7, channel="web"), "offregion": {"region": "110000"}}
        assert "起生效" in problem(await themselves.post("/api/v1/applications", json=own), 422)["remedy"]


async def test_wrong_digits_cost_the_public_query_as_much_as_a_wrong_number(
    city: House, mente: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noting(name: str, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                found = await real(*args, **kwargs)
            except Exception as error:
                done.append(f"{name}: {type(error).__name__}")
                raise
            done.append(f"{name}: {'found' if found is not None else 'nothing'}")
            return found

        return noted

    rates = Rates(public_query=WIDE, hand_in_address=WIDE)
    async with serving(city.settings, rates) as own, own.client() as anybody, await own.key() as app:
        number = await handed_in(own, mente, SEED + 8)
        unknown = unknown_number(mente, await made_up(app, SEED + 9), 0)
        monkeypatch.setattr(public, "must_exist", noting("asked", must_exist))
        monkeypatch.setattr(public, "form_of_new", noting("history", form_of_new))
        monkeypatch.setattr(reading, "case_status", noting("status", reading.case_status))
        spent = []
        for which in (number, unknown):
            done.clear()
            problem(
                await anybody.post("/api/v1/public/status", json={"acceptance_no": which, "id_last4": "0000"}), 404
            )
            spent.append(tuple(done))
    assert spent == [("asked: Refused",)] * 2


@pytest.mark.parametrize(("seed", "burst", "second"), [(10, 0, [422] * 5 + [429]), (11, 7, [422] * 2 + [429] * 4)])
async def test_a_stranger_who_claims_wrongly_keeps_nobody_else_from_their_case(
    city: House, mente: Mente, seed: int, burst: int, second: list[int]
) -> None:
    few = {"claimed_case": Rate("claimed-case", 0.001, burst)} if burst else {}
    rates = Rates(hand_in_address=WIDE, **few)
    async with serving(city.settings, rates) as own:
        number = await handed_in(own, mente, SEED + seed)
        async with await own.key() as app:
            person = (await made_up(app, SEED + seed))["applicant"]
        fields = {"acceptance_no": number, "id_number": person["id_number"], "phone": "13800000000"}
        said = []
        for _ in range(2):
            async with await own.account(Role.APPLICANT) as one:
                form = await opened(one, "/my/claim")
                said += [(await submitted(one, form, "/my/claim", **fields)).status_code for _ in range(6)]
    assert said == [422] * 5 + [429] + second, "five of one account, and so many of a number"


# -- who looked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["extend", "notice_delivered", "end_entitlement", "verify_originals"])
async def test_the_form_of_a_command_is_a_look_at_the_case_and_logged(web: Web, mente: Mente, deed: str) -> None:
    seeds = ("extend", "notice_delivered", "end_entitlement", "verify_originals")
    number = await handed_in(web, mente, SEED + 20 + seeds.index(deed))
    async with await web.account(Role.OFFICER) as officer:
        await opened(officer, f"/cases/{number}/do/{deed}")
    query = select(access_log.c.actor).where(access_log.c.action == "case.read", access_log.c.acceptance_no == number)
    async with web.doors.database.read() as connection:
        (actor,) = (await connection.scalars(query)).all()
    assert actor.startswith(("officer:", "account:"))


# -- accounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["王\u202e五", "王\n五", "王\u2028五", "\u3164", "王\u200b五", "\u2800\u2800"])
async def test_a_name_in_the_bar_is_text_that_can_be_seen(web: Web, name: str) -> None:
    async with web.client() as anybody:
        form = await opened(anybody, "/register")
        fields = {"login": f"139{hash(name) % 10**8:08d}", "name": name, "password": PASSWORD, "again": PASSWORD}
        page = page_of(await submitted(anybody, form, "/register", **fields), 422)
    assert "姓名不符合要求" in page.text


async def test_a_disabled_account_gets_no_password(web: Web, tmp_path: Path) -> None:
    async with await web.account(Role.OPERATOR) as operator:
        form = await opened(operator, "/operator/accounts/new")
        fields = {"role": Role.OPERATOR, "login": "bounds.gone", "name": "停用者", "region": PANZHIHUA}
        page_of(await submitted(operator, form, "/operator/accounts/new", **fields))
        shown = await opened(operator, "/operator/accounts?q=bounds.gone")
        reset = next(each.action for each in shown.forms if each.action.endswith("/reset"))
        assert (await submitted(operator, shown, reset.replace("reset", "disable"))).status_code == 303
        refused = page_of(await submitted(operator, shown, reset), 422)
        assert "已停用的账号不能重置密码" in refused.text
        assert 'class="secret"' not in refused.source
    async with web.doors.database.read() as connection:
        found = await account_by_login(connection, "bounds.gone")
    assert found.disabled_at is not None
