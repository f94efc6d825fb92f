"""The first phase of an imported qualification: it takes its place, with rules, calendar and recheck day of today."""

from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.events import EventKind
from domain.moments import end_of_day
from domain.refusal import Refusal
from domain.vocabulary import Status, WaitingOn
from workflows.yearly import plan_next_year

if TYPE_CHECKING:
    from domain.imported import ImportedEntitlement
    from workflows.entitlement import EntitlementWorkflow

NOT_LISTED = Refusal(
    field="disease_id",
    rule="病种编号须在本市现行病种目录内",
    remedy="请更正病种编号后以新的编号导入",
    message="该病种不在本市病种目录内。",
)


async def adopt(case: "EntitlementWorkflow", imported: "ImportedEntitlement") -> None:
    """Write the qualification as in force; where its place is taken, or too many are held, it is not accepted."""
    state = case.state
    if state.rules is None:
        await _turn_away(case, imported, NOT_LISTED, existing=None)
        return
    state.effect_on, state.end_on = imported.effect_on, imported.end_on
    # It comes in only to be renewed: the person was told long ago, or never held it from us.
    case.imported_expired = imported.end_on is not None and end_of_day(imported.end_on) <= workflow.now()
    plan_next_year(case)
    case.awaits(WaitingOn.TIMER, case.recheck_starts)
    case.note(
        EventKind.IMPORTED,
        to=Status.EFFECTIVE,
        actor=f"channel:{state.channel}",
        effect_on=imported.effect_on.isoformat(),
        end_on=imported.end_on.isoformat() if imported.end_on else "",
        hospital_id=imported.hospital_id,
        year=state.year,
        next_recheck_on=str(state.recheck_on),
    )
    try:
        adopted = await case.commit(max_live=state.rules.max_diseases, imported=imported)
    except FailureError:
        # The number belongs to another request, long closed: there is nothing here to hold up.
        state.seq = 0
        raise
    if adopted.refused is not None:
        await _turn_away(case, imported, adopted.refused, existing=adopted.conflicting)


async def _turn_away(
    case: "EntitlementWorkflow", imported: "ImportedEntitlement", refusal: Refusal, *, existing: str | None
) -> None:
    state = case.state
    state.effect_on = state.end_on = state.recheck_on = None
    state.year, state.closed, state.denial_reason = 0, True, refusal.message
    case.note(
        EventKind.NOT_ACCEPTED,
        to=Status.NOT_ACCEPTED,
        code="import",
        reason=refusal.message,
        rule=refusal.rule,
        remedy=refusal.remedy,
        existing=existing,
    )
    await case.commit(imported=imported)
