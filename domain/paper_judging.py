"""Whether a case takes papers, and whether those that were sent can be among them."""

from collections.abc import Sequence
from datetime import datetime

from domain.application import Material
from domain.moments import CST
from domain.refusal import Refusal
from domain.vocabulary import Status

MOST_MATERIALS = 200
"""A bound that no honest case meets: a case must stay small enough to be sent to its activities (2 MB)."""


def why_no_papers(status: Status, *, suspended_for: str, records_needed: bool, panel_sits: bool) -> str:
    """Return why a case in a status of `SupplyMaterials` takes no papers all the same; empty where it takes them."""
    if status is Status.SUSPENDED and suspended_for != "recheck":
        return "暂停原因不是未交复查资料。"
    if status is Status.RECHECK and not records_needed:
        return "本次复核无需提交资料。"
    if status is Status.RECHECK and panel_sits:
        return "复查资料已提交，正在由专家复核。"
    return ""


def judge_sent(kept: int, sent: Sequence[Material], now: datetime) -> Refusal | None:
    """Return why papers cannot join the `kept` ones of a case, or None."""
    if kept + len(sent) > MOST_MATERIALS:
        return Refusal(
            field="materials",
            rule=f"同一案件最多提交 {MOST_MATERIALS} 份材料",
            remedy="请合并材料后提交，或到窗口办理",
            message="本案提交的材料已达上限。",
        )
    today = now.astimezone(CST).date()
    for position, paper in enumerate(sent):
        for field, on in (("issued_on", paper.issued_on), ("diagnosed_on", paper.diagnosed_on)):
            if on is not None and on > today:
                return Refusal(
                    field=f"materials[{position}].{field}",
                    rule="材料日期不得晚于提交当日",
                    remedy="请核对材料上的日期后重新提交",
                    message="材料日期在将来。",
                )
    return None
