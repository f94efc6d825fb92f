"""What no SMS may hold, planted in every fact of every event: names, numbers, diagnoses, however written."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.notices.diagnosis_words import diagnosis_in, diagnosis_words
from activities.notices.sms_text import HIDDEN, mended
from activities.notices.text_samples import SPOKEN
from activities.notices.texts import fact_names, render_notice
from activities.notices.wording import context_of
from activities.notices.words import sms_words
from domain.application import Agent
from domain.events import NoticeEvent, Recipient
from storage.notices import NoticeRecord
from storage.policies import policy_book

NUMBER = "510400-7K3M-Q2ZD-91XA-4"
AT = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
NAMES = ("王小明", "李雷", "欧阳娜娜", "阿卜杜热合曼·买买提")
AGENT = "赵钱孙"
ID_NUMBERS = ("510403195001011234", "62090019801231123X", "510403500101123")
PHONES = ("13900000000", "139-0000-0000", "19912345678")
DIAGNOSES = diagnosis_words(policy_book())
ROWS = {region: policy_book().policy_for(region, date(2026, 12, 1)).diseases for region in ("620900", "510400")}
BETWEEN = st.sampled_from(["", " ", "\n", "\u200b", "\u3000", "\t\u2060"])
AROUND = st.sampled_from(["", "于", "（", "2026年12月14日", "【", "，{{ name }}", "\u202e"])


@st.composite
def hidden_in(draw: st.DrawFn, words: tuple[str, ...]) -> str:
    """Return some of the words in one text, their characters drawn apart by what is not seen or not kept."""
    chosen = draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))
    gap = draw(BETWEEN)
    return "，".join(draw(AROUND) + gap.join(word) for word in chosen) + draw(AROUND).replace("2026", "，2026")


def record(event: NoticeEvent, region: str, name: str, disease_id: str, facts: dict[str, str]) -> NoticeRecord:
    return NoticeRecord(
        acceptance_no=NUMBER,
        seq=7,
        event=event,
        recipient=Recipient.APPLICANT,
        facts=facts,
        created_at=AT,
        region=region,
        disease_id=disease_id,
        received_at=AT,
        name=name,
        id_number=ID_NUMBERS[0],
        phone=PHONES[0],
        email="",
        agent=Agent.model_validate({"name": AGENT, "id_number": ID_NUMBERS[1], "phone": PHONES[2]}),
        certificate_sha256=None,
    )


@pytest.mark.parametrize("region", ROWS)
@pytest.mark.parametrize("event", NoticeEvent)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_sms_and_no_parameter_holds_a_name_a_number_or_a_diagnosis(
    event: NoticeEvent, region: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(NAMES))
    row = data.draw(st.sampled_from(ROWS[region]))
    # what people write may name any diagnosis; a date or a count can at worst be mistaken for a word of its own case
    own = (name, AGENT, *ID_NUMBERS, *PHONES, row.name)
    spoken = (*own, *DIAGNOSES)
    facts = {each: data.draw(hidden_in(spoken if each in SPOKEN else own), label=each) for each in fact_names(event)}
    context = context_of(record(event, region, name, row.id, facts))
    text = render_notice(context)
    said = [text.sms, text.short, *sms_words(context).values()]
    for form in said:
        assert name not in form
        assert AGENT not in form
        assert row.name not in form
        assert not [number for number in (*ID_NUMBERS, *PHONES) if number in form]
        assert diagnosis_in(form, DIAGNOSES) is None


@pytest.mark.parametrize("number", [*ID_NUMBERS, *PHONES])
def test_a_personal_number_is_hidden_wherever_it_comes_from(number: str) -> None:
    assert mended(f"请于{number}前") == f"请于{HIDDEN}前"


@pytest.mark.parametrize("harmless", [NUMBER, "2026年12月14日", "0812-3323000", "12393", "400-1234567", "20261214"])
def test_a_number_that_is_nobodys_stays(harmless: str) -> None:
    assert mended(harmless) == harmless
