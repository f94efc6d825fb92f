"""The electronic certificate 门诊慢特病病种待遇认定凭证: its content, and the three forms it is written in.

One content has a canonical form (what is signed), a printed form (labelled lines on the page) and a scanned
form (the QR text). Each of the latter two can be read back, so that a certificate is verified from what a
person sees. It names no disease: it is shown to third parties who need not know it. The figures of the benefit are
the person's own: they are printed and signed on the page, and stand neither in the QR text nor in an answer.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Self
from urllib.parse import quote, unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

FORMAT = "MENTE1"
"""Name of this content format; a change of fields or of their order is a new name."""

FORMAT_WITH_FIGURES = "MENTE2"
"""Name of the same with the figures behind it: what a page that prints figures is signed by. Never scanned."""

FIGURE_LABELS = ("报销比例", "起付标准", "年度限额", "首年限额", "结算方式")
_FIGURE_NAMES = ("ratio", "deductible", "annual_limit", "first_year_limit", "settlement")

VERIFY_PATH = "/verify?c="
"""What follows the address of the pages in a QR code that opens the page which judges it."""

SIGNATURE_LENGTH = 86
"""Characters of an Ed25519 signature (64 bytes) in base64url without padding."""

LONG_TERM_ZH = "长期（每年复核）"
UNCONDITIONAL_ZH = "自生效日起有效"
CONDITIONAL_ZH = "公示期满无异议后自生效日起有效"
PROJECTED_ZH = "公示期满无异议后自生效日起有效，生效日期为推算"
"""For a period that ends on days no published notice settles yet."""

_CONDITIONS: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("0", UNCONDITIONAL_ZH, {"conditional": False}),
    ("1", CONDITIONAL_ZH, {"conditional": True}),
    ("2", PROJECTED_ZH, {"conditional": True, "projected": True}),
)
"""The mark that is signed, the words on the page, and what both mean."""

SIGNATURE_LABEL = "电子签名"

_MAX_FIELD_CHARACTERS = 60
MAX_FIGURE_CHARACTERS = 60
_CHINESE_PUNCTUATION = str.maketrans(dict.fromkeys("，、；（）"))
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
_DATE_ZH = re.compile(r"([1-9]\d{3})年([1-9]\d?)月([1-9]\d?)日")
_REGION_ZH = re.compile(r"(.+)（(\d{6})）")
_CODE_POINT_ZH = re.compile(r"〔U\+([0-9A-F]{4,6})〕")
_VERSION_ZH = re.compile(r"第([1-9]\d{0,5})版")


def _plain_word(text: str) -> str:
    """Return the text without spaces and in compatibility form.

    A page does not tell a space from a gap nor a radical from its ideograph, so the content must not either.
    """
    word = "".join(unicodedata.normalize("NFKC", text).split())
    if not word or len(word) > _MAX_FIELD_CHARACTERS:
        raise ValueError("字段不能为空，也不能过长")
    if any(character in ":|=〔〕" or unicodedata.category(character) in _INVISIBLE for character in word):
        raise ValueError("字段含有凭证不使用的字符")
    return word


Word = Annotated[str, AfterValidator(_plain_word)]


def _figure_text(text: str) -> str:
    """Return the text as it is; unlike a word's, its Chinese punctuation stays Chinese."""
    bare = text.translate(_CHINESE_PUNCTUATION)
    if not text or len(text) > MAX_FIGURE_CHARACTERS:
        raise ValueError("待遇标准不能为空，也不能过长")
    if "".join(unicodedata.normalize("NFKC", bare).split()) != bare:
        raise ValueError("待遇标准含有凭证不使用的字符")
    if any(character in ":|=〔〕" or unicodedata.category(character) in _INVISIBLE for character in bare):
        raise ValueError("待遇标准含有凭证不使用的字符")
    return text


FigureText = Annotated[str, AfterValidator(_figure_text)]


