"""The stage histories are recorded on: a real house with time skipping, and the moves a scene is played with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.testing import TimeSkipper

from activities.cases import CaseActivities
from activities.contract import CommandReceipt, StartApplication
from activities.notice_contract import NoticeSent, NoticeState
from activities.notices.email import HandingOver, Letter
from activities.notices.outcomes import Postponed, Unclear
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.sms import Sms, SmsAnswer, SmsTrace
from activities.starting import notice_workflow_id
from domain.case_status import CaseStatus
from domain.commands import Command
from domain.intake import parse_form
from domain.refusal import Refused
from domain.vocabulary import Decision, InsuredState, Status
from samples.make import make_story, quick_application
from starter.client import Mente
from starter.demo import moves
from starter.embedded import House, house
from starter.seeing import Visible
from starter.server import free_port
from starter.skipping import settle
from storage import reading
from storage.database import Database
from storage.objects import ObjectStore
from storage.registers import import_registry
from tests.replay.fixed_keys import lay_test_keys
from tests.replay.histories import (
    LIVES,
    Events,
    Life,
    dumped,
    ending_of,
    last_status,
    scrubbed,
    workflow_of,
)
from worker.connection import connect_embedded
from worker.running import case_worker, following_worker, notice_worker, registry_worker

WAIT_SECONDS = 60
SUPERVISED = "620900"
"""The region that reports exceeded limits to a supervisor here; the other has none on file."""

Edit = Callable[[dict[str, Any]], None]


class WrongLife(Exception):
    """A scene did not end where its name says."""


class Unguarded(Mente):
    """A back end that looked for a second case before the first was written."""

    async def _refuse_second_case(self, start: StartApplication, visible: Visible) -> None:
        return None


class ScriptedSms:
    """A gateway that does what was arranged for a phone number, or `<number> <provider>`; takes everything else."""

    def __init__(self) -> None:
        self.arranged: dict[str, NoticeState | Exception] = {}

    async def send(self, message: Sms) -> SmsAnswer:
        """Answer as arranged."""
        of_all = self.arranged.get(message.phone, NoticeState.SENT)
        answer = self.arranged.get(f"{message.phone} {message.provider}", of_all)
        if isinstance(answer, Exception):
            raise answer
        return SmsAnswer.model_validate({"state": answer})

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Know nothing: what is in doubt stays so."""
        raise Postponed("sms-cannot-say")


class ScriptedMail:
    """A mail server that loses what goes to the addresses arranged; takes everything else."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Take the letter, or lose the connection after it."""
        await handing_over()
        if letter.to in self.lost:
            raise Unclear("smtp-lost")


