"""A city in memory: the activities of the contract, strict about the audit trail, able to fail on demand."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import (
    ActivityName,
    AdoptEntitlement,
    Assigned,
    AssignPanel,
    CaseRow,
    CertificateIssued,
    ContactChange,
    EventDraft,
    Inspected,
    InspectMaterials,
    Insured,
    IssueCertificate,
    LoadedRules,
    LoadRules,
    LookUpInsured,
    NoticeDraft,
    ObjectionRow,
    OpenCase,
    Opened,
    PublicEntryRow,
    Recorded,
    RecordEvents,
    VerdictRow,
)
from domain.calendar import CalendarNotice, CalendarSlice, WorkCalendar
from domain.case_dates import CaseDates, find_due
from domain.case_rules import CaseRules
from domain.checklist import Finding
from domain.events import EventKind
from domain.festivals import statutory_festivals
from domain.moments import end_of_day
from domain.refusal import Refusal
from domain.vocabulary import FINAL_STATUSES, InsuredState, MaterialKind, Status, WaitingOn
from storage.calendars import shipped_calendar
from storage.policies import policy_for

AMENDED = "CN-amended"
"""The calendar version with a holiday of the test's own."""


def rules_of(region: str, disease_id: str, changes: dict[str, object]) -> CaseRules:
    """Return a city's rules with some of them changed."""
    return policy_for(region, date(2026, 1, 5)).rules_for(disease_id).model_copy(update=changes)


@dataclass
class Script:
    """How the city behaves towards one case."""

    rules: CaseRules | None
    insured: InsuredState = InsuredState.NORMAL
    duplicate_of: str | None = None
    experts: list[str] = field(default_factory=lambda: [f"E{number:03}" for number in range(1, 13)])
    required: set[MaterialKind] = field(default_factory=set)
    recheck_required: set[MaterialKind] = field(default_factory=set)
    unsealed: set[str] = field(default_factory=set)
    not_stored: set[str] = field(default_factory=set)
    place_taken_by: str | None = None
    live_elsewhere: int = 0
    failures: Counter[ActivityName] = field(default_factory=Counter)
    lost_answers: int = 0
    held: dict[ActivityName, asyncio.Event] = field(default_factory=dict)
    holidays: dict[date, str] = field(default_factory=dict)
    final_failures: Counter[ActivityName] = field(default_factory=Counter)
    versions: dict[str, dict[date, bool]] = field(default_factory=dict)
    """Calendars imported since, the last one in force: the days each turns round, True if worked."""
    tells_of_calendar: bool = False
    """Whether a case learns of the calendar in force when it writes something down."""


@dataclass
class Written:
    """Everything the city has written down of one case."""

    events: list[EventDraft] = field(default_factory=list)
    rows: list[CaseRow] = field(default_factory=list)
    notices: list[NoticeDraft] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    objections: list[ObjectionRow] = field(default_factory=list)
    public: list[PublicEntryRow] = field(default_factory=list)
    contacts: list[ContactChange] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    occupies: bool = True
    live: bool = False
    assigned: list[AssignPanel] = field(default_factory=list)
    certificates: list[IssueCertificate] = field(default_factory=list)
    asked: list[ActivityName] = field(default_factory=list)


