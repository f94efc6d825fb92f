"""The texts of notices: one file of three blocks (sms, subject, body) per event, in `templates/default`.

A folder named by region holds `city.toml`, and may hold a file of an event with only the blocks it words
otherwise. No text names a disease, a full name or an ID number. An SMS carries no free text at all: reasons and
lists of papers are written by people and stand in the mail and the inbox only. What is pushed to a telephone's lock
screen says no more than the SMS.
"""

import re
from collections.abc import Mapping
from datetime import date

from jinja2 import TemplateNotFound
from pydantic import Field

from activities.notices.sms_text import is_control, sms_text
from activities.notices.template_sets import INBOX_BLOCK, City, TemplateSets, template_sets
from domain.application import Model
from domain.events import NoticeEvent

_FACTS: dict[NoticeEvent, tuple[str, ...]] = {
    NoticeEvent.ACCEPTED: ("due_on", "confirmed_note"),
    NoticeEvent.NOT_ACCEPTED: ("reason",),
    NoticeEvent.SUPPLEMENT: ("told", "due_on", "round"),
    NoticeEvent.SUPPLEMENT_REMINDER: ("due_on",),
    NoticeEvent.LAPSED: (),
    NoticeEvent.WITHDRAWN: (),
    NoticeEvent.ORIGINALS: ("due_on",),
    NoticeEvent.ORIGINALS_REMINDER: ("due_on",),
    NoticeEvent.PUBLICITY: ("from_on", "to_on"),
    NoticeEvent.GRANTED: ("effect_on", "end_on"),
    NoticeEvent.DENIED: ("reason", "appeal_until"),
    NoticeEvent.APPEAL_RECEIVED: ("due_on",),
    NoticeEvent.APPEAL_DENIED: ("reason",),
    NoticeEvent.RECHECK_DUE: ("due_on", "records"),
    NoticeEvent.RECHECK_REMINDER: ("due_on",),
    NoticeEvent.RECHECK_PASSED: ("next_on",),
    NoticeEvent.RENEWAL_DUE: ("end_on", "until_on"),
    NoticeEvent.SUSPENDED: ("reason", "end_on"),
    NoticeEvent.RESUMED: (),
    NoticeEvent.ENDED: ("ground", "ended_on"),
    NoticeEvent.LIMIT_EXTENDED: ("days", "reason", "due_on"),
    NoticeEvent.DATE_MOVED: ("what", "before_on", "after_on", "every"),
    NoticeEvent.BREACH_REPORT: ("due_on", "status"),
}


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
    """One notice in all its forms. `sms` begins with the signature 【…】; `short` is the same without it.

    `inbox` is the body as an app shows it below `subject`, without salutation and attachment.
    """

    sms: str
    short: str
    subject: str
    plain: str
    html: str
    inbox: str


def fact_names(event: NoticeEvent) -> tuple[str, ...]:
    """Return the facts the templates of an event know; others are ignored, missing ones are empty."""
    return _FACTS[event]


def city_of(region: str) -> City:
    """Return a city's data, or that of no particular city where the region has no file."""
    return template_sets().city(region)


def render_notice(context: NoticeContext, *, sets: TemplateSets | None = None) -> NoticeText:
    """Render a notice in all its forms, with the wordings of this process unless told otherwise.

    A city's wording that cannot be used is passed over for the default one; raises only where that fails.
    """
    sets = sets or template_sets()
    words = words_of(context, sets)
    subject = _one_line(sets.block(context.region, context.event, "subject", words))
    sms = sets.block(context.region, context.event, "sms", words)
    shell = {**words, "subject": subject, "paragraphs": paragraphs(inner(context, sets, "body", words))}
    in_app = {**words, "attached": False}
    shown = {**in_app, "paragraphs": paragraphs(inner(context, sets, INBOX_BLOCK, in_app))}
    signature = sets.city(context.region).signature
    signed = sms_text(signature, sms)
    return NoticeText(
        sms=signed,
        short=signed.removeprefix(f"【{signature}】"),
        subject=subject,
        plain=sets.shell("plain.txt", shell).strip() + "\n",
        html=sets.shell("layout.html", shell),
        inbox=sets.shell("inbox.txt", shown).strip(),
    )


def words_of(context: NoticeContext, sets: TemplateSets) -> dict[str, object]:
    """Return everything a template of the event may name."""
    facts = {name: _visible(context.facts.get(name, "")).strip() for name in _FACTS[context.event]}
    return {
        **facts,
        "name": _visible(context.masked_name),
        "number": context.acceptance_no,
        "city": sets.city(context.region),
        "event": context.event.value,
        "attached": context.attached,
        "dated": f"{context.dated_on.year}年{context.dated_on.month}月{context.dated_on.day}日",
    }


def inner(context: NoticeContext, sets: TemplateSets, block: str, words: Mapping[str, object]) -> str:
    """Render what a mail or the inbox says; the inbox says what the mail does unless it is worded of its own."""
    try:
        return sets.block(context.region, context.event, block, words)
    except TemplateNotFound:
        if block != INBOX_BLOCK:
            raise
    return sets.block(context.region, context.event, "body", words)


def withheld(facts: Mapping[str, str], replacements: Mapping[str, str]) -> dict[str, str]:
    """Return the facts with each secret word replaced: a net under free text, longest words first.

    A word is found as it will be read: invisible characters are gone, and white space inside it hides nothing.
    """
    instead = {_closed(word): said for word, said in replacements.items() if len(_closed(word)) > 1}
    if not instead:
        return dict(facts)
    secrets = sorted(instead, key=len, reverse=True)
    pattern = re.compile("|".join(r"\s*".join(map(re.escape, word)) for word in secrets))
    return {
        name: pattern.sub(lambda hit: instead[_closed(hit.group())], _visible(text)) for name, text in facts.items()
    }


def paragraphs(body: str) -> list[list[str]]:
    """Split at empty lines into paragraphs, each a list of lines."""
    lines = [line.strip() for line in body.strip().splitlines()]
    found: list[list[str]] = [[]]
    for line in lines:
        if line:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _closed(text: str) -> str:
    return "".join(text.split())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _visible(text: str) -> str:
    """Leave out what nobody sees: a control character in a mail's subject would stop the mail."""
    return "".join(each for each in text if each in "\n\t" or not is_control(each))