@dataclass
class Stage:
    """A house, its client, providers that do as arranged, and the folder histories are written to."""

    mente: Mente
    running: House
    sms: ScriptedSms
    mail: ScriptedMail
    papers: Path
    out: Path
    kept: dict[str, int] = field(default_factory=dict)
    _seeds: "count[int]" = field(default_factory=lambda: count(1))

    # -- moves --------------------------------------------------------------------------------------------------

    async def apply(
        self,
        disease_id: str,
        *,
        seed: int | None = None,
        edit: Edit = lambda raw: None,
        arrange: Edit = lambda applicant: None,
        insured: InsuredState | None = None,
    ) -> str:
        """Hand in a complete application of a made-up person, changed by `edit`; return the number."""
        seed = seed if seed is not None else next(self._seeds)
        region = disease_id[:6]
        raw, papers = quick_application(seed, region, disease_id, datetime.now(UTC) - timedelta(minutes=1))
        raw["request_id"] = f"R-{seed}-{disease_id}"
        edit(raw)
        arrange(raw["applicant"])
        if insured is not None:
            await self._register(raw["applicant"]["id_number"], region, insured)
        folder = self.papers / f"{seed}-{disease_id}"
        folder.mkdir(exist_ok=True)
        for name, content in papers.items():
            (folder / name).write_bytes(content)
        try:
            return (await self.mente.apply(raw, folder)).acceptance_no
        except Refused:
            # the duplicate: its case exists, closed at once
            return self.mente.number_of(parse_form(raw))

    async def _register(self, id_number: str, region: str, state: InsuredState) -> None:
        text = f"id_number,region,state\n{id_number},{region},{state.value}\n"
        async with self.mente.database.write() as connection:
            await import_registry(connection, text, self.running.keys.person_key)

    async def until(self, number: str, *wanted: Status) -> CaseStatus:
        """Wait until a case shows one of the statuses and is idle."""
        await moves.until_status(self.mente, number, *wanted)
        await settle(self.mente, number)
        return await self.mente.status(number)

    async def seated(self, number: str) -> None:
        """Wait until somebody is asked for a verdict."""

        async def there() -> bool:
            return any(seat.state == "assigned" for seat in (await self.mente.status(number)).panel)

        await moves.until(there)
        await settle(self.mente, number)

    async def verdicts(self, number: str, *decisions: Decision) -> None:
        """Have the seated experts decide."""
        await self.seated(number)
        await moves.verdicts(self.mente, number, *decisions)

    async def send(self, number: str, kind: type[Command], **fields: object) -> CommandReceipt:
        """Send a command with a fresh id."""
        return await moves.send(self.mente, number, kind, **fields)

    async def past_due(self, number: str) -> None:
        """Let a case live past the instant it waits for."""
        await settle(self.mente, number)
        await moves.skip_past(self.mente, number, (await self.mente.status(number)).due)

    async def skip(self, number: str, days: float) -> None:
        """Let a case live through some days."""
        await moves.skip(self.mente, number, days)

    async def supply(self, number: str, *kinds: str) -> None:
        """Hand in the papers of these kinds, declared as in a complete application of today."""
        folder = self.papers / f"supply-{number}"
        raw, papers = quick_application(0, number[:6], "510400-003", datetime.now(UTC))
        declared = [paper for paper in raw["materials"] if paper["kind"] in kinds]
        folder.mkdir()
        for paper in declared:
            (folder / paper["file"]).write_bytes(papers[paper["file"]])
        await self.mente.supply(number, declared, folder, actor="channel:back-end")

    async def supply_records(self, number: str) -> None:
        """Hand in what a yearly recheck of a disease with records asks for."""
        folder = self.papers / "panzhihua-diabetes" / "recheck"
        declared = json.loads((folder / "recheck.json").read_text("utf-8"))
        await self.mente.supply(number, declared, folder, actor="channel:back-end")

    # -- keeping ------------------------------------------------------------------------------------------------

    async def keep(self, name: str, number: str, *, run: int = 0) -> None:
        """Write down the history of a case's run, -1 the newest; raises `WrongLife` if it is another life."""
        if LIVES[name].ending == "open":
            await settle(self.mente, number)
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                runs = await chain_of(self.mente.client, number)
                if run < len(runs) and _stands(runs[run], LIVES[name]):
                    break
                await asyncio.sleep(0.1)
        self._write(name, runs[run], last_status(runs[run]))

    async def keep_notice(self, name: str, number: str, event: str, *, give_up: bool = False) -> None:
        """Write down the history of the notice that told of `event`."""
        workflow_id = notice_workflow_id(number, await self._notice_of(number, event))
        handle = self.mente.client.get_workflow_handle(workflow_id, result_type=NoticeSent)
        state = ""
        if give_up:
            await _until_retrying(self.mente.client, workflow_id)
            async with asyncio.timeout(WAIT_SECONDS):
                await TimeSkipper(self.mente.client).fast_forward(handle, timedelta(days=4))
        if LIVES[name].ending == "open":
            await _until_retrying(self.mente.client, workflow_id)
        else:
            async with asyncio.timeout(WAIT_SECONDS):
                state = (await handle.result()).state.value
        self._write(name, (await chain_of(self.mente.client, workflow_id))[0], state)

    async def keep_run(self, name: str, workflow_id: str) -> None:
        """Write down the history of a notice's workflow as it stands."""
        state = ""
        if LIVES[name].ending != "open":
            handle = self.mente.client.get_workflow_handle(workflow_id, result_type=NoticeSent)
            async with asyncio.timeout(WAIT_SECONDS):
                state = (await handle.result()).state.value
        self._write(name, (await chain_of(self.mente.client, workflow_id))[0], state)

    async def skip_notice(self, workflow_id: str, by: timedelta) -> None:
        """Let a notice live through a span; it must have come to where it waits."""
        await asyncio.sleep(0.5)
        handle = self.mente.client.get_workflow_handle(workflow_id)
        async with asyncio.timeout(WAIT_SECONDS):
            await TimeSkipper(self.mente.client).fast_forward(handle, by)
        await asyncio.sleep(0.5)

    async def _notice_of(self, number: str, event: str) -> int:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                async with self.mente.database.read() as connection:
                    notices = await reading.notices_of(connection, number)
                for notice in notices:
                    if notice.event == event:
                        return notice.seq
                await asyncio.sleep(0.05)

    def _write(self, name: str, events: Events, status: str) -> None:
        shown = Life(workflow_of(events), ending_of(events), status)
        if shown != LIVES[name]:
            raise WrongLife(f"{name} shows {shown}, not {LIVES[name]}")
        path = self.out / f"{name}.json"
        path.write_text(dumped(events), "utf-8")
        self.kept[name] = len(events)


