"""Style and scripts: a few small files from memory, under names that change with their content."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from starter.web.problems import stopped

router = APIRouter(include_in_schema=False)
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
}
_NAMES = ("mente.css", "mente.js", "htmx.min.js", "htmx.LICENSE.txt", "icon.svg")


class Asset(NamedTuple):
    """One file of ours."""

    content: bytes
    media_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """Return the files by name."""
    folder = files("starter.web").joinpath("static")
    found = {name: folder.joinpath(name).read_bytes() for name in _NAMES}
    return {
        name: Asset(content, _TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:12])
        for name, content in found.items()
    }


def address_of_asset(name: str) -> str:
    """Return where a page finds a file; a new content has a new address, so that browsers may keep it for ever."""
    return f"/static/{name}?v={assets()[name].digest}"


@router.get("/static/{name}")
async def static(request: Request, name: str, v: str = "") -> Response:
    """One file."""
    asset = assets().get(name)
    if asset is None:
        raise stopped(404, field="path", rule="只有本站页面引用的文件", remedy="请返回首页", message="没有这一文件。")
    kept = "public, max-age=31536000, immutable" if v == asset.digest else "public, max-age=300"
    headers = {"Cache-Control": kept, "ETag": f'"{asset.digest}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, 304, headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """The icon, where a browser looks for one beside a file that names none."""
    return await static(request, "icon.svg")
