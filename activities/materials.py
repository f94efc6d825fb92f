"""Judge the file of a material by decoding it, never by its name.

What is judged is whether the file is a paper somebody can read: PDF or JPG (the two guides), whole, open,
large enough to read, small enough to store. What the paper says is declared by the channel and not read here.
"""

import io
import re
from itertools import islice
from typing import NamedTuple

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from pydantic import BaseModel, ConfigDict

from activities.pdf_reading import EncryptedPdf, UnreadablePdf, opened_pdf, unpack_pages
from domain.refusal import Refused, refuse
from domain.vocabulary import MATERIAL_ZH, MaterialKind

MAX_FILE_BYTES = 20 * 1024 * 1024
"""20 MiB: a long discharge record scanned at 300 dpi fits."""

MIN_LONG_SIDE = 1000
MIN_SHORT_SIDE = 600
"""Pixels. An ID card (85.6 mm × 54 mm) at 300 dpi, the usual scan, measures 1011 × 638."""

MAX_PIXELS = 40_000_000
"""A4 at 600 dpi has 34.8 million; more adds nothing to read and costs memory to decode."""

MAX_PDF_PAGES = 500
"""Pages. A whole discharge record has well under 200."""

_MAX_JPG_SCANS = 100
"""Passes of a progressive JPG; encoders write about 10. Thousands of empty ones cost hours to decode."""

_MAX_JPG_SEGMENTS = 1_000
"""Before the first scan; cameras write a dozen. Pillow goes through them one by one, in Python."""

_MAX_JPG_COEFFICIENTS = 60_000_000
"""Of a JPG in several passes, which is unpacked whole at two bytes each: 40 million pixels as cameras sample them."""

_SEARCHED_AT_ONCE = 512 * 1024
_SNIFFED_BYTES = 1_445
"""In so many bytes at the beginning a program looks for what a file is (WHATWG MIME Sniffing, resource header)."""

_PAGES_DECODED = 50
_TAIL_BYTES = 1024
_COLOUR_SAMPLE = (128, 128)
_DARK_SUM = 120
_STRONG_CAST = 0.10
_COLOUR_DISTANCE = 0.04
_COLOUR_SHARE = 0.005

_MARK, _PDF = b"\xef\xbb\xbf", b"%PDF-"
_END_OF_PDF = re.compile(rb"startxref\s+([0-9]{1,10})\s+%%EOF")
_END_OF_ZIP, _ZIP_TAIL_BYTES = b"PK\x05\x06", 22
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|iframe|svg|\?php)[\s>/]|<\?php\b", re.IGNORECASE)
_JPG_MARKER = re.compile(rb"\xff++([\x01-\xcf\xd8-\xfe])")
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOS, _EOI = 0xDA, 0xD9
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE_FRAMES = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_OTHER_FORMATS = (
    (b"\x89PNG\r\n\x1a\n", "PNG 图片"),
    (b"GIF8", "GIF 图片"),
    (b"BM", "BMP 图片"),
    (b"II*\x00", "TIFF 图片"),
    (b"MM\x00*", "TIFF 图片"),
    (b"PK\x03\x04", "压缩包或 Office 文档"),
    (b"Rar!", "压缩包"),
    (b"7z\xbc\xaf", "压缩包"),
    (b"\xd0\xcf\x11\xe0", "旧版 Office 文档"),
)


class FileFacts(BaseModel):
    """What decoding found. `size` in bytes; `pages` of a PDF; `width`, `height` in pixels and `colour` of a JPG."""

    model_config = ConfigDict(frozen=True)

    media_type: str
    size: int
    pages: int | None = None
    width: int | None = None
    height: int | None = None
    colour: bool | None = None


class _Fault(NamedTuple):
    """Why a file is refused: what is wrong with it, the rule, the remedy."""

    wrong: str
    rule: str
    remedy: str


