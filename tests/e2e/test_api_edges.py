"""The API at its edges: too much, too slow, too often, mistyped, and what must not be told."""

import asyncio
import contextlib
import io
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from PIL import Image

from domain.access import Role, Scope
from domain.intake import parse_form
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.rates import Rate, Rates
from tests.e2e.playing import until_status
from tests.e2e.web_house import JIUQUAN, Web, command, made_up, problem, serving, upload, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
MEGABYTE = 1_048_576


def photo(edge: int = 1200) -> bytes:
    """Return a photograph somebody can read; noise, so that no two are alike."""
    buffer = io.BytesIO()
    Image.effect_noise((edge, 800), 40).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


async def spaces(megabytes: int, byte: bytes = b" ") -> AsyncIterator[bytes]:
    """Yield so many megabytes without having said how many."""
    for _ in range(megabytes):
        yield byte * MEGABYTE


# -- too much, too slow, too often ----------------------------------------------------------------------------------


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_how_long_it_is(web: Web) -> None:
    async with await web.key() as app:
        problem(await app.post("/api/v1/applications", content=b" " * 2_000_000), 413)
        headers = {"Content-Type": "application/json"}
        problem(await app.post("/api/v1/applications", content=spaces(3), headers=headers), 413)


async def test_sixty_megabytes_are_refused_in_words_that_arrive(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sender and receiver share this process, and on a busy machine a sender may need longer.
    monkeypatch.setattr("starter.web.papers._DRAIN_SECONDS", 100.0)
    async with await web.key() as app:
        said = await app.put("/api/v1/uploads", content=b"\xff" * (60 * MEGABYTE))
        assert problem(said, 413)["field"] == "file"
        assert problem(await app.put("/api/v1/uploads", content=spaces(60, b"\xff")), 413)["field"] == "file"


async def test_a_file_is_judged_by_decoding_whatever_it_says_it_is(web: Web) -> None:
    whole = photo()
    async with await web.key() as app:
        for content in (
            b"",
            b"MZ\x90",
            b"%PDF-1.7\n%%EOF",
            whole[:2000],
            whole + b"%PDF-1.7\n",
            b"GIF89a" + b"0" * 99,
        ):
            found = await app.put("/api/v1/uploads", content=content, headers={"Content-Type": "image/jpeg"})
            assert problem(found, 422)["field"] == "file"
        kept = await upload(app, whole)
        assert await upload(app, whole) == kept
        assert not list(web.settings.home.joinpath("incoming").iterdir())


async def test_a_slow_drip_is_cut_and_its_place_is_free_again(city: House) -> None:
    async with serving(city.settings) as web, await web.key() as app:
        papers = web.doors.papers
        usual = papers._grace, papers._quiet
        papers._grace, papers._quiet = 0.5, 1.0
        began = time.monotonic()
        answers = await asyncio.gather(*[drip(web, app.headers["authorization"]) for _ in range(20)])
        assert {answer.split(b"\r\n", 1)[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
        assert "过慢" in answers[0].decode()
        assert time.monotonic() - began < 60
        # A machine that stands still for a second is no slow sender.
        papers._grace, papers._quiet = usual
        await upload(app, photo())


async def drip(web: Web, authorization: str) -> bytes:
    """Send an upload a few bytes at a time until an answer begins; return the answer."""
    where = urlsplit(web.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"PUT /api/v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
    head += "Content-Length: 9999999\r\n\r\n"
    writer.write(head.encode())
    heard = bytearray()

    async def listen() -> None:
        # Bytes that cross the end of the connection reset it: what was heard before stands.
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                heard.extend(piece)

    reading = asyncio.create_task(listen())
    while not heard and not reading.done():
        with contextlib.suppress(ConnectionError):
            writer.write(b"\xff\xd8\xff")
            await writer.drain()
        await asyncio.sleep(0.05)
    await reading
    writer.close()
    return bytes(heard)


async def test_twenty_large_files_at_once_leave_memory_flat(web: Web) -> None:
    async def junk() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7\n"
        for _ in range(6 * 8):
            yield bytes(MEGABYTE // 8)

    async def peak_of_twenty(app: httpx.AsyncClient) -> int:
        peak, before = 0, process.memory_info().rss
        coming = [asyncio.create_task(app.put("/api/v1/uploads", content=junk())) for _ in range(20)]
        while not all(each.done() for each in coming):
            peak = max(peak, process.memory_info().rss - before)
            await asyncio.sleep(0.02)
        answers = [each.result() for each in coming]
        assert {problem(each, each.status_code)["field"] for each in answers} == {"file"}
        assert {each.status_code for each in answers} == {422}
        return peak

    process, peaks = psutil.Process(), list[int]()
    async with await web.key() as app:
        problem(await app.put("/api/v1/uploads", content=junk()), 422)
        # The house lives in this process too, and may need memory at the same time; not every time.
        while len(peaks) < 4 and min(peaks, default=MEGABYTE**2) >= 60 * MEGABYTE:
            peaks.append(await peak_of_twenty(app))
    assert min(peaks) < 60 * MEGABYTE, "two are in memory at a time"


async def test_headers_that_do_not_come_close_the_connection(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(city.settings) as web:
        where = urlsplit(web.url)
        kept = await asyncio.open_connection(where.hostname, where.port)
        # Its first headers have all the time of a busy machine; what is told apart is who asks again later.
        assert await healthy(*kept)
        monkeypatch.setattr("starter.web.serving.HEADER_SECONDS", 0.5)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: ")
        await writer.drain()
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        for _ in range(3):
            await asyncio.sleep(0.7)
            assert await healthy(*kept)
        kept[1].close()


async def healthy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Ask over a connection whether the process lives."""
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    await reader.readexactly(int(re.findall(r"(?i)content-length: (\d+)", head)[0]))
    return head.startswith("HTTP/1.1 200 ")


async def test_who_asks_too_often_is_told_when_to_come_back(city: House) -> None:
    # Of one more in a thousand seconds nothing comes back while the test runs, however slowly it does.
    async with serving(city.settings, Rates(principal=Rate("principal", 0.001, 3))) as web, await web.key() as app:
        left = []
        for _ in range(3):
            answer = await app.get("/api/v1/applications")
            assert answer.status_code == 200
            left.append(re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0])
        assert left == ["2", "1", "0"]
        refused = await app.get("/api/v1/applications")
        problem(refused, 429)
        assert 800 < int(refused.headers["retry-after"]) <= 1_000
        async with await web.key() as other:
            assert (await other.get("/api/v1/applications")).status_code == 200


async def test_guessing_keys_is_slowed_down(web: Web) -> None:
    async with web.client(Authorization=f"Bearer mk_{'a' * 12}_{'b' * 43}") as guessing:
        answers = [(await guessing.get("/api/v1/applications")).status_code for _ in range(25)]
    assert answers[0] == 401
    assert answers[-1] == 429


# -- the public query -----------------------------------------------------------------------------------------------


async def test_the_public_query_answers_alike_for_unknown_and_wrong_and_stops_who_tries(
    city: House, mente: Mente
) -> None:
    rates = Rates(public_query=Rate("query", 100, 1000))
    async with serving(city.settings, rates) as web, await web.key() as app, web.client() as anybody:
        body = await made_up(app, 91_301)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        unknown = mente.number_of(_form(body, "nobody asked for this"))
        wrong = await anybody.post("/api/v1/public/status", json={"acceptance_no": number, "id_last4": "0000"})
        none = await anybody.post("/api/v1/public/status", json={"acceptance_no": unknown, "id_last4": "0000"})
        told = [{k: v for k, v in problem(each, 404).items() if k != "request_id"} for each in (wrong, none)]
        assert told[0] == told[1]

        right = {"acceptance_no": number, "id_last4": body["applicant"]["id_number"][-4:]}
        assert (await anybody.post("/api/v1/public/status", json=right)).json()["status"] == "review"
        for last in ("0001", "0002", "0003", "0004"):
            tried = await anybody.post("/api/v1/public/status", json={**right, "id_last4": last})
            problem(tried, 404)
        problem(await anybody.post("/api/v1/public/status", json=right), 429)


def _form(body: dict[str, Any], request_id: str) -> Any:
    papers = [{"kind": each["kind"], "file": str(n)} for n, each in enumerate(body["materials"])]
    return parse_form({**body, "request_id": request_id, "materials": papers})


async def test_the_public_query_is_limited_by_address(web: Web) -> None:
    asked = {"acceptance_no": "510400-0000-0000-0000-0", "id_last4": "0000"}
    async with web.client() as anybody:
        answers = [(await anybody.post("/api/v1/public/status", json=asked)).status_code for _ in range(14)]
    assert answers[-1] == 429


# -- what is told and what is not -----------------------------------------------------------------------------------


async def test_every_kind_of_error_is_a_problem_in_chinese_without_the_value(web: Web) -> None:
    secret = "110101199003074514"
    async with await web.key() as app, web.client() as anybody:
        problem(await anybody.get("/api/v1/applications"), 401)
        problem(await app.get(f"/api/v1/nothing/{secret}"), 404)
        problem(await app.delete("/api/v1/applications"), 405)
        problem(await app.post("/api/v1/applications", content=b"{", headers={"Content-Type": "text/plain"}), 415)
        for broken in (b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a": NaN}'):
            sent = await app.post(
                "/api/v1/applications", content=broken, headers={"Content-Type": "application/json"}
            )
            problem(sent, 400)
        for path in (f"/api/v1/applications/{secret}", f"/api/v1/applications?limit={secret}"):
            assert secret not in json.dumps(problem(await app.get(path), 422), ensure_ascii=False)
        body = await made_up(app, 91_302)
        body["applicant"]["id_number"] = secret[:-1] + "9"
        found = problem(await app.post("/api/v1/applications", json=body), 422)
        assert found["field"] == "applicant.id_number"
        assert secret[:-1] not in json.dumps(found, ensure_ascii=False)
        other = await made_up(app, 91_303)
        stranger = {**other, "materials": [{**other["materials"][0], "sha256": "0" * 64}, *other["materials"][1:]]}
        assert problem(await app.post("/api/v1/applications", json=stranger), 422)["field"] == "materials[0].sha256"
        assert problem(await app.get("/api/v1/applications?cursor=x"), 422)["field"] == "cursor"


async def test_a_request_id_comes_back_if_it_is_sane_and_is_made_up_if_not(web: Web) -> None:
    async with web.client() as anybody:
        mine = await anybody.get("/healthz", headers={"X-Request-Id": "abc-1"})
        assert mine.headers["x-request-id"] == "abc-1"
        for strange in ("<script>", "x" * 65, "a b"):
            other = await anybody.get("/healthz", headers={"X-Request-Id": strange})
            assert re.fullmatch("[0-9a-f]{32}", other.headers["x-request-id"])


async def test_personal_answers_are_not_stored_and_every_answer_has_its_headers(web: Web, mente: Mente) -> None:
    async with await web.key() as app, web.client() as anybody:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_304))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        first = await app.get(f"/api/v1/applications/{number}")
        assert first.headers["cache-control"] == "no-store"
        again = await app.get(f"/api/v1/applications/{number}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for answer in (first, again, await anybody.get("/nothing"), await anybody.get("/api/v1/regions")):
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_pages_of_a_list_follow_each_other_without_a_gap_or_a_repetition(web: Web, mente: Mente) -> None:
    async with await web.key(JIUQUAN, "paging") as app:
        made = set()
        for seed in range(91_310, 91_315):
            body = await made_up(app, seed, "620900-011", "paging")
            made.add((await app.post("/api/v1/applications", json=body)).json()["acceptance_no"])
        for number in made:
            await until_status(mente, number, Status.REVIEW)
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await app.get("/api/v1/applications", params=query)).json()
            seen += [each["acceptance_no"] for each in page["cases"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 5
        assert set(seen) == made


async def test_the_log_holds_neither_a_query_nor_a_person(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="mente.web")
    async with await web.account(Role.COUNTER) as counter:
        await counter.post("/api/v1/people/find", json={"id_number": "110101199003074514"})
        await counter.post("/api/v1/people/find", json={"phone": "13800138000"})
        await counter.get("/api/v1/applications", params={"disease_id": "marker-in-a-query"})
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "POST /people/find 200" in logged.replace("/api/v1", "")
    for marker in ("110101199003074514", "13800138000", "marker-in-a-query"):
        assert marker not in logged


async def test_a_form_of_another_site_is_not_carried_out(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_305))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
    async with await web.account(Role.COUNTER) as counter:
        del counter.headers["X-CSRF-Token"]
        refused = problem(await command(counter, number, "withdraw"), 403)
        assert refused["field"] == "X-CSRF-Token"
        assert (await mente.status(number)).status is Status.REVIEW


async def test_a_key_does_only_what_it_was_made_for(web: Web) -> None:
    async with await web.key(scopes=[Scope.READ]) as reader:
        assert problem(await reader.put("/api/v1/uploads", content=photo()), 403)["field"] == "scope"
        assert (await reader.get("/api/v1/applications")).status_code == 200


async def test_the_calendar_and_the_due_day_are_those_of_the_program(web: Web) -> None:
    async with web.client() as anybody:
        query = {"region": "510400", "from": "2026-02-10", "working_days": "15"}
        due = (await anybody.get("/api/v1/calendar/due", params=query)).json()
        assert set(due) == {"due_on", "due", "confirmed", "calendar_version"}
        days = (await anybody.get("/api/v1/calendar/days?from=2026-02-11&to=" + due["due_on"])).json()["days"]
        assert sum(each["kind"] == "work" for each in days) == 15
