"""What no template may hold: scripts and styles of its own, markup let through, and addresses of others."""

import re
from pathlib import Path

import pytest

TEMPLATES = sorted((Path(__file__).parents[2] / "starter" / "web" / "templates").glob("*.html"))
FORBIDDEN = (
    r"<script(?![^>]*\bsrc=)",
    r"<style\b",
    r"\sstyle\s*=",
    r"\son[a-z]+\s*=",
    r"\bhx-on",
    r"=\s*['\"]js:",
    r"javascript:",
    r"\|\s*safe\b",
    r"\bautoescape\b",
    r"\bsrcdoc\b",
    r"<(?:object|embed|base|applet)\b",
    r"(?:src|href|action|hx-get|hx-post)\s*=\s*['\"](?:https?:)?//",
    r"\s[\w-]+\s*=\s*\{\{",
)


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 30


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_holds_no_script_no_style_and_nothing_unescaped(path: Path) -> None:
    text = path.read_text("utf-8")
    for pattern in FORBIDDEN:
        found = re.search(pattern, text, re.IGNORECASE)
        assert found is None, found[0] if found else ""


@pytest.mark.parametrize(
    "bad",
    [
        "<script>a()</script>",
        '<p style="a">',
        '<a onclick="a">',
        "{{ a | safe }}",
        "<a href={{ a }}>",
        '<img src="//a.example/b">',
        '<a href="https://a.example">',
        '<div hx-vals="js:a">',
    ],
)
def test_what_is_forbidden_would_be_found(bad: str) -> None:
    assert any(re.search(pattern, bad, re.IGNORECASE) for pattern in FORBIDDEN)


def test_no_module_of_the_pages_lets_markup_through() -> None:
    for path in (Path(__file__).parents[2] / "starter" / "web").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "Markup" not in text, path.name
        assert "autoescape=False" not in text, path.name
