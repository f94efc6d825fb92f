"""The texts of notices: one file of three blocks (sms, subject, body) per event, in `templates/default`.

A folder named by region holds `city.toml`, and may hold a file of an event with only the blocks it words
otherwise. No text names a disease, a full name or an ID number. An SMS carries no free text at all: reasons and
lists of papers are written by people and stand in the mail only.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from pydantic import Field

from domain.application import Model
from domain.events import NoticeEvent

_TEMPLATES = Path(__file__).parent / "templates"
_DEFAULT = "default"

SINGLE_SMS = 70
"""Characters of one SMS, signature included (documentation of a large SMS vendor)."""

SMS_PART = 67
"""Characters of each part of a longer SMS."""

_FACTS: dict[NoticeEvent, tuple[str, ...]] = {
    NoticeEvent.ACCEPTED: ("due_on", "confirmed_note"),
    NoticeEvent.NOT_ACCEPTED: ("reason",),
    NoticeEvent.SUPPLEMENT: ("told", "due_on", "round"),
    NoticeEvent.SUPPLEMENT_REMINDER: ("due_on",),
    NoticeEvent.LAPSED: (),
    NoticeEvent.WITHDRAWN: (),
    NoticeEvent.ORIGINALS: ("due_on",),
    NoticeEvent.PUBLICITY: ("from_on", "to_on"),
    NoticeEvent.GRANTED: ("effect_on", "end_on"),
    NoticeEvent.DENIED: ("reason", "appeal_until"),
    NoticeEvent.APPEAL_RECEIVED: ("due_on",),
    NoticeEvent.APPEAL_DENIED: ("reason",),
    NoticeEvent.RECHECK_DUE: ("due_on", "records"),
    NoticeEvent.RECHECK_REMINDER: ("due_on",),
    NoticeEvent.RECHECK_PASSED: ("next_on",),
    NoticeEvent.SUSPENDED: ("reason", "end_on"),
    NoticeEvent.RESUMED: (),
    NoticeEvent.ENDED: ("ground", "ended_on"),
    NoticeEvent.DATE_MOVED: ("what", "before_on", "after_on", "every"),
    NoticeEvent.BREACH_REPORT: ("due_on", "status"),
}


class City(Model):
    """How a city signs its notices, and where its people turn to."""

    signature: str = Field(pattern=r"^[^【】]{2,12}$")
    bureau: str
    hotline: str
    benefit: str
    short_benefit: str
    portal: str
    where_to_look: str
    counter: str


class NoticeContext(Model):
    """What a notice is rendered from; facts are strings, dates in them already read like 2026年12月14日."""

    event: NoticeEvent
    region: str
    acceptance_no: str
    masked_name: str
    dated_on: date
    facts: Mapping[str, str] = Field(default_factory=dict)
    attached: bool = False


class NoticeText(Model):
    """One notice in all its forms. `sms` begins with the signature 【…】."""

    sms: str
    subject: str
    plain: str
    html: str


def fact_names(event: NoticeEvent) -> tuple[str, ...]:
    """Return the facts the templates of an event know; others are ignored, missing ones are empty."""
    return _FACTS[event]


@cache
def city_of(region: str) -> City:
    """Return a city's data, or that of no particular city where the region has no file."""
    path = _TEMPLATES / region / "city.toml"
    if not re.fullmatch(r"\d{6}", region) or not path.is_file():
        path = _TEMPLATES / _DEFAULT / "city.toml"
    return City.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def render_notice(context: NoticeContext) -> NoticeText:
    """Render a notice in all its forms. Raises `jinja2.UndefinedError` if a template asks for an unknown fact."""
    city = city_of(context.region)
    words: dict[str, object] = {
        **{name: context.facts.get(name, "").strip() for name in _FACTS[context.event]},
        "name": context.masked_name,
        "number": context.acceptance_no,
        "city": city,
        "event": context.event.value,
        "attached": context.attached,
        "dated": f"{context.dated_on.year}年{context.dated_on.month}月{context.dated_on.day}日",
    }
    subject = _one_line(_block(context, "subject", words))
    paragraphs = _paragraphs(_block(context, "body", words))
    shell = {**words, "subject": subject, "paragraphs": paragraphs}
    return NoticeText(
        sms=f"【{city.signature}】" + _sms_body(_block(context, "sms", words)),
        subject=subject,
        plain=_environment(html=False).get_template("plain.txt").render(shell).strip() + "\n",
        html=_environment(html=True).get_template("layout.html").render(shell),
    )


def withheld(facts: Mapping[str, str], replacements: Mapping[str, str]) -> dict[str, str]:
    """Return the facts with each secret word replaced: a net under free text, longest words first."""
    secrets = sorted((word for word in replacements if len(word) > 1), key=len, reverse=True)
    if not secrets:
        return dict(facts)
    pattern = re.compile("|".join(map(re.escape, secrets)))
    return {name: pattern.sub(lambda hit: replacements[hit.group()], text) for name, text in facts.items()}


def sms_segments(text: str) -> int:
    """Return how many SMS a text costs: 1 up to 70 characters, else one for each 67. Counted in UTF-16 units."""
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= SINGLE_SMS else -(-length // SMS_PART)


@cache
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["numbered"] = count_numbered
    return environment


def count_numbered(told: str) -> int:
    """Return how many items a list like `1. …` has; its heading and the experts' words are none."""
    return sum(1 for line in told.splitlines() if re.match(r"\d+\. ", line))


def _block(context: NoticeContext, block: str, words: Mapping[str, object]) -> str:
    """Render one block: the region's wording if it has one, else the default."""
    for folder in (context.region, _DEFAULT):
        template = _template(f"{folder}/{context.event.value}.txt")
        if template is not None and block in template.blocks:
            return "".join(template.blocks[block](template.new_context(dict(words))))
    raise TemplateNotFound(f"{context.event.value}: {block}")


def _template(name: str) -> Template | None:
    try:
        return _environment(html=False).get_template(name)
    except TemplateNotFound:
        return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _sms_body(text: str) -> str:
    """Join the lines without a space, and keep 【】 for the signature alone: gateways refuse a second pair."""
    return "".join(text.split()).replace("【", "〔").replace("】", "〕")


def _paragraphs(body: str) -> list[list[str]]:
    """Split at empty lines into paragraphs, each a list of lines."""
    lines = [line.strip() for line in body.strip().splitlines()]
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]
