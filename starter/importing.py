"""Bringing existing qualifications in: each row that is judged right starts its `Entitlement` directly.

A run may be stopped at any moment and run again with the same table: what is there already is counted as such, what
is missing is started. The row's own reference makes its number, so nothing can come twice.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.contract import CASE_QUEUE, ContinueEntitlement
from domain.acceptance import acceptance_number
from domain.case import CaseState
from domain.import_rows import Judged, Line, Places, RowFault, sift
from domain.imported import IMPORT_CHANNEL, ImportedEntitlement
from domain.moments import local_date
from domain.policy import PolicyBook
from domain.vocabulary import Status
from starter.answers import Unanswered, unreached
from starter.client import Mente
from starter.opening import first_attributes
from starter.pace import Pace, Progress
from storage.database import Database
from storage.imports import KnownImport, known_imports, places_held
from storage.keys import Keys
from worker.connection import Unreachable

PER_SECOND = 100.0
AT_ONCE = 32
ADOPT_SECONDS = 30.0
"""How long a row waits to be written before the run says that no worker is there."""
_LOOK_EVERY = 0.05

OTHER_CONTENT = RowFault(
    line=0,
    field="reference",
    rule="同一统筹区的同一原记录编号只能对应一项资格",
    remedy="请核对该编号；确为另一项资格的，请换用新的编号",
)


@dataclass(frozen=True)
class Waiting:
    """A row to be started under its number."""

    line: int
    number: str
    person_key: str
    content: ImportedEntitlement


@dataclass
class Imported:
    """What came of an import so far. `stopped` says why it did not come to its end."""

    imported: int = 0
    existing: int = 0
    faults: list[RowFault] = field(default_factory=list)
    seconds: float = 0.0
    stopped: Exception | None = None


def number_of(keys: Keys, content: ImportedEntitlement) -> str:
    """Return the acceptance number a row gets."""
    return acceptance_number(
        keys.acceptance, region=content.region, channel=IMPORT_CHANNEL, request_id=content.reference
    )


def compare_rows(judged: Judged, policies: PolicyBook, now: datetime) -> tuple[list[Line], list[RowFault]]:
    """Hold the rows against each other, without a database; return those in order, and the faults."""
    return sift(
        judged.lines,
        Places(),
        number_of=lambda content: content.reference,
        person_of=lambda content: content.applicant.id_number,
        most_of=_most_diseases(policies, now),
    )


async def compare_with_database(
    judged: Judged, policies: PolicyBook, now: datetime, database: Database, keys: Keys
) -> tuple[list[Waiting], Imported]:
    """Hold the rows against what is known; return those to be started, and what is settled about the others."""
    rows = [
        Waiting(each.line, number_of(keys, each.content), _person(keys, each.content), each.content)
        for each in judged.lines
    ]
    async with database.read() as connection:
        known = await known_imports(connection, [row.number for row in rows])
        held = await places_held(connection, sorted({row.person_key for row in rows}))
    settled = Imported(faults=list(judged.faults))
    for row in rows:
        if row.number in known:
            _settle(settled, row, known[row.number], existed=True)
    places = Places()
    for each in held:
        if each.occupies:
            places.holders[each.person_key, each.disease_id] = each.acceptance_no
        if each.live:
            places.live.setdefault((each.person_key, each.region), set()).add(each.acceptance_no)
    fresh = {row.line: row for row in rows if row.number not in known}
    free, faults = sift(
        [each for each in judged.lines if each.line in fresh],
        places,
        number_of=lambda content: number_of(keys, content),
        person_of=lambda content: _person(keys, content),
        most_of=_most_diseases(policies, now),
    )
    settled.faults += faults
    return [fresh[each.line] for each in free], settled


def _person(keys: Keys, content: ImportedEntitlement) -> str:
    return keys.person_key(content.applicant.id_number)


def _most_diseases(policies: PolicyBook, now: datetime) -> Callable[[ImportedEntitlement], int | None]:
    def most(content: ImportedEntitlement) -> int | None:
        value = policies.policy_for(content.region, local_date(now)).filing.max_diseases.value
        return None if value == "none" else value

    return most


def _settle(done: Imported, row: Waiting, known: KnownImport, *, existed: bool) -> None:
    """Count a row whose case is written; one of other content, or not accepted, is a fault."""
    if known.fingerprint != row.content.fingerprint:
        done.faults.append(OTHER_CONTENT.model_copy(update={"line": row.line}))
    elif known.status is Status.NOT_ACCEPTED:
        remedy = "处理后仍须导入的，请以新的原记录编号导入"
        done.faults.append(
            RowFault(line=row.line, field="disease_id", rule=f"未予导入：{known.denial_reason}", remedy=remedy)
        )
    elif existed:
        done.existing += 1
    else:
        done.imported += 1


async def start_all(
    mente: Mente,
    rows: Iterable[Waiting],
    done: Imported,
    *,
    per_second: float = PER_SECOND,
    at_once: int = AT_ONCE,
    progress: Progress = lambda done, all_: None,
) -> None:
    """Start each row and wait until it is written, at most `per_second` a second and `at_once` at a time.

    When the server or every worker is away, nothing more is started and `done.stopped` says so.
    """
    waiting = list(rows)
    waiting.reverse()
    total, began = len(waiting), time.monotonic()
    pace, watch = Pace(per_second), _Watch(mente.database)

    async def one_after_another() -> None:
        while waiting and done.stopped is None:
            row = waiting.pop()
            await pace.turn()
            try:
                await _bring_in(mente, row, watch, done)
            except (Unreachable, Unanswered) as error:
                done.stopped = error
            progress(total - len(waiting), total)

    looking = asyncio.create_task(watch.keep_looking())
    try:
        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        done.seconds = time.monotonic() - began
        done.faults.sort(key=lambda fault: fault.line)


async def _bring_in(mente: Mente, row: Waiting, watch: "_Watch", done: Imported) -> None:
    try:
        existed = not await _start(mente, row)
        same = not existed or await _same_content(mente, row)
    except RPCError as error:
        raise unreached(error) from None
    if not same:
        done.faults.append(OTHER_CONTENT.model_copy(update={"line": row.line}))
        return
    _settle(done, row, await watch.written(row.number), existed=existed)


async def _start(mente: Mente, row: Waiting) -> bool:
    """Start a row's entitlement; False if it has been started before."""
    try:
        await mente.client.start_workflow(
            "Entitlement",
            beginning(row),
            id=row.number,
            task_queue=CASE_QUEUE,
            # As for applications: the number is this record's for ever.
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={"fingerprint": row.content.fingerprint},
            search_attributes=first_attributes(row.content.region),
            static_summary=f"导入既有资格 {row.content.region}",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


def beginning(row: Waiting) -> ContinueEntitlement:
    """Return what an imported entitlement starts with; it is received when it is imported."""
    content = row.content
    return ContinueEntitlement(
        state=CaseState(
            acceptance_no=row.number,
            region=content.region,
            disease_id=content.disease_id,
            channel=IMPORT_CHANNEL,
            person_key=row.person_key,
            hospital_id=content.hospital_id,
            received_at=datetime.now(UTC),
        ),
        imported=content,
    )


async def _same_content(mente: Mente, row: Waiting) -> bool:
    description = await mente.handle(row.number).describe()
    known = await description.memo_value("fingerprint", default="", type_hint=str)
    return bool(known == row.content.fingerprint)


class _Watch:
    """Waits for many cases to be written, with one question to the read model for all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._awaited: dict[str, asyncio.Future[KnownImport]] = {}

    async def written(self, number: str) -> KnownImport:
        """Return the case once it is written. Raises `Unanswered`."""
        awaited = self._awaited[number] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(awaited, ADOPT_SECONDS)
        except TimeoutError:
            raise Unanswered("没有工作进程应答。") from None
        finally:
            del self._awaited[number]

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            numbers: Sequence[str] = list(self._awaited)
            if not numbers:
                continue
            async with self._database.read() as connection:
                found = await known_imports(connection, numbers)
            for number, known in found.items():
                awaited = self._awaited.get(number)
                if awaited is not None and not awaited.done():
                    awaited.set_result(known)
