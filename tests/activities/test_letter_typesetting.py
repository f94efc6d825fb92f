"""What people wrote, set in a letter: markup, long reasons, long words and rare characters."""

import io
import re
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader

from activities.letters.kinds import LetterKind
from activities.letters.render import render_letter
from activities.letters.typesetting import _IN_FONT, typeset
from domain.events import EventKind
from tests.activities.letter_samples import EVENTS, HOSTILE, PERSON, content, pages_of, printed, view


@pytest.mark.parametrize("kind", [LetterKind.DENIED, LetterKind.NOT_ACCEPTED, LetterKind.SUSPENDED, LetterKind.ENDED])
def test_markup_in_a_reason_is_printed_and_not_obeyed(kind: LetterKind) -> None:
    assert HOSTILE.replace(" ", "") in printed(kind, reason=HOSTILE)


def test_markup_in_what_was_told_and_in_a_name_is_printed_and_not_obeyed() -> None:
    text = printed(LetterKind.SUPPLEMENT, told=f"1. {HOSTILE}\n专家意见：{HOSTILE}")
    assert text.count(HOSTILE.replace(" ", "")) == 2
    named = printed(LetterKind.DENIED, person=PERSON.model_copy(update={"name": "#strong[王] *小* $明$"}))
    assert "#strong[王]*小*$明$：" in named


def test_a_reason_of_2000_characters_runs_over_pages_whole() -> None:
    reason = "".join(f"第{n}点，所提交的检查结果不能证明达到认定标准。" for n in range(1, 90))[:2000]
    case = view((EventKind.DENIED, {"reason": reason, "final": True}))
    pages = pages_of(render_letter(content(case, LetterKind.DENIED)))
    assert len(pages) >= 2
    body = "".join(re.sub(r"编号：[^：]*第\d+页，共\d+页$", "", page) for page in pages)
    assert reason in body
    assert "（盖章处）" in pages[-1]
    assert "行政复议" in "".join(pages[-2:])
    assert f"第{len(pages)}页，共{len(pages)}页" in pages[-1]


def test_a_word_without_any_break_stays_inside_the_margin() -> None:
    long = "A" * 600
    case = view((EventKind.DENIED, {"reason": long, "final": True}))
    pdf = render_letter(content(case, LetterKind.DENIED))
    reader = PdfReader(io.BytesIO(pdf))
    runs = [len(line.strip()) for line in reader.pages[0].extract_text().splitlines() if set(line.strip()) == {"A"}]
    assert long in pages_of(pdf)[0]
    assert len(runs) > 5
    assert max(runs) < 100


@pytest.mark.parametrize("character", ["😀", "\U000310ff", "\u0639", "\ue000", "\x07", "\u202e", "\ud800", "\u2028"])
def test_a_character_that_cannot_be_seen_is_printed_as_its_code_point(character: str) -> None:
    text = printed(LetterKind.DENIED, reason=f"甲{character}乙")
    assert f"甲〔U+{ord(character):04X}〕乙" in text


def test_a_rare_ideograph_of_the_font_is_printed_as_itself() -> None:
    assert "𠮷田：" in printed(LetterKind.DENIED, person=PERSON.model_copy(update={"name": "𠮷田"}))


def test_every_character_that_is_never_spelt_out_is_in_the_font() -> None:
    kept = "".join(chr(n) for n in range(0x20, 0x10000) if _IN_FONT.match(chr(n)))
    assert len(kept) > 20_000
    page: dict[str, Any] = content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED).model_dump(mode="json")
    pdf = typeset("letter.typ", {**page, "dated": "", "reason": kept}, dated_on=date(2026, 1, 1), qr="x")
    text = "".join(pages_of(pdf))
    assert "〔U+" not in text
    assert "龥" in text


def test_a_line_of_a_reason_stays_a_line() -> None:
    case = view((EventKind.DENIED, {"reason": "一、甲\r\n二、乙", "final": True}))
    reader = PdfReader(io.BytesIO(render_letter(content(case, LetterKind.DENIED))))
    lines = [line.strip() for line in reader.pages[0].extract_text().splitlines()]
    assert lines[lines.index("一、甲") + 1] == "二、乙"
