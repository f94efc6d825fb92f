"""Cases and transitions for the storage tests; every value is invented."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Agent, Applicant, ApplicationForm, DeclaredMaterial, Material
from domain.events import EventKind, NoticeEvent
from domain.vocabulary import ApplicationKind, InsuredCategory, MaterialKind, Sla, Status, WaitingOn
from storage import cases
from storage.database import Database, insert_rows
from storage.tables import expert, metadata
from storage.transition import Entry, NewCase, NoticeToSend, Outcome, SeatChange, Standing, Transition

AT = datetime(2026, 3, 2, 1, 30, 0, 123456, tzinfo=UTC)
NUMBER = "620900-AAAA-BBBB-CCCC-D"
OTHER = "620900-AAAA-BBBB-CCCC-E"
PERSON = "ab" * 16
DISEASE = "620900-017"
NAME = "标记张三丰"
ID_NUMBER = "620902195001011235"
PAPER = Material(
    kind=MaterialKind.DIAGNOSIS_CERTIFICATE, sha256="1" * 64, issued_on=date(2026, 2, 1), hospital_level=3
)


def form(**changes: Any) -> ApplicationForm:
    applicant = Applicant(
        name=NAME,
        id_number=ID_NUMBER,
        phone="13900000001",
        email="one@example.test",
        insured_category=InsuredCategory.RESIDENT,
        agent=Agent(name="标记李四", id_number=ID_NUMBER, phone="13900000002"),
    )
    values: dict[str, Any] = {
        "request_id": "A-1",
        "channel": "gansu-app",
        "region": "620900",
        "kind": ApplicationKind.NEW,
        "disease_id": DISEASE,
        "applicant": applicant,
        "hospital_id": "H620900-01",
        "materials": (DeclaredMaterial(kind=PAPER.kind, file="diagnosis.pdf"),),
    }
    return ApplicationForm.model_validate(values | changes)


def new_case(number: str = NUMBER, **changes: Any) -> NewCase:
    given = {key: changes.pop(key) for key in ("disease_id", "request_id", "channel") if key in changes}
    values: dict[str, Any] = {
        "acceptance_no": number,
        "person_key": PERSON,
        "fingerprint": "f" * 64,
        "form": form(**{"request_id": number, **given}),
        "materials": (PAPER,),
        "received_at": AT,
        "at": AT,
    }
    return NewCase.model_validate(values | changes)


def entry(seq: int, kind: EventKind = EventKind.ACCEPTED, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "seq": seq,
        "kind": kind,
        "at": AT + timedelta(minutes=seq),
        "actor": "system",
        "status_from": Status.SUBMITTED,
        "status_to": Status.REVIEW,
        "detail": {"told": "一", "ratio": 0.1, "nested": [1, None, {"b": True}]},
    }
    return Entry.model_validate(values | changes)


def standing(**changes: Any) -> Standing:
    values: dict[str, Any] = {
        "status": Status.REVIEW,
        "waiting_on": WaitingOn.EXPERT,
        "due": AT + timedelta(days=20),
        "sla": Sla.OK,
        "round": 0,
        "attention": False,
        "closed": False,
    }
    return Standing.model_validate(values | changes)


def transition(*seqs: int, number: str = NUMBER, **changes: Any) -> Transition:
    values: dict[str, Any] = {
        "acceptance_no": number,
        "events": tuple(entry(seq) for seq in seqs),
        "row": standing(),
        "occupies": True,
    }
    return Transition.model_validate(values | changes)


def notice_to_send(seq: int = 1) -> NoticeToSend:
    return NoticeToSend(
        seq=seq, event=NoticeEvent.ACCEPTED, at=AT, facts={"due_on": "3月30日"}, channels=("sms", "email")
    )


def seat(expert_id: str, *, at: datetime = AT, panel: int = 1, round_: int = 0, **changes: Any) -> SeatChange:
    return SeatChange(expert_id=expert_id, panel=panel, round=round_, at=at, **changes)


async def opened(database: Database, number: str = NUMBER, **changes: Any) -> str | None:
    async with database.write() as connection:
        return await cases.open_case(connection, new_case(number, **changes))


async def recorded(database: Database, what: Transition) -> Outcome:
    async with database.write() as connection:
        return await cases.record_events(connection, what)


async def register_experts(database: Database, *experts: tuple[str, str, str], region: str = "620900") -> None:
    """Each expert is (id, specialty, hospital)."""
    rows = [
        {"expert_id": i, "name": "专家", "region": region, "specialty": s, "hospital_id": h, "active": True}
        for i, s, h in experts
    ]
    async with database.write() as connection:
        await insert_rows(connection, expert, rows)


async def row_counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many rows each non-empty table holds, the calendar's left out: they come with the schema."""
    counts = {
        table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
        for table in metadata.sorted_tables
        if not table.name.startswith("calendar_")
    }
    return {name: count for name, count in counts.items() if count}
