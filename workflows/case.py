"""What every case does in every phase: receive, judge, record, wait, show.

Handlers only append; `run` reads the inbox, judges, carries out and audits. Signals of the names in
`domain.commands.COMMANDS` are understood (first `supply_materials` and `give_verdict`); an update of the same name is
answered. Anything else, whatever its name, number or bytes of arguments, is audited as refused.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.contract import Answered, CommandReceipt
    from domain import clock
    from domain.case import Arrival, CaseState, Processed
    from domain.commands import Command, name_of, read_command
    from domain.events import EventKind, NoticeEvent, Recipient
    from domain.judging import digest_of, judge
    from domain.refusal import Refusal
    from domain.soundness import judge_soundness
    from domain.vocabulary import STATUS_ZH, Sla
    from workflows import patches, showing
    from workflows.alarm import Alarm
    from workflows.carrying import carry_out
    from workflows.inbox import asked_by, read_arrival
    from workflows.recording import CaseRecord, Wake

REPETITION = Refusal(
    field="command_id",
    rule="同一命令只办理一次",
    remedy="无需重复发送",
    message="该命令此前已办理（重复送达，无需处理）。",
)
Ready = Callable[[], bool]
Answer = TypeVar("Answer")


class CaseHeldUp(Exception):
    """An activity failed for good. The task fails and is tried again; the case stays open until that is mended."""


class CaseWorkflow(CaseRecord):
    """Shared by `Application` and `Entitlement`: both answer the same messages under the same id."""

    def __init__(self, state: CaseState) -> None:
        super().__init__(state)
        self.alarm = Alarm()
        self._resting = False
        self._answers: dict[str, CommandReceipt | Refusal] = {}

    # -- messages -----------------------------------------------------------------------------------------------

    @workflow.signal(
        dynamic=True, description="Any command of docs/messages/, one JSON object; audited, not answered"
    )
    def receive(self, name: str, args: Sequence[RawValue]) -> None:
        """Take any signal; never validate, never raise."""
        self.state.inbox.append(read_arrival(name, args, channel="signal"))

    @workflow.update(dynamic=True, description="Any command of docs/messages/, one JSON object; answered")
    async def answer(self, name: str, args: Sequence[RawValue]) -> Answered:
        """Answer a command with its receipt, or with the sentence that says why not."""
        arrival = read_arrival(name, args, channel="update")
        receipt = self._receipt_of(read_command(name, arrival.content.encode())) or await self._answered(arrival)
        return Answered(**receipt.model_dump(), asked=asked_by(arrival))

    async def _answered(self, arrival: Arrival) -> CommandReceipt:
        info = workflow.current_update_info()
        assert info is not None, "only an update is answered"
        self.state.inbox.append(arrival.model_copy(update={"update_id": info.id}))
        await workflow.wait_condition(lambda: info.id in self._answers)
        answer = self._answers.pop(info.id)
        if isinstance(answer, Refusal):
            raise refusal_error(answer)
        return answer

    @answer.validator
    def check(self, name: str, args: Sequence[RawValue]) -> None:
        """Refuse before anything is written, with a sentence.

        Only a case at rest is judged here. One that is at work, or has messages before this one, may stand elsewhere
        by the time `run` comes to it, and `run` judges it then.
        """
        arrival = read_arrival(name, args, channel="update")
        refusal = arrival.unreadable
        if refusal is None and self._resting and not self.state.inbox:
            command, now = read_command(name, arrival.content.encode()), workflow.now()
            if self._receipt_of(command) is None:
                refusal = judge(self.state, command, now) or judge_soundness(self.state, command, now)
        if refusal is not None:
            raise refusal_error(refusal)

    @workflow.query(description="Where the case stands: intervals and instants, never days left")
    def status(self) -> showing.StatusView:
        """Return where the case stands."""
        return showing.status_view(self.state)

    @workflow.query(description="The clock's intervals, each stop with its ground")
    def ledger(self) -> clock.Ledger | None:
        """Return the ledger of the decision limit."""
        return self.state.ledger

    def _receipt_of(self, command: Command) -> CommandReceipt | None:
        known = self.state.processed.get(command.command_id)
        if known is None or known.name != name_of(command) or known.digest != digest_of(command):
            return None
        return self._receipt(command, known, repeated=True)

    def _receipt(self, command: Command, done: Processed, *, repeated: bool) -> CommandReceipt:
        return CommandReceipt(
            acceptance_no=self.state.acceptance_no,
            command_id=command.command_id,
            command=done.name,
            seq=done.seq,
            status=done.status,
            repeated=repeated,
            message="此前已办理。" if repeated else "已办理。",
        )

    # -- living -------------------------------------------------------------------------------------------------

    async def live(self, phases: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Go through the phases until the case is closed, refusing every request to cancel it."""
        await self._uncancelled(self._go_through(phases))
        while self.state.inbox:
            await self._uncancelled(self._finish())

    async def _uncancelled(self, steps: Coroutine[Any, Any, None]) -> None:
        body = asyncio.create_task(steps)
        while not body.done():
            try:
                await asyncio.shield(body)
            except asyncio.CancelledError:
                # A case ends by a command that is judged and audited, never by the cancel button.
                self.state.inbox.append(Arrival(name="cancel", channel="cancel"))
            except FailureError as error:
                if self.state.seq == 0:
                    # Not even opened: another case has this number.
                    raise
                raise CaseHeldUp(self.state.acceptance_no) from error
        body.result()

    async def _go_through(self, phases: Sequence[Callable[[], Awaitable[None]]]) -> None:
        showing.show(self.state)
        for phase in phases:
            if not self.state.closed:
                await phase()
        await self._finish()

    async def _finish(self) -> None:
        # What arrived last is judged, and updates are answered, before the run ends or continues as new.
        while self.state.inbox or not workflow.all_handlers_finished():
            while self.state.inbox:
                await self.read_message()
            await workflow.wait_condition(lambda: bool(self.state.inbox) or workflow.all_handlers_finished())

    async def until(self, ready: Ready, due: Wake, *, waiting_for: str) -> bool:
        """Carry out messages until `ready` (True) or the instant `due` gives has come (False).

        `due` is asked anew at every wake-up, so that it may move. The decision limit is watched on the way. A
        decision wins if it is there when the timer wakes us. A closed case is ready for anything.
        """
        rang = False
        while True:
            if self.state.closed or ready():
                return True
            if self.state.inbox:
                # One at a time: what the next one finds depends on their order, not on how they were bundled.
                await self.read_message()
                continue
            await self.watch_limit()
            if self.state.inbox:
                continue
            now, wake = workflow.now(), due()
            # Only a timer that rang has brought along every message that came before it.
            if wake is not None and wake <= now and rang:
                return False
            instants = [each for each in (wake, self._limit_instant(now)) if each is not None]
            self._resting = True
            rang = await self.alarm.wait(
                due=min(instants, default=None),
                woken=lambda: bool(self.state.inbox) or ready(),
                summary=waiting_for,
            )
            self._resting = False

    async def meanwhile(
        self, asking: Coroutine[Any, Any, Answer], *, waiting_for: str, broken_off: Ready = lambda: False
    ) -> Answer | None:
        """Await an answer from outside; messages are carried out and the limit watched if it takes its time.

        None if a message closed the case, or `broken_off` holds, first.
        """
        task = asyncio.create_task(asking)
        # The usual quick answer costs no timer.
        await workflow.wait_condition(lambda: task.done() or bool(self.state.inbox))
        await self.until(lambda: task.done() or broken_off(), lambda: None, waiting_for=waiting_for)
        if task.done():
            return task.result()
        task.cancel()
        return None

    async def read_message(self) -> None:
        """Judge, carry out and audit the message that came first, then answer it if it was an update."""
        self.numbers.clear()
        arrival = self.state.inbox.pop(0)
        answer = await self._take(arrival)
        self.cause = ""
        if self.draft.events:
            await self.commit()
        if arrival.update_id and answer is not None:
            self._answers[arrival.update_id] = self._as_numbered(answer)

    def _as_numbered(self, reply: CommandReceipt | Refusal) -> CommandReceipt | Refusal:
        if isinstance(reply, Refusal) or reply.seq not in self.numbers:
            return reply
        seq = self.numbers[reply.seq]
        done = self.state.processed[reply.command_id]
        self.state.processed[reply.command_id] = done.model_copy(update={"seq": seq})
        return reply.model_copy(update={"seq": seq})

    async def _take(self, arrival: Arrival) -> CommandReceipt | Refusal | None:
        if arrival.channel == "cancel":
            self.note(EventKind.CANCEL_REFUSED, remedy="如需结束案件，请发送 withdraw 或 end_entitlement")
            return None
        if arrival.unreadable is not None:
            self._refuse(arrival, arrival.unreadable, actor="unknown", command_id="")
            return None
        command = read_command(arrival.name, arrival.content.encode())
        repeated = self._receipt_of(command)
        if repeated is not None and arrival.update_id:
            return repeated
        self.cause = command.command_id
        refusal = self._refuse_plain(arrival) or (REPETITION if repeated else None)
        refusal = refusal or judge(self.state, command, workflow.now()) or self._refuse_unsound(command)
        if refusal is None:
            self.carried, self.said = command.command_id, digest_of(command)
            try:
                refusal = await carry_out(self, command)
            finally:
                self.carried = self.said = ""
        if refusal is not None:
            done_as = repeated.seq if repeated is not None and refusal is REPETITION else None
            self._refuse(arrival, refusal, actor=command.actor, command_id=command.command_id, done_as=done_as)
            return refusal
        done = Processed(name=arrival.name, digest=digest_of(command), seq=self.state.seq, status=self.state.status)
        self.state.remember(command.command_id, done)
        if arrival.plain and arrival.channel == "signal":
            self.note(EventKind.PLAIN_PAYLOAD, actor=command.actor, command=arrival.name)
        return self._receipt(command, done, repeated=False)

    def _refuse_unsound(self, command: Command) -> Refusal | None:
        refusal = judge_soundness(self.state, command, workflow.now())
        if refusal is None or not workflow.patched(patches.SOUND_COMMANDS):
            return None
        return refusal

    def _refuse_plain(self, arrival: Arrival) -> Refusal | None:
        if not arrival.plain or self.state.rules is None or self.state.rules.plain_signals:
            return None
        return Refusal(
            field="input",
            rule="本市不接受未加密的消息",
            remedy="请通过 mente 程序或接口发送",
            message="消息未加密。",
        )

    def _refuse(
        self, arrival: Arrival, refusal: Refusal, *, actor: str, command_id: str, done_as: int | None = None
    ) -> None:
        """Audit a message that is not carried out; `done_as` is the entry of the one it repeats."""
        # One message may be refused time and again; each time stands in the trail.
        said = hashlib.sha256(f"{arrival.name}\n{arrival.content}".encode()).hexdigest()[:16]
        self.cause = f"{said}:{self.count('refused')}"
        self.note(
            EventKind.REFUSED,
            actor=actor,
            command=arrival.name,
            command_id=command_id,
            field=refusal.field,
            rule=refusal.rule,
            message=refusal.message,
            # Whoever reads the trail must not take a second delivery for a refusal of the command.
            repeated=True if done_as is not None else None,
            done_as=done_as,
        )

    # -- the decision limit -------------------------------------------------------------------------------------

    def _limit_instant(self, now: datetime) -> datetime | None:
        state = self.state
        if state.ledger is None or state.calendar is None or state.limit_sla is Sla.BREACH:
            return None
        if state.ledger.ended_at is not None or not clock.is_running(state.ledger, now):
            return None
        if state.limit_sla is Sla.OK:
            return clock.warn_at(state.ledger, state.calendar, now, ratio=self.rules.warn_ratio)
        # The due instant itself is still in time.
        return clock.deadline(state.ledger, state.calendar, now).due + timedelta(seconds=1)

    async def watch_limit(self) -> None:
        """Record a warning or a breach that is due. The limit is observed, it never decides; a breach stays."""
        state = self.state
        while (instant := self._limit_instant(workflow.now())) is not None and instant <= workflow.now():
            due_on = clock.deadline(self.ledger_now, self.calendar, workflow.now()).due_on
            if state.limit_sla is Sla.OK:
                state.limit_sla = Sla.WARN
                state.sla = Sla.WARN if state.sla is Sla.OK else state.sla
                self.note(EventKind.LIMIT_WARNED, due_on=due_on.isoformat())
            else:
                state.limit_sla = state.sla = Sla.BREACH
                state.attention = True
                self.note(EventKind.LIMIT_BREACHED, due_on=due_on.isoformat())
                facts = {"due_on": showing.date_zh(due_on), "status": STATUS_ZH[state.status]}
                self.notify(NoticeEvent.BREACH_REPORT, facts, recipient=Recipient.SUPERVISOR)
            await self.commit()


def refusal_error(refusal: Refusal) -> ApplicationError:
    """The failure that answers an update; its texts travel encrypted."""
    return ApplicationError(refusal.message, refusal.model_dump(), type="Refused", non_retryable=True)
