"""Planted personal markers are found nowhere in Temporal's file, the logs, the ids or the file names of a run."""

import asyncio
import base64
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pypdf import PdfReader, PdfWriter

from domain.application import Material
from domain.commands import (
    Appeal,
    ChangeContact,
    GiveVerdict,
    RaiseObjection,
    RuleObjection,
    SupplyMaterials,
    Withdraw,
)
from domain.refusal import Refused
from domain.vocabulary import Decision, MaterialKind, Status
from samples.catalogue import disease_name
from samples.make import quick_application
from samples.persons import id_number
from starter.client import Mente
from starter.demo.moves import send, skip_past, until, until_status
from starter.embedded import Child, House, house, worker_process
from starter.server import free_port
from tests.e2e.faults import (
    careless_client,
    damaged_object,
    failures_in,
    files_below,
    found_in,
    raw,
    registry_down,
    unsealed_payloads,
)
from worker.mail_sink import SmtpServer, keep_mail

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

PANZHIHUA, JIUQUAN = ("510400", "510400-003"), ("620900", "620900-012")
CONTROL = "QZX-PLAIN-CONTROL-0173"

NAME, AGENT_NAME = "欧阳暗记甲", "司徒暗记乙"
ID_NUMBER = id_number("510402", date(1951, 3, 17), 777)
AGENT_ID_NUMBER = id_number("620902", date(1977, 11, 5), 771)
PHONE, AGENT_PHONE, NEW_PHONE = "13987650123", "13887650124", "13787650125"
EMAIL, NEW_EMAIL = "qzx.marker.one@privacy.example.cn", "qzx.marker.two@privacy.example.cn"
WORDS = {
    "grant": "暗记评语患者甲某病情属实QZXG",
    "deny": "暗记评语患者甲某病情不符QZXD",
    "note": "暗记补正说明QZXN",
    "appeal": "暗记申诉理由QZXA",
    "withdraw": "暗记撤回理由QZXW",
    "objector": "暗记异议人QZXO",
    "objection": "暗记异议理由QZXR",
    "ruling": "暗记异议结论QZXL",
    "bad": "暗记误发内容QZXB",
}
IN_PDF, IN_JPG, IN_FILE_NAME = "QZXMARKERINPDF77", "QZXMARKERINJPG77", "暗记文件名"
MARKERS = (
    *(NAME, AGENT_NAME, ID_NUMBER, AGENT_ID_NUMBER, PHONE, AGENT_PHONE, NEW_PHONE, EMAIL, NEW_EMAIL),
    *(*WORDS.values(), IN_PDF, IN_JPG, IN_FILE_NAME, disease_name(*PANZHIHUA), disease_name(*JIUQUAN)),
)


class GrumpyPost:
    """A mail server that first refuses, repeating the address and the name in its answers, then keeps mails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refused < 4:
            self.refused += 1
            code = "451 4.2.1" if self.refused % 2 else "550 5.1.1"
            return f"{code} mailbox {address} of {ID_NUMBER} is not available"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.folder.mkdir(exist_ok=True)
        keep_mail(self.folder, envelope.content)
        return "250 OK"


@dataclass
class Run:
    """A house whose worker writes a log, everything the program printed, and the numbers of the cases."""

    house: House
    worker: Child
    mente: Mente
    post: GrumpyPost
    printed: list[bytes] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.house.settings.home

    def places(self) -> list[tuple[str, bytes]]:
        """Everything in which no marker may stand."""
        mails = [path.name for folder in (self.home / "mail", self.post.folder) for path in folder.glob("*")]
        return [
            *files_below(self.home, "temporal.db*", "logs/*"),
            *((f"printed {number}", content) for number, content in enumerate(self.printed)),
            ("names of mails", "\n".join(mails).encode()),
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """A full run with markers everywhere a person could have left any."""
    folder = tmp_path_factory.mktemp("private")
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(folder / "home", demo=True, ports=lambda _: free_port()))
        post = GrumpyPost(folder / "post")
        server = await stack.enter_async_context(SmtpServer(post))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MENTE_SMTP_HOST", server.host)
            environment.setenv("MENTE_SMTP_PORT", str(server.port))
            worker = await stack.enter_async_context(worker_process(running, 1))
        mente = await stack.enter_async_context(Mente.open(running.settings))
        run = Run(house=running, worker=worker, mente=mente, post=post)
        await denied_then_granted_on_appeal(run, folder / "one")
        await published_and_objected(run, folder / "two")
        await withdrawn(run, folder / "three")
        await refused_by_the_program(run, folder / "four")
        await until(lambda: _refused_often(post))
        yield run


async def _refused_often(post: GrumpyPost) -> bool:
    return post.refused >= 4


# -- the lives --------------------------------------------------------------------------------------------------


def application(seed: int, city: tuple[str, str], folder: Path, **applicant: Any) -> dict[str, Any]:
    """Write a marked application's files and return its JSON."""
    raw_form, papers = quick_application(seed, *city, datetime.now(UTC) - timedelta(minutes=1))
    folder.mkdir(parents=True, exist_ok=True)
    person = {"name": NAME, "id_number": ID_NUMBER, "phone": PHONE, "email": EMAIL}
    raw_form["applicant"] = raw_form["applicant"] | person | applicant
    for paper in raw_form["materials"]:
        content = papers[paper["file"]]
        paper["file"] = f"{IN_FILE_NAME}-{paper['file']}"
        (folder / paper["file"]).write_bytes(marked(content))
    return dict(raw_form)


