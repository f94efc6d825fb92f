"""Senders that begin and do not go on: they give way where there is need of room, wherever they send from."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from starter.web.bodies import Bodies, Body
from starter.web.connections import Crowd
from starter.web.guarding import Guard, address_of
from starter.web.networks import wide_of
from starter.web.pace import GRACE_SECONDS, LEAST_BYTES_A_SECOND, Pace
from starter.web.problems import Stopped
from starter.web.rates import Buckets, Rate
from starter.web.serving import served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
KILOBYTE = 1024


class Clock:
    """The time, by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_stops_sending_is_slow_after_the_grace_and_who_sends_a_byte_at_a_time_too() -> None:
    clock = Clock()
    silent, trickling, steady = Pace(clock), Pace(clock), Pace(clock)
    silent.moved(4_000 * KILOBYTE)
    for _ in range(60):
        assert not steady.is_slow
        clock.now += 1.0
        steady.moved(LEAST_BYTES_A_SECOND + 1)
        trickling.moved(1)
        if clock.now < GRACE_SECONDS:
            assert not silent.is_slow
    assert silent.is_slow
    assert trickling.is_slow
    silent.begin()
    assert not silent.is_slow


# -- bodies -------------------------------------------------------------------------------------------------------


async def ends(body: Body) -> str:
    """Wait for more of a body; return how that ends."""
    try:
        async with body.waiting(20):
            await asyncio.sleep(20)
    except TimeoutError:
        body.release()
        return "gave way"
    return "came"


async def test_a_slow_body_gives_way_once_more_than_half_of_the_room_is_taken() -> None:
    clock = Clock()
    bodies = Bodies(most=100, of_one=60, clock=clock)
    slow, steady, answered, other = (bodies.of(each) for each in ("a", "b", "c", "d"))
    waiting = [asyncio.create_task(ends(each)) for each in (slow, steady)]
    await asyncio.sleep(0)
    for each in (slow, steady, answered):
        each.take(15)
    clock.now = GRACE_SECONDS + 1
    steady.pace.begin()
    other.take(4)
    await asyncio.sleep(0.05)
    assert [each.done() for each in waiting] == [False, False], "half of the room is not taken"
    other.take(2)
    async with asyncio.timeout(30):
        assert await waiting[0] == "gave way"
    assert not waiting[1].done()
    bodies.of("e").take(49)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_some_room_is_kept_for_small_bodies() -> None:
    bodies = Bodies(most=100, of_one=100, kept=20, small=10)
    large, small = bodies.of("a"), bodies.of("b")
    large.take(80)
    with pytest.raises(Stopped):
        large.take(1)
    small.take(10)
    with pytest.raises(Stopped):
        small.take(1)
    bodies.of("c").take(10)
    with pytest.raises(Stopped):
        bodies.of("d").take(1)


async def test_bodies_of_one_wide_network_are_bounded_and_given_back() -> None:
    bodies = Bodies(most=1_000, of_one=60, of_network=100)
    held = [bodies.of(f"2001:db8:0:{each}::/64") for each in range(3)]
    held[0].take(60)
    held[1].take(40)
    with pytest.raises(Stopped):
        held[2].take(1)
    bodies.of("2001:db8:1::/64").take(60)
    bodies.of("192.0.2.1").take(60)
    held[0].release()
    held[2].take(60)


@pytest.mark.parametrize(
    ("host", "wide"),
    [
        ("2001:db8:7:8:1::1", "2001:db8:7::/48"),
        ("2001:db8:7:ffff::2", "2001:db8:7::/48"),
        ("192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
    ],
)
def test_addresses_of_one_customer_lie_in_one_wide_network(host: str, wide: str) -> None:
    assert wide_of(address_of({"client": (host, 1)})) == wide


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def guarded(bodies: Bodies) -> Guard:
    wide = Rate("x", 1_000, 1_000)
    return Guard(_echo, addresses=Buckets(wide), anonymous=Buckets(wide), bodies=bodies)


def request(address: str, method: str = "POST") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": "/api/v1/public/certificates/verify-file",
        "query_string": b"",
        "headers": [],
        "client": (address, 1),
    }


async def _status(guard: Guard, scope: Scope, receive: Callable[[], Awaitable[Message]]) -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return int(sent[0]["status"])


async def test_who_sends_nearly_all_of_a_large_body_and_falls_silent_is_cut_when_others_come() -> None:
    clock, mebibyte = Clock(), 1024 * KILOBYTE
    guard = guarded(Bodies(most=8 * mebibyte, kept=0, clock=clock))

    async def nearly_whole() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": bytes(3 * mebibyte), "more_body": True}
        await asyncio.sleep(30)

    async def whole() -> Message:
        return {"type": "http.request", "body": bytes(3 * mebibyte), "more_body": False}

    silent = [
        asyncio.create_task(_status(guard, request(f"192.0.2.{each}"), nearly_whole().__anext__)) for each in (1, 2)
    ]
    await asyncio.sleep(0.05)
    assert await _status(guard, request("192.0.2.3"), whole) == 503
    clock.now = GRACE_SECONDS + 0.1
    assert await _status(guard, request("192.0.2.3"), whole) == 503, "who is cut has not gone yet"
    async with asyncio.timeout(30):
        assert await asyncio.gather(*silent) == [408, 408]
    assert await _status(guard, request("192.0.2.3"), whole) == 200