_RULE_FORMAT = "材料文件须为 PDF 或 JPG 格式，以文件内容为准，与文件名无关。"
_RULE_WHOLE = "材料文件须完整，能够打开和阅读。"
_RULE_LEGIBLE = f"图片须清晰可辨：长边不少于 {MIN_LONG_SIDE} 像素，短边不少于 {MIN_SHORT_SIDE} 像素。"
_RULE_SIZE = "单个材料文件不得为空，且不超过 20 MB。"
_RESCAN = "请重新扫描或拍摄后上传。"
_EXPORT = "请用原软件重新导出 PDF，确认能打开后上传。"

_EMPTY = _Fault("文件是空的", _RULE_SIZE, "请确认文件已保存完整后重新上传。")
_TOO_LARGE = _Fault("文件超过 20 MB", _RULE_SIZE, "请降低扫描分辨率，或将材料拆分为多个文件后上传。")
_TWO_IN_ONE = _Fault("文件同时是 JPG 和 PDF", _RULE_FORMAT, "请只上传一种格式的文件。" + _RESCAN)
_ZIP_INSIDE = _Fault("文件同时是压缩包", _RULE_FORMAT, "请只上传一种格式的文件。" + _RESCAN)
_PAGE_INSIDE = _Fault("文件同时是网页或程序", _RULE_FORMAT, "请只上传一种格式的文件。" + _RESCAN)
_PDF_ENCRYPTED = _Fault("PDF 已加密", "PDF 不得加密，也不得设置打开或权限密码。", "请取消密码保护后重新上传。")
_PDF_CUT = _Fault("PDF 不完整，缺少文件结尾", _RULE_WHOLE, _EXPORT)
_PDF_DAMAGED = _Fault("PDF 已损坏，无法读取", _RULE_WHOLE, _EXPORT)
_PDF_EMPTY = _Fault("PDF 没有任何页面", _RULE_WHOLE, _EXPORT)
_PDF_LONG = _Fault(
    "PDF 页数过多", f"单个 PDF 不超过 {MAX_PDF_PAGES} 页。", "请只保留与本次申请有关的页，或者拆分后上传。"
)
_JPG_DAMAGED = _Fault("JPG 已损坏或不完整，无法解码", _RULE_WHOLE, _RESCAN)
_JPG_SMALL = _Fault("图片分辨率过低", _RULE_LEGIBLE, "请靠近拍摄或提高扫描分辨率，上传原图而不是缩略图。")
_JPG_HUGE = _Fault(
    "图片像素过多", f"单张图片不超过 {MAX_PIXELS // 10_000} 万像素。", "请将扫描分辨率降到 600 dpi 以下后上传。"
)
_JPG_SCANS = _Fault("JPG 的编码方式异常", _RULE_WHOLE, _RESCAN)


class _Unfit(Exception):
    def __init__(self, fault: _Fault) -> None:
        super().__init__()
        self.fault = fault


def is_pdf(content: bytes) -> bool:
    """Say whether a file, or its first 16 bytes, begin as a PDF: at once or behind a byte order mark."""
    return content[: len(_MARK) + len(_PDF)].removeprefix(_MARK).startswith(_PDF)


def judge_file(content: bytes, *, kind: MaterialKind, field: str) -> FileFacts:
    """Return what the file is, or raise `Refused` with the field, the rule and the remedy in Chinese.

    Synchronous and bound in time and memory whatever the bytes are. A file's own name is never repeated: people call
    their scans by their own.
    Whether a scan had to be in colour is the checklist's question: `colour` only says whether it is.
    """
    try:
        return _decoded(content)
    except _Unfit as unfit:
        raise _refusal(unfit.fault, kind=kind, field=field) from None


def _refusal(fault: _Fault, *, kind: MaterialKind, field: str) -> Refused:
    message = f"“{MATERIAL_ZH[kind]}”不能接收：{fault.wrong}。"
    return refuse(field=field, rule=fault.rule, remedy=fault.remedy, message=message)


