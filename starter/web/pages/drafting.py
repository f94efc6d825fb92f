"""The draft of an application or a supply as the pages know it: what was typed, and the papers with their facts."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Material, Model
from domain.paper_rules import level_zh
from domain.refusal import Refused, refuse
from domain.vocabulary import OF_THE_PERSON, ApplicationKind, MaterialKind
from starter.status import read_status
from starter.web.doors import now
from starter.web.pages.shell import Visit
from starter.web.pages.standing import takes_papers
from starter.web.pages.wording import day
from starter.web.problems import stopped
from storage import reading
from storage.drafts import MOST_OPEN, Draft, Purpose, begin_draft, change_draft, draft_of, drafts_of

MOST_FILES = 40
"""Files of one draft: as many as one supply may hold."""


class Paper(Model):
    """One uploaded file of a draft. `name` is what its sender called it: shown to them alone, and never trusted."""

    key: str = Field(default_factory=lambda: secrets.token_hex(6))
    name: str
    material: Material

    @property
    def is_medical(self) -> bool:
        """Whether a hospital issued it, so that day, level and seal are asked for."""
        return self.material.kind not in OF_THE_PERSON and not self.is_form

    @property
    def is_form(self) -> bool:
        """Whether it is the application form, which is signed."""
        return self.material.kind is MaterialKind.APPLICATION_FORM

    @property
    def declared(self) -> tuple[str, ...]:
        """What its sender says of it, as it is read once more before it is handed in."""
        paper, rows = self.material, []
        if self.is_medical:
            level = level_zh(paper.hospital_level) if paper.hospital_level is not None else "未填写"
            rows += [("出具日期", day(paper.issued_on) if paper.issued_on else "未填写"), ("医院等级", level)]
            rows += [("出具的医院", paper.hospital_id)] if paper.hospital_id else []
            rows += [("确诊日期", day(paper.diagnosed_on))] if paper.diagnosed_on else []
        if self.is_form:
            rows += [("签名", "是" if paper.signed else "未勾选")]
        if self.is_medical or paper.sealed:
            rows += [("盖章", "是" if paper.sealed else "未勾选")]
        return tuple(f"{label}：{value}" for label, value in rows)


class Content(Model):
    """What a draft holds. `typed` are the fields of the forms by name; `page` is the form they were sent by last."""

    region: str
    disease_id: str = ""
    kind: ApplicationKind = ApplicationKind.NEW
    typed: dict[str, str] = Field(default_factory=dict)
    page: str = ""
    papers: tuple[Paper, ...] = ()

    @property
    def materials(self) -> tuple[Material, ...]:
        """The papers as an application holds them."""
        return tuple(each.material for each in self.papers)


class Written(Model):
    """A draft with its content read."""

    draft: Draft
    content: Content

    @property
    def id(self) -> str:
        """The draft's id; also the request id or command id it is sent under."""
        return self.draft.id


async def open_drafts(visit: Visit) -> list[Written]:
    """Return what the account has begun and not sent, the newest first."""
    async with visit.doors.database.read() as connection:
        kept = await drafts_of(connection, visit.me.id)
    return [Written(draft=each, content=Content.model_validate(each.content)) for each in kept]


async def begun(visit: Visit, purpose: Purpose, content: Content, acceptance_no: str | None = None) -> str:
    """Begin a draft, of a supply the one there is; return its id. Raises `Refused` when too many are under way."""
    async with visit.doors.database.write() as connection:
        kept = await drafts_of(connection, visit.me.id)
        for each in kept:
            if acceptance_no is not None and each.acceptance_no == acceptance_no:
                return each.id
        past = await _past(visit, connection, kept) if len(kept) >= MOST_OPEN else ()
        raw = content.model_dump(mode="json")
        return await begin_draft(
            connection, visit.me.id, purpose, raw, at=now(), acceptance_no=acceptance_no, past=past
        )


async def _past(visit: Visit, connection: AsyncConnection, kept: Sequence[Draft]) -> list[str]:
    """Return the drafts with papers for cases that take none any more."""
    supplies = [each for each in kept if each.purpose is Purpose.SUPPLY and not each.is_empty]
    return [each.id for each in supplies if not await still_asked(visit, connection, each.acceptance_no or "")]


