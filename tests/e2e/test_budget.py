"""The budget of history events: what a case costs Temporal, measured on the real server."""

from collections import Counter
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from domain.commands import GiveVerdict
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.skipping import settle
from tests.e2e.playing import apply_quick, skip_past, until, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRANT = Decision.GRANT
GRANTED_WITH_PUBLICITY = 75
QUIET_YEAR = 40
JIUQUAN_HYPERTENSION = "620900-011"
PANZHIHUA_HYPERTENSION = "510400-001"


async def test_a_granted_application_with_three_verdicts_and_publicity_costs_at_most_75_events(
    mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 200_001, "620900", JIUQUAN_HYPERTENSION, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    status = await until_status(mente, number, Status.PUBLICITY)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.EFFECTIVE)
    # The run of the application ends a moment after the grant is written.
    await settle(mente, number)
    counts = counted(await history_of(mente, number, run=0, workflow="Application"))
    assert counts.total() <= GRANTED_WITH_PUBLICITY, told(counts)
    assert counts["WORKFLOW_EXECUTION_UPDATE_COMPLETED"] == 3, told(counts)
    assert counts["WORKFLOW_EXECUTION_CONTINUED_AS_NEW"] == 1, told(counts)


async def test_the_same_with_verdicts_as_signals_costs_at_most_75_events(mente: Mente, tmp_path: Path) -> None:
    number = (await apply_quick(mente, 200_002, "620900", JIUQUAN_HYPERTENSION, tmp_path)).acceptance_no
    status = await until_status(mente, number, Status.REVIEW)
    for seat in status.panel:
        command = GiveVerdict(
            command_id=new_command_id(), actor=f"expert:{seat.expert}", decision=GRANT, reason="符合"
        )
        await mente.signal(number, command)
        # one after the other, as experts do: signals that arrive together share a workflow task
        await settle(mente, number)
    status = await until_status(mente, number, Status.PUBLICITY)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.EFFECTIVE)
    # The run of the application ends a moment after the grant is written.
    await settle(mente, number)
    counts = counted(await history_of(mente, number, run=0, workflow="Application"))
    assert counts.total() <= GRANTED_WITH_PUBLICITY, told(counts)
    assert counts["WORKFLOW_EXECUTION_SIGNALED"] == 3, told(counts)


async def test_a_quiet_yearly_recheck_costs_at_most_40_events(mente: Mente, tmp_path: Path) -> None:
    number = (await apply_quick(mente, 200_003, "510400", PANZHIHUA_HYPERTENSION, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    await settle(mente, number)
    quiet = (await mente.handle(number).describe()).run_id
    await skip_past(mente, number, (await mente.status(number)).due)

    async def next_year() -> bool:
        return (await mente.handle(number).describe()).run_id != quiet

    await until(next_year)
    counts = counted(await history_of(mente, number, run=1, workflow="Entitlement"))
    assert counts.total() <= QUIET_YEAR, told(counts)
    assert counts["WORKFLOW_EXECUTION_CONTINUED_AS_NEW"] == 1, told(counts)
    assert counts["TIMER_FIRED"] == 1, told(counts)


async def history_of(mente: Mente, number: str, *, run: int, workflow: str) -> WorkflowHistory:
    """Return the whole history of a run of the case, the first being 0."""
    description = await mente.handle(number).describe()
    run_id = description.raw_description.workflow_execution_info.first_run_id
    for _ in range(run):
        history = await mente.client.get_workflow_handle(number, run_id=run_id).fetch_history()
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    history = await mente.client.get_workflow_handle(number, run_id=run_id).fetch_history()
    assert history.events[0].workflow_execution_started_event_attributes.workflow_type.name == workflow
    return history


def counted(history: WorkflowHistory) -> Counter[str]:
    """Return the events by type, without those that only time skipping writes."""
    names = (EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)
    # a request to skip time is itself written down, as a change of the run's options
    return Counter(n for n in names if "TIME_SKIPPING" not in n and n != "WORKFLOW_EXECUTION_OPTIONS_UPDATED")


def told(counts: Counter[str]) -> str:
    """Return the counts for a person to read."""
    lines = (f"{count:4} {name}" for name, count in counts.most_common())
    return "\n".join([f"{counts.total()} events:", *lines])
