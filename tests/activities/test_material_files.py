import io
import logging
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject, StreamObject

from activities.materials import MAX_FILE_BYTES, MAX_PDF_PAGES, FileFacts, judge_file
from domain.refusal import Refusal, Refused
from domain.vocabulary import MaterialKind

FIELD = "materials[0].file"


def jpg(
    width: int = 1200, height: int = 800, *, mode: str = "RGB", image: Image.Image | None = None, **options: object
) -> bytes:
    picture = image or id_card(width, height)
    out = io.BytesIO()
    picture.convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


def id_card(width: int = 1200, height: int = 800) -> Image.Image:
    """Draw something like a colour scan of an ID card: pale blue print and a portrait on a white sheet."""
    picture = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=(214, 230, 240))
    draw.rectangle((width * 6 // 10, height * 3 // 10, width * 7 // 10, height * 6 // 10), fill=(205, 160, 130))
    for line in range(5):
        top = height * (30 + 7 * line) // 100
        draw.rectangle((width * 3 // 10, top, width // 2, top + height // 60), fill=(30, 30, 30))
    return picture


def tinted(picture: Image.Image, red: float, green: float, blue: float) -> Image.Image:
    """Return a grey copy of the picture under coloured light."""
    grey = picture.convert("L")
    return Image.merge("RGB", [grey.point(lambda v, share=share: int(v * share)) for share in (red, green, blue)])


def pdf(pages: int = 2, prepare: Callable[[PdfWriter], object] | None = None, stream: bytes = b"0 0 m S") -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        content: StreamObject = DecodedStreamObject()
        content.set_data(stream)
        writer.add_blank_page(595, 842)[NameObject("/Contents")] = writer._add_object(content.flate_encode())
    if prepare is not None:
        prepare(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def png() -> bytes:
    out = io.BytesIO()
    id_card().save(out, "PNG")
    return out.getvalue()


def judged(content: bytes, kind: MaterialKind = MaterialKind.ID_FRONT) -> FileFacts:
    return judge_file(content, kind=kind, field=FIELD)


def refusal_of(content: bytes) -> Refusal:
    with pytest.raises(Refused) as refused:
        judged(content)
    found = refused.value.refusal
    assert found.field == FIELD
    assert found.rule
    assert found.remedy
    assert found.message.startswith("“身份证人像面”不能接收：")
    return found


# Not getrusage: its peak is inherited from the parent process. VmHWM is the peak of this program alone.
MEASURE = """
import re, sys
from pathlib import Path
from activities.materials import judge_file
from domain.refusal import Refused
from domain.vocabulary import MaterialKind

def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text()).group(1))

content = Path(sys.argv[1]).read_bytes()
before = peak()
try:
    judge_file(content, kind=MaterialKind.ID_FRONT, field="f")
except Refused:
    pass
print(peak() - before)
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


def memory_to_judge(content: bytes, folder: Path) -> int:
    """Return by how many MiB the peak memory of a fresh process grows while it judges the file."""
    file = folder / "material"
    file.write_bytes(content)
    measured = subprocess.run([sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, check=True)
    return int(measured.stdout) // 1024


def with_size(content: bytes, width: int, height: int) -> bytes:
    """Return the JPG with other dimensions in its frame header."""
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 :]


def test_a_colour_scan_is_a_jpg_of_its_size_in_colour() -> None:
    content = jpg()

    assert judged(content) == FileFacts(
        media_type="image/jpeg", size=len(content), width=1200, height=800, colour=True
    )


def test_a_pdf_is_a_pdf_with_its_number_of_pages() -> None:
    content = pdf(3)

    assert judged(content) == FileFacts(media_type="application/pdf", size=len(content), pages=3)


def test_the_content_alone_decides() -> None:
    assert judged(jpg()).media_type == "image/jpeg"
    assert judged(pdf()).media_type == "application/pdf"
    assert "PNG" in refusal_of(png()).message


@pytest.mark.parametrize(
    "content", [b"GIF89a", b"PK\x03\x04docx", b"hello", b"\x00" * 50, b"II*\x00", b"\xff\xd8", b"%PDF"]
)
def test_any_other_format_is_refused(content: bytes) -> None:
    assert "不是 PDF 或 JPG" in refusal_of(content).message


def test_an_empty_file_and_one_over_the_limit_are_refused() -> None:
    assert "空" in refusal_of(b"").message
    assert "20 MB" in refusal_of(b"%PDF-1.7" + bytes(60 * 1024 * 1024)).message


def test_a_file_of_exactly_the_limit_is_judged_by_its_content() -> None:
    padded = jpg() + bytes(MAX_FILE_BYTES - len(jpg()))

    assert judged(padded).size == MAX_FILE_BYTES
    assert "20 MB" in refusal_of(padded + b"\x00").message


@pytest.mark.parametrize("password", ["", "secret"])
def test_an_encrypted_pdf_is_refused_with_or_without_a_password(password: str) -> None:
    locked = pdf(1, lambda writer: writer.encrypt(password, owner_password="owner", algorithm="AES-256"))

    assert "加密" in refusal_of(locked).message


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_pdf_is_refused(share: float) -> None:
    whole = pdf(20)

    assert "不完整" in refusal_of(whole[: int(len(whole) * share)]).message


def test_a_truncated_pdf_with_an_end_of_file_pasted_on_is_refused() -> None:
    whole = pdf(20)

    assert refusal_of(whole[: len(whole) // 3] + b"\nstartxref\n12345678\n%%EOF\n").message
    assert refusal_of(whole[: len(whole) // 3] + b"\nstartxref\n10\n%%EOF\n").message


def test_a_pdf_without_pages_and_one_with_too_many_are_refused() -> None:
    assert "没有任何页面" in refusal_of(pdf(0)).message
    assert judged(pdf(MAX_PDF_PAGES)).pages == MAX_PDF_PAGES
    assert "页数过多" in refusal_of(pdf(MAX_PDF_PAGES + 1)).message


def test_a_pdf_must_begin_at_its_first_byte_or_after_a_byte_order_mark() -> None:
    assert judged(b"\xef\xbb\xbf" + pdf()).pages == 2
    assert "不是 PDF 或 JPG" in refusal_of(b"MZ junk\n" + pdf()).message


def test_a_pdf_whose_page_stream_is_damaged_is_refused() -> None:
    content = pdf(1, stream=b"0 0 m 1 1 l S " * 50)
    start = content.index(b"stream\n") + len(b"stream\n")

    assert "损坏" in refusal_of(content[:start] + b"\x00" * 20 + content[start + 20 :]).message


@needs_proc
def test_a_pdf_that_unpacks_to_four_hundred_megabytes_is_refused_in_little_time_and_memory(
    tmp_path: Path,
) -> None:
    content = pdf(1, stream=bytes(400 * 1024 * 1024))
    started = time.process_time()

    assert "损坏" in refusal_of(content).message
    assert time.process_time() - started < 8
    assert memory_to_judge(content, tmp_path) < 120


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.98, 0.99999])
def test_a_truncated_jpg_is_refused(mode: str, progressive: bool, share: float) -> None:
    whole = jpg(quality=95, progressive=progressive, mode=mode)

    assert "不完整" in refusal_of(whole[: int(len(whole) * share)]).message


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpg_without_its_tables_is_refused(mode: str) -> None:
    whole = jpg(mode=mode)
    tables = whole.index(b"\xff\xdb")
    behind = tables + 2 + int.from_bytes(whole[tables + 2 : tables + 4], "big")

    assert "损坏" in refusal_of(whole[:tables] + whole[behind:].replace(b"\xff\xdb", b"\xff\xfe", 1)).message


def test_a_jpg_header_followed_by_noise_is_refused() -> None:
    assert "损坏" in refusal_of(b"\xff\xd8\xff\xe0" + b"\x5a" * 5000 + b"\xff\xd9").message


def test_what_a_camera_appends_after_the_picture_does_no_harm() -> None:
    assert judged(jpg() + b"SEFT" + bytes(500)).width == 1200


def test_a_jpg_that_a_pdf_reader_would_open_too_is_refused() -> None:
    assert "同时是" in refusal_of(jpg() + pdf()).message
    assert "同时是" in refusal_of(jpg(comment=b"%PDF-1.7 ...")).message


@pytest.mark.parametrize(("width", "height"), [(999, 800), (1200, 599), (599, 1200), (640, 480)])
def test_a_scan_too_small_to_read_is_refused(width: int, height: int) -> None:
    assert "分辨率" in refusal_of(jpg(width, height)).message


@pytest.mark.parametrize(("width", "height"), [(1000, 600), (600, 1000), (1011, 638)])
def test_the_smallest_legible_scan_is_taken(width: int, height: int) -> None:
    assert judged(jpg(width, height)).width == width


@needs_proc
def test_a_picture_that_claims_billions_of_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    content = with_size(jpg(), 65_000, 65_000)

    assert "像素过多" in refusal_of(content).message
    assert memory_to_judge(content, tmp_path) < 10


@needs_proc
def test_a_large_scan_is_decoded_without_unpacking_it_whole(tmp_path: Path) -> None:
    content = jpg(7000, 5000)

    assert judged(content).colour is True
    assert memory_to_judge(content, tmp_path) < 30


def test_a_progressive_jpg_with_hundreds_of_passes_is_refused() -> None:
    whole = jpg(progressive=True)
    scan = whole.rindex(b"\xff\xda")

    assert "编码方式异常" in refusal_of(whole[:scan] + whole[scan:-2] * 150 + b"\xff\xd9").message


@pytest.mark.parametrize(
    "image",
    [
        id_card().convert("L"),
        id_card().convert("L").convert("RGB"),
        tinted(id_card(), 1.0, 0.93, 0.80),
        tinted(id_card(), 0.92, 0.97, 1.0),
        Image.new("RGB", (1200, 800), "black"),
        Image.effect_noise((1200, 800), 60).convert("RGB"),
    ],
    ids=["grey", "grey in RGB", "grey under warm light", "grey under cold light", "black", "grey noise"],
)
def test_a_grey_copy_is_not_in_colour_whatever_the_light(image: Image.Image) -> None:
    assert judged(jpg(image=image, mode=image.mode)).colour is False


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_colour_scan_is_in_colour_in_every_encoding(mode: str) -> None:
    assert judged(jpg(mode=mode)).colour is True
    assert judged(jpg(mode=mode, progressive=True)).colour is True


def test_a_small_red_emblem_on_white_is_colour() -> None:
    picture = Image.new("RGB", (1600, 1200), "white")
    ImageDraw.Draw(picture).ellipse((200, 200, 380, 380), fill=(200, 40, 45))

    assert judged(jpg(image=picture)).colour is True


def test_judging_damaged_files_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    whole = pdf(5)
    with caplog.at_level(logging.DEBUG):
        judged(whole.replace(b"endobj", b"endobx", 3))
        refusal_of(whole[:200] + b"\nstartxref\n10\n%%EOF\n")

    assert [record for record in caplog.records if record.name.startswith("pypdf")] == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"%PDF-1.7\n", b"\xff\xd8\xff"]), st.binary(max_size=600), st.sampled_from([b"", b"\xff\xd9"])
)
def test_no_bytes_raise_anything_but_a_refusal(head: bytes, middle: bytes, end: bytes) -> None:
    with pytest.raises(Refused):
        judged(head + middle + end)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_changed_bytes_is_judged_or_refused_but_never_a_crash(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([SMALL_PDF, SMALL_JPG])))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(5, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Refused):
        assert judged(bytes(content)).size == len(content)


SMALL_PDF = pdf(2)
SMALL_JPG = jpg(1000, 600, quality=40)
