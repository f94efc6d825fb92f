"""The operator's pages: what is up, accounts and keys of the own cities, each secret shown once."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from domain.access import OFFICIALS, Role
from domain.moments import local_date
from samples.persons import official_id_number
from starter.embedded import House
from starter.ui_lists import UI_LISTS
from starter.vitals import Vital, coverage_vital, mail_vital
from starter.web.app import create_app
from starter.web.callers import COOKIE
from starter.web.serving import served
from storage.account_rows import Account
from storage.accounts import account_by_login
from storage.database import Database
from storage.sessions import resume_session
from storage.tables import access_log
from storage.tables import account as accounts
from tests.conftest import any_port
from tests.e2e.page_reading import Page, comes_to_say, opened, page_of, submitted
from tests.e2e.playing import until
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, made_up, web
from worker.settings import Settings

__all__ = ["web"]
Client = httpx.AsyncClient
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_351_000


@pytest_asyncio.fixture(loop_scope="session")
async def operator(web: Web) -> AsyncIterator[Client]:
    """An operator of Panzhihua alone."""
    async with await web.account(Role.OPERATOR) as client:
        yield client


async def made(client: Client, login: str, role: Role = Role.COUNTER, **fields: object) -> tuple[Page, str]:
    """Make an account by the form; return the answer's page and the password it shows."""
    form = await opened(client, "/operator/accounts/new")
    known = {"id_number": official_id_number(login)} if role in OFFICIALS else {}
    wanted = {"role": role, "login": login, "name": "测试人员", "region": PANZHIHUA, **known, **fields}
    page = page_of(await submitted(client, form, "/operator/accounts/new", **wanted))
    found = re.search(r'class="secret">([^<]+)<', page.source)
    assert found is not None, page.text
    return page, found[1]


async def logged_in(web: Web, login: str, password: str) -> httpx.Response:
    """Log in as a browser would; the answer says where it goes on."""
    async with web.client() as client:
        form = await opened(client, "/login")
        return await submitted(client, form, "/login", login=login, password=password)


# -- health -----------------------------------------------------------------------------------------------------


async def coverage(web: Web) -> Vital:
    """Whether the next weeks are settled: late in a year, until the next one's notice is imported, they are not."""
    async with web.doors.database.read() as connection:
        settled = (await web.doors.calendars.history(connection)).current.settled_through
    return coverage_vital(settled, local_date(datetime.now(UTC)))


async def test_the_overview_says_what_is_up(operator: Client, web: Web) -> None:
    calendar = await coverage(web)
    parts = ("Temporal 服务", "数据库", "文件库", "邮件服务器", "工作进程：办理（mente）")
    page = await comes_to_say(
        operator,
        "/operator",
        *(f"{part} 正常" for part in parts),
        "mente-external） 正常 1 个进程",
        f"{calendar.name} {'正常' if calendar.sound else '需处理'} {calendar.told}",
    )
    assert "需人工关注的申请" in page.text


async def test_the_links_go_to_lists_of_the_temporal_ui(operator: Client, city: House) -> None:
    page = await opened(operator, "/operator")
    links = [each for each in page.links if each.startswith(city.endpoints.ui)]
    assert [parse_qs(urlsplit(each).query)["query"][0] for each in links] == [each.query for each in UI_LISTS]
    assert all("/namespaces/mente/workflows" in each for each in links)


async def test_without_temporal_and_mail_the_page_still_says_what_is_wrong(city: House, web: Web) -> None:
    settings = Settings(home=city.settings.home, smtp_host="127.0.0.1", smtp_port=any_port())
    app = create_app(settings)
    async with served(app) as running, await web.account(Role.OPERATOR) as known:
        doors = app.state.doors

        async def unready() -> dict[str, str]:
            return {"temporal": "Temporal 服务没有应答。"}

        doors.ready = unready
        async with httpx.AsyncClient(base_url=running.url, cookies=known.cookies, timeout=60) as client:
            away = 3 + (not (await coverage(web)).sound)
            page = await comes_to_say(client, "/operator", f"有 {away} 项需要处理")
    assert "工作进程：Temporal 服务没有应答" in page.text
    assert "邮件服务器：没有应答" in page.text


async def test_a_greeting_that_is_no_mail_servers_is_told(city: House, web: Web) -> None:
    mail = city.settings.mail()

    async def greets() -> bool:
        return (await mail_vital(mail)).sound

    await until(greets)
    elsewhere = mail.model_copy(update={"port": urlsplit(web.url).port})
    assert not (await mail_vital(elsewhere)).sound


