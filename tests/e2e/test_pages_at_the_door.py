"""What nobody need log in to read: a forgotten password, what a QR code opens, and days as people write them."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from activities.certificates.signing import sign_content
from domain.certificate import qr_text
from starter.embedded import House
from starter.web.pages.wording import cities
from starter.web.rates import Rate, Rates
from tests.activities.test_certificates import CONTENT
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.web_house import Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
OPENS = "即打开本页并显示结果"
FREE = Rate("free", 1_000, 10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """The web with wide rates: many people of these tests share one address."""
    async with serving(city.settings, Rates(login=FREE)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def anybody(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of nobody known."""
    async with web.client() as client:
        yield client


async def test_who_forgot_a_password_reads_whom_to_ask_before_and_after_a_wrong_try(
    anybody: httpx.AsyncClient,
) -> None:
    before = await opened(anybody, "/login")
    after = page_of(await submitted(anybody, before, "/login", login="13800000000", password="x"), 422)
    for page in (before, after):
        assert "自己注册的个人账号" in page.text
        assert "联系本单位的系统管理员" in page.text
        assert {f"tel:{each.hotline}" for each in cities()} <= set(page.links)
        assert "/status" in page.links
    assert "发放单位" not in after.text


async def test_a_verified_certificate_tells_its_days_as_people_write_them(
    web: Web, anybody: httpx.AsyncClient
) -> None:
    keys = web.doors.keys
    content = CONTENT.model_copy(update={"key_id": keys.certificate_key_id, "figures": ()})
    text = qr_text(content, sign_content(content, keys.certificate_signing_key()))
    shown = await opened(anybody, f"/verify?c={quote(text, safe='')}")
    on = content.issued_on
    assert f"签发日期 {on.year}年{on.month}月{on.day}日" in shown.text
    for each in (content.issued_on, content.effect_on, content.end_on):
        assert each is None or each.isoformat() not in shown.text


async def test_a_qr_code_is_said_to_open_the_page_only_where_it_holds_an_address(
    city: House, anybody: httpx.AsyncClient
) -> None:
    assert OPENS not in (await opened(anybody, "/verify")).text
    assert "粘贴凭证上二维码的文字" in (await opened(anybody, "/")).text
    known = city.settings.model_copy(update={"public_url": "https://mente.example"})
    async with serving(known) as public, public.client() as visitor:
        assert OPENS in (await opened(visitor, "/verify")).text
        assert "扫描凭证上的二维码" in (await opened(visitor, "/")).text
