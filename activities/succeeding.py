"""Tells an entitlement that another case has been granted in its place."""

from datetime import date

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.commands import Supersede, name_of


async def supersede(client: Client, predecessor: str, *, by: str, from_on: date | None) -> None:
    """Signal the predecessor's workflow; one that has ended, or never was, needs no telling.

    The command id names the new case, so that a second signal is refused as a repetition. Raises `RPCError` where
    the server does not take it: the activity is then tried again.
    """
    command = Supersede(command_id=f"supersede-{by}", actor="system", by=by, from_on=from_on)
    try:
        await client.get_workflow_handle(predecessor).signal(name_of(command), command)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
