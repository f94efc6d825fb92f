from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities import contract
from activities.cases import CaseActivities
from activities.certificates.verify import verify_certificate
from activities.contract import (
    ActivityName,
    AssignPanel,
    CaseRow,
    EventDraft,
    InspectMaterials,
    IssueCertificate,
    LoadRules,
    LookUpInsured,
    NoticeDraft,
    OpenCase,
    RecordEvents,
    StartApplication,
)
from activities.registry import RegistryActivities
from domain.application import Material
from domain.certificate import FIGURE_LABELS
from domain.events import NoticeEvent, Recipient
from domain.panel import PanelPurpose
from domain.vocabulary import InsuredState, MaterialKind
from storage import reading, transition
from storage.database import Database, insert_rows
from storage.keys import generate_keys
from storage.objects import ObjectStore
from storage.tables import case_event, registry_entry
from tests.activities.case_samples import (
    AT,
    DISEASE,
    ID_NUMBER,
    NAME,
    NUMBER,
    OTHER,
    PERSON,
    entry,
    form,
    register_experts,
    standing,
)

pytestmark = pytest.mark.asyncio
KEYS = generate_keys()


@dataclass
class Temporal:
    """Stands in for the client: keeps what was started, refuses what was started before and has ended."""

    started: list[tuple[str, str, Any, str]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    broken: bool = False

    async def start_workflow(self, name: str, arg: Any, *, id: str, task_queue: str, **policies: Any) -> None:
        assert policies == {
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            # Nobody waits for an activity: it is tried again by its own policy.
            "rpc_timeout": None,
        }
        if self.broken:
            raise ConnectionError
        if id in self.ended:
            raise WorkflowAlreadyStartedError(id, name)
        self.started.append((name, id, arg, task_queue))


@pytest.fixture
def temporal() -> Temporal:
    return Temporal()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore.at(tmp_path / "objects")


@pytest_asyncio.fixture
async def desk(database: Database, objects: ObjectStore, temporal: Temporal) -> AsyncIterator[CaseActivities]:
    yield CaseActivities(database, objects, KEYS, cast(Client, temporal))


def open_task(number: str = NUMBER, **changes: Any) -> OpenCase:
    start = StartApplication(
        acceptance_no=number,
        person_key=PERSON,
        fingerprint="f" * 64,
        form=form(request_id=number, **changes),
        materials=(),
        received_at=AT,
    )
    return OpenCase(start=start, at=AT)


def record_task(**changes: Any) -> RecordEvents:
    draft = EventDraft.model_validate(entry(2).model_dump())
    notices = (
        NoticeDraft(seq=1, event=NoticeEvent.ACCEPTED, at=AT),
        NoticeDraft(seq=2, event=NoticeEvent.BREACH_REPORT, recipient=Recipient.SUPERVISOR, at=AT),
    )
    values: dict[str, Any] = {"acceptance_no": NUMBER, "events": (draft,), "occupies": True, "notices": notices}
    values["row"] = CaseRow.model_validate(standing().model_dump())
    return RecordEvents.model_validate(values | changes)


def issue_task() -> IssueCertificate:
    on = date(2026, 4, 1)
    return IssueCertificate(
        acceptance_no=NUMBER,
        version=1,
        region="620900",
        effect_on=on,
        end_on=None,
        issued_on=on,
        conditional=False,
        at=AT,
    )


def picture(tmp_path: Path) -> bytes:
    path = tmp_path / "paper.jpg"
    Image.effect_noise((1200, 1600), 90).convert("RGB").save(path, quality=80)
    return path.read_bytes()


async def test_every_method_is_registered_by_its_name_with_its_models(desk: CaseActivities) -> None:
    registry = RegistryActivities(cast(Database, None))
    found = {}
    for method in (
        desk.open_case,
        desk.load_rules,
        desk.record_events,
        desk.assign_panel,
        desk.inspect_materials,
        desk.issue_certificate,
        registry.look_up_insured,
    ):
        definition = activity._Definition.must_from_callable(method)
        found[definition.name] = definition.arg_types, definition.ret_type
    assert found == {
        ActivityName.OPEN_CASE: ([contract.OpenCase], contract.Opened),
        ActivityName.LOAD_RULES: ([contract.LoadRules], contract.LoadedRules),
        ActivityName.RECORD_EVENTS: ([contract.RecordEvents], contract.Recorded),
        ActivityName.ASSIGN_PANEL: ([contract.AssignPanel], contract.Assigned),
        ActivityName.INSPECT_MATERIALS: ([contract.InspectMaterials], contract.Inspected),
        ActivityName.ISSUE_CERTIFICATE: ([contract.IssueCertificate], contract.CertificateIssued),
        ActivityName.LOOK_UP_INSURED: ([contract.LookUpInsured], contract.Insured),
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (transition.Transition, contract.RecordEvents),
        (transition.Entry, contract.EventDraft),
        (transition.Standing, contract.CaseRow),
        (transition.SeatChange, contract.VerdictRow),
        (transition.ObjectionChange, contract.ObjectionRow),
        (transition.PublicPeriod, contract.PublicEntryRow),
        (transition.ContactData, contract.ContactChange),
        (transition.NoticeToSend, contract.NoticeDraft),
    ],
)
async def test_storage_keeps_every_field_a_workflow_records(ours: Any, theirs: Any) -> None:
    # Which days a case's calendar spans is asked, not kept; digests are made by the activity, which has the key.
    sent = set(theirs.model_fields) - {"calendar_span", "said"}
    assert sent == set(ours.model_fields) - {"channels", "phone_digest"}


