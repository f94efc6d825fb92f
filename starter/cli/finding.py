"""Finding a person's cases at the counter or on the telephone, when the acceptance number is not at hand."""

import sys
from datetime import UTC, datetime

import click

from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf

_LONGEST = 64


@click.command("find", cls=Leaf)
@click.option("--actor", default="counter:cli", show_default=True, metavar="WHO", help="Who asks; it is logged.")
async def find(actor: str) -> Answer:
    """List the cases of the person whose ID number stands on standard input, open ones and closed ones.

    On standard input, so that it stands in no list of processes and in no shell's history. Every look-up is logged.
    """
    from domain.identity import check_id_number
    from starter.cli.cards import show_cases
    from starter.status import listed
    from storage import reading
    from storage.access import log_access
    from storage.calendar_store import read_history
    from storage.keys import load_keys

    number = check_id_number(sys.stdin.buffer.read(_LONGEST).decode("utf-8", "replace"), field="id_number")
    settings = read_settings()
    person_key = load_keys(settings.keys).person_key(number)
    now = datetime.now(UTC)
    async with opened_database(settings) as database:
        async with database.read() as connection:
            history = await read_history(connection)
            lines = await reading.list_cases(connection, person_key=person_key)
        cases = listed(lines, now, history)
        async with database.write() as connection:
            found = [case.acceptance_no for case in cases]
            await log_access(connection, at=now, actor=actor, action="person.find", detail={"cases": [*found]})
    return Answer({"cases": cases}, lambda console: show_cases(console, cases))


COMMANDS: tuple[click.Command, ...] = (find,)
