"""What other sites send or frame: no form, no call and no odd method of theirs does anything."""

import re
from collections.abc import Iterator

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from starter.client import Mente
from starter.web.callers import CSRF_HEADER
from starter.web.pages.listing import PAGES
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, problem
from tests.e2e.wide_open_web import in_review, open_house

__all__ = ["open_house"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
SEED = 2_794_500
FORGED = "不是由本站页面发出"
STAFF = (Role.COUNTER, Role.OFFICER, Role.AUDITOR, Role.OPERATOR)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def number(open_house: Web, mente: Mente) -> str:
    """A case of Panzhihua's."""
    return await in_review(open_house, mente, SEED)


def page_routes() -> Iterator[tuple[str, frozenset[str]]]:
    """Return every route of the pages: its path and methods."""
    for module in PAGES:
        for route in module.router.routes:
            yield route.path, frozenset(route.methods)


def filled(path: str, number: str) -> str:
    """Return an address of a route."""
    known = {"acceptance_no": number, "region": PANZHIHUA, "disease_id": DIABETES, "seq": "1", "version": "1"}
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: known.get(found[1], "a" * 16), path)


UNSAFE = sorted({path for path, methods in page_routes() if methods - {"GET", "HEAD"}})
WITH_FILE = ("/files/draft/{draft_id}", "/verify/file")


async def test_the_routes_were_found() -> None:
    assert len(UNSAFE) > 20
    assert {"/login", "/logout", "/cases/{acceptance_no}/do/{command}", "/operator/keys/new"} <= set(UNSAFE)


async def test_no_form_is_taken_without_its_token_with_anothers_or_from_another_site(
    open_house: Web, number: str
) -> None:
    roles = (Role.APPLICANT, Role.OFFICER)
    clients = [await open_house.account(role) for role in roles]
    tokens = [str(each.headers.pop(CSRF_HEADER)) for each in clients]
    for place, client in enumerate(clients):
        own, other = tokens[place], tokens[place - 1]
        for path in UNSAFE:
            address = filled(path, number)
            for token, headers in (
                ("", {}),
                (other, {}),
                ("", {CSRF_HEADER: other}),
                (own.upper(), {}),
                (own, {"Origin": "https://evil.example"}),
                (own, {"Origin": "null"}),
                (own, {"Origin": "http://["}),
                (own, {"Origin": open_house.url + ".evil.example"}),
                (own, {"Sec-Fetch-Site": "cross-site"}),
                ("", {CSRF_HEADER: own, "Origin": "https://evil.example"}),
                (own, {"Content-Type": "text/plain"}),
                (own, {"Content-Type": "application/json"}),
            ):
                answer = await _send(client, address, token, headers, with_file=path in WITH_FILE)
                refused = answer.status_code == 403 and FORGED in answer.text
                unread = path in WITH_FILE and "Content-Type" in headers and answer.status_code in (400, 403)
                assert refused or unread, (roles[place], path, headers, answer.status_code)
    for each in clients:
        await each.aclose()


async def _send(
    client: httpx.AsyncClient, address: str, token: str, headers: dict[str, str], *, with_file: bool
) -> httpx.Response:
    if with_file and "Content-Type" not in headers:
        return await client.post(address, data={"csrf": token}, files={"file": ("a", b"x")}, headers=headers)
    content = str(httpx.QueryParams({"csrf": token}))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(address, content=content, headers={**kind, **headers})


async def test_no_call_of_the_api_is_taken_from_a_session_without_its_token(open_house: Web, number: str) -> None:
    async with open_house.client() as anybody:
        paths = (await anybody.get("/api/v1/openapi.json")).json()["paths"]
    unsafe = [
        (method, path)
        for path, operations in paths.items()
        for method, each in operations.items()
        if method not in ("get", "head") and each.get("security")
    ]
    assert len(unsafe) > 15
    async with await open_house.account(Role.COUNTER) as client, await open_house.account(Role.COUNTER) as other:
        theirs = str(other.headers[CSRF_HEADER])
        del client.headers[CSRF_HEADER]
        for method, path in unsafe:
            for headers in ({}, {CSRF_HEADER: theirs}, {"X-CSRF-Token": "\u00e9".encode().decode("latin-1")}):
                raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                raw.append((b"content-type", b"application/json"))
                answer = await client.request(method.upper(), filled(path, number), content=b"{}", headers=raw)
                assert problem(answer, 403)["field"] == CSRF_HEADER, path


async def test_no_other_method_does_what_a_form_does(open_house: Web, number: str) -> None:
    async with await open_house.account(Role.OFFICER) as client:
        token = client.headers.pop(CSRF_HEADER)
        readable = {path for path, methods in page_routes() if "GET" in methods}
        for path in sorted({path for path, _ in page_routes()}):
            address = filled(path, number)
            others = ("GET",) if path not in readable else ()
            looked = await client.head(address)
            assert looked.content == b"", "a look at the headers alone"
            assert looked.status_code in (404, 405) or path in readable, path
            for method in (*others, "OPTIONS", "TRACE", "PUT", "DELETE", "FOO"):
                answer = await client.request(method, address, headers={"X-Marker": "qzx-echo"})
                assert answer.status_code in (404, 405), (method, path, answer.status_code)
                assert "qzx-echo" not in answer.text
                _guarded(answer)
        for trick in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "POST"}):
            answer = await client.get(f"/cases/{number}/do/extend", params={"_method": "POST"}, headers=trick)
            assert answer.status_code in (200, 409)
        assert token


def _guarded(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


async def test_every_page_forbids_to_be_framed_and_is_kept_by_nobody(open_house: Web, number: str) -> None:
    for role in (None, Role.APPLICANT, *STAFF):
        client = await open_house.account(role) if role else open_house.client()
        for path, methods in page_routes():
            if "GET" in methods:
                answer = await client.get(filled(path, number), headers={"Origin": "https://evil.example"})
                assert answer.status_code < 500, path
                if answer.headers.get("content-type", "").startswith("text/html"):
                    _guarded(answer)
                if role is not None and not path.startswith("/static"):
                    assert answer.headers["cache-control"] == "no-store", path
        await client.aclose()
