"""Addresses, hosts and headers written oddly: they lead nowhere else and stand in no answer."""

import asyncio
import re
from urllib.parse import urlsplit

import httpx
import pytest

from starter.web.answering import answer_file
from tests.e2e.page_reading import opened, submitted
from tests.e2e.web_house import PANZHIHUA, Web, new_key
from tests.e2e.wide_open_web import PASSWORD, new_account, open_house

__all__ = ["open_house"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def raw(url: str, request: str) -> tuple[int, str]:
    """Send a request exactly as it is written; return status and the whole answer."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(request.encode("latin-1"))
    await writer.drain()
    try:
        answer = (await asyncio.wait_for(reader.read(), 60)).decode("utf-8", "replace")
    finally:
        writer.close()
    return int(answer.split(" ", 2)[1]), answer


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../v1/applications",
        "/api/v1/%2e%2e/v1/applications",
        "/api/v1/..%2fv1%2fapplications",
        "//api/v1/applications",
        "/api//v1/applications",
        "/api/v1/applications/",
        "/api/v1/applications%00",
        "/API/V1/APPLICATIONS",
        "/api/v1/applications;a=b",
        "/./api/v1/applications",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "//evil.example/%2e%2e",
        "/%ff%fe",
        "/\\evil.example",
        "/" + "a/" * 5_000,
    ],
)
async def test_an_address_written_oddly_is_no_other_address(open_house: Web, path: str) -> None:
    key = await new_key(open_house.settings, PANZHIHUA, "app")
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    status, answer = await raw(open_house.url, head)
    assert status in (400, 404, 422), (status, answer[:300])
    assert "\r\nlocation:" not in answer.lower()
    assert "Traceback" not in answer


@pytest.mark.parametrize("host", ["evil.example", "[", "[::", "", "a b", "x@evil.example", "\xff\xfe", "x" * 3_000])
async def test_a_host_somebody_made_up_stands_in_no_answer(open_house: Web, host: str) -> None:
    for path in ("/", "/login", "/my", "/verify", "/lists", "/api/v1/regions"):
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
        status, answer = await raw(open_house.url, head)
        assert status in (200, 303, 400), (path, status)
        assert "evil.example" not in answer


async def test_what_is_sent_on_goes_nowhere_else(open_house: Web) -> None:
    async with open_house.client() as anybody:
        for path in ("/my//evil.example", "/my?next=//evil.example", "/my%0d%0aSet-Cookie:%20a=b", "/my/%0d%0aX:y"):
            answer = await anybody.get(path)
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/login?next=%2Fmy")
            assert "a" not in answer.cookies
            assert "x" not in answer.headers
        form = await opened(anybody, "/login")
        await new_account(open_house, "sent.on")
        for onward in ("/%2f%2fevil.example", "/..//evil.example", "/%5cevil.example", "/.//evil.example/"):
            answer = await submitted(anybody, form, "/login", login="sent.on", password=PASSWORD, next=onward)
            told = urlsplit(answer.headers["location"])
            assert (told.scheme, told.netloc) == ("", "")
            assert not answer.headers["location"].startswith(("//", "/\\"))
            form = await opened_anew(open_house, anybody)


async def opened_anew(web: Web, client: httpx.AsyncClient):  # type: ignore[no-untyped-def]  # a page
    """Forget who one is and look at the log-in page."""
    client.cookies.clear()
    return await opened(client, "/login")


async def test_no_name_breaks_out_of_a_header() -> None:
    from fastapi import Request

    scope = {"type": "http", "method": "GET", "headers": [], "path": "/", "query_string": b""}
    for name in ('a"; filename=b.exe', "a\r\nSet-Cookie: a=b", "a;b\x00", "\ud800", "通知书\n.pdf"):
        if "\ud800" in name:
            continue
        answer = answer_file(Request(scope), b"x", "application/pdf", name)
        told = answer.headers["content-disposition"]
        assert re.fullmatch(r"inline; filename\*=UTF-8''[A-Za-z0-9%._~/-]+", told), told
