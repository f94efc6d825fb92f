"""A case in the hands of a test: start it, talk to it, let its own time pass, read what the city wrote."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper

from activities.contract import CASE_QUEUE, ActivityName, CommandReceipt, StartApplication
from domain.application import Applicant, ApplicationForm, Material
from domain.case_rules import CaseRules
from domain.clock import Ledger
from domain.moments import CST
from domain.refusal import Refusal
from domain.vocabulary import ApplicationKind, Decision, InsuredCategory, MaterialKind, Status
from tests.workflows.fake_city import FakeCity, Script, Written, rules_of
from workflows.application import ApplicationWorkflow
from workflows.showing import StatusView

PANZHIHUA = ("510400", "510400-003")
JIUQUAN = ("620900", "620900-017")
SECONDS = 40
_numbers = itertools.count(1)


def panzhihua(**changes: object) -> CaseRules:
    """Return Panzhihua's rules for diabetes: no publicity, effect on approval."""
    return rules_of(PANZHIHUA[0], PANZHIHUA[1], changes)


def jiuquan(**changes: object) -> CaseRules:
    """Return Jiuquan's rules for a disease with publicity."""
    return rules_of(JIUQUAN[0], JIUQUAN[1], changes)


def paper(kind: MaterialKind, mark: str = "a", issued_on: date | None = None) -> dict[str, Any]:
    """Return a paper as a message carries it."""
    sha256 = (mark * 64)[:64]
    return Material(kind=kind, sha256=sha256, issued_on=issued_on).model_dump(mode="json")


@dataclass
class Living:
    """One running case."""

    client: Client
    city: FakeCity
    number: str
    script: Script
    written: Written
    first_run: str = ""

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The case's newest run."""
        return self.client.get_workflow_handle(self.number)

    @property
    def kinds(self) -> list[str]:
        """The kinds of all entries, in order."""
        return [event.kind.value for event in self.written.events]

    def status(self) -> Status:
        """The status in the read model."""
        return self.written.events[-1].status_to

    @property
    def ledger(self) -> Ledger:
        """The decision limit in the read model."""
        ledger = self.written.rows[-1].ledger
        assert ledger is not None
        return ledger

    @property
    def told(self) -> list[str]:
        """The events of all notices, in order."""
        return [notice.event.value for notice in self.written.notices]

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The details of all refused messages."""
        return [event.detail for event in self.written.events if event.kind == "refused"]

    async def view(self) -> StatusView:
        """Ask the case where it stands."""
        view: StatusView = await self.handle.query("status", result_type=StatusView)
        return view

    async def experts(self) -> tuple[str, ...]:
        """Return the experts of the panel."""
        return (await self.view()).experts

    async def send(
        self, name: str, actor: str = "channel:app", command_id: str = "", **fields: Any
    ) -> CommandReceipt:
        """Send a command as an update and wait for its receipt."""
        content = {"command_id": command_id or f"c{next(_numbers)}", "actor": actor, **fields}
        receipt: CommandReceipt = await self.handle.execute_update(name, content, result_type=CommandReceipt)
        await self.idle()
        return receipt

    async def refused(self, name: str, *args: Any) -> Refusal:
        """Send an update that must be refused, and return the refusal."""
        try:
            await self.handle.execute_update(name, args=args)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            assert isinstance(cause, ApplicationError), cause
            assert cause.type == "Refused"
            refusal = Refusal.model_validate(cause.details[0])
            assert refusal.message == cause.message
            assert any("\u4e00" <= character <= "\u9fff" for character in refusal.message)
            return refusal
        raise AssertionError(f"{name} was not refused")

    async def signal(self, name: str, *args: Any) -> None:
        """Send a signal with any arguments, and wait until it has been dealt with."""
        await self.handle.signal(name, args=args)
        await self.idle()

    async def say(self, name: str, actor: str = "channel:app", command_id: str = "", **fields: Any) -> None:
        """Send a command as a signal, without waiting."""
        content = {"command_id": command_id or f"c{next(_numbers)}", "actor": actor, **fields}
        await self.handle.signal(name, content)

    async def verdicts(self, *decisions: str, reason: str = "依据材料") -> None:
        """Have the experts decide, in seat order."""
        for expert, decision in zip(await self.experts(), decisions, strict=False):
            await self.verdict(expert, decision, reason=reason)

    async def verdict(self, expert: str, decision: str, **fields: Any) -> CommandReceipt:
        """Have one expert decide."""
        fields.setdefault("reason", "依据材料")
        return await self.send("give_verdict", actor=f"expert:{expert}", decision=decision, **fields)

    async def supply(self, *papers: dict[str, Any]) -> CommandReceipt:
        """Hand in papers."""
        return await self.send("supply_materials", materials=list(papers))

    async def now(self) -> datetime:
        """Return the case's own time."""
        return await TimeSkipper(self.client).get_current_time(self.handle)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        await until(self._is_idle)

    async def _is_idle(self) -> bool:
        raw = (await self.handle.describe()).raw_description
        return not raw.pending_activities and not raw.HasField("pending_workflow_task")

    async def skip(self, by: timedelta) -> None:
        """Let time pass."""
        await self.idle()
        if (await self.handle.describe()).close_time is not None:
            return
        async with asyncio.timeout(SECONDS):
            await TimeSkipper(self.client).fast_forward(self.handle, by)
        await self._rest()

    async def _rest(self) -> None:
        # A timer that is due fires some time after the skip is reported done.
        await self.idle()
        async with asyncio.timeout(SECONDS):
            while await self._a_timer_is_due():
                await asyncio.sleep(0.02)
                await self.idle()

    async def _a_timer_is_due(self) -> bool:
        due: dict[str, datetime] = {}
        for event in await self.history():
            if event.HasField("timer_started_event_attributes"):
                started = event.timer_started_event_attributes
                begun = event.event_time.ToDatetime(tzinfo=UTC)
                due[started.timer_id] = begun + started.start_to_fire_timeout.ToTimedelta()
            elif event.HasField("timer_fired_event_attributes"):
                due.pop(event.timer_fired_event_attributes.timer_id, None)
            elif event.HasField("timer_canceled_event_attributes"):
                due.pop(event.timer_canceled_event_attributes.timer_id, None)
        return bool(due) and await self.running() and min(due.values()) <= await self.now()

    async def skip_to(self, at: datetime, seconds: float = 1) -> None:
        """Let time pass until a little after an instant."""
        await self.skip(at - await self.now() + timedelta(seconds=seconds))

    async def skip_to_due(self) -> None:
        """Let time pass until what is awaited is late."""
        due = (await self.view()).due
        assert due is not None, "nothing is due"
        await self.skip_to(due, seconds=2)

    async def while_writing(
        self, saying: Awaitable[None], seconds: float = 0.3, *, past: datetime | None = None
    ) -> None:
        """Say something while the case is busy writing for some real seconds, in which a timer rings if told when."""
        name = ActivityName.RECORD_EVENTS
        self.script.held[name] = asyncio.Event()
        asked = len(self.written.asked)
        await self.say("change_contact", phone="13900000001")
        async with asyncio.timeout(SECONDS):
            while len(self.written.asked) == asked:
                await asyncio.sleep(0.01)
        await saying
        if past is not None:
            assert await self.now() < past, "it is said before the timer rings"
            async with asyncio.timeout(SECONDS):
                while await self.now() < past or await self._a_timer_is_due():
                    await asyncio.sleep(0.05)
        await asyncio.sleep(seconds)
        self.script.held.pop(name).set()
        await self.idle()

    async def skip_working_days(self, days: int, seconds: float = 1) -> datetime:
        """Let time pass until just after the close of the n-th working day from now; return the close."""
        rules = self.script.rules
        assert rules is not None
        now = (await self.now()).astimezone(CST)
        calendar = self.city.calendar_of(self.number, now.date())
        on = calendar.add_working_days(now.date(), days)
        close = datetime.combine(on, rules.close_of_business, tzinfo=CST)
        await self.skip_to(close, seconds)
        return close

    async def result(self) -> str:
        """Wait for the end and return the final status."""
        async with asyncio.timeout(SECONDS):
            final = await self.handle.result()
        assert final == self.status().value
        return str(final)

    async def history(self) -> list[Any]:
        """Return the history of the newest run."""
        return [event async for event in self.handle.fetch_history_events()]

    async def running(self) -> bool:
        """Whether the case still lives."""
        return (await self.handle.describe()).close_time is None


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a check holds."""
    async with asyncio.timeout(SECONDS):
        while not await check():
            await asyncio.sleep(0.015)


def raw(content: bytes, encoding: bytes = b"json/plain", **metadata: bytes) -> RawValue:
    """Return an argument of any bytes."""
    return RawValue(Payload(metadata={"encoding": encoding, **metadata}, data=content))


def command(actor: str = "channel:app", command_id: str = "", **fields: Any) -> dict[str, Any]:
    """Return a command's JSON object."""
    return {"command_id": command_id or f"c{next(_numbers)}", "actor": actor, **fields}


