"""A scan made to fit the frame it is looked at in: browsers show a bare picture in a frame at its full size."""

from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from domain.access import Action
from starter.web.api.cases import Number
from starter.web.guarding import SAME_FRAME
from starter.web.pages.shell import Known, page_router
from starter.web.permission import permit_case

router = page_router("/cases/{acceptance_no}/scans")


@router.get("/{sha256}")
async def scan(
    visit: Known, acceptance_no: Number, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
) -> Response:
    """The frame around one picture; that the picture itself is looked at is written down where it is read."""
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, Action.READ_MATERIALS)
    answer = visit.render("paper_frame.html", address=f"/api/v1/applications/{number}/materials/{sha256}")
    answer.headers["Content-Security-Policy"] = SAME_FRAME
    return answer
