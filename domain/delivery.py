"""The waiting for a notice whose delivery begins a period of the applicant's, as a ledger keeps it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, PositiveInt

from domain.application import Moment
from domain.vocabulary import NoticePeriod

AWAITED = "（等待通知送达）"
"""Appended to why a clock stands still while the notice that began the stop has not been delivered."""


class Delivery(BaseModel):
    """A notice whose delivery begins a period of the applicant's; None while it has not been delivered.

    From `sent_at` until `delivered_at` that period waits. It is told beside the clock and changes nothing of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    period: NoticePeriod
    notice_seq: PositiveInt
    sent_at: Moment
    delivered_at: Moment | None = None

    def is_awaited(self, at: datetime) -> bool:
        """Tell whether the notice is out and not delivered at an instant."""
        return self.sent_at <= at and (self.delivered_at is None or at < self.delivered_at)
