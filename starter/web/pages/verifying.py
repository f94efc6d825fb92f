"""Whether a certificate is genuine and stands now: by the text of its QR code, or by its file."""

import asyncio
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from activities.certificates.verify import CertificateVerdict, verify_certificate, verify_text
from starter.web.api.public import judged
from starter.web.callers import CSRF_FIELD, forged
from starter.web.guarding import address_of
from starter.web.pages.fields import FieldError
from starter.web.pages.shell import Guest, GuestUploading, Visit, page_router
from starter.web.shapes import VerifiedOut

router = page_router()
_MOST_TEXT = 2000


@router.get("/verify")
async def form(visit: Guest, c: Annotated[str, Query(max_length=4000)] = "") -> Response:
    """The form; with `c`, what a scanned QR code says is judged at once."""
    if c:
        return await _by_text(visit, c)
    return visit.render("verify.html", found=None, text="")


@router.post("/verify")
async def by_text(visit: Guest) -> Response:
    """Judge the text of a QR code."""
    text = visit.fields.text("qr", 4000)
    if not text:
        error = FieldError("qr", "没有填写二维码内容。", "请扫描凭证上的二维码，把得到的文字粘贴到这里")
        return visit.render("verify.html", found=None, text="", errors=[error])
    return await _by_text(visit, text)


async def _by_text(visit: Visit, text: str) -> Response:
    visit.doors.verifications.take(address_of(visit.request.scope))
    key = visit.doors.keys.certificate_signing_key().public_key()
    return _shown(visit, await judged(visit.doors, verify_text(text, key)), text[:_MOST_TEXT])


@router.post("/verify/file")
async def by_file(visit: GuestUploading) -> Response:
    """Judge a certificate's file, at most 4 MB; it is not kept."""
    visit.doors.verifications.take(address_of(visit.request.scope))
    async with visit.request.form(max_files=1, max_fields=4) as sent:
        token, file = sent.get(CSRF_FIELD), sent.get("file")
        if not visit.holds(token if isinstance(token, str) else ""):
            raise forged()
        content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        error = FieldError("file", "没有选择文件。", "请选择下载的凭证文件（PDF）")
        return visit.render("verify.html", found=None, text="", errors=[error])
    key = visit.doors.keys.certificate_signing_key().public_key()
    async with visit.doors.verifying:
        verdict: CertificateVerdict = await asyncio.to_thread(verify_certificate, content, key)
    return _shown(visit, await judged(visit.doors, verdict), "")


def _shown(visit: Visit, found: VerifiedOut, text: str) -> Response:
    return visit.render("verify.html", found=found, text=text)
