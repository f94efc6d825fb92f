"""The waiting for a notice whose delivery begins a period of the applicant's, as a ledger keeps it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, PositiveInt

from domain.application import Moment
from domain.vocabulary import NoticePeriod

SYSTEM = "system"
AWAITED = "（等待通知送达）"
"""Appended to why a clock stands still while the notice that began the stop has not been delivered."""


class Delivery(BaseModel):
    """A notice whose delivery begins a period of the applicant's; None while it has not been delivered.

    From `sent_at` until `delivered_at` that period waits. It is told beside the clock and changes nothing of it.
    Where the message that was delivered bounced at `failed_at`, another of the same notice waits from then on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    period: NoticePeriod
    notice_seq: PositiveInt
    sent_at: Moment
    delivered_at: Moment | None = None
    by: str = SYSTEM
    """Who said that it was delivered: a provider, through the system, or an officer. Not in payloads of 0.2.0."""
    failed_at: Moment | None = None
    """When a provider took its word back; None if it stands. Not in payloads of 0.2.0."""

    @property
    def may_bounce(self) -> bool:
        """Whether a provider's later word can take the delivery back; what an officer saw to stands."""
        return self.delivered_at is not None and self.failed_at is None and self.by == SYSTEM

    def is_awaited(self, at: datetime) -> bool:
        """Tell whether the notice is out and not delivered at an instant."""
        return self.sent_at <= at and (self.delivered_at is None or at < self.delivered_at)


def awaited_again(deliveries: tuple[Delivery, ...], notice_seq: int, at: datetime) -> tuple[Delivery, ...]:
    """Return the deliveries where that of a notice came back and another is awaited; unchanged if it cannot have."""
    last = next((each for each in reversed(deliveries) if each.notice_seq == notice_seq), None)
    if last is None or last.delivered_at is None or not last.may_bounce:
        return deliveries
    back_at = max(at, last.delivered_at)
    again = Delivery(period=last.period, notice_seq=notice_seq, sent_at=back_at)
    known = (each.model_copy(update={"failed_at": back_at}) if each is last else each for each in deliveries)
    return (*known, again)
