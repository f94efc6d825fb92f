"""Files somebody uploads, made up: hostile ones, and ordinary ones that only look odd."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

MEGABYTE = 1_048_576


def photo(width: int = 1200, height: int = 800, **options: object) -> bytes:
    """Return a photograph nobody has sent before."""
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def pdf(*objects: bytes) -> bytes:
    """Return a PDF of objects, the first of which is its catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


CATALOGUE, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<%s>>>>"


def stream(data: bytes, filters: bytes = b"/FlateDecode", more: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<</Length %d/Filter %s%s>>\nstream\n%s\nendstream" % (len(data), filters, more, data)


def one_page(content: bytes, filters: bytes = b"/FlateDecode", *, packed: bool = True, more: bytes = b"") -> bytes:
    """Return a PDF of one page with a content stream."""
    data = zlib.compress(content, 9) if packed else content
    return pdf(CATALOGUE, PAGES, PAGE % b"", stream(data, filters, more))


def with_token(token: bytes) -> bytes:
    """Return a PDF whose page holds one value."""
    return pdf(CATALOGUE, PAGES, b"<</Type/Page/MediaBox[0 0 600 800]/X %s>>" % token)


def packed_often(times: int, size: int) -> bytes:
    """Return zeros, packed again and again."""
    data = bytes(size)
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


def declared(width: int, height: int) -> bytes:
    """Return a JPG that says it is larger than it is."""
    whole = photo()
    at = whole.index(b"\xff\xc0")
    return whole[: at + 5] + struct.pack(">HH", height, width) + whole[at + 9 :]


def flat_progressive(edge: int) -> bytes:
    """Return a small JPG in several passes, which is unpacked whole."""
    buffer = io.BytesIO()
    Image.new("RGB", (edge, edge), "white").save(buffer, "JPEG", progressive=True, subsampling=0)
    return buffer.getvalue()


SHARED_KIDS = [b"<</Type/Pages/Count 1/Kids[%s]>>" % (b"%d 0 R " % (number + 1) * 10) for number in range(2, 11)]
MANY_KIDS = b"<</Type/Pages/Count 100000/Kids[%s]>>" % (b"3 0 R " * 100_000)
ZIP_END = b"PK\x05\x06" + bytes(18)

HOSTILE: dict[str, Callable[[], bytes]] = {
    "a stream of 300 MB": lambda: one_page(bytes(300 * MEGABYTE)),
    "a stream packed three times": lambda: one_page(
        packed_often(3, 300 * MEGABYTE), b"[/FlateDecode/FlateDecode/FlateDecode]", packed=False
    ),
    "sixty filters": lambda: one_page(packed_often(60, 1000), b"[" + b"/FlateDecode" * 60 + b"]", packed=False),
    "one stream two thousand times": lambda: pdf(
        CATALOGUE,
        PAGES,
        PAGE.replace(b"4 0 R", b"[" + b"4 0 R " * 2000 + b"]") % b"",
        stream(zlib.compress(bytes(MEGABYTE))),
    ),
    "rows of one byte": lambda: one_page(
        b"\x04\x01" * 15_000_000, more=b"/DecodeParms<</Predictor 15/Columns 1/Colors 1>>"
    ),
    "letters for zeros": lambda: one_page(b"z" * 6_000_000 + b"~>", b"/ASCII85Decode", packed=False),
    "pages that are their own parents": lambda: pdf(CATALOGUE, b"<</Type/Pages/Count 1/Kids[2 0 R]>>"),
    "a thousand million pages in a few objects": lambda: pdf(
        CATALOGUE, *SHARED_KIDS, b"<</Type/Page/MediaBox[0 0 600 800]>>"
    ),
    "one page a hundred thousand times": lambda: pdf(CATALOGUE, MANY_KIDS, b"<</Type/Page/MediaBox[0 0 600 800]>>"),
    "a string of hexadecimal digits": lambda: with_token(b"<" + b"41" * 9_500_000 + b">"),
    "brackets in brackets": lambda: with_token(b"[" * 200_000 + b"]" * 200_000),
    "a table of a million objects": lambda: (
        b"%PDF-1.7\nxref\n0 990000\n"
        + b"0000000009 00000 n \n" * 990_000
        + b"trailer\n<</Size 990000/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
    ),
    "objects all over": lambda: b"%PDF-1.7\n" + b"1 0 obj\n" * 2_400_000 + b"startxref\n5\n%%EOF\n",
    "zeros behind the first bytes of a JPG": lambda: b"\xff\xd8\xff" + bytes(20 * MEGABYTE - 3),
    "nothing but fill bytes": lambda: b"\xff\xd8\xff" + b"\xff" * (20 * MEGABYTE - 3),
    "millions of empty segments": lambda: b"\xff\xd8" + b"\xff\xfe\x00\x02" * 5_000_000,
    "a million tables": lambda: b"\xff\xd8" + b"\xff\xed\x00\x10Photoshop 3.0\x00" * 1_000_000,
    "65,500 by 65,500": lambda: declared(65_500, 65_500),
    "forty million pixels in passes": lambda: flat_progressive(6_300),
    "thousands of passes": lambda: (
        (whole := flat_progressive(1_200))[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * 2_000 + b"\xff\xd9"
    ),
    "a JPG that is an archive": lambda: photo() + b"PK\x03\x04" + bytes(26) + ZIP_END,
    "a PDF that is an archive": lambda: one_page(b"q Q") + b"%" + ZIP_END + b"\n",
    "a JPG that is a PDF": lambda: photo() + one_page(b"q Q"),
    "a PDF that is a page": lambda: one_page(b"q Q").replace(b"%PDF-1.7\n", b"%PDF-1.7\n<script>alert(1)</script>\n"),
    "a JPG that is a page": lambda: photo()[:2] + b"\xff\xfe\x00\x30<HTML ><body>" + b" " * 33 + photo()[2:],
    "a JPG that is a program": lambda: photo()[:2] + b"\xff\xfe\x00\x1c<?php system('id'); ?>    " + photo()[2:],
    "nothing": lambda: b"",
    "a page": lambda: b"<!doctype html><script>alert(1)</script>",
    "a drawing": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
}


def grey_scan() -> bytes:
    """Return A4 at 600 dpi in passes, as scanners write it."""
    buffer = io.BytesIO()
    Image.new("L", (4_960, 7_016), 230).save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


ORDINARY: dict[str, Callable[[], bytes]] = {
    "of a telephone, in passes": lambda: photo(4_032, 3_024, progressive=True),
    "of a scanner, in passes": grey_scan,
    "with a second picture or a film behind it": lambda: (
        photo() + photo() + b"\x00\x00\x00\x18ftypmp42" + bytes(5_000)
    ),
    "with fill bytes, comments and a thumbnail": lambda: (
        (whole := photo())[:2]
        + b"\xff\xff\xff\xfe\x00\x10www.example.cn\xff\xe1\x00\x08\xff\xd8\xff\xda\xff\xd9"
        + whole[2:]
    ),
    "with restart markers": lambda: photo(restart_marker_blocks=1),
    "of many pages": lambda: pdf(
        CATALOGUE,
        b"<</Type/Pages/Kids[%s]/Count 500>>" % b" ".join(b"%d 0 R" % (number + 4) for number in range(500)),
        stream(zlib.compress(b"q Q " * 5_000)),
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 3 0 R>>"] * 500,
    ),
}
