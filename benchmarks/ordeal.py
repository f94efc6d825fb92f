"""Lives of cases that go on through kills, and the count of what must never come twice.

Used by `benchmarks.soak` and by the end-to-end tests. A sender here behaves as a good back end does: it repeats a
command with its own id until it is answered.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select
from temporalio.service import RPCError

from domain.commands import Command, GiveVerdict
from domain.events import EventKind
from domain.vocabulary import Decision, MaterialKind, Status
from samples.make import quick_application
from starter.client import Mente, Unanswered, new_command_id
from starter.demo.moves import skip_past
from starter.embedded import Child
from starter.skipping import StillSkipping
from storage.audit import verify_chain
from storage.notice_standing import OPEN
from storage.tables import (
    case,
    case_event,
    certificate,
    inbox_message,
    notice,
    notice_attempt,
    sms_outbox,
    verdict,
)
from worker.connection import Unreachable

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 150.0
"""How long a sender repeats a command; several recoveries from a kill fit into it."""

_TRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.2
_NO_ANSWER = (Unanswered, Unreachable, RPCError, StillSkipping, TimeoutError)

PANZHIHUA, JIUQUAN = "510400", "620900"
_DISEASES = {PANZHIHUA: "510400-003", JIUQUAN: "620900-012"}
_CHANNELS = {PANZHIHUA: "channel:panzhihua-app", JIUQUAN: "channel:gansu-web"}
_LEFT_OUT = MaterialKind.DIAGNOSIS_CERTIFICATE


class Course(StrEnum):
    """What befalls a case."""

    GRANTED = "granted"
    SUPPLEMENTED = "supplemented"
    MORE_EVIDENCE = "more_evidence"
    DENIED = "denied"


@dataclass(frozen=True)
class Plan:
    """One case to be lived: the person by `seed`, the city, the course."""

    seed: int
    region: str
    course: Course

    @property
    def ends_as(self) -> Status:
        """The status in which the case rests when it went well."""
        return Status.DENIED if self.course is Course.DENIED else Status.EFFECTIVE

    @property
    def kinds(self) -> list[str]:
        """The entries of the audit trail when every message was carried out once."""
        return _expected_kinds(self)

    @property
    def notices(self) -> list[str]:
        """The notices of the case, in order."""
        return _expected_notices(self)


def plan_of(number: int, *, first_seed: int) -> Plan:
    """Return one of an endless row of plans that goes through both cities and every course."""
    courses = list(Course)
    region = (PANZHIHUA, JIUQUAN)[number % 2]
    return Plan(seed=first_seed + number, region=region, course=courses[number // 2 % len(courses)])


def plans(count: int, *, first_seed: int) -> list[Plan]:
    """Return the first plans of the row."""
    return [plan_of(number, first_seed=first_seed) for number in range(count)]


def _expected_kinds(plan: Plan) -> list[str]:
    kinds = ["submitted"]
    supply = ["supplement_requested", "materials_supplied"]
    heard = ["verdict_given"] * 3 + ["panel_counted"]
    if plan.course is Course.SUPPLEMENTED:
        kinds += supply
    kinds += ["accepted", "panel_assigned", *heard]
    if plan.course is Course.MORE_EVIDENCE:
        kinds += [*supply, "panel_assigned", *heard]
    if plan.course is Course.DENIED:
        return [*kinds, "denied"]
    kinds.append("approved")
    if plan.region == JIUQUAN:
        kinds.append("publicity_started")
    return [*kinds, "certificate_issued", "granted"]


def _expected_notices(plan: Plan) -> list[str]:
    asked = {Course.SUPPLEMENTED: ["supplement", "accepted"], Course.MORE_EVIDENCE: ["accepted", "supplement"]}
    told = list(asked.get(plan.course, ["accepted"]))
    if plan.course is Course.DENIED:
        return [*told, "denied"]
    return [*told, *(["publicity"] if plan.region == JIUQUAN else []), "granted"]


# -- living -----------------------------------------------------------------------------------------------------


async def insist(action: Callable[[], Awaitable[Answer]]) -> Answer:
    """Repeat an action until it is answered; safe because commands and requests carry their ids."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(*_NO_ANSWER):
                return await action()
            await asyncio.sleep(_PAUSE_SECONDS)


