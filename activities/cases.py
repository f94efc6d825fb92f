"""The activities of a case: each a few lines over a plain function that knows no Temporal."""

from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client

from activities.adapter import edge
from activities.adopting import adopted_case
from activities.contract import (
    ActivityName,
    AdoptEntitlement,
    Assigned,
    AssignPanel,
    CertificateIssued,
    Inspected,
    InspectMaterials,
    IssueCertificate,
    LoadedRules,
    LoadRules,
    OpenCase,
    Opened,
    Recorded,
    RecordEvents,
)
from activities.inspection import inspect
from activities.issuing import issue
from activities.rules import calendar_from, close_of, loaded_rules, renewal_span, rules_in_force
from activities.starting import start_notices, with_channels
from activities.succeeding import supersede
from domain.calendar import CalendarSlice, WorkCalendar
from domain.case import Offregion
from domain.moments import local_date
from storage import cases, panels
from storage.calendar_store import Calendars
from storage.command_entries import with_said
from storage.database import Database
from storage.entitlements import opened_as
from storage.keys import Keys
from storage.objects import ObjectStore
from storage.people import kind_of
from storage.phone_index import with_contact_digest, with_phone_digests
from storage.policies import policy_for
from storage.transition import NewCase, Outcome, Transition
from storage.uploads import name_for_case, not_named_for


class CaseActivities:
    """Bound to one database, object store and key set. `client` None (tests) starts no notices.

    `public_url` is where the pages are known from outside, for the certificates' QR code.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        keys: Keys,
        client: Client | None = None,
        *,
        public_url: str = "",
    ) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._client = client
        self._public_url = public_url
        self._calendars = Calendars()

    @activity.defn(name=ActivityName.OPEN_CASE)
    @edge
    async def open_case(self, task: OpenCase) -> Opened:
        """Write the case; say which other one holds its place, and by which rules it is judged."""
        form, on = task.start.form, local_date(task.start.received_at)
        rules, policy = rules_in_force(form.region, form.disease_id, on), policy_for(form.region, on)
        new = NewCase.model_validate({**dict(task.start), "at": task.at, "span": renewal_span(policy)})
        async with self._database.write() as connection:
            calendar = (await self._calendars.history(connection)).current
            duplicate_of = await cases.open_case(connection, with_phone_digests(new, self._keys.phone_digest))
            opened = await opened_as(connection, new.acceptance_no, form, on)
        stay = opened.offregion
        return Opened(
            duplicate_of=duplicate_of,
            rules=rules,
            calendar=calendar_from(calendar, on),
            close=close_of(policy),
            unfit=opened.unfit,
            replaces=opened.replaces,
            replaced_end_on=opened.replaced_end_on,
            offregion=Offregion(region=stay.treatment_region, from_on=stay.from_on) if stay else None,
        )

    @activity.defn(name=ActivityName.LOAD_RULES)
    @edge
    async def load_rules(self, task: LoadRules) -> LoadedRules:
        """Return the rules and the calendar in force; the newest calendar, whichever was asked for."""
        async with self._database.read() as connection:
            history = await self._calendars.history(connection)
        return loaded_rules(history, task.region, task.disease_id, task.on, version=task.calendar_version)

    @activity.defn(name=ActivityName.RECORD_EVENTS)
    @edge
    async def record_events(self, task: RecordEvents) -> Recorded:
        """Write one transition, then start its notices and tell whom it supersedes; all may be repeated."""
        transition = with_channels(Transition.model_validate(task, from_attributes=True))
        transition = with_contact_digest(transition, self._keys.phone_digest)
        transition = with_said(transition, [entry.said for entry in task.events], self._keys.command_digest)
        async with self._database.write() as connection:
            outcome = await cases.record_events(connection, transition)
            calendar = (await self._calendars.history(connection)).current
        if self._client is not None:
            await start_notices(self._client, task.acceptance_no, outcome.notices, at=task.events[0].at)
            if task.replaces is not None and outcome.refused is None:
                await supersede(self._client, task.replaces, by=task.acceptance_no, from_on=task.row.effect_on)
        return _recorded(outcome, calendar, task)

    @activity.defn(name=ActivityName.ADOPT_ENTITLEMENT)
    @edge
    async def adopt_entitlement(self, task: AdoptEntitlement) -> Recorded:
        """Write a qualification granted before the city went live; nobody is told anything."""
        transition = Transition.model_validate(task.transition, from_attributes=True)
        async with self._database.write() as connection:
            new = with_phone_digests(adopted_case(task), self._keys.phone_digest)
            outcome = await cases.adopt_case(connection, new, transition)
            calendar = (await self._calendars.history(connection)).current
        return _recorded(outcome, calendar, task.transition)

    @activity.defn(name=ActivityName.ASSIGN_PANEL)
    @edge
    async def assign_panel(self, task: AssignPanel) -> Assigned:
        """Seat experts."""
        wanted = panels.SeatsWanted.model_validate(task, from_attributes=True)
        async with self._database.write() as connection:
            return Assigned(experts=await panels.assign_panel(connection, wanted))

    @activity.defn(name=ActivityName.INSPECT_MATERIALS)
    @edge
    async def inspect_materials(self, task: InspectMaterials) -> Inspected:
        """Judge papers by decoding them and by the checklist."""
        async with self._database.read() as connection:
            kind = await kind_of(connection, task.acceptance_no)
            papers = [paper.sha256 for paper in task.materials]
            unnamed = await not_named_for(connection, task.acceptance_no, papers)
        if unnamed:
            # Handed in past our own doors: named before it is looked at, it stays until the case has written it down.
            async with self._database.write() as connection:
                await name_for_case(connection, task.acceptance_no, unnamed, at=datetime.now(UTC))
        return await inspect(self._objects, task, kind)

    @activity.defn(name=ActivityName.ISSUE_CERTIFICATE)
    @edge
    async def issue_certificate(self, task: IssueCertificate) -> CertificateIssued:
        """Print, sign and store one version of the certificate."""
        return await issue(self._database, self._objects, self._keys, task, public_url=self._public_url)


def _recorded(outcome: Outcome, calendar: WorkCalendar, task: RecordEvents) -> Recorded:
    return Recorded(
        refused=outcome.refused,
        refused_code=outcome.refused_code,
        conflicting=outcome.conflicting,
        seqs=outcome.seqs,
        last_seq=outcome.last_seq,
        calendar=_newer(calendar, task),
    )


def _newer(calendar: WorkCalendar, task: RecordEvents) -> CalendarSlice | None:
    # A case nobody wakes learns of a new calendar with the next thing it writes.
    if task.calendar_span is None or task.row.calendar_version in ("", calendar.version):
        return None
    return calendar.slice(*task.calendar_span)
