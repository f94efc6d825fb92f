"""The pages people work with: plain HTML that works without scripts, made more comfortable by htmx."""

from fastapi import FastAPI

from starter.web.pages import assets
from starter.web.pages.problem import tell_in_pages


def add_pages(app: FastAPI) -> None:
    """Add every page to an application; each module of the list has a `router`."""
    from starter.web.pages.listing import PAGES

    tell_in_pages(app)
    app.include_router(assets.router)
    for module in PAGES:
        app.include_router(module.router)
