"""The figures on a certificate: printed and signed on the page, in no QR code and no answer; none on older ones."""

import io
import json
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from pypdf import PdfReader

from activities.certificates import render
from activities.certificates.render import render_certificate
from activities.certificates.signing import seal_file, sign_content
from activities.certificates.verify import verify_certificate, verify_text
from activities.contract import IssueCertificate
from activities.issuing import benefit_figures
from domain.benefit_certificate import certificate_figures
from domain.certificate import (
    FIGURE_LABELS,
    MAX_FIGURE_CHARACTERS,
    CertificateContent,
    canonical_text,
    content_from_print,
    printed_fields,
    printed_figures,
    qr_text,
)
from domain.vocabulary import InsuredCategory
from starter.cli import program
from storage.certificates import CertificateHolder
from storage.policies import policy_for
from tests.activities.test_certificates import CONTENT, KEY
from tests.domain.policy_folders import add_version, copy_shipped
from worker import logs

OF_0_1_0 = Path(__file__).with_name("certificate-0.1.0.pdf")
ON = date(2026, 12, 1)
FIGURES = (
    "三级85%，其他等级未确认，满50周岁起加2至10个百分点，满100周岁100%（未确认）",
    "三级每年800元，其他等级未确认",
    "6000元",
    "500元（未确认）",
    "定点医院直接结算或事后报销",
)


def with_figures(*figures: str, **fields: object) -> CertificateContent:
    return CertificateContent.model_validate({**CONTENT.model_dump(), **fields, "figures": figures})


PRINTED = with_figures(*FIGURES)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render_certificate(PRINTED, KEY)


def text_of(page: bytes) -> str:
    return "".join(PdfReader(io.BytesIO(page)).pages[0].extract_text().split())


def page_of(shown: CertificateContent, *, signature: str) -> bytes:
    """Set and seal a page that shows a content and carries a signature, as only the holder of the key could."""
    return seal_file(render._typeset(shown, printed_fields(shown), signature, "x"), KEY)


def test_a_certificate_of_the_first_release_is_still_genuine() -> None:
    verdict = verify_certificate(OF_0_1_0.read_bytes(), KEY.public_key())
    assert verdict.genuine
    assert verdict.content == CONTENT
    assert verdict.content.figures == ()
    assert "待遇标准" not in text_of(OF_0_1_0.read_bytes())


def test_a_certificate_without_figures_is_signed_as_the_first_release_did() -> None:
    assert canonical_text(CONTENT) == canonical_text(PRINTED.without_figures)
    assert canonical_text(CONTENT).startswith(b"MENTE1\n")


def test_what_is_signed_with_figures_is_fixed_for_ever() -> None:
    ours = canonical_text(CONTENT).decode().removeprefix("MENTE1\n")
    assert canonical_text(PRINTED).decode() == (
        f"MENTE2\n{ours}ratio={FIGURES[0]}\ndeductible={FIGURES[1]}\nannual_limit={FIGURES[2]}\n"
        f"first_year_limit={FIGURES[3]}\nsettlement={FIGURES[4]}\n"
    )


def test_the_page_shows_every_figure_and_is_genuine_with_them(pdf: bytes) -> None:
    verdict = verify_certificate(pdf, KEY.public_key())
    assert verdict.genuine, verdict.reason
    assert verdict.content == PRINTED
    for label, text in zip(FIGURE_LABELS, FIGURES, strict=True):
        assert f"{label}：{text}" in text_of(pdf)
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1


def test_print_gives_the_figures_back() -> None:
    assert content_from_print(dict([*printed_fields(PRINTED), *printed_figures(PRINTED)])) == PRINTED


@pytest.mark.parametrize("position", range(5))
def test_a_page_with_another_figure_than_was_signed_is_not_genuine(position: int) -> None:
    other = [*FIGURES]
    other[position] = "9999元"
    verdict = verify_certificate(
        page_of(with_figures(*other), signature=sign_content(PRINTED, KEY)), KEY.public_key()
    )
    assert not verdict.genuine
    assert "电子签名与凭证内容不符" in verdict.reason


@pytest.mark.parametrize(
    ("shown", "signed"),
    [(CONTENT, PRINTED), (PRINTED, CONTENT), (PRINTED, with_figures(*FIGURES, certificate_no="other"))],
    ids=["figures taken off", "figures put on", "figures of another certificate"],
)
def test_a_page_does_not_verify_with_another_pages_signature(
    shown: CertificateContent, signed: CertificateContent
) -> None:
    verdict = verify_certificate(page_of(shown, signature=sign_content(signed, KEY)), KEY.public_key())
    assert not verdict.genuine
    assert verdict.content is None


def test_the_qr_code_is_what_it_was_and_tells_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []
    draw = render._qr_svg

    def overheard(text: str) -> str:
        scanned.append(text)
        return draw(text)

    monkeypatch.setattr(render, "_qr_svg", overheard)
    for content in (PRINTED, CONTENT, with_figures(*["未确认"] * 5)):
        render_certificate(content, KEY)
    assert scanned == [qr_text(CONTENT, sign_content(CONTENT, KEY))] * 3
    verdict = verify_text(scanned[0], KEY.public_key())
    assert verdict.content == CONTENT


