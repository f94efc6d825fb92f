"""A look at one text as a person would get it, with what it costs and what a network would refuse."""

from collections.abc import Mapping
from datetime import date

from activities.notices.sms_text import LONGEST_SMS, forbidden_in_sms, sms_length, sms_segments
from activities.notices.template_sets import TemplateSets
from activities.notices.text_samples import Facts, sample_context
from activities.notices.texts import NoticeText, render_notice, words_of
from domain.application import Model
from domain.events import INBOX, NoticeEvent


class Said(Model):
    """One text. `segments` is 0 where nobody pays by parts; `forbidden` and `cut` speak of an SMS before mending."""

    text: str
    length: int
    segments: int = 0
    forbidden: tuple[str, ...] = ()
    cut: bool = False


class TextPreview(Model):
    """What a person would read on a channel; `longest` is the same with the longest plausible facts."""

    region: str
    event: NoticeEvent
    channel: str
    title: str
    usual: Said
    longest: Said


def preview(
    sets: TemplateSets, event: NoticeEvent, region: str, channel: str, *, on: date, facts: Mapping[str, str]
) -> TextPreview:
    """Render a text of one channel; `facts` replace the usual ones of their name."""
    usual, text = _said(sets, event, region, channel, on=on, facts=facts, which=Facts.USUAL)
    longest, _ = _said(sets, event, region, channel, on=on, facts={}, which=Facts.LONGEST)
    title = "" if channel == "sms" else text.subject
    return TextPreview(region=region, event=event, channel=channel, title=title, usual=usual, longest=longest)


def mail_html(sets: TemplateSets, event: NoticeEvent, region: str, *, on: date, facts: Mapping[str, str]) -> str:
    """Return a mail as a mail program shows it."""
    context = sample_context(event, region, on=on)
    return render_notice(context.model_copy(update={"facts": {**context.facts, **facts}}), sets=sets).html


def _said(
    sets: TemplateSets,
    event: NoticeEvent,
    region: str,
    channel: str,
    *,
    on: date,
    facts: Mapping[str, str],
    which: Facts,
) -> tuple[Said, NoticeText]:
    context = sample_context(event, region, on=on, facts=which)
    context = context.model_copy(update={"facts": {**context.facts, **facts}})
    text = render_notice(context, sets=sets)
    if channel == "sms":
        body = "".join(sets.block(region, event, "sms", words_of(context, sets)).split())
        over = sms_length(f"【{sets.city(region).signature}】{body}") > LONGEST_SMS
        parts = sms_segments(text.sms)
        said = Said(
            text=text.sms, length=sms_length(text.sms), segments=parts, forbidden=forbidden_in_sms(body), cut=over
        )
        return said, text
    shown = {"email": text.plain, INBOX: text.inbox}.get(channel, text.short)
    return Said(text=shown, length=len(shown)), text
