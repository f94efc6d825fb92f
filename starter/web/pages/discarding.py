"""Deleting a draft: asked once more, and then gone with what was typed into it."""

from fastapi.responses import Response

from domain.roles import Role
from starter.web.pages.drafting import became, written
from starter.web.pages.shell import Known, page_router
from storage.drafts import Purpose, delete_draft

router = page_router("/draft/{draft_id}/discard")


@router.get("")
async def discard_form(visit: Known, draft_id: str) -> Response:
    """Ask once more before a draft is deleted."""
    found = await written(visit, draft_id)
    if onward := became(found):
        return visit.go(onward)
    is_supply = found.draft.purpose is Purpose.SUPPLY
    back = "/apply" if not is_supply else "/counter" if visit.role is Role.COUNTER else "/my"
    return visit.render("draft_discard.html", found=found, content=found.content, is_supply=is_supply, back=back)


@router.post("")
async def discard(visit: Known, draft_id: str) -> Response:
    """Delete a draft."""
    found = await written(visit, draft_id)
    if sent_to := became(found):
        return visit.go(sent_to)
    async with visit.doors.database.write() as connection:
        await delete_draft(connection, found.draft)
    onward = "/apply" if found.draft.purpose is Purpose.APPLY else f"/my/{found.draft.acceptance_no}"
    return visit.go(onward, flash="草稿已删除。")