@pytest.mark.parametrize("address", ["/operator", "/operator/accounts", "/operator/accounts/new", "/operator/keys"])
@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR, Role.COUNTER, Role.APPLICANT])
async def test_nobody_else_sees_the_operators_pages(web: Web, role: Role, address: str) -> None:
    async with await web.account(role) as client:
        await opened(client, address, 403)


async def test_an_operator_has_no_case_pages(operator: Client) -> None:
    page = await opened(operator, "/operator")
    assert not [each for each in page.links if each.startswith(("/officer", "/case", "/counter", "/audit"))]


# -- accounts ---------------------------------------------------------------------------------------------------


async def test_an_account_is_made_with_a_password_that_is_shown_once_and_must_be_changed(
    operator: Client, web: Web
) -> None:
    page, password = await made(operator, "pages.counter")
    assert "只显示这一次" in page.text
    answer = await logged_in(web, "pages.counter", password)
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    listed = await opened(operator, "/operator/accounts?q=pages.counter")
    assert "pages.counter 测试人员 窗口人员 攀枝花市 待修改密码" in listed.text
    assert password not in listed.source


async def test_the_answer_with_the_password_is_kept_by_no_cache(operator: Client) -> None:
    form = await opened(operator, "/operator/accounts/new")
    fields = {"role": Role.OPERATOR, "login": "pages.cache", "name": "测试", "region": PANZHIHUA}
    answer = await submitted(operator, form, "/operator/accounts/new", **fields)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("regions", [[JIUQUAN], [PANZHIHUA, JIUQUAN]])
async def test_an_account_for_another_city_is_refused_whatever_the_form_was_made_to_carry(
    operator: Client, web: Web, regions: list[str]
) -> None:
    form = await opened(operator, "/operator/accounts/new")
    assert JIUQUAN not in form.source
    login = f"pages.other{len(regions)}"
    fields = {"role": Role.AUDITOR, "login": login, "name": "测试", "region": regions}
    answer = await submitted(operator, form, "/operator/accounts/new", **fields)
    assert answer.status_code == 403
    assert login not in (await opened(operator, f"/operator/accounts?q={login}")).text


async def test_what_does_not_fit_is_told_beside_its_field_and_what_was_typed_stays(
    operator: Client,
) -> None:
    form = await opened(operator, "/operator/accounts/new")
    fields = {"role": Role.OFFICER, "login": "pages.typed", "name": "<b>张三</b>", "id_number": "510402199001010011"}
    page = page_of(await submitted(operator, form, "/operator/accounts/new", **fields), 422)
    assert 'href="#f-' in page.source
    assert 'value="pages.typed"' in page.source
    assert "<b>张三" not in page.source
    assert "510402199001010011" not in page.source


async def test_a_back_end_gets_a_key_and_no_account(operator: Client) -> None:
    form = await opened(operator, "/operator/accounts/new")
    fields = {"role": Role.BACKEND, "login": "pages.backend", "name": "测试", "region": PANZHIHUA}
    page_of(await submitted(operator, form, "/operator/accounts/new", **fields), 422)


async def test_a_reset_gives_another_password_and_ends_the_sessions(operator: Client, web: Web) -> None:
    _, first = await made(operator, "pages.reset")
    listed = await opened(operator, "/operator/accounts?q=pages.reset")
    action = next(each.action for each in listed.forms if each.action.endswith("/reset"))
    page = page_of(await submitted(operator, listed, action))
    second = re.search(r'class="secret">([^<]+)<', page.source)
    assert second is not None
    assert second[1] != first
    assert (await logged_in(web, "pages.reset", first)).status_code == 422
    assert (await logged_in(web, "pages.reset", second[1])).status_code == 303


async def test_a_disabled_account_cannot_log_in_and_has_no_buttons(operator: Client, web: Web) -> None:
    _, password = await made(operator, "pages.disabled")
    listed = await opened(operator, "/operator/accounts?q=pages.disabled")
    action = next(each.action for each in listed.forms if each.action.endswith("/disable"))
    answer = await submitted(operator, listed, action)
    assert answer.status_code == 303
    listed = await opened(operator, "/operator/accounts?q=pages.disabled")
    assert "账号已停用" in listed.text
    assert not [each for each in listed.forms if each.action.endswith("/disable")]
    assert (await logged_in(web, "pages.disabled", password)).status_code == 422


