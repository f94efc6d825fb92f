"""Print a certificate: one A5 page, signed in its text, in its QR code and as a file."""

from pathlib import Path

import typst
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from activities.certificates.signing import seal_file, sign_content
from activities.certificates.verify import verify_certificate
from activities.typst_pages import qr_svg, set_page
from domain.certificate import (
    SIGNATURE_LABEL,
    VERIFY_PATH,
    CertificateContent,
    escaped_word,
    printed_fields,
    printed_figures,
    qr_text,
    scanned_address,
)

_TEMPLATE = Path(__file__).with_name("template.typ")
_SIGNATURE_GROUP = 8
BENEFIT = "门诊慢特病"
"""What the benefit is called where a city has no word of its own, or one that does not fit the page."""


class UnprintableCertificate(Exception):
    """The printed page could not be read back as genuine, so it was not issued. Carries no content."""


def render_certificate(
    content: CertificateContent, key: Ed25519PrivateKey, *, public_url: str = "", benefit: str = BENEFIT
) -> bytes:
    """Return the signed PDF. The same content, key, `public_url` and `benefit` give the same bytes.

    With the address of the pages in `public_url` its QR code opens the page that judges it. `benefit` is the city's
    word for what is certified, printed and not signed.

    Synchronous and safe in threads; about 40 ms after the first call, which loads the font: half of it to set
    the page, half to read it back, because no page leaves that does not verify. Raises `UnprintableCertificate`
    when none does: neither plainly, nor with the name's rare characters spelt out, nor without figures.
    """
    # Figures too long for the page: the certificate is owed, its figures can be asked for.
    for shown in (content, content.without_figures) if content.figures else (content,):
        for word in dict.fromkeys((benefit, BENEFIT)):
            pdf = _printed(shown, key, public_url, word)
            if pdf is not None:
                return pdf
    raise UnprintableCertificate


def _printed(content: CertificateContent, key: Ed25519PrivateKey, public_url: str, benefit: str) -> bytes | None:
    """Return a page that verifies, if there is one."""
    signature = sign_content(content, key)
    # What is scanned is signed by itself: it must not tell the figures.
    scanned = scanned_address(qr_text(content, sign_content(content.without_figures, key)), public_url)
    for lines in (printed_fields(content), _printed_by_code_point(content)):
        try:
            pdf = seal_file(_typeset(content, lines, signature, scanned, benefit), key)
        except typst.TypstError:
            # PDF/A refuses a page on which a character has no glyph: print its code point instead
            continue
        if verify_certificate(pdf, key.public_key()).content == content:
            return pdf
    return None


def _printed_by_code_point(content: CertificateContent) -> tuple[tuple[str, str], ...]:
    return tuple((label, escaped_word(text) if label == "姓名" else text) for label, text in printed_fields(content))


def _typeset(
    content: CertificateContent,
    lines: tuple[tuple[str, str], ...],
    signature: str,
    scanned: str,
    benefit: str = BENEFIT,
) -> bytes:
    """Return the PDF/A-2u page without its seal. Raises `typst.TypstError` on a character without a glyph."""
    page: dict[str, JsonValue] = {
        "benefit": benefit,
        "issuer": f"{content.city}医疗保障局",
        "lines": [[*line] for line in lines],
        "figures": [[*line] for line in printed_figures(content)],
        "signature_label": SIGNATURE_LABEL,
        "signature": [
            signature[start : start + _SIGNATURE_GROUP] for start in range(0, len(signature), _SIGNATURE_GROUP)
        ],
        "qr": _qr_svg(scanned),
        "opens": VERIFY_PATH in scanned,
    }
    return set_page(_TEMPLATE, page, dated_on=content.issued_on)


def _qr_svg(text: str) -> str:
    return qr_svg(text, dark="#0b2f33")
