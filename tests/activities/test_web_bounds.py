"""What one client can hold of a serving process: connections, unread answers, places of files, bodies."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from domain.access import Principal
from domain.roles import Role
from starter.web.bodies import Bodies
from starter.web.connections import MOST_OF_ONE_ADDRESS, RESERVED, Crowd
from starter.web.places import GaveWay, Place, Places
from starter.web.problems import Stopped
from starter.web.rates import Buckets, Rate
from starter.web.serving import served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
OTHER = "127.0.0.2"
MEGABYTE = 1024 * 1024


# -- connections --------------------------------------------------------------------------------------------------


class Ok:
    """An application that answers once a body is whole; `begun` counts the requests that reached it."""

    def __init__(self) -> None:
        self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.begun += 1
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def lines(url: str, count: int, sent: bytes, app: Ok) -> AsyncIterator[list[Line]]:
    """Open connections, send the head of a request on each, and wait until all have reached the application."""
    where = urlsplit(url)
    opened: list[Line] = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(sent)
            opened.append((reader, writer))
        async with asyncio.timeout(30):
            while app.begun < count:
                await asyncio.sleep(0.01)
        yield opened
    finally:
        for _, writer in opened:
            writer.close()


def elsewhere(url: str, address: str = OTHER) -> httpx.AsyncClient:
    """Return a client at another address."""
    return httpx.AsyncClient(base_url=url, transport=httpx.AsyncHTTPTransport(local_address=address), timeout=30)


async def test_connections_that_wait_give_way_to_new_ones_of_their_address() -> None:
    asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    app = Ok()
    async with served(app) as running, lines(running.url, 3 * MOST_OF_ONE_ADDRESS, asked, app) as opened:
        gone = 0
        for reader, _ in opened:
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"\r\n\r\nok")
            with contextlib.suppress(TimeoutError):
                gone += (await asyncio.wait_for(reader.read(1), 0.01)) == b""
        assert gone >= 2 * MOST_OF_ONE_ADDRESS
        for client in (elsewhere(running.url), elsewhere(running.url, "127.0.0.1")):
            async with client:
                assert (await client.get("/")).status_code == 200


async def test_an_address_with_too_many_requests_under_way_is_refused_and_others_are_served() -> None:
    held = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    app = Ok()
    async with served(app) as running, lines(running.url, MOST_OF_ONE_ADDRESS, held, app) as opened:
        async with elsewhere(running.url, "127.0.0.1") as same, elsewhere(running.url) as other:
            refused = await same.get("/")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert (await other.get("/")).status_code == 200
        for _, writer in opened:
            writer.write(b"defghi")
        for reader, _ in opened:
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200"), "who was there is served"


async def test_a_trusted_proxy_speaks_for_many() -> None:
    held = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    app = Ok()
    async with (
        served(app, trust_proxy="127.0.0.0/30") as running,
        lines(running.url, MOST_OF_ONE_ADDRESS + 5, held, app),
        elsewhere(running.url, "127.0.0.1") as client,
    ):
        assert (await client.get("/")).status_code == 200


class FakeLine:
    """One connection, by hand."""

    def __init__(self, address: str, *, idle: bool = True) -> None:
        self.address = self.peer = address
        self.idle, self.slow, self.unsent, self.resumed = idle, False, 0, 0
        self.closed = self.aborted = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


async def test_when_all_places_are_taken_the_address_with_most_gives_way_and_else_a_few_may_ask_for_health() -> None:
    crowd = Crowd(of_one=5, most=8)
    many, few = [FakeLine("a") for _ in range(5)], [FakeLine("b", idle=False) for _ in range(3)]
    assert all(crowd.admit(each) for each in (*many, *few))
    crowd.used(many[0])
    assert crowd.admit(FakeLine("c"))
    assert [each.closed for each in many] == [False, True, False, False, False], "the one idle for longest"
    assert not crowd.crowded
    for each in many:
        each.idle = False
    for address in range(1 + RESERVED):
        assert crowd.admit(FakeLine(f"d{address}", idle=False))
    assert crowd.crowded
    assert not crowd.admit(FakeLine("e"))
    crowd.leave(few[0])
    assert crowd.admit(FakeLine("e"))


async def test_while_every_place_is_taken_health_is_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starter.web.serving.Crowd", lambda trusted: Crowd(trusted=trusted, most=3))
    held = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    app = Ok()
    async with served(app) as running, lines(running.url, 3, held, app), elsewhere(running.url) as other:
        assert (await other.get("/healthz")).status_code == 200
        assert (await other.get("/")).status_code == 503


# -- answers nobody reads -----------------------------------------------------------------------------------------


class Flood:
    """An application that sends without end, as fast as it is read."""

    def __init__(self, *, whole: int = 0) -> None:
        self.whole, self.ended = whole, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        gone = asyncio.create_task(_until_gone(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.whole:
            await send({"type": "http.response.body", "body": bytes(self.whole)})
        while not self.whole and not gone.done():
            await send({"type": "http.response.body", "body": bytes(64 * 1024), "more_body": True})
        await gone
        self.ended.set()


class CutCrowd(Crowd):
    """Goes by a clock of the test's own, and counts whom it cut."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: self.now)
        self.now, self.cut = 0.0, 0

    def cut_unread(self) -> int:
        found = super().cut_unread()
        self.cut += found
        return found


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("whole", [0, 32 * MEGABYTE])
async def test_an_answer_nobody_reads_is_cut_and_one_that_is_read_slowly_is_not(
    monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr("starter.web.connections.UNREAD_SECONDS", 1.0)
    monkeypatch.setattr("starter.web.serving.CUT_EVERY_TICKS", 2)
    crowd = CutCrowd()
    monkeypatch.setattr("starter.web.serving.Crowd", lambda trusted: crowd)
    app = Flood(whole=whole)
    async with served(app) as running:
        where = urlsplit(running.url)
        assert where.hostname
        assert where.port
        with socket.create_connection((where.hostname, where.port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            silent.setblocking(False)
            for _ in range(25):
                crowd.now += 0.1
                await asyncio.sleep(0.1)
                # A reader of some hundred kilobytes a second is slow, and reads.
                for _ in range(4):
                    with contextlib.suppress(BlockingIOError):
                        assert silent.recv(64 * 1024)
            assert crowd.cut == 0
            assert whole or not app.ended.is_set()
            async with asyncio.timeout(40):
                while not crowd.cut:
                    crowd.now += 0.5
                    await asyncio.sleep(0.1)
                await app.ended.wait()
                assert await _rest_of(silent) < 16 * MEGABYTE


async def _rest_of(silent: socket.socket) -> int:
    """Return how many bytes still come until the connection ends."""
    size = 0
    while True:
        try:
            piece = silent.recv(MEGABYTE)
        except ConnectionResetError:
            return size
        except BlockingIOError:
            await asyncio.sleep(0.01)
            continue
        size += len(piece)
        if not piece:
            return size


async def test_a_reader_that_reads_too_little_is_cut() -> None:
    at = [0.0]
    crowd, line = Crowd(clock=lambda: at[0]), FakeLine("a")
    crowd.admit(line)
    line.unsent = 500_000
    for _ in range(3):
        assert crowd.cut_unread() == 0
        at[0] += 20
        line.unsent -= 20_000
    assert crowd.cut_unread() == 0
    at[0], line.unsent = at[0] + 20, line.unsent - 1_000
    assert crowd.cut_unread() == 0
    at[0], line.unsent = at[0] + 20, line.unsent - 1_000
    assert crowd.cut_unread() == 1
    assert line.aborted


async def test_what_a_sender_wrote_is_in_no_line_of_the_servers_log(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise ValueError(scope["path"])

    async with served(broken) as running, httpx.AsyncClient(base_url=running.url) as client:
        with caplog.at_level(logging.WARNING):
            assert (await client.get("/51040019900101001X")).status_code == 500
    assert "ValueError" in caplog.text
    assert "51040019900101001X" not in caplog.text
    assert "Traceback" not in caplog.text


# -- places of files ----------------------------------------------------------------------------------------------


def person(name: str) -> Principal:
    return Principal(kind="account", id=name, role=Role.APPLICANT)


async def test_where_all_places_are_taken_the_slowest_of_who_holds_most_goes_first() -> None:
    at = [0.0]
    places = Places("上传", most=4, of_one=3, of_address=3, wait=30.0, clock=lambda: at[0])
    ended: list[str] = []

    async def hold(name: str, address: str, moved: int) -> None:
        async with places.taken(person(name), address) as place:
            place.moved = moved
            try:
                async with place.moving(30):
                    await asyncio.sleep(30)
            except GaveWay:
                ended.append(f"{name}{moved}")

    held = [asyncio.create_task(hold(*each)) for each in (("a", "1", 900), ("a", "1", 300), ("b", "2", 100))]
    held.append(asyncio.create_task(hold("c", "3", 99_000_000)))
    await asyncio.sleep(0)
    at[0] = 10.0
    async with places.taken(person("d"), "4"):
        assert ended == ["a300"]
        assert places.fullness == 1.0
        async with places.taken(person("e"), "5"):
            assert ended == ["a300", "b100"], "each with one: the slowest"
    for each in held:
        each.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_a_person_and_an_address_hold_so_many_places_and_quick_ones_are_kept() -> None:
    places = Places("上传", most=3, of_one=2, of_address=2, wait=0.1)
    back_end = Principal(kind="key", id="k", role=Role.BACKEND, regions=("510400",), channel="app")
    async with contextlib.AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(places.taken(person("a"), "1"))
        for again in (("a", "2"), ("b", "1")):
            with pytest.raises(Stopped) as refused:
                async with places.taken(person(again[0]), again[1]):
                    pass
            assert refused.value.status == 429
        await held.enter_async_context(places.taken(back_end, "1"))
        with pytest.raises(Stopped) as refused:
            async with places.taken(back_end, "1"):
                pass
        assert refused.value.status == 503
    async with places.taken(person("a"), "1") as place:
        with pytest.raises(GaveWay):
            async with place.moving(0.05):
                await asyncio.sleep(5)
    assert isinstance(place, Place)
    assert places.fullness == 0


# -- bodies and rates ---------------------------------------------------------------------------------------------


async def test_bodies_in_flight_are_bounded_for_an_address_and_altogether_until_they_are_answered() -> None:
    bodies = Bodies(most=100, of_one=60)
    first, second, other = bodies.of("a"), bodies.of("a"), bodies.of("b")
    first.take(40)
    second.take(20)
    with pytest.raises(Stopped) as refused:
        second.take(1)
    assert (refused.value.status, "Retry-After" in refused.value.headers) == (503, True)
    other.take(40)
    with pytest.raises(Stopped):
        bodies.of("c").take(1)
    first.release()
    first.release()
    second.take(10)
    bodies.of("c").take(30)


async def test_what_costs_more_takes_more_tokens_and_what_is_overdrawn_is_paid_first() -> None:
    at = [0.0]
    buckets = Buckets(Rate("x", 1, 10), lambda: at[0])
    assert buckets.take("a", 8).remaining == 2
    assert buckets.take("a", 20).remaining == 0
    at[0] = 18.0
    with pytest.raises(Stopped) as refused:
        buckets.take("a")
    assert refused.value.headers["Retry-After"] == "1"
    at[0] = 19.5
    buckets.take("a")
