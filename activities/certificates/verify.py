"""Judge a certificate offline, from what it shows: genuine as issued, which is not the same as in force."""

import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from activities.certificates.signing import content_signed, file_sealed
from activities.pdf_reading import EncryptedPdf, UnreadablePdf, opened_pdf
from domain.certificate import (
    FIGURE_LABELS,
    FORMAT,
    MAX_FIGURE_CHARACTERS,
    PRINTED_LABELS,
    SIGNATURE_LABEL,
    SIGNATURE_LENGTH,
    CertificateContent,
    content_from_print,
    content_from_qr,
    scanned_text,
)

_MAX_PDF_BYTES = 4 * 1024 * 1024
_MAX_QR_CHARACTERS = 2000

_MAX_STREAM_BYTES, _MAX_FILE_WORK, _MAX_PARSING_WORK = 256 * 1024, 8 * 1024 * 1024, 100_000
"""Of a stranger's page before its text is read: of ours they are at most a tenth of it."""

# Each value ends where the next label begins, for good (`(?>`): a page that repeats labels would else be tried in
# every combination, for hours. The last line is the key's name, which ends where the caption of the QR code begins.
# Figures may follow.
_PAGE = re.compile(
    f"{PRINTED_LABELS[0]}："
    + "".join(f"(?>(.{{1,200}}?){label}：)" for label in PRINTED_LABELS[1:])
    + "([A-Za-z0-9._-]{1,40})(?![A-Za-z0-9._-])[^：]{0,90}?"
    + "(?:"
    + "".join(f"{label}：([^：]{{1,{MAX_FIGURE_CHARACTERS}}}?)" for label in FIGURE_LABELS)
    + ")?"
    + f"{SIGNATURE_LABEL}：([A-Za-z0-9_-]{{{SIGNATURE_LENGTH}}})(?![A-Za-z0-9_-])"
)

GENUINE_ZH = (
    "本凭证按签发内容为真：由该签名密钥签发，签发后未被改动。真伪可验，不等于当前有效；当前状态请查询受理号。"
)
_NOT_PDF_ZH = "不能认定为真：文件不是 PDF。请提交签发时下载的原始凭证文件。"
_TOO_LARGE_ZH = "不能认定为真：文件过大，不是本系统签发的凭证。"
_ENCRYPTED_ZH = "不能认定为真：PDF 已加密，无法读取。请提交签发时下载的原始凭证文件。"
_DAMAGED_ZH = "不能认定为真：PDF 已损坏或不完整。请重新下载原始凭证文件。"
_FOREIGN_ZH = "不能认定为真：文件中没有凭证的字段和电子签名，不是本系统签发的凭证。"
_MALFORMED_ZH = "不能认定为真：凭证字段的格式与签发格式不符，内容可能被改动。"
_SIGNATURE_ZH = "不能认定为真：电子签名与凭证内容不符。内容被改动，或者不是用该密钥签发。"
_RESAVED_ZH = (
    "不能认定为真：文字字段的签名相符，但文件在签发后被改动或另存过，页面显示的内容不可信。"
    "请提交原始凭证文件，或者改为核验二维码内容。"
)
_NOT_QR_ZH = "不能认定为真：这段文字不是凭证二维码的内容，或者格式不完整。"


class CertificateVerdict(BaseModel):
    """Whether a certificate is genuine as issued; `reason` is Simplified Chinese, without personal data.

    `content` is what was signed, and is there only when `genuine`; its figures are checked and never dumped.
    """

    model_config = ConfigDict(frozen=True)

    genuine: bool
    reason: str
    content: CertificateContent | None = None


def verify_certificate(pdf: bytes, public_key: Ed25519PublicKey) -> CertificateVerdict:
    """Judge a certificate file: its printed lines against their signature, then its bytes against the seal.

    Works offline and raises nothing, whatever the bytes are. A page printed on paper or saved anew has lost
    its seal; its QR text can still be judged by `verify_text`.
    """
    if not pdf.startswith(b"%PDF-"):
        return _not_genuine(_NOT_PDF_ZH)
    if len(pdf) > _MAX_PDF_BYTES:
        return _not_genuine(_TOO_LARGE_ZH)
    try:
        text = _only_page(pdf)
    except EncryptedPdf:
        return _not_genuine(_ENCRYPTED_ZH)
    except UnreadablePdf:
        return _not_genuine(_DAMAGED_ZH)
    return _judge_page(text, pdf, public_key)


def verify_text(qr_text: str, public_key: Ed25519PublicKey) -> CertificateVerdict:
    """Judge what a certificate's QR code holds, an address with its text or the text alone.

    Works offline and raises nothing, whatever the text is.
    """
    text = scanned_text(qr_text) if len(qr_text) <= _MAX_QR_CHARACTERS else ""
    if not text.startswith(f"{FORMAT}|"):
        return _not_genuine(_NOT_QR_ZH)
    try:
        content, signature = content_from_qr(text)
    except ValueError:
        return _not_genuine(_NOT_QR_ZH)
    if not content_signed(content, signature, public_key):
        return _not_genuine(_SIGNATURE_ZH)
    return CertificateVerdict(genuine=True, reason=GENUINE_ZH, content=content)


def _only_page(pdf: bytes) -> str:
    """Return the text of a one-page PDF without any space; more or fewer pages give no text."""
    with opened_pdf(
        pdf, stream_bytes=_MAX_STREAM_BYTES, file_work=_MAX_FILE_WORK, parsing_work=_MAX_PARSING_WORK
    ) as reader:
        if len(reader.pages) != 1:
            return ""
        return "".join(reader.pages[0].extract_text().split())


def _judge_page(text: str, pdf: bytes, public_key: Ed25519PublicKey) -> CertificateVerdict:
    found = _PAGE.findall(text)
    if len(found) != 1:
        return _not_genuine(_FOREIGN_ZH)
    *values, signature = found[0]
    lines = dict(zip((*PRINTED_LABELS, *FIGURE_LABELS), values, strict=True))
    try:
        content = content_from_print({label: text for label, text in lines.items() if text})
    except (ValidationError, ValueError):
        return _not_genuine(_MALFORMED_ZH)
    if not content_signed(content, signature, public_key):
        return _not_genuine(_SIGNATURE_ZH)
    if not file_sealed(pdf, public_key):
        return _not_genuine(_RESAVED_ZH)
    return CertificateVerdict(genuine=True, reason=GENUINE_ZH, content=content)


def _not_genuine(reason: str) -> CertificateVerdict:
    return CertificateVerdict(genuine=False, reason=reason)
