"""The texts of notices from the command line, and the inbox of a real case in a real house."""

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.acceptance import acceptance_number
from domain.events import NoticeEvent
from domain.refusal import Refused
from samples.persons import load_person
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from tests.domain.policy_folders import edit
from tests.e2e.playing import apply_quick, at_rest, until

SEED = 5_501_001
CITY = """signature = "云溪医保"
bureau = "云溪市医疗保障局"
hotline = "12393"
benefit = "门诊慢特病"
short_benefit = "慢特病"
portal = "云溪医保APP"
where_to_look = "云溪医保APP"
counter = "云溪市医保窗口"
"""
REGIONS = Path(__file__).parents[2] / "domain" / "regions"


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home that must not come into being, and a server nobody answers at."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    yield
    assert not (tmp_path / "home").exists()


def run(*line: str, home: Path | None = None) -> Result:
    runner = CliRunner(env={"MENTE_HOME": str(home)} if home else {})
    return runner.invoke(program, list(line), prog_name="mente")


def answer(*line: str, code: int = 0, home: Path | None = None) -> Any:
    result = run(*line, "--output", "json", home=home)
    assert result.exit_code == code, (line, result.stdout, result.stderr)
    return json.loads(result.stdout)


def refused(*line: str) -> dict[str, str]:
    error: dict[str, str] = answer(*line, code=1)["error"]
    assert all(error.values())
    return error


# -- preview ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nowhere")
def test_every_text_of_every_city_is_shown_with_its_length_and_parts() -> None:
    found = answer("notices", "preview")
    shown = [(each["region"], each["event"]) for each in found["previews"]]
    assert shown == [(region, event.value) for region in ("510400", "620900") for event in NoticeEvent]
    for each in found["previews"]:
        assert len(each["usual"]["text"]) == each["usual"]["length"]
        assert 1 <= each["usual"]["segments"] <= each["longest"]["segments"] <= 2
        assert each["usual"]["forbidden"] == []
    told = run("notices", "preview", "--region", "510400", "--event", "supplement").stdout
    assert "【攀枝花医保】王*明您好" in told
    assert "101 字，2 条；内容最长时 113 字，2 条" in told


@pytest.mark.usefixtures("nowhere")
def test_a_text_is_shown_on_each_channel_and_with_facts_of_ones_own(tmp_path: Path) -> None:
    line = ("notices", "preview", "--region", "620900", "--event", "denied")
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"reason": "检查结果未达标准", "appeal_until": "2027年1月5日"}), "utf-8")
    shown = {}
    for channel in ("sms", "email", "inbox", "push"):
        (each,) = answer(*line, "--channel", channel, "--facts", str(facts))["previews"]
        assert "2027年1月5日" in each["usual"]["text"]
        assert each["longest"]["length"] >= each["usual"]["length"]
        shown[channel] = each["usual"]["text"]
    assert ["检查结果" in shown[channel] for channel in ("sms", "email", "inbox", "push")] == [
        False,
        True,
        True,
        False,
    ]
    assert shown["sms"].removeprefix("【酒泉医保】") == shown["push"]
    facts.write_text('{"reson": "x"}', "utf-8")
    assert "reason" in refused(*line, "--facts", str(facts))["rule"]
    facts.write_text('{"reason": 5}', "utf-8")
    assert refused(*line, "--facts", str(facts))["field"] == "--facts"


@pytest.mark.usefixtures("nowhere")
def test_one_mail_is_written_as_a_page(tmp_path: Path) -> None:
    page = tmp_path / "mail.html"
    line = ("notices", "preview", "--channel", "email", "--html", str(page))
    assert refused(*line, "--region", "510400")["field"] == "--html"
    assert not page.exists()
    answer(*line, "--region", "510400", "--event", "granted")
    html = page.read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert "攀枝花市医疗保障局" in html


@pytest.mark.usefixtures("nowhere")
def test_a_region_nobody_knows_is_refused() -> None:
    assert "510400" in refused("notices", "preview", "--region", "999999")["rule"]


# -- lint -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nowhere")
def test_the_texts_in_use_pass() -> None:
    found = answer("notices", "lint")
    assert (found["ok"], found["errors"], found["warnings"]) == (True, [], [])
    assert found["regions"] == ["default", "510400", "620900"]
    assert run("notices", "lint").stdout.endswith("没有错误。\n")


