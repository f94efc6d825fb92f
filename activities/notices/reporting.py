"""Tells the case of a notice whose delivery matters: it arrived, or it reached nobody."""

from datetime import UTC

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.notice_contract import ReportNotice
from domain.commands import Command, NoticeDelivered, NoticeFailed, name_of


async def report(client: Client, task: ReportNotice) -> None:
    """Signal the case; one that has ended needs no telling.

    The command id names the notice, the order and the instant, so that the same word twice is refused as a repetition
    and a later word of the same notice is not. Raises `RPCError` where the server does not take it: the activity is
    then tried again.
    """
    command = command_of(task)
    try:
        await client.get_workflow_handle(task.acceptance_no).signal(name_of(command), command)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def command_of(task: ReportNotice) -> Command:
    """Return what the case is sent: by the same word always the same, by another one under another id."""
    if not task.reason:
        return NoticeDelivered(
            command_id=_id_of(task),
            actor="system",
            notice_seq=task.seq,
            delivered_at=task.at,
        )
    return NoticeFailed(
        command_id=_id_of(task),
        actor="system",
        notice_seq=task.seq,
        reason=task.reason,
        failed_at=task.at,
    )


def _id_of(task: ReportNotice) -> str:
    order = f".r{task.intent}" if task.intent else ""
    at = f"{task.at.astimezone(UTC):%Y%m%dT%H%M%S.%f}"
    return f"{task.reason or 'delivered'}-{task.acceptance_no}.n{task.seq}{order}.{at}"
