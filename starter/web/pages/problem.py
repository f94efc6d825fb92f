"""What was wrong, told to a person: a page in Chinese that says what to do, instead of a problem document."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from domain.refusal import Refusal
from starter.web.callers import CSRF_HEADER
from starter.web.pages.shell import safe_next
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
    context = {
        "status": status,
        "title": _EXPIRED if refusal.field == CSRF_HEADER else _TITLES.get(status, "未能办理"),
        "told": _worded(refusal, status),
        "request_id": str(scope.get("state", {}).get("request_id", "")),
        "back": page_before(scope) if scope["method"] == "POST" or status == 409 else "",
    }
    if swaps:
        sent = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML", **(headers or {})}
        return HTMLResponse(rendered("problem_part.html", part=True, **context), status, sent)
    return HTMLResponse(rendered("problem.html", visit=None, part=False, **context), status, dict(headers or {}))


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
    if not parts.netloc or parts.netloc != said.get(b"host"):
        return ""
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))


def _worded(refusal: Refusal, status: int) -> Refusal:
    """Return what a person is told: some refusals speak of headers and of the API's document."""
    if refusal.field == CSRF_HEADER:
        return _OTHER_SESSION
    if status == 413:
        return _TOO_LARGE
    if "openapi.json" not in refusal.rule:
        return refusal
    match refusal.field:
        case "path":
            return _NO_PAGE
        case "method":
            return _NO_METHOD
        case _:
            return refusal.model_copy(update={"rule": "", "remedy": "请返回上一页，更正后重新提交"})
