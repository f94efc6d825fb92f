"""The home page: what can be done here, in which cities."""

from fastapi.responses import Response

from starter.web.pages.shell import Guest, page_router
from starter.web.pages.wording import cities

router = page_router()


@router.get("/")
async def home(visit: Guest) -> Response:
    """What can be done, city by city."""
    return visit.render("home.html", cities=cities(), may_register=visit.doors.settings.may_register)
