"""The application: API under /api/v1, receipts under /receipts, pages at /, and what every request passes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from starter.web import health
from starter.web.answering import PUBLIC, answer_written, written
from starter.web.api import (
    applications,
    audit,
    cases,
    commands,
    documents,
    notices,
    objecting,
    offregion,
    people,
    public,
    reference,
    statistics,
    uploads,
)
from starter.web.asking import known_query
from starter.web.doors import opened_doors
from starter.web.guarding import Guard
from starter.web.pages import add_pages
from starter.web.problems import tell_problems
from starter.web.rates import Buckets, Rates
from starter.web.receipts import PATH as RECEIPTS
from starter.web.receipts import ReceiptsDoor
from starter.web.schema import openapi_bytes
from worker.settings import Settings

API = "/api/v1"
_API_MODULES = (
    applications,
    cases,
    commands,
    documents,
    notices,
    audit,
    uploads,
    people,
    offregion,
    public,
    objecting,
    reference,
    statistics,
)


def create_app(settings: Settings, *, rates: Rates | None = None) -> FastAPI:
    """Build the application of one process. Nothing it needs has to be there yet."""
    rates = rates or Rates()
    receipts = ReceiptsDoor(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened_doors(settings, rates) as doors, receipts.opened(doors):
            app.state.doors = doors
            yield

    app = FastAPI(
        title="mente 门诊慢特病认定",
        version=version("mente"),
        description="Applications, commands, reads and public look-ups. Problems are RFC 9457 documents in Chinese.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    tell_problems(app)
    app.add_middleware(Guard, addresses=Buckets(rates.address), anonymous=Buckets(rates.anonymous))
    app.include_router(health.router)
    strict = [Depends(known_query)]
    for module in _API_MODULES:
        app.include_router(module.router, prefix=API, dependencies=strict)
    app.add_api_route(f"{API}/openapi.json", _openapi, methods=["GET"], include_in_schema=False, dependencies=strict)
    app.mount(RECEIPTS, receipts)
    include_pages(app)
    return app


def include_pages(app: FastAPI) -> None:
    """Add the pages; the API stands without them."""
    add_pages(app)


async def _openapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi"):
        # The largest answer there is, and the same as long as the process lives.
        state.openapi = written(openapi_bytes(request.app))
    return answer_written(request, state.openapi, cache=PUBLIC)
