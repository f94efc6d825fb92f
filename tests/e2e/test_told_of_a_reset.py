"""Whoever logs in after an operator reset their password reads that it was, and when."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.access import Role
from domain.moments import CST
from storage.accounts import NewAccount, account_by_login, add_account, set_password
from storage.passwords import Passwords, generated_password
from tests.e2e.page_reading import Page, opened, submitted
from tests.e2e.web_house import Web, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
LOGIN = "13877770001"


async def entered(web: Web, client: httpx.AsyncClient, password: str) -> Page:
    """Log in, and open the page of the password."""
    answer = await submitted(client, await opened(client, "/login"), "/login", login=LOGIN, password=password)
    assert answer.status_code == 303
    return await opened(client, "/password")


async def test_a_reset_is_told_at_the_next_log_in_and_an_own_change_is_dated(web: Web) -> None:
    first, second, own = generated_password(), generated_password(), generated_password()
    passwords, began = Passwords(), datetime.now(UTC) - timedelta(days=40)
    new = NewAccount(login=LOGIN, display_name="测试人员", role=Role.APPLICANT)
    async with web.doors.database.write() as connection:
        await add_account(connection, new, await passwords.hash(first), must_change=True, at=began, actor="system")
    async with web.client() as client:
        told = (await entered(web, client, first)).text
        assert "发放的初始密码" in told
        assert "重置" not in told

    at = datetime.now(UTC) - timedelta(days=3)
    async with web.doors.database.write() as connection:
        found = await account_by_login(connection, LOGIN)
        hashed = await passwords.hash(second)
        await set_password(connection, found.id, hashed, must_change=True, at=at, actor="operator:o1")
    async with web.client() as client:
        page = await entered(web, client, second)
        day = at.astimezone(CST)
        assert f"您的密码已于 {day.year}年{day.month}月{day.day}日" in page.text
        assert "由系统管理员重置" in page.text
        assert "初始密码" not in page.text
        before = datetime.now(CST)
        done = await submitted(client, page, "/password", old_password=second, new_password=own, again=own)
        assert done.status_code == 303
        told = (await opened(client, "/password")).text
        # Midnight may have passed meanwhile.
        days = {f"现在的密码设置于 {on.year}年{on.month}月{on.day}日" for on in (before, datetime.now(CST))}
        assert any(each in told for each in days)
        assert "由系统管理员重置" not in told
