"""One application for its whole life: accept, check, supplement, verify, review, decide, publicise, grant.

Granted, it continues as new under the same id as `Entitlement`. Otherwise it ends not accepted, lapsed, withdrawn, or
denied (open until the appeal window ends). Its id is the acceptance number (受理号). Activities do all I/O.
Signals and updates: every name in `domain.commands.COMMANDS`, first `supply_materials` and `give_verdict`; see
docs/process.md. A cancel request is refused and audited.
"""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.contract import (
        ActivityName,
        Inspected,
        Insured,
        LookUpInsured,
        OpenCase,
        Opened,
        StartApplication,
    )
    from domain.case import CaseState
    from domain.clock import Ledger
    from domain.events import EventKind, NoticeEvent
    from domain.moments import local_date
    from domain.vocabulary import InsuredState, Status
    from workflows import patches, showing
    from workflows.asking import ask, record_at_once
    from workflows.carrying import inspect
    from workflows.case import CaseWorkflow
    from workflows.deciding import INSURED_ZH, conclude, review
    from workflows.papers import compared_at_intake, complete_papers, refuse_acceptance, verify_originals
    from workflows.recording import SYSTEM


@workflow.defn(name="Application")
class ApplicationWorkflow(CaseWorkflow):
    """The application; see the module."""

    @workflow.init
    def __init__(self, start: StartApplication) -> None:
        super().__init__(
            CaseState(
                acceptance_no=start.acceptance_no,
                region=start.form.region,
                disease_id=start.form.disease_id,
                channel=start.form.channel,
                person_key=start.person_key,
                kind=start.form.kind,
                change=start.form.change,
                hospital_id=start.form.hospital_id,
                received_at=start.received_at,
                materials=start.materials,
            )
        )
        self._start = start

    @workflow.run
    async def run(self, start: StartApplication) -> str:
        """Live the application; return the final status, or continue as the entitlement."""
        await self.live(
            (
                self.open,
                self.accept,
                self.complete_papers,
                self.verify_originals,
                self.review,
                self.conclude,
            )
        )
        self.continue_as_entitlement()
        return self.state.status.value

    async def open(self) -> None:
        """Write the case; a second open case of the person and disease ends here."""
        request = OpenCase(start=self._start, at=workflow.now())
        opened = await record_at_once(ActivityName.OPEN_CASE, request, Opened, summary="登记申请")
        state = self.state
        state.seq = 1
        state.calendar, state.rules = opened.calendar, opened.rules
        state.replaces, state.replaced_end_on = opened.replaces, opened.replaced_end_on
        state.offregion = opened.offregion
        if opened.duplicate_of is not None:
            state.closed = True
            # Its number is for those who may see that case: anybody can apply with another's ID number.
            state.denial_reason = "已有在办或有效的同病种案件"
            self.note(
                EventKind.NOT_ACCEPTED,
                to=Status.NOT_ACCEPTED,
                code="duplicate",
                reason=state.denial_reason,
                existing=opened.duplicate_of,
            )
            if workflow.patched(patches.DUPLICATE_TOLD):
                self.notify(NoticeEvent.NOT_ACCEPTED, {"reason": state.denial_reason})
            await self.commit()
        elif opened.rules is None:
            await refuse_acceptance(self, "not_listed", "所申请的病种不在本市病种目录内")
        elif opened.unfit:
            await refuse_acceptance(self, "unfit", opened.unfit)
        elif self._start.form.originals is not None:
            await compared_at_intake(self, self._start.form.originals, self._start.form.originals_by or SYSTEM)

    async def accept(self) -> None:
        """Start the clock at receipt; ask the registry and judge the papers side by side."""
        state = self.state
        state.ledger = Ledger(
            started_at=state.received_at,
            limit=self.rules.decision_limit_days,
            close=self.rules.close_of_business,
        )
        look_up = LookUpInsured(acceptance_no=state.acceptance_no, region=state.region, on=local_date(workflow.now()))
        asking = self._ask_and_inspect(look_up)
        found = await self.meanwhile(asking, waiting_for="核查参保状态、核对材料")
        if found is None or state.closed:
            return
        insured, inspected = found
        state.insured, state.insured_listed = insured.state, insured.listed
        if insured.state is not InsuredState.NORMAL:
            await refuse_acceptance(self, f"insured_{insured.state.value}", INSURED_ZH[insured.state])
            return
        if inspected.refused is not None:
            # A paper whose file is gone or unreadable counts as never handed in.
            state.told = f"1. {inspected.refused.message}{inspected.refused.remedy}"
            return
        faults = [finding for finding in inspected.findings if finding.severity == "fault"]
        state.materials = inspected.materials
        state.faults = tuple(dict.fromkeys(f.kind for f in faults if f.kind is not None))
        state.told = inspected.told if faults else ""

    async def _ask_and_inspect(self, look_up: LookUpInsured) -> tuple[Insured, Inspected]:
        return await asyncio.gather(
            ask(ActivityName.LOOK_UP_INSURED, look_up, Insured, summary="核查参保状态"),
            inspect(self, self.state.materials),
        )

    async def complete_papers(self) -> None:
        """Tell once, in full, what is missing, and wait for it."""
        await complete_papers(self)

    async def verify_originals(self) -> None:
        """Have the originals seen at the counter, where the policy asks."""
        await verify_originals(self)

    async def review(self) -> None:
        """Hear the panel and decide."""
        await review(self)

    async def conclude(self) -> None:
        """Let the public object and grant; give the denied applicant a second panel."""
        await conclude(self)

    def continue_as_entitlement(self) -> None:
        """Go on as the entitlement, unread messages carried; return if there is none."""
        if self.state.status is Status.EFFECTIVE:
            workflow.continue_as_new(args=[showing.carried(self.state)], workflow="Entitlement")
