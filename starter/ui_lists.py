"""The lists of the Temporal UI operators look at: each a title and a query, the same on the page and in the docs."""

from typing import NamedTuple
from urllib.parse import quote

_RUNNING = "ExecutionStatus='Running'"


class UiList(NamedTuple):
    """One list; `title` is Chinese."""

    title: str
    query: str


def _running(title: str, query: str) -> UiList:
    return UiList(title, f"{_RUNNING} AND {query}")


UI_LISTS: tuple[UiList, ...] = (
    _running("在办与有效", "WorkflowType IN ('Application', 'Entitlement')"),
    _running("需人工关注", "MenteAttention=true"),
    _running("已超期", "MenteSla='breach'"),
    _running("预警", "MenteSla='warn'"),
    _running("待专家", "MenteWaitingOn='expert'"),
    _running("待经办", "MenteWaitingOn='officer'"),
    _running("待窗口", "MenteWaitingOn='counter'"),
    _running("待送达", "MenteWaitingOn='delivery'"),
    _running("待补正", "MenteStatus='supplement'"),
    _running("公示中", "MenteStatus='publicity'"),
    _running("暂停", "MenteStatus='suspended'"),
    _running("工作流任务失败", "TemporalReportedProblems IS NOT NULL"),
    _running("通知", "WorkflowType='Notice'"),
)


def address_of(ui: str, namespace: str, listed: UiList) -> str:
    """Return the address of a list in the UI at `ui`."""
    return f"{ui.rstrip('/')}/namespaces/{namespace}/workflows?query={quote(listed.query, safe='')}"
