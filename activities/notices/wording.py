"""From a notice as stored to the words people read, with what a bystander must not learn taken out."""

import re
from collections.abc import Mapping

from activities.notices.diagnosis_words import GROUP_WORDS, diagnosis_in, diagnosis_words
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
        facts=withheld(_told_safely(notice.facts), _secret_words(notice)),
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


_BASIS = re.compile(r"（依据：((?:[^（）]|（[^（）]*）)*)）")
"""As the checklist tells it; brackets stand in it one deep."""


def _told_safely(facts: Mapping[str, str]) -> dict[str, str]:
    """Cut each basis that quotes what a guide says of a group of diseases down to the name of the guide."""
    diagnoses = diagnosis_words(policy_book())

    def cut(basis: re.Match[str]) -> str:
        if diagnosis_in(basis[1], diagnoses) is None:
            return basis[0]
        named = basis[1].partition("：")[0]
        return f"（依据：{named}）" if diagnosis_in(named, diagnoses) is None else ""

    return {name: _BASIS.sub(cut, text) for name, text in facts.items()}


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
    return {**dict.fromkeys(_own_diagnoses(notice.disease_id), "所申请病种"), **words}


def _own_diagnoses(disease_id: str) -> tuple[str, ...]:
    """Return the name of a disease, its parts, what it is a case of (糖尿病), and whatever names its group (透析)."""
    book = policy_book()
    name = book.disease_name(disease_id) or ""
    rows = (policy.disease(disease_id) for policy in book.policies)
    groups = {word for row in rows if row for word in GROUP_WORDS.get(row.group, ())}
    related = (word for word in diagnosis_words(book) if word in name or any(group in word for group in groups))
    return tuple(word for word in (name, *re.split(r"\W+", name), *related) if len(word) > 1)