async def still_asked(visit: Visit, connection: AsyncConnection, number: str) -> bool:
    """Whether a case takes papers as it stands now; of one nobody has written down yet nothing says no."""
    view = await reading.case_status(connection, number)
    history = await visit.doors.calendars.history(connection)
    return view is None or takes_papers(read_status(view, now(), history))


async def written(visit: Visit, draft_id: str, purpose: Purpose | None = None) -> Written:
    """Return the own draft. Raises `Stopped` (404) for any other's, one of another purpose, and one deleted."""
    async with visit.doors.database.read() as connection:
        draft = await draft_of(connection, visit.me.id, draft_id)
    if draft is None or purpose not in (None, draft.purpose):
        raise no_draft()
    return Written(draft=draft, content=Content.model_validate(draft.content))


def became(found: Written) -> str:
    """Return the address of what a draft has become, empty while it is not sent: the way back leads there."""
    if found.draft.sent_at is None:
        return ""
    if found.draft.purpose is Purpose.APPLY:
        return f"/apply/{found.id}/receipt"
    return f"/my/{found.draft.acceptance_no}"


async def rewrite(visit: Visit, found: Written, change: Callable[[Content], Content]) -> Written:
    """Change a draft as it stands now. Raises `Stopped` (404) once it is sent or deleted; passes on `Refused`."""

    def changed(raw: dict[str, Any]) -> dict[str, Any]:
        return change(Content.model_validate(raw)).model_dump(mode="json")

    async with visit.doors.database.write() as connection:
        draft = await change_draft(connection, found.draft, changed, at=now())
    if draft is None:
        raise no_draft()
    return Written(draft=draft, content=Content.model_validate(draft.content))


def with_paper(content: Content, paper: Paper) -> Content:
    """Add a paper; the same file under the same kind is there once. Raises `Refused` when there are too many."""
    same = [
        each
        for each in content.papers
        if (each.material.sha256, each.material.kind) == (paper.material.sha256, paper.material.kind)
    ]
    if same:
        return content
    if len(content.papers) >= MOST_FILES:
        raise too_many_files()
    return content.model_copy(update={"papers": (*content.papers, paper)})


def without_paper(content: Content, key: str) -> Content:
    """Take a paper out."""
    return content.model_copy(update={"papers": tuple(each for each in content.papers if each.key != key)})


def with_facts(content: Content, facts: Mapping[str, dict[str, Any]]) -> Content:
    """Declare facts of papers, by their keys; a key of no paper declares nothing."""
    papers = tuple(
        each.model_copy(update={"material": each.material.model_copy(update=facts.get(each.key, {}))})
        for each in content.papers
    )
    return content.model_copy(update={"papers": papers})


def read_facts(visit: Visit) -> dict[str, dict[str, Any]]:
    """Read what a form declares of the papers it names, by their keys. Raises `Refused` naming `KEY.field`."""
    return {key: _facts_of(visit, key) for key in visit.fields.every("paper")[:MOST_FILES]}


def _facts_of(visit: Visit, key: str) -> dict[str, Any]:
    fields = visit.fields
    level = fields.text(f"hospital_level-{key}")
    return {
        "issued_on": _day(fields.text(f"issued_on-{key}"), f"{key}.issued_on"),
        "diagnosed_on": _day(fields.text(f"diagnosed_on-{key}"), f"{key}.diagnosed_on"),
        "sealed": fields.checked(f"sealed-{key}"),
        "signed": fields.checked(f"signed-{key}"),
        "hospital_level": int(level) if level in ("0", "1", "2", "3") else None,
        "hospital_id": fields.text(f"hospital_id-{key}", 100) or None,
    }


def _day(text: str, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise refuse(
            field=field, rule="日期按 年-月-日 填写", remedy="请更正日期，例如 2026-01-05", message="日期无法识别。"
        ) from None


def too_many_files() -> Refused:
    """Return the refusal of one file too many."""
    return refuse(
        field="file",
        rule=f"一次最多提交 {MOST_FILES} 个文件",
        remedy="请把同一种材料合并为一个 PDF 文件",
        message="文件过多。",
    )


def no_draft() -> Exception:
    """Return what an unknown draft gets."""
    return stopped(
        404,
        field="draft",
        rule="草稿只有填写的账号可以打开，三十天未改动的会删除",
        remedy="请从“我的申请”进入；已提交的，请查看该件的进度",
        message="没有这份草稿，或者它已经提交。",
    )
