import io
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import typst
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pypdf import PdfReader, PdfWriter

from activities.certificates import render
from activities.certificates.render import UnprintableCertificate, render_certificate
from activities.certificates.signing import file_sealed, seal_file, sign_content
from activities.certificates.verify import GENUINE_ZH, verify_certificate, verify_text
from activities.notices.texts import city_of
from domain.certificate import (
    PRINTED_LABELS,
    CertificateContent,
    canonical_fields,
    canonical_text,
    certificate_number,
    content_from_print,
    content_from_qr,
    printed_fields,
    qr_text,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NUMBER = "620900-7Q2M-9XKD-4TFA-B"

CONTENT = CertificateContent(
    certificate_no=certificate_number(NUMBER, 1),
    acceptance_no=NUMBER,
    region="620900",
    city="酒泉市",
    masked_name="王*明",
    effect_on=date(2026, 12, 1),
    end_on=date(2028, 11, 30),
    issued_on=date(2026, 11, 23),
    version=1,
    conditional=True,
    key_id="0123456789abcdef",
)

CHANGES: list[dict[str, object]] = [
    {"certificate_no": certificate_number(NUMBER, 2)},
    {"acceptance_no": "620900-7Q2M-9XKD-4TFA-C"},
    {"region": "510400"},
    {"city": "攀枝花市"},
    {"masked_name": "李*明"},
    {"effect_on": date(2026, 11, 1)},
    {"end_on": date(2029, 11, 30)},
    {"end_on": None},
    {"issued_on": date(2026, 11, 24)},
    {"version": 2},
    {"conditional": False},
    {"projected": True},
    {"key_id": "000000000000"},
]


def changed(**fields: object) -> CertificateContent:
    return CertificateContent.model_validate(CONTENT.model_dump() | fields)


def text_of(pdf: bytes) -> str:
    return "".join(PdfReader(io.BytesIO(pdf)).pages[0].extract_text().split())


def forged(*, printed: CertificateContent, signed: CertificateContent) -> bytes:
    """Set a page with the program's own template that shows one content and carries another's signature."""
    signature = sign_content(signed, KEY)
    pdf = render._typeset(printed, printed_fields(printed), signature, qr_text(printed, signature))
    return seal_file(pdf, OTHER_KEY)


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return render_certificate(CONTENT, KEY)


def test_an_untouched_certificate_is_genuine_as_issued_and_gives_its_content_back(certificate: bytes) -> None:
    verdict = verify_certificate(certificate, KEY.public_key())

    assert verdict.genuine
    assert verdict.content == CONTENT
    assert "按签发内容为真" in verdict.reason
    assert "不等于当前有效" in verdict.reason


@pytest.mark.parametrize(("region", "benefit"), [("510400", "门诊特殊疾病"), ("620900", "门诊慢特病")])
def test_a_certificate_calls_the_benefit_what_the_letters_of_the_city_call_it(region: str, benefit: str) -> None:
    assert city_of(region).benefit == benefit
    page = render_certificate(CONTENT, KEY, benefit=benefit)
    assert text_of(page).count(f"{benefit}病种待遇") == 2
    assert verify_certificate(page, KEY.public_key()).content == CONTENT


@pytest.mark.parametrize("word", ["一种名称长得放不下的门诊待遇" * 12, "病\U000323af"])
def test_a_word_for_the_benefit_that_does_not_fit_the_page_gives_way_to_the_general_one(word: str) -> None:
    page = render_certificate(CONTENT, KEY, benefit=word)
    assert verify_certificate(page, KEY.public_key()).content == CONTENT
    assert word not in text_of(page)


def test_the_same_content_gives_the_same_bytes(certificate: bytes) -> None:
    assert render_certificate(CONTENT, KEY) == certificate


def test_certificates_can_be_rendered_in_several_threads_at_once(certificate: bytes) -> None:
    with ThreadPoolExecutor(8) as pool:
        printed = list(pool.map(lambda _: render_certificate(CONTENT, KEY), range(24)))

    assert set(printed) == {certificate}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_page_that_shows_another_value_than_was_signed_is_not_genuine(change: dict[str, object]) -> None:
    verdict = verify_certificate(forged(printed=changed(**change), signed=CONTENT), KEY.public_key())

    assert not verdict.genuine
    assert "电子签名与凭证内容不符" in verdict.reason
    assert verdict.content is None


def test_a_certificate_of_another_key_is_not_genuine() -> None:
    verdict = verify_certificate(render_certificate(CONTENT, OTHER_KEY), KEY.public_key())

    assert not verdict.genuine
    assert "不是用该密钥签发" in verdict.reason


def test_a_page_with_a_line_covered_by_another_is_not_genuine(certificate: bytes) -> None:
    overlay = typst.compile(b"#set page(width: 210mm, height: 148mm)\n#place(dx: 20mm, rect(fill: white)[2099])")
    writer = PdfWriter(clone_from=io.BytesIO(certificate))
    writer.pages[0].merge_page(PdfReader(io.BytesIO(overlay)).pages[0])
    covered = io.BytesIO()
    writer.write(covered)

    verdict = verify_certificate(covered.getvalue(), KEY.public_key())

    assert not verdict.genuine
    assert "文件在签发后被改动或另存过" in verdict.reason


def test_an_incremental_update_that_leaves_the_signed_bytes_alone_is_not_genuine(certificate: bytes) -> None:
    writer = PdfWriter(io.BytesIO(certificate), incremental=True)
    writer.add_metadata({"/Subject": "x"})
    updated = io.BytesIO()
    writer.write(updated)
    assert updated.getvalue().startswith(certificate)

    assert not verify_certificate(updated.getvalue(), KEY.public_key()).genuine


def test_no_single_changed_byte_leaves_a_certificate_genuine(certificate: bytes) -> None:
    for position in range(0, len(certificate), 97):
        broken = bytearray(certificate)
        broken[position] ^= 0x01
        assert not file_sealed(bytes(broken), KEY.public_key())
    for position in range(0, len(certificate), 2003):
        broken = bytearray(certificate)
        broken[position] ^= 0x01
        assert not verify_certificate(bytes(broken), KEY.public_key()).genuine


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_certificate_is_not_genuine(certificate: bytes, share: float) -> None:
    verdict = verify_certificate(certificate[: int(len(certificate) * share)], KEY.public_key())

    assert not verdict.genuine
    assert verdict.reason.startswith("不能认定为真")


def test_an_encrypted_copy_is_not_genuine(certificate: bytes) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(certificate))
    writer.encrypt("", owner_password="x", algorithm="AES-256")
    locked = io.BytesIO()
    writer.write(locked)

    assert "已加密" in verify_certificate(locked.getvalue(), KEY.public_key()).reason


