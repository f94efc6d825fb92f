"""The QR code of a certificate opens the page that judges it, where the address of the pages is known."""

import io
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.certificates import render
from activities.certificates.render import render_certificate
from activities.certificates.signing import sign_content
from activities.certificates.verify import verify_certificate, verify_text
from activities.pdf_reading import opened_pdf
from domain.certificate import CertificateContent, qr_text, scanned_address, scanned_text

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = "https://mtb.example.gov.cn"
CONTENT = CertificateContent(
    certificate_no="510400-9QZK-7J4P-X2MD-A-V1",
    acceptance_no="510400-9QZK-7J4P-X2MD-A",
    region="510400",
    city="攀枝花市",
    masked_name="欧阳*",
    effect_on=date(2026, 11, 22),
    end_on=None,
    issued_on=date(2026, 11, 22),
    version=1,
    conditional=False,
    key_id="0123456789abcdef",
)
TEXT = qr_text(CONTENT, sign_content(CONTENT, KEY))


def text_of(pdf: bytes) -> str:
    with opened_pdf(io.BytesIO(pdf).getvalue()) as reader:
        return "".join(reader.pages[0].extract_text().split())


def test_the_address_is_the_verification_page_with_the_text_and_any_reader_of_addresses_finds_it() -> None:
    address = scanned_address(TEXT, PUBLIC)
    assert address.isascii()
    parts = urlsplit(address)
    assert (f"{parts.scheme}://{parts.netloc}", parts.path) == (PUBLIC, "/verify")
    assert parse_qs(parts.query) == {"c": [TEXT]}
    assert scanned_text(address) == TEXT


def test_without_an_address_the_text_alone_is_printed() -> None:
    assert scanned_address(TEXT, "") == TEXT
    assert scanned_text(TEXT) == TEXT


def test_what_was_scanned_is_judged_with_the_address_as_without() -> None:
    for scanned in (TEXT, scanned_address(TEXT, PUBLIC), f" {scanned_address(TEXT, 'http://127.0.0.1:8080')}\n"):
        verdict = verify_text(scanned, KEY.public_key())
        assert verdict.genuine
        assert verdict.content == CONTENT


@pytest.mark.parametrize(
    "scanned",
    [
        f"{PUBLIC}/verify?c=",
        f"{PUBLIC}/verify?c=x",
        f"javascript:alert(1)/verify?c={TEXT}",
        f"{PUBLIC}/verify?c=%zz",
        f"{PUBLIC}/verify?c={'%4D' * 900}",
        scanned_address(TEXT.replace("|0|", "|1|"), PUBLIC),
        scanned_address(TEXT.replace("欧阳", "诸葛"), PUBLIC),
    ],
)
def test_an_address_around_anything_else_is_not_genuine(scanned: str) -> None:
    assert not verify_text(scanned, KEY.public_key()).genuine


def test_the_page_says_that_scanning_opens_the_verification_and_still_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[str] = []
    drawn = render._qr_svg

    def noted(text: str) -> str:
        codes.append(text)
        return drawn(text)

    monkeypatch.setattr(render, "_qr_svg", noted)
    pdf = render_certificate(CONTENT, KEY, public_url=PUBLIC)
    assert codes == [scanned_address(TEXT, PUBLIC)]
    assert "扫码打开核验页面" in text_of(pdf)
    assert verify_certificate(pdf, KEY.public_key()).content == CONTENT
    plain = render_certificate(CONTENT, KEY)
    assert codes[-1] == TEXT
    assert "扫码取得凭证内容与签名" in text_of(plain)


def test_the_code_stays_coarse_enough_for_a_telephone() -> None:
    import segno

    long = CONTENT.model_copy(update={"masked_name": "买买提·艾*" * 3, "city": "黔西南布依族苗族自治州"})
    scanned = scanned_address(qr_text(long, sign_content(long, KEY)), "https://menzhen-teshu.ybj.example-city.gov.cn")
    code = segno.make(scanned, error="m", mode="byte", encoding="utf-8", micro=False, boost_error=False)
    # 40 mm wide: below 0.4 mm a module, cameras of cheap telephones fail on a printed page.
    assert 40 / code.symbol_size(border=0)[0] >= 0.4
