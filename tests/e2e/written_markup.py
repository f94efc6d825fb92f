"""A case in which everybody writes markup wherever something may be written."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.vocabulary import Status
from samples.persons import id_number
from starter.client import Mente
from starter.embedded import House
from starter.front_door import until_answering, web_command
from starter.server import free_port, spawn, stop
from starter.web.app import create_app
from starter.web.callers import CSRF_HEADER
from storage.accounts import NewAccount, add_account
from storage.database import Database
from storage.passwords import Passwords
from tests.e2e.page_reading import Page
from tests.e2e.playing import until_status
from tests.e2e.uploaded_files import photo
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, command, made_up, own_key

SEED = 2_795_000
HEPATITIS = "620900-011"
NAME, AGENT_NAME = "诸葛暗记丙", "上官暗记丁"
BORN = datetime(1958, 7, 9, tzinfo=UTC).date()
ID_NUMBER, AGENT_ID_NUMBER = id_number("620902", BORN, 773), id_number("620902", BORN.replace(year=1980), 779)
PHONE, AGENT_PHONE, EMAIL = "13987651123", "13887651124", "qzx.web@privacy.example.cn"
PEOPLE = (NAME, AGENT_NAME, ID_NUMBER, AGENT_ID_NUMBER, PHONE, AGENT_PHONE, EMAIL)
FIELDS = (
    *("hospital", "paper_hospital", "ground", "verdict", "objector", "objection", "ruling", "appeal", "withdrawal"),
    *("display", "label", "file", "typed", "searched", "scanned", "login", "note", "paper"),
)
ATTACKS = {name: f"<b id=qzx{name}>\"'&{{{{7*7}}}}" for name in FIELDS}
UNESCAPED = re.compile(r"<b id=qzx|=\"[^\"]*\"'&\{\{|qzx\w+>\"")


@dataclass
class Played:
    """A web of its own process, the case it is about, and everybody who looks."""

    web: Web
    city: House
    log: Path
    number: str = ""
    withdrawn: str = ""
    draft: str = ""
    people: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def person(self, name: str, role: Role, **fields: Any) -> httpx.AsyncClient:
        """Log somebody in whose name is an attack."""
        client = await self.web.account(role, JIUQUAN, **fields)
        self.people[name] = client
        return client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played(city: House, mente: Mente, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    """Let everybody write markup wherever something may be written."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("markup") / "web.log"
    environment = {"MENTE_HOME": str(city.settings.home), "MENTE_LOG_LEVEL": "DEBUG"}
    process = await spawn(web_command(port), log, environment)
    run = Played(Web(url, city.settings, create_app(city.settings)), city, log)
    try:
        await until_answering(url, process)
        async with await run.web.key(JIUQUAN) as app:
            await _handed_in(run, app, mente)
            await _decided(run, app, mente)
            await _registers(run)
            await _drafted(run)
            await _looked_up(run)
            await asyncio.sleep(1.5)
            run.people["channel"] = app
            yield run
    finally:
        for client in run.people.values():
            await client.aclose()
        await stop(process)


async def _handed_in(run: Played, app: httpx.AsyncClient, mente: Mente) -> None:
    for seed in (SEED, SEED + 1):
        raw = await made_up(app, seed, HEPATITIS)
        person = {"name": NAME, "id_number": ID_NUMBER, "phone": PHONE, "email": EMAIL}
        agent = {"name": AGENT_NAME, "id_number": AGENT_ID_NUMBER, "phone": AGENT_PHONE}
        raw["applicant"] = raw["applicant"] | person | {"agent": agent}
        raw["hospital_id"] = ATTACKS["hospital"]
        for paper in raw["materials"]:
            if paper.get("hospital_id"):
                paper["hospital_id"] = ATTACKS["paper_hospital"]
        for name, bad in (("name", ATTACKS["typed"]), ("phone", ATTACKS["typed"]), ("email", ATTACKS["typed"])):
            refused = await app.post(
                "/api/v1/applications", json={**raw, "applicant": {**raw["applicant"], name: bad}}
            )
            assert refused.status_code == 422, name
            assert "qzx" not in refused.text
        answer = await app.post("/api/v1/applications", json=raw)
        assert answer.status_code == 201, answer.text
        number = answer.json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        if not run.withdrawn:
            run.withdrawn = number
            done = await command(app, number, "withdraw", reason=ATTACKS["withdrawal"])
            assert done.status_code == 200, done.text
            await until_status(mente, number, Status.WITHDRAWN)
    run.number = number


