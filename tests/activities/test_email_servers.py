"""Mail servers that misbehave: slow, old, greylisting, silent or hanging up."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress

import pytest

from activities.notices import email as mail
from activities.notices.email import MailSettings, compose
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from tests.activities.mail_samples import KEY, SENDER, letter, told

PATIENCE = 0.6
"""Limit of the half of a sending in which a server keeps silent, in seconds."""

HANG_UP = b""
SILENCE = b"-"


class Scripted:
    """A server that answers as told; an answer may be a list, one for each time it is asked."""

    def __init__(self, answers: Mapping[str, bytes | list[bytes]], *, slowly: float = 0) -> None:
        usual = {"greeting": b"220 here", "EHLO": b"250 here", "DATA": b"354 go", "QUIT": b"221 bye"}
        self._answers: dict[str, bytes | list[bytes]] = {**usual, **answers}
        self._slowly = slowly
        self.heard: list[str] = []
        self.taken = 0
        """Texts that arrived whole."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError), closing(writer):
            word, in_text = "greeting", False
            while await self._answer(word, writer):
                in_text = word == "DATA" and self._last.startswith(b"354")
                line = await (reader.readuntil(b"\r\n.\r\n") if in_text else reader.readline())
                if not line:
                    break
                self.taken += in_text
                word = "." if in_text else line[:4].decode("ascii", "replace").strip()
                self.heard.append("." if in_text else line.decode("ascii", "replace").strip())

    async def _answer(self, word: str, writer: asyncio.StreamWriter) -> bool:
        given = self._answers.get(word, b"250 ok")
        answer = given.pop(0) if isinstance(given, list) else given
        self._last = answer
        if answer == SILENCE:
            await asyncio.sleep(60)
        if answer == HANG_UP:
            return False
        await asyncio.sleep(self._slowly)
        writer.write(answer + b"\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def scripted(script: Scripted) -> AsyncIterator[MailSettings]:
    talks: list[asyncio.Task[None]] = []

    def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(script(reader, writer)))

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield MailSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1], sender=SENDER)
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was closed is gone one turn of the loop later


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answers", "kind", "code", "taken"),
    [
        ({"RCPT": b"550 5.1.1 marker.person unknown"}, TurnedDown, "smtp-550", 0),
        ({"RCPT": b"530 5.7.0 log in first"}, Postponed, "smtp-530", 0),
        ({"RCPT": b"421 closing"}, Postponed, "smtp-421", 0),
        ({"RCPT": b"299 what"}, Postponed, "smtp-299", 0),
        ({"RCPT": b"\xff\xfe garbage"}, Postponed, "smtp-garbled", 0),
        ({"greeting": b"421 busy"}, Postponed, "smtp-421", 0),
        ({"greeting": b"554 your address is on a list"}, Postponed, "smtp-554", 0),
        ({"greeting": b"HTTP/1.1 400 Bad Request"}, Postponed, "smtp-garbled", 0),
        ({"greeting": HANG_UP}, Postponed, "smtp-unreachable", 0),
        ({"greeting": SILENCE}, Postponed, "smtp-unreachable", 0),
        ({"MAIL": b"552 too much of you"}, Postponed, "smtp-552", 0),
        ({"DATA": b"552 full"}, TurnedDown, "smtp-552", 0),
        ({"DATA": b"421 closing"}, Postponed, "smtp-421", 0),
        ({".": b"552 mailbox of marker.person full"}, TurnedDown, "smtp-552", 1),
        ({".": b"554 refused"}, TurnedDown, "smtp-554", 1),
        ({".": b"421 closing"}, Postponed, "smtp-421", 1),
        ({".": b"452 no room"}, Postponed, "smtp-452", 1),
        ({".": b"garbage marker.person"}, Unclear, "smtp-garbled", 1),
        ({".": b"999 marker"}, Unclear, "smtp-garbled", 1),
        ({".": b"354 go on"}, Unclear, "smtp-354", 1),
        ({".": HANG_UP}, Unclear, "smtp-lost", 1),
        ({".": SILENCE}, Unclear, "smtp-lost", 1),
    ],
)
async def test_whatever_a_server_answers_it_is_known_whether_the_text_may_have_been_taken(
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, bytes | list[bytes]],
    kind: type[HandoverError],
    code: str,
    taken: int,
) -> None:
    # Only the half in which it keeps silent is short: a busy machine has time for the other.
    monkeypatch.setattr(mail, "PREPARE_SECONDS", PATIENCE if answers.get("greeting") == SILENCE else 60)
    monkeypatch.setattr(mail, "HAND_OVER_SECONDS", PATIENCE if answers.get(".") == SILENCE else 60)
    script = Scripted(answers)
    async with scripted(script) as settings:
        failure = await told(settings)
    assert failure is not None
    assert (type(failure), failure.code) == (kind, code)
    assert "marker" not in repr(failure)
    assert failure.__suppress_context__
    assert script.taken == taken
    assert sum(each.startswith("MAIL") for each in script.heard) <= 1, "it is not tried again by itself"


@pytest.mark.asyncio
async def test_a_greylisted_letter_is_taken_at_a_later_attempt_and_only_once() -> None:
    script = Scripted({"RCPT": [b"450 4.7.1 come back later", b"451 4.7.1 still later", b"250 ok"]})
    async with scripted(script) as settings:
        failures = [await told(settings) for _ in range(3)]
    assert [str(each) for each in failures] == ["smtp-450", "smtp-451", "None"]
    assert [type(each) for each in failures[:2]] == [Postponed, Postponed]
    assert script.taken == 1


@pytest.mark.asyncio
async def test_a_slow_server_is_waited_for_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PREPARE_SECONDS", 20)
    monkeypatch.setattr(mail, "HAND_OVER_SECONDS", 20)
    script = Scripted({}, slowly=0.2)
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert script.taken == 1


@pytest.mark.asyncio
async def test_an_old_server_that_knows_only_helo_takes_the_letter() -> None:
    script = Scripted({"EHLO": b"502 what is that"})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert script.taken == 1


@pytest.mark.asyncio
async def test_a_server_that_can_is_asked_for_bounces_that_name_the_notice_and_not_its_text() -> None:
    script = Scripted({"EHLO": b"250-here\r\n250 DSN"})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert f"MAIL FROM:<{SENDER}> RET=HDRS ENVID={KEY}" in script.heard
    assert "RCPT TO:<marker.person@example.org> NOTIFY=FAILURE" in script.heard


@pytest.mark.asyncio
async def test_a_server_that_knows_no_bounces_by_name_is_not_asked() -> None:
    script = Scripted({})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert f"MAIL FROM:<{SENDER}>" in script.heard


def test_the_same_letter_is_the_same_whoever_composes_it() -> None:
    first, second = (compose(letter(), sender=SENDER) for _ in range(2))
    assert [first[name] for name in ("Message-ID", "Date", "Subject")] == [
        second[name] for name in ("Message-ID", "Date", "Subject")
    ]
