"""The API over a real house: from the application to the certificate, as back ends and people ask for it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from domain.access import Role
from domain.vocabulary import Status
from samples.make import make_story
from starter.client import Mente, new_command_id
from storage.tables import access_log
from tests.e2e.playing import until, until_status
from tests.e2e.web_house import PANZHIHUA, Web, command, made_up, papers_of, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_diabetes_story_from_application_to_a_verified_certificate(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    story = make_story("panzhihua-diabetes", tmp_path, received_at=datetime.now(UTC) - timedelta(minutes=1))
    raw = json.loads(story.application.read_text("utf-8"))
    async with await web.key(PANZHIHUA, "panzhihua-app") as app:
        papers = await papers_of(app, story.materials, raw["materials"])
        body = {**raw, "channel": "panzhihua-app", "request_id": f"api-{tmp_path.name}", "materials": papers}
        answer = await app.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})
        assert answer.status_code == 201, answer.text
        number = answer.json()["acceptance_no"]
        assert answer.headers["location"] == f"/api/v1/applications/{number}"
        if answer.json()["status"] == Status.SUBMITTED:
            await until_status(mente, number, Status.SUPPLEMENT)
        again = await app.post("/api/v1/applications", json=body)
        assert (again.status_code, again.json()["created"]) == (200, False)
        other = await app.post("/api/v1/applications", json={**body, "hospital_id": "H510400-02"})
        assert (other.status_code, other.json()["field"]) == (409, "request_id")

        status = (await app.get(f"/api/v1/applications/{number}")).json()
        assert (status["status"], status["waiting_on"]) == ("supplement", "applicant")
        assert story.supplement is not None
        mended = json.loads((story.supplement / "supplement.json").read_text("utf-8"))
        supplied = await papers_of(app, story.supplement, mended)
        sent = await command(app, number, "supply_materials", materials=supplied, note="补正")
        assert sent.status_code == 200, sent.text
        status = (await until_status(mente, number, Status.REVIEW)).model_dump()

    for seat in status["panel"]:
        async with await web.account(Role.EXPERT, expert_id=seat["expert"]) as expert:
            assert number in await all_listed(expert)
            given = await command(expert, number, "give_verdict", decision="grant", reason="符合认定标准")
            assert (given.status_code, given.json()["command"]) == (200, "give_verdict"), given.text

    await until_status(mente, number, Status.EFFECTIVE, Status.PUBLICITY)
    async with await web.key(PANZHIHUA, "panzhihua-app") as app:
        issued = (await app.get(f"/api/v1/applications/{number}/certificates")).json()["certificates"]
        pdf = await app.get(f"/api/v1/applications/{number}/certificates/{issued[-1]['version']}")
        assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
        letters = (await app.get(f"/api/v1/applications/{number}/letters")).json()["letters"]
        letter = await app.get(f"/api/v1/applications/{number}/letters/{letters[0]['kind']}")
        assert letter.content.startswith(b"%PDF-")
        shown = (await app.get(f"/api/v1/applications/{number}/materials")).json()["materials"]
        file = await app.get(f"/api/v1/applications/{number}/materials/{shown[0]['sha256']}")
        assert len(file.content) == shown[0]["size"]
        assert file.headers["x-content-type-options"] == "nosniff"
    async with web.client() as anybody:
        verified = await anybody.post("/api/v1/public/certificates/verify-file", content=pdf.content)
        assert verified.json()["genuine"] is True, verified.text
        assert verified.json()["state"] in ("in_force", "not_yet")
        forged = await anybody.post("/api/v1/public/certificates/verify-file", content=pdf.content + b" ")
        assert forged.json()["genuine"] is False
        last4 = raw["applicant"]["id_number"][-4:]
        asked = {"acceptance_no": number, "id_last4": last4}
        queried = await anybody.post("/api/v1/public/status", json=asked)
        assert queried.json()["status"] in ("effective", "publicity")
        assert raw["applicant"]["name"] not in queried.text


async def all_listed(client: httpx.AsyncClient) -> list[str]:
    """Return the numbers of all cases of somebody's list, page by page: the house's experts hear many at a time."""
    found, query = [], {"limit": "200"}
    while True:
        page = (await client.get("/api/v1/applications", params=query)).json()
        found += [str(each["acceptance_no"]) for each in page["cases"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_a_channel_sees_neither_who_decides_nor_what_an_expert_said(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        body = await made_up(app, 91_001)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        found = await until_status(mente, number, Status.REVIEW)
        first, second = found.panel[0].expert, found.panel[1].expert
        async with await web.account(Role.EXPERT, expert_id=first) as expert:
            given = await command(expert, number, "give_verdict", decision="deny", reason="检查结果未达到认定标准")
            assert given.status_code == 200
        shown = (await app.get(f"/api/v1/applications/{number}")).text
        assert first not in shown
        assert "未达到" not in shown
        async with await web.account(Role.EXPERT, expert_id=second) as other:
            seen = await other.get(f"/api/v1/applications/{number}")
            assert seen.status_code == 200
            assert first not in seen.text
            assert "deny" not in seen.text


async def test_a_body_that_names_another_actor_is_refused_and_nothing_is_sent(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_002))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        refused = await command(app, number, "withdraw", actor="channel:other")
        assert (refused.status_code, refused.json()["field"]) == (403, "actor")
        assert (await mente.status(number)).status is Status.REVIEW
        same = new_command_id()
        taken = await command(app, number, "withdraw", actor="channel:app", command_id=same, reason="不办了")
        assert taken.status_code == 200, taken.text
        repeated = await command(app, number, "withdraw", command_id=same, reason="不办了")
        assert repeated.status_code in (200, 409), repeated.text


async def test_every_look_at_a_case_is_in_the_access_log_within_seconds(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_003))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        for _ in range(3):
            assert (await app.get(f"/api/v1/applications/{number}")).status_code == 200

    async def written() -> bool:
        query = select(access_log.c.actor).where(
            access_log.c.acceptance_no == number, access_log.c.action == "case.read"
        )
        async with mente.database.read() as connection:
            actors = (await connection.scalars(query)).all()
        return len(actors) == 3 and all(each.startswith("key:") for each in actors)

    await until(written)
