"""Letters: what all of them have, which ones a case has, their templates, and printing one that is stored."""

import io
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2 import UndefinedError
from pypdf import PdfReader
from sqlalchemy import select

from activities.letters.kinds import LETTER_OF, LETTER_ZH, NUMBER_WORD, LetterKind
from activities.letters.printing import ACTION, print_letter
from activities.letters.register import chosen_letter, letters_of
from activities.letters.render import render_letter
from activities.letters.wording import TEMPLATES, LetterTemplate, template_of, worded
from domain.events import EventKind
from domain.identity import mask_id_number
from domain.moments import CST
from domain.refusal import Refused
from domain.vocabulary import Status
from storage.cases import CaseNotFound
from storage.database import Database
from storage.policies import policy_book, policy_for
from storage.tables import access_log
from tests.activities.case_samples import ID_NUMBER, NAME, NUMBER, entry, opened, recorded, transition
from tests.activities.letter_samples import (
    AT,
    DIABETES,
    DIALYSIS,
    EVENTS,
    JIUQUAN,
    PANZHIHUA,
    PERSON,
    content,
    pages_of,
    printed,
    view,
)

# -- every letter -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", [PANZHIHUA, JIUQUAN])
@pytest.mark.parametrize("kind", LetterKind)
def test_every_letter_names_bureau_person_case_number_date_and_whom_to_ask(kind: LetterKind, region: str) -> None:
    text = printed(kind, region=region)
    policy = policy_for(region, AT.date())
    assert LETTER_ZH[kind] in text
    assert policy.bureau.value in text
    assert f"{PERSON.name}：" in text
    assert f"编号：{region}-7Q2M-9XKD-4TFA-B-{NUMBER_WORD[kind]}-1" in text
    assert "2026年12月4日" in text
    assert policy.hotline.value in text
    assert f"5104{'*' * 10}0012" in text
    assert "（盖章处）" in text
    row = policy.disease(DIALYSIS if region == PANZHIHUA else DIABETES)
    assert row is not None
    assert row.name in text


@pytest.mark.parametrize("kind", LetterKind)
def test_no_letter_shows_the_whole_id_number_or_leaves_a_placeholder(kind: LetterKind) -> None:
    for region in (PANZHIHUA, JIUQUAN):
        text = printed(kind, region=region)
        assert PERSON.id_number not in text
        assert not re.search(r"\{\{|\}\}|\{%|None|True|False|sys\.inputs|undefined", text)


@pytest.mark.parametrize("kind", LetterKind)
def test_a_letter_printed_again_is_the_same_file_and_another_content_is_not(kind: LetterKind) -> None:
    case = view(EVENTS[kind])
    first = render_letter(content(case, kind))
    assert render_letter(content(case, kind)) == first
    assert render_letter(content(case, kind, PERSON.model_copy(update={"name": "欧阳明"}))) != first


def test_letters_may_be_set_in_several_threads_at_once() -> None:
    one = content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: render_letter(one), range(16)))) == 1


def test_a_letter_is_dated_by_its_event_also_inside_the_file() -> None:
    reader = PdfReader(io.BytesIO(render_letter(content(view(EVENTS[LetterKind.ENDED]), LetterKind.ENDED))))
    assert reader.metadata is not None
    assert reader.metadata.creation_date == datetime(2026, 12, 4, tzinfo=CST)


def test_a_letter_and_a_print_never_show_a_person_in_a_log() -> None:
    assert PERSON.name not in repr(content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED))
    assert PERSON.name not in str(content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED))


# -- which letters there are --------------------------------------------------------------------------------------


def test_every_kind_of_letter_has_an_event_a_word_and_a_template() -> None:
    assert {*LETTER_OF.values()} == {*LetterKind} == {*LETTER_ZH} == {*NUMBER_WORD}
    assert len({*NUMBER_WORD.values()}) == len(LetterKind)


def test_letters_are_numbered_by_kind_and_the_newest_is_meant() -> None:
    case = view(EVENTS[LetterKind.SUPPLEMENT], EVENTS[LetterKind.ACCEPTED], EVENTS[LetterKind.SUPPLEMENT])
    assert [(each.kind, each.seq, each.letter_no.rpartition("-B-")[2]) for each in letters_of(case)] == [
        (LetterKind.SUPPLEMENT, 2, "补正-1"),
        (LetterKind.ACCEPTED, 3, "受理-1"),
        (LetterKind.SUPPLEMENT, 4, "补正-2"),
    ]
    assert chosen_letter(case, LetterKind.SUPPLEMENT).seq == 4
    assert chosen_letter(case, LetterKind.SUPPLEMENT, 2).ordinal == 1


