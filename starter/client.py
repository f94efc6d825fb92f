"""The typed client Python back ends import: apply, send commands, read where a case stands.

Everything raised on purpose is `Refused` (what was wrong, which rule, what to do) or `Unanswered`.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.contract import CommandReceipt, StartApplication
from domain.acceptance import acceptance_number, parse_acceptance_number
from domain.application import ApplicationForm, Material
from domain.case_status import CaseStatus
from domain.commands import Command, InsuredChanged, Supersede, SupplyMaterials, name_of
from domain.identity import check_id_number
from domain.intake import judge_form, parse_form
from domain.judging import STATUSES
from domain.moments import local_date
from domain.offregion import OffregionFiling
from domain.refusal import Refused
from domain.soundness import check_said
from domain.taking_over import TakenOver
from domain.vocabulary import Sla, Status, WaitingOn
from starter import offregion
from starter.admission import admit, refuse_beside_others
from starter.answers import CALL, CALL_SECONDS, Unanswered, answered_within, nothing_sent, unreached
from starter.carried_before import as_repeated, look_before, unheard
from starter.commanding import ask, new_word
from starter.connecting import temporal_client
from starter.new_cases import facts_of_new, must_exist
from starter.opening import fingerprint, open_case
from starter.place_taken import with_rival
from starter.refusals import check_insured_day, check_same_content, second_case
from starter.seeing import Sees, Visible, everything
from starter.status import read_status
from starter.superseding import check_successor
from starter.uploads import keep_files, read_declared, read_papers
from storage import reading
from storage.calendar_store import Calendars
from storage.database import Database
from storage.earlier import taken_over_by
from storage.inbox import InboxMessage, mark_read, messages_of_case, messages_of_person
from storage.keys import Keys, load_keys
from storage.known_files import object_store
from storage.objects import ObjectStore, content_address
from storage.policies import policy_book
from storage.uploads import name_for_case
from worker.settings import Settings

__all__ = ["Applied", "Mente", "Unanswered", "new_command_id", "temporal_client"]

ANSWER_SECONDS = 15.0
INTAKE_SECONDS = 10.0
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.05, 0.4


@dataclass(frozen=True)
class Applied:
    """The answer to an application."""

    acceptance_no: str
    status: Status
    created: bool
    taken_over: TakenOver | None = None
    """What became of the papers of the earlier case it names."""


class Mente:
    """One connection of a back end: Temporal, the read model, and the store of papers."""

    def __init__(self, *, client: Client, database: Database, objects: ObjectStore, keys: Keys) -> None:
        self.client = client
        self.database = database
        self.objects = objects
        self.calendars = Calendars()
        self._keys = keys

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator["Mente"]:
        """Connect as the settings say. Raises `Unreachable` or `KeysUnusable`."""
        settings = settings or Settings()
        keys = load_keys(settings.keys)
        client = await temporal_client(settings, keys)
        database = Database(settings.database)
        objects = object_store(settings.objects, lambda: database)
        try:
            yield cls(client=client, database=database, objects=objects, keys=keys)
        finally:
            await database.close()

    # -- applying -----------------------------------------------------------------------------------------------

    async def apply(self, raw: Mapping[str, object], folder: Path, *, wait: float = INTAKE_SECONDS) -> Applied:
        """Judge an application and its files, and start its case; the same request again is the same case.

        `folder` holds the files the materials name. Raises `Refused` on bad input, on other content under the same
        request id, and on a second open case of the person and disease. Nothing is kept of a refused application.
        """
        now = datetime.now(UTC)
        form = parse_form(raw)
        judge_form(form, policies=policy_book(), now=now)
        papers = await asyncio.to_thread(read_papers, form, folder)
        materials, contents = [paper.material for paper in papers], [paper.content for paper in papers]
        return await self.hand_in(form, materials, contents, now=now, wait=wait)

    async def hand_in(
        self,
        form: ApplicationForm,
        materials: list[Material],
        contents: Iterable[bytes] = (),
        *,
        now: datetime,
        wait: float,
        account: str = "",
        sees: Sees = everything,
        received_from: datetime | None = None,
    ) -> Applied:
        """Start the case of a judged application; `contents` are files not stored yet. Raises as `apply` does.

        `account` is the id of the person's account who hands in on our own pages, `sees` which cases they may see.
        A request that is new is refused if it was received before `received_from`.
        """
        start = StartApplication(
            acceptance_no=self.number_of(form),
            person_key=self._keys.person_key(form.applicant.id_number),
            fingerprint=fingerprint(form, materials),
            form=form,
            materials=tuple(materials),
            received_at=form.received_at or now,
        )
        visible = Visible(sees, self.database, self._keys.person_key, partial(facts_of_new, self.client))
        with nothing_sent():
            known = await self._known_request(start, visible)
            if known is not None:
                return known
            start = await admit(
                self.database, self.objects, self.calendars, start, visible=visible, received_from=received_from
            )
            await self._refuse_second_case(start, visible)
            named = [paper.sha256 for paper in start.materials]
            await keep_files(self.database, self.objects, start.acceptance_no, named, contents)
        return await self._start(start, wait, account, visible)

    async def file_offregion_person(self, raw: object, *, actor: str) -> OffregionFiling:
        """Register a person's off-region filing, before any application; see `starter.offregion.register`."""
        return await offregion.register(self.database, self._keys, raw, actor=actor)

    async def end_offregion_person(self, raw: object, *, actor: str) -> int:
        """End a person's off-region filing; see `starter.offregion.deregister`."""
        return await offregion.deregister(self.database, self._keys, raw, actor=actor)

    def number_of(self, form: ApplicationForm) -> str:
        """Return the acceptance number a request gets."""
        return acceptance_number(
            self._keys.acceptance, region=form.region, channel=form.channel, request_id=form.request_id
        )

    async def _known_request(self, start: StartApplication, visible: Visible) -> Applied | None:
        form = start.form
        async with self.database.read() as connection:
            found = await reading.find_by_request(
                connection, region=form.region, channel=form.channel, request_id=form.request_id
            )
        if found is None:
            return None
        await check_same_content(start, found.fingerprint, visible)
        return await self._applied_before(found.acceptance_no)

    async def _applied_before(self, number: str) -> Applied:
        # Its own case, whatever has become of it: one that was not accepted beside another is told so by a notice.
        async with self.database.read() as connection:
            found = await reading.intake_of(connection, number)
            taken_over = await taken_over_by(connection, number)
        status = found.status if found is not None else Status.SUBMITTED
        return Applied(acceptance_no=number, status=status, created=False, taken_over=taken_over)

    async def _refuse_second_case(self, start: StartApplication, visible: Visible) -> None:
        await refuse_beside_others(self.database, start, visible=visible)

    async def _start(self, start: StartApplication, wait: float, account: str, visible: Visible) -> Applied:
        try:
            await open_case(self.client, start, account)
        except WorkflowAlreadyStartedError:
            return await self._already_started(start, visible)
        except RPCError as error:
            raise unreached(error) from None
        status = await self._intake(start.acceptance_no, wait, visible)
        return Applied(start.acceptance_no, status, created=True, taken_over=start.taken_over)

    async def _already_started(self, start: StartApplication, visible: Visible) -> Applied:
        try:
            async with answered_within(CALL_SECONDS + 1):
                description = await self.client.get_workflow_handle(start.acceptance_no).describe(rpc_timeout=CALL)
        except RPCError as error:
            raise unreached(error) from None
        known = await description.memo_value("fingerprint", default="", type_hint=str)
        await check_same_content(start, known, visible)
        return await self._applied_before(start.acceptance_no)

    async def _intake(self, acceptance_no: str, wait: float, visible: Visible) -> Status:
        """Wait for the first transition; a case no worker has taken up yet is `submitted`."""
        until = time.monotonic() + wait
        pause = _FIRST_POLL_SECONDS
        while True:
            async with self.database.read() as connection:
                found = await reading.intake_of(connection, acceptance_no)
            if found is not None and found.duplicate_of is not None:
                raise second_case(found.duplicate_of, named=await visible(found.duplicate_of))
            if (found is not None and found.status is not Status.SUBMITTED) or time.monotonic() >= until:
                return found.status if found is not None else Status.SUBMITTED
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_POLL_SECONDS)

    # -- commands -----------------------------------------------------------------------------------------------

    async def send(
        self, acceptance_no: str, command: Command, *, wait: float = ANSWER_SECONDS, sees: Sees = everything
    ) -> CommandReceipt:
        """Send a command and return its receipt, with `repeated` where it had been carried out before.

        Raises `Refused`, or `Unanswered` after `wait` seconds, one second at least. `sees` is which cases the sender
        may see: of those alone a refusal names the number.
        """
        number = parse_acceptance_number(acceptance_no)
        until = time.monotonic() + wait
        before = await look_before(self.database, self._keys, number, command)
        if before.is_certain:
            return before.receipt(number, command)
        with nothing_sent():
            await self._check(number, command)
        try:
            receipt = await self._asked(number, command, until)
        except Refused as refused:
            visible = Visible(sees, self.database, self._keys.person_key, partial(facts_of_new, self.client))
            raise Refused(await with_rival(refused.refusal, self.database, number, visible)) from None
        return as_repeated(receipt) if before.is_of(command) else receipt

    async def _asked(self, number: str, command: Command, until: float) -> CommandReceipt:
        asked = new_word()
        try:
            return await self._ask(number, command, asked, until - time.monotonic())
        except Refused:
            # After a crash a case is worked out anew from its last finished step, and may judge a message before it
            # is back where the record says it is.
            if not await self._is_due(number, command):
                raise
        return await self._ask(number, command, asked, until - time.monotonic())

    async def _check(self, number: str, command: Command) -> None:
        if isinstance(command, Supersede):
            await check_successor(self.database, number, command)
        check_said(command, region=number[:6])
        if isinstance(command, SupplyMaterials):
            await self._name(number, command)
        if isinstance(command, InsuredChanged):
            check_insured_day(command.as_of_on, local_date(datetime.now(UTC)))

    async def _name(self, number: str, command: SupplyMaterials) -> None:
        # Until a worker takes it up, nothing else names what the command hands in.
        async with self.database.write() as connection:
            named = [paper.sha256 for paper in command.materials]
            await name_for_case(connection, number, named, at=datetime.now(UTC))

    async def _is_due(self, number: str, command: Command) -> bool:
        async with self.database.read() as connection:
            view = await reading.case_status(connection, number)
        return view is not None and not view.closed and view.status in STATUSES[type(command)]

    async def _ask(self, number: str, command: Command, asked: str, wait: float) -> CommandReceipt:
        try:
            return await ask(self.handle(number), command, asked=asked, wait=wait)
        except RPCError as error:
            return await unheard(self.database, self._keys, number, command, error)

    async def has_carried_out(self, acceptance_no: str, command: Command) -> bool:
        """Whether a case has carried out this very command, as far as its trail tells and can be read."""
        return (await look_before(self.database, self._keys, acceptance_no, command)).is_of(command)

    async def signal(self, acceptance_no: str, command: Command) -> CommandReceipt | None:
        """Send a command that must not depend on a worker being up: durable, audited, not answered.

        Returns None, but the receipt of a command that the case had carried out before. Raises `Refused` where its id
        stands for another, and `Unanswered` where the server does not say that it has it.
        """
        number = parse_acceptance_number(acceptance_no)
        before = await look_before(self.database, self._keys, number, command)
        if before.is_certain:
            return before.receipt(number, command)
        await self._check(number, command)
        try:
            async with answered_within(CALL_SECONDS + 1):
                await self.handle(number).signal(name_of(command), command, rpc_timeout=CALL)
        except RPCError as error:
            return await unheard(self.database, self._keys, number, command, error)
        return None

    def handle(self, acceptance_no: str) -> WorkflowHandle[object, object]:
        """Return the handle of whichever run of the case is alive."""
        return self.client.get_workflow_handle(acceptance_no)

    async def keep(self, acceptance_no: str, contents: Sequence[bytes]) -> None:
        """Store files that are handed in to a case with the next command."""
        if contents:
            named = [content_address(content) for content in contents]
            number = parse_acceptance_number(acceptance_no)
            await keep_files(self.database, self.objects, number, named, contents)

    async def supply(
        self,
        acceptance_no: str,
        declared: list[dict[str, object]],
        folder: Path,
        *,
        actor: str,
        command_id: str | None = None,
        note: str = "",
    ) -> CommandReceipt:
        """Judge and store papers, then hand them in. Raises as `send` does."""
        papers = await asyncio.to_thread(read_declared, declared, folder)
        await self.keep(acceptance_no, [paper.content for paper in papers])
        command = SupplyMaterials(
            command_id=command_id or new_command_id(),
            actor=actor,
            materials=tuple(paper.material for paper in papers),
            note=note,
        )
        return await self.send(acceptance_no, command)

    # -- reading ------------------------------------------------------------------------------------------------

    async def status(self, acceptance_no: str) -> CaseStatus:
        """Return where a case stands, from the read model; a case not yet taken up is `submitted`."""
        number = parse_acceptance_number(acceptance_no)
        async with self.database.read() as connection:
            view = await reading.case_status(connection, number)
            history = await self.calendars.history(connection)
        if view is not None:
            return read_status(view, datetime.now(UTC), history)
        await must_exist(self.client, number)
        return CaseStatus(
            acceptance_no=number,
            region=number[:6],
            status=Status.SUBMITTED,
            waiting_on=WaitingOn.NONE,
            due=None,
            due_confirmed=None,
            sla=Sla.OK,
            round=0,
        )

    async def inbox(self, acceptance_no: str) -> tuple[InboxMessage, ...]:
        """Return what the person of a case finds in the inbox, the newest first."""
        number = parse_acceptance_number(acceptance_no)
        async with self.database.read() as connection:
            found = await messages_of_case(connection, number)
            known = found or await reading.intake_of(connection, number)
        if not known:
            await must_exist(self.client, number)
        return found

    async def inbox_of_person(self, id_number: str) -> tuple[InboxMessage, ...]:
        """Return the messages of all cases of a person, the newest first; of somebody unknown there are none."""
        person_key = self._keys.person_key(check_id_number(id_number, field="id_number"))
        async with self.database.read() as connection:
            return await messages_of_person(connection, person_key)

    async def mark_read(self, acceptance_no: str, reference: str | None = None) -> int:
        """Note that a case's messages, or the one with a reference, were read; return how many were unread."""
        number = parse_acceptance_number(acceptance_no)
        async with self.database.write() as connection:
            return await mark_read(connection, number, reference=reference, at=datetime.now(UTC))


def new_command_id() -> str:
    """Return a fresh command id."""
    return f"c-{uuid.uuid4()}"
