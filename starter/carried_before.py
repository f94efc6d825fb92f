"""Whether a command that is sent again was carried out before, told from the trail of its case.

A case that has ended answers no more, and the server answers a known update from memory, as if for the first time.
The trail keeps of a command its id, its sender and what it did: what is kept is compared.
"""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError, RPCStatusCode

from activities.contract import CommandReceipt
from domain.commands import Command, name_of
from domain.events import EventKind
from starter.answers import unreached
from starter.refusals import closed_case, id_taken, unknown_case
from storage import reading
from storage.database import Database
from storage.reading import TimelineEntry

_NOTED_AS = {
    "supply_materials": EventKind.MATERIALS_SUPPLIED,
    "give_verdict": EventKind.VERDICT_GIVEN,
    "recuse": EventKind.EXPERT_RECUSED,
    "verify_originals": EventKind.ORIGINALS_VERIFIED,
    "raise_objection": EventKind.OBJECTION_RAISED,
    "rule_objection": EventKind.OBJECTION_RULED,
    "withdraw": EventKind.WITHDRAWN,
    "appeal": EventKind.APPEALED,
    "extend": EventKind.LIMIT_EXTENDED,
    "correct": EventKind.CORRECTED,
    "change_hospital": EventKind.HOSPITAL_CHANGED,
    "file_offregion": EventKind.OFFREGION_FILED,
    "end_offregion": EventKind.OFFREGION_ENDED,
    "change_contact": EventKind.CONTACT_CHANGED,
    "insured_changed": EventKind.INSURED_CHANGED,
    "end_entitlement": EventKind.END_ORDERED,
    "supersede": EventKind.END_ORDERED,
    "amend_calendar": EventKind.CALENDAR_AMENDED,
    "notice_delivered": EventKind.NOTICE_DELIVERED,
    "notice_failed": EventKind.NOTICE_FAILED,
    "notice_waived": EventKind.NOTICE_WAIVED,
}
"""What a case writes down of each command it carries out."""

_OF_EVERY_COMMAND = {"command_id", "actor", "status", "round"}


async def is_repetition(database: Database, number: str, command: Command) -> bool:
    """Whether a case has carried out this very command already, as far as its trail tells and can be read."""
    try:
        caused = await _caused_by(database, number, command)
    except SQLAlchemyError:
        # The case answers without its read model too.
        return False
    return any(_is_of(each, command) for each in caused)


async def _caused_by(database: Database, number: str, command: Command) -> tuple[TimelineEntry, ...]:
    async with database.read() as connection:
        entries = await reading.timeline_of(connection, number)
    mine = (each for each in entries if each.detail.get("command_id") == command.command_id)
    return tuple(each for each in mine if each.kind is not EventKind.REFUSED)


def as_repeated(receipt: CommandReceipt) -> CommandReceipt:
    """Return a receipt as that of a command which had been carried out before."""
    return receipt.model_copy(update={"repeated": True, "message": "此前已办理。"})


async def unheard(database: Database, number: str, command: Command, error: RPCError) -> CommandReceipt:
    """Return the receipt of a command that reached no case, because its case ended after carrying it out.

    Raises what the failed call means otherwise: `Refused` where there is no such case, it is closed, or the id stands
    for another command; `Unanswered` or `Unreachable`.
    """
    if error.status is not RPCStatusCode.NOT_FOUND:
        raise unreached(error) from None
    async with database.read() as connection:
        view = await reading.case_status(connection, number)
    if view is None:
        raise unknown_case() from None
    caused = await _caused_by(database, number, command)
    if not caused:
        raise closed_case(view.status) from None
    if not any(_is_of(each, command) for each in caused):
        raise id_taken() from None
    return as_repeated(
        CommandReceipt(
            acceptance_no=number,
            command_id=command.command_id,
            command=name_of(command),
            seq=caused[-1].seq,
            status=caused[-1].status_to,
        )
    )


def _is_of(entry: TimelineEntry, command: Command) -> bool:
    if entry.kind is not _NOTED_AS[name_of(command)] or entry.actor != command.actor:
        return False
    said = command.model_dump(mode="json", exclude=_OF_EVERY_COMMAND)
    return all(_same(entry.detail[name], said[name]) for name in said.keys() & entry.detail.keys())


def _same(kept: JsonValue, said: JsonValue) -> bool:
    if kept == said or (not kept and not said):
        return True
    try:
        # One instant is written in more than one way; the trail keeps whole seconds.
        instants = [datetime.fromisoformat(str(each)).replace(microsecond=0) for each in (kept, said)]
    except ValueError:
        return False
    return instants[0] == instants[1]
