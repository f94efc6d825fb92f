"""What was wrong, told to a person: a page in Chinese that says what to do, instead of a problem document."""

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from domain.refusal import Refusal
from starter.web.pages.templating import rendered

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


def tell_in_pages(app: FastAPI) -> None:
    """Have an application answer people with pages; addresses of machines keep their problem documents."""
    app.state.problem_page = problem_page


def problem_page(scope: Scope, status: int, refusal: Refusal, headers: Mapping[str, str] | None) -> Response | None:
    """Return the page that tells a refusal, None where a machine asks."""
    path: str = scope["path"]
    if path.startswith(_MACHINES):
        return None
    swaps = any(name == b"hx-request" for name, _ in scope["headers"])
    if status == 401:
        return to_log_in(scope, swaps=swaps)
    told = _worded(refusal)
    request_id = str(scope.get("state", {}).get("request_id", ""))
    context = {"status": status, "title": _TITLES.get(status, "未能办理"), "told": told, "request_id": request_id}
    if swaps:
        sent = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML", **(headers or {})}
        return HTMLResponse(rendered("problem_part.html", **context), status, sent)
    return HTMLResponse(rendered("problem.html", visit=None, **context), status, dict(headers or {}))


def to_log_in(scope: Scope, *, swaps: bool = False) -> Response:
    """Send a browser to the log-in page, and back to where it was if that was only looking."""
    path: str = scope["path"]
    query = scope.get("query_string", b"").decode("latin-1")
    address = "/login"
    if scope["method"] == "GET" and not swaps:
        address += "?next=" + quote(path + (f"?{query}" if query else ""), safe="")
    if swaps:
        return Response(None, 204, {"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _worded(refusal: Refusal) -> Refusal:
    """The framework's own refusals speak of the API's document; people get other words."""
    if "openapi.json" not in refusal.rule:
        return refusal
    match refusal.field:
        case "path":
            return _NO_PAGE
        case "method":
            return _NO_METHOD
        case _:
            return refusal.model_copy(update={"rule": "", "remedy": "请返回上一页，更正后重新提交"})
