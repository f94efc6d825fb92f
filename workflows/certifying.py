"""The days of an entitlement, and the certificate that proves them."""

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from activities.contract import ActivityName, CertificateIssued, IssueCertificate
from domain.entitlement_dates import validity_end
from domain.events import EventKind
from domain.moments import local_date
from domain.vocabulary import ApplicationKind, MaterialKind
from workflows import patches
from workflows.asking import ask

if TYPE_CHECKING:
    from datetime import date

    from workflows.case import CaseWorkflow


def effect_on(case: "CaseWorkflow") -> "date":
    """Return from which day the benefit is paid: by the city's rule, or by the disease's exception.

    A renewal that was handed in within its window follows the entitlement it renews without a gap, whenever it is
    decided. An exception goes back before the decision, where the entitlement a change replaces is still in force:
    a change takes effect by the city's rule.
    """
    if case.state.kind is ApplicationKind.RENEWAL and case.state.replaced_end_on is not None:
        return case.state.replaced_end_on + timedelta(days=1)
    exceptions = {
        "pathology_date": MaterialKind.PATHOLOGY_REPORT,
        "discharge_date": MaterialKind.DISCHARGE_RECORD,
        "first_dialysis": MaterialKind.DIALYSIS_RECORD,
    }
    rule = case.rules.effect_exception
    if rule is not None and not case.state.replaces:
        dates = [p.issued_on for p in case.state.materials if p.kind is exceptions[rule] and p.issued_on]
        if dates:
            return min(dates)
    decided_on = local_date(case.state.decided_at or workflow.now())
    if case.rules.effect == "day_after_publicity" and case.state.publicity is not None:
        # A grant on appeal may come long after the period: never an effect before the decision.
        return max(local_date(case.publicity_due()), decided_on) + timedelta(days=1)
    return decided_on


def end_on(case: "CaseWorkflow", effect: "date") -> "date | None":
    """Return the last day of validity, None if it is long-term.

    The years count from the day of effect; from the decision where they would be over before the grant, as they can
    be where an exception goes back further than they are long: nobody is granted what has ended.
    """
    state, years = case.state, case.rules.validity_years
    end, decided_on = validity_end(effect, years), local_date(state.decided_at or workflow.now())
    granted_on = decided_on if state.publicity is None else max(decided_on, local_date(case.publicity_due()))
    if end is None or end > granted_on or not workflow.patched(patches.VALID_WHEN_DECIDED):
        return end
    return validity_end(decided_on, years)


def needs_another(case: "CaseWorkflow", effect: "date") -> bool:
    """Whether the certificate that was issued last, if any, is not the one of a grant with this day of effect."""
    state = case.state
    if state.certificate_version == 0 or state.planned_effect_on != effect:
        return True
    # Payloads of 0.3.0 know no planned end; the day a period ends may have been put off by an objection.
    if state.planned_end_on is not None and state.planned_end_on != end_on(case, effect):
        return True
    return case.state.certificate_revoked and workflow.patched(patches.CERTIFICATE_ANEW)


async def issue_certificate(case: "CaseWorkflow", effect: "date", *, conditional: bool) -> None:
    """Issue the next version of the certificate and draft its entry."""
    state = case.state
    state.certificate_version += 1
    state.planned_effect_on, state.planned_end_on, state.certificate_revoked = effect, end_on(case, effect), False
    request = IssueCertificate(
        acceptance_no=state.acceptance_no,
        version=state.certificate_version,
        region=state.region,
        effect_on=effect,
        end_on=state.planned_end_on,
        issued_on=local_date(workflow.now()),
        conditional=conditional,
        projected=conditional and case.is_projected(case.publicity_due()),
        at=workflow.now(),
        policy_version=case.rules.version,
    )
    issued = await ask(ActivityName.ISSUE_CERTIFICATE, request, CertificateIssued, summary="生成电子凭证")
    case.note(
        EventKind.CERTIFICATE_ISSUED,
        certificate_no=issued.certificate_no,
        sha256=issued.sha256,
        effect_on=effect.isoformat(),
        conditional=conditional,
    )
