"""What anybody may look up: where a case stands, for who knows its number and four digits, and the public list."""

import re

from fastapi.responses import Response

from domain.acceptance import with_hyphens
from domain.half_width import half_width
from domain.refusal import Refused
from starter.publicity import published
from starter.web.api.public import list_page, queried
from starter.web.api.reference import unknown_region
from starter.web.doors import now
from starter.web.guarding import address_of
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Guest, asked_first, page_router
from starter.web.pages.wording import cities
from starter.web.paging import MOST_LINES, Cursor
from starter.web.problems import Stopped
from starter.web.shapes import QueryIn
from storage.policies import policy_book

router = page_router()
_LAST_FOUR = re.compile(r"[0-9]{3}[0-9Xx]")


@router.get("/status")
async def query_form(visit: Guest) -> Response:
    """The form of the public query."""
    return visit.render("query.html", typed={}, found=None)


@router.post("/status", dependencies=[asked_first(lambda doors: doors.public_queries)])
async def query(visit: Guest) -> Response:
    """Where a case stands; a wrong number and wrong digits get the same answer, and tries are limited."""
    typed = {name: half_width(visit.fields.text(name, 40)) for name in ("acceptance_no", "id_last4")}
    if not _LAST_FOUR.fullmatch(typed["id_last4"]):
        error = FieldError("id_last4", "身份证号码后四位不符合格式。", "请填写最后四位，末位可以是 X")
        return visit.render("query.html", typed=typed, found=None, errors=[error])
    asked = {**typed, "acceptance_no": with_hyphens(typed["acceptance_no"])}
    try:
        found = await queried(visit.doors, QueryIn.model_validate(asked), address_of(visit.request.scope))
    except Refused as refused:
        return visit.render("query.html", typed=typed, found=None, errors=[error_of(refused.refusal)])
    except Stopped as refusal:
        if refusal.status != 404:
            raise
        errors = [error_of(refusal.refusal)]
        return visit.render("query.html", status=404, typed=typed, found=None, errors=errors)
    return visit.render("query.html", typed=typed, found=found)


@router.get("/lists")
async def lists(visit: Guest) -> Response:
    """The cities that have a public list."""
    return visit.render("lists.html", cities=cities())


@router.get("/lists/{region}")
async def public_list(visit: Guest, region: str, cursor: Cursor = None) -> Response:
    """A page of a city's list as it stands now, masked, with the digest of the whole list."""
    seen = now()
    async with visit.doors.database.read(long=True) as connection:
        found = await published(connection, visit.doors.keys, known_region(region), seen)
    lines, following = list_page(found, cursor, MOST_LINES)
    return visit.render(
        "public_list.html",
        found=found,
        lines=lines,
        region=region,
        seen=seen,
        first=f"/lists/{region}" if cursor else None,
        following=f"/lists/{region}?cursor={following}" if following else None,
    )


def known_region(region: str) -> str:
    """Return a region that has a policy. Raises `Stopped` (404) for any other."""
    if region not in policy_book().regions():
        raise unknown_region()
    return region
