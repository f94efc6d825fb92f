"""Applications with exactly one deliberate fault each; everything else in them is complete."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict
from pypdf import PdfReader, PdfWriter

from domain.moments import local_date
from samples.conditions import DIABETES
from samples.papers import render
from samples.persons import story_person
from samples.stories import Story, complete_papers, story_application

BIG_BYTES = 60 * 1024 * 1024

Change = Callable[[dict[str, Any]], dict[str, Any]]
Spoil = Callable[[bytes], bytes]


class BadCase(BaseModel):
    """A fault: in the JSON (`change`), in one file (`file`, `spoil`) or in the text of application.json."""

    model_config = ConfigDict(frozen=True)

    name: str
    field: str
    wrong: str
    file: str | None = None
    change: Change | None = None
    spoil: Spoil | None = None


def _png(_: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1200, 1600), (250, 250, 248)).save(buffer, format="PNG")
    return buffer.getvalue()


def _encrypted(pdf: bytes) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.encrypt(user_password="sample-only", algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _cut_off(content: bytes) -> bytes:
    return content[: len(content) * 2 // 5]


def _nothing(_: bytes) -> bytes:
    return b""


def _tiny(jpeg: bytes) -> bytes:
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((160, 160))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=60)
    return buffer.getvalue()


def _wrong_check_digit(form: dict[str, Any]) -> dict[str, Any]:
    number = form["applicant"]["id_number"]
    wrong = "1" if number[-1] != "1" else "2"
    return form | {"applicant": form["applicant"] | {"id_number": number[:-1] + wrong}}


def _diagnosed_in_the_future(form: dict[str, Any]) -> dict[str, Any]:
    later = (local_date(datetime.fromisoformat(form["received_at"])) + timedelta(days=30)).isoformat()
    dates = {"issued_on": later, "diagnosed_on": later}
    return form | {
        "materials": [
            paper | dates if paper["kind"] == "diagnosis_certificate" else paper for paper in form["materials"]
        ]
    }


def _without_disease(form: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in form.items() if key != "disease_id"}


def _unknown_region(form: dict[str, Any]) -> dict[str, Any]:
    return form | {"region": "990000"}


def _unknown_disease(form: dict[str, Any]) -> dict[str, Any]:
    return form | {"disease_id": "510400-999"}


_CERTIFICATE = "diagnosis_certificate.pdf"

BAD_CASES: dict[str, BadCase] = {
    case.name: case
    for case in (
        BadCase(
            name="png-named-pdf",
            field="materials",
            wrong="the certificate is a PNG called .pdf",
            file=_CERTIFICATE,
            spoil=_png,
        ),
        BadCase(
            name="encrypted-pdf",
            field="materials",
            wrong="the certificate needs a password",
            file=_CERTIFICATE,
            spoil=_encrypted,
        ),
        BadCase(
            name="truncated-pdf",
            field="materials",
            wrong="the certificate stops half-way",
            file=_CERTIFICATE,
            spoil=_cut_off,
        ),
        BadCase(
            name="empty-file",
            field="materials",
            wrong="the certificate has no bytes",
            file=_CERTIFICATE,
            spoil=_nothing,
        ),
        BadCase(
            name="oversized-file",
            field="materials",
            wrong="the scan is 60 MB of a sound JPEG with padding",
            file="id_front.jpg",
        ),
        BadCase(
            name="truncated-jpg",
            field="materials",
            wrong="the scan stops half-way",
            file="id_front.jpg",
            spoil=_cut_off,
        ),
        BadCase(
            name="tiny-jpg",
            field="materials",
            wrong="the scan is 160 px wide",
            file="id_front.jpg",
            spoil=_tiny,
        ),
        BadCase(
            name="id-check-digit",
            field="applicant.id_number",
            wrong="the check character",
            change=_wrong_check_digit,
        ),
        BadCase(name="unknown-region", field="region", wrong="no such region", change=_unknown_region),
        BadCase(name="unknown-disease", field="disease_id", wrong="in no catalogue", change=_unknown_disease),
        BadCase(
            name="future-diagnosis",
            field="materials",
            wrong="diagnosed 30 days after receipt",
            change=_diagnosed_in_the_future,
        ),
        BadCase(name="missing-field", field="disease_id", wrong="no disease_id", change=_without_disease),
        BadCase(name="malformed-json", field="", wrong="application.json stops half-way"),
    )
}
"""By folder name; `field` is how the path a refusal names begins ("" = the file itself)."""


def bad_story(case: BadCase) -> Story:
    """Return the complete application a bad case spoils; each case has another person."""
    serial = 801 + list(BAD_CASES).index(case.name)
    person = story_person(
        name="误样例", region="510400", district=4, year=1966, serial=serial, category="resident", tier="high"
    )
    return Story(name=case.name, serial=serial, person=person, hospital_id="H510400-01", condition=DIABETES)


def good_files(received_at: datetime) -> dict[str, bytes]:
    """Return the sound files that all bad cases start from, by name."""
    story = bad_story(next(iter(BAD_CASES.values())))
    return {paper.file: render(paper) for paper in complete_papers(story.visit(local_date(received_at)))}


def write_bad(case: BadCase, folder: Path, *, received_at: datetime, files: dict[str, bytes]) -> None:
    """Write application.json and materials/ of one case into `folder`."""
    story = bad_story(case)
    papers = complete_papers(story.visit(local_date(received_at)))
    form = story_application(story, received_at, papers)
    materials = folder / "materials"
    materials.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        spoiled = case.spoil(content) if case.spoil and name == case.file else content
        (materials / name).write_bytes(spoiled)
    if case.name == "oversized-file":
        with (materials / str(case.file)).open("r+b") as scan:
            scan.truncate(BIG_BYTES)  # zeros after the end of the picture: fast, and it still decodes
    text = json.dumps(case.change(form) if case.change else form, ensure_ascii=False, indent=1)
    if case.name == "malformed-json":
        text = text[: len(text) // 2]
    (folder / "application.json").write_text(text, encoding="utf-8")
