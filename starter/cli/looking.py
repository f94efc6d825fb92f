"""Looking: where a case stands, lists, and whether the audit trail is whole. Most need no server."""

from datetime import UTC, datetime

import click

from domain.vocabulary import Status, WaitingOn
from starter.cli.failing import refused
from starter.cli.opening import opened_database, opened_mente, read_settings
from starter.cli.output import Answer
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf, Section


@click.command("status", cls=Leaf)
@NUMBER
async def status(number: str) -> Answer:
    """Show where a case stands and its whole timeline."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    settings = read_settings()
    from starter.status import read_status
    from storage import reading
    from storage.calendar_store import read_history

    async with opened_database(settings) as database, database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await read_history(connection)
    if view is not None:
        found = read_status(view, datetime.now(UTC), history)
    else:
        # Not in the read model: only Temporal knows whether it was just handed in or never was.
        async with opened_mente(settings) as mente:
            found = await mente.status(number)
    from starter.cli.cards import show_status

    return Answer(found, lambda console: show_status(console, found))


@click.command("list", cls=Leaf)
@click.option("--region", metavar="CODE")
@click.option("--status", "status_", type=click.Choice([each.value for each in Status]))
@click.option("--waiting-on", type=click.Choice([each.value for each in WaitingOn]))
@click.option("--expert", metavar="ID", help="Cases that await this expert's verdict.")
@click.option("--attention", is_flag=True, default=False, help="Only those a person must look at.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
async def list_cases(
    region: str | None, status_: str | None, waiting_on: str | None, expert: str | None, attention: bool, limit: int
) -> Answer:
    """List cases, the earliest due first."""
    from starter.cli.cards import show_cases
    from starter.status import listed
    from storage import reading
    from storage.calendar_store import read_history

    async with opened_database(read_settings()) as database, database.read() as connection:
        history = await read_history(connection)
        lines = await reading.list_cases(
            connection,
            region=region,
            status=Status(status_) if status_ else None,
            waiting_on=WaitingOn(waiting_on) if waiting_on else None,
            expert=expert,
            attention=True if attention else None,
            limit=limit,
        )
    cases = listed(lines, datetime.now(UTC), history)
    return Answer({"cases": cases}, lambda console: show_cases(console, cases))


@click.command("explain", cls=Leaf)
@NUMBER
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Last day to show.  [default: due day or end]"
)
async def explain(number: str, until: datetime | None) -> Answer:
    """Show every day of a case's clock: counted or not, why, and which notice says so."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    from starter.cli.explained import show_explanation
    from starter.explaining import explain_case
    from starter.refusals import unknown_case
    from storage import reading
    from storage.calendar_store import read_history

    async with opened_database(read_settings()) as database, database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await read_history(connection)
    if view is None:
        raise unknown_case()
    found = explain_case(view, datetime.now(UTC), history, until.date() if until else None)
    if found is None:
        raise refused(
            field="acceptance_no",
            rule="只有开始计时的案件才有办理时限",
            remedy="请以 mente status 查询该件的状态和原因",
            message="该件没有开始计时，没有可说明的日期。",
        )
    return Answer(found, lambda console: show_explanation(console, found))


_FAULTS_ZH = {
    "changed": "内容被改动",
    "removed": "被删除",
    "reordered": "顺序被改动",
    "appended": "被私自追加",
    "case_missing": "案件记录缺失",
}


@click.command("verify", cls=Leaf)
@click.argument("number", metavar="[NO]", required=False)
async def audit_verify(number: str | None) -> Answer:
    """Walk the chained audit trail of one case, or of all; exit 1 if it was tampered with."""
    from domain.acceptance import parse_acceptance_number
    from storage import reading
    from storage.audit import verify_chain

    number = parse_acceptance_number(number) if number is not None else None
    async with opened_database(read_settings()) as database, database.read() as connection:
        faults = await verify_chain(connection, number)
        if number is not None and not faults and await reading.case_status(connection, number) is None:
            from starter.refusals import unknown_case

            raise unknown_case()
    lines = [f"{each.acceptance_no} 第 {each.seq} 条：{_FAULTS_ZH[each.fault]}" for each in faults]
    told = "\n".join(lines) if faults else "审计记录完整。"
    return Answer(
        {"whole": not faults, "faults": faults}, lambda console: console.print(told), code=1 if faults else 0
    )


COMMANDS: tuple[click.Command, ...] = (
    status,
    list_cases,
    explain,
    Section("audit", help="The chained audit trail.", commands=[audit_verify]),
)
