"""Made-up cases for letters and the form, and the text of a page read back; every value is invented."""

import io
import re
from datetime import datetime, timedelta
from typing import Any

from pypdf import PdfReader

from activities.letters.contents import LetterContent, letter_content
from activities.letters.kinds import LetterKind
from activities.letters.register import chosen_letter
from activities.letters.render import render_letter
from domain.events import EventKind
from domain.moments import CST
from domain.vocabulary import Sla, Status, WaitingOn
from storage.people import InsuredPerson
from storage.reading import CaseView, TimelineEntry

AT = datetime(2026, 12, 3, 10, 0, tzinfo=CST)
KNOWN = "CN-2004.seed..CN-2026@400c0113"
PANZHIHUA, JIUQUAN = "510400", "620900"
DIALYSIS, DIABETES = "510400-005", "620900-012"
PERSON = InsuredPerson(person_key="k", name="欧阳明珠", id_number="510402195103170012")
HOSTILE = '#import "x": * *粗* _u_ $x^2$ \\n \\\\ @ref <l> `c` #{1+1} = 标题 // 注 {{ name }} {% raw %}'
Event = tuple[EventKind, dict[str, Any]]

EVENTS: dict[LetterKind, Event] = {
    LetterKind.ACCEPTED: (
        EventKind.ACCEPTED,
        {"limit_days": 15, "due": "2026-12-24T17:00:00+08:00", "calendar_version": KNOWN},
    ),
    LetterKind.SUPPLEMENT: (
        EventKind.SUPPLEMENT_REQUESTED,
        {"round": 1, "told": "1. 缺少“照片”。须有照片。请补交照片。", "due": "2026-12-19T00:00:00+08:00"},
    ),
    LetterKind.NOT_ACCEPTED: (
        EventKind.NOT_ACCEPTED,
        {"code": "insured_arrears", "reason": "医疗保险欠费，未正常缴费"},
    ),
    LetterKind.ORIGINALS: (EventKind.ORIGINALS_REQUESTED, {"due": "2026-12-17T17:00:00+08:00"}),
    LetterKind.GRANTED: (
        EventKind.GRANTED,
        {"effect_on": "2026-12-20", "end_on": "2028-12-19", "certificate_version": 2},
    ),
    LetterKind.DENIED: (EventKind.DENIED, {"reason": "检查结果未达到认定标准", "final": False}),
    LetterKind.SUSPENDED: (
        EventKind.SUSPENDED,
        {"reason": "逾期未提交复查资料", "ends": "2026-12-26T00:00:00+08:00"},
    ),
    LetterKind.ENDED: (EventKind.ENDED, {"ground": "moved_out", "reason": "参保关系转出"}),
}
APPEAL = {"appeal_until": "2026年12月24日"}


def view(*events: Event, region: str = PANZHIHUA, disease: str = DIALYSIS, **changes: Any) -> CaseView:
    """Return a case whose trail is these events, a day apart, the first two days after receipt."""
    values: dict[str, Any] = {
        "acceptance_no": f"{region}-7Q2M-9XKD-4TFA-B",
        "region": region,
        "disease_id": disease,
        "status": Status.REVIEW,
        "waiting_on": WaitingOn.EXPERT,
        "due": None,
        "sla": Sla.OK,
        "round": 0,
        "attention": False,
        "closed": False,
        "kind": "new",
        "channel": "c",
        "request_id": "r",
        "hospital_id": "H",
        "received_at": AT,
        "decided_on": None,
        "effect_on": None,
        "end_on": None,
        "next_recheck_on": None,
        "denial_reason": "",
        "end_ground": "",
        "duplicate_of": None,
        "calendar_version": KNOWN,
        "policy_version": "2025.1",
        "ledger": None,
        "timeline": tuple(
            TimelineEntry(
                seq=seq,
                at=AT + timedelta(days=seq - 1),
                kind=kind,
                status_from=Status.SUBMITTED,
                status_to=Status.REVIEW,
                actor="system",
                detail=detail,
            )
            for seq, (kind, detail) in enumerate([(EventKind.SUBMITTED, {}), *events], 1)
        ),
    }
    return CaseView.model_validate(values | changes)


def content(case: CaseView, kind: LetterKind, person: InsuredPerson = PERSON) -> LetterContent:
    return letter_content(case, chosen_letter(case, kind), person, notice_facts=APPEAL)


def pages_of(pdf: bytes) -> list[str]:
    """Return the text of each page without any space, nor the marks where a long word may break."""
    reader = PdfReader(io.BytesIO(pdf))
    return [re.sub(r"[\s\u200b]", "", page.extract_text()) for page in reader.pages]


def printed(kind: LetterKind, *, person: InsuredPerson = PERSON, region: str = PANZHIHUA, **detail: Any) -> str:
    """Return the text of a letter about one event, with its detail changed."""
    event, known = EVENTS[kind]
    disease = DIALYSIS if region == PANZHIHUA else DIABETES
    case = view((event, known | detail), region=region, disease=disease)
    return "".join(pages_of(render_letter(content(case, kind, person))))
