"""The papers of a draft: uploads one by one, what is declared of each, and the checklist that follows them live."""

from collections.abc import Sequence

from fastapi.responses import Response

from domain.access import Action
from domain.application import Material
from domain.moments import local_date
from domain.refusal import Refused, refuse
from domain.vocabulary import MATERIAL_ZH, ApplicationKind, MaterialKind, Status
from starter.web.api.reference import policy_in_force
from starter.web.callers import CSRF_FIELD, CSRF_HEADER, forged
from starter.web.doors import now
from starter.web.pages.checking import Asking, Item, asked_first, checklist, is_complete, recheck_list
from starter.web.pages.drafting import (
    MOST_FILES,
    Content,
    Paper,
    Written,
    became,
    read_facts,
    rewrite,
    still_asked,
    too_many_files,
    with_facts,
    with_paper,
    without_paper,
    written,
)
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.guides import disease_of
from starter.web.pages.multipart import FileForm
from starter.web.pages.shell import Known, Uploading, Visit, page_router
from starter.web.problems import Stopped
from storage import reading
from storage.drafts import Purpose
from storage.material_views import materials_of
from storage.policies import policy_for

router = page_router()
_TOLD_BESIDE = frozenset({400, 408, 413, 429})
_ONWARD = ("review", "person")


@router.get("/draft/{draft_id}/papers")
async def papers(visit: Known, draft_id: str) -> Response:
    """The papers of a draft, with the checklist; of one that is sent, what it has become."""
    found = await written(visit, draft_id)
    if onward := became(found):
        return visit.go(onward)
    if found.draft.purpose is Purpose.SUPPLY and not await _asked_now(visit, found):
        return visit.go(f"/my/{found.draft.acceptance_no}", flash="本件现在不需要补交材料，办理状态见下。")
    return await _shown(visit, found)


async def papers_page(visit: Visit, found: Written, errors: Sequence[FieldError]) -> Response:
    """Return the page of the papers, with what was wrong with handing them in above it."""
    return await _shown(visit, found, errors=errors)


async def _asked_now(visit: Visit, found: Written) -> bool:
    async with visit.doors.database.read() as connection:
        return await still_asked(visit, connection, found.draft.acceptance_no or "")


@router.post("/files/draft/{draft_id}")
async def upload(visit: Uploading, draft_id: str) -> Response:
    """Take one file, judged by decoding it before it is kept; what is wrong is told beside it."""
    form = FileForm(visit.request)
    await form.open()
    if not visit.holds(visit.request.headers.get(CSRF_HEADER, "") or form.fields.get(CSRF_FIELD, "")):
        raise forged()
    visit.may(Action.UPLOAD)
    found = await written(visit, draft_id)
    if onward := became(found):
        return visit.go(onward)
    slot = form.fields.get("slot", "other")[:8]
    try:
        kind = _kind_of(form.fields.get("kind", ""))
        found = await _taken(visit, found, form, kind)
    except Refused as refused:
        return await _shown(visit, found, slot=slot, error=error_of(refused.refusal))
    except Stopped as stopped:
        if stopped.status not in _TOLD_BESIDE:
            raise
        return await _shown(visit, found, slot=slot, error=error_of(stopped.refusal))
    return await _shown(visit, found, said=f"已收到“{MATERIAL_ZH[kind]}”。")


async def _taken(visit: Visit, found: Written, form: FileForm, kind: MaterialKind) -> Written:
    if len(found.content.papers) >= MOST_FILES:
        raise too_many_files()
    doors, me = visit.doors, visit.me
    sha256, facts = await doors.papers.receive(form, me, doors, kind)
    doors.accesses.note(actor=me.reader, action="file.upload", acceptance_no=None, detail={"sha256": sha256})
    material = Material(kind=kind, sha256=sha256, **facts.model_dump())
    return await rewrite(
        visit, found, lambda content: with_paper(content, Paper(name=form.file_name, material=material))
    )


