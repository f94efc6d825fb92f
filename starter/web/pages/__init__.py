"""The pages people work with: plain HTML that works without scripts, made more comfortable by htmx."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from starter.web.pages import assets
from starter.web.pages.listing import PAGES
from starter.web.pages.problem import tell_in_pages
from starter.web.pages.shell import MustChangePassword, to_password


def add_pages(app: FastAPI) -> None:
    """Add every page to an application; each module of the list has a `router`."""
    tell_in_pages(app)
    app.include_router(assets.router)
    for module in PAGES:
        app.include_router(module.router)
    app.add_exception_handler(MustChangePassword, _to_password)


async def _to_password(request: Request, error: Exception) -> Response:
    return to_password(request)
