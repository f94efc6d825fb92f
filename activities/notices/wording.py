"""From a notice as stored to the words people read, with what a bystander must not learn taken out."""

import re

from activities.notices.push import Push
from activities.notices.texts import NoticeContext, NoticeText, render_notice, withheld
from domain.identity import mask_id_number, mask_name, mask_phone
from domain.moments import local_date
from storage.notices import NoticeRecord
from storage.policies import policy_book


def text_of(notice: NoticeRecord) -> NoticeText:
    """Return a notice in all its forms."""
    return render_notice(context_of(notice))


def context_of(notice: NoticeRecord) -> NoticeContext:
    """Return what a notice's text is rendered from."""
    return NoticeContext(
        event=notice.event,
        region=notice.region,
        acceptance_no=notice.acceptance_no,
        masked_name=mask_name(notice.name),
        dated_on=local_date(notice.created_at),
        facts=withheld(notice.facts, _secret_words(notice)),
        attached=notice.certificate_sha256 is not None,
    )


def push_of(notice: NoticeRecord, text: NoticeText, *, delivery: str) -> Push:
    """Return what is pushed to the person's telephone."""
    return Push(
        delivery=delivery,
        acceptance_no=notice.acceptance_no,
        region=notice.region,
        channel=notice.channel,
        event=notice.event,
        title=text.subject,
        text=text.short,
        created_at=notice.created_at,
    )


def _secret_words(notice: NoticeRecord) -> dict[str, str]:
    """Return what a reason typed by a person may not say, each with what stands in its place."""
    words = {
        notice.name: mask_name(notice.name),
        notice.id_number: mask_id_number(notice.id_number),
        notice.phone: mask_phone(notice.phone),
    }
    if notice.agent is not None:
        words[notice.agent.name] = mask_name(notice.agent.name)
        words[notice.agent.id_number] = mask_id_number(notice.agent.id_number)
        words[notice.agent.phone] = mask_phone(notice.agent.phone)
    disease = policy_book().disease_name(notice.disease_id) or ""
    parts = [disease, *re.split(r"\W+", disease)]
    return {**{part: "所申请病种" for part in parts if len(part) > 1}, **words}
