"""Whoever knows the SHA-256 of somebody else's file learns nothing by it and gets nothing for it."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import delete, select, update

from domain.access import Role
from domain.case_status import CaseStatus
from domain.vocabulary import Decision, Status
from starter.client import Mente
from storage.tables import upload as uploads
from tests.e2e.page_reading import opened
from tests.e2e.page_writing import Writing
from tests.e2e.playing import until_status, verdicts
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, command, made_up, problem, upload, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 2_710_000
HYPERTENSION = "510400-001"
NOBODYS = "0" * 64
HASH = re.compile(r"[0-9a-f]{64}")


def photo() -> bytes:
    """Return a photograph nobody has sent before."""
    buffer = io.BytesIO()
    Image.effect_noise((1200, 800), 40).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def with_paper(body: dict[str, Any], sha256: str) -> dict[str, Any]:
    """Return an application with one more paper."""
    return {**body, "materials": [*body["materials"], {"kind": "other", "sha256": sha256}]}


async def of_person(client: httpx.AsyncClient, seed: int) -> dict[str, Any]:
    """Return an application of somebody who applies for themselves: when it came is for us to say."""
    body = await made_up(client, seed, HYPERTENSION, channel="web")
    return {name: value for name, value in body.items() if name != "received_at"}


async def apply(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    """Hand in."""
    return await client.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})


async def handed_in(client: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """Hand in what is taken; return the acceptance number."""
    answer = await apply(client, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["acceptance_no"])


def told(answer: httpx.Response) -> dict[str, Any]:
    """Return what a refusal says of a paper, whichever request it was."""
    found = {key: value for key, value in problem(answer, 422).items() if key != "request_id"}
    found["field"] = re.sub(r"\[\d+]", "[N]", found["field"])
    assert found["field"] == "materials[N].sha256"
    return found


async def assert_not_theirs(client: httpx.AsyncClient, body: dict[str, Any], sha256: str) -> None:
    """Naming somebody's file and naming nobody's are refused in the same words."""
    theirs = told(await apply(client, with_paper(body, sha256)))
    assert theirs == told(await apply(client, with_paper(body, NOBODYS)))


async def forget_uploads_of(mente: Mente, sha256: str) -> None:
    """Make a file one that was uploaded before anybody kept whose it is."""
    async with mente.database.write() as connection:
        await connection.execute(delete(uploads).where(uploads.c.sha256 == sha256))


async def owners(mente: Mente, sha256: str) -> list[str]:
    """Return who uploaded a file."""
    async with mente.database.read() as connection:
        found = await connection.scalars(select(uploads.c.owner).where(uploads.c.sha256 == sha256))
        return [each for each in found if not each.startswith("case:")]


async def in_review(web: Web, mente: Mente, seed: int) -> tuple[CaseStatus, str]:
    """Return a case of a channel, and the hash of a paper nobody else has."""
    async with await web.key() as app:
        sha256 = await upload(app, photo())
        number = await handed_in(app, with_paper(await made_up(app, seed, HYPERTENSION), sha256))
    return await until_status(mente, number, Status.REVIEW), sha256


async def test_an_auditor_sees_no_hash_anywhere_and_the_hash_opens_nothing(web: Web, mente: Mente) -> None:
    case, sha256 = await in_review(web, mente, SEED + 1)
    place = f"/api/v1/applications/{case.acceptance_no}"
    async with await web.account(Role.AUDITOR) as auditor:
        problem(await auditor.get(f"{place}/materials"), 403)
        problem(await auditor.get(f"{place}/materials/{sha256}"), 403)
        for path in ("", "/timeline", "/timeline?limit=1", "/explanation", "/audit", "/notices"):
            answer = await auditor.get(f"{place}{path}")
            assert answer.status_code == 200, answer.text
            assert HASH.search(answer.text) is None, path
        kinds = (await auditor.get(f"{place}/timeline?limit=1")).json()["timeline"][0]["detail"]["materials"]
        assert {"kind": "other"} in kinds
    async with await web.account(Role.OFFICER) as officer:
        assert sha256 in (await officer.get(f"{place}/timeline?limit=1")).text
        hashes = {each["sha256"] for each in (await officer.get(f"{place}/materials")).json()["materials"]}
        assert sha256 in hashes
    async with await web.account(Role.AUDITOR) as auditor:
        for page in ("/cases/{}", "/audit/{}", "/audit/{}/accesses"):
            answer = await auditor.get(page.format(case.acceptance_no))
            assert answer.status_code == 200, page
            assert not hashes & set(HASH.findall(answer.text)), page
    async with await web.account(Role.APPLICANT) as stranger:
        body = await of_person(stranger, SEED + 2)
        await assert_not_theirs(stranger, body, sha256)
        assert await handed_in(stranger, body)


async def test_experts_see_papers_they_judge_and_hand_in_none(web: Web, mente: Mente) -> None:
    case, sha256 = await in_review(web, mente, SEED + 3)
    number = case.acceptance_no
    async with await web.account(Role.EXPERT, expert_id=case.panel[0].expert) as expert:
        page = await opened(expert, f"/expert/{number}")
        assert page.frames
        assert sha256 in (await expert.get(f"/expert/{number}")).text
        assert (await expert.get(f"/api/v1/applications/{number}/materials/{sha256}")).status_code == 200
        problem(await expert.post("/api/v1/applications", json={}), 403)
        problem(await command(expert, number, "supply_materials", materials=[]), 403)


async def test_a_certificate_of_another_city_is_no_paper_of_anybodys_application(web: Web, mente: Mente) -> None:
    case, _ = await in_review(web, mente, SEED + 4)
    number = case.acceptance_no
    await verdicts(mente, number, *([Decision.GRANT] * len(case.panel)))
    await until_status(mente, number, Status.EFFECTIVE)
    async with await web.key() as app:
        listed = (await app.get(f"/api/v1/applications/{number}/certificates")).json()["certificates"]
    sha256 = listed[-1]["sha256"]
    assert await web.doors.objects.exists(sha256)
    async with await web.key(JIUQUAN, "gansu-app") as elsewhere:
        body = await made_up(elsewhere, SEED + 5, "620900-011", channel="gansu-app")
        await assert_not_theirs(elsewhere, body, sha256)
    async with await web.key() as app:
        # Nor is it one for the channel that may read it: it is no paper anybody handed in.
        body = await made_up(app, SEED + 6, HYPERTENSION)
        await assert_not_theirs(app, body, sha256)


async def test_a_file_of_another_applicant_is_as_unknown_as_no_file(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as first, await web.account(Role.APPLICANT) as second:
        content = photo()
        sha256 = await upload(first, content)
        body = await of_person(second, SEED + 7)
        await assert_not_theirs(second, body, sha256)
        own = await of_person(first, SEED + 8)
        number = await handed_in(first, with_paper(own, sha256))
        await until_status(mente, number, Status.REVIEW)
        # Standing in a case makes it nobody else's either.
        await assert_not_theirs(second, body, sha256)
        # Whoever has the file itself may hand it in: the same bytes belong to both.
        assert await upload(second, content) == sha256
        assert len(await owners(mente, sha256)) == 2
        taken = await handed_in(second, with_paper(body, sha256))
        found = await second.get(f"/api/v1/applications/{taken}/materials/{sha256}")
        assert found.content == content


async def test_a_channel_names_its_own_files_with_any_of_its_keys_and_no_other_channels(
    web: Web, mente: Mente
) -> None:
    async with await web.key(channel="app") as app, await web.key(channel="app") as renewed:
        sha256 = await upload(app, photo())
        assert await owners(mente, sha256) == [f"channel:{PANZHIHUA}:app"]
        async with await web.key(channel="hospital") as other:
            await assert_not_theirs(other, await made_up(other, SEED + 9, HYPERTENSION, channel="hospital"), sha256)
        async with await web.key(JIUQUAN, "app") as elsewhere:
            await assert_not_theirs(elsewhere, await made_up(elsewhere, SEED + 10, "620900-011"), sha256)
        assert await handed_in(renewed, with_paper(await made_up(renewed, SEED + 11, HYPERTENSION), sha256))


async def test_a_supply_takes_papers_of_cases_one_may_see_and_no_others(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as mine, await web.account(Role.APPLICANT) as stranger:
        earlier, foreign = await upload(mine, photo()), await upload(stranger, photo())
        before = with_paper(await of_person(mine, SEED + 12), earlier)
        await until_status(mente, await handed_in(mine, before), Status.REVIEW)
        await forget_uploads_of(mente, earlier)

        body = await of_person(mine, SEED + 13)
        papers = [each for each in body["materials"] if each["kind"] != "diagnosis_certificate"]
        assert len(papers) < len(body["materials"])
        number = await handed_in(mine, {**body, "materials": papers})
        await until_status(mente, number, Status.SUPPLEMENT)
        refused = await command(mine, number, "supply_materials", materials=[{"kind": "other", "sha256": foreign}])
        unknown = await command(mine, number, "supply_materials", materials=[{"kind": "other", "sha256": NOBODYS}])
        assert told(refused) == told(unknown)
        sent = await command(mine, number, "supply_materials", materials=[{"kind": "other", "sha256": earlier}])
        assert sent.status_code == 200, sent.text
        # The same file in the hands of somebody who sees neither case.
        other = await of_person(stranger, SEED + 14)
        await assert_not_theirs(stranger, other, earlier)


async def test_the_counter_hands_in_what_it_uploaded_itself_or_sees_in_a_case_of_its_city(
    web: Web, mente: Mente
) -> None:
    case, sha256 = await in_review(web, mente, SEED + 15)
    await forget_uploads_of(mente, sha256)
    async with await web.account(Role.COUNTER) as counter, await web.account(Role.COUNTER, JIUQUAN) as elsewhere:
        own = await upload(counter, photo())
        (owner,) = await owners(mente, own)
        assert owner.startswith("account:")
        papers = [{"kind": "other", "sha256": each} for each in (own, sha256)]
        taken = await command(counter, case.acceptance_no, "supply_materials", materials=papers)
        # The case awaits no papers: what was named is fine, and the case itself says no.
        assert problem(taken, 409)["field"] != "materials[0].sha256"
        await assert_not_theirs(
            elsewhere, await made_up(elsewhere, SEED + 16, "620900-011", channel="counter"), sha256
        )


async def test_what_is_uploaded_on_the_pages_belongs_to_the_account_and_is_handed_in(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as me, await web.account(Role.APPLICANT) as stranger:
        person = Writing(me, SEED + 17, HYPERTENSION)
        await person.begin()
        await person.person()
        await person.papers()
        content = photo()
        await person.paper({"kind": "other"}, "照片.jpg", content)
        number = await person.submit()
        await until_status(mente, number, Status.REVIEW)
        listed = (await me.get(f"/api/v1/applications/{number}/materials")).json()["materials"]
        (sha256,) = [each["sha256"] for each in listed if each["kind"] == "other"]
        assert len(await owners(mente, sha256)) == 1
        await assert_not_theirs(stranger, await of_person(stranger, SEED + 18), sha256)


async def test_an_upload_of_long_ago_that_was_swept_is_uploaded_again(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        content = photo()
        sha256 = await upload(app, content)
        body = with_paper(await made_up(app, SEED + 19, HYPERTENSION), sha256)
        await forget_uploads_of(mente, sha256)
        told(await apply(app, body))
        await upload(app, content)
        long_ago = datetime.now(UTC) - timedelta(days=29)
        async with mente.database.write() as connection:
            await connection.execute(update(uploads).where(uploads.c.sha256 == sha256).values(uploaded_at=long_ago))
        assert await handed_in(app, body)
