"""Stored papers on their way out are named and typed by what they are, small or large."""

from pathlib import Path

import pytest
from fastapi import Request
from obstore.store import MemoryStore
from starlette.types import Message

from domain.access import Principal
from domain.roles import Role
from starter.web.handing_out import WHOLE_BYTES, HandingOut
from storage.objects import ObjectStore

PDF, MARKED, JPG = b"%PDF-1.7\n", b"\xef\xbb\xbf%PDF-1.7\n", b"\xff\xd8\xff\xe0"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, WHOLE_BYTES + 1], ids=["small", "large"])
@pytest.mark.parametrize(
    ("beginning", "media_type", "ending"),
    [(PDF, "application/pdf", "pdf"), (MARKED, "application/pdf", "pdf"), (JPG, "image/jpeg", "jpg")],
    ids=["pdf", "pdf behind a mark", "jpg"],
)
async def test_a_paper_goes_out_as_what_it_is(
    tmp_path: Path, beginning: bytes, media_type: str, ending: str, size: int
) -> None:
    objects, sent = ObjectStore(MemoryStore()), list[Message]()
    content = beginning + bytes(size)
    request = Request({"type": "http", "method": "GET", "headers": [], "client": ("192.0.2.1", 1)})

    async def noted() -> None: ...

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    somebody = Principal(kind="account", id="a", role=Role.APPLICANT)
    answer = await HandingOut(tmp_path).paper(
        request, somebody, objects, await objects.put(content), name="id_front-0", noted=noted
    )
    await answer(request.scope, receive, send)

    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f"inline; filename*=UTF-8''id_front-0.{ending}"
    assert b"".join(each.get("body", b"") for each in sent) == content
