"""Markup in everything a person may write: shown as text to every role, and in no log, address or payload."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from starter.embedded import House
from starter.web.callers import CSRF_HEADER
from starter.web.pages.listing import PAGES
from storage.database import Database
from storage.tables import access_log
from tests.e2e.faults import files_below, found_in
from tests.e2e.handing_in import own_policies
from tests.e2e.page_reading import Page
from tests.e2e.playing import until
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, serving
from tests.e2e.written_markup import ATTACKS, FIELDS, HEPATITIS, PEOPLE, UNESCAPED, Played, played

__all__ = ["played"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


# -- pages --------------------------------------------------------------------------------------------------------


def addresses(run: Played) -> list[str]:
    """Return every page there is, for the case and for the draft, with what may be typed into an address."""
    found = []
    for module in PAGES:
        for route in module.router.routes:
            if "GET" not in route.methods:
                continue
            for number in (run.number, run.withdrawn) if route.path.endswith("/{acceptance_no}") else (run.number,):
                known = {"acceptance_no": number, "region": JIUQUAN, "disease_id": HEPATITIS, "draft_id": run.draft}
                for seq in ("1", "5") if "{seq}" in route.path else ("1",):
                    names = known | {"seq": seq, "version": "1", "kind": "acceptance"}
                    path = re.sub(r"{(\w+)(:\w+)?}", lambda at: names.get(at[1], "@" + at[1]), route.path)  # noqa: B023
                    found += _with_words(path)
    trays = ("attention", "breach", "panel", "objections", "tasks", "all", ATTACKS["searched"])
    found += [f"/officer?tray={httpx.QueryParams({'a': each})}".replace("a=", "") for each in trays]
    return list(dict.fromkeys(found))


COMMANDS = (
    "rule_objection",
    "extend",
    "correct",
    "withdraw",
    "appeal",
    "change_contact",
    "verify_originals",
    "recuse",
)


def _with_words(path: str) -> list[str]:
    if "@command" in path or "@name" in path:
        return [path.replace("@command", each).replace("@name", each) for each in COMMANDS]
    if "@" in path:
        return []
    words = httpx.QueryParams(dict.fromkeys(("q", "c", "cursor", "next", "from", "region"), ATTACKS["searched"]))
    return [path] if re.search(r"/\d{6}-", path) else [path, f"{path}?{words}"]


async def test_no_page_shows_markup_to_any_role(played: Played) -> None:
    seen: set[str] = set()
    asked = 0
    played.people["nobody"] = played.web.client()
    for name, client in played.people.items():
        if name in ("channel", "expert 1", "expert 2"):
            continue
        for address in addresses(played):
            for headers in ({}, {"HX-Request": "true"}):
                if headers and "?" not in address:
                    continue
                answer = await client.get(address, headers=headers)
                asked += 1
                assert answer.status_code < 500, (name, address, answer.status_code)
                if not answer.headers.get("content-type", "").startswith("text/html"):
                    continue
                assert not UNESCAPED.search(answer.text), (name, address)
                assert "49" not in re.findall(r"qzx\w+&gt;&#34;&#39;&amp;(\S\S)", answer.text)
                policy = answer.headers["content-security-policy"]
                assert "script-src 'self'" in policy
                assert "unsafe" not in policy
                assert not Page(answer.text).inline, (name, address)
                here = set(re.findall(r"&lt;b id=qzx(\w+)&gt;", answer.text))
                seen |= here
    assert asked > 300
    assert seen >= {
        "ground",
        "verdict",
        "objector",
        "objection",
        "ruling",
        "appeal",
        "display",
        "label",
        "file",
        "typed",
    }


async def test_what_the_api_answers_is_data_that_no_browser_takes_for_a_page(played: Played) -> None:
    paths = (await played.people["channel"].get("/api/v1/openapi.json")).json()["paths"]
    seen: set[str] = set()
    for name in ("channel", "applicant", "officer", "auditor", "expert 0"):
        client = played.people[name]
        for path, operations in paths.items():
            if "get" not in operations:
                continue
            names = {"acceptance_no": played.number, "region": JIUQUAN, "code": JIUQUAN, "version": "1", "seq": "1"}
            address = re.sub(r"{(\w+)}", lambda at: names.get(at[1], "acceptance"), path)  # noqa: B023
            answer = await client.get(address, params={"region": JIUQUAN, "cursor": ATTACKS["searched"]})
            again = await client.get(address)
            for each in (answer, again):
                assert each.status_code < 500, (path, each.status_code)
                assert "html" not in each.headers.get("content-type", "")
                assert each.headers["x-content-type-options"] == "nosniff"
                if each.status_code >= 400:
                    assert "qzx" not in each.text, path
                seen |= set(re.findall(r"<b id=qzx(\w+)>", each.text))
    assert seen >= {"objection", "ground", "hospital", "appeal"}


async def test_forms_that_are_filled_in_with_markup_come_back_with_text(played: Played) -> None:
    for name, client in played.people.items():
        if name in ("channel", "nobody"):
            continue
        token = client.headers[CSRF_HEADER]
        for module in PAGES:
            for route in module.router.routes:
                if "GET" in route.methods or "/logout" in route.path or "/files/" in route.path:
                    continue
                known = {"acceptance_no": played.number, "region": JIUQUAN, "disease_id": HEPATITIS, "seq": "1"}
                path = re.sub(r"{(\w+)(:\w+)?}", lambda at: known.get(at[1], "qzx"), route.path)  # noqa: B023
                fields = (
                    "reason",
                    "ground",
                    "note",
                    "by",
                    "login",
                    "name",
                    "label",
                    "channel",
                    "acceptance_no",
                    "phone",
                )
                more = (
                    "id_number",
                    "id_last4",
                    "qr",
                    "kind",
                    "region",
                    "role",
                    "outcome",
                    "hospital_id",
                    "expert_id",
                )
                typed = dict.fromkeys((*fields, *more), ATTACKS["searched"])
                answer = await client.post(path, data={"csrf": token, **typed})
                assert answer.status_code < 500, (name, path, answer.status_code)
                assert not UNESCAPED.search(answer.text), (name, path)


async def test_texts_of_a_policy_are_text_too(city: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attack = "<b id=qzxpolicy>"
    change = ("510400.diseases.toml", 'name = "糖尿病伴并发症"', f'name = "糖尿病{attack}"')
    with own_policies(monkeypatch, tmp_path / "policies", change):
        async with serving(city.settings) as web, web.client() as anybody:
            seen = 0
            for address in (
                f"/diseases/{PANZHIHUA}",
                f"/diseases/{PANZHIHUA}/{DIABETES}",
                f"/diseases/{PANZHIHUA}?q=qzxpolicy",
                f"/guide/{PANZHIHUA}",
                f"/lists/{PANZHIHUA}",
                "/statistics",
            ):
                answer = await anybody.get(address)
                assert attack not in answer.text
                seen += "&lt;b id=qzxpolicy&gt;" in answer.text
            assert seen >= 2


# -- what is left behind ------------------------------------------------------------------------------------------


async def test_no_log_no_payload_and_no_free_column_holds_what_people_wrote(played: Played) -> None:
    await asyncio.sleep(1.2)
    home = played.city.settings.home
    places = [("web.log", played.log.read_bytes()), *files_below(home, "temporal.db*", "logs/*")]
    markers = (*PEOPLE, *(f"qzx{name}" for name in FIELDS))
    assert found_in(places, [played.number]), "the search finds what is there"
    assert found_in(places, markers) == []
    text = played.log.read_text("utf-8", "replace")
    assert "Traceback" not in text
    assert "unexpected error" not in text
    assert re.search(r"POST /(api/v1/)?people/find 200", text)


async def test_the_access_log_holds_ids_and_counts_only(played: Played) -> None:
    expected = {"person.find", "case.query", "case.read", "file.upload", "key.added", "command.rule_objection"}
    own: list[dict[str, Any]] = []
    database = Database(played.city.settings.database)
    try:

        async def logged() -> bool:
            nonlocal own
            async with database.read() as connection:
                rows = (await connection.execute(select(access_log))).mappings().all()
            own = [dict(row) for row in rows if row["acceptance_no"] in (played.number, played.withdrawn, None)]
            return expected <= {row["action"] for row in own}

        # The web writes entries in batches.
        await until(logged)
    finally:
        await database.close()
    free = [
        (row["action"], json.dumps([row["actor"], row["action"], row["detail"]], ensure_ascii=False)) for row in own
    ]
    for action, text in free:
        for marker in (*PEOPLE, "qzx"):
            assert marker not in text, action
        # Of the digests of files now and then one has eighteen digits in a row.
        without_digests = re.sub(r"\b[0-9a-f]{32,}\b", "", text)
        assert not re.search(r"[0-9]{17}[0-9X]|\b1[3-9][0-9]{9}\b", without_digests), action