# -- connections --------------------------------------------------------------------------------------------------


class Echo:
    """An application that answers once a body is whole; `begun` counts the requests that reached it."""

    def __init__(self) -> None:
        self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.begun += 1
            await _echo(scope, receive, send)

    async def reached(self, count: int) -> None:
        """Wait until so many requests have reached it."""
        async with asyncio.timeout(30):
            while self.begun < count:
                await asyncio.sleep(0.01)


async def test_connections_whose_bodies_do_not_come_give_way_to_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("starter.web.serving.Pace", lambda: Pace(clock))
    monkeypatch.setattr("starter.web.serving.Crowd", lambda trusted: Crowd(trusted=trusted, most=6, of_one=4))

    app = Echo()
    held = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nab"
    async with served(app) as running, contextlib.AsyncExitStack() as opened:
        where = urlsplit(running.url)
        readers = []
        for number in range(6):
            reader, writer = await asyncio.open_connection(
                where.hostname, where.port, local_addr=(f"127.0.0.{2 + number // 4}", 0)
            )
            opened.callback(writer.close)
            writer.write(held)
            readers.append(reader)
        await app.reached(6)
        for address in ("127.0.0.2", "127.0.0.9"):
            transport = httpx.AsyncHTTPTransport(local_address=address)
            async with httpx.AsyncClient(base_url=running.url, transport=transport, timeout=30) as client:
                assert (await client.get("/")).status_code == 503
        clock.now = GRACE_SECONDS + 0.1
        for address in ("127.0.0.2", "127.0.0.9"):
            transport = httpx.AsyncHTTPTransport(local_address=address)
            async with httpx.AsyncClient(base_url=running.url, transport=transport, timeout=30) as client:
                assert (await client.get("/")).status_code == 200
        gone = 0
        for reader in readers:
            with contextlib.suppress(TimeoutError):
                gone += (await asyncio.wait_for(reader.read(1), 0.05)) == b""
        assert gone in (1, 2), "no more than was needed"


async def test_who_sent_nothing_for_long_is_not_slow_with_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("starter.web.serving.Pace", lambda: Pace(clock))
    monkeypatch.setattr("starter.web.serving.Crowd", lambda trusted: Crowd(trusted=trusted, of_one=1))

    app = Echo()
    async with served(app) as running, contextlib.AsyncExitStack() as opened:
        where = urlsplit(running.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        opened.callback(writer.close)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok")
        clock.now = 3 * GRACE_SECONDS
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        await app.reached(2)
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
            assert (await client.get("/")).status_code == 503
        writer.write(b"cd")
        assert b"200" in await reader.readuntil(b"ok")


class FakeLine:
    """One connection, by hand."""

    def __init__(self, address: str) -> None:
        self.address = self.peer = address
        self.idle, self.slow, self.unsent, self.resumed, self.closed = False, False, 0, 0, False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        """Nothing here is cut."""


def test_connections_of_one_wide_network_are_bounded() -> None:
    crowd = Crowd(of_one=5, of_network=6, most=100)
    lines = [FakeLine(f"2001:db8:0:{each}::/64") for each in range(6)]
    assert all(crowd.admit(each) for each in lines)
    assert not crowd.admit(FakeLine("2001:db8:0:77::/64"))
    assert crowd.admit(FakeLine("2001:db8:1::/64"))
    assert crowd.admit(FakeLine("192.0.2.1"))
    lines[3].slow = True
    assert crowd.admit(FakeLine("2001:db8:0:77::/64"))
    assert [each.closed for each in lines] == [False, False, False, True, False, False]
    crowd.leave(lines[0])
    assert crowd.admit(FakeLine("2001:db8:0:78::/64"))
    assert not crowd.admit(FakeLine("2001:db8:0:79::/64"))


def test_who_finds_a_wide_network_full_has_no_address_read_but_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(of_one=5, of_network=200, most=1_000)
    assert all(crowd.admit(FakeLine(f"2001:db8:aa:{each:x}::/64")) for each in range(200))
    read: list[str] = []

    def reading(address: str) -> ipaddress.IPv6Network:
        read.append(address)
        return ipaddress.IPv6Network(address)

    monkeypatch.setattr("starter.web.networks.ipaddress", SimpleNamespace(IPv6Network=reading))
    others = [f"2001:db8:aa:{each:x}::/64" for each in range(300, 305)]
    assert not any(crowd.admit(FakeLine(each)) for each in others)
    assert read == others


# -- the log ------------------------------------------------------------------------------------------------------


async def test_a_method_that_is_none_is_not_repeated_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    with caplog.at_level(logging.INFO, logger="mente.web"):
        for method in ("51040019900101001X" * 30, "POST"):
            await _status(guarded(Bodies()), request("192.0.2.1", method), nothing)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("other - ")
    assert second.startswith("POST - ")