def marked(content: bytes) -> bytes:
    """Return the same paper with a marker inside."""
    if content.startswith(b"\xff\xd8"):
        comment = IN_JPG.encode()
        return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    writer.add_metadata({"/Title": IN_PDF, "/Author": NAME})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


async def denied_then_granted_on_appeal(run: Run, folder: Path) -> None:
    """Registry down, papers missing, papers not stored, bad messages, a denial, an appeal, a certificate."""
    mente, channel = run.mente, "channel:panzhihua-app"
    form = application(130_001, PANZHIHUA, folder)
    left_out = [paper for paper in form["materials"] if paper["kind"] == "diagnosis_certificate"]
    form["materials"] = [paper for paper in form["materials"] if paper["kind"] != "diagnosis_certificate"]
    async with registry_down(mente):
        number = (await mente.apply(form, folder, wait=0)).acceptance_no
        run.numbers.append(number)
        await until(lambda: _logged(run, "look_up_insured"))
    await until_status(mente, number, Status.SUPPLEMENT)

    unknown = Material(kind=MaterialKind.OTHER, sha256="0" * 64)
    with pytest.raises(Refused):
        await send(mente, number, SupplyMaterials, actor=channel, materials=(unknown,), note=WORDS["note"])
    await mente.supply(number, left_out, folder, actor=channel, note=WORDS["note"])
    await until_status(mente, number, Status.REVIEW)
    await bad_messages(run, number)
    await heard(mente, number, Decision.DENY, WORDS["deny"])
    await until_status(mente, number, Status.DENIED)
    await send(mente, number, ChangeContact, actor=channel, phone=NEW_PHONE, email=NEW_EMAIL)
    await send(mente, number, Appeal, actor=channel, reason=WORDS["appeal"])
    await until_status(mente, number, Status.APPEALING)
    await heard(mente, number, Decision.GRANT, WORDS["grant"])
    await until_status(mente, number, Status.EFFECTIVE)


async def published_and_objected(run: Run, folder: Path) -> None:
    """A person with an agent, a damaged object, publicity, an objection upheld, and the appeal window."""
    mente = run.mente
    agent = {"name": AGENT_NAME, "id_number": AGENT_ID_NUMBER, "phone": AGENT_PHONE}
    form = application(130_002, JIUQUAN, folder, agent=agent)
    paper = (folder / form["materials"][0]["file"]).read_bytes()
    async with damaged_object(run.house, paper, (IN_JPG + NAME).encode()):
        number = (await mente.apply(form, folder, wait=0)).acceptance_no
        run.numbers.append(number)
        await until(lambda: _logged(run, "inspect_materials"))
    await until_status(mente, number, Status.REVIEW)
    await heard(mente, number, Decision.GRANT, WORDS["grant"])
    await until_status(mente, number, Status.PUBLICITY)
    await send(
        mente, number, RaiseObjection, actor="channel:gansu-web", by=WORDS["objector"], reason=WORDS["objection"]
    )
    await until_status(mente, number, Status.OBJECTED)
    ruling = {"objection_id": "O1", "upheld": True, "reason": WORDS["ruling"]}
    await send(mente, number, RuleObjection, actor="officer:JQ01", **ruling)
    status = await until_status(mente, number, Status.DENIED)
    await skip_past(mente, number, status.due)


