"""Asking a case to carry out a command, as an update: one question, one receipt."""

import uuid
from datetime import timedelta

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.contract import Answered, CommandReceipt
from domain.commands import Command, name_of
from domain.judging import digest_of
from starter.answers import UNANSWERED, Unanswered, answered_within, is_crowded, refusal_of
from starter.carried_before import as_repeated

LEAST_SECONDS = 1.0
"""An answer is waited for at least so long: whoever wants none sends a signal."""


async def ask(handle: WorkflowHandle[object, object], command: Command, *, asked: str, wait: float) -> CommandReceipt:
    """Return the receipt of a command, with `repeated` where it was carried out for another question than this.

    `asked` is a word of the asker's own: equal questions are one to the server, and get one answer. Raises `Refused`,
    `Unanswered` after `wait` seconds, one at least, and `RPCError` where there is nobody to ask.
    """
    # Without end, where it is zero.
    wait = max(wait, LEAST_SECONDS)
    try:
        async with answered_within(wait + 0.5, UNANSWERED):
            answered: Answered = await handle.execute_update(
                name_of(command),
                command.model_dump(mode="json") | {"asked": asked},
                # The server answers a known update id from memory: another command must not get that answer.
                id=f"{command.command_id}.{name_of(command)}.{digest_of(command)[:8]}",
                result_type=Answered,
                rpc_timeout=timedelta(seconds=wait),
            )
    except WorkflowUpdateFailedError as error:
        raise refusal_of(error) from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise Unanswered(UNANSWERED) from None
    except RPCError as error:
        if is_crowded(error):
            raise Unanswered(UNANSWERED) from None
        raise
    receipt = CommandReceipt.model_validate(answered.model_dump(exclude={"asked"}))
    # A worker of 0.3.0 repeats no word.
    return as_repeated(receipt) if answered.asked not in ("", asked) else receipt


def new_word() -> str:
    """Return a word nobody else asks with."""
    return uuid.uuid4().hex