@pytest.mark.usefixtures("nowhere")
def test_a_broken_city_folder_fails_with_every_mistake_and_its_remedy(tmp_path: Path) -> None:
    own = tmp_path / "texts" / "990100"
    own.mkdir(parents=True)
    (own / "city.toml").write_text(CITY.replace("hotline", "hot_line"), "utf-8")
    (own / "granted.txt").write_text("{% block sms %}糖尿病{{ due_on }}{% endblock %}", "utf-8")
    (own / "denied.txt").write_text("{% block sms %}【喜报】糖尿病" + "好" * 500 + "{% endblock %}", "utf-8")
    found = answer("notices", "lint", "--folder", str(own.parent), code=1)
    assert (found["ok"], found["regions"]) == (False, ["990100"])
    kinds = {(each["kind"], each["file"], each["key"]) for each in found["errors"]}
    assert kinds == {
        ("city_data", "990100/city.toml", "hotline"),
        ("city_data", "990100/city.toml", "hot_line"),
        ("unknown_fact", "990100/granted.txt", "sms"),
        ("diagnosis", "990100/denied.txt", "sms"),
        ("forbidden", "990100/denied.txt", "sms"),
        ("too_long", "990100/denied.txt", "sms"),
    }
    assert [each["kind"] for each in found["warnings"]] == ["unserved"]
    result = run("notices", "lint", "--folder", str(own.parent))
    assert result.exit_code == 1
    for each in found["errors"]:
        assert each["remedy"]
        assert each["told"] in result.stdout


@pytest.mark.usefixtures("nowhere")
def test_a_folder_without_regions_is_refused(tmp_path: Path) -> None:
    assert refused("notices", "lint", "--folder", str(tmp_path))["field"] == "--folder"
    assert refused("notices", "preview", "--folder", str(tmp_path / "none"))["field"] == "--folder"


@pytest.mark.usefixtures("nowhere")
def test_a_citys_own_texts_beside_its_policies_are_the_ones_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = tmp_path / "policies"
    for name in ("620900.toml", "620900.diseases.toml"):
        policies.mkdir(exist_ok=True)
        shutil.copy(REGIONS / name, policies / name)
    own = policies / "notices" / "620900"
    own.mkdir(parents=True)
    (own / "city.toml").write_text(CITY, "utf-8")
    monkeypatch.setenv("MENTE_POLICIES", str(policies))
    (each,) = answer("notices", "preview", "--region", "620900", "--event", "granted")["previews"]
    assert each["usual"]["text"].startswith("【云溪医保】")
    assert answer("notices", "lint")["ok"] is True
    edit(policies / "620900.toml", ('channels = { value = ["sms", "email"]', 'channels = { value = ["sms", "mail"]'))
    found = answer("notices", "lint", code=1)
    assert [(each["file"], each["key"]) for each in found["errors"]] == [("620900.toml", "notices.channels")]


# -- the group and the inbox ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nowhere")
def test_a_misspelt_command_is_told_from_a_number() -> None:
    assert answer("notices", "lnit", code=2)["error"]["field"] == "command"
    for line in (("notices", "510400-1"), ("notices", "show", "510400-1"), ("inbox", "510400-1")):
        assert refused(*line)["field"] == "acceptance_no"


@pytest.mark.asyncio(loop_scope="session")
async def test_a_person_finds_what_the_city_tells_in_the_inbox(
    city: House, mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = (await apply_quick(mente, SEED, "510400", "510400-003", tmp_path / "papers")).acceptance_no

    async def told() -> bool:
        return bool(await mente.inbox(number))

    await until(told)
    await at_rest(mente, number)
    home = city.settings.home
    (message,) = (await asyncio.to_thread(answer, "inbox", number, home=home))["messages"]
    assert (message["event"], message["read_at"]) == ("accepted", None)
    assert message["title"].endswith(f"认定申请受理通知（{number}）")
    shown = await asyncio.to_thread(run, "inbox", number, home=home)
    assert "未读" in shown.stdout
    (read,) = (await asyncio.to_thread(answer, "inbox", number, "--mark-read", home=home))["messages"]
    assert read["read_at"].endswith("+08:00")
    assert await mente.mark_read(number) == 0

    assert [each.reference for each in await mente.inbox_of_person(load_person(SEED, "510400").id_number)] == [
        f"{number}.n1.inbox"
    ]
    bare = await asyncio.to_thread(answer, "notices", number, home=home)
    assert bare == await asyncio.to_thread(answer, "notices", "show", number, home=home)
    assert {each["channel"] for each in bare["notices"][0]["attempts"]} >= {"inbox"}


@pytest.mark.asyncio(loop_scope="session")
async def test_the_inbox_of_a_number_nobody_was_given_is_refused(mente: Mente, city: House) -> None:
    number = acceptance_number(b"k" * 32, region="510400", channel="c", request_id="inbox")
    with pytest.raises(Refused):
        await mente.inbox(number)
    found = await asyncio.to_thread(answer, "inbox", number, code=1, home=city.settings.home)
    assert found["error"]["field"] == "acceptance_no"
    with pytest.raises(Refused):
        await mente.inbox_of_person("not a number")
