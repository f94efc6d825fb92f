"""One year of a granted benefit: enjoy it, recheck it in the 30 days before the anniversary, then the next year.

A quiet recheck asks only the insurance registry; a disease that needs records asks the applicant and one expert.
Nothing handed in suspends the benefit and, 30 days later, ends it; a failed recheck ends it at month end. Lapsed
insurance suspends it until the person is insured again. It continues as new at every yearly boundary, under the same
id, the acceptance number, and answers the same signals and updates as `Application`. A qualification the city had
before it went live begins here, without an application.
"""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.contract import ActivityName, ContinueEntitlement, LoadedRules, LoadRules
    from domain.events import EventKind
    from domain.moments import local_date
    from workflows import showing
    from workflows.adopting import adopt
    from workflows.asking import record_at_once
    from workflows.benefit import bear_suspension, enjoy, recheck
    from workflows.case import CaseWorkflow
    from workflows.yearly import plan_recheck


@workflow.defn(name="Entitlement")
class EntitlementWorkflow(CaseWorkflow):
    """One year of the benefit; see the module."""

    @workflow.init
    def __init__(self, start: ContinueEntitlement) -> None:
        super().__init__(start.state)
        self._imported = start.imported
        self.reminds_of_renewal = False
        self.imported_expired = False

    @workflow.run
    async def run(self, start: ContinueEntitlement) -> str:
        """Live one year; return the final status, or continue as the next year."""
        await self.live((self.begin, self.enjoy, self.recheck, self.bear_suspension))
        self.continue_next_year()
        return self.state.status.value

    async def begin(self) -> None:
        """Begin the year; an imported qualification begins its first one here, by being adopted."""
        if self._imported is None or self.state.seq > 0:
            await self.renew_rules()
            return
        loaded = await self._load()
        self.state.calendar, self.state.rules = loaded.calendar, loaded.rules
        await adopt(self, self._imported)

    async def renew_rules(self) -> None:
        """Take over the policy and the calendar in force now, and fix this year's recheck day."""
        state = self.state
        loaded = await self._load()
        state.calendar = loaded.calendar
        state.rules = loaded.rules or state.rules
        planned = state.recheck_on
        plan_recheck(self)
        if planned is not None and state.recheck_on != planned:
            self.note(EventKind.RECHECK_MOVED, planned=planned.isoformat(), recheck_on=str(state.recheck_on))

    async def renew_for_recheck(self) -> None:
        """Take over policy and calendar of the recheck day; a disease listed no more keeps the policy it has."""
        loaded = await self._load()
        self.state.calendar = loaded.calendar
        self.state.rules = loaded.rules or self.state.rules

    async def _load(self) -> LoadedRules:
        state = self.state
        request = LoadRules(region=state.region, disease_id=state.disease_id, on=local_date(workflow.now()))
        return await record_at_once(ActivityName.LOAD_RULES, request, LoadedRules, summary="读取政策与日历")

    def recheck_starts(self) -> datetime:
        """Return when this year's recheck begins."""
        starts = showing.recheck_starts(self.state)
        assert starts is not None, "the recheck day is fixed when the year begins"
        return starts

    async def enjoy(self) -> None:
        """Wait for the recheck day, or for what ends or suspends the benefit before it."""
        await enjoy(self)

    async def recheck(self) -> None:
        """Recheck the qualification."""
        await recheck(self)

    async def bear_suspension(self) -> None:
        """Wait out a suspension for a missed recheck."""
        await bear_suspension(self)

    def continue_next_year(self) -> None:
        """Go on as the next year, unread messages carried; return if the benefit has ended."""
        if not self.state.closed:
            workflow.continue_as_new(args=[showing.carried(self.state)])
