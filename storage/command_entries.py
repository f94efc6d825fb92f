"""The entries a command caused, found by its id, and the keyed digest of what it said that they keep.

The digest tells a repetition from another command under the id, also long after the case has forgotten the command.
It stands in the entry's `detail` and is shown to nobody. Entries of 0.3.0 and older have none.
"""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import EventKind
from storage.reading import SAID, TimelineEntry
from storage.tables import case_event
from storage.transition import Transition

Digest = Callable[[str, str], str]
"""`Keys.command_digest`."""

_CAUSED = (
    select(*(case_event.c[name] for name in TimelineEntry.model_fields))
    .where(
        case_event.c.acceptance_no == bindparam("acceptance_no", type_=String),
        case_event.c.key.in_(bindparam("keys", expanding=True, type_=String)),
    )
    .order_by(case_event.c.seq)
)


def with_said(transition: Transition, said: Sequence[str], digest: Digest) -> Transition:
    """Return a transition whose entries keep what their command said; `said` are plain digests, empty for none."""
    number = transition.acceptance_no
    events = [
        entry.model_copy(update={"detail": {**entry.detail, SAID: digest(number, plain)}}) if plain else entry
        for entry, plain in zip(transition.events, said, strict=True)
    ]
    return transition.model_copy(update={"events": tuple(events)})


async def caused_by(
    connection: AsyncConnection, acceptance_no: str, command_id: str, kinds: Iterable[EventKind]
) -> tuple[TimelineEntry, ...]:
    """Return the entries of these kinds that a command has caused, as they are written: nothing may be shown."""
    # An entry that a message causes is keyed by the message's id; see workflows/recording.py.
    keys = sorted(f"{kind.value}:{command_id}" for kind in set(kinds))
    rows = (await connection.execute(_CAUSED, {"acceptance_no": acceptance_no, "keys": keys})).mappings()
    entries = [TimelineEntry.model_validate(dict(each)) for each in rows]
    return tuple(entry for entry in entries if entry.detail.get("command_id") == command_id)
