"""The colours of the pages: every pair of text and ground that stands together reaches WCAG 2.2 AA."""

import re
from importlib.resources import files

import pytest

STYLE = files("starter.web").joinpath("static/mente.css").read_text("utf-8")
COLOURS = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", STYLE.partition("}")[0]))
TEXT, BOUNDARY = 4.5, 3.0
"""Smallest ratios: 1.4.3 for text of normal size, 1.4.11 for the edges of fields and the mark of focus."""

PAIRS = [
    *((text, ground, TEXT) for text in ("ink", "ink-soft", "accent", "accent-deep") for ground in ("ground", "soft")),
    *((text, "accent-soft", TEXT) for text in ("ink", "accent", "accent-deep")),
    *((tone, f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad")),
    *((tone, "ground", TEXT) for tone in ("good", "warn", "bad")),
    *(("accent", f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad")),
    *(("ink-soft", f"{tone}-soft", TEXT) for tone in ("warn", "bad")),
    *(("on-accent", ground, TEXT) for ground in ("accent", "accent-deep", "bad")),
    *(("edge", ground, BOUNDARY) for ground in ("ground", "soft")),
    *(("focus", ground, BOUNDARY) for ground in ("ground", "soft", "accent-soft", "bad-soft")),
]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _ratio(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_ratio_the_standard_says() -> None:
    assert _ratio("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_text_and_ground_that_stand_together_can_be_told_apart(text: str, ground: str, least: float) -> None:
    assert _ratio(COLOURS[text], COLOURS[ground]) >= least


def test_no_rule_of_the_screen_names_a_colour_of_its_own() -> None:
    rules = STYLE.partition("}")[2].partition("@media print")[0]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", rules) == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