async def withdrawn(run: Run, folder: Path) -> None:
    """The same person again, who then takes the application back."""
    form = application(130_003, JIUQUAN, folder)
    number = (await run.mente.apply(form, folder)).acceptance_no
    run.numbers.append(number)
    await until_status(run.mente, number, Status.REVIEW)
    await send(run.mente, number, Withdraw, actor="channel:gansu-web", reason=WORDS["withdraw"])
    await until_status(run.mente, number, Status.WITHDRAWN)


async def heard(mente: Mente, number: str, decision: Decision, reason: str) -> None:
    async def seated() -> bool:
        return len(await assigned(mente, number)) == 3

    await until(seated)
    for expert in await assigned(mente, number):
        await send(mente, number, GiveVerdict, actor=f"expert:{expert}", decision=decision, reason=reason)


async def assigned(mente: Mente, number: str) -> list[str]:
    return [seat.expert for seat in (await mente.status(number)).panel if seat.state == "assigned"]


async def bad_messages(run: Run, number: str) -> None:
    """Sealed messages that are refused, each with markers inside, and one plain one that shows what a leak is."""
    handle = run.mente.handle(number)
    content = {"reason": WORDS["bad"], "actor": f"expert:{NAME}", "phone": PHONE, "command_id": ID_NUMBER + "!"}
    for name in ("give_verdict", "withdraw", "wihtdraw", "change_contact"):
        await handle.signal(name, content)
        await handle.signal(name, args=[content, content])
        with contextlib.suppress(Exception):
            await handle.execute_update(name, content)
    await handle.signal(
        "withdraw", {**content, "command_id": "c-1", "actor": "counter:1", "reason": WORDS["bad"] * 300}
    )
    careless = careless_client(run.mente.client, run.house.keys).get_workflow_handle(number)
    await careless.signal("recuse", raw(json.dumps({"reason": CONTROL}).encode(), encoding=b"json/plain"))


async def _logged(run: Run, activity: str) -> bool:
    log = (run.home / "logs" / "worker-1.log").read_text("utf-8", "replace")
    return any("as failed" in line and activity in line for line in log.splitlines())


async def refused_by_the_program(run: Run, folder: Path) -> None:
    """Let the program refuse marked input in both forms of output, and keep all it prints."""
    good = application(130_004, PANZHIHUA, folder / "materials")
    wrong = good | {"applicant": good["applicant"] | {"id_number": ID_NUMBER[:-1] + "Y"}}
    twice = good | {"materials": [good["materials"][0], good["materials"][0]]}
    number = run.numbers[0]
    for name, form in (("wrong", wrong), ("twice", twice), ("second", good)):
        (folder / f"{name}.json").write_text(json.dumps(form, ensure_ascii=False), "utf-8")
    broken = folder / "broken"
    broken.mkdir()
    for paper in good["materials"]:
        (broken / paper["file"]).write_bytes(IN_JPG.encode())
    for output in ("human", "json"):
        shared = ("--output", output)
        await run_program(run, "apply", str(folder / "wrong.json"), *shared)
        await run_program(run, "apply", str(folder / "twice.json"), *shared)
        await run_program(run, "apply", str(folder / "second.json"), *shared)
        await run_program(run, "apply", str(folder / "second.json"), "--materials", str(broken), *shared)
        given = ("--expert", "E999", "--decision", "deny", "--reason", WORDS["deny"])
        await run_program(run, "verdict", number, *given, *shared)
        await run_program(run, "withdraw", ID_NUMBER, "--reason", WORDS["withdraw"], *shared)