def test_other_files_are_not_genuine_and_say_why() -> None:
    blank = io.BytesIO()
    PdfWriter().write(blank)
    other = typst.compile(b"= A letter")
    reasons = {
        name: verify_certificate(content, KEY.public_key()).reason
        for name, content in {
            "empty": b"",
            "text": "凭证编号：1".encode(),
            "image": b"\x89PNG\r\n\x1a\n",
            "no pages": blank.getvalue(),
            "other pdf": other,
            "header only": b"%PDF-1.7\n",
            "too large": b"%PDF-1.7\n" + bytes(5 * 1024 * 1024),
        }.items()
    }

    assert "不是 PDF" in reasons["empty"]
    assert "不是 PDF" in reasons["text"]
    assert "不是 PDF" in reasons["image"]
    assert "不是本系统签发" in reasons["no pages"]
    assert "不是本系统签发" in reasons["other pdf"]
    assert "已损坏" in reasons["header only"]
    assert "文件过大" in reasons["too large"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_after_a_pdf_header_raise(tail: bytes) -> None:
    assert not verify_certificate(b"%PDF-1.7\n" + tail, KEY.public_key()).genuine


def test_reading_a_damaged_certificate_logs_nothing(certificate: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        verify_certificate(certificate[:-2000], KEY.public_key())

    assert caplog.records == []


def test_the_qr_text_is_genuine_and_gives_the_same_content() -> None:
    text = qr_text(CONTENT, sign_content(CONTENT, KEY))

    verdict = verify_text(text, KEY.public_key())

    assert verdict.genuine
    assert verdict.content == CONTENT
    assert verdict.reason == GENUINE_ZH


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_qr_text_with_another_value_than_was_signed_is_not_genuine(change: dict[str, object]) -> None:
    verdict = verify_text(qr_text(changed(**change), sign_content(CONTENT, KEY)), KEY.public_key())

    assert not verdict.genuine
    assert "电子签名与凭证内容不符" in verdict.reason


@pytest.mark.parametrize(
    "text",
    ["", "MENTE1", "MENTE2|a|b", "MENTE1|" + "|" * 11, "MENTE1" + "|x" * 12, "https://example.org", "MENTE1|" * 400],
)
def test_a_text_that_is_no_certificate_is_refused_with_a_sentence(text: str) -> None:
    assert "不是凭证二维码的内容" in verify_text(text, KEY.public_key()).reason


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_no_qr_text_raises(tail: str) -> None:
    assert not verify_text("MENTE1|" + tail, KEY.public_key()).genuine


@pytest.mark.parametrize("name", ["J***H", "阿**·买", "\U000323af*", "⻓*", "欧阳**"])
def test_every_name_is_printed_so_that_it_can_be_read_back(name: str) -> None:
    content = changed(masked_name=name)

    assert verify_certificate(render_certificate(content, KEY), KEY.public_key()).content == content


def test_a_character_without_a_glyph_is_printed_as_its_code_point() -> None:
    assert "姓名：〔U+323AF〕*" in text_of(render_certificate(changed(masked_name="\U000323af*"), KEY))


def test_a_failed_page_does_not_spoil_the_next_one(certificate: bytes) -> None:
    lines = (("姓名", "\U000323af"),)
    with pytest.raises(typst.TypstError):
        render._typeset(CONTENT, lines, sign_content(CONTENT, KEY), "x")

    assert render_certificate(CONTENT, KEY) == certificate


def test_a_page_that_cannot_be_read_back_is_never_issued(monkeypatch: pytest.MonkeyPatch) -> None:
    def misprint(
        _: CertificateContent, lines: tuple[tuple[str, str], ...], signature: str, scanned: str, benefit: str
    ) -> bytes:
        return typeset(changed(city="攀枝花市"), printed_fields(changed(city="攀枝花市")), signature, scanned)

    typeset = render._typeset
    monkeypatch.setattr(render, "_typeset", misprint)

    with pytest.raises(UnprintableCertificate):
        render_certificate(CONTENT, KEY)


def test_the_page_shows_every_field_and_says_that_genuine_is_not_in_force(certificate: bytes) -> None:
    text = text_of(certificate)

    for label, value in printed_fields(CONTENT):
        assert f"{label}：{value}" in text
    assert sign_content(CONTENT, KEY) in text
    assert "真伪可验，不等于当前有效；当前状态请查询受理号" in text
    assert "公示期满无异议后自生效日起有效" in text


def test_a_long_term_certificate_says_that_it_is_rechecked_every_year() -> None:
    assert "有效期至：长期（每年复核）" in text_of(render_certificate(changed(end_on=None), KEY))


def test_the_file_holds_no_word_that_could_name_a_disease(certificate: bytes) -> None:
    words = ("癌", "瘤", "糖尿", "高血压", "肾", "透析", "症", "炎", "血", "移植", "M0", "disease")
    metadata = str(PdfReader(io.BytesIO(certificate)).metadata) + str(PdfReader(io.BytesIO(certificate)).xmp_metadata)
    for haystack in (text_of(certificate), qr_text(CONTENT, ""), canonical_text(CONTENT).decode(), metadata):
        assert [word for word in words if word in haystack] == []


def test_the_fields_are_exactly_the_ones_that_name_no_disease() -> None:
    assert set(CertificateContent.model_fields) == {
        *(name for name, _ in canonical_fields(CONTENT)),
        "figures",
        # signed within `conditional`
        "projected",
    }
    assert not {"disease", "disease_id", "diagnosis", "id_number"} & set(CertificateContent.model_fields)


def test_the_canonical_text_is_fixed_for_ever() -> None:
    assert canonical_text(CONTENT).decode() == (
        "MENTE1\ncertificate_no=620900-7Q2M-9XKD-4TFA-B-V1\nacceptance_no=620900-7Q2M-9XKD-4TFA-B\n"
        "region=620900\ncity=酒泉市\nmasked_name=王*明\neffect_on=2026-12-01\nend_on=2028-11-30\n"
        f"issued_on=2026-11-23\nversion=1\nconditional=1\nkey_id={CONTENT.key_id}\n"
    )


def test_print_and_scan_give_the_content_back_for_every_change() -> None:
    for change in CHANGES:
        content = changed(**change)
        assert tuple(label for label, _ in printed_fields(content)) == PRINTED_LABELS
        assert content_from_print(dict(printed_fields(content))) == content
        assert content_from_qr(qr_text(content, "s")) == (content, "s")


@pytest.mark.parametrize(
    "fields",
    [
        {"masked_name": "王*|明"},
        {"masked_name": "王*\u202e明"},
        {"masked_name": "姓名：王"},
        {"masked_name": " "},
        {"city": "市" * 61},
        {"region": "62090"},
        {"version": 0},
        {"end_on": date(2026, 11, 30)},
        {"key_id": "键"},
    ],
    ids=str,
)
def test_a_content_that_could_be_read_in_two_ways_is_refused_without_repeating_it(
    fields: dict[str, object],
) -> None:
    with pytest.raises(ValidationError) as refused:
        changed(**fields)

    assert "王" not in str(refused.value)
    assert "input_value" not in str(refused.value)


def test_a_radical_and_its_ideograph_are_the_same_name() -> None:
    assert changed(masked_name="⼀*").masked_name == "一*"


def test_a_day_of_effect_no_notice_settles_yet_is_called_projected_on_the_page_and_in_the_code() -> None:
    content = changed(projected=True)
    page = render_certificate(content, KEY)
    assert "生效日期为推算" in text_of(page)
    assert verify_certificate(page, KEY.public_key()).content == content
    assert verify_text(qr_text(content, sign_content(content, KEY)), KEY.public_key()).content == content
