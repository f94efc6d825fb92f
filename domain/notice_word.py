"""Whether a word on what became of a notice can be true of a case: that it arrived, or that it did not."""

from datetime import datetime, timedelta

from domain.case import CaseState
from domain.refusal import Refusal
from domain.vocabulary import Status

CLOCKS_APART = timedelta(minutes=5)
"""How far a provider's clock may be from ours before what it says of an instant is refused; assumption."""


def judge_notice(state: CaseState, notice_seq: int, field: str, at: datetime, now: datetime) -> Refusal | None:
    """Return why the word cannot be true, or None; `field` is where it says when."""
    return _judge_number(state, notice_seq) or _judge_instant(state, field, at, now)


def judge_waiver(state: CaseState, notice_seq: int) -> Refusal | None:
    """Return why telling a notice cannot be waived, or None: a period that waits for it would never begin."""
    window = state.window
    awaited = window is not None and window.awaits_delivery and window.notice_seq == notice_seq
    if not awaited or state.status not in (Status.SUPPLEMENT, Status.DENIED):
        return _judge_number(state, notice_seq)
    return Refusal(
        field="notice_seq",
        rule="期限自该通知送达之日起算的，必须告知当事人",
        remedy="请电话告知或当面交付，并登记为 reached；确实无法告知的，登记为 not_reached",
        message="当事人的期限正等待该通知送达，不能免于告知。",
    )


def _judge_number(state: CaseState, notice_seq: int) -> Refusal | None:
    if notice_seq <= state.notice_seq:
        return None
    return Refusal(
        field="notice_seq",
        rule=f"本案已发出的通知为第 1 至 {state.notice_seq} 号" if state.notice_seq else "本案尚未发出通知",
        remedy="请查看该件的通知列表，核对通知序号",
        message="本案没有这一序号的通知。",
    )


def _judge_instant(state: CaseState, field: str, at: datetime, now: datetime) -> Refusal | None:
    if state.received_at - CLOCKS_APART <= at <= now + CLOCKS_APART:
        return None
    return Refusal(
        field=field,
        rule="通知送达或未能送达的时间须在收件之后，且不晚于现在",
        remedy="请填写实际的时间，注明时区，例如 2026-12-14T10:30:00+08:00",
        message="时间早于本案收件，或者在将来。",
    )