async def test_opening_answers_the_same_on_a_retry(desk: CaseActivities) -> None:
    first = await desk.open_case(open_task())
    assert first == await desk.open_case(open_task())
    assert first.rules is not None
    assert (first.duplicate_of, first.rules.region, first.close) == (None, "620900", "17:00")
    received_on = date(2026, 3, 2)
    assert first.calendar.first_on == received_on - timedelta(days=40)
    assert first.calendar.last_on == received_on + timedelta(days=800)
    assert (await desk.open_case(open_task(OTHER))).duplicate_of == NUMBER


async def test_a_disease_not_listed_here_opens_without_rules(desk: CaseActivities) -> None:
    opened = await desk.open_case(open_task(disease_id="510400-003"))
    assert opened.rules is None
    loaded = await desk.load_rules(LoadRules(region="620900", disease_id=DISEASE, on=date(2027, 3, 2)))
    assert loaded.rules is not None
    assert loaded.calendar.first_on == date(2027, 1, 21)


async def test_notices_are_started_after_the_transition_and_again_on_a_retry(
    desk: CaseActivities, temporal: Temporal
) -> None:
    await desk.open_case(open_task())
    temporal.broken = True
    with pytest.raises(ApplicationError) as failed:
        await desk.record_events(record_task())
    assert (failed.value.type, failed.value.non_retryable) == ("ConnectionError", False)

    temporal.broken, temporal.ended = False, {f"{NUMBER}.n1"}
    assert (await desk.record_events(record_task())).refused is None
    ((kind, workflow_id, report, queue),) = temporal.started
    assert (kind, workflow_id, queue) == ("Notice", f"{NUMBER}.n2", "mente-notices")
    assert (report.acceptance_no, report.seq, report.channels) == (NUMBER, 2, ("email",))
    assert (report.event, report.intent) == (NoticeEvent.BREACH_REPORT, 0)
    assert report.plan is not None, "a notice of 0.2.0 had none"
    assert not report.plan.asks_people, "nobody is telephoned about a report to the bureau"

    temporal.ended = set()
    await desk.record_events(record_task())
    assert [each[1] for each in temporal.started[1:]] == [f"{NUMBER}.n1", f"{NUMBER}.n2"]
    assert set(temporal.started[1][2].channels) == {"sms", "email", "agent_sms"}


async def test_a_refused_transition_starts_no_notice(desk: CaseActivities, temporal: Temporal) -> None:
    await desk.open_case(open_task())
    await desk.open_case(open_task(OTHER))
    answer = await desk.record_events(record_task(acceptance_no=OTHER))
    assert answer.conflicting == NUMBER
    assert answer.refused is not None
    assert temporal.started == []


async def test_a_refusal_is_final_and_carries_no_personal_data(desk: CaseActivities) -> None:
    await desk.open_case(open_task())
    other = open_task()
    other = other.model_copy(update={"start": other.start.model_copy(update={"fingerprint": "0" * 64})})
    with pytest.raises(ApplicationError) as refused:
        await desk.open_case(other)
    assert (refused.value.type, refused.value.non_retryable) == ("Refused", True)
    assert refused.value.details[0]["field"] == "request_id"


async def test_an_error_of_the_database_crosses_the_edge_without_its_values(
    database: Database, desk: CaseActivities
) -> None:
    async with database.write() as connection:
        await connection.run_sync(case_event.drop)
    with pytest.raises(ApplicationError) as failed:
        await desk.open_case(open_task())

    assert issubclass(SQLAlchemyError, Exception)
    assert not failed.value.non_retryable
    assert failed.value.__cause__ is None
    assert f"case {NUMBER}" in str(failed.value)
    assert not any(marker in str(failed.value) for marker in (NAME, ID_NUMBER, PERSON, "INSERT"))


