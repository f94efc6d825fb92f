"""One client that wants all there is: downloads, uploads, processor, room on disk and in the record of a case."""

import asyncio
import contextlib
import hashlib
import io
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import pytest_asyncio
from fastapi import FastAPI
from PIL import Image

from domain.access import Role
from domain.calendar import DayVerdict
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.api import reference
from starter.web.handing_out import OF_ONE
from starter.web.rates import Rate, Rates
from starter.web.schema import openapi_bytes
from tests.e2e.playing import at_rest, until, until_status
from tests.e2e.web_house import PANZHIHUA, Web, command, made_up, problem, serving, upload

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SEED = 2_810_000
MEGABYTE = 1_048_576
WIDE = Rate("wide", 100_000, 1_000_000)
OF_THE_WEB = ("mente.web", "uvicorn", "asyncio")


def photo(width: int = 1200, height: int = 800) -> bytes:
    """Return a photograph nobody has sent before."""
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 80).convert("RGB").save(buffer, "JPEG", quality=96)
    return buffer.getvalue()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(city: House) -> AsyncIterator[Web]:
    """A web of these tests alone."""
    async with serving(city.settings, Rates(hand_in_address=WIDE, command=WIDE)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def large(own: Web, mente: Mente) -> AsyncIterator[tuple[httpx.AsyncClient, str, bytes]]:
    """A case with a large paper: a client that may read it, where it is, and the paper."""
    content = await asyncio.to_thread(photo, 4_000, 3_000)
    assert len(content) > 8 * MEGABYTE
    async with await own.key() as app:
        body = await made_up(app, SEED)
        body["materials"].append({"kind": "other", "sha256": await upload(app, content)})
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        async with asyncio.timeout(60):
            while (await app.get(f"/api/v1/applications/{number}/materials")).json()["materials"] == []:
                await asyncio.sleep(0.1)
        # The workers of the house are in this process: what they decode would count as memory of the web.
        await at_rest(mente, number)
        yield app, f"/api/v1/applications/{number}/materials/{hashlib.sha256(content).hexdigest()}", content


# -- papers on their way out --------------------------------------------------------------------------------------


async def test_a_large_paper_comes_whole_and_once_known_not_again(
    own: Web, large: tuple[httpx.AsyncClient, str, bytes]
) -> None:
    app, address, content = large
    found = await app.get(address)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    assert found.content == content
    assert found.headers["content-disposition"] == "inline; filename*=UTF-8''other-0.jpg"
    assert "sandbox" in found.headers["content-security-policy"]
    assert (await app.get(address, headers={"If-None-Match": found.headers["etag"]})).status_code == 304
    head = await app.head(address)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(content)), b"")
    assert not list(own.settings.home.joinpath("outgoing").iterdir())


async def test_downloads_nobody_reads_leave_memory_flat_and_everybody_else_is_served(
    own: Web, large: tuple[httpx.AsyncClient, str, bytes]
) -> None:
    app, address, content = large
    where, process = urlsplit(own.url), psutil.Process()
    before, peak = process.memory_info().rss, 0
    sent = f"GET {address} HTTP/1.1\r\nHost: x\r\nAuthorization: {app.headers['authorization']}\r\n\r\n".encode()
    async with contextlib.AsyncExitStack() as held:
        for _ in range(24):
            # What this end takes off the wire unread would be memory of this process too.
            _, writer = await asyncio.open_connection(where.hostname, where.port, limit=1024)
            held.callback(writer.close)
            writer.write(sent)
        for _ in range(40):
            await asyncio.sleep(0.05)
            peak = max(peak, process.memory_info().rss - before)
            assert (await app.get("/healthz")).status_code == 200
        assert (await app.get(address)).content == content
    assert peak < 100 * MEGABYTE, f"{24 * len(content) // MEGABYTE} MB asked for"


async def test_one_account_takes_a_few_large_papers_at_a_time(
    own: Web, large: tuple[httpx.AsyncClient, str, bytes]
) -> None:
    _, address, content = large
    where = urlsplit(own.url)
    async with await own.account(Role.OFFICER) as officer:
        cookies = "; ".join(f"{name}={value}" for name, value in officer.cookies.items())
        sent = f"GET {address} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n\r\n".encode()
        writers = []
        for _ in range(OF_ONE):
            reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=1024)
            writer.write(sent)
            # An answer that has begun holds its place.
            assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200 ")
            writers.append(writer)
        assert problem(await officer.get(address), 429)["field"] == "file"
        for writer in writers:
            writer.close()

        async def served() -> bool:
            return (await officer.get(address)).content == content

        await until(served)


# -- bodies -------------------------------------------------------------------------------------------------------