def test_a_letter_about_what_has_not_happened_is_refused_and_says_which_there_are() -> None:
    case = view(EVENTS[LetterKind.ACCEPTED])
    with pytest.raises(Refused) as refused:
        chosen_letter(case, LetterKind.SUSPENDED)
    assert refused.value.refusal.field == "kind"
    assert "暂停通知书" in refused.value.refusal.message
    assert "受理通知书（accepted）" in refused.value.refusal.remedy
    with pytest.raises(Refused) as nothing:
        chosen_letter(view(), LetterKind.ACCEPTED)
    assert "无" in nothing.value.refusal.remedy


def test_a_number_of_another_entry_is_refused_and_says_which_it_may_be() -> None:
    case = view(EVENTS[LetterKind.ACCEPTED], EVENTS[LetterKind.DENIED])
    with pytest.raises(Refused) as refused:
        chosen_letter(case, LetterKind.DENIED, 2)
    assert refused.value.refusal.field == "seq"
    assert refused.value.refusal.remedy.endswith("：3")


# -- templates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.toml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_template_file_is_of_a_known_kind_and_holds_only_known_keys(path: Any) -> None:
    raw = tomllib.loads(path.read_text("utf-8"))
    assert path.stem in {each.value for each in LetterKind}
    assert path.parent.name == "default" or path.parent.name in policy_book().regions()
    assert set(raw) <= set(LetterTemplate.model_fields)


def test_a_region_words_single_grounds_and_keeps_the_others() -> None:
    own, default = template_of(LetterKind.NOT_ACCEPTED, JIUQUAN), template_of(LetterKind.NOT_ACCEPTED, "999999")
    assert own.grounds["insured_arrears"] != default.grounds["insured_arrears"]
    assert own.grounds["duplicate"] == default.grounds["duplicate"]
    assert own.closing == default.closing
    assert template_of(LetterKind.DENIED, "../../x") == template_of(LetterKind.DENIED, "999999")


def test_a_template_that_asks_for_an_unknown_fact_is_an_error_and_not_a_gap() -> None:
    template = LetterTemplate(title="{{ nmber }}", opening=(), facts=(), closing=())
    with pytest.raises(UndefinedError):
        worded(template, {"number": "x"})


# -- printing a stored case ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_print_is_written_to_the_access_log_without_personal_data(database: Database) -> None:
    await opened(database)
    reason = {"reason": "检查结果未达到认定标准", "final": False}
    await recorded(
        database, transition(2, events=(entry(2, EventKind.DENIED, status_to=Status.DENIED, detail=reason),))
    )
    at = datetime(2026, 5, 1, 2, 3, tzinfo=UTC)
    made = await print_letter(database, NUMBER, LetterKind.DENIED, actor="officer:O12", at=at)
    assert made.letter.letter_no == f"{NUMBER}-不认定-1"
    text = "".join(pages_of(made.pdf))
    assert f"{NAME}：" in text
    assert mask_id_number(ID_NUMBER) in text
    assert ID_NUMBER not in text
    assert NAME not in repr(made)
    async with database.read() as connection:
        rows = (await connection.execute(select(access_log))).mappings().all()
    assert [(row["at"], row["actor"], row["action"], row["acceptance_no"]) for row in rows] == [
        (at, "officer:O12", ACTION, NUMBER)
    ]
    assert rows[0]["detail"] == {"kind": "denied", "seq": 2, "letter_no": made.letter.letter_no}


@pytest.mark.asyncio
async def test_what_is_refused_is_neither_printed_nor_logged(database: Database) -> None:
    await opened(database)
    with pytest.raises(Refused):
        await print_letter(database, NUMBER, LetterKind.GRANTED, actor="operator", at=AT)
    with pytest.raises(CaseNotFound):
        await print_letter(database, "620900-AAAA-BBBB-CCCC-Z", LetterKind.GRANTED, actor="operator", at=AT)
    async with database.read() as connection:
        assert (await connection.execute(select(access_log))).first() is None
