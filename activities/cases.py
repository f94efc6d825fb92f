"""The activities of a case: each a few lines over a plain function that knows no Temporal."""

from temporalio import activity
from temporalio.client import Client

from activities.adapter import edge
from activities.contract import (
    ActivityName,
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
from activities.rules import calendar_from, close_of, loaded_rules, rules_in_force
from activities.starting import start_notices, with_channels
from domain.calendar import CalendarSlice, WorkCalendar
from domain.moments import local_date
from storage import cases, panels
from storage.calendar_store import Calendars
from storage.database import Database
from storage.keys import Keys
from storage.objects import ObjectStore
from storage.people import kind_of
from storage.policies import policy_for
from storage.transition import NewCase, Transition


class CaseActivities:
    """Bound to one database, object store and key set. `client` None (tests) starts no notices."""

    def __init__(self, database: Database, objects: ObjectStore, keys: Keys, client: Client | None = None) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._client = client
        self._calendars = Calendars()

    @activity.defn(name=ActivityName.OPEN_CASE)
    @edge
    async def open_case(self, task: OpenCase) -> Opened:
        """Write the case; say which other one holds its place, and by which rules it is judged."""
        form, on = task.start.form, local_date(task.start.received_at)
        rules = rules_in_force(form.region, form.disease_id, on)
        new = NewCase.model_validate({**dict(task.start), "at": task.at})
        async with self._database.write() as connection:
            calendar = (await self._calendars.history(connection)).current
            duplicate_of = await cases.open_case(connection, new)
        return Opened(
            duplicate_of=duplicate_of,
            rules=rules,
            calendar=calendar_from(calendar, on),
            close=close_of(policy_for(form.region, on)),
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
        """Write one transition, then start its notices; both may be repeated."""
        transition = with_channels(Transition.model_validate(task, from_attributes=True))
        async with self._database.write() as connection:
            outcome = await cases.record_events(connection, transition)
            calendar = (await self._calendars.history(connection)).current
        if self._client is not None:
            await start_notices(self._client, task.acceptance_no, outcome.notices)
        return Recorded(
            refused=outcome.refused,
            conflicting=outcome.conflicting,
            seqs=outcome.seqs,
            last_seq=outcome.last_seq,
            calendar=_newer(calendar, task),
        )

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
        return await inspect(self._objects, task, kind)

    @activity.defn(name=ActivityName.ISSUE_CERTIFICATE)
    @edge
    async def issue_certificate(self, task: IssueCertificate) -> CertificateIssued:
        """Print, sign and store one version of the certificate."""
        return await issue(self._database, self._objects, self._keys, task)


def _newer(calendar: WorkCalendar, task: RecordEvents) -> CalendarSlice | None:
    # A case nobody wakes learns of a new calendar with the next thing it writes.
    if task.calendar_span is None or task.row.calendar_version in ("", calendar.version):
        return None
    return calendar.slice(*task.calendar_span)