def _stands(events: Events, life: Life) -> bool:
    return ending_of(events) == life.ending and last_status(events) == life.status


async def chain_of(client: Client, workflow_id: str) -> list[Events]:
    """Return the scrubbed events of every run of a workflow, the first first."""
    description = await client.get_workflow_handle(workflow_id).describe()
    run_id = description.raw_description.workflow_execution_info.first_run_id
    runs: list[Events] = []
    while run_id:
        history: WorkflowHistory = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        runs.append(scrubbed(history.to_json_dict())["events"])
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return runs


async def _until_retrying(client: Client, workflow_id: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            raw = (await client.get_workflow_handle(workflow_id).describe()).raw_description
            if any(each.attempt > 1 for each in raw.pending_activities):
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def stage(folder: Path, out: Path) -> AsyncIterator[Stage]:
    """Set the stage below an empty folder."""
    home = folder / "home"
    lay_test_keys(home / "keys")
    make_story("panzhihua-diabetes", folder / "papers", received_at=datetime.now(UTC) - timedelta(minutes=1))
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(home, demo=True, ports=lambda _: free_port()))
        sms, mail = ScriptedSms(), ScriptedMail()
        await _workers(stack, running, sms, mail)
        mente = await stack.enter_async_context(Unguarded.open(running.settings))
        yield Stage(mente=mente, running=running, sms=sms, mail=mail, papers=folder / "papers", out=out)


async def _workers(stack: AsyncExitStack, running: House, sms: ScriptedSms, mail: ScriptedMail) -> None:
    settings, keys = running.settings, running.keys
    client = await connect_embedded(keys=keys, address=running.endpoints.temporal)
    database = Database(settings.database)
    stack.push_async_callback(database.close)
    objects = ObjectStore.at(settings.objects)
    notices = NoticeActivities(
        database=database,
        mailer=mail,
        gateway=sms,
        objects=objects,
        settings=NoticeSettings(supervisors={SUPERVISED: settings.supervisor_email}),
        client=client,
    )
    cases = CaseActivities(database, objects, keys, client)
    await stack.enter_async_context(case_worker(client, settings, cases, notices))
    await stack.enter_async_context(notice_worker(client, settings, notices))
    await stack.enter_async_context(registry_worker(client, settings, database))
    await stack.enter_async_context(following_worker(client, settings, notices))