def test_no_answer_reveals_a_figure(pdf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = verify_certificate(pdf, KEY.public_key())
    for told in (verdict.model_dump_json(), repr(verdict), str(verdict.content), verdict.reason):
        assert not [figure for figure in FIGURES if figure in told]
        assert "figures" not in told
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    key, file = tmp_path / "key.pem", tmp_path / "c.pdf"
    key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    line = ["certificate", "verify", str(file), "--public-key", str(key), "--output", "json"]
    answers = []
    for content in (pdf, OF_0_1_0.read_bytes()):
        file.write_bytes(content)
        result = CliRunner().invoke(program, line, prog_name="mente")
        assert result.exit_code == 0, result.output
        answers.append(json.loads(result.stdout))
    assert answers[0] == answers[1], "what a third party is told is what it was told before"


@pytest.mark.parametrize(
    "figures",
    [
        FIGURES[:4],
        (*FIGURES[:4], ""),
        (*FIGURES[:4], "结算：直接"),
        (*FIGURES[:4], "a|b"),
        (*FIGURES[:4], "a b"),
        (*FIGURES[:4], "a\nratio=100%"),
        (*FIGURES[:4], "⼀次"),
        (*FIGURES[:4], "元" * (MAX_FIGURE_CHARACTERS + 1)),
    ],
    ids=repr,
)
def test_figures_that_could_be_read_in_two_ways_are_refused(figures: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        with_figures(*figures)
    assert "input_value" not in str(refused.value)


def test_figures_too_long_for_the_page_do_not_keep_a_person_from_the_certificate() -> None:
    long = with_figures(*["元" * MAX_FIGURE_CHARACTERS] * 5)
    verdict = verify_certificate(render_certificate(long, KEY), KEY.public_key())
    assert verdict.content is not None
    assert verdict.content in (long, CONTENT)


def test_a_certificate_that_loses_its_figures_keeps_the_word_of_its_city() -> None:
    # A figure nothing can print: whatever the benefit is called, they do not fit.
    unprintable = with_figures("\U000323af", *FIGURES[1:])
    page = render_certificate(unprintable, KEY, benefit="门诊特殊疾病")
    assert verify_certificate(page, KEY.public_key()).content == CONTENT
    assert text_of(page).count("门诊特殊疾病病种待遇") == 2


def test_the_longest_figures_a_city_may_have_fit() -> None:
    every_level = (
        "社区、乡镇95%，一级92%，二级90%，三级85%，满50周岁起加2至10个百分点，满100周岁100%（未确认）",
        "社区、乡镇每年160元，一级每年200元，二级每年400元，三级每年800元，满100周岁不计（未确认）",
        "999999.99元（未确认）",
        "与年度限额相同（未确认）",
        "定点医院直接结算或事后报销（未确认）",
    )
    for figures in (every_level, ("元" * MAX_FIGURE_CHARACTERS, *FIGURES[1:])):
        content = with_figures(*figures)
        assert verify_certificate(render_certificate(content, KEY), KEY.public_key()).content == content


def test_the_figures_of_every_row_of_both_cities_fit_and_are_read_back() -> None:
    found: list[set[str]] = [set() for _ in FIGURE_LABELS]
    for region in ("620900", "510400"):
        policy = policy_for(region, ON)
        for row in policy.diseases:
            for category in InsuredCategory:
                for tier in (*policy.filing.resident_tiers.value, None):
                    lines = certificate_figures(policy, row, category, tier, effect_on=ON)
                    for texts, line in zip(found, lines, strict=True):
                        texts.add(line.text)
    pages = max(map(len, found))
    assert pages > 5
    columns = [list(islice(cycle(sorted(texts)), pages)) for texts in found]
    for figures in zip(*columns, strict=True):
        content = with_figures(*figures)
        assert verify_certificate(render_certificate(content, KEY), KEY.public_key()).content == content


# -- whose figures --------------------------------------------------------------------------------------------------

HYPERTENSION = "620900-011"


def task(**changes: Any) -> IssueCertificate:
    values = {
        "acceptance_no": "620900-7Q2M-9XKD-4TFA-B",
        "version": 1,
        "region": "620900",
        "effect_on": ON,
        "end_on": None,
        "issued_on": ON,
        "conditional": False,
        "at": "2026-12-01T00:00:00Z",
        "policy_version": "2025.1",
    }
    return IssueCertificate.model_validate(values | changes)


def holder(disease_id: str = HYPERTENSION, category: InsuredCategory = InsuredCategory.RESIDENT) -> CertificateHolder:
    return CertificateHolder(name="王小明", category=category, tier=None, disease_id=disease_id)


def test_the_first_year_limit_is_that_of_the_day_of_effect() -> None:
    limits = {on: benefit_figures(task(effect_on=on), holder())[3] for on in (date(2026, 12, 1), date(2026, 1, 5))}
    assert limits == {date(2026, 12, 1): "250元（未确认）", date(2026, 1, 5): "3000元（未确认）"}
    assert benefit_figures(task(), holder(category=InsuredCategory.EMPLOYEE))[0] == "85%（未确认）"


def test_the_figures_are_those_of_the_version_the_case_was_accepted_under(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_shipped(tmp_path / "policies")
    add_version(
        folder,
        "620900-next.toml",
        ('version = "2025.1"', 'version = "2026.2"'),
        ("value = 2025-01-01", "value = 2026-11-30"),
        ('first_year_limit = { value = "months"', 'first_year_limit = { value = "full"'),
        of="620900.toml",
    )
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    assert benefit_figures(task(), holder())[3] == "250元（未确认）"
    later = benefit_figures(task(policy_version="2026.2"), holder())[3]
    assert later.startswith("与年度限额相同")
    assert benefit_figures(task(policy_version=""), holder())[3] == later, "a task of 0.1.0 names no version"


def test_a_disease_the_policy_does_not_list_has_no_figures_and_a_certificate_all_the_same() -> None:
    assert benefit_figures(task(), holder("620900-999")) == ()
    assert "王" not in repr(holder())
