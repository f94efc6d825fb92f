"""A page that shows a secret is the answer to a form: loaded anew, it makes no second one and voids no first one."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, select

from domain.access import Role
from starter.web.pages.operator_keys import SCOPE_ZH
from storage.accounts import account_by_login, set_password
from storage.passwords import Passwords
from storage.tables import api_key
from tests.e2e.browsing import PASSWORD, somebody
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.web_house import PANZHIHUA, Web, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
KEYS, ACCOUNTS = "/operator/keys/new", "/operator/accounts"


def secret_on(page: Page) -> str:
    found = re.search(r'class="secret">([^<]+)<', page.source)
    assert found is not None, page.text
    return found[1]


async def keys_of(web: Web, channel: str) -> int:
    async with web.doors.database.read() as connection:
        mine = select(func.count()).select_from(api_key).where(api_key.c.channel == channel)
        return int(await connection.scalar(mine) or 0)


async def logged_in(web: Web, login: str, password: str) -> bool:
    async with web.client() as client:
        answer = await submitted(client, await opened(client, "/login"), "/login", login=login, password=password)
    return answer.status_code == 303


async def reset(client: httpx.AsyncClient, listed: Page) -> httpx.Response:
    action = next(each.action for each in listed.forms if each.action.endswith("/reset"))
    return await submitted(client, listed, action)


async def test_the_page_with_a_new_key_loaded_anew_makes_no_second_key(web: Web) -> None:
    async with await web.account(Role.OPERATOR) as operator:
        form = await opened(operator, KEYS)
        fields = {"region": PANZHIHUA, "channel": "loaded-anew", "label": "测试", "scope": [next(iter(SCOPE_ZH))]}
        presented = secret_on(page_of(await submitted(operator, form, KEYS, **fields)))
        again = await submitted(operator, form, KEYS, **fields)
        assert (again.status_code, again.headers["location"]) == (303, "/operator/keys")
        told = await opened(operator, "/operator/keys")
        assert "已经建立过，没有再建立" in told.text
        assert presented not in told.source
        assert await keys_of(web, "loaded-anew") == 1
        # Another form of the same content is another key.
        page_of(await submitted(operator, await opened(operator, KEYS), KEYS, **fields))
        assert await keys_of(web, "loaded-anew") == 2


async def test_a_form_for_a_key_that_was_mended_is_still_the_same_form(web: Web) -> None:
    async with await web.account(Role.OPERATOR) as operator:
        form = await opened(operator, KEYS)
        fields = {"region": PANZHIHUA, "channel": "mended", "label": "测试"}
        wrong = page_of(await submitted(operator, form, KEYS, **fields), 422)
        page_of(await submitted(operator, wrong, KEYS, **fields, scope=["read"]))
        for each in (form, wrong):
            assert (await submitted(operator, each, KEYS, **fields, scope=["read"])).status_code == 303
    assert await keys_of(web, "mended") == 1


async def test_two_operators_whose_forms_say_the_same_get_a_key_each(web: Web) -> None:
    fields = {"region": PANZHIHUA, "channel": "same-form", "label": "测试", "scope": ["read"], "form_id": "the same"}
    for _ in range(2):
        async with await web.account(Role.OPERATOR) as operator:
            page_of(await submitted(operator, await opened(operator, KEYS), KEYS, **fields))
    assert await keys_of(web, "same-form") == 2


async def test_a_form_without_its_id_makes_no_key(web: Web) -> None:
    async with await web.account(Role.OPERATOR) as operator:
        fields = {"region": PANZHIHUA, "channel": "no-form", "label": "测试", "scope": ["read"], "form_id": ""}
        answer = page_of(await submitted(operator, await opened(operator, KEYS), KEYS, **fields), 403)
        assert "页面已过期" in answer.text
    assert await keys_of(web, "no-form") == 0


async def test_the_page_with_a_new_password_loaded_anew_leaves_that_password_good(web: Web) -> None:
    login = await somebody(web, Role.COUNTER)
    async with await web.account(Role.OPERATOR) as operator:
        listed = await opened(operator, f"{ACCOUNTS}?q={login}")
        first = secret_on(page_of(await reset(operator, listed)))
        again = await reset(operator, listed)
        assert (again.status_code, again.headers["location"]) == (303, ACCOUNTS)
        told = await opened(operator, f"{ACCOUNTS}?q={login}")
        assert "没有再次重置" in told.text
        assert await logged_in(web, login, first)
        # From the list as it stands it is reset again.
        second = secret_on(page_of(await reset(operator, told)))
    assert not await logged_in(web, login, first)
    assert await logged_in(web, login, second)


async def test_a_reset_does_not_take_back_a_password_its_owner_chose_meanwhile(web: Web) -> None:
    login = await somebody(web, Role.COUNTER)
    async with await web.account(Role.OPERATOR) as operator:
        listed = await opened(operator, f"{ACCOUNTS}?q={login}")
        async with web.doors.database.write() as connection:
            found = await account_by_login(connection, login)
            hashed, at = await Passwords().hash(PASSWORD), datetime.now(UTC)
            await set_password(connection, found.id, hashed, must_change=False, at=at, actor="system")
        assert (await reset(operator, listed)).status_code == 303
    assert await logged_in(web, login, PASSWORD)