def _decoded(content: bytes) -> FileFacts:
    if not content:
        raise _Unfit(_EMPTY)
    if len(content) > MAX_FILE_BYTES:
        raise _Unfit(_TOO_LARGE)
    pdf = is_pdf(content)
    if not pdf and not content.startswith(b"\xff\xd8\xff"):
        raise _Unfit(_foreign(content))
    if _ends_as_zip(content):
        raise _Unfit(_ZIP_INSIDE)
    if _MARKUP.search(content, 0, _SNIFFED_BYTES):
        raise _Unfit(_PAGE_INSIDE)
    return _decoded_pdf(content) if pdf else _decoded_jpg(content)


def _ends_as_zip(content: bytes) -> bool:
    """Say whether a program that unpacks archives would take the file for one: those are read from their end."""
    at = content.rfind(_END_OF_ZIP, max(0, len(content) - _ZIP_TAIL_BYTES - 0xFFFF))
    if at < 0 or at + _ZIP_TAIL_BYTES > len(content):
        return False
    disks, comment = content[at + 4 : at + 8], int.from_bytes(content[at + 20 : at + 22], "little")
    # Four bytes may stand anywhere by chance; with one disk and a comment that fits they do not.
    return disks == b"\0\0\0\0" and at + _ZIP_TAIL_BYTES + comment <= len(content)


def _foreign(content: bytes) -> _Fault:
    found = next((label for magic, label in _OTHER_FORMATS if content.startswith(magic)), None)
    wrong = f"文件内容是{found}，不是 PDF 或 JPG" if found else "文件内容不是 PDF 或 JPG"
    return _Fault(wrong, _RULE_FORMAT, "请转换为 PDF 或 JPG 后上传；只改文件扩展名无效。")


def _decoded_pdf(content: bytes) -> FileFacts:
    # a reader that repairs would open a cut file with its last pages missing, and nobody would notice
    end = _END_OF_PDF.search(content, max(0, len(content) - _TAIL_BYTES))
    if end is None or int(end.group(1)) >= len(content):
        raise _Unfit(_PDF_CUT)
    try:
        return FileFacts(media_type="application/pdf", size=len(content), pages=_readable_pages(content))
    except EncryptedPdf:
        raise _Unfit(_PDF_ENCRYPTED) from None
    except UnreadablePdf:
        raise _Unfit(_PDF_DAMAGED) from None


def _readable_pages(content: bytes) -> int:
    """Return the number of pages after unpacking the first of them. Raises `UnreadablePdf`."""
    with opened_pdf(content) as reader:
        pages = len(reader.pages)
        if pages <= MAX_PDF_PAGES:
            unpack_pages(islice(reader.pages, _PAGES_DECODED))
    if pages == 0:
        raise _Unfit(_PDF_EMPTY)
    if pages > MAX_PDF_PAGES:
        raise _Unfit(_PDF_LONG)
    return pages


def _decoded_jpg(content: bytes) -> FileFacts:
    if b"%PDF-" in content:
        raise _Unfit(_TWO_IN_ONE)
    _check_jpg(content)
    try:
        return _judged_picture(content)
    except _Unfit:
        raise
    # Pillow answers broken bytes with OSError, SyntaxError, struct.error, KeyError and others
    except Exception:
        raise _Unfit(_JPG_DAMAGED) from None


class _Frame(NamedTuple):
    """What a JPG declares of its picture: pixels, whether it comes in passes, and values to be unpacked."""

    width: int
    height: int
    progressive: bool
    coefficients: int