class CertificateContent(BaseModel):
    """What a certificate states. Dates are dates of China; `end_on` is the last day, or None for long-term.

    `city` is the full name (`酒泉市`), `region` its six-digit code. `conditional` marks a certificate issued at
    the decision, before publicity has ended; `projected` such a one whose day of effect no notice settles yet.
    `figures` are the texts of `FIGURE_LABELS`, or none, as on every certificate of 0.1.0; they are left out of every
    dump. Raises `ValueError` on an empty, overlong or unprintable field.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    certificate_no: Word
    acceptance_no: Word
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    city: Word
    masked_name: Word
    effect_on: date
    end_on: date | None
    issued_on: date
    version: Annotated[int, Field(ge=1, le=999_999)]
    conditional: bool
    projected: bool = False
    key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    figures: Annotated[tuple[FigureText, ...], Field(exclude=True, repr=False)] = ()

    @property
    def without_figures(self) -> "CertificateContent":
        """What is scanned."""
        return self.model_copy(update={"figures": ()})

    @model_validator(mode="after")
    def _all_figures_or_none(self) -> Self:
        if self.figures and len(self.figures) != len(FIGURE_LABELS):
            raise ValueError("待遇标准须逐项齐全")
        return self

    @model_validator(mode="after")
    def _ends_after_effect(self) -> Self:
        if self.end_on is not None and self.end_on < self.effect_on:
            raise ValueError("有效期截止日不能早于生效日期")
        return self


def certificate_number(acceptance_no: str, version: int) -> str:
    """Return the certificate number: the acceptance number and `-V` with the version, counted from 1."""
    return f"{acceptance_no}-V{version}"


def canonical_fields(content: CertificateContent) -> tuple[tuple[str, str], ...]:
    """Return name and value of every field but the figures, in the order in which they are signed and scanned."""
    return (
        ("certificate_no", content.certificate_no),
        ("acceptance_no", content.acceptance_no),
        ("region", content.region),
        ("city", content.city),
        ("masked_name", content.masked_name),
        ("effect_on", content.effect_on.isoformat()),
        ("end_on", content.end_on.isoformat() if content.end_on else "-"),
        ("issued_on", content.issued_on.isoformat()),
        ("version", str(content.version)),
        ("conditional", _condition(content)[0]),
        ("key_id", content.key_id),
    )


def canonical_text(content: CertificateContent) -> bytes:
    """Return the bytes that are signed: UTF-8, the format name, then one `name=value` per line, figures last."""
    figures = zip(_FIGURE_NAMES, content.figures, strict=bool(content.figures))
    fields = (*canonical_fields(content), *figures)
    lines = [FORMAT_WITH_FIGURES if content.figures else FORMAT, *(f"{name}={value}" for name, value in fields)]
    return ("\n".join(lines) + "\n").encode()


def printed_date(on: date) -> str:
    """Return a date as it stands on the page, `2026年1月5日`."""
    return f"{on.year}年{on.month}月{on.day}日"


def printed_fields(content: CertificateContent) -> tuple[tuple[str, str], ...]:
    """Return label and text of every line on the page, in page order.

    With `printed_figures` they hold the whole content.
    """
    return (
        ("凭证编号", content.certificate_no),
        ("受理号", content.acceptance_no),
        ("姓名", content.masked_name),
        ("签发地区", f"{content.city}（{content.region}）"),
        ("生效日期", printed_date(content.effect_on)),
        ("有效期至", printed_date(content.end_on) if content.end_on else LONG_TERM_ZH),
        ("生效条件", _condition(content)[1]),
        ("签发日期", printed_date(content.issued_on)),
        ("凭证版本", f"第{content.version}版"),
        ("密钥编号", content.key_id),
    )


def printed_figures(content: CertificateContent) -> tuple[tuple[str, str], ...]:
    """Return label and text of the figures on the page, in page order; nothing where there are none."""
    return tuple(zip(FIGURE_LABELS, content.figures, strict=True)) if content.figures else ()


def escaped_word(text: str) -> str:
    """Return the text with every character a font may lack as `〔U+2A6D7〕`: rare ideographs occur in names.

    ASCII, the name dot and the basic block of ideographs stay as they are.
    """

    def printable(character: str) -> bool:
        return character.isascii() or character == "·" or "\u4e00" <= character <= "\u9fea"

    return "".join(c if printable(c) else f"〔U+{ord(c):04X}〕" for c in text)


def _unescaped_word(text: str) -> str:
    return _CODE_POINT_ZH.sub(lambda match: chr(int(match.group(1), 16)), text)


PRINTED_LABELS = (
    "凭证编号", "受理号", "姓名", "签发地区", "生效日期", "有效期至", "生效条件", "签发日期", "凭证版本", "密钥编号",
)  # fmt: skip


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError("凭证上有一行的格式不对")
    return match


def _date_from_print(text: str) -> date:
    year, month, day = (int(part) for part in _matched(_DATE_ZH, text).groups())
    return date(year, month, day)


def _condition(content: CertificateContent) -> tuple[str, str]:
    mark, words, _ = _CONDITIONS[content.conditional + (content.conditional and content.projected)]
    return mark, words


def _meaning(text: str) -> dict[str, bool]:
    """Return what a mark or the words on the page mean."""
    for mark, words, meaning in _CONDITIONS:
        if text in (mark, words):
            return meaning
    raise ValueError("凭证上有一行的格式不对")


def content_from_print(lines: Mapping[str, str]) -> CertificateContent:
    """Read the content back from the lines on the page, by label, with or without figures.

    Raises `ValueError` on any other form.
    """
    city, region = _matched(_REGION_ZH, lines["签发地区"]).groups()
    end = lines["有效期至"]
    return CertificateContent(
        certificate_no=lines["凭证编号"],
        acceptance_no=lines["受理号"],
        region=region,
        city=city,
        masked_name=_unescaped_word(lines["姓名"]),
        effect_on=_date_from_print(lines["生效日期"]),
        end_on=None if end == LONG_TERM_ZH else _date_from_print(end),
        issued_on=_date_from_print(lines["签发日期"]),
        version=int(_matched(_VERSION_ZH, lines["凭证版本"]).group(1)),
        **_meaning(lines["生效条件"]),
        key_id=lines["密钥编号"],
        figures=tuple(lines[label] for label in FIGURE_LABELS if label in lines),
    )


def qr_text(content: CertificateContent, signature: str) -> str:
    """Return the QR text: format name, all fields but the figures, and the base64url signature of the content without
    them, joined by `|`.
    """
    return "|".join([FORMAT, *(value for _, value in canonical_fields(content)), signature])


def scanned_address(text: str, public_url: str) -> str:
    """Return what is printed as QR code: the address of the page that judges the QR text; the text itself where
    nobody said under which address the pages are known.
    """
    return f"{public_url}{VERIFY_PATH}{quote(text, safe='')}" if public_url else text


def scanned_text(scanned: str) -> str:
    """Return the QR text out of what was scanned, an address or the text itself. Signs of any host are taken: the
    signature says whose it is.
    """
    before, found, text = scanned.strip().partition(VERIFY_PATH)
    return unquote(text) if found and before.startswith(("https://", "http://")) else scanned.strip()


def content_from_qr(text: str) -> tuple[CertificateContent, str]:
    """Read content and signature back from a QR text. Raises `ValueError` on any other form."""
    name, *values = text.split("|")
    readers: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("certificate_no", str),
        ("acceptance_no", str),
        ("region", str),
        ("city", str),
        ("masked_name", str),
        ("effect_on", date.fromisoformat),
        ("end_on", lambda value: None if value == "-" else date.fromisoformat(value)),
        ("issued_on", date.fromisoformat),
        ("version", lambda value: int(_matched(re.compile(r"[0-9]{1,6}"), value).group())),
        ("conditional", _meaning),
        ("key_id", str),
    )
    if name != FORMAT or len(values) != len(readers) + 1:
        raise ValueError("不是凭证二维码的内容")
    fields = {field: read(value) for (field, read), value in zip(readers, values[:-1], strict=True)}
    condition = fields.pop("conditional")
    assert isinstance(condition, dict), "read by _meaning"
    fields |= condition
    return CertificateContent.model_validate(fields), values[-1]