class Life:
    """One case, driven from application to rest; `number` is set once it is known."""

    def __init__(self, mente: Mente, plan: Plan, folder: Path, think: random.Random) -> None:
        self.plan = plan
        self.number = ""
        self._mente = mente
        self._folder = folder
        self._think = think

    async def live(self) -> Status:
        """Live the whole course; return the status in which the case rests."""
        course = self.plan.course
        await self._apply()
        if course is Course.SUPPLEMENTED:
            await self._supply()
        await self._hear(Decision.MORE_EVIDENCE if course is Course.MORE_EVIDENCE else self._word)
        if course is Course.MORE_EVIDENCE:
            await self._supply()
            await self._hear(Decision.GRANT)
        if course is not Course.DENIED and self.plan.region == JIUQUAN:
            await self._until(Status.PUBLICITY, Status.EFFECTIVE)
            await insist(self._pass_publicity)
        await self._until(self.plan.ends_as)
        return self.plan.ends_as

    @property
    def _word(self) -> Decision:
        return Decision.DENY if self.plan.course is Course.DENIED else Decision.GRANT

    async def _apply(self) -> None:
        received_at = datetime.now(UTC) - timedelta(minutes=1)
        raw, papers = quick_application(self.plan.seed, self.plan.region, _DISEASES[self.plan.region], received_at)
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, content in papers.items():
            (self._folder / name).write_bytes(content)
        declared: list[dict[str, object]] = raw["materials"]
        self._missing = [paper for paper in declared if paper["kind"] == _LEFT_OUT]
        if self.plan.course is Course.SUPPLEMENTED:
            raw["materials"] = [paper for paper in declared if paper["kind"] != _LEFT_OUT]
        self.number = (await insist(lambda: self._mente.apply(raw, self._folder, wait=0))).acceptance_no

    async def _supply(self) -> None:
        await self._until(Status.SUPPLEMENT)
        command_id, actor = new_command_id(), _CHANNELS[self.plan.region]
        await self._ponder()
        await insist(
            lambda: self._mente.supply(self.number, self._missing, self._folder, actor=actor, command_id=command_id)
        )

    async def _hear(self, decision: Decision) -> None:
        await self._until(Status.REVIEW)
        experts = [seat.expert for seat in (await self._mente.status(self.number)).panel if seat.state == "assigned"]
        missing = (_LEFT_OUT,) if decision is Decision.MORE_EVIDENCE else ()
        for expert in experts:
            await self._ponder()
            await self._send(
                GiveVerdict(
                    command_id=new_command_id(),
                    actor=f"expert:{expert}",
                    decision=decision,
                    reason="依据材料作出判断",
                    missing=missing,
                )
            )

    async def _send(self, command: Command) -> None:
        await insist(lambda: self._mente.send(self.number, command, wait=_TRY_SECONDS))

    async def _pass_publicity(self) -> None:
        status = await self._mente.status(self.number)
        if status.status is Status.PUBLICITY:
            await skip_past(self._mente, self.number, status.due)

    async def _until(self, *wanted: Status) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await insist(lambda: self._mente.status(self.number))).status not in wanted:
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _ponder(self) -> None:
        await asyncio.sleep(self._think.uniform(0, 1))


# -- killing ----------------------------------------------------------------------------------------------------


def kill(child: Child) -> None:
    """End a child with SIGKILL; whoever keeps it alive starts it again."""
    process = child.process
    assert process is not None, "started before it is killed"
    with contextlib.suppress(ProcessLookupError):
        process.kill()


# -- counting ---------------------------------------------------------------------------------------------------

_ONCE = frozenset(
    {
        EventKind.SUBMITTED,
        EventKind.ACCEPTED,
        EventKind.NOT_ACCEPTED,
        EventKind.APPEALED,
        EventKind.PUBLICITY_STARTED,
        EventKind.GRANTED,
        EventKind.LIMIT_BREACHED,
        EventKind.LAPSED,
        EventKind.WITHDRAWN,
        EventKind.ENDED,
    }
)
"""Entries a case can have once in its life."""


