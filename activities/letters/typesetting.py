"""Sets a page of data with one of our typst templates: the same data gives the same bytes.

Data goes in as JSON and is never read as markup. A character the font lacks is printed as its code point, because
PDF/A refuses a page with a gap; so are characters that would print as nothing or turn the order of the others.
"""

import functools
import io
import json
import re
import threading
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time
from importlib.resources import as_file, files

import segno
import typst
from pydantic import JsonValue

from activities.letters.wording import TEMPLATES
from domain.moments import CST

# A typst compiler is not re-entrant: two threads in it at once raise.
_COMPILING = threading.Lock()

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
Change = Callable[[str], str]
_LONGEST_WORD = 30
"""Characters of Latin script in a row after which a line may break: nobody's reason runs over the margin."""

_UNBROKEN = re.compile(rf"[!-~\u00a1-\u2010\u2012-\u2e7f]{{{_LONGEST_WORD}}}(?=\S)")
_IN_FONT = re.compile(r"[\n -~·×÷°±‘’“”…—–①-⑩≤≥√㎡℃\u3001-\u3011\u3014-\u3017\u4e00-\u9fea\uff01-\uff5e]")


def typeset(template: str, page: dict[str, JsonValue], *, dated_on: date, qr: str = "") -> bytes:
    """Return the PDF/A-2u of a template over a page of data, dated at 00:00 of a day in China.

    `qr` is the text of a QR code the template finds as SVG under `qr`. Synchronous and safe in threads; about 10 ms
    after the first call, which loads the font. Raises `typst.TypstError` on a template that does not compile.
    """
    code = {"qr": _qr_svg(qr) if qr else ""}
    try:
        return _compiled(template, {**visible(page), **code}, dated_on)
    except typst.TypstError:
        # A character has no glyph, and typst names only the first: spell out whatever the font may lack.
        return _compiled(template, {**_spelt_out(visible(page)), **code}, dated_on)


def visible(page: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the page with every invisible character shown as its code point, and long words breakable."""
    return {name: _mapped(value, _shown) for name, value in page.items()}


def _spelt_out(page: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: _mapped(value, _spelt) for name, value in page.items()}


def _mapped(value: JsonValue, change: Change) -> JsonValue:
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(each, change) for each in value]
        case dict():
            return {name: _mapped(each, change) for name, each in value.items()}
        case _:
            return value


def _shown(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\t", " ")
    clear = "".join(_code_point(c) if _is_invisible(c) else c for c in lines)
    return _UNBROKEN.sub(lambda run: run[0] + "\u200b", clear)


def _spelt(text: str) -> str:
    return "".join(c if c == "\u200b" or _IN_FONT.match(c) else _code_point(c) for c in text)


def _is_invisible(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in _INVISIBLE


def _code_point(character: str) -> str:
    return f"〔U+{ord(character):04X}〕"


@functools.cache
def _compiler(template: str) -> typst.Compiler:
    with as_file(files("noto_cjk_sans_otc")) as folder:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
    # by path, not by bytes: a compiler over bytes works only once
    return typst.Compiler(str(TEMPLATES / template), font_paths=fonts, ignore_system_fonts=True)


def _compiled(template: str, page: dict[str, JsonValue], dated_on: date) -> bytes:
    with _COMPILING:
        pdf = _compiler(template).compile(
            format="pdf",
            sys_inputs={"page": json.dumps(page, ensure_ascii=False)},
            pdf_standards="a-2u",
            # the day the letter is about, not the moment of printing: printed again it is the same file
            timestamp=datetime.combine(dated_on, time(0), tzinfo=CST),
        )
    assert isinstance(pdf, bytes)
    return pdf


def _qr_svg(text: str) -> str:
    buffer = io.BytesIO()
    code = segno.make(text, error="m", mode="byte", encoding="utf-8", micro=False, boost_error=False)
    code.save(buffer, kind="svg", xmldecl=False, border=0)
    return buffer.getvalue().decode()
