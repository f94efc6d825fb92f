"""What was wrong, told as RFC 9457 problem documents: in Chinese, with field, rule and remedy, never with a value."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from obstore.exceptions import BaseError as ObjectStoreError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from domain.refusal import Refusal, Refused
from starter.answers import NothingSent
from starter.cli.failing import Reason, failure_of
from starter.refusals import (
    has_arrived,
    no_task,
    second_case,
    settled_at_counter,
    still_under_way,
    task_done,
    unknown_case,
    unknown_notice,
)
from storage.guards import ONE_PLACE
from storage.objects import StoreAway

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""After how many seconds a sender may ask again where something is away."""

logger = logging.getLogger("mente.web")

_TITLES = {
    400: ("malformed", "请求无法解析"),
    401: ("unauthenticated", "须先表明身份"),
    403: ("forbidden", "无权办理"),
    404: ("not-found", "没有找到"),
    405: ("method-not-allowed", "不支持该方法"),
    408: ("too-slow", "请求内容传送过慢"),
    409: ("conflict", "与现状不符"),
    411: ("length-required", "须写明长度"),
    413: ("too-large", "请求内容过大"),
    415: ("wrong-media-type", "内容类型不对"),
    422: ("refused", "内容不符合要求"),
    429: ("too-many-requests", "请求过于频繁"),
    500: ("unexpected", "程序遇到意外错误"),
    503: ("unavailable", "暂时无法办理"),
}
_OTHER = ("error", "请求未能办理")
TYPES = tuple(f"urn:mente:problem:{slug}" for slug, _ in (*_TITLES.values(), _OTHER))
"""Every `type` a problem may have."""
_STATE, _IDS = frozenset({"status", "round", "actor"}), frozenset({"command_id", "request_id"})
_TAKEN = ("只能对应", "只办理一次")
"""What the rule says of an id that stands for something else already."""
_SHAPE = "见 docs/messages/"
"""How the rule begins that a malformed message breaks."""
_UNKNOWN = frozenset(each.refusal.rule for each in (unknown_case(), unknown_notice(), no_task()))
_AGAINST_STATE = (
    "已办结的案件不再接受命令",
    ONE_PLACE,
    second_case("", named=False).refusal.rule,
    *(each.refusal.rule for each in (settled_at_counter(), still_under_way(), has_arrived(), task_done())),
    "结果不明的通知可能已经到达",
    "同一内容的短信对同一号码每天最多",
    "期限自该通知送达之日起算的",
    "定点医疗机构每年可变更",
    "变更后的定点医疗机构须与现定点医疗机构不同",
    "每案核验原件一次",
    "参保状态以日期最新的一条为准",
    "只能对尚未核查的异议作出结论",
    "补正次数已用完",
    "同一案件最多登记",
    "同一办理期限，以同一法定事由最多延长",
)
"""How the rules begin that a request breaks by what has become of the matter: sent earlier or later, it would do."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,39}")
"""What begins with a digit is no name of ours: somebody's number, perhaps."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

NO_DAY, NO_INSTANT, NO_TRUTH, NO_COUNT = "no_day", "no_instant", "no_truth", "no_count"
"""Faults of our own: how a day, an instant, a truth value and a count are written (`starter/web/asking.py`)."""
_DAY_ZH = "日期须写作 YYYY-MM-DD，例如 2026-01-05，且确有其日"
_INSTANT_ZH = "时刻按 RFC 3339 填写，例如 2026-01-05T09:30:00+08:00；不写时区的按 +08:00"
_COUNT_ZH = "该项须为整数，只用半角数字填写"
_WRITTEN_ZH = {
    **dict.fromkeys((NO_DAY, "date_type", "date_parsing", "date_from_datetime_parsing"), _DAY_ZH),
    **dict.fromkeys((NO_INSTANT, "datetime_type", "datetime_parsing", "datetime_from_date_parsing"), _INSTANT_ZH),
    **dict.fromkeys((NO_COUNT, "int_parsing"), _COUNT_ZH),
    **dict.fromkeys((NO_TRUTH, "bool_parsing"), "该项只能是：true、false"),
}
"""By fault, of pydantic or of ours: how something is to be written."""


_SENDING = frozenset({"POST", "PUT"})
_NOTHING_SENT = "数据库无法使用，所请求的事项没有发出。"
_REMEDY = "请稍后以同一编号重新发送，不会重复办理；仍不成功的，请联系系统管理员"


