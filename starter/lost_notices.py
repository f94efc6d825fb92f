"""Notices nobody works on any more: their workflow was terminated, or failed, before they were settled.

The case does not wait for them, and no workflow will end them: an officer who sends one anew ends it first.
"""

import asyncio
import re
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.notice_contract import NoticeSent, NoticeState, ReportNotice, StartNotice
from activities.notices.reporting import report
from activities.notices.settling import settle_and_ask
from activities.starting import NOTICE_WORKFLOW, notice_workflow_id, plan_of
from domain.application import Model
from starter.answers import CALL, CALL_SECONDS, answered_within, unreached
from starter.vitals import LOOK_SECONDS, Vital
from storage.access import log_access
from storage.database import Database
from storage.notice_orders import lock_notice, orders_of
from storage.notice_standing import OPEN
from storage.notice_views import NoticeLine, NoticeWhole, under_way_of, whole_notice

MOST_LOST, MOST_COUNTED = 200, 50
"""Lost notices that are listed, and counted on a page: each costs a question or two. Dealt with, they make room."""

MOST_ENDED = 10_000
"""Ended notice workflows among which they are looked for, dealt with or not: ten questions to Temporal."""

LET_GO = timedelta(minutes=1)
"""An activity of a terminated workflow goes on to its end, 20 seconds at most: what it claimed is left to it."""

NEVER_STARTED = timedelta(days=1)
"""A notice without any workflow may still be about to be started by the activity that recorded it."""

GIVEN_UP = "notices.given_up"
"""What the access log calls the end of such a notice."""

_ENDED = f"WorkflowType='{NOTICE_WORKFLOW}' AND ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
_ID = re.compile(r"(?P<number>[0-9A-Z-]{23})\.n(?P<seq>\d{1,9})(?:\.r\d{1,9})?")


class LostNotices(Model):
    """Notices that were lost, the newest first; `more` says that there may be others."""

    notices: tuple[NoticeLine, ...]
    more: bool


async def lost_notices(
    database: Database, client: Client, *, now: datetime, most: int = MOST_LOST, region: str | None = None
) -> LostNotices:
    """Return unsettled notices whose workflow was ended from outside, at most `most` of them, of one city or of all.

    Raises `RPCError`, `Unreachable` or `Unanswered`.
    """
    found: list[NoticeLine] = []
    more = False
    for number, seq in await _unsettled_of_ended(database, client):
        async with database.read() as connection:
            notice = await whole_notice(connection, number, seq)
            intent = await _last_intent(connection, number, seq)
        if notice is None or not is_under_way(notice) or region not in (None, notice.region):
            continue
        if not await _is_in_hand(client, notice, intent, now):
            more = len(found) == most
            if more:
                break
            found.append(NoticeLine.model_validate(notice.model_dump(include=set(NoticeLine.model_fields))))
    in_order = sorted(found, key=lambda line: (line.created_at, line.acceptance_no, line.seq), reverse=True)
    return LostNotices(notices=tuple(in_order), more=more)


async def _unsettled_of_ended(database: Database, client: Client) -> list[tuple[str, int]]:
    """Return the notices without an end of which a workflow was ended from outside."""
    ended: dict[tuple[str, int], None] = {}
    async for each in client.list_workflows(_ENDED, limit=MOST_ENDED, rpc_timeout=CALL):
        known = _ID.fullmatch(each.id)
        if known is not None:
            ended[known["number"], int(known["seq"])] = None
    if not ended:
        return []
    # The database is asked before Temporal is asked of each: most were sent anew long ago.
    async with database.read() as connection:
        unsettled = await under_way_of(connection, {number for number, _ in ended})
    return [each for each in ended if each in unsettled]


