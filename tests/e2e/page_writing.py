"""Somebody who applies by the pages, form by form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from samples.make import quick_application
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.web_house import DIABETES

FACTS = ("issued_on", "hospital_level", "hospital_id", "diagnosed_on")


class Writing:
    """A made-up person who applies by the pages."""

    def __init__(self, client: httpx.AsyncClient, seed: int, disease_id: str = DIABETES) -> None:
        self.client = client
        self.disease_id, self.region = disease_id, disease_id[:6]
        received = datetime.now(UTC) - timedelta(minutes=1)
        self.raw, self.files = quick_application(seed, self.region, disease_id, received)
        self.draft = ""

    async def begin(self, kind: str = "new") -> None:
        """Choose a disease and what is applied for."""
        address = f"/apply/new/{self.region}/{self.disease_id}"
        answer = await submitted(self.client, await opened(self.client, address), address, kind=kind)
        self.draft = answer.headers["location"].split("/")[2]

    async def person(self, **changes: str) -> httpx.Response:
        """Fill in who it is about."""
        address = f"/apply/{self.draft}/person"
        person: dict[str, Any] = self.raw["applicant"]
        fields = {name: person[name] for name in ("name", "id_number", "phone", "insured_category")}
        fields |= {"tier": person.get("tier") or "", "hospital_id": self.raw["hospital_id"], **changes}
        return await submitted(self.client, await opened(self.client, address), address, **fields)

    async def paper(self, declared: dict[str, Any], name: str = "材料.pdf", content: bytes | None = None) -> Page:
        """Upload one file and declare its facts."""
        form = (await opened(self.client, f"/draft/{self.draft}/papers")).form(f"/files/draft/{self.draft}")
        sent = {"csrf": dict(form.values)["csrf"], "slot": "other", "kind": declared["kind"]}
        file = (name, self.files[declared["file"]] if content is None else content, "application/pdf")
        headers = {"HX-Request": "true", "X-CSRF-Token": ""}
        answer = await self.client.post(form.action, data=sent, files={"file": file}, headers=headers)
        page = page_of(answer)
        keys = [each.removeprefix("paper-") for each in page.ids if each.startswith("paper-")]
        if content is None:
            facts = {each: declared[each] for each in FACTS if declared.get(each) is not None}
            facts |= {each: "1" for each in ("sealed", "signed") if declared.get(each)}
            whole = await opened(self.client, f"/draft/{self.draft}/papers")
            if f"declared-{keys[-1]}" in whole.ids:
                typed = {f"{each}-{keys[-1]}": value for each, value in facts.items()}
                await submitted(self.client, whole, f"/draft/{self.draft}/facts", **typed)
        return await opened(self.client, f"/draft/{self.draft}/papers")

    async def papers(self) -> Page:
        """Upload every paper; return the page as it then stands."""
        for each in self.raw["materials"]:
            page = await self.paper(each)
        return page

    async def submit(self) -> str:
        """Look once more and hand in; return the acceptance number of the receipt."""
        page = await opened(self.client, f"/apply/{self.draft}/review")
        answer = await submitted(self.client, page, f"/apply/{self.draft}/submit")
        assert answer.headers["location"] == f"/apply/{self.draft}/receipt", page_of(answer, 422).text
        receipt = await opened(self.client, answer.headers["location"])
        (number,) = {
            each.removeprefix("/my/") for each in receipt.links if each.startswith("/my/6") or "/my/5" in each
        }
        return number

    async def hand_in(self) -> str:
        """Go the whole way, with everything that is asked for; return the acceptance number."""
        await self.begin()
        await self.person()
        await self.papers()
        return await self.submit()