class Problem(BaseModel):
    """An RFC 9457 problem. `field` is a JSON path; `detail`, `rule` and `remedy` are Simplified Chinese sentences."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(examples=["urn:mente:problem:refused"])
    title: str
    status: int
    detail: str
    field: str
    rule: str
    remedy: str
    request_id: str


class Stopped(Exception):
    """A request that is not carried out, with the status that says so."""

    def __init__(self, status: int, refusal: Refusal, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal
        self.headers = dict(headers or {})


def stopped(
    status: int,
    *,
    field: str,
    rule: str,
    remedy: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> Stopped:
    """Build the exception for one request that is not carried out."""
    return Stopped(status, Refusal(field=field, rule=rule, remedy=remedy, message=message), headers)


def is_storable(value: object) -> bool:
    """Whether a database can hold a text: PostgreSQL knows no NUL, and half of a surrogate pair is no character."""
    return not isinstance(value, str) or _UNSTORABLE.search(value) is None


def unstorable(field: str) -> Stopped:
    """Return what a text gets that no database could hold, wherever it stands in a request."""
    return stopped(
        422,
        field=field or "input",
        rule="文字中不能有空字符（U+0000）和不成对的代理码位",
        remedy="请删去这些字符后重新发送",
        message="所填内容中有无法保存的字符。",
    )


def away(*, field: str, rule: str, remedy: str, message: str) -> Stopped:
    """Return what a request gets while something it needs is away."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return stopped(503, field=field, rule=rule, remedy=remedy, message=message, headers=headers)


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal of the domain: 404 unknown, 409 a matter of its state, else 422."""
    if refusal.rule in _UNKNOWN:
        return 404
    if refusal.rule.startswith(_AGAINST_STATE) or _is_conflict(refusal):
        return 409
    return 422


def _is_conflict(refusal: Refusal) -> bool:
    """Whether it is the state that is against it; an id, status or round that is none at all is malformed."""
    if refusal.field in _IDS:
        return any(each in refusal.rule for each in _TAKEN)
    return refusal.field in _STATE and not refusal.rule.startswith(_SHAPE)


def problem_response(
    scope: Scope, status: int, refusal: Refusal, headers: Mapping[str, str] | None = None
) -> Response:
    """Write a refusal as a problem document; to a person on a page, as a page."""
    page_of = getattr(scope["app"].state, "problem_page", None) if "app" in scope else None
    page: Response | None = page_of(scope, status, refusal, headers) if page_of else None
    if page is not None:
        return page
    problem = _problem(status, refusal, request_id_of(scope))
    return Response(problem.model_dump_json(), status, {**(headers or {})}, MEDIA_TYPE)


def unreadable_request(request_id: str, headers: Mapping[str, str]) -> Response:
    """Write what a sender gets whose request the parser of HTTP could not read: nobody knows what was asked."""
    refusal = Refusal(
        field="request",
        rule="请求须符合 HTTP/1.1（RFC 9112），请求行与请求头合计不超过 32 KB",
        remedy="请更正请求后重新发送",
        message="请求不符合 HTTP 协议，无法解析。",
    )
    return Response(_problem(400, refusal, request_id).model_dump_json(), 400, dict(headers), MEDIA_TYPE)


def _problem(status: int, refusal: Refusal, request_id: str) -> Problem:
    slug, title = _TITLES.get(status, _OTHER)
    return Problem(
        type=f"urn:mente:problem:{slug}",
        title=title,
        status=status,
        detail=refusal.message,
        field=refusal.field,
        rule=refusal.rule,
        remedy=refusal.remedy,
        request_id=request_id,
    )


def request_id_of(scope: Scope) -> str:
    """Return the id a request goes by in logs and answers."""
    return str(scope.get("state", {}).get("request_id", ""))


def unexpected(scope: Scope, error: Exception) -> Response:
    """Answer any other exception: 503 where something is away, else 500; its text is shown to nobody."""
    if isinstance(error, ObjectStoreError | StoreAway):
        reason = Reason("objects", "文件库须可访问", "请稍后重试", "文件库无法使用。")
    else:
        reason = failure_of(error).reason
    # What a terminal is told to do, to look after workers or to migrate, is nothing whoever asks here could do.
    message = _NOTHING_SENT if isinstance(error, NothingSent) and scope["method"] in _SENDING else reason.message
    refusal = Refusal(field=reason.field, rule=reason.rule, remedy=_REMEDY, message=message)
    if reason.field in ("mente", "objects") and not isinstance(error, TimeoutError | ObjectStoreError | StoreAway):
        return problem_response(scope, 500, refusal)
    logger.warning("%s away (%s)", reason.field, type(error).__name__)
    return problem_response(scope, 503, refusal, {"Retry-After": str(RETRY_SECONDS)})


def tell_problems(app: FastAPI) -> None:
    """Have an application answer every refusal and every error of the framework with a problem."""
    handlers: dict[type[Exception], Callable[[Request, Any], Any]] = {
        Refused: _refused,
        Stopped: _stopped,
        RequestValidationError: _invalid,
        HTTPException: _http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _refused(request: Request, error: Refused) -> Response:
    return problem_response(request.scope, status_of(error.refusal), error.refusal)


async def _stopped(request: Request, error: Stopped) -> Response:
    return problem_response(request.scope, error.status, error.refusal, error.headers)


async def _http(request: Request, error: HTTPException) -> Response:
    headers = {"Allow": _allowed(request.scope)} if error.status_code == 405 else error.headers
    return problem_response(request.scope, error.status_code, _http_refusal(error.status_code), headers)


def _allowed(scope: Scope) -> str:
    """Return every method an address has; the framework names those of the first route at that address alone."""
    routes = scope["app"].routes
    found = [
        method
        for method in _METHODS
        if any(each.matches({**scope, "method": method})[0] is Match.FULL for each in routes)
    ]
    return ", ".join(("HEAD", *found) if "GET" in found else found)


def _http_refusal(status: int) -> Refusal:
    match status:
        case 404:
            return Refusal(
                field="path",
                rule="地址须为 /api/v1/openapi.json 中列出的地址",
                remedy="请核对地址",
                message="没有这一地址。",
            )
        case 405:
            return Refusal(
                field="method",
                rule="每个地址只支持 /api/v1/openapi.json 中列出的方法",
                remedy="请改用响应头 Allow 中的方法",
                message="该地址不支持这一方法。",
            )
        case _:
            return Refusal(
                field="input",
                rule="请求须符合 /api/v1/openapi.json",
                remedy="请更正后重新发送",
                message="请求无法处理。",
            )


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    fault = error.errors()[0]
    place = fault["loc"][0] if fault["loc"] else ""
    if fault["type"] == "json_invalid" or (place == "body" and len(fault["loc"]) == 1):
        refusal = Refusal(
            field="input",
            rule="请求内容须为 UTF-8 编码的 JSON 对象，内容类型为 application/json",
            remedy="请更正内容和 Content-Type 后重新发送",
            message="请求内容无法解析。",
        )
        return problem_response(request.scope, 400 if fault["type"] == "json_invalid" else 422, refusal)
    field = json_path(fault["loc"][1:]) or "input"
    refusal = Refusal(
        field=field,
        rule=rule_zh(fault),
        remedy=f"请更正 {field} 后重新发送",
        message=f"{field} 缺失或不符合要求。",
    )
    return problem_response(request.scope, 422, refusal)


def json_path(steps: tuple[int | str, ...]) -> str:
    """Return a place in a document as `materials[0].kind`; a key a sender made up is never repeated."""
    known = [step for step in steps if isinstance(step, int) or _is_name(step)]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in known).lstrip(".")


def _is_name(step: str) -> bool:
    return _NAME.fullmatch(step) is not None


def rule_zh(fault: Mapping[str, Any]) -> str:
    """Return the rule a value broke, from a fault of pydantic; the value itself is not looked at."""
    context = fault.get("ctx", {})
    match str(fault["type"]):
        case "missing":
            return "该项必填"
        case "enum" | "literal_error":
            allowed = str(context.get("expected", "")).replace("'", "").replace(" or ", "、").replace(", ", "、")
            return f"该项只能是：{allowed}"
        case "extra_forbidden":
            return "只能填写 /api/v1/openapi.json 中列出的项目"
        case "string_too_long" | "too_long":
            return f"该项最多 {context.get('max_length')} 个"
        case "string_too_short" | "too_short":
            return f"该项最少 {context.get('min_length')} 个"
        case "string_pattern_mismatch":
            return "该项的格式须符合 /api/v1/openapi.json"
        case kind if kind in _WRITTEN_ZH:
            return _WRITTEN_ZH[kind]
        case "greater_than_equal":
            return f"该项不小于 {context.get('ge')}"
        case "less_than_equal":
            return f"该项不大于 {context.get('le')}"
        case _:
            return "该项的类型须符合 /api/v1/openapi.json"


def case_unknown() -> Stopped:
    """Return what an unknown case gets, and a case its asker may not know of: one answer for both."""
    return Stopped(404, unknown_case().refusal)


__all__ = [
    "MEDIA_TYPE",
    "Problem",
    "Stopped",
    "away",
    "case_unknown",
    "is_storable",
    "json_path",
    "problem_response",
    "request_id_of",
    "rule_zh",
    "status_of",
    "stopped",
    "tell_problems",
    "unexpected",
    "unreadable_request",
    "unstorable",
]
