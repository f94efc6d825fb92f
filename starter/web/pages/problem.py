"""What was wrong, told to a person: a page in Chinese that says what to do, instead of a problem document."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from domain.refusal import Refusal
from domain.roles import Role
from starter.web.callers import CSRF_HEADER, session_of
from starter.web.pages.menu import home_of
from starter.web.pages.shell import Visit, own_hosts, safe_next
from starter.web.pages.templating import rendered
from starter.web.problems import Stopped

logger = logging.getLogger("mente.web")
_Handler = Callable[[Request, Exception], Awaitable[Response]]
_MACHINES = ("/api/", "/healthz", "/readyz", "/livez", "/metrics")
_TITLES = {
    400: "请求无法识别",
    403: "不能办理",
    404: "没有找到",
    405: "不能这样访问",
    408: "传送过慢",
    409: "与现状不符",
    413: "内容过大",
    422: "内容不符合要求",
    429: "请求过于频繁",
    500: "系统遇到意外错误",
    503: "暂时无法办理",
}
_NO_PAGE = Refusal(
    field="path",
    rule="",
    remedy="请核对网址，或从首页进入",
    message="没有这个页面，或者您没有查看它的权限。",
)
_NO_METHOD = Refusal(
    field="method", rule="", remedy="请返回首页，从页面上的按钮进入", message="这个地址不能这样访问。"
)

_NO_PLACE = Refusal(
    field="cursor",
    rule="",
    remedy="请返回列表，从第一页看起",
    message="分页位置无法识别，网址可能复制得不完整。",
)

_EXPIRED = "页面已过期"
_OTHER_SESSION = Refusal(
    field="csrf",
    rule="",
    remedy="您可能在别的窗口重新登录或退出过，也可能离开了太久。请重新打开刚才的页面，核对后再次提交",
    message="刚才的内容没有提交：页面已过期，或者不是由本站页面发出。",
)
_TOO_LARGE = Refusal(
    field="input",
    rule="",
    remedy="凭证文件不超过 4 MB，材料文件每个不超过 20 MB，表单文字不超过 64 KB。请返回刚才的页面，缩减后重新提交",
    message="提交的内容过大，没有收下。",
)


def tell_in_pages(app: FastAPI) -> None:
    """Have an application answer people with pages; addresses of machines keep their problem documents.

    An address nobody serves leads to the one without the slash at its end, where there is one.
    """
    app.state.problem_page = problem_page
    told = cast(_Handler, app.exception_handlers[HTTPException])

    async def no_address(request: Request, error: Exception) -> Response:
        if not _is_machines(request.scope):
            if isinstance(error, HTTPException) and error.status_code == 404 and (found := _without_slash(request)):
                return RedirectResponse(found, 307)
            await _look_who(request)
        else:
            # Nobody looks at the credentials that such a request may show.
            request.scope["state"]["charge"]()
        return await told(request, error)

    app.add_exception_handler(HTTPException, no_address)


async def _look_who(request: Request) -> None:
    """Find the session of a request that came to no route, so that its page has the person's menu.

    Raises `Stopped` (429) where nobody known asks too often; whatever else is wrong is not what was asked about.
    """
    try:
        await session_of(request)
    except Stopped as stopped:
        if stopped.status == 429:
            raise
    except SQLAlchemyError:
        logger.warning("a page was told without knowing who asks")


def _without_slash(request: Request) -> str:
    path = safe_next(request.scope["path"].rstrip("/"))
    if request.method not in ("GET", "HEAD") or not path or not request.scope["path"].endswith("/"):
        return ""
    served = any(each.matches({**request.scope, "path": path})[0] is Match.FULL for each in request.app.routes)
    return f"{path}?{request.url.query}" * served if request.url.query else path * served


def _is_machines(scope: Scope) -> bool:
    # An address of the API with a slash too many is a machine's mistake too.
    return f"/{scope['path'].lstrip('/')}".startswith(_MACHINES)


def problem_page(scope: Scope, status: int, refusal: Refusal, headers: Mapping[str, str] | None) -> Response | None:
    """Return the page that tells a refusal, None where a machine asks."""
    if _is_machines(scope):
        return None
    swaps = any(name == b"hx-request" for name, _ in scope["headers"])
    if status == 401:
        return to_log_in(scope, swaps=swaps)
    context = {
        "status": status,
        "title": _EXPIRED if refusal.field == CSRF_HEADER else _TITLES.get(status, "未能办理"),
        "told": _worded(refusal, status, scope),
        "request_id": str(scope.get("state", {}).get("request_id", "")),
        "back": page_before(scope) if scope["method"] == "POST" or status == 409 else "",
    }
    if swaps:
        sent = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML", **(headers or {})}
        return HTMLResponse(rendered("problem_part.html", part=True, **context), status, sent)
    session = scope.get("state", {}).get("session")
    visit = Visit(Request(scope), scope["app"].state.doors, session) if session else None
    home = home_of(visit.role) if visit and visit.role else "/"
    page = rendered("problem.html", visit=visit, home=home, part=False, **context)
    return HTMLResponse(page, status, dict(headers or {}))


def to_log_in(scope: Scope, *, swaps: bool = False) -> Response:
    """Send a browser to the log-in page, and back to where it was: of a form to the page it stands on."""
    if scope["method"] == "GET" and not swaps:
        query = scope.get("query_string", b"").decode("latin-1")
        onward = scope["path"] + (f"?{query}" if query else "")
    else:
        onward = page_before(scope)
    address = "/login" + (f"?next={quote(onward, safe='')}" if onward else "")
    if swaps:
        return Response(None, 204, {"HX-Redirect": address})
    return RedirectResponse(address, 303)


def page_before(scope: Scope) -> str:
    """Return the page of ours that a browser says it sent something from, empty where it says none."""
    said = {name: value.decode("latin-1") for name, value in scope["headers"]}
    try:
        parts = urlsplit(said.get(b"hx-current-url") or said.get(b"referer", ""))
    except ValueError:
        return ""
    if not parts.netloc or parts.netloc not in own_hosts(scope):
        return ""
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))


def _worded(refusal: Refusal, status: int, scope: Scope) -> Refusal:
    """Return what a person is told: some refusals speak of headers and of the API's document."""
    if refusal.field == CSRF_HEADER:
        return _OTHER_SESSION
    if status == 413:
        return _TOO_LARGE
    if status >= 500 and "系统管理员" in refusal.remedy:
        session = scope.get("state", {}).get("session")
        # A citizen knows no administrator of ours, and nobody on a page sends anything under an id of their own.
        whom = "系统管理员" if session and session.account.role is not Role.APPLICANT else "医保经办机构"
        return refusal.model_copy(update={"remedy": f"请稍后重试；仍不成功的，请联系{whom}"})
    if refusal.field == "cursor":
        return _NO_PLACE
    if "openapi.json" not in refusal.rule:
        return refusal
    match refusal.field:
        case "path":
            return _NO_PAGE
        case "method":
            return _NO_METHOD
        case _:
            return refusal.model_copy(update={"rule": "", "remedy": "请返回上一页，更正后重新提交"})