async def test_an_account_of_another_city_is_neither_seen_nor_touched(operator: Client, web: Web) -> None:
    async with await web.account(Role.OPERATOR, JIUQUAN) as elsewhere:
        await made(elsewhere, "pages.jiuquan", region=JIUQUAN)
    listed = await opened(operator, "/operator/accounts?q=pages.jiuquan")
    assert "没有符合条件的账号" in listed.text
    account = await _account(web, "pages.jiuquan")
    form = await opened(operator, "/operator/accounts/new")
    token = dict(form.form("/operator/accounts/new").values)["csrf"]
    for what in ("reset", "disable"):
        answer = await operator.post(f"/operator/accounts/{account}/{what}", data={"csrf": token})
        assert answer.status_code == 404
    assert (await operator.post("/operator/accounts/nobody/reset", data={"csrf": token})).status_code == 404


async def test_an_official_without_an_id_number_is_not_made_named_and_gets_it_once(
    operator: Client, web: Web
) -> None:
    form = await opened(operator, "/operator/accounts/new")
    fields = {"role": Role.OFFICER, "login": "pages.unknown", "name": "测试", "region": PANZHIHUA}
    refused = page_of(await submitted(operator, form, "/operator/accounts/new", **fields), 422)
    assert "须登记本人的身份证号码" in refused.text
    await made(operator, "pages.unknown", Role.OFFICER)
    account = await _account(web, "pages.unknown")
    async with web.doors.database.write() as connection:
        await connection.execute(update(accounts).where(accounts.c.id == account).values(person_key=None))
    listed = await opened(operator, "/operator/accounts?q=pages.unknown")
    assert "未登记身份证号码，不能办理" in listed.text
    action, number = f"/operator/accounts/{account}/identify", official_id_number("pages.unknown")
    page_of(await submitted(operator, listed, action, id_number="123"), 422)
    assert (await submitted(operator, listed, action, id_number=number)).status_code == 303
    assert "未登记" not in (await opened(operator, "/operator/accounts?q=pages.unknown")).text
    again = page_of(await submitted(operator, listed, action, id_number=number), 422)
    assert "已登记" in again.text
    assert number not in again.source


async def test_no_form_makes_an_applicants_account_somebodys_in_particular(operator: Client) -> None:
    form = await opened(operator, "/operator/accounts/new")
    number = official_id_number("pages.stranger")
    fields = {"role": Role.APPLICANT, "login": "pages.stranger", "name": "随便", "id_number": number}
    refused = page_of(await submitted(operator, form, "/operator/accounts/new", **fields), 422)
    assert "不登记身份证号码" in refused.text
    assert number not in refused.source


async def test_an_applicants_account_is_managed_where_they_have_a_case_and_nowhere_else(
    operator: Client, web: Web
) -> None:
    async with (
        await web.account(Role.APPLICANT) as citizen,
        await web.account(Role.APPLICANT) as newcomer,
        await web.account(Role.OPERATOR, JIUQUAN) as elsewhere,
        await web.account(Role.OPERATOR, regions=(JIUQUAN, PANZHIHUA)) as everywhere,
    ):
        raw = await made_up(citizen, SEED, channel="web")
        body = {name: value for name, value in raw.items() if name != "received_at"}
        answer = await citizen.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})
        assert answer.status_code == 201, answer.text
        theirs, new = [await account_behind(web, each) for each in (citizen, newcomer)]
        for who, sees in ((operator, {theirs}), (elsewhere, set()), (everywhere, {theirs, new})):
            found = set()
            for account in (theirs, new):
                listed = await opened(who, f"/operator/accounts?role=applicant&q={account.login}")
                found |= {account} if account.login in listed.text.split("个账号")[-1] else set()
                token = dict((await opened(who, "/operator/accounts/new")).form("/operator/accounts/new").values)[
                    "csrf"
                ]
                async with web.doors.database.read() as connection:
                    seen = (await account_by_login(connection, account.login)).password_changed_at.isoformat()
                for what in ("reset", "disable")[: 1 if account in sees else 2]:
                    done = await who.post(
                        f"/operator/accounts/{account.id}/{what}", data={"csrf": token, "seen": seen}
                    )
                    assert done.status_code == (200 if account in sees else 404)
            assert found == sees


async def account_behind(web: Web, client: Client) -> Account:
    session = await resume_session(web.doors.database, client.cookies[COOKIE], at=datetime.now(UTC))
    if session is None:
        raise AssertionError("nobody is logged in")
    return session.account


