"""Whether this process lives, and whether it can do its work: for load balancers and for whoever looks why not."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from starter.web.answering import answer
from starter.web.doors import Doorway

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive(request: Request) -> Response:
    """Answer as long as this process serves."""
    return answer(request, {"status": "ok"})


@router.get("/readyz")
async def ready(request: Request, doors: Doorway) -> Response:
    """Say what is away, in words; 503 if answers need it. Mail alone can wait, and is told apart."""
    faults = await doors.ready()
    content = {"ready": not faults, "away": faults, "impaired": await doors.impaired()}
    return answer(request, content, status=503 if faults else 200)