async def wrongs(mente: Mente, mail_dir: Path) -> list[str]:
    """Return what stands wrongly in the records of the whole house: broken chains, and anything that came twice."""
    async with mente.database.read() as connection:
        faults = [f"chain: {fault}" for fault in await verify_chain(connection, None)]
        events = (await connection.execute(select(case_event.c.acceptance_no, case_event.c.kind))).all()
        given = await connection.scalar(select(func.count()).select_from(verdict).where(verdict.c.state == "given"))
        issued = (await connection.execute(select(certificate.c.acceptance_no, certificate.c.effect_on))).all()
    counted = Counter((row.acceptance_no, row.kind) for row in events)
    said = sum(count for (_, kind), count in counted.items() if kind == EventKind.VERDICT_GIVEN)
    return [
        *faults,
        *(f"event twice: {key}" for key, times in counted.items() if key[1] in _ONCE and times > 1),
        *([f"{said} verdicts in the trail, {given} in the table"] if said != given else []),
        *(f"certificate twice: {number}" for (number, _), times in Counter(map(tuple, issued)).items() if times > 1),
        *await notice_wrongs(mente, mail_dir),
        *await _workflow_wrongs(mente),
    ]


async def notice_wrongs(mente: Mente, mail_dir: Path) -> list[str]:
    """Compare what was to be sent with what arrived: each notice at most once, and surely once where it is `sent`."""
    async with mente.database.read() as connection:
        attempts = (await connection.execute(select(notice_attempt))).mappings().all()
        arrived = Counter((await connection.scalars(select(sms_outbox.c.reference))).all())
        arrived += Counter((await connection.scalars(select(inbox_message.c.reference))).all())
    kept = Counter(path.stem.rpartition("-")[0] for path in mail_dir.glob("*.eml"))
    found = [f"mail twice: {key}" for key, times in kept.items() if times > 1]
    channels = Counter((row["acceptance_no"], row["seq"], row["channel"]) for row in attempts)
    found += [f"channel twice: {key}" for key, times in channels.items() if times > 1]
    for row in attempts:
        key = f"{row['acceptance_no']}.n{row['seq']}"
        there = kept[key] if row["channel"] == "email" else arrived[row["reference"]]
        if row["state"] == "sent" and not there:
            found.append(f"sent but never arrived: {key} {row['channel']}")
        if row["state"] not in ("sent", "delivered", "unknown", "skipped"):
            found.append(f"not settled well: {key} {row['channel']} {row['state']}")
    known = {f"{row['acceptance_no']}.n{row['seq']}" for row in attempts}
    return [*found, *(f"mail of no notice: {key}" for key in kept if key not in known)]


_ENDED_BADLY = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')"


async def _workflow_wrongs(mente: Mente) -> list[str]:
    runs = Counter([run.id async for run in mente.client.list_workflows("WorkflowType = 'Notice'")])
    failed = [run.id async for run in mente.client.list_workflows(_ENDED_BADLY)]
    async with mente.database.read() as connection:
        rows = (await connection.execute(select(notice.c.acceptance_no, notice.c.seq))).all()
    wanted = {f"{row.acceptance_no}.n{row.seq}" for row in rows}
    return [
        *(f"notice workflow twice: {key}" for key, times in runs.items() if times > 1),
        *(f"notice without workflow: {key}" for key in wanted - set(runs)),
        *(f"workflow ended badly: {key}" for key in failed),
    ]


async def until_notices_rest(mente: Mente, seconds: float = 60) -> None:
    """Wait until every notice has an outcome and no attempt is open."""
    async with asyncio.timeout(seconds):
        while await _open_notices(mente):
            await asyncio.sleep(_PAUSE_SECONDS)


async def _open_notices(mente: Mente) -> int:
    tried = select(func.count()).select_from(notice_attempt).where(notice_attempt.c.state.in_(OPEN))
    unsettled = select(func.count()).select_from(notice).where(notice.c.settled_at.is_(None))
    async with mente.database.read() as connection:
        return int(await connection.scalar(tried) or 0) + int(await connection.scalar(unsettled) or 0)


async def statuses(mente: Mente) -> Counter[str]:
    """Return how many cases stand where."""
    async with mente.database.read() as connection:
        rows = await connection.execute(select(case.c.status, func.count()).group_by(case.c.status))
        return Counter({str(status): int(count) for status, count in rows})