def _check_jpg(content: bytes) -> None:
    """Refuse what costs more to decode than a picture: found by going from marker to marker, without decoding."""
    frame, scans, segments, at = None, 0, 0, 2
    while (marker := _JPG_MARKER.match(content, at)) is not None and marker[1][0] != _EOI:
        code, at = marker[1][0], marker.end()
        segments += 1
        if segments > _MAX_JPG_SEGMENTS or scans > _MAX_JPG_SCANS:
            raise _Unfit(_JPG_SCANS)
        length = int.from_bytes(content[at : at + 2], "big")
        if length < 2 or at + length > len(content):
            raise _Unfit(_JPG_DAMAGED)
        if code in _FRAMES:
            frame = frame or _frame_of(code, content[at + 2 : at + length])
        at += length
        if code == _SOS:
            scans += 1
            # What is packed holds no marker: the scan ends where the next one stands.
            at = _end_of_scan(content, at)
    if frame is None or not scans:
        raise _Unfit(_JPG_DAMAGED)
    if frame.width * frame.height > MAX_PIXELS:
        raise _Unfit(_JPG_HUGE)
    if (frame.progressive or scans > 1) and frame.coefficients > _MAX_JPG_COEFFICIENTS:
        raise _Unfit(_JPG_HUGE)


def _end_of_scan(content: bytes, at: int) -> int:
    # Piece by piece: a search holds the interpreter until it is done.
    for start in range(at, len(content), _SEARCHED_AT_ONCE):
        found = _END_OF_SCAN.search(content, start, start + _SEARCHED_AT_ONCE + 1)
        if found is not None:
            return found.start()
    return len(content)


def _frame_of(code: int, segment: bytes) -> _Frame:
    height, width = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
    sampling = [(each >> 4, each & 15) for each in segment[7 : 6 + 3 * segment[5] : 3]] if len(segment) > 5 else []
    if not sampling or any(not 1 <= part <= 4 for each in sampling for part in each):
        raise _Unfit(_JPG_DAMAGED)
    whole = max(across for across, _ in sampling) * max(down for _, down in sampling)
    share = sum(across * down for across, down in sampling) / whole
    return _Frame(width, height, code in _PROGRESSIVE_FRAMES, round(width * height * share))


def _judged_picture(content: bytes) -> FileFacts:
    # the class itself, not Image.open: that one would try other formats, and warn instead of refusing
    with JpegImageFile(io.BytesIO(content)) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise _Unfit(_JPG_HUGE)
        if max(width, height) < MIN_LONG_SIDE or min(width, height) < MIN_SHORT_SIDE:
            raise _Unfit(_JPG_SMALL)
        # reads every byte but unpacks at up to an eighth of the size, which keeps memory flat
        picture.draft(None, _COLOUR_SAMPLE)
        picture.load()
        return FileFacts(
            media_type="image/jpeg", size=len(content), width=width, height=height, colour=_is_colour(picture)
        )


def _is_colour(picture: Image.Image) -> bool:
    """Say whether a picture has colours of its own, beyond the tint a lamp or scanner lays on a grey copy.

    Compares each bright enough pixel's share of red and blue with that of the median pixel; a uniform tint
    moves both alike. The thresholds are ours, set on sample scans.
    """
    if picture.mode in {"1", "L"}:
        return False
    raw = picture.convert("RGB").resize(_COLOUR_SAMPLE, Image.Resampling.BOX).tobytes()
    # Every application has three scans of 16,384 pixels: few enough calls per pixel decide what one costs.
    bright = [
        (r, b, total)
        for r, g, b in zip(raw[0::3], raw[1::3], raw[2::3], strict=True)
        if (total := r + g + b) > _DARK_SUM
    ]
    if not bright:
        return False
    reds, blues = [r / total for r, _, total in bright], [b / total for _, b, total in bright]
    middle_red, middle_blue = _median(reds), _median(blues)
    if max(abs(middle_red - 1 / 3), abs(middle_blue - 1 / 3)) > _STRONG_CAST:
        return True
    low_red, high_red = middle_red - _COLOUR_DISTANCE, middle_red + _COLOUR_DISTANCE
    low_blue, high_blue = middle_blue - _COLOUR_DISTANCE, middle_blue + _COLOUR_DISTANCE
    apart = sum(
        1
        for red, blue in zip(reds, blues, strict=True)
        if not (low_red <= red <= high_red and low_blue <= blue <= high_blue)
    )
    return apart >= _COLOUR_SHARE * len(raw) / 3


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
