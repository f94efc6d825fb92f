"""Bad input never becomes a case and never a traceback: it is refused with the field, the rule and the remedy."""

import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from domain.refusal import Refusal, Refused
from samples.bad import BAD_CASES, BIG_BYTES
from samples.make import StoryPaths, make_bad, quick_application
from starter.client import Mente
from starter.embedded import House
from storage.tables import case, insured_person
from tests.e2e.own_city import city, mente

# Whatever a house keeps is counted: others' cases must not be on their way in it.
__all__ = ["city", "mente"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES = [name for name in BAD_CASES if name != "malformed-json"]


class Footprint:
    """What the house keeps: cases, persons, workflows, objects."""

    def __init__(self, mente: Mente, city: House) -> None:
        self.mente, self.objects = mente, Path(city.settings.objects)

    async def take(self) -> tuple[int | None, int | None, int, int]:
        async with self.mente.database.read() as connection:
            cases = await connection.scalar(select(func.count()).select_from(case))
            persons = await connection.scalar(select(func.count()).select_from(insured_person))
        runs = await self.mente.client.count_workflows("WorkflowType = 'Application'")
        return cases, persons, runs.count, sum(1 for path in self.objects.rglob("*") if path.is_file())


@pytest_asyncio.fixture(loop_scope="session")
async def nothing_is_kept(mente: Mente, city: House) -> AsyncIterator[None]:
    """Hold the house to its promise: a refused application leaves nothing behind."""
    footprint = Footprint(mente, city)
    before = await footprint.take()
    yield
    assert await footprint.take() == before


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StoryPaths]:
    """The deliberately bad samples, files and all."""
    return make_bad(tmp_path_factory.mktemp("bad"), received_at=datetime.now(UTC) - timedelta(minutes=1))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("nothing_is_kept")
async def test_a_bad_sample_is_refused_and_makes_no_case(mente: Mente, bad: dict[str, StoryPaths], name: str) -> None:
    form = json.loads(bad[name].application.read_text("utf-8"))
    refusal = await refused(mente, form, bad[name].materials)
    assert refusal.field.startswith(BAD_CASES[name].field)
    assert_says_nothing_of(refusal, form)
    if BAD_CASES[name].file is not None:
        position = next(n for n, paper in enumerate(form["materials"]) if paper["file"] == BAD_CASES[name].file)
        assert refusal.field == f"materials[{position}].file"


async def test_the_oversized_sample_has_sixty_megabytes(bad: dict[str, StoryPaths]) -> None:
    sizes = [path.stat().st_size for path in bad["oversized-file"].materials.iterdir()]
    assert max(sizes) == BIG_BYTES == 60 * 1024 * 1024


Spoil = Callable[[dict[str, Any]], object]
SPOILED: dict[str, tuple[str, Spoil]] = {
    "an unknown channel": ("channel", lambda form: form.update(channel="市民张三的手机")),
    "an unknown kind": ("kind", lambda form: form.update(kind="张三")),
    "no name": ("applicant.name", lambda form: form["applicant"].pop("name")),
    "an empty name": ("applicant.name", lambda form: form["applicant"].update(name=" ")),
    "a name with a line break": ("applicant.name", lambda form: form["applicant"].update(name="张\n三某某")),
    "a landline": ("applicant.phone", lambda form: form["applicant"].update(phone="0812-3323000")),
    "no mail address": ("applicant.email", lambda form: form["applicant"].update(email="张三在这里")),
    "an identity number of letters": (
        "applicant.id_number",
        lambda form: form["applicant"].update(id_number="A" * 18),
    ),
    "no applicant": ("applicant", lambda form: form.pop("applicant")),
    "an applicant that is a text": ("applicant", lambda form: form.update(applicant="张三四五")),
    "no materials": ("materials", lambda form: form.pop("materials")),
    "no request id": ("request_id", lambda form: form.pop("request_id")),
    "an empty request id": ("request_id", lambda form: form.update(request_id="")),
    "a request id with a separator": ("request_id", lambda form: form.update(request_id="a\x1fb-hidden")),
    "a receipt in the future": ("received_at", lambda form: form.update(received_at="2099-01-05T09:30:00+08:00")),
    "a receipt that is no time": ("received_at", lambda form: form.update(received_at="昨天下午")),
    "a paper of an unknown kind": ("materials[0].kind", lambda form: form["materials"][0].update(kind="张三的证明")),
    "a file that is not there": ("materials[0].file", lambda form: form["materials"][0].update(file="张三不在.jpg")),
    "a file outside the folder": ("materials[0].file", lambda form: form["materials"][0].update(file="../张三.jpg")),
    "a file from the root": ("materials[0].file", lambda form: form["materials"][0].update(file="/etc/passwd")),
    "the same file twice": ("materials[1].file", lambda form: _same_file_twice(form)),
}


def _same_file_twice(form: dict[str, Any]) -> None:
    form["materials"][1]["file"] = form["materials"][0]["file"]


@pytest.mark.usefixtures("nothing_is_kept")
async def test_every_field_that_is_wrong_is_named_with_rule_and_remedy(mente: Mente, tmp_path: Path) -> None:
    good, papers = quick_application(150_001, "510400", "510400-003", datetime.now(UTC) - timedelta(minutes=1))
    for name, content in papers.items():
        (tmp_path / name).write_bytes(content)
    found = {}
    for wrong, (_, spoil) in SPOILED.items():
        form = deepcopy(good)
        spoil(form)
        refusal = await refused(mente, form, tmp_path, wrong)
        assert_says_nothing_of(refusal, form)
        found[wrong] = refusal.field
    assert found == {wrong: field for wrong, (field, _) in SPOILED.items()}


@pytest.mark.usefixtures("nothing_is_kept")
async def test_what_is_no_application_at_all_is_refused(mente: Mente, tmp_path: Path) -> None:
    raws: tuple[dict[str, Any], ...] = ({}, {"materials": None}, {"applicant": []})
    for raw in raws:
        assert (await refused(mente, raw, tmp_path)).field


async def refused(mente: Mente, form: dict[str, Any], folder: Path, wrong: str = "") -> Refusal:
    try:
        await mente.apply(form, folder)
    except Refused as error:
        refusal = error.refusal
    else:
        pytest.fail(f"accepted: {wrong}")
    for words in (refusal.rule, refusal.remedy, refusal.message):
        assert any("一" <= character <= "鿿" for character in words), refusal
    assert refusal.field
    return refusal


def assert_says_nothing_of(refusal: Refusal, form: dict[str, Any]) -> None:
    """No personal value of the form, and no file name, may come back in a refusal."""
    said = "\n".join((refusal.rule, refusal.remedy, refusal.message))
    person = form.get("applicant") or {}
    values = (
        [person.get(key) for key in ("name", "id_number", "phone", "email")] if isinstance(person, dict) else [person]
    )
    values += [form.get("request_id")]
    values += [paper["file"] for paper in form.get("materials", [])]
    for value in values:
        if isinstance(value, str) and len(value.strip()) > 3:
            assert value not in said
