"""How much one sender may do to one case: what is done to a case stands in its record for good.

What is refused leaves nothing and costs nothing; what is sent again under its id is the same thing and counts once.
Staff are not counted: they stand in the record by name, and write down the objections that come by letter.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.access import Principal, Role
from domain.refusal import Refused
from starter.web.doors import Doors
from starter.web.problems import Stopped
from starter.web.rates import Buckets
from worker.connection import Unreachable

OBJECTION = "raise_objection"
Count = tuple[Buckets, str]


class Counted:
    """Something that was counted; `give_back` where it turns out to have been done before."""

    def __init__(self, counts: Sequence[Count]) -> None:
        self._counts = counts

    def give_back(self) -> None:
        """Give back what was taken, once."""
        for buckets, asker in self._counts:
            buckets.give_back(asker)
        self._counts = ()


@contextmanager
def counted(doors: Doors, counts: Sequence[Count], sent: str) -> Iterator[Counted]:
    """Count something that is sent, `sent` telling it from everything else; given back where it comes to nothing.

    Raises `Stopped` (429). Where nobody answers it stays counted: it may be carried out later.
    """
    if not counts or doors.counted_once.look(sent).remaining < 1:
        yield Counted(())
        return
    for buckets, asker in counts:
        buckets.check(asker)
    taken = [*counts, (doors.counted_once, sent)]
    for buckets, asker in taken:
        buckets.take(asker)
    counting = Counted(taken)
    try:
        yield counting
    except (Refused, Stopped, Unreachable):
        counting.give_back()
        raise


def bounds_of(doors: Doors, principal: Principal, number: str, name: str) -> list[Count]:
    """Return what a command to a case is counted by; nothing for staff."""
    of_case = f"{number} {principal.reader}"
    match principal.role:
        case Role.APPLICANT if name == OBJECTION:
            return [
                (doors.commands, of_case),
                (doors.objections, of_case),
                (doors.objection_accounts, principal.id),
            ]
        case Role.BACKEND if name == OBJECTION:
            return [(doors.objection_channels, f"{number} {principal.channel}")]
        case Role.APPLICANT | Role.BACKEND:
            return [(doors.commands, of_case)]
        case _:
            return []


def bounds_of_line(doors: Doors, principal: Principal, number: str, address: str) -> list[Count]:
    """Return what an objection to a line of the list is counted by beside its command."""
    return [(doors.objection_addresses, f"{number} {address}")] if principal.role is Role.APPLICANT else []