class Town:
    """Starts cases."""

    def __init__(self, client: Client, city: FakeCity) -> None:
        self.client = client
        self.city = city

    async def apply(
        self, script: Script | CaseRules | None = None, *, idle: bool = True, channel: str = "app"
    ) -> Living:
        """Start a case and let it settle."""
        if not isinstance(script, Script):
            script = Script(rules=script or panzhihua())
        region = script.rules.region if script.rules else PANZHIHUA[0]
        number = f"{region}-TEST-{next(_numbers):04}-0000-0"
        written = self.city.expect(number, script)
        started = await self.client.start_workflow(
            ApplicationWorkflow.run, _start(number, script, channel), id=number, task_queue=CASE_QUEUE
        )
        case = Living(self.client, self.city, number, script, written, first_run=started.first_execution_run_id or "")
        if idle:
            await case.idle()
        return case

    async def granted(self, script: Script | CaseRules | None = None) -> Living:
        """Start a case and bring it into effect."""
        case = await self.apply(script)
        await case.verdicts("grant", "grant", "grant")
        if case.status() is Status.PUBLICITY:
            await case.skip_to_due()
        assert case.status() is Status.EFFECTIVE
        await case.idle()
        return case


def _start(number: str, script: Script, channel: str) -> StartApplication:
    form = ApplicationForm(
        request_id=number,
        channel=channel,
        region=number[:6],
        kind=ApplicationKind.NEW,
        disease_id=script.rules.disease_id if script.rules else "620900-017",
        applicant=Applicant(
            name="测试", id_number="0", phone="13800000000", insured_category=InsuredCategory.RESIDENT
        ),
        hospital_id="H1",
        materials=(),
    )
    return StartApplication(
        acceptance_no=number,
        person_key=number,
        fingerprint="f",
        form=form,
        materials=(Material(kind=MaterialKind.DIAGNOSIS_CERTIFICATE, sha256="d" * 64, hospital_id="H9"),),
        received_at=datetime.now(UTC),
    )


def decisions(case: Living) -> list[Decision | None]:
    """Return what the verdict table says, in order of arrival."""
    return [row.decision for row in case.written.verdicts if row.decision is not None]


def compact(content: Any) -> bytes:
    """Return JSON bytes."""
    return json.dumps(content, ensure_ascii=False).encode()
