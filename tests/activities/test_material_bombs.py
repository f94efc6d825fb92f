"""PDFs that unpack to far more than they are, and honest ones that are large: all judged in little memory."""

import asyncio
import base64
import io
import random
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Lock

import pytest
from obstore.store import MemoryStore
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, StreamObject

from activities import inspection
from activities.contract import InspectMaterials
from activities.inspection import DECODED_AT_ONCE, inspect
from activities.materials import FileFacts, judge_file
from activities.pdf_reading import MAX_STREAM_BYTES
from domain.application import Material
from domain.refusal import Refused
from domain.vocabulary import ApplicationKind, MaterialKind
from storage.objects import ObjectStore

MEGABYTE = 1024 * 1024
GREY_SCAN = 2_480 * 3_508
"""Bytes of A4 at 300 dpi in grey."""

# Not getrusage: its peak is inherited from the parent process. VmHWM is the peak of this program alone.
MEASURE = """
import re, sys, time
from pathlib import Path
from activities.inspection import DECODED_AT_ONCE, inspect
from activities.materials import judge_file
from domain.refusal import Refused
from domain.vocabulary import MaterialKind

def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text()).group(1))

content = Path(sys.argv[1]).read_bytes()
before = peak()
try:
    found = judge_file(content, kind=MaterialKind.DISCHARGE_RECORD, field="f").pages
except Refused as error:
    found = error.refusal.message
print(found, (peak() - before) // 1024, round(time.process_time()))
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


def laid_out(objects: dict[int, bytes], *, packed: dict[int, int] | None = None) -> bytes:
    """Return a PDF of numbered objects, by a table; `packed` are those in the object stream of another number."""
    out, at = bytearray(b"%PDF-1.7\n"), dict[int, int]()
    for number, each in objects.items():
        at[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    last, start = max((*objects, *(packed or ()))) + 1, len(out)
    if packed is None:
        rows = b"".join(b"%010d 00000 n \n" % at[each] for each in range(1, last))
        out += b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\n" % (last, rows, last)
    else:
        at[last] = start
        table = b"\0" * 7 + b"".join(
            b"\2%b\0\0" % packed[each].to_bytes(4, "big")
            if each in packed
            else b"\1%b\0\0" % at[each].to_bytes(4, "big")
            for each in range(1, last + 1)
        )
        entries = b"<</Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Length %d>>" % (last + 1, len(table))
        out += b"%d 0 obj\n%bstream\n%b\nendstream\nendobj\n" % (last, entries, table)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(packed: bytes, entries: bytes = b"/Filter/FlateDecode") -> bytes:
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(packed), entries, packed)


def tree(pages: int) -> dict[int, bytes]:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + pages))
    return {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids)}


def page(contents: int) -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R>>" % contents


def with_contents(streams: list[bytes]) -> bytes:
    """Return a PDF with a page for every stream."""
    count = len(streams)
    pages = {3 + number: page(3 + count + number) for number in range(count)}
    return laid_out(tree(count) | pages | {3 + count + number: each for number, each in enumerate(streams)})


def streams_under_the_bound() -> bytes:
    return with_contents([stream(zlib.compress(bytes(MAX_STREAM_BYTES - 10)))] * 50)


def filters_behind_one_another() -> bytes:
    twice = zlib.compress(zlib.compress(bytes(MAX_STREAM_BYTES - 10), 9), 9)
    return with_contents([stream(twice, b"/Filter[/FlateDecode/FlateDecode]")] * 50)


def letters_for_zeros() -> bytes:
    letters = zlib.compress(b"z" * (MEGABYTE - 2) + b"~>")
    return with_contents([stream(letters, b"/Filter[/FlateDecode/ASCII85Decode]")] * 50)


def drawn_in_letters() -> bytes:
    """Return 50 pages as old programs wrote them, packed and in letters."""
    drawn = base64.a85encode(zlib.compress(random.Random(1).randbytes(80_000))) + b"~>"
    return with_contents([stream(drawn, b"/Filter[/ASCII85Decode/FlateDecode]")] * 50)


def streams_over_one_another() -> bytes:
    """Return 50 streams that end where the last one does, each holding all that follow it."""
    count, filling = 50, b" " * 15 * MEGABYTE
    heads = [b"<</Length %d>>stream\n" for _ in range(count)]
    objects = tree(count) | {3 + number: page(3 + count + number) for number in range(count)}
    left, made = len(filling), dict[int, bytes]()
    for number in reversed(range(count)):
        made[3 + count + number] = heads[number] % left
        left += len(b"%d 0 obj\n%b\nendobj\n" % (3 + count + number, made[3 + count + number]))
    objects |= dict(sorted(made.items()))
    whole = laid_out(objects)
    # The filling goes behind the last head, before its `endobj`.
    at = whole.index(b"stream\n", whole.index(b"%d 0 obj\n" % (2 + 2 * count))) + len(b"stream\n")
    tail = whole.rindex(b"startxref\n")
    table = int(whole[tail:].split()[1]) + len(filling) + len(b"\nendstream")
    return b"".join((whole[:at], filling, b"\nendstream", whole[at:tail], b"startxref\n%d\n%%%%EOF\n" % table))


def pages_in_large_object_streams() -> bytes:
    """Return 20 pages, each in an object stream of its own that unpacks to 30 MB."""
    pages = {3 + number: 23 + number for number in range(20)}
    objects = tree(20)
    for number, holder in pages.items():
        head = b"%d 0 " % number
        body = head + b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>" + b" " * 30 * MEGABYTE
        entries = b"/Type/ObjStm/N 1/First %d/Filter/FlateDecode" % len(head)
        objects[holder] = stream(zlib.compress(body), entries)
    return laid_out(objects, packed=pages)


def scanned(pages: int, *, jpg: bool) -> bytes:
    """Return what a scanner writes: a picture to each page."""
    writer, buffer = PdfWriter(), io.BytesIO()
    Image.effect_noise((1_240, 1_754), 12).save(buffer, "JPEG", quality=60)
    grey = zlib.compress(bytes(range(250)) * (GREY_SCAN // 250) + bytes(GREY_SCAN % 250))
    for _ in range(pages):
        picture = StreamObject()
        picture._data = buffer.getvalue() if jpg else grey
        size = (1_240, 1_754) if jpg else (2_480, 3_508)
        for name, value in (("/Width", size[0]), ("/Height", size[1]), ("/BitsPerComponent", 8)):
            picture[NameObject(name)] = NumberObject(value)
        for name, said in (("/Type", "/XObject"), ("/Subtype", "/Image"), ("/ColorSpace", "/DeviceGray")):
            picture[NameObject(name)] = NameObject(said)
        picture[NameObject("/Filter")] = NameObject("/DCTDecode" if jpg else "/FlateDecode")
        contents = StreamObject()
        contents._data = b"q 595 0 0 842 0 0 cm /Im0 Do Q"
        made = writer.add_blank_page(595, 842)
        pictures = DictionaryObject({NameObject("/Im0"): writer._add_object(picture)})
        made[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): pictures})
        made[NameObject("/Contents")] = writer._add_object(contents.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def scans_laid_into_the_page() -> bytes:
    """Return 20 pages of A4 at 300 dpi in grey, each picture within what draws the page: 174 MB unpacked."""
    row = bytes(range(250)) * (GREY_SCAN // 250)
    drawn = b"q BI /W 2480 /H 3508 /BPC 8 /CS /G ID " + row.replace(b"EI", b"EJ") + b" EI Q"
    return with_contents([stream(zlib.compress(drawn))] * 20)


def measured(content: bytes, folder: Path) -> tuple[str, int, int]:
    """Return what a fresh process finds, by how many MiB its peak memory grows, and its seconds of processor."""
    file = folder / "material"
    file.write_bytes(content)
    told = subprocess.run([sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"(.*) ([0-9]+) ([0-9]+)\n", told.stdout)
    assert found
    return found[1], int(found[2]), int(found[3])


@needs_proc
@pytest.mark.parametrize(
    "made",
    [
        streams_under_the_bound,
        filters_behind_one_another,
        letters_for_zeros,
        streams_over_one_another,
        pages_in_large_object_streams,
    ],
)
def test_a_pdf_whose_streams_together_are_a_bomb_is_refused_in_little_time_and_memory(
    made: Callable[[], bytes], tmp_path: Path
) -> None:
    found, grown, seconds = measured(made(), tmp_path)

    assert "损坏" in found
    assert grown < 120
    assert seconds < 15


@needs_proc
@pytest.mark.parametrize(
    ("pages", "made"),
    [
        (50, lambda: scanned(50, jpg=True)),
        (20, lambda: scanned(20, jpg=False)),
        (20, scans_laid_into_the_page),
        (50, drawn_in_letters),
        (50, lambda: with_contents([stream(zlib.compress(bytes(4 * MEGABYTE), 9))] * 50)),
    ],
    ids=["jpg pictures", "packed pictures", "pictures within the page", "letters", "long drawings"],
)
def test_a_long_scan_is_taken_in_little_memory(pages: int, made: Callable[[], bytes], tmp_path: Path) -> None:
    found, grown, _ = measured(made(), tmp_path)

    assert found == str(pages)
    assert grown < 100


def test_a_stream_that_many_pages_share_is_unpacked_once() -> None:
    shared = with_contents([stream(zlib.compress(bytes(30 * MEGABYTE), 9))])
    objects = tree(50) | {3 + number: page(53) for number in range(50)}
    objects[53] = stream(zlib.compress(bytes(30 * MEGABYTE), 9))

    for content, pages in ((shared, 1), (laid_out(objects), 50)):
        assert judge_file(content, kind=MaterialKind.DISCHARGE_RECORD, field="f").pages == pages


def test_a_page_of_several_streams_is_judged_by_all_of_them() -> None:
    good, half = stream(b"0 0 m S", b""), stream(zlib.compress(bytes(MAX_STREAM_BYTES * 2 // 3), 9))
    parts = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents[4 0 R null 5 0 R 4 0 R]>>"
    objects = tree(1) | {3: parts, 4: good}

    taken = judge_file(laid_out(objects | {5: good}), kind=MaterialKind.DISCHARGE_RECORD, field="f")
    assert taken.pages == 1
    damaged = stream(b"\0" * 40)
    for wrong in ({5: damaged}, {4: half, 5: half}):
        with pytest.raises(Refused):
            judge_file(laid_out(objects | wrong), kind=MaterialKind.DISCHARGE_RECORD, field="f")


@pytest.mark.parametrize("box", [b"595 842 0 0", b"0 842 595 0", b"-10 -10 585 832"])
def test_a_page_may_be_written_from_any_corner(box: bytes) -> None:
    def paper(corners: bytes) -> bytes:
        drawn = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R>>" % corners
        return laid_out(tree(1) | {3: drawn, 4: stream(b"0 0 m S", b"")})

    assert judge_file(paper(box), kind=MaterialKind.DISCHARGE_RECORD, field="f").pages == 1
    with pytest.raises(Refused):
        judge_file(paper(b"0 842 595 842"), kind=MaterialKind.DISCHARGE_RECORD, field="f")


@pytest.mark.asyncio
async def test_a_worker_decodes_two_files_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most, lock = 0, 0, Lock()

    def judged(content: bytes, *, kind: MaterialKind, field: str) -> FileFacts:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        return FileFacts(media_type="application/pdf", size=len(content), pages=1)

    monkeypatch.setattr(inspection, "judge_file", judged)
    objects = ObjectStore(MemoryStore())
    paper = Material(
        kind=MaterialKind.DISCHARGE_RECORD, sha256=await objects.put(b"%PDF-"), media_type="application/pdf", size=5
    )
    task = InspectMaterials(
        acceptance_no="x",
        region="510400",
        disease_id="510400-003",
        policy_version="none",
        received_on=date(2026, 11, 20),
        materials=(paper, paper),
    )
    found = await asyncio.gather(*(inspect(objects, task, ApplicationKind.NEW) for _ in range(6)))

    assert [each.refused for each in found] == [None] * 6
    assert most == DECODED_AT_ONCE == 2
