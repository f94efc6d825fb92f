"""Files nobody should send: every one is refused in words, nothing grows, and everybody else is served meanwhile."""

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import pytest_asyncio

from domain.access import Role
from domain.vocabulary import ApplicationKind
from starter.embedded import House
from starter.front_door import until_answering, web_command
from starter.server import free_port, spawn, stop
from starter.web.callers import COOKIE, CSRF_HEADER
from starter.web.pages.multipart import LONGEST_FIELD, MOST_FIELDS, MOST_HEADERS
from tests.e2e.page_reading import page_of
from tests.e2e.playing import until
from tests.e2e.uploaded_files import (
    CATALOGUE,
    HOSTILE,
    MEGABYTE,
    ORDINARY,
    PAGE,
    PAGES,
    one_page,
    pdf,
    photo,
    stream,
)
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, new_key, problem, web

__all__ = ["web"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
CLOSED = httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError
LONGEST_SILENCE = 15.0
"""So long may a status page take while hostile files are judged, on a machine that others use too."""


# -- a web of its own, to be measured -----------------------------------------------------------------------------


class Door:
    """A web in a process of its own, and a client with a key."""

    def __init__(self, url: str, process: psutil.Process, client: httpx.AsyncClient, log: Path) -> None:
        self.url, self.process, self.client, self.log = url, process, client, log
        self.slowest = 0.0
        self.peak = 0

    async def put(self, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
        """Upload."""
        return await self.client.put("/api/v1/uploads", content=content, headers=headers)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Ask for a page all the while; note the slowest answer, and by how much memory grew at most."""
        self.slowest, self.peak = 0.0, 0
        before = self.process.memory_info().rss
        halt = asyncio.Event()
        asking = asyncio.create_task(self._ask(halt, before))
        try:
            yield
        finally:
            halt.set()
            await asking

    async def _ask(self, halt: asyncio.Event, before: int) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as anybody:
            while not halt.is_set():
                began = time.monotonic()
                assert (await anybody.get("/healthz")).status_code == 200
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.peak = max(self.peak, self.process.memory_info().rss - before)
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(city: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """Serve the web from a process of its own."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("web") / "web.log"
    process = await spawn(web_command(port), log, {"MENTE_HOME": str(city.settings.home)})
    try:
        await until_answering(url, process)
        key = await new_key(city.settings, PANZHIHUA, "app")
        async with httpx.AsyncClient(base_url=url, timeout=240, headers={"Authorization": f"Bearer {key}"}) as client:
            made = Door(url, psutil.Process(process.pid), client, log)
            # What is loaded with the first files of either kind is no growth.
            await made.put(photo())
            await made.put(one_page(b"q Q"))
            yield made
    finally:
        await stop(process)


# -- hostile files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_file_is_refused_quickly_in_words_and_memory_stays_flat(door: Door, what: str) -> None:
    content = await asyncio.to_thread(HOSTILE[what])
    assert len(content) <= 20 * MEGABYTE
    async with door.watched():
        began = time.process_time(), door.process.cpu_times().user
        answer = await door.put(content)
        spent = door.process.cpu_times().user - began[1]
    found = problem(answer, 422)
    assert found["field"] == "file"
    assert found["rule"]
    assert found["remedy"]
    assert spent < 15, "seconds of work"
    assert door.slowest < LONGEST_SILENCE
    assert door.peak < 220 * MEGABYTE


@pytest.mark.parametrize("what", ORDINARY)
async def test_an_ordinary_file_is_taken(door: Door, what: str) -> None:
    answer = await door.put(await asyncio.to_thread(ORDINARY[what]))
    assert answer.status_code == 201, answer.text


async def test_twenty_hostile_files_at_once_leave_memory_flat_and_others_are_served(door: Door) -> None:
    names = (
        "a stream of 300 MB",
        "letters for zeros",
        "forty million pixels in passes",
        "millions of empty segments",
    )
    files = [await asyncio.to_thread(HOSTILE[name]) for name in names] * 5
    async with door.watched():
        answers = await asyncio.gather(*[door.put(each) for each in files])
    assert {problem(each, 422)["field"] for each in answers} == {"file"}
    assert door.peak < 220 * MEGABYTE, "two are decoded at a time"
    assert door.slowest < LONGEST_SILENCE
    await asyncio.sleep(0.1)
    assert (await door.put(photo())).status_code == 201


async def test_twenty_times_sixty_megabytes_are_refused_and_memory_stays_flat(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(60 * 4):
            yield b"\xff\xd8\xff" + bytes(MEGABYTE // 4 - 3)

    async with door.watched():
        answers = await asyncio.gather(*[door.put(endless()) for _ in range(20)], return_exceptions=True)
    # Whoever still sends ten seconds after the answer, as all do on a slow machine, finds the connection closed.
    assert all(isinstance(each, httpx.Response | CLOSED) for each in answers), answers
    heard = [each for each in answers if isinstance(each, httpx.Response)]
    for each in (*heard, await door.put(endless())):
        told = problem(each, 413)
        assert told["field"] == "file"
        assert "20 MB" in told["rule"]
    assert door.peak < 80 * MEGABYTE
    assert door.slowest < LONGEST_SILENCE


async def test_a_hostile_certificate_is_judged_quickly_by_whoever_sends_it(door: Door) -> None:
    from domain.certificate import PRINTED_LABELS

    labels = "".join(f"{label}：x" * 9 for label in PRINTED_LABELS)
    font = b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/ToUnicode 6 0 R/DescendantFonts[7 0 R]>>"
    letters = sorted(set(labels))
    lines = "".join(f"<{number:04x}><{ord(each):04x}>\n" for number, each in enumerate(letters))
    mapping = f"begincmap 1 begincodespacerange <0000><FFFF> endcodespacerange {len(letters)} beginbfchar\n{lines}"
    text = "".join(f"{letters.index(each):04x}" for each in labels).encode()
    repeated = pdf(
        CATALOGUE,
        PAGES,
        PAGE % b"/Font<</F 5 0 R>>",
        stream(zlib.compress(b"BT /F 9 Tf <" + text + b"> Tj ET")),
        font,
        stream(zlib.compress(mapping.encode() + b"endbfchar endcmap")),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(A)/Ordering(I)/Supplement 0>>>>",
    )
    helvetica = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    written = b"BT /F 9 Tf " + b"(a) Tj " * 650_000 + b"ET"
    long = pdf(CATALOGUE, PAGES, PAGE % b"/Font<</F 5 0 R>>", stream(zlib.compress(written)), helvetica)
    for content in (repeated, long, b"%PDF-", b"", HOSTILE["a thousand million pages in a few objects"]()):
        async with door.watched():
            before = door.process.cpu_times().user
            answer = await door.client.post("/api/v1/public/certificates/verify-file", content=content)
            spent = door.process.cpu_times().user - before
        assert answer.status_code == 200, answer.text
        assert answer.json()["genuine"] is False
        assert spent < 6, "seconds of work"
        assert door.slowest < LONGEST_SILENCE


# -- requests that are none ---------------------------------------------------------------------------------------


async def raw(url: str, sent: bytes, *, seconds: float = 60) -> bytes:
    """Send bytes and return all that comes back until the server closes or is silent."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    with contextlib.suppress(ConnectionError):
        writer.write(sent)
        await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()


async def test_lengths_that_are_not_true_are_refused_and_hold_nobody_up(door: Door) -> None:
    head = "PUT /api/v1/uploads HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: {door.client.headers['authorization']}\r\n"
    for sent, status in (
        ("Content-Length: -1\r\n\r\n", b"400"),
        ("Content-Length: 1e3\r\n\r\n", b"400"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", b"400"),
        ("Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n", b"413"),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        ("Transfer-Encoding: gzip\r\n\r\n", b"501"),
        ("Content-Length: 3\r\n\r\nabcGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"422"),
    ):
        answer = await raw(door.url, (head + sent).encode())
        assert answer.split(b" ", 2)[1] in (status, b"400", b"422"), (sent, answer[:200])
        assert b"Traceback" not in answer
    assert (await door.put(photo())).status_code == 201


async def test_a_file_shorter_than_it_says_is_given_up(door: Door) -> None:
    head = f"PUT /api/v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: {door.client.headers['authorization']}\r\n"
    where = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
    await writer.drain()
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert (await door.put(photo())).status_code == 201


# -- the form -----------------------------------------------------------------------------------------------------

NAMES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\a.pdf",
    "/etc/shadow",
    "C:\\a.pdf",
    "a\x00.pdf",
    "a\r\nSet-Cookie: evil=1.pdf",
    "\u202efdp.exe",
    "<script>alert(1)</script>.pdf",
    "'; DROP TABLE draft;--.pdf",
    "a" * 3_000 + ".pdf",
    "",
    ".",
    "..",
    "CON",
    "%2e%2e%2f.pdf",
    "\ud83d\ude00.pdf".encode("utf-16", "surrogatepass").decode("utf-16"),
)


def form_of(boundary: str, *parts: tuple[str, bytes], end: bool = True) -> bytes:
    """Return a multipart body of parts, each with its header lines."""
    body = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + (f"--{boundary}--\r\n".encode() if end else b"")


def field(name: str, value: str = "x") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


def file(content: bytes, name: str = "a.pdf") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/html', content


async def a_draft(client: httpx.AsyncClient) -> tuple[str, str]:
    """Begin a draft; return where its files go, and the form's token."""
    token = client.headers[CSRF_HEADER]
    sent = {"csrf": token, "kind": ApplicationKind.NEW.value}
    answer = await client.post(f"/apply/new/{PANZHIHUA}/{DIABETES}", data=sent)
    assert answer.status_code == 303, answer.text
    return "/files/draft/" + answer.headers["location"].split("/")[2], token


async def test_names_of_files_lead_nowhere_and_are_shown_as_text(web: Web) -> None:
    known = {path for path in Path(web.settings.home).rglob("*") if "objects" not in path.parts}
    async with await web.account(Role.APPLICANT) as client:
        address, token = await a_draft(client)
        headers = {"Content-Type": "multipart/form-data; boundary=b", "HX-Request": "true"}
        for name in NAMES:
            body = form_of(
                "b", field("csrf", token), field("kind", "other"), file(photo(1001, 601), name.replace('"', ""))
            )
            answer = await client.post(address, content=body, headers=headers)
            assert answer.status_code in (200, 400), (name, answer.status_code)
            assert "evil" not in answer.headers.get("set-cookie", "")
            page = page_of(answer, answer.status_code)
            assert "<script>alert" not in answer.text
            assert "\u202e" not in answer.text
            assert "etc/passwd" not in page.text
    new = {path for path in Path(web.settings.home).rglob("*") if "objects" not in path.parts} - known
    assert not [path for path in new if "passwd" in path.name or "CON" in path.name]


async def test_a_form_with_thousands_of_parts_fields_or_headers_is_refused(web: Web) -> None:
    paper = file(photo())
    async with await web.account(Role.APPLICANT) as client:
        address, token = await a_draft(client)
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        csrf = field("csrf", token)
        many = "\r\n".join(["X-A: b"] * (MOST_HEADERS + 1))
        for what, body in {
            "fields": form_of("b", csrf, *[field(f"f{number}") for number in range(5_000)], paper),
            "one field often": form_of("b", csrf, *[field("kind", "other") for _ in range(MOST_FIELDS + 5)], paper),
            "a long field": form_of("b", csrf, field("kind", "x" * (LONGEST_FIELD + 1)), paper),
            "a long name": form_of("b", csrf, field("k" * (LONGEST_FIELD + 1)), paper),
            "headers": form_of("b", csrf, (f'{many}\r\nContent-Disposition: form-data; name="kind"', b"x"), paper),
            "megabytes of headers": form_of("b", csrf, ("X-A: b\r\n" * 200_000 + "X: y", b"x"), paper),
            "no header": b"--b\r\n\r\nx\r\n--b--\r\n",
            "no boundary": b"x" * 10_000,
            "no end": form_of("b", csrf, field("kind", "other"), paper, end=False)[:-4],
            "nothing": b"",
        }.items():
            began = time.monotonic()
            answer = await client.post(address, content=body, headers=headers)
            assert answer.status_code in (400, 403, 422), (what, answer.status_code)
            assert time.monotonic() - began < 15, what
            assert "Traceback" not in answer.text
            assert page_of(answer, answer.status_code).text
        for kind in (
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "text/plain",
            "multipart/form-data; boundary=" + "b" * 300,
        ):
            answer = await client.post(address, content=form_of("b", csrf, paper), headers={"Content-Type": kind})
            assert answer.status_code == 400, kind


async def test_the_form_of_a_certificate_bears_thousands_of_parts(web: Web) -> None:
    async with web.client() as anybody:
        first = page_of(await anybody.get("/verify"))
        token = dict(first.form("/verify/file").values)["csrf"]
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        for what, body in {
            "fields": form_of("b", field("csrf", token), *[field(f"f{number}") for number in range(20_000)]),
            "files": form_of("b", field("csrf", token), *[file(b"%PDF-") for _ in range(1_000)]),
            "headers": form_of("b", field("csrf", token), ("X-A: b\r\n" * 300_000 + "X: y", b"x")),
            "a broken file": form_of("b", field("csrf", token), file(b"%PDF-", "\x00")),
            "too much": form_of("b", field("csrf", token), file(b"%PDF-" + bytes(5 * MEGABYTE))),
        }.items():
            began = time.monotonic()
            answer = await anybody.post("/verify/file", content=body, headers=headers)
            assert answer.status_code in (200, 400, 413, 422), (what, answer.status_code)
            assert time.monotonic() - began < 15, what
            assert page_of(answer, answer.status_code).text


async def test_nothing_of_all_that_left_a_file_or_a_trace(door: Door, city: House) -> None:

    async def cleared() -> bool:
        return not list(city.settings.home.joinpath("incoming").iterdir())

    await until(cleared)
    logged = door.log.read_text("utf-8", "replace")
    assert "Traceback" not in logged
    assert "unexpected error" not in logged
    assert COOKIE not in logged
