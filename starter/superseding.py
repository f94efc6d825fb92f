"""Whether the case a `supersede` names may take the place of the one it is sent to: asked before it is sent.

A workflow cannot look at another case. The grant of a renewal or a change tells its predecessor by itself, in the
step that has recorded it, and does not come by here.
"""

from domain.commands import Supersede
from domain.refusal import Refused
from domain.succession import judge_successor
from storage.database import Database
from storage.entitlements import entitlement


async def check_successor(database: Database, acceptance_no: str, command: Supersede) -> None:
    """Raise `Refused` on `by` unless that case was granted in the place of `acceptance_no`.

    An entitlement that is unknown, or over, is left to the case to refuse: it says so better.
    """
    async with database.read() as connection:
        replaced = await entitlement(connection, acceptance_no)
        if replaced is None or replaced.closed:
            return
        refusal = judge_successor(replaced, await entitlement(connection, command.by))
    if refusal is not None:
        raise Refused(refusal)