async def test_seats_are_assigned_through_the_activity(desk: CaseActivities, database: Database) -> None:
    await desk.open_case(open_task())
    await register_experts(database, ("E1", "cardiology", "H1"), ("E2", "cardiology", "H2"))
    task = AssignPanel(
        acceptance_no=NUMBER,
        seq=2,
        at=AT,
        region="620900",
        specialty="cardiology",
        panel=1,
        purpose=PanelPurpose.REVIEW,
        round=0,
        count=3,
        avoid_hospitals=("H1",),
    )
    assert (await desk.assign_panel(task)).experts == ("E2",)


def inspect_task(*materials: Material, recheck: bool = False) -> InspectMaterials:
    return InspectMaterials(
        acceptance_no=NUMBER,
        region="620900",
        disease_id=DISEASE,
        policy_version="2025.1",
        received_on=date(2026, 3, 2),
        materials=materials,
        recheck=recheck,
    )


async def test_papers_are_judged_by_their_bytes(desk: CaseActivities, objects: ObjectStore, tmp_path: Path) -> None:
    await desk.open_case(open_task())
    content = picture(tmp_path)
    claimed = Material(kind=MaterialKind.PATHOLOGY_REPORT, sha256=await objects.put(content), size=1, pages=99)
    found = await desk.inspect_materials(inspect_task(claimed))

    (judged,) = found.materials
    assert found.refused is None
    assert (judged.size, judged.media_type, judged.width, judged.pages) == (len(content), "image/jpeg", 1200, None)
    assert found.findings
    assert found.findings[0].what in found.told


async def test_a_paper_that_was_never_uploaded_or_cannot_be_read_is_named(
    desk: CaseActivities, objects: ObjectStore, tmp_path: Path
) -> None:
    await desk.open_case(open_task())
    good = Material(kind=MaterialKind.ID_FRONT, sha256=await objects.put(picture(tmp_path)))
    absent = Material(kind=MaterialKind.ID_BACK, sha256="0" * 64)
    junk = Material(kind=MaterialKind.ID_BACK, sha256=await objects.put(b"%PDF-1.7 cut"))
    not_an_address = Material(kind=MaterialKind.ID_BACK, sha256="../keys")
    for bad in (absent, junk, not_an_address):
        found = await desk.inspect_materials(inspect_task(good, bad))
        assert found.refused is not None
        assert found.refused.field == "materials[1].sha256"
        assert bad.sha256 not in found.refused.model_dump_json()


async def test_a_certificate_version_is_issued_once(
    desk: CaseActivities, database: Database, objects: ObjectStore
) -> None:
    await desk.open_case(open_task())
    first = await desk.issue_certificate(issue_task())
    assert await desk.issue_certificate(issue_task()) == first

    pdf = await objects.get(first.sha256)
    content = verify_certificate(pdf, KEYS.certificate_signing_key().public_key()).content
    assert content is not None
    assert (content.masked_name, content.certificate_no) == ("标**丰", first.certificate_no)
    assert len(content.figures) == len(FIGURE_LABELS)
    async with database.read() as connection:
        (stored,) = await reading.certificates_of(connection, NUMBER)
    assert (stored.sha256, stored.issued_at, stored.end_on) == (first.sha256, AT, None)


async def test_the_registry_is_asked_about_the_person_of_the_case(desk: CaseActivities, database: Database) -> None:
    await desk.open_case(open_task())
    registry = RegistryActivities(database)
    task = LookUpInsured(acceptance_no=NUMBER, region="620900", on=date(2026, 3, 2))
    unknown = await registry.look_up_insured(task)
    assert (unknown.state, unknown.listed) == (InsuredState.NORMAL, False)

    state = {"person_key": PERSON, "region": "620900", "state": "arrears"}
    async with database.write() as connection:
        await insert_rows(connection, registry_entry, [state])
        assert (await connection.execute(select(registry_entry))).one()
    known = await registry.look_up_insured(task)
    assert (known.state, known.listed) == (InsuredState.ARREARS, True)
    with pytest.raises(ApplicationError, match=OTHER) as missing:
        await registry.look_up_insured(task.model_copy(update={"acceptance_no": OTHER}))
    assert (missing.value.type, missing.value.non_retryable) == ("CaseNotFound", False)
