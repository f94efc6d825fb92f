"""Whether a command that is sent again was carried out before, told from the trail of its case.

A case that has ended answers no more, and one that lives remembers the last of its commands only. The trail keeps of
every command its id and a digest of what it said; of one carried out by 0.3.0 its id, its sender and what it did.
"""

from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError, RPCStatusCode

from activities.contract import CommandReceipt
from domain.commands import Command, name_of
from domain.events import EventKind
from domain.judging import digest_of
from starter.answers import unreached
from starter.refusals import closed_case, id_taken, unknown_case
from storage import reading
from storage.command_entries import caused_by
from storage.database import Database
from storage.keys import Keys
from storage.reading import SAID, TimelineEntry

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


class Before(NamedTuple):
    """What is known of a command's id from the trail of its case: the entries, and the digest of what is said now."""

    caused: tuple[TimelineEntry, ...]
    said: str

    def is_of(self, command: Command) -> bool:
        """Whether it is this very command that the case has carried out, as far as its trail tells."""
        return any(self._tells(each, command) for each in self.caused)

    @property
    def is_certain(self) -> bool:
        """Whether the trail tells it beyond doubt: entries of 0.3.0 keep only some of what a command said."""
        return any(SAID in each.detail for each in self.caused)

    def receipt(self, number: str, command: Command) -> CommandReceipt:
        """Return the receipt of the command as one carried out before. Raises `Refused` if its id is another's."""
        entry = next((each for each in reversed(self.caused) if self._tells(each, command)), None)
        if entry is None:
            raise id_taken() from None
        return as_repeated(
            CommandReceipt(
                acceptance_no=number,
                command_id=command.command_id,
                command=name_of(command),
                seq=entry.seq,
                status=entry.status_to,
            )
        )

    def _tells(self, entry: TimelineEntry, command: Command) -> bool:
        if entry.kind is not _NOTED_AS[name_of(command)]:
            return False
        if SAID in entry.detail:
            return entry.detail[SAID] == self.said
        return _is_of(entry, command)


async def look_before(database: Database, keys: Keys, number: str, command: Command) -> Before:
    """Return what the trail of a case knows of a command's id; nothing where the trail cannot be read."""
    try:
        return await _known(database, keys, number, command)
    except SQLAlchemyError:
        # The case answers without its read model too.
        return Before((), "")


async def _known(database: Database, keys: Keys, number: str, command: Command) -> Before:
    async with database.read() as connection:
        caused = await caused_by(connection, number, command.command_id, _NOTED_AS.values())
    return Before(caused, keys.command_digest(number, digest_of(command)))


def as_repeated(receipt: CommandReceipt) -> CommandReceipt:
    """Return a receipt as that of a command which had been carried out before."""
    return receipt.model_copy(update={"repeated": True, "message": "此前已办理。"})


async def unheard(database: Database, keys: Keys, number: str, command: Command, error: RPCError) -> CommandReceipt:
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
    before = await _known(database, keys, number, command)
    if not before.caused:
        raise closed_case(view.status) from None
    return before.receipt(number, command)


def _is_of(entry: TimelineEntry, command: Command) -> bool:
    if entry.actor != command.actor:
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
