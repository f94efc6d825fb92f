"""In a real browser: a long text in a table leaves the columns beside it whole."""

import os
from datetime import UTC, datetime
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import Browser

from starter.web.pages.templating import environment
from tests.e2e.browsing import chromium

__all__ = ["chromium"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
LONG = "公示的信息与本人了解的情况不一致，" * 60
AT = datetime(2026, 11, 22, 14, 58, tzinfo=UTC)
LINES = "each => { const r = document.createRange(); r.selectNodeContents(each); return r.getClientRects().length }"
WIDE, TABLET, NARROW, PHONE = 1280, 1000, 660, 360


def tables() -> str:
    macros: Any = environment().get_template("case_macros.html").module
    objections = [
        SimpleNamespace(
            objection_id="O-1", by="public", reason=LONG, raised_at=AT, upheld=False, ruling_reason="核实"
        ),
        SimpleNamespace(objection_id="O-2", by="public", reason=LONG, raised_at=AT, upheld=True, ruling_reason=LONG),
    ]
    seat = {"panel": 1, "assigned_at": AT, "state": "given", "decision": "deny"}
    seats = [
        SimpleNamespace(expert_id="E510400-01", round=1, reason=LONG, **seat),
        SimpleNamespace(expert_id="E510400-02", round=0, reason="短", **seat),
    ]
    shown = macros.objections(objections) + macros.panel(seats, {"given": "已提交"}, {"deny": "不予认定"})
    style = files("starter.web").joinpath("static/mente.css").read_text("utf-8")
    return f'<!DOCTYPE html><style>{style}</style><main class="wide">{shown}</main>'


@pytest.mark.parametrize("width", [WIDE, TABLET, NARROW, PHONE])
async def test_a_long_text_breaks_no_moment_and_squeezes_no_column(chromium: Browser, width: int) -> None:
    page = await chromium.new_page(viewport={"width": width, "height": 900})
    try:
        await page.set_content(tables())
        if folder := os.environ.get("MENTE_SCREENSHOTS"):
            await page.screenshot(path=f"{folder}/long-{width}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for cell in await page.locator('[data-label="收到"], [data-label="分派时间"]').all():
            # In two lines at most, and those are the day and the hour.
            assert await cell.evaluate(LINES) <= (2 if width == NARROW else 1)
        for cell in await page.locator(".wordy").all():
            assert await cell.evaluate("each => each.getBoundingClientRect().width") >= (
                270 if width == WIDE else 100
            )
    finally:
        await page.close()
