"""The case as it stands, and the only way to change it: draft entries, write them in one transaction, show them."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from activities.contract import ActivityName, AdoptEntitlement, NoticeDraft, Recorded, RecordEvents
from domain import clock
from domain.calendar import PROJECTED, CalendarSlice
from domain.case import CaseState
from domain.case_dates import dates_of, find_due, last_day
from domain.case_rules import CaseRules
from domain.events import EventKind, NoticeEvent, Recipient
from domain.imported import ImportedEntitlement
from domain.moments import local_date
from domain.succession import keeps_disease
from domain.vocabulary import DateKind, Status, WaitingOn
from workflows import showing
from workflows.amending import amend
from workflows.asking import record, record_at_once
from workflows.draft import Draft

SYSTEM = "system"
Wake = Callable[[], datetime | None]


class CaseRecord:
    """State, draft and what is shown of one case."""

    def __init__(self, state: CaseState) -> None:
        self.state = state
        self.draft = Draft()
        self.shown: dict[str, object] = {}
        self.cause = ""
        self.carried = ""
        self.said = ""
        self.numbers: dict[int, int] = {}
        self._due: Wake = lambda: state.due

    @property
    def rules(self) -> CaseRules:
        """The policy slice; present from acceptance on."""
        assert self.state.rules is not None, "rules are loaded before any phase that needs them"
        return self.state.rules

    @property
    def calendar(self) -> CalendarSlice:
        """The calendar slice; present from the first activity on."""
        assert self.state.calendar is not None, "the calendar is loaded before any phase that needs it"
        return self.state.calendar

    @property
    def ledger_now(self) -> clock.Ledger:
        """The ledger of the decision limit; present from acceptance on."""
        assert self.state.ledger is not None, "the ledger starts with the case"
        return self.state.ledger

    def window_due(self) -> datetime:
        """Return when the present phase's own limit ends, by the calendar in force."""
        assert self.state.window is not None, "a phase that waits has set its limit"
        return self.state.window.due(self.calendar, self.rules.close_of_business)

    def window_wake(self) -> datetime | None:
        """Return when the present phase's own limit ends; None while it waits for the delivery of its notice."""
        assert self.state.window is not None, "a phase that waits has set its limit"
        return None if self.state.window.awaits_delivery else self.window_due()

    def limit_due(self) -> datetime:
        """Return when the decision limit ends; while the clock stands still, as if it resumed now."""
        return clock.deadline(self.ledger_now, self.calendar, workflow.now()).due

    @property
    def publicity_now(self) -> clock.Ledger:
        """The publicity period; present once it has been opened."""
        assert self.state.publicity is not None, "publicity has been opened"
        return self.state.publicity

    def publicity_due(self) -> datetime:
        """Return when the publicity period ends."""
        return clock.deadline(self.publicity_now, self.calendar, workflow.now()).due

    def is_projected(self, due: datetime) -> bool:
        """Tell whether a date rests on days no notice has settled yet."""
        known_from = max(local_date(self.state.received_at), self.calendar.first_on)
        return not self.calendar.confirmed_through(known_from, last_day(due))

    def projected(self, due: datetime) -> bool | None:
        """Return True for the audit trail where a date is projected, else None, which is left out."""
        return self.is_projected(due) or None

    def told(self, kind: DateKind, due: datetime) -> str:
        """Return the last day of a limit as the applicant is told it, and remember that it was."""
        self.state.told_on[kind] = last_day(due)
        return showing.due_zh(due) + (PROJECTED if self.is_projected(due) else "")

    def note(
        self,
        kind: EventKind,
        *,
        to: Status | None = None,
        actor: str = SYSTEM,
        **detail: object,
    ) -> int:
        """Draft one entry of the audit trail, moving the status if told; return its number."""
        if self.carried:
            # What became of a command is looked up by its id.
            detail = {"command_id": self.carried, **detail}
        key = self._key(kind.value)
        self.draft.decides = self.draft.decides or to is not None or not self.cause
        self.draft.add_event(
            self.state, kind, key=key, at=workflow.now(), actor=actor, to=to, detail=detail, said=self.said
        )
        return self.state.seq

    def _key(self, what: str) -> str:
        """Name what is written so that a task worked out anew names it alike: by its message, else by its ordinal."""
        if self.cause:
            return f"{what}:{self.cause}"
        return f"{what}:{self.count(what)}"

    def count(self, what: str) -> int:
        """Return how often this has happened in the case's life, this time included."""
        self.state.counts[what] = self.state.counts.get(what, 0) + 1
        return self.state.counts[what]

    def notify(
        self,
        event: NoticeEvent,
        facts: dict[str, str],
        *,
        recipient: Recipient = Recipient.APPLICANT,
        certificate: int | None = None,
        legal: bool = False,
    ) -> None:
        """Draft a notice; it is started with the transition and never awaited.

        `legal`: a period begins with its delivery.
        """
        self.state.notice_seq += 1
        self.draft.notices.append(
            NoticeDraft(
                seq=self.state.notice_seq,
                key=self._key(f"{event.value}:{recipient.value}"),
                event=event,
                recipient=recipient,
                at=workflow.now(),
                facts=facts,
                attach_certificate=certificate,
                legal=legal,
            )
        )

    def awaits(self, waiting_on: WaitingOn, due: Wake) -> None:
        """Set whose turn it is and until when; `due` is asked at every commit, since a calendar may be amended."""
        self.state.waiting_on = waiting_on
        self._due = due

    @property
    def awaited(self) -> tuple[WaitingOn, Wake]:
        """Whose turn it is and until when, to be set again after an interruption."""
        return self.state.waiting_on, self._due

    async def commit(
        self, *, max_live: int | None = None, replaces: str = "", imported: ImportedEntitlement | None = None
    ) -> Recorded:
        """Write the draft in one transaction, then show it; with `imported` the case and its person are written too.

        `replaces` names the entitlement whose place the case takes with this transition.
        If a guard refuses it nothing is written: the last entry, which the guard speaks of, is taken back with its
        notices; what was drafted before it stays drafted.
        """
        self.state.due = None if self.state.closed else self._due()
        calendar = self.state.calendar
        request = RecordEvents(
            acceptance_no=self.state.acceptance_no,
            events=tuple(self.draft.events),
            row=showing.case_row(self.state, workflow.now()),
            calendar_span=(calendar.first_on, calendar.last_on) if calendar else None,
            occupies=self._occupies(),
            live=self.state.status in showing.LIVE and not self.state.closed,
            max_live=max_live,
            replaces=replaces or None,
            **self.draft.effects(),
        )
        recorded = await self._write(request, imported)
        if recorded.refused is None:
            self._take_numbers(recorded)
            self.draft = Draft()
        else:
            self.draft.take_back(self.state)
        self._show()
        if recorded.calendar is not None and not self.state.closed:
            await self._learn(recorded.calendar)
        return recorded

    async def _write(self, request: RecordEvents, imported: ImportedEntitlement | None) -> Recorded:
        summary = "、".join(showing.event_zh(event) for event in self.draft.events)[:60]
        if imported is not None:
            # Taking the place comes out the same however often it is worked out; turning it away is a decision.
            adopting = record if self.state.closed else record_at_once
            adopted = AdoptEntitlement(
                imported=imported,
                person_key=self.state.person_key,
                received_at=self.state.received_at,
                at=workflow.now(),
                transition=request,
            )
            return await adopting(ActivityName.ADOPT_ENTITLEMENT, adopted, Recorded, summary=summary)
        write = record if self.draft.decides else record_at_once
        return await write(ActivityName.RECORD_EVENTS, request, Recorded, summary=summary)

    def _occupies(self) -> bool:
        state = self.state
        if state.closed or state.status is Status.DENIED:
            return False
        # Until the grant the place of the disease is the predecessor's.
        return state.status in showing.LIVE or not keeps_disease(state.kind, state.change)

    async def _learn(self, calendar: CalendarSlice) -> None:
        # Nobody told this case of the new calendar: what it has just written may rest on the old one.
        cause, self.cause = self.cause, ""
        if amend(self, calendar):
            await self.commit()
        self.cause = cause

    def _take_numbers(self, recorded: Recorded) -> None:
        # The store numbers: behind entries of a task this run knows nothing of, ours come later than expected.
        for event, seq in zip(self.draft.events, recorded.seqs, strict=False):
            self.numbers[event.seq] = seq
        self.state.seq = recorded.last_seq or self.state.seq

    def refresh(self) -> None:
        """Show whose turn it is without a transition: search attributes and the card, no audit entry."""
        self.state.due = None if self.state.closed else self._due()
        self._show()

    def _show(self) -> None:
        changed = showing.changed_attributes(self.state, self.shown)
        if changed:
            workflow.upsert_search_attributes(changed)
        showing.show(self.state, projected=self._due_is_projected())

    def _due_is_projected(self) -> bool:
        due = self.state.due
        if due is None or self.state.calendar is None or not self.is_projected(due):
            return False
        dates = dates_of(self.state, workflow.now())
        # The end of a month, or of a suspension, is no matter of the calendar.
        return find_due(dates, due, self.state.calendar, workflow.now()) is not None
