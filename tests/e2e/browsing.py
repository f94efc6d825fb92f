"""A real browser before the pages: Debian's Chromium, people with passwords, and a watch for whatever goes wrong."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)

from domain.access import Role
from storage.accounts import NewAccount, add_account, list_accounts, set_password
from storage.passwords import Passwords
from tests.e2e.web_house import PANZHIHUA, Web, own_key

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = (1280, 800), (360, 740)
PASSWORD = "four-plain-words-apart"
PATIENCE = 45_000
"""Milliseconds until a browser gives up waiting for what it was told to expect: a busy machine takes its time."""

_ARGUMENTS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Start Debian's Chromium; tests that need it are skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    # A browser of the superuser has no sandbox to run in.
    arguments = [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=90_000)
        expect.set_options(timeout=PATIENCE)
        yield browser
        await browser.close()


class Watch:
    """What a browser complained of: errors of scripts and of the console, broken policies, failed requests."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def over(self, context: BrowserContext) -> None:
        """Listen to every page of a context."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text} {message.location['url']}")

    def _failed(self, request: Request) -> None:
        # A download ends the navigation that began it.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"request: {request.method} {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"answer: {response.status} {response.request.method} {response.url}")


@asynccontextmanager
async def window(
    chromium: Browser, web: Web, watch: Watch, size: tuple[int, int] = DESK, **options: Any
) -> AsyncIterator[Page]:
    """Open a window of a browser that knows nobody yet."""
    width, height = size
    context = await chromium.new_context(
        base_url=web.url, viewport={"width": width, "height": height}, locale="zh-CN", **options
    )
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(_TELL_VIOLATIONS)
    watch.over(context)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def somebody(web: Web, role: Role, region: str = PANZHIHUA, **fields: str) -> str:
    """Make an account that opens with `PASSWORD`, an expert's anew if another test made it; return its login."""
    now, hashed = datetime.now(UTC), await Passwords().hash(PASSWORD)
    async with web.doors.database.write() as connection:
        # An expert has one account, whichever test asks first.
        known = await list_accounts(connection, role=role) if role is Role.EXPERT else ()
        made = next((each for each in known if each.expert_id == fields.get("expert_id")), None)
        if made is not None:
            await set_password(connection, made.id, hashed, must_change=False, at=now, actor="system")
            return made.login
        new = NewAccount(
            login=f"b{secrets.token_hex(6)}",
            display_name="测试人员",
            role=role,
            regions=() if role is Role.APPLICANT else (region,),
            **{"person_key": own_key(role), **fields},
        )
        return (await add_account(connection, new, hashed, must_change=False, at=now, actor="system")).login


async def log_in(page: Page, login: str) -> None:
    """Log in by the form."""
    await page.goto("/login")
    await page.get_by_label("登录名").fill(login)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_role("button", name="登录", exact=True).click()
    await page.wait_for_url(lambda address: not address.endswith("/login"))
