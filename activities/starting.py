"""Starts the workflows of a transition's notices, after it has been committed."""

from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.contract import NOTICE_QUEUE
from activities.notice_contract import StartNotice
from domain.events import NoticeEvent, Recipient
from domain.moments import local_date
from domain.notice_plan import NoticePlan
from domain.policy import PolicyError
from storage.policies import policy_for
from storage.transition import NoticeToSend, QueuedNotice, Transition

NOTICE_WORKFLOW = "Notice"
_APPLICANT_CHANNELS = ("sms", "email")
_SUPERVISOR_CHANNELS = ("email",)


def notice_workflow_id(acceptance_no: str, seq: int) -> str:
    """Return the id of a notice's workflow."""
    return f"{acceptance_no}.n{seq}"


def with_channels(transition: Transition) -> Transition:
    """Give every notice the channels its city's policy names for its event."""
    region = transition.acceptance_no.partition("-")[0]
    notices = tuple(each.model_copy(update={"channels": _channels(region, each)}) for each in transition.notices)
    return transition.model_copy(update={"notices": notices})


def _channels(region: str, to_send: NoticeToSend) -> tuple[str, ...]:
    if to_send.recipient is Recipient.SUPERVISOR:
        return _SUPERVISOR_CHANNELS
    try:
        return policy_for(region, local_date(to_send.at)).notice_channels(to_send.event)
    except PolicyError:
        # a transition is never held up by the way it is told
        return _APPLICANT_CHANNELS


def plan_of(acceptance_no: str, event: NoticeEvent, *, at: datetime, legal: bool) -> NoticePlan:
    """Return how a notice goes out by its city's policy of a day; without one it goes to the outbox."""
    region = acceptance_no.partition("-")[0]
    try:
        plan = policy_for(region, local_date(at)).notice_plan(event)
    except PolicyError:
        plan = NoticePlan()
    # A report to the bureau itself is nothing to telephone about.
    return plan.model_copy(update={"legal": legal, "asks_people": event is not NoticeEvent.BREACH_REPORT})


async def start_notices(
    client: Client, acceptance_no: str, notices: tuple[QueuedNotice, ...], *, at: datetime
) -> None:
    """Start each notice once, however often this is called; one that has ended stays ended.

    `at` is the instant of the transition, by whose policy they go out.
    """
    for each in notices:
        task = StartNotice(
            acceptance_no=acceptance_no,
            seq=each.seq,
            event=each.event,
            channels=each.channels,
            plan=plan_of(acceptance_no, each.event, at=at, legal=each.legal),
        )
        await start_notice(client, task, notice_workflow_id(acceptance_no, each.seq))


async def start_notice(
    client: Client, task: StartNotice, workflow_id: str, *, rpc_timeout: timedelta | None = None
) -> None:
    """Start the workflow of one notice; one that runs, or has ended, stays as it is.

    `rpc_timeout` is for a caller whom somebody waits for; an activity is tried again by its own policy.
    """
    try:
        await client.start_workflow(
            NOTICE_WORKFLOW,
            task,
            id=workflow_id,
            task_queue=NOTICE_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            rpc_timeout=rpc_timeout,
        )
    except WorkflowAlreadyStartedError:
        return
