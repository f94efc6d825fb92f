"""Starts the workflows of a transition's notices, after it has been committed."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.contract import NOTICE_QUEUE, StartNotice
from domain.events import Recipient
from domain.moments import local_date
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


async def start_notices(client: Client, acceptance_no: str, notices: tuple[QueuedNotice, ...]) -> None:
    """Start each notice once, however often this is called; one that has ended stays ended."""
    for each in notices:
        task = StartNotice(acceptance_no=acceptance_no, seq=each.seq, event=each.event, channels=each.channels)
        try:
            await client.start_workflow(
                NOTICE_WORKFLOW,
                task,
                id=notice_workflow_id(acceptance_no, each.seq),
                task_queue=NOTICE_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowAlreadyStartedError:
            continue
