"""Sets data on a page with one of our typst templates: the same data gives the same bytes.

Data goes in as JSON and is never read as markup.
"""

import functools
import io
import json
import threading
from collections.abc import Mapping
from datetime import date, datetime, time
from importlib.resources import as_file, files
from pathlib import Path

import segno
import typst
from pydantic import JsonValue

from domain.moments import CST

# A typst compiler is not re-entrant: two threads in it at once raise. A page takes some milliseconds.
_COMPILING = threading.Lock()


def set_page(template: Path, page: Mapping[str, JsonValue], *, dated_on: date) -> bytes:
    """Return the PDF/A-2u of a template over a page of data, dated at 00:00 of a day in China.

    Synchronous and safe in threads. Raises `typst.TypstError` on a character without a glyph, which PDF/A refuses,
    and on a template that does not compile.
    """
    with _COMPILING:
        pdf = _compiler(template).compile(
            format="pdf",
            sys_inputs={"page": json.dumps(page, ensure_ascii=False)},
            pdf_standards="a-2u",
            # the day it is about, not the moment of printing: printed again it is the same file
            timestamp=datetime.combine(dated_on, time(0), tzinfo=CST),
        )
    assert isinstance(pdf, bytes)
    return pdf


@functools.cache
def _compiler(template: Path) -> typst.Compiler:
    with as_file(files("noto_cjk_sans_otc")) as folder:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
    # by path, not by bytes: a compiler over bytes works only once
    return typst.Compiler(str(template), font_paths=fonts, ignore_system_fonts=True)


def qr_svg(text: str, *, dark: str = "#000") -> str:
    """Return a QR code as SVG in the colour `dark`, without a quiet zone."""
    buffer = io.BytesIO()
    code = segno.make(text, error="m", mode="byte", encoding="utf-8", micro=False, boost_error=False)
    code.save(buffer, kind="svg", xmldecl=False, border=0, dark=dark)
    return buffer.getvalue().decode()