async def _decided(run: Played, app: httpx.AsyncClient, mente: Mente) -> None:
    number, officer = run.number, await run.person("officer", Role.OFFICER)
    extended = await command(officer, number, "extend", working_days=3, ground=ATTACKS["ground"])
    assert extended.status_code == 200, extended.text
    seated = [seat.expert for seat in (await mente.status(number)).panel if seat.state == "assigned"]
    for place, each in enumerate(seated):
        expert = await run.person(f"expert {place}", Role.EXPERT, expert_id=each)
        said = await command(expert, number, "give_verdict", decision="grant", reason=ATTACKS["verdict"])
        assert said.status_code == 200, said.text
    await until_status(mente, number, Status.PUBLICITY)
    await command(app, number, "raise_objection", by=ATTACKS["objector"], reason=ATTACKS["objection"])
    await until_status(mente, number, Status.OBJECTED)
    ruling = {"objection_id": "O1", "upheld": True, "reason": ATTACKS["ruling"]}
    assert (await command(officer, number, "rule_objection", **ruling)).status_code == 200
    await until_status(mente, number, Status.DENIED)
    appealed = await command(app, number, "appeal", reason=ATTACKS["appeal"])
    assert appealed.status_code == 200, appealed.text
    await until_status(mente, number, Status.APPEALING)


async def _registers(run: Played) -> None:
    """Accounts and keys whose names are attacks."""
    database = Database(run.city.settings.database)
    try:
        kept = await Passwords().hash("correct-horse-42")
        new = NewAccount(
            login="qzx.named",
            display_name=ATTACKS["display"],
            role=Role.COUNTER,
            regions=(JIUQUAN,),
            person_key=own_key(Role.COUNTER),
        )
        async with database.write() as connection:
            await add_account(connection, new, kept, must_change=False, at=datetime.now(UTC), actor="system")
    finally:
        await database.close()
    operator = await run.person("operator", Role.OPERATOR)
    fields = {"region": JIUQUAN, "channel": "qzx", "label": ATTACKS["label"], "scopes": "read", "scope": "read"}
    form = {"csrf": operator.headers[CSRF_HEADER], "form_id": "markup"}
    await operator.post("/operator/keys/new", data={**form, **fields})
    await run.person("auditor", Role.AUDITOR)
    await run.person("counter", Role.COUNTER)
    keys = run.city.keys
    await run.person("applicant", Role.APPLICANT, person_key=keys.person_key(ID_NUMBER))


async def _drafted(run: Played) -> None:
    client = run.people["applicant"]
    token = client.headers[CSRF_HEADER]
    answer = await client.post(f"/apply/new/{PANZHIHUA}/{DIABETES}", data={"csrf": token, "kind": "new"})
    run.draft = answer.headers["location"].split("/")[2]
    names = ("name", "id_number", "phone", "email", "tier", "hospital_id", "agent_name", "agent_phone")
    typed = dict.fromkeys(names, ATTACKS["typed"]) | {"csrf": token}
    assert (await client.post(f"/apply/{run.draft}/person", data=typed)).status_code == 422
    files = {"file": (ATTACKS["file"].replace('"', ""), photo(), "image/jpeg")}
    sent = {"csrf": token, "kind": "diagnosis_certificate", "slot": "other"}
    answer = await client.post(f"/files/draft/{run.draft}", data=sent, files=files)
    assert answer.status_code in (200, 303), answer.text
    page = Page((await client.get(f"/draft/{run.draft}/papers")).text)
    key = next(each for each in page.ids if each.startswith("paper-")).removeprefix("paper-")
    facts = {"csrf": token, "paper": key, f"hospital_id-{key}": ATTACKS["paper"], f"issued_on-{key}": "2026-11-01"}
    assert (await client.post(f"/draft/{run.draft}/facts", data=facts)).status_code == 303


async def _looked_up(run: Played) -> None:
    """Ask in every way in which a person can be asked about: none of it is to be kept anywhere."""
    counter = run.people["counter"]
    for body in ({"id_number": ID_NUMBER}, {"phone": PHONE}):
        assert (await counter.post("/api/v1/people/find", json=body)).status_code == 200
    token = counter.headers[CSRF_HEADER]
    for name, value in (("id_number", ID_NUMBER), ("phone", PHONE), ("number", run.number)):
        await counter.post("/find/person", data={"csrf": token, name: value})
    await counter.get("/find", params={"q": NAME, "phone": PHONE})
    async with run.web.client() as anybody:
        await anybody.post(f"/api/v1/{ID_NUMBER}", content=ID_NUMBER)
        await anybody.get(f"/{PHONE}/{NAME}", headers={"X-Request-Id": ID_NUMBER + "!", "Referer": f"/{PHONE}"})
        page = Page((await anybody.get("/login")).text)
        form = dict(page.form("/login").values)
        await anybody.post("/login", data=form | {"login": ID_NUMBER, "password": NAME})
        asked = {"acceptance_no": run.number, "id_last4": ID_NUMBER[-4:]}
        assert (await anybody.post("/api/v1/public/status", json=asked)).status_code == 200