async def test_a_form_is_small_and_the_rate_is_asked_before_it_comes(city: House) -> None:
    async with serving(city.settings, Rates(login=Rate("login", 0.001, 1))) as web, web.client() as anybody:
        for path in ("/login", "/register", "/status", "/api/v1/public/status"):
            assert (await anybody.post(path, content=b"x" * 70_000)).status_code == 413, path
        head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        head += "Content-Length: 5000\r\n\r\ncsrf="
        where = urlsplit(web.url)
        first = await asyncio.open_connection(where.hostname, where.port)
        first[1].write(head.encode())

        async def asked() -> bool:
            return not web.doors.logins.look("127.0.0.1").remaining

        await until(asked)
        second = await asyncio.open_connection(where.hostname, where.port)
        second[1].write(head.encode())
        answer = await asyncio.wait_for(second[0].readuntil(b"\r\n"), 20)
        assert answer.startswith(b"HTTP/1.1 429"), "before the form has come"
        for _, writer in (first, second):
            writer.close()


async def test_certificates_that_are_held_back_are_bounded_for_an_address(own: Web) -> None:
    head = "POST /api/v1/public/certificates/verify-file HTTP/1.1\r\nHost: x\r\n"
    head += f"Content-Length: {4 * MEGABYTE}\r\n\r\n"
    where, process = urlsplit(own.url), psutil.Process()
    before = process.memory_info().rss
    held = []
    for _ in range(20):
        held.append(await asyncio.open_connection(where.hostname, where.port))
        held[-1][1].write(head.encode())
        for _ in range(15):
            held[-1][1].write(bytes(MEGABYTE // 4))
            await asyncio.sleep(0)

    async def refused() -> bool:
        # What has come stands in the reader, which asyncio keeps to itself.
        come = [bytes(reader._buffer) for reader, _ in held]  # type: ignore[attr-defined]
        return sum(each.startswith(b"HTTP/1.1 503") for each in come) >= 14

    await until(refused)  # three of four megabytes are twelve
    assert process.memory_info().rss - before < 150 * MEGABYTE
    for _, writer in held:
        writer.close()
    async with own.client() as anybody:

        async def given_back() -> bool:
            asked = await anybody.post("/api/v1/public/certificates/verify-file", content=bytes(3 * MEGABYTE))
            assert asked.status_code in (200, 503)
            return asked.status_code == 200

        await until(given_back)


# -- the processor ------------------------------------------------------------------------------------------------


async def test_what_is_the_same_for_everybody_is_written_once(own: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def whole(app: FastAPI) -> bytes:
        made.append("openapi")
        return openapi_bytes(app)

    def each_day(verdict: DayVerdict) -> reference.DayOut:
        made.append("day")
        return day(verdict)

    day = reference._day
    monkeypatch.setattr("starter.web.app.openapi_bytes", whole)
    monkeypatch.setattr(reference, "_day", each_day)
    async with own.client() as anybody:
        for address in ("/api/v1/openapi.json", "/api/v1/calendar/days?from=2026-03-01&to=2026-03-04"):
            answers = [await anybody.get(address) for _ in range(4)]
            assert {each.status_code for each in answers} == {200}
            assert len({(each.content, each.headers["etag"]) for each in answers}) == 1
        for address in (f"/api/v1/regions/{PANZHIHUA}/policy", f"/api/v1/regions/{PANZHIHUA}/diseases"):
            answers = [await anybody.get(address) for _ in range(2)]
            again = await anybody.get(address, headers={"If-None-Match": answers[0].headers["etag"]})
            assert (answers[0].content == answers[1].content, again.status_code) == (True, 304)
    assert made.count("openapi") <= 1
    assert made.count("day") <= 4


async def test_who_shows_no_credentials_is_answered_dear_things_a_few_times_and_who_does_is_served_on(
    city: House,
) -> None:
    rates = Rates(anonymous=Rate("anonymous", 0.0001, 100))
    async with serving(city.settings, rates) as web, await web.key() as app, await web.account(Role.OFFICER) as known:
        async with web.client() as anybody, web.client() as pretender:
            pretender.cookies.set("mente_session", "a" * 43)
            lists = [await anybody.get(f"/api/v1/public/lists/{PANZHIHUA}") for _ in range(7)]
            assert [each.status_code for each in lists] == [200] * 5 + [429] * 2
            assert int(lists[-1].headers["retry-after"]) > 1
            for address in ("/", "/api/v1/calendar", f"/lists/{PANZHIHUA}"):
                assert (await anybody.get(address)).status_code == 429, address
                assert (await pretender.get(address)).status_code == 429, address
            assert (await anybody.get("/healthz")).status_code == 200
        for _ in range(30):
            assert (await app.get("/api/v1/applications")).status_code == 200
            assert (await known.get("/officer")).status_code == 200
        assert (await app.get("/api/v1/openapi.json")).status_code == 429, "nobody looks at a key there"


# -- papers on their way in ---------------------------------------------------------------------------------------


async def test_slow_uploads_of_a_few_accounts_give_way_to_whoever_comes(
    own: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, paper = own.doors.papers._places, await asyncio.to_thread(photo)
    monkeypatch.setattr(places, "_grace", 0.5)

    async def half_taken() -> bool:
        return places.fullness == 0.5

    async with contextlib.AsyncExitStack() as held:
        slow, halt = [], asyncio.Event()
        for _ in range(3):
            citizen = await held.enter_async_context(await own.account(Role.APPLICANT))

            async def drip() -> AsyncIterator[bytes]:
                while not halt.is_set():
                    yield bytes(4_000)
                    await asyncio.sleep(0.2)

            slow += [asyncio.create_task(citizen.put("/api/v1/uploads", content=drip())) for _ in range(4)]
        await until(half_taken)
        await asyncio.sleep(1)  # the youngest of them is past its grace
        other = await held.enter_async_context(await own.account(Role.APPLICANT))
        began = time.monotonic()
        await upload(other, paper)
        assert time.monotonic() - began < 20
        async with asyncio.timeout(60):
            while not (ended := [each for each in slow if each.done()]):
                await asyncio.sleep(0.05)
        # Whoever goes on sending may find the connection closed before the answer is read.
        assert isinstance(ended[0].exception(), httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError | None)
        if ended[0].exception() is None:
            assert "让位" in problem(ended[0].result(), 408)["rule"]
        halt.set()
        await asyncio.gather(*slow, return_exceptions=True)


# -- room on disk -------------------------------------------------------------------------------------------------


async def test_an_applicant_sends_so_many_bytes_a_day_and_a_back_end_more(city: House) -> None:
    paper = await asyncio.to_thread(photo)
    rates = Rates(sent_bytes=Rate("sent-bytes", 0.001, 2 * len(paper) - 1000, "同一个人账号"))
    async with serving(city.settings, rates) as web, await web.key() as app:
        async with await web.account(Role.APPLICANT) as citizen, await web.account(Role.APPLICANT) as other:
            for status in (201, 201, 429, 429):
                answer = await citizen.put("/api/v1/uploads", content=paper)
                assert answer.status_code == status, answer.text
            told = problem(answer, 429)
            assert told["field"] == "file"
            assert "同一个人账号每天" in told["rule"]
            await upload(other, paper)
        for _ in range(4):
            await upload(app, paper)


# -- the record of a case -----------------------------------------------------------------------------------------


async def test_commands_nobody_waits_for_do_not_make_a_case_grow(own: Web, mente: Mente) -> None:
    async with await own.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, SEED + 1))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        await at_rest(mente, number)
        before = len((await mente.status(number)).timeline)
        app.headers["Prefer"] = "wait=0"
        for _ in range(40):
            refused = problem(await command(app, number, "appeal", reason="不服"), 409)
        assert refused["field"] == "status"
        await asyncio.sleep(1)
        assert len((await mente.status(number)).timeline) == before

        for sent in range(60):
            if sent == own.doors.signals.rate.burst:
                # The others are asked, and whoever asks waits two seconds for all that came before.
                await at_rest(mente, number)
            answer = await command(app, number, "change_contact", phone="13800000000")
            assert answer.status_code in (200, 202), answer.text
        signals = own.doors.signals.look(f"{number} {_reader(own, number)}")
        assert signals.remaining == 0
        app.headers["Prefer"] = "wait=15"
        assert (await command(app, number, "withdraw", reason="不办了")).status_code == 200


def _reader(own: Web, number: str) -> str:
    return next(key.partition(" ")[2] for key in own.doors.signals._buckets if key.startswith(number))


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["%0d%0aX-Evil:%201", "%00", "%E5%BC%A0%E4%B8%89", "%0a", "510400"])
async def test_an_address_that_is_no_number_is_refused_in_words_to_htmx_too(
    own: Web, typed: str, caplog: pytest.LogCaptureFixture
) -> None:
    for role in (Role.COUNTER, Role.APPLICANT, Role.OFFICER):
        async with await own.account(role) as somebody:
            for path in (f"/my/{typed}", f"/my/{typed}/clock", f"/cases/{typed}", f"/expert/{typed}"):
                for headers in ({}, {"HX-Request": "true"}):
                    answer = await somebody.get(path, headers=headers)
                    assert answer.status_code in (403, 404, 405, 422), (path, answer.status_code)
                    assert "x-evil" not in answer.headers
    # The workers of the house log here too, whatever other cases of it meet with.
    logged = [caplog.handler.format(each) for each in caplog.records if each.name.startswith(OF_THE_WEB)]
    assert [each for each in logged if "Traceback" in each] == []
    assert "张三" not in caplog.text


async def test_a_web_busy_with_all_this_tells_that_it_lives(own: Web) -> None:
    began = time.monotonic()
    async with own.client() as anybody:
        assert (await anybody.get("/healthz")).status_code == 200
    assert time.monotonic() - began < 10
