"""Why a case asks for a person, in words: read from the entries of its trail, in their order."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from domain.events import EventKind

_DECIDED = frozenset({EventKind.APPROVED, EventKind.DENIED, EventKind.NOT_ACCEPTED, EventKind.RECHECK_PASSED})
_RULED = frozenset({EventKind.PUBLICITY_RESUMED, EventKind.DENIED})
MARKS = (
    _DECIDED
    | _RULED
    | {
        EventKind.LIMIT_BREACHED,
        EventKind.PANEL_SHORT,
        EventKind.PANEL_ASSIGNED,
        EventKind.RULING_OVERDUE,
        EventKind.NOTICE_FAILED,
        EventKind.NOTICE_DELIVERED,
        EventKind.NOTICE_WAIVED,
    }
)
"""Kinds of entry that say why, or that it is settled."""

UNTOLD = "流程要求人工查看，请看时间线"


class Mark(Protocol):
    """One entry, as far as it matters here."""

    @property
    def seq(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def detail(self) -> Mapping[str, JsonValue]: ...


def attention_reasons(marks: Iterable[Mark]) -> tuple[str, ...]:
    """Return in Chinese why somebody must look at a case that asks for a person, the oldest reason first."""
    found: dict[str, str] = {}
    for mark in marks:
        match mark.kind:
            case EventKind.LIMIT_BREACHED:
                found["breach"] = f"超过办理时限（期限至 {mark.detail.get('due_on', '—')}）"
            case EventKind.PANEL_SHORT:
                found["short"] = f"可抽取的专家不足，缺 {mark.detail.get('vacancies', '?')} 名"
            case EventKind.PANEL_ASSIGNED:
                found.pop("short", None)
            case EventKind.RULING_OVERDUE:
                found["ruling"] = "异议核查超期"
            case EventKind.NOTICE_FAILED:
                number = mark.detail.get("notice_seq")
                found[f"notice {number}"] = f"第 {number} 号通知未能送达，须另行告知"
            case EventKind.NOTICE_DELIVERED | EventKind.NOTICE_WAIVED:
                found.pop(f"notice {mark.detail.get('notice_seq')}", None)
        for settled, names in ((_DECIDED, ("breach", "short")), (_RULED, ("ruling",))):
            if mark.kind in settled:
                for name in names:
                    found.pop(name, None)
    return tuple(found.values()) or (UNTOLD,)