class FakeCity:
    """Answers every activity of a case; `broken` collects what a real store would never have let pass."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.written: dict[str, Written] = {}
        self.broken: list[str] = []
        self._seated: dict[tuple[str, int], tuple[str, ...]] = {}

    def expect(self, number: str, script: Script) -> Written:
        """Prepare one case."""
        self.scripts[number] = script
        self.written[number] = Written()
        return self.written[number]

    def calendar_of(self, number: str, on: date) -> CalendarSlice:
        """Return the shipped calendar around a date, as the case was given it."""
        return self._calendar(self.scripts[number], on, None)

    async def _enter(self, number: str, name: ActivityName) -> Script:
        script = self.scripts[number]
        self.written[number].asked.append(name)
        if name in script.held:
            await script.held[name].wait()
        if script.final_failures[name] > 0:
            script.final_failures[name] -= 1
            raise ApplicationError("refused for good", type="PolicyError", non_retryable=True)
        if script.failures[name] > 0:
            script.failures[name] -= 1
            raise ApplicationError("the city is out for a moment", type="Down")
        return script

    @activity.defn(name=ActivityName.OPEN_CASE)
    async def open_case(self, task: OpenCase) -> Opened:
        number = task.start.acceptance_no
        script = await self._enter(number, ActivityName.OPEN_CASE)
        written = self.written[number]
        if not written.events:
            written.events.append(
                EventDraft(
                    seq=1,
                    key="submitted",
                    kind=EventKind.SUBMITTED,
                    at=task.at,
                    actor=f"channel:{task.start.form.channel}",
                    status_from=Status.SUBMITTED,
                    status_to=Status.SUBMITTED,
                )
            )
        return Opened(
            duplicate_of=script.duplicate_of,
            rules=script.rules,
            calendar=self._calendar(script, task.start.received_at.date(), None),
        )

    @activity.defn(name=ActivityName.LOAD_RULES)
    async def load_rules(self, task: LoadRules) -> LoadedRules:
        info = activity.info()
        assert info.workflow_id is not None
        script = await self._enter(info.workflow_id, ActivityName.LOAD_RULES)
        asked = task.calendar_version
        version = next(reversed(script.versions), asked)
        return LoadedRules(
            rules=script.rules,
            calendar=self._calendar(script, task.on, version),
            superseded=asked != version and asked in script.versions,
        )

    def _calendar(self, script: Script, on: date, version: str | None) -> CalendarSlice:
        return self.calendar(script, version or "", (on - timedelta(days=40), on + timedelta(days=800)))

    def calendar(self, script: Script, version: str, span: tuple[date, date]) -> CalendarSlice:
        """Return a version of the calendar: one of the script's own, else the one that ships."""
        turned = {**script.versions, AMENDED: dict.fromkeys(script.holidays, False)}.get(version)
        if turned is None:
            return shipped_calendar().slice(*span)
        return _with_days(turned).slice(*span).model_copy(update={"version": version})

    @activity.defn(name=ActivityName.RECORD_EVENTS)
    async def record_events(self, task: RecordEvents) -> Recorded:
        script = await self._enter(task.acceptance_no, ActivityName.RECORD_EVENTS)
        written = self.written[task.acceptance_no]
        known = {event.key: event for event in written.events}
        fresh = [event for event in task.events if event.key not in known]
        if fresh:
            refused = self._guard(task, script, written)
            if refused is not None:
                return refused
            self._compare(task, known)
            self._write(task, fresh, written)
            self._compare_due(task, script)
        if script.lost_answers > 0:
            script.lost_answers -= 1
            raise ApplicationError("written, but the answer is lost", type="Down")
        numbers = {event.key: event.seq for event in written.events}
        return Recorded(
            seqs=tuple(numbers[event.key] for event in task.events),
            last_seq=written.events[-1].seq,
            calendar=self._newer(task, script),
        )

    def _newer(self, task: RecordEvents, script: Script) -> CalendarSlice | None:
        newest = next(reversed(script.versions), "")
        if not script.tells_of_calendar or task.calendar_span is None or task.row.calendar_version in ("", newest):
            return None
        return self.calendar(script, newest, task.calendar_span)

    def _compare(self, task: RecordEvents, known: dict[str, EventDraft]) -> None:
        for event in task.events:
            if event.key in known and known[event.key].detail != event.detail:
                self.broken.append(f"{task.acceptance_no}: {event.key} says something else the second time")

    def _compare_due(self, task: RecordEvents, script: Script) -> None:
        """What a case waits for stands among the dates it is found by, or is no matter of the calendar."""
        row = task.row
        if row.closed and (row.due is not None or row.dates != CaseDates()):
            self.broken.append(f"{task.acceptance_no}: closed, and something is due")
        if row.due is None or task.calendar_span is None:
            return
        last = task.events[-1]
        calendar = self.calendar(script, row.calendar_version, task.calendar_span)
        found = row.dates and find_due(row.dates, row.due, calendar, last.at)
        # What is over already is not found any more; what a step that follows at once will set stands for a moment.
        if found is None and not _is_fixed(row) and row.due > last.at and last.kind not in _FOLLOWED_AT_ONCE:
            self.broken.append(f"{task.acceptance_no}: {row.status} is due {row.due}, which is none of its dates")

    def _guard(self, task: RecordEvents, script: Script, written: Written) -> Recorded | None:
        if task.occupies and not written.occupies and script.place_taken_by:
            return Recorded(refused=_refusal("该病种已有在办申请。"), conflicting=script.place_taken_by)
        if task.max_live is not None and script.live_elsewhere >= task.max_live:
            return Recorded(refused=_refusal("已达病种数上限。"), refused_code="max_diseases", conflicting="other")
        return None

    def _write(self, task: RecordEvents, fresh: list[EventDraft], written: Written) -> None:
        for event in fresh:
            last = written.events[-1]
            if last.status_to in FINAL_STATUSES and event.status_to is not last.status_to:
                self.broken.append(f"{task.acceptance_no}: {event.kind} after the end")
            if event.seq != last.seq + 1 or event.status_from != last.status_to or event.at < last.at:
                self.broken.append(f"{task.acceptance_no}: {event.kind} {event.seq} after {last.kind} {last.seq}")
            if not event.key:
                self.broken.append(f"{task.acceptance_no}: {event.kind} has no key")
            written.events.append(event.model_copy(update={"seq": last.seq + 1}))
        seats = [(row.panel, row.round, row.expert_id) for row in task.verdicts]
        if len(set(seats)) != len(seats) or len({o.objection_id for o in task.objections}) != len(task.objections):
            self.broken.append(f"{task.acceptance_no}: one row twice in a transaction")
        if task.row.status is not written.events[-1].status_to:
            self.broken.append(f"{task.acceptance_no}: the row says {task.row.status}")
        for notice in task.notices:
            if notice.seq != len(written.notices) + 1:
                self.broken.append(f"{task.acceptance_no}: notice {notice.seq} after {len(written.notices)}")
            written.notices.append(notice)
        written.rows.append(task.row)
        written.verdicts.extend(task.verdicts)
        written.objections.extend(task.objections)
        written.public.extend([task.public_entry] if task.public_entry else [])
        written.contacts.extend([task.contact] if task.contact else [])
        written.revoked.extend([task.revoke_certificates] if task.revoke_certificates else [])
        written.occupies, written.live = task.occupies, task.live

    @activity.defn(name=ActivityName.ADOPT_ENTITLEMENT)
    async def adopt_entitlement(self, task: AdoptEntitlement) -> Recorded:
        script = await self._enter(task.acceptance_no, ActivityName.ADOPT_ENTITLEMENT)
        written, transition = self.written[task.acceptance_no], task.transition
        if not written.events:
            written.occupies = False
            refused = self._guard(transition, script, written)
            if refused is not None:
                return refused
            written.events.extend(transition.events)
            written.rows.append(transition.row)
            written.occupies, written.live = transition.occupies, transition.live
        if script.lost_answers > 0:
            script.lost_answers -= 1
            raise ApplicationError("written, but the answer is lost", type="Down")
        return Recorded(seqs=(1,), last_seq=written.events[-1].seq)

    @activity.defn(name=ActivityName.ASSIGN_PANEL)
    async def assign_panel(self, task: AssignPanel) -> Assigned:
        script = await self._enter(task.acceptance_no, ActivityName.ASSIGN_PANEL)
        written = self.written[task.acceptance_no]
        key = (task.acceptance_no, task.call)
        if not self._seated.get(key):
            free = [expert for expert in script.experts if expert not in task.avoid_experts]
            self._seated[key] = tuple(free[: task.count])
            written.assigned.append(task)
        return Assigned(experts=self._seated[key])

    @activity.defn(name=ActivityName.INSPECT_MATERIALS)
    async def inspect_materials(self, task: InspectMaterials) -> Inspected:
        script = await self._enter(task.acceptance_no, ActivityName.INSPECT_MATERIALS)
        for paper in task.materials:
            if paper.sha256 in script.not_stored:
                return Inspected(findings=(), told="", materials=(), refused=_refusal("文件尚未上传。"))
        found = [_fault("unsealed", paper.kind) for paper in task.materials if paper.sha256 in script.unsealed]
        mended = {paper.kind for paper in task.materials if paper.sha256 not in script.unsealed}
        found = [finding for finding in found if finding.kind not in mended]
        asked = script.recheck_required if task.recheck else script.required
        have = {paper.kind for paper in task.materials}
        found += [_fault("missing", kind) for kind in sorted(asked - have)]
        told = "\n".join(finding.what for finding in found) or "齐全"
        return Inspected(findings=tuple(found), told=told, materials=task.materials)

    @activity.defn(name=ActivityName.ISSUE_CERTIFICATE)
    async def issue_certificate(self, task: IssueCertificate) -> CertificateIssued:
        await self._enter(task.acceptance_no, ActivityName.ISSUE_CERTIFICATE)
        self.written[task.acceptance_no].certificates.append(task)
        return CertificateIssued(certificate_no=f"{task.acceptance_no}-{task.version}", sha256="c" * 64)

    @activity.defn(name=ActivityName.LOOK_UP_INSURED)
    async def look_up_insured(self, task: LookUpInsured) -> Insured:
        script = await self._enter(task.acceptance_no, ActivityName.LOOK_UP_INSURED)
        return Insured(state=script.insured)


