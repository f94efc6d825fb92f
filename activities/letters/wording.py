"""The words of letters: one TOML file per kind in `templates/default`.

A folder named by region may hold a file of a kind with only the keys it words otherwise. Every sentence is a Jinja
template over a fixed set of facts; a sentence that comes out empty is left out. What people wrote (names, reasons) is
put in as a value and never read as a template, and typst gets it as data and never as markup.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from pydantic import Field

from activities.letters.kinds import LetterKind
from domain.application import Model

TEMPLATES = Path(__file__).parent / "templates"
_DEFAULT = "default"


class Ground(Model):
    """What a letter says of one ground: the rule it rests on, and what the person can do."""

    rule: str = ""
    possible: str = ""


class LetterTemplate(Model):
    """The wording of one kind of letter; `facts` are pairs of label and value."""

    title: str
    opening: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    closing: tuple[str, ...]
    grounds: dict[str, Ground] = Field(default_factory=dict)


class Wording(Model):
    """A letter's sentences with their facts filled in."""

    title: str
    opening: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    closing: tuple[str, ...]


@cache
def template_of(kind: LetterKind, region: str) -> LetterTemplate:
    """Return the template of a kind as a region words it."""
    own = _read(region, kind) if re.fullmatch(r"\d{6}", region) else {}
    merged = {**_read(_DEFAULT, kind), **own}
    merged["grounds"] = {**_grounds(_read(_DEFAULT, kind)), **_grounds(own)}
    return LetterTemplate.model_validate(merged)


def worded(template: LetterTemplate, facts: Mapping[str, object]) -> Wording:
    """Fill the facts in. Raises `jinja2.UndefinedError` where a sentence asks for an unknown fact."""
    pairs = ((label, _filled(value, facts)) for label, value in template.facts)
    return Wording(
        title=_filled(template.title, facts),
        opening=_sentences(template.opening, facts),
        facts=tuple((label, value) for label, value in pairs if value),
        closing=_sentences(template.closing, facts),
    )


def ground_words(template: LetterTemplate, code: str, facts: Mapping[str, object]) -> Ground:
    """Return what a letter says of a ground; a code the template does not know has what stands under `other`."""
    ground = template.grounds.get(code) or template.grounds.get("other") or Ground()
    return Ground(rule=_filled(ground.rule, facts), possible=_filled(ground.possible, facts))


def _read(folder: str, kind: LetterKind) -> dict[str, object]:
    path = TEMPLATES / folder / f"{kind.value}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _grounds(raw: Mapping[str, object]) -> dict[str, object]:
    grounds = raw.get("grounds", {})
    return dict(grounds) if isinstance(grounds, dict) else {}


def _sentences(sentences: tuple[str, ...], facts: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(filter(None, (_filled(each, facts) for each in sentences)))


@cache
def _environment() -> Environment:
    # plain text for typst, which is given it as data: there is no markup to escape
    return Environment(undefined=StrictUndefined, autoescape=False)


def _filled(template: str, facts: Mapping[str, object]) -> str:
    return _environment().from_string(template).render(facts).strip()
