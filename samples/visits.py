"""A visit: one made-up person ill in one hospital, and what every paper of that visit has in common."""

import random
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.vocabulary import MATERIAL_ZH, MaterialKind
from samples.conditions import Condition
from samples.hospitals import Hospital
from samples.papers import Paper
from samples.persons import Person

SEALS = {
    MaterialKind.DIAGNOSIS_CERTIFICATE: "诊断证明专用章",
    MaterialKind.DISCHARGE_RECORD: "病案专用章",
    MaterialKind.APPLICATION_FORM: "医保业务专用章",
}
_OTHER_SEAL = "检查报告专用章"
_DOCTORS = ("林样文", "贺样青", "罗样川", "唐样宁", "顾样山", "方样舟")
_CATEGORIES = {"employee": "职工", "resident": "城乡居民", "flexible": "灵活就业"}

ADMITTED_BEFORE = 50
DISCHARGED_BEFORE = 40
CERTIFIED_BEFORE = 38
"""Days between the papers and the application: all within the last 60 days."""


class Visit(BaseModel):
    """Who is ill with what, treated where; `as_of` is the local date of the application."""

    model_config = ConfigDict(frozen=True)

    person: Person
    hospital: Hospital
    condition: Condition
    disease_name: str
    as_of: date
    serial: int

    def on(self, days_before: int) -> date:
        """Return the date so many days before the application."""
        return self.as_of - timedelta(days=days_before)

    @property
    def category(self) -> str:
        """The insured category in Chinese."""
        return _CATEGORIES[self.person.category]

    @property
    def doctor(self) -> str:
        """The doctor who signs."""
        return _DOCTORS[self.serial % len(_DOCTORS)]

    def chance(self) -> random.Random:
        """Return numbers that are the same for the same visit."""
        return random.Random(self.serial)

    def paper(
        self,
        kind: MaterialKind,
        *,
        template: str,
        issued_on: date,
        content: dict[str, Any],
        file: str | None = None,
        diagnosed_on: date | None = None,
    ) -> Paper:
        """Return a sealed paper of this visit's hospital, named after its kind."""
        shared = {
            "title": MATERIAL_ZH[kind],
            "hospital": self.hospital.name,
            "hospital_grade": self.hospital.grade,
            "patient": self.patient_lines(issued_on),
            "doctor": self.doctor,
            "role": "主治医师",
            "date_zh": zh(issued_on),
            "serial": f"YL-{issued_on:%Y%m%d}-{self.serial:04d}",
            "sealed": True,
            "seal_purpose": SEALS.get(kind, _OTHER_SEAL),
        }
        return Paper(
            kind=kind,
            file=file or f"{kind.value}.pdf",
            template=template,
            content=shared | content,
            issued_on=issued_on,
            hospital_id=self.hospital.hospital_id,
            hospital_level=self.hospital.level,
            sealed=True,
            diagnosed_on=diagnosed_on,
        )

    def patient_lines(self, on: date) -> list[tuple[str, str]]:
        """Return the labelled lines at the head of every medical paper."""
        return [
            ("姓名", self.person.name),
            ("性别", self.person.sex),
            ("年龄", f"{self.person.age(on)}岁"),
            ("科室", self.condition.department),
            ("病案号", f"{700000 + self.serial}"),
            ("费别", f"{self.category}医保"),
        ]


def zh(on: date) -> str:
    """Return a date as Chinese papers print it."""
    return f"{on.year}年{on.month}月{on.day}日"


def section(heading: str, *paragraphs: str, rows: tuple[tuple[str, ...], ...] = ()) -> dict[str, Any]:
    """Return one section of a record or report: paragraphs, then a table whose first row is its head."""
    return {"heading": heading, "paragraphs": paragraphs, "rows": rows}


def numbered(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines with Chinese numbering in front."""
    return tuple(f"{number}. {line}。" for number, line in enumerate(lines, 1))