_FOLLOWED_AT_ONCE = frozenset({EventKind.RESUMED})


def _is_fixed(row: CaseRow) -> bool:
    """Whether the calendar has no say in what a case waits for."""
    return (
        row.status is Status.SUSPENDED
        or (row.end_on is not None and row.due == end_of_day(row.end_on))
        # To the end of the month, after a failed recheck.
        or (row.status is Status.RECHECK and row.waiting_on is WaitingOn.TIMER)
        # A ruling that is late already.
        or (row.status is Status.OBJECTED and row.attention)
    )


def _with_days(turned: dict[date, bool]) -> WorkCalendar:
    """The shipped calendar with some days turned round, whatever year they are in."""
    shipped = shipped_calendar()
    noticed = {notice.year for notice in shipped.notices}
    extra = []
    for year in sorted({on.year for on in turned}):
        festivals = {} if year in noticed else dict(statutory_festivals(year))
        rest = festivals | {on: "临时放假" for on, worked in turned.items() if on.year == year and not worked}
        work = {on: "调休上班" for on, worked in turned.items() if on.year == year and worked}
        extra.append(CalendarNotice(year=year, serial=9, rest=rest, work=work))
    return WorkCalendar([*shipped.notices, *extra])


def _refusal(message: str) -> Refusal:
    return Refusal(field="case", rule="测试规则", remedy="测试办法", message=message)


def _fault(code: str, kind: MaterialKind) -> Finding:
    return Finding.model_validate(
        {
            "code": code,
            "severity": "fault",
            "kind": kind,
            "what": f"{kind} {code}",
            "why": "w",
            "source": "s",
            "mend": "m",
        }
    )
