"""What a notice leaves out of what was told or written, so that a bystander does not learn the disease."""

import re
from datetime import UTC, date, datetime

import pytest

from activities.notices.diagnosis_words import diagnosis_in, diagnosis_words
from activities.notices.wording import text_of
from domain.application import Material
from domain.checklist import check_materials, tell_in_full
from domain.events import NoticeEvent, Recipient
from domain.vocabulary import ApplicationKind, MaterialKind
from storage.notices import NoticeRecord
from storage.policies import policy_book, policy_for

AT = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
ON = date(2026, 12, 1)
DIAGNOSES = diagnosis_words(policy_book())
SPOILT = tuple(Material(kind=kind, sha256="1", hospital_level=1) for kind in MaterialKind)


def record(region: str, disease_id: str, **facts: str) -> NoticeRecord:
    return NoticeRecord(
        acceptance_no="510400-7K3M-Q2ZD-91XA-4",
        seq=7,
        event=NoticeEvent.DENIED if "reason" in facts else NoticeEvent.SUPPLEMENT,
        recipient=Recipient.APPLICANT,
        facts=facts,
        created_at=AT,
        region=region,
        disease_id=disease_id,
        received_at=AT,
        name="王小明",
        id_number="510403195001011234",
        phone="13900000000",
        email="",
        agent=None,
        certificate_sha256=None,
    )


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_no_mail_about_papers_says_what_somebody_suffers_from(region: str) -> None:
    policy = policy_for(region, ON)
    for row in policy.diseases:
        for kind in ApplicationKind:
            for papers in ((), SPOILT):
                findings = check_materials(policy=policy, disease=row, materials=papers, received_on=ON, kind=kind)
                text = text_of(record(region, row.id, told=tell_in_full(findings)))
                for form in (text.plain, text.html, text.inbox):
                    assert diagnosis_in(form, DIAGNOSES) is None, (row.id, diagnosis_in(form, DIAGNOSES))
                    assert form.count("依据：") >= len(findings) or not findings


def test_a_basis_that_tells_the_disease_is_cut_to_the_guide_and_any_other_stays_whole() -> None:
    told = (
        "您的申请材料有以下3项需要补正：\n"
        "1. 甲。乙（依据：办理指南：内分泌系统疾病的认定要点含血糖监测；化验报告同样载明血糖）。丙。\n"
        "2. 甲。乙（依据：办理指南：病历资料（含诊断证明、检查报告、出院小结等）需加盖医院公章）。丙。\n"
        "3. 甲。乙（依据：内分泌系统疾病的认定要点）。丙。"
    )
    text = text_of(record("620900", "620900-012", told=told)).plain
    assert "1. 甲。乙（依据：办理指南）。丙。" in text
    assert "2. 甲。乙（依据：办理指南：病历资料（含诊断证明、检查报告、出院小结等）需加盖医院公章）。丙。" in text
    assert "3. 甲。乙。丙。" in text


def test_what_the_disease_is_a_case_of_is_not_named_either() -> None:
    diabetes = next(row for row in policy_for("510400", ON).diseases if row.name == "糖尿病伴并发症")
    text = text_of(record("510400", diabetes.id, reason="血糖未达糖尿病的诊断标准，内分泌科病历不全")).plain
    assert not re.search("糖尿病|内分泌", text)
    assert "诊断标准" in text