async def test_an_operator_does_not_disable_or_reset_the_own_account(operator: Client, web: Web) -> None:
    _, password = await made(operator, "pages.self", Role.OPERATOR)
    async with web.client() as client:
        await submitted(client, await opened(client, "/login"), "/login", login="pages.self", password=password)
        chosen = {
            "old_password": password,
            "new_password": "horse battery 47 staple",
            "again": "horse battery 47 staple",
        }
        await submitted(client, await opened(client, "/password"), "/password", **chosen)
        listed = await opened(client, "/operator/accounts?q=pages.self")
        assert "本人" in listed.text
        account = await _account(web, "pages.self")
        token = dict((await opened(client, "/operator/accounts/new")).form("/operator/accounts/new").values)["csrf"]
        answer = await client.post(f"/operator/accounts/{account}/disable", data={"csrf": token})
        assert answer.status_code == 409


async def test_a_form_without_its_token_changes_nothing(operator: Client, web: Web) -> None:
    await made(operator, "pages.forged")
    account = await _account(web, "pages.forged")
    bare = httpx.AsyncClient(base_url=web.url, cookies=operator.cookies, timeout=30)
    async with bare:
        assert (await bare.post(f"/operator/accounts/{account}/disable")).status_code == 403
    listed = await opened(operator, "/operator/accounts?q=pages.forged")
    assert "已停用" not in listed.text


async def test_what_is_done_to_accounts_is_in_the_access_log_without_names(operator: Client, web: Web) -> None:
    await made(operator, "pages.logged")
    account = await _account(web, "pages.logged")
    database = Database(web.settings.database)
    try:
        async with database.read() as connection:
            rows = (await connection.execute(select(access_log))).mappings().all()
    finally:
        await database.close()
    mine = [each for each in rows if account in str(each["detail"])]
    assert [each["action"] for each in mine] == ["account.added"]
    assert str(mine[0]["actor"]).startswith("operator:")
    assert "pages.logged" not in str(mine)


# -- keys -------------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_works_and_stops_working_when_revoked(operator: Client, web: Web) -> None:
    form = await opened(operator, "/operator/keys/new")
    fields = {"region": PANZHIHUA, "channel": "pages-app", "label": "测试<i>", "scope": ["apply", "read"]}
    page = page_of(await submitted(operator, form, "/operator/keys/new", **fields))
    found = re.search(r'class="secret">(mk_[^<]+)<', page.source)
    assert found is not None
    presented = found[1]
    assert await _opens(web, presented)
    listed = await opened(operator, "/operator/keys")
    assert presented not in listed.source
    assert "<i>" not in listed.source
    key_id = presented.split("_")[1]
    action = f"/operator/keys/{key_id}/revoke"
    assert (await submitted(operator, listed, action)).status_code == 303

    async def closed() -> bool:
        return not await _opens(web, presented)

    await until(closed)  # a server may know a key for a second


async def test_a_key_without_scopes_or_for_a_channel_of_ours_is_refused(operator: Client) -> None:
    form = await opened(operator, "/operator/keys/new")
    fields = {"region": PANZHIHUA, "channel": "pages-app", "label": "测试"}
    page = page_of(await submitted(operator, form, "/operator/keys/new", **fields), 422)
    assert 'href="#f-scope"' in page.source
    ours = {**fields, "channel": "counter", "scope": "read"}
    page = page_of(await submitted(operator, form, "/operator/keys/new", **ours), 422)
    assert 'href="#f-channel"' in page.source


async def test_a_key_of_another_city_is_neither_made_nor_seen_nor_revoked(operator: Client, web: Web) -> None:
    form = await opened(operator, "/operator/keys/new")
    fields = {"region": JIUQUAN, "channel": "pages-app", "label": "测试", "scope": ["read"]}
    assert (await submitted(operator, form, "/operator/keys/new", **fields)).status_code == 403
    async with await web.account(Role.OPERATOR, JIUQUAN) as elsewhere:
        other = await opened(elsewhere, "/operator/keys/new")
        page = page_of(await submitted(elsewhere, other, "/operator/keys/new", **fields))
    found = re.search(r"mk_([0-9a-f]{12})_", page.source)
    assert found is not None
    assert found[1] not in (await opened(operator, "/operator/keys")).source
    token = dict(form.form("/operator/keys/new").values)["csrf"]
    answer = await operator.post(f"/operator/keys/{found[1]}/revoke", data={"csrf": token})
    assert answer.status_code == 404


async def _account(web: Web, login: str) -> str:
    database = Database(web.settings.database)
    try:
        async with database.read() as connection:
            return (await account_by_login(connection, login)).id
    finally:
        await database.close()


async def _opens(web: Web, presented: str) -> bool:
    async with web.client(Authorization=f"Bearer {presented}") as client:
        return (await client.get("/api/v1/applications")).status_code == 200
