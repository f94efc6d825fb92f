"""One case as an official may see it: permission first, then the read model, and the look is noted."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.access import Action, CaseFacts
from domain.attention import attention_reasons
from domain.case_status import CaseStatus, LimitStatus
from domain.refusal import refuse
from starter.status import ListedCase, calendar_of, limit_status, listed, read_status, seen_at
from starter.web.doors import now
from starter.web.pages.shell import Visit
from starter.web.paging import write_cursor
from starter.web.permission import may_do, permit_case
from starter.web.shown import shown_status
from storage import reading
from storage.calendar_store import CalendarHistory
from storage.reading import CaseLine, CaseView


class CaseFile(NamedTuple):
    """A case that is opened. `status` is cut to what the visitor may know; `view` is not, and never shown whole."""

    number: str
    facts: CaseFacts
    view: CaseView
    status: CaseStatus
    history: CalendarHistory
    at: datetime

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it asks for a person; empty if it does not."""
        return attention_reasons(self.view.timeline) if self.view.attention else ()


async def open_case(visit: Visit, acceptance_no: str, action: Action = Action.READ_CASE) -> CaseFile:
    """Return a case somebody may do this to. Raises `Refused` on a mistyped number, `Stopped` as `permit` does."""
    number, facts = await permit_case(visit.doors, visit.me, acceptance_no, action)
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await visit.doors.calendars.history(connection)
    if view is None:
        raise refuse(
            field="status",
            rule="申请提交后由系统登记，登记后才能办理",
            remedy="请稍后刷新本页",
            message="该件刚刚提交，正在登记。",
        )
    at = now()
    await visit.doors.accesses.record(actor=visit.me.reader, action="case.read", acceptance_no=number)
    status = shown_status(read_status(view, at, history), visit.me, facts)
    return CaseFile(number, facts, view, status, history, seen_at(view, at))


def allowed(visit: Visit, opened: CaseFile, action: Action) -> bool:
    """Whether the visitor may do a thing to an opened case: for what is shown and offered."""
    return may_do(visit.me, action, opened.facts)


class DeskCase(NamedTuple):
    """One line of an official's list; `limit` None where no decision limit runs, `reasons` why it needs a person."""

    line: ListedCase
    limit: LimitStatus | None
    reasons: tuple[str, ...] = ()


def desk_case(line: CaseLine, history: CalendarHistory, at: datetime, reasons: tuple[str, ...] = ()) -> DeskCase:
    """Return a line with its numbers as of an instant, or of its last entry if it lives ahead of the wall clock."""
    seen = max(at, line.updated_at) if line.updated_at else at
    running = line.ledger is not None and line.ledger.ended_at is None and not line.closed
    limit = limit_status(line.ledger, seen, calendar_of(line, history, seen)) if line.ledger and running else None
    return DeskCase(listed([line], seen, history)[0], limit, reasons)


def following(address: str, lines: Sequence[CaseLine], name: str = "cursor") -> str:
    """Return the address of the page behind these lines; `address` ends where a query goes on."""
    return f"{address}{name}={write_cursor(lines[-1].due, lines[-1].acceptance_no)}"