async def lost_vital(database: Database, client: Client, *, now: datetime) -> tuple[Vital, ...]:
    """Whether there are any, for the operator's page."""
    async with asyncio.timeout(LOOK_SECONDS):
        found = await lost_notices(database, client, now=now, most=MOST_COUNTED)
    lost = len(found.notices)
    counted = f"{lost} 件以上" if found.more else f"{lost} 件"
    told = f"{counted}未办结，其流程已被终止；请由经办人员重新发送（mente notices list --lost）"
    return (Vital(name="中断的通知", sound=not lost, told=told if lost else "没有"),)


def is_under_way(found: NoticeWhole) -> bool:
    """Whether a notice has no end yet."""
    return found.settled_at is None or any(each.state in OPEN for each in found.ways)


async def give_up_lost(
    database: Database, client: Client, acceptance_no: str, seq: int, *, actor: str, now: datetime
) -> bool:
    """End a notice that nobody works on, as its workflow would have; False if there is none, or somebody does.

    What was on its way counts as unknown, what had not left as failed; where nobody was reached a task is raised and
    the case hears of it. Idempotent. Raises `Unreachable` or `Unanswered`.
    """
    async with database.read() as connection:
        found = await whole_notice(connection, acceptance_no, seq)
        intent = await _last_intent(connection, acceptance_no, seq)
    if found is None or not is_under_way(found) or await _is_in_hand(client, found, intent, now):
        return False
    async with database.write() as connection:
        await lock_notice(connection, acceptance_no, seq)
        found = await whole_notice(connection, acceptance_no, seq)
        if found is None or not is_under_way(found) or await _last_intent(connection, acceptance_no, seq) != intent:
            # Somebody else was here meanwhile.
            return False
        ended = await _settle(connection, found, intent, now)
        detail = {"seq": seq, "intent": intent, "state": ended.state.value}
        await log_access(connection, at=now, actor=actor, action=GIVEN_UP, acceptance_no=acceptance_no, detail=detail)
    await _tell_case(client, found, ended, intent, now)
    return True


async def _is_in_hand(client: Client, found: NoticeWhole, intent: int, now: datetime) -> bool:
    """Whether somebody works on a notice, or may be about to."""
    if any(each.state in OPEN and each.claimed_at > now - LET_GO for each in found.ways):
        return True
    workflow_id = notice_workflow_id(found.acceptance_no, found.seq) + (f".r{intent}" if intent else "")
    try:
        async with answered_within(CALL_SECONDS + 1):
            description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=CALL)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise unreached(error) from None
        # An order nobody started is started by the next one; a fresh notice by the activity that recorded it.
        return intent > 0 or found.created_at > now - NEVER_STARTED
    return description.status is WorkflowExecutionStatus.RUNNING


async def _settle(connection: AsyncConnection, found: NoticeWhole, intent: int, now: datetime) -> NoticeSent:
    plan = plan_of(found.acceptance_no, found.event, at=now, legal=found.legal)
    left = sorted({each.intent for each in found.ways if each.state in OPEN and each.intent != intent})
    ended = NoticeSent(state=NoticeState(found.state.value))
    for each in (*left, intent):
        start = StartNotice(
            acceptance_no=found.acceptance_no,
            seq=found.seq,
            event=found.event,
            channels=found.channels,
            plan=plan,
            intent=each,
        )
        ended = await settle_and_ask(connection, start, at=now)
    return ended


async def _tell_case(client: Client, found: NoticeWhole, ended: NoticeSent, intent: int, now: datetime) -> None:
    if not ended.task and not (ended.state is NoticeState.DELIVERED and (found.legal or ended.had_task)):
        return
    word = ReportNotice(acceptance_no=found.acceptance_no, seq=found.seq, at=now, reason=ended.task, intent=intent)
    try:
        async with answered_within(CALL_SECONDS + 1):
            await report(client, word)
    except RPCError as error:
        raise unreached(error) from None


async def _last_intent(connection: AsyncConnection, acceptance_no: str, seq: int) -> int:
    orders = await orders_of(connection, acceptance_no, seq)
    return orders[-1].intent if orders else 0
