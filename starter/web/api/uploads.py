"""Files come in before the applications and supplies that name them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from domain.access import Action
from domain.vocabulary import MaterialKind
from starter.web.answering import answer
from starter.web.callers import Asker
from starter.web.doors import Doorway
from starter.web.messages import takes_file
from starter.web.permission import permit
from starter.web.shapes import UploadOut

router = APIRouter(tags=["uploads"])


@router.put(
    "/uploads",
    operation_id="upload",
    status_code=201,
    response_model=UploadOut,
    openapi_extra=takes_file("application/pdf", "image/jpeg"),
)
async def upload(
    request: Request,
    doors: Doorway,
    principal: Asker,
    kind: Annotated[MaterialKind, Query(description="Only for the words of a refusal.")] = MaterialKind.OTHER,
) -> Response:
    """Keep one file, PDF or JPG of at most 20 MB, judged by decoding it; the same file again is the same upload.

    What a sender calls the file, and the type it declares, are not looked at.
    """
    permit(principal, Action.UPLOAD)
    sha256, facts = await doors.papers.receive(request, principal, doors, kind)
    doors.accesses.note(actor=principal.reader, action="file.upload", acceptance_no=None, detail={"sha256": sha256})
    return answer(request, UploadOut(sha256=sha256, **facts.model_dump()), status=201)
