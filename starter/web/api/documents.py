"""What is printed of a case: letters and certificates, as PDF."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from activities.letters.kinds import LetterKind
from activities.letters.printing import print_letter
from activities.letters.register import letters_of
from domain.access import Action
from starter.web.answering import answer, answer_file
from starter.web.api.cases import Number, log_now
from starter.web.asking import AS_COUNT
from starter.web.callers import Asker
from starter.web.doors import Doorway, now
from starter.web.permission import permit_case
from starter.web.problems import case_unknown, stopped
from starter.web.shapes import CertificatesOut, LettersOut
from storage import reading
from storage.cases import CaseNotFound

router = APIRouter(prefix="/applications/{acceptance_no}", tags=["documents"])
_PDF = {"content": {"application/pdf": {}}, "description": "The document."}


@router.get("/letters", operation_id="listLetters", response_model=LettersOut)
async def letters(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """The letters a case has, each with the entry of its timeline it is about."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_LETTERS)
    async with doors.database.read() as connection:
        view = await reading.case_status(connection, number)
    await doors.accesses.record(actor=principal.reader, action="letters.list", acceptance_no=number)
    return answer(request, LettersOut(acceptance_no=number, letters=letters_of(view) if view else ()))


@router.get("/letters/{kind}", operation_id="printLetter", response_class=Response, responses={200: _PDF})
async def letter(
    request: Request,
    doors: Doorway,
    principal: Asker,
    acceptance_no: Number,
    kind: LetterKind,
    seq: Annotated[int | None, Query(ge=1, le=1_000_000, description="Entry of the timeline."), AS_COUNT] = None,
) -> Response:
    """One letter, by default the newest of its kind. It bears the full name: the print is written down first."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_LETTERS)
    try:
        printed = await print_letter(doors.database, number, kind, seq=seq, actor=principal.reader, at=now())
    except CaseNotFound:
        raise case_unknown() from None
    return answer_file(request, printed.pdf, "application/pdf", f"{printed.letter.letter_no}.pdf")


@router.get("/certificates", operation_id="listCertificates", response_model=CertificatesOut)
async def certificates(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """Every version of a case's certificate, the newest last."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_CERTIFICATE)
    async with doors.database.read() as connection:
        found = await reading.certificates_of(connection, number)
    await doors.accesses.record(actor=principal.reader, action="certificates.list", acceptance_no=number)
    return answer(request, CertificatesOut(acceptance_no=number, certificates=found))


@router.get("/certificates/{version}", operation_id="readCertificate", response_class=Response, responses={200: _PDF})
async def certificate(
    request: Request,
    doors: Doorway,
    principal: Asker,
    acceptance_no: Number,
    version: Annotated[int, Path(ge=1, le=1_000_000), AS_COUNT],
) -> Response:
    """One version of a certificate, exactly as it was issued and sealed."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_CERTIFICATE)
    async with doors.database.read() as connection:
        issued = await reading.certificates_of(connection, number)
    chosen = next((each for each in issued if each.version == version), None)
    if chosen is None:
        raise stopped(
            404,
            field="version",
            rule="只能下载已签发的凭证",
            remedy="已签发的版本：" + ("、".join(str(each.version) for each in issued) or "无"),
            message="没有这一版凭证。" if issued else "该案件尚未签发凭证。",
        )
    return await doors.handing_out.paper(
        request,
        principal,
        doors.objects,
        chosen.sha256,
        name=chosen.certificate_no,
        noted=partial(log_now, doors, principal, "certificate.read", number, {"version": version}),
    )
