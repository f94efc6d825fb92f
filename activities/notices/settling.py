"""How a notice ends: what it comes to, and whether a person must be asked to tell somebody otherwise."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.notice_contract import SAID_TODAY, NoticeSent, NoticeState, StartNotice
from storage.notice_standing import AttemptState
from storage.notice_tasks import BY_RECEIPT, TaskOutcome, TaskReason, close_task, raise_task, task_of
from storage.notices import said_today, settle


async def settle_and_ask(connection: AsyncConnection, start: StartNotice, *, at: datetime) -> NoticeSent:
    """Close the notice and return how it stands; where nobody was reached, raise a task for a person.

    Whether somebody was is a matter of the order that ends here: what an earlier one sent has been found wanting.
    """
    number, seq = start.acceptance_no, start.seq
    settled = await settle(
        connection, acceptance_no=number, seq=seq, channels=start.channels, at=at, intent=start.intent
    )
    known = await task_of(connection, number, seq)
    state = settled.ordered
    if settled.overall is AttemptState.DELIVERED:
        state = settled.overall
        await close_task(connection, acceptance_no=number, seq=seq, outcome=TaskOutcome.REACHED, by=BY_RECEIPT, at=at)
    said = await said_today(connection, number, seq, detail=SAID_TODAY, intent=start.intent)
    reason = _task_of(start, state, said=said)
    if reason is not None:
        await raise_task(connection, acceptance_no=number, seq=seq, reason=reason, at=at)
    return NoticeSent(state=NoticeState(state.value), task=reason.value if reason else "", had_task=known is not None)


def _task_of(start: StartNotice, state: AttemptState, *, said: bool) -> TaskReason | None:
    """Return why a person is needed. `said`: a number has been told the same that day, by another notice."""
    if start.plan is None or not start.plan.asks_people:
        return None
    match state:
        case AttemptState.FAILED:
            return TaskReason.FAILED
        case AttemptState.UNKNOWN:
            return TaskReason.UNKNOWN
        case AttemptState.SKIPPED if said:
            # A period begins with this very notice, whatever another one said.
            return TaskReason.UNCONFIRMED if start.plan.legal else None
        case AttemptState.SKIPPED:
            return TaskReason.NO_ADDRESS
        case AttemptState.SENT if start.plan.legal:
            return TaskReason.UNCONFIRMED
        case _:
            return None
