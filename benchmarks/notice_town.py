"""A town that only sends notices: a city with SMS providers, and cases that exist for the sake of what they are told.

Used by the soaks of notices and by the end-to-end tests. Every value is invented.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from temporalio.client import Client

from activities.starting import start_notices
from domain.application import Applicant, ApplicationForm, DeclaredMaterial
from domain.events import EventKind, NoticeEvent
from domain.vocabulary import ApplicationKind, InsuredCategory, MaterialKind, Sla, Status, WaitingOn
from storage.cases import open_case, record_events
from storage.database import Database
from storage.transition import Entry, NewCase, NoticeToSend, QueuedNotice, Standing, Transition

REGION = "510400"
EVENT = NoticeEvent.SUPPLEMENT
"""What everybody is told. Its text holds the acceptance number, so no two people's are alike."""

_SOURCE = 'source = "assumption: made up for a run"'
_AT_ONCE = 50


def lay_policies(folder: Path, *, providers: Sequence[str]) -> Path:
    """Write the shipped policies into a folder, Panzhihua with SMS providers and without hours of rest; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in files("domain").joinpath("regions").iterdir():
        if each.name.endswith(".toml"):
            (folder / each.name).write_text(each.read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / f"{REGION}.toml"
    lines = path.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("quiet_from", "quiet_to"))]
    path.write_text("\n".join([*kept, "", *_contracts(providers), ""]), "utf-8")
    return folder


def _contracts(providers: Sequence[str]) -> list[str]:
    order = ", ".join(f'"{name}"' for name in providers)
    lines = ["[notices.sms]", f"providers = {{ value = [{order}], {_SOURCE} }}"]
    for name in providers:
        contract = f"notices.sms.contracts.{name}"
        lines += [
            "",
            f"[{contract}]",
            f'signature = {{ value = "攀枝花医保", {_SOURCE} }}',
            f"[{contract}.templates]",
        ]
        lines += [
            f'{event} = {{ value = "SMS_{place}", parameters = ["name", "number"], {_SOURCE} }}'
            for place, event in enumerate(NoticeEvent)
        ]
    return lines


def number_of(place: int) -> str:
    """Return the made-up acceptance number of the person in a place."""
    return f"{REGION}-SMS0-{place // 10_000:04d}-{place % 10_000:04d}-0"


def phone_of(place: int) -> str:
    """Return the telephone number of the person in a place."""
    return f"139{place:08d}"


async def write_notices(
    database: Database, places: Sequence[int], *, channels: tuple[str, ...], legal_every: int = 0
) -> list[tuple[str, QueuedNotice]]:
    """Write a case and its one notice for each place; of every `legal_every` one begins a period when it arrives."""
    written: list[tuple[str, QueuedNotice]] = []
    for begin in range(0, len(places), _AT_ONCE):
        async with database.write() as connection:
            for place in places[begin : begin + _AT_ONCE]:
                legal = bool(legal_every) and place % legal_every == 0
                new, told = _case(place), _told(place, channels, legal=legal)
                await open_case(connection, new)
                outcome = await record_events(connection, told)
                assert outcome.refused is None, outcome.refused_code
                written += [(new.acceptance_no, each) for each in outcome.notices]
    return written


async def start_all(client: Client, written: Sequence[tuple[str, QueuedNotice]]) -> None:
    """Start the workflow of every notice, as the activity that records a transition does."""
    for number, queued in written:
        await start_notices(client, number, (queued,), at=datetime.now(UTC))


def _case(place: int) -> NewCase:
    at = datetime.now(UTC) - timedelta(minutes=1)
    applicant = Applicant(
        name=f"测{chr(0x4E00 + place % 5000)}",
        id_number="510402195001011238",
        phone=phone_of(place),
        email=f"p{place}@example.test",
        insured_category=InsuredCategory.EMPLOYEE,
    )
    form = ApplicationForm(
        request_id=f"N-{place}",
        channel="panzhihua-app",
        region=REGION,
        kind=ApplicationKind.NEW,
        disease_id=f"{REGION}-001",
        applicant=applicant,
        hospital_id="H510400-01",
        materials=(DeclaredMaterial(kind=MaterialKind.DIAGNOSIS_CERTIFICATE, file="diagnosis.pdf"),),
    )
    return NewCase(
        acceptance_no=number_of(place),
        person_key=f"{place:032x}",
        fingerprint=f"{place:064x}",
        form=form,
        materials=(),
        received_at=at,
        at=at,
    )


def _told(place: int, channels: tuple[str, ...], *, legal: bool) -> Transition:
    at = datetime.now(UTC)
    return Transition(
        acceptance_no=number_of(place),
        events=(
            Entry(
                seq=1,
                kind=EventKind.SUPPLEMENT_REQUESTED,
                at=at,
                actor="system",
                status_from=Status.SUBMITTED,
                status_to=Status.SUPPLEMENT,
            ),
        ),
        row=Standing(
            status=Status.SUPPLEMENT,
            waiting_on=WaitingOn.APPLICANT,
            due=at + timedelta(days=30),
            sla=Sla.OK,
            round=1,
            attention=False,
            closed=False,
        ),
        occupies=True,
        notices=(
            NoticeToSend(
                seq=1,
                event=EVENT,
                at=at,
                facts={"due_on": "2026年12月14日", "round": "1", "missing": "诊断证明"},
                legal=legal,
                channels=channels,
            ),
        ),
    )