@router.post("/draft/{draft_id}/facts")
async def declare(visit: Known, draft_id: str) -> Response:
    """Declare when and where papers were issued, and that they are sealed or signed; `next` says where to go on."""
    found = await written(visit, draft_id)
    if gone := became(found):
        return visit.go(gone)
    try:
        facts = read_facts(visit)
    except Refused as refused:
        error = error_of(refused.refusal)
        return await _shown(visit, found, slot=error.field.partition(".")[0][:16], error=error)
    found = await rewrite(visit, found, lambda content: with_facts(content, facts))
    onward = visit.fields.text("next", 16)
    if visit.swaps or onward not in _ONWARD or found.draft.purpose is not Purpose.APPLY:
        return await _shown(visit, found, said="已保存。", at=onward)
    return visit.go(f"/apply/{found.id}/{onward}")


@router.post("/draft/{draft_id}/papers/{key}/remove")
async def remove(visit: Known, draft_id: str, key: str) -> Response:
    """Take a paper out of the draft."""
    found = await written(visit, draft_id)
    if onward := became(found):
        return visit.go(onward)
    found = await rewrite(visit, found, lambda content: without_paper(content, key))
    return await _shown(visit, found, said="已移除。")


async def _shown(
    visit: Visit,
    found: Written,
    *,
    slot: str = "",
    error: FieldError | None = None,
    said: str = "",
    at: str = "",
    errors: Sequence[FieldError] = (),
) -> Response:
    if visit.request.method == "POST" and not visit.swaps and error is None and not errors:
        known = at in [each.key for each in found.content.papers]
        return visit.go(f"/draft/{found.id}/papers{f'#paper-{at}' if known else ''}", flash=said)
    items, told = await asked_of_draft(visit, found)
    part = visit.swaps and visit.request.method == "POST"
    # What follows a fact that is typed is the list alone: the other papers are being typed at.
    listed_only = part and visit.request.url.path.endswith("/facts")
    return visit.render(
        "papers_asked.html" if listed_only else "papers_part.html" if part else "papers.html",
        listed_only=listed_only,
        status=200 if part or not (error or errors) else 422,
        found=found,
        content=found.content,
        region=found.content.region,
        items=items,
        complete=is_complete(items),
        told=told,
        slot=slot,
        slot_error=error,
        said=said,
        errors=errors,
        blank_form=f"/guide/{found.content.region}/form.pdf",
        own_form=f"/apply/{found.id}/form.pdf" if found.draft.purpose is Purpose.APPLY else "",
        kinds=[(each.value, MATERIAL_ZH[each]) for each in MaterialKind],
        is_supply=found.draft.purpose is Purpose.SUPPLY,
    )


async def asked_of_draft(visit: Visit, found: Written) -> tuple[tuple[Item, ...], str]:
    """Return the checklist a draft is held against, and what its case told the applicant; empty for a new one."""
    mine = {each.key: each.material for each in found.content.papers}
    if found.draft.purpose is Purpose.APPLY:
        asking = asking_of(found.content)
        return asked_first(asking, checklist(asking, found.content.materials), mine), ""
    number = found.draft.acceptance_no or ""
    async with visit.doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        kept = await materials_of(connection, number)
    if view is None:
        return (), ""
    received_on = local_date(view.received_at)
    policy = policy_for(view.region, received_on)
    disease = next((row for row in policy.diseases if row.id == view.disease_id), None)
    if disease is None:
        return (), ""
    if view.status is Status.SUPPLEMENT:
        asking = Asking(policy, disease, ApplicationKind(view.kind), received_on)
        told = next(
            (str(line.detail.get("told", "")) for line in reversed(view.timeline) if "told" in line.detail), ""
        )
        return asked_first(asking, checklist(asking, (*kept, *found.content.materials)), mine), told
    asking = Asking(policy, disease, ApplicationKind(view.kind), local_date(now()))
    return asked_first(asking, recheck_list(asking, found.content.materials), mine), ""


def asking_of(content: Content) -> Asking:
    """Return by what the papers of a new application are judged today."""
    policy = policy_in_force(content.region)
    return Asking(policy, disease_of(policy, content.disease_id), content.kind, local_date(now()))


def _kind_of(text: str) -> MaterialKind:
    if text not in set(MaterialKind):
        raise refuse(field="kind", rule="材料须写明种类", remedy="请先选择材料种类", message="没有选择材料种类。")
    return MaterialKind(text)
