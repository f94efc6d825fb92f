"""Sets the data of a letter or a form on its page: the same data gives the same bytes.

A character the font lacks is printed as its code point, because PDF/A refuses a page with a gap; so are characters
that would print as nothing or turn the order of the others.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

import typst
from pydantic import JsonValue

from activities.letters.wording import TEMPLATES
from activities.typst_pages import qr_svg, set_page

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
    form, code = TEMPLATES / template, {"qr": qr_svg(qr) if qr else ""}
    try:
        return set_page(form, {**visible(page), **code}, dated_on=dated_on)
    except typst.TypstError:
        # A character has no glyph, and typst names only the first: spell out whatever the font may lack.
        return set_page(form, {**_spelt_out(visible(page)), **code}, dated_on=dated_on)


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