async def run_program(run: Run, *arguments: str) -> None:
    """Run `mente`; it must refuse. What it prints is kept."""
    program = str(Path(sys.executable).parent / "mente")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(run),
    )
    printed = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 1, (arguments[0], process.returncode, printed)
    assert b"Traceback" not in printed[1]
    run.printed += printed


def _environment(run: Run) -> dict[str, str]:
    return {**os.environ, "MENTE_HOME": str(run.home)}


# -- the search -------------------------------------------------------------------------------------------------


async def test_the_search_finds_what_is_there(lived: Run) -> None:
    places = lived.places()
    assert {"temporal.db", "temporal.db-wal", "temporal.log", "worker-1.log"} <= {name for name, _ in places}
    for number in lived.numbers[:2]:
        assert len(
            {hit.rpartition(" in ")[2] for hit in found_in(places, [number])} & {"temporal.db", "temporal.db-wal"}
        )
    assert any(hit.endswith("worker-1.log") for hit in found_in(places, [lived.numbers[0]]))
    assert found_in(places, [CONTROL]), "a marker sent unsealed would be found"
    for form in (CONTROL.encode("utf-16-le"), b"x" + CONTROL.encode().hex().encode()):
        assert found_in([("a place", form)], [CONTROL])
    for shift in range(3):
        hidden = base64.b64encode(b"-" * shift + NAME.encode() + b"+++")
        assert found_in([("a place", hidden)], [NAME]), shift


async def test_the_markers_went_through_the_whole_run(lived: Run) -> None:
    kept = list(files_below(lived.home, "mente.db*"))
    own = [NAME, ID_NUMBER, PHONE, EMAIL, NEW_PHONE, NEW_EMAIL, AGENT_NAME, AGENT_PHONE, AGENT_ID_NUMBER]
    for marker in (*own, *(WORDS[each] for each in WORDS if each != "bad")):
        assert found_in(kept, [marker]) or _in_trail(kept, marker), marker
    statuses = [(await lived.mente.status(number)).status for number in lived.numbers]
    assert statuses == [Status.EFFECTIVE, Status.DENIED, Status.WITHDRAWN]


def _in_trail(kept: list[tuple[str, bytes]], marker: str) -> bool:
    # JSON columns are written with escapes
    escaped = json.dumps(marker)[1:-1].encode()
    return any(escaped in content for _, content in kept)


async def test_no_marker_stands_in_temporal_in_a_log_in_a_refusal_or_in_a_file_name(lived: Run) -> None:
    assert found_in(lived.places(), MARKERS) == []


async def test_ids_search_attributes_and_memos_hold_no_marker(lived: Run) -> None:
    client = careless_client(lived.mente.client, lived.house.keys)
    seen: list[tuple[str, bytes]] = []
    memos = 0
    async for run in client.list_workflows(""):
        info = run.raw_info
        seen += [(run.id, run.id.encode()), (f"{run.id} attributes", info.search_attributes.SerializeToString())]
        seen.append((f"{run.id} whole", info.SerializeToString()))
        memos += len(info.memo.fields)
        assert list(unsealed_payloads(info.memo)) == []
    assert memos > 0
    assert found_in(seen, MARKERS) == []
    assert found_in(seen, lived.numbers[:1]) != []
    attributes = b"".join(content for name, content in seen if name.endswith("attributes"))
    assert PANZHIHUA[1].encode() + b'"' not in attributes


async def test_every_payload_in_every_history_is_sealed(lived: Run) -> None:
    client = careless_client(lived.mente.client, lived.house.keys)
    plain, failures, histories = [], [], 0
    async for run in client.list_workflows(""):
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        histories += 1
        for event in history.events:
            plain += [payload for payload in unsealed_payloads(event) if not _is_bookkeeping(event, payload)]
            failures += list(failures_in(event))
    assert histories > 5
    assert failures, "activities failed on the way"
    assert {(failure.message, failure.stack_trace) for failure in failures} == {("Encoded failure", "")}
    assert [payload.data for payload in plain] == [json.dumps({"reason": CONTROL}).encode()]


def _is_bookkeeping(event: Any, payload: Any) -> bool:
    # the SDK's own record of a local activity: ids, counts and times
    return any(
        payload in each.payloads
        for key, each in event.marker_recorded_event_attributes.details.items()
        if key == "data"
    )
